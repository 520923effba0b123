# SPDX-License-Identifier: Apache-2.0
"""Solutions as tables a dealer quotes from in constant time.

`PriceTable` comes from the one-dimensional problem with the impact k (1 - B0) that is left of ours
once it has faded as much as it will (equation 19), and adds B0 x for the rest: 20 kB and all but
1e-4 of the two-dimensional optimum. `MarkupTable` is the two-dimensional solution itself, below
1 MB. Units: `params.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats
from infold.dealer.demand import best_markup_bp
from infold.dealer.exact.hjb import Solution, centred_bp, indifference_bp, solve
from infold.dealer.exact.lattice import PERMANENT, TRANSIENT, Lattice
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms

BYTES_MAX: Final = 1_000_000
"""A table that a core keeps in its second-level cache."""


@dataclass(frozen=True, slots=True)
class PriceTable:
    """Indifference prices and marginal price by inventory; the impact state enters linearly.

    `prices_bp` (side, rung, q), bid first, infinite where the lattice ends; `marginal_bp` (q) of
    equation 19 at rest. A dealer at (q, x) is indifferent at `prices_bp - side * signal * x`.
    """

    parameters: DealerParameters
    lattice: Lattice
    prices_bp: Floats
    marginal_bp: Floats
    signal: float

    @property
    def bytes(self) -> int:
        """What the arrays take."""
        return self.prices_bp.nbytes + self.marginal_bp.nbytes

    def markups_bp(self, inventory_m: float, impact_bp: float = 0.0) -> list[tuple[float, float]]:
        """(bid, ask) markup for each ladder size; infinite where the table does not quote."""
        drift = self.signal * impact_bp
        prices = self._at(self.prices_bp, inventory_m) + np.array([[drift], [-drift]])
        bids, asks = best_markup_bp(self.parameters, prices).tolist()
        return list(zip(bids, asks, strict=True))

    def hedge_rate_m_per_day(self, inventory_m: float, impact_bp: float = 0.0) -> float:
        """What the dealer buys outside: equation 15 at the table's marginal price."""
        price = float(self._at(self.marginal_bp, inventory_m)) - self.signal * impact_bp
        excess = max(abs(price) - self.parameters.hedge_spread_bp, 0.0)
        return math.copysign(0.5 * excess / self.parameters.hedge_impact_bp_day_per_m, price)

    def _at(self, values: Floats, inventory_m: float) -> Floats:
        """Linear between points of the last axis; beyond them the edge's. Infinity spreads."""
        checks.number("inventory_m", inventory_m, "M")
        last = self.lattice.inventory_points - 1
        along = (inventory_m + self.lattice.inventory_m_max) / self.lattice.inventory_step_m
        along = min(max(along, 0.0), float(last))
        low = int(along)
        weight = along - low
        left: Floats = values[..., low]
        if weight == 0.0:
            return left
        return (1.0 - weight) * left + weight * values[..., low + 1]


@dataclass(frozen=True, slots=True)
class MarkupTable:
    """Markups (side, rung, q, x), bid first, and hedging rates (q, x) in M a day."""

    lattice: Lattice
    markups_bp: Floats
    rates_m_per_day: Floats

    @property
    def bytes(self) -> int:
        """What the arrays take."""
        return self.markups_bp.nbytes + self.rates_m_per_day.nbytes


def remaining_impact(parameters: DealerParameters) -> DealerParameters:
    """The same market with k (1 - B0): what is left of our impact for the one who caused it."""
    kept = 1.0 - closed_forms(parameters).impact_share
    return msgspec.structs.replace(parameters, impact_bp_per_m=parameters.impact_bp_per_m * kept)


def price_table(parameters: DealerParameters, lattice: Lattice = PERMANENT) -> PriceTable:
    """The runtime table: one dimension at k (1 - B0), and B0 x. `ValueError` as `hjb.solve`."""
    return _priced(remaining_impact(parameters), lattice, closed_forms(parameters).impact_share)


def permanent_table(parameters: DealerParameters, lattice: Lattice = PERMANENT) -> PriceTable:
    """One dimension at the whole k, blind to the impact state: for comparison."""
    return _priced(parameters, lattice, 0.0)


def markup_table(parameters: DealerParameters, lattice: Lattice = TRANSIENT) -> MarkupTable:
    """The two-dimensional optimum as it stands. `ValueError` also if it passes `BYTES_MAX`."""
    points = lattice.inventory_points * lattice.impact_points
    taken = 8 * points * (2 * len(parameters.sizes_m) + 1)
    if taken > BYTES_MAX:
        raise ValueError(
            f"impact_points and inventory_step_m make a table of {taken} bytes; at most"
            f" {BYTES_MAX} are quoted from"
        )
    conduct = solve(parameters, lattice).conduct
    return MarkupTable(lattice, conduct.markups_bp, conduct.rates_m_per_day)


def _priced(parameters: DealerParameters, lattice: Lattice, signal: float) -> PriceTable:
    if lattice.impact_points != 1:
        raise ValueError(
            f"impact_points must be 1 for a table of prices, not {lattice.impact_points}"
        )
    solution: Solution = solve(parameters, lattice)
    value = solution.worth.value_bp_m
    return PriceTable(
        parameters=parameters,
        lattice=lattice,
        prices_bp=indifference_bp(parameters, lattice, value)[..., 0],
        marginal_bp=centred_bp(parameters, solution.worth)[:, 0],
        signal=signal,
    )
