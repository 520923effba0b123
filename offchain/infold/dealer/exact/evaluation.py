# SPDX-License-Identifier: Apache-2.0
"""What a given conduct earns in the long run, exactly: one linear solve and no simulation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from infold.dealer import checks
from infold.dealer.demand import share
from infold.dealer.exact.elimination import fold_in, fold_out, solve_banded
from infold.dealer.exact.lattice import Lattice
from infold.dealer.params import DealerParameters

Floats = NDArray[np.float64]
SIDES = (-1, 1)
"""Of the client, in the order of a table's first axis: a bid is hit by one who sells."""


@dataclass(frozen=True, slots=True)
class Conduct:
    """What a dealer does at each point of a lattice.

    `markups_bp` (side, rung, q, x), bid first, infinite where it does not quote; `rates_m_per_day`
    (q, x): what it buys outside. Beyond the lattice nothing is traded, whatever they say.
    """

    lattice: Lattice
    markups_bp: Floats
    rates_m_per_day: Floats


@dataclass(frozen=True, slots=True)
class Worth:
    """What a conduct is worth: `theta_bp_m_per_day`, and `value_bp_m` (q, x) of where it starts.

    The value is relative to the lattice's centre, where it is zero.
    """

    lattice: Lattice
    theta_bp_m_per_day: float
    value_bp_m: Floats


def evaluate(parameters: DealerParameters, conduct: Conduct) -> Worth:
    """Score less risk a day of this conduct where the market is as `parameters` say.

    `ValueError` if shapes do not fit, a figure is NaN, or the impact state has several points and
    does not fade (then it has no long run).
    """
    lattice = conduct.lattice
    _check(parameters, conduct)
    chain = _Chain(lattice)
    chain.clients(parameters, conduct.markups_bp)
    chain.hedging(parameters, conduct.rates_m_per_day)
    chain.rest(parameters)
    theta, value = chain.solved(max(lattice.strides(parameters)))
    return Worth(lattice, theta, value)


def _check(parameters: DealerParameters, conduct: Conduct) -> None:
    lattice = conduct.lattice
    grid = (lattice.inventory_points, lattice.impact_points)
    shape = (2, len(parameters.sizes_m), *grid)
    if conduct.markups_bp.shape != shape:
        raise ValueError(f"markups_bp must be {shape}, not {conduct.markups_bp.shape}")
    if conduct.rates_m_per_day.shape != grid:
        raise ValueError(f"rates_m_per_day must be {grid}, not {conduct.rates_m_per_day.shape}")
    if np.isnan(conduct.markups_bp).any() or (conduct.markups_bp == -np.inf).any():
        raise ValueError("markups_bp must be numbers (bp), or infinite for no quote")
    if not np.isfinite(conduct.rates_m_per_day).all():
        raise ValueError("rates_m_per_day must be numbers (M a day)")
    if lattice.impact_points > 1:
        checks.positive("resilience_per_day", parameters.resilience_per_day, "per day")


class _Chain:
    """Rates and rewards, gathered move by move, then solved.

    `matrix` is minus the rates inside each impact point, `down` and `up` the rates to the points
    below and above, from the same inventory.
    """

    def __init__(self, lattice: Lattice) -> None:
        rows, columns = lattice.inventory_points, lattice.impact_points
        self.lattice = lattice
        self.rewards = np.zeros((columns, rows))
        self.matrix = np.zeros((columns, rows, rows))
        self.down = np.zeros((columns, rows))
        self.up = np.zeros((columns, rows))
        self._rows = np.arange(rows)

    def clients(self, parameters: DealerParameters, markups_bp: Floats) -> None:
        """Clients' fills: those that would leave the lattice are not made."""
        strides = self.lattice.strides(parameters)
        ladder = zip(parameters.sizes_m, parameters.requests_per_day, strides, strict=True)
        for rung, (size_m, requests, stride) in enumerate(ladder):
            for row, side in enumerate(SIDES):
                landing = self._rows - side * stride
                inside = (landing >= 0) & (landing < len(landing))
                quoted = markups_bp[row, rung].T[:, inside]
                fills = requests * share(parameters, quoted)
                earned = np.where(fills > 0.0, quoted, 0.0)
                self.rewards[:, inside] += size_m * fills * earned
                self._moved(self._rows[inside], landing[inside], fills)

    def hedging(self, parameters: DealerParameters, rates_m_per_day: Floats) -> None:
        """Trades outside: the state moves a step of q at rate |v| / step, and x with it."""
        lattice = self.lattice
        rates = rates_m_per_day.T.copy()
        rates[:, 0] = np.maximum(rates[:, 0], 0.0)
        rates[:, -1] = np.minimum(rates[:, -1], 0.0)
        speed = np.abs(rates)
        spent = parameters.hedge_spread_bp + parameters.hedge_impact_bp_day_per_m * speed
        self.rewards += (
            parameters.impact_bp_per_m * rates * lattice.inventory_m[None, :] - spent * speed
        )
        for side in SIDES:
            moving = np.maximum(side * rates, 0.0) / lattice.inventory_step_m
            leaving = slice(None, -1) if side > 0 else slice(1, None)
            rows = self._rows[leaving]
            self._moved(rows, rows + side, moving[:, leaving])
        if lattice.impact_points > 1:
            pushing = parameters.impact_bp_per_m / lattice.impact_step_bp
            self._drifted(pushing * rates)

    def rest(self, parameters: DealerParameters) -> None:
        """What happens by itself: risk is charged, the impact state fades."""
        lattice = self.lattice
        risk = 0.5 * parameters.risk_aversion * parameters.volatility_bp**2
        self.rewards -= risk * lattice.inventory_m[None, :] ** 2
        if lattice.impact_points > 1:
            fading = -parameters.resilience_per_day * lattice.impact_bp[:, None]
            self.rewards += fading * lattice.inventory_m[None, :]
            self._drifted(np.broadcast_to(fading / lattice.impact_step_bp, self.up.shape))

    def solved(self, stride_max: int) -> tuple[float, Floats]:
        """Theta, and the value as (q, x): theta = rewards + rates value, zero at the centre.

        Impact points are eliminated from both ends towards the middle one: it is the one the chain
        always comes back to, so every block before it leaks and can be inverted.
        """
        columns = self.lattice.impact_points
        home, middle = self.lattice.centre
        right = np.stack([self.rewards, -np.ones_like(self.rewards)], axis=2)
        fold_in(self.matrix, right, self.up, self.down, 0, middle, 1)
        fold_in(self.matrix, right, self.down, self.up, columns - 1, middle, -1)
        block = self.matrix[middle]
        kept = block[home].copy()
        block[home, :] = 0.0
        block[:, home] = 0.0
        block[home, home] = 1.0
        wanted = right[middle, home].copy()
        right[middle, home] = 0.0
        band = stride_max if columns == 1 else len(block)
        solve_banded(block, right[middle], band)
        # The centre's own row: kept value = wanted, with value = first column + theta second.
        first, second = kept @ right[middle]
        theta = float((wanted[0] - first) / (second - wanted[1]))
        fold_out(self.matrix, right, self.up, middle - 1, -1, 1)
        fold_out(self.matrix, right, self.down, middle + 1, columns, -1)
        return theta, np.ascontiguousarray((right[:, :, 0] + theta * right[:, :, 1]).T)

    def _moved(self, leaving: NDArray[np.int64], landing: NDArray[np.int64], rate: Floats) -> None:
        self.matrix[:, leaving, landing] -= rate
        self.matrix[:, leaving, leaving] += rate

    def _drifted(self, steps_per_day: Floats) -> None:
        """Steps of x, upwind; what would leave the lattice stays at its edge."""
        upwards = np.maximum(steps_per_day, 0.0)
        downwards = np.maximum(-steps_per_day, 0.0)
        self.up[:-1] += upwards[:-1]
        self.down[1:] += downwards[1:]
        self.matrix[:-1, self._rows, self._rows] += upwards[:-1]
        self.matrix[1:, self._rows, self._rows] += downwards[1:]
