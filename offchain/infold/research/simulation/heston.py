# SPDX-License-Identifier: Apache-2.0
"""Stochastic variance: Heston 1993 in basis points of the starting price, by Andersen's QE scheme.

    dS = sqrt(v) dW        dv = reversion (level - v) dt + wildness sqrt(v) dB        dW dB = rho dt

S is in bp, so a move is a number of bp whatever the price has become, and S itself (not its
exponential) is the martingale. The variance steps by the quadratic-exponential scheme (Andersen
2008, "Simple and efficient simulation of the Heston stochastic volatility model", section 3.2),
exact in its first two moments; the move takes what the variance did beyond its expectation, so
that its mean is zero in every cell and not only in the limit.

Units: v in bp^2 a day, rates a day, wildness in bp a day.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.research.simulation.compiled import Floats, compiled
from infold.research.simulation.draws import Stream, generator

QE_SWITCH: Final = 1.5
"""Andersen's psi_c: below it the variance is drawn as a squared normal, above as an exponential
with an atom at zero. Any number in 1..2 serves."""


@dataclass(frozen=True, slots=True)
class Heston:
    """Variance in bp^2 a day; `start_bp2_per_day` where the path begins."""

    level_bp2_per_day: float
    reversion_per_day: float
    wildness_bp_per_day: float
    correlation: float
    start_bp2_per_day: float

    def __post_init__(self) -> None:
        for name in (
            "level_bp2_per_day",
            "reversion_per_day",
            "wildness_bp_per_day",
            "start_bp2_per_day",
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} must be a positive number, not {value!r}")
        if not -1.0 <= self.correlation <= 1.0:
            raise ValueError(f"correlation must lie in -1..1, not {self.correlation!r}")


BITCOIN: Final = Heston(
    level_bp2_per_day=300.0**2,
    reversion_per_day=5.0,
    wildness_bp_per_day=700.0,
    correlation=-0.3,
    start_bp2_per_day=300.0**2,
)
"""E3: 300 bp a root day, inside the reference's 250 to 350, its variance back within hours."""


def heston_columns(
    heston: Heston, cells: int, cell_day: float, seed: int, path: int
) -> tuple[Floats, Floats]:
    """(moves in bp, variance in bp^2 a day at the beginning of each cell), a number a cell.
    `ValueError` unless cells and their length are above zero.
    """
    if cells < 1:
        raise ValueError(f"cells must be at least 1, not {cells!r}")
    if not (math.isfinite(cell_day) and cell_day > 0.0):
        raise ValueError(f"cell_day must be a positive number of days, not {cell_day!r}")
    price = generator(seed, path, Stream.PRICE).standard_normal(cells)
    drawn = generator(seed, path, Stream.VOLATILITY)
    normals, uniforms = drawn.standard_normal(cells), drawn.random(cells)
    moves, variances = np.empty(cells), np.empty(cells)
    _step(
        heston.level_bp2_per_day,
        heston.reversion_per_day,
        heston.wildness_bp_per_day,
        heston.correlation,
        heston.start_bp2_per_day,
        cell_day,
        price,
        normals,
        uniforms,
        moves,
        variances,
    )
    return moves, variances


def expected_variance_bp2(heston: Heston, horizon_day: float) -> float:
    """Variance of S over the horizon: the expected integral of v."""
    reversion = heston.reversion_per_day
    gone = -math.expm1(-reversion * horizon_day) / reversion
    gap = heston.start_bp2_per_day - heston.level_bp2_per_day
    return heston.level_bp2_per_day * horizon_day + gap * gone


def heston_characteristic(heston: Heston, horizon_day: float, frequency_per_bp: float) -> complex:
    """E exp(i u S) at the horizon (Heston 1993, eq. 17, for a price that is its own martingale).

    There the drift -v/2 of the logarithm is missing, so the Riccati equation has -u^2/2 in place of
    -(u^2 + i u)/2. Written with the root that stays on one branch (Albrecher et al. 2007).
    """
    kappa, xi = heston.reversion_per_day, heston.wildness_bp_per_day
    u = frequency_per_bp
    drag = kappa - 1j * heston.correlation * xi * u
    root = cmath.sqrt(drag * drag + xi * xi * u * u)
    ratio = (drag - root) / (drag + root)
    faded = cmath.exp(-root * horizon_day)
    start = (drag - root) / (xi * xi) * (1.0 - faded) / (1.0 - ratio * faded)
    level = (
        kappa
        * heston.level_bp2_per_day
        / (xi * xi)
        * ((drag - root) * horizon_day - 2.0 * cmath.log((1.0 - ratio * faded) / (1.0 - ratio)))
    )
    return cmath.exp(level + start * heston.start_bp2_per_day)


@compiled
def _step(
    level: float,
    reversion: float,
    wildness: float,
    correlation: float,
    start: float,
    cell_day: float,
    price: Floats,
    normals: Floats,
    uniforms: Floats,
    moves: Floats,
    variances: Floats,
) -> None:
    fade = math.exp(-reversion * cell_day)
    gone = (1.0 - fade) / reversion
    moving = wildness * wildness * fade * gone
    resting = 0.5 * level * wildness * wildness * reversion * gone * gone
    lean = correlation / wildness * (1.0 + 0.5 * reversion * cell_day)
    rest = math.sqrt(1.0 - correlation * correlation)
    variance = start
    for cell in range(len(moves)):
        mean = level + (variance - level) * fade
        psi = (variance * moving + resting) / (mean * mean)
        if psi <= QE_SWITCH:
            twice = 2.0 / psi
            square = twice - 1.0 + math.sqrt(twice) * math.sqrt(twice - 1.0)
            drawn = math.sqrt(square) + normals[cell]
            after = mean / (1.0 + square) * drawn * drawn
        else:
            atom = (psi - 1.0) / (psi + 1.0)
            after = 0.0
            if uniforms[cell] > atom:
                after = math.log((1.0 - atom) / (1.0 - uniforms[cell])) * mean / (1.0 - atom)
        spread = 0.5 * cell_day * (variance + after)
        moves[cell] = lean * (after - mean) + rest * math.sqrt(spread) * price[cell]
        variances[cell] = variance
        variance = after
