# SPDX-License-Identifier: Apache-2.0
"""How much inventory the dealer keeps before it hedges: the lesser of two rules.

Cost: hedging a M saves 2 A0 - k (1 - B0) bp for each M held and costs psi (Barzykin 2026, equation
19). Capital: a stressed move times the inventory must not take more than what was set aside. On
crypto markets psi is large against volatility, so the cost rule alone would let inventory grow
until a crash decides. Units: `params.py`; capital in bp * M, that is 100 of quote each.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

from infold.dealer import checks
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import relief_bp_per_m


class Binding(Enum):
    """Which rule is the tighter."""

    COST = "cost"
    CAPITAL = "capital"


@dataclass(frozen=True, slots=True)
class CapitalCharge:
    """`capital_bp_m` is set aside for one market; a stress moves its price by `stress_bp`."""

    capital_bp_m: float
    stress_bp: float

    def __post_init__(self) -> None:
        checks.not_negative("capital_bp_m", self.capital_bp_m, "bp M")
        checks.positive("stress_bp", self.stress_bp, "bp")

    @property
    def inventory_m(self) -> float:
        """The inventory whose stressed loss takes the capital."""
        return self.capital_bp_m / self.stress_bp


@dataclass(frozen=True, slots=True)
class Zone:
    """Nothing is hedged while |q| <= `width_m`, at rest; `start_bp` is |p| there."""

    cost_m: float
    capital_m: float
    width_m: float
    start_bp: float
    binding: Binding


def width_m(cheapest_bp: float, relief_bp_per_m: float, capital_m: float = math.inf) -> float:
    """The zone at rest: min(cheapest / relief, capital).

    `cheapest_bp` is what the first M costs outside, `relief_bp_per_m` what a M less of inventory is
    worth; where none is worth hedging only the capital rule ends the zone.
    """
    if relief_bp_per_m <= 0.0:
        return capital_m
    return min(max(cheapest_bp, 0.0) / relief_bp_per_m, capital_m)


def zone_m(parameters: DealerParameters, permanent: bool = False) -> float:
    """Inventory up to which nothing is hedged by cost: |p(q, 0)| = psi with p of equation 19.

    Infinite where no inventory is worth hedging.
    """
    return width_m(parameters.hedge_spread_bp, relief_bp_per_m(parameters, permanent))


def zone(
    parameters: DealerParameters, charge: CapitalCharge | None = None, permanent: bool = False
) -> Zone:
    """`width_m` of a market and what ends it; without a charge the cost rule alone.

    Hedging at (|p| - start_bp)+ / (2 eta) in place of (|p| - psi)+ begins at the zone's edge. Where
    inventory is never worth hedging by cost, only the capital rule ends the zone and `start_bp` is
    zero: whatever points outwards is traded.
    """
    cost_m = zone_m(parameters, permanent)
    capital_m = math.inf if charge is None else charge.inventory_m
    if cost_m <= capital_m:
        return Zone(cost_m, capital_m, cost_m, parameters.hedge_spread_bp, Binding.COST)
    start_bp = max(relief_bp_per_m(parameters, permanent), 0.0) * capital_m
    return Zone(cost_m, capital_m, capital_m, start_bp, Binding.CAPITAL)
