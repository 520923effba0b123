# SPDX-License-Identifier: Apache-2.0
"""Jumps: compound Poisson moves with normal (Merton 1976) or double-exponential (Kou 2002) sizes.

Each cell gives back what jumps move the price by on average, so that the price stays a martingale.
Sizes in bp of the starting price, rates a day.
"""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from infold.research.simulation.compiled import Floats
from infold.research.simulation.draws import Stream, generator
from infold.research.simulation.heston import Heston, heston_columns
from infold.research.simulation.scene import Scene, scene


class Jumps(Protocol):
    """A law of jumps, frozen."""

    @property
    def rate_per_day(self) -> float: ...
    @property
    def mean_bp(self) -> float: ...
    @property
    def square_bp2(self) -> float: ...
    def sizes_bp(self, draws: np.random.Generator, count: int) -> Floats:
        """So many independent sizes."""

    def characteristic(self, frequency_per_bp: float) -> complex:
        """E exp(i u J) of one size."""


def _not_negative(name: str, value: float) -> None:
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name} must be a number not below zero, not {value!r}")


@dataclass(frozen=True, slots=True)
class Merton:
    """Normal sizes."""

    rate_per_day: float
    mean_bp: float
    deviation_bp: float

    def __post_init__(self) -> None:
        _not_negative("rate_per_day", self.rate_per_day)
        _not_negative("deviation_bp", self.deviation_bp)
        if not math.isfinite(self.mean_bp):
            raise ValueError(f"mean_bp must be a number, not {self.mean_bp!r}")

    @property
    def square_bp2(self) -> float:
        """E J^2."""
        return self.mean_bp**2 + self.deviation_bp**2

    def sizes_bp(self, draws: np.random.Generator, count: int) -> Floats:
        """Normal numbers."""
        return draws.normal(self.mean_bp, self.deviation_bp, count)

    def characteristic(self, frequency_per_bp: float) -> complex:
        """exp(i u mean - u^2 deviation^2 / 2)."""
        u = frequency_per_bp
        return cmath.exp(1j * u * self.mean_bp - 0.5 * (u * self.deviation_bp) ** 2)


@dataclass(frozen=True, slots=True)
class Kou:
    """Up with probability `up_share`; exponential sizes of either mean."""

    rate_per_day: float
    up_share: float
    up_bp: float
    down_bp: float

    def __post_init__(self) -> None:
        for name in ("rate_per_day", "up_bp", "down_bp"):
            _not_negative(name, getattr(self, name))
        if not 0.0 <= self.up_share <= 1.0:
            raise ValueError(f"up_share must lie in 0..1, not {self.up_share!r}")

    @property
    def mean_bp(self) -> float:
        """E J."""
        return self.up_share * self.up_bp - (1.0 - self.up_share) * self.down_bp

    @property
    def square_bp2(self) -> float:
        """E J^2."""
        return 2.0 * (self.up_share * self.up_bp**2 + (1.0 - self.up_share) * self.down_bp**2)

    def sizes_bp(self, draws: np.random.Generator, count: int) -> Floats:
        """Exponential numbers with their signs."""
        rises = draws.random(count) < self.up_share
        sizes: Floats = draws.standard_exponential(count)
        return np.where(rises, self.up_bp, -self.down_bp) * sizes

    def characteristic(self, frequency_per_bp: float) -> complex:
        """p / (1 - i u up) + (1 - p) / (1 + i u down)."""
        u = frequency_per_bp
        up = self.up_share / (1.0 - 1j * u * self.up_bp)
        return up + (1.0 - self.up_share) / (1.0 + 1j * u * self.down_bp)


BITCOIN: Final = Kou(rate_per_day=3.0, up_share=0.4, up_bp=45.0, down_bp=55.0)
"""E3: two to five jumps a day of 30 to 80 bp, somewhat more often and further down."""


def jump_moves_bp(jumps: Jumps, cells: int, cell_day: float, seed: int, path: int) -> Floats:
    """Moves by jumps less their mean, a number a cell. `ValueError` unless cells and their length
    are above zero.
    """
    if cells < 1:
        raise ValueError(f"cells must be at least 1, not {cells!r}")
    if not (math.isfinite(cell_day) and cell_day > 0.0):
        raise ValueError(f"cell_day must be a positive number of days, not {cell_day!r}")
    draws = generator(seed, path, Stream.JUMPS)
    count = int(draws.poisson(jumps.rate_per_day * cells * cell_day))
    where = draws.integers(0, cells, count)
    moves = np.zeros(cells)
    np.add.at(moves, where, jumps.sizes_bp(draws, count))
    moves -= jumps.rate_per_day * cell_day * jumps.mean_bp
    return moves


def compound_characteristic(jumps: Jumps, horizon_day: float, frequency_per_bp: float) -> complex:
    """E exp(i u X) of the compensated sum of jumps over the horizon."""
    u = frequency_per_bp
    each = jumps.characteristic(u) - 1.0 - 1j * u * jumps.mean_bp
    return cmath.exp(jumps.rate_per_day * horizon_day * each)


def rough_scene(
    heston: Heston, jumps: Jumps, cells: int, cell_day: float, seed: int, path: int
) -> Scene:
    """E3's market: stochastic variance and jumps; the risk charge sees the variance of both."""
    moves, variances = heston_columns(heston, cells, cell_day, seed, path)
    moves += jump_moves_bp(jumps, cells, cell_day, seed, path)
    return scene(moves, variances + jumps.rate_per_day * jumps.square_bp2)
