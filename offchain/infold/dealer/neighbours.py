# SPDX-License-Identifier: Apache-2.0
"""What a market's curve owes to the inventories of the others: two numbers a market.

A desk commits one line a market, in its own inventory. A basket (`assets.py`) adds to that line's
centre what correlated inventories are worth, -2 sum over the others of A_ij y_j, and puts A_ii in
place of A0. Since A0 is proportional to volatility, the second is a line at another volatility:
both are arguments that `Desk.commit` takes already. Units: `params.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.dealer import checks
from infold.dealer.assets import (
    Basket,
    BasketForms,
    Pair,
    Tier,
    basket_forms,
    covariance_bp2_per_day,
)
from infold.dealer.desk import Lean
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms

REFERENCE: Final = "quote"
"""What all markets are quoted in."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Markets that look at each other's inventories. Make one with `neighbours`.

    `basket` holds them against what they are quoted in; `risk_factors` are A_ii over A0, by market
    in order: at most one, since what can be hedged next door is less of a risk.
    """

    markets: tuple[int, ...]
    parameters: tuple[DealerParameters, ...]
    basket: Basket
    forms: BasketForms
    risk_factors: tuple[float, ...]

    def leans(self, inventories_m: Mapping[int, float]) -> Mapping[int, Lean]:
        """What each of the markets should be told; those without an inventory here hold none.

        `ValueError` names an inventory that is no figure.
        """
        for market, inventory_m in inventories_m.items():
            checks.number(f"inventories_m[{market}]", inventory_m, "M")
        held = np.array([0.0, *(inventories_m.get(market, 0.0) for market in self.markets)])
        risk = self.forms.risk_bp_per_m
        shifts = -2.0 * (risk @ held - np.diag(risk) * held)
        return {
            market: Lean(factor * parameters.volatility_bp, float(shift))
            for market, parameters, factor, shift in zip(
                self.markets, self.parameters, self.risk_factors, shifts[1:], strict=True
            )
        }


def neighbours(
    parameters: Mapping[int, DealerParameters], correlation: tuple[tuple[float, ...], ...]
) -> Neighbours:
    """Markets by id in rising order, and how their prices correlate in that order.

    `ValueError` if there is none, correlations do not fit, or risk aversions differ: what is minded
    jointly is minded at one price.
    """
    markets = tuple(sorted(parameters))
    if not markets:
        raise ValueError("parameters must be of at least one market")
    ordered = tuple(parameters[market] for market in markets)
    if len({each.risk_aversion for each in ordered}) > 1:
        raise ValueError(
            "risk_aversion (per bp M) must be one figure for markets minded together, not"
            f" {[each.risk_aversion for each in ordered]!r}"
        )
    covariance = covariance_bp2_per_day(tuple(each.volatility_bp for each in ordered), correlation)
    names = tuple(str(market) for market in markets)
    basket = Basket(
        assets=(REFERENCE, *names),
        reference=REFERENCE,
        covariance_bp2_per_day=(
            (0.0,) * (len(markets) + 1),
            *((0.0, *row) for row in covariance),
        ),
        risk_aversion=ordered[0].risk_aversion,
        pairs=tuple(_pair(name, each) for name, each in zip(names, ordered, strict=True)),
        impact_bp_per_m=(0.0, *(each.impact_bp_per_m for each in ordered)),
        resilience_per_day=(0.0, *(each.resilience_per_day for each in ordered)),
    )
    forms = basket_forms(basket)
    alone = (closed_forms(each).risk_bp_per_m for each in ordered)
    factors = tuple(
        float(own) / scalar
        for own, scalar in zip(np.diag(forms.risk_bp_per_m)[1:], alone, strict=True)
    )
    return Neighbours(markets, ordered, basket, forms, factors)


def _pair(name: str, parameters: DealerParameters) -> Pair:
    return Pair(
        base=name,
        quote=REFERENCE,
        sizes_m=parameters.sizes_m,
        tiers=(
            Tier(
                requests_per_day=parameters.requests_per_day,
                demand_shift=parameters.demand_shift,
                demand_slope_per_bp=parameters.demand_slope_per_bp,
            ),
        ),
        hedge_spread_bp=parameters.hedge_spread_bp,
        hedge_impact_bp_day_per_m=parameters.hedge_impact_bp_day_per_m,
    )
