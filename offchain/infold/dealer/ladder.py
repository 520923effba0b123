# SPDX-License-Identifier: Apache-2.0
"""The ladder of one market, ready to quote: both sides of every size in a few microseconds.

At a size D the indifference price is p = A0 (D - 2 s q) - s B0 x, with s = +1 for an ask and -1 for
a bid, and the best markup of logistic demand d* = p + (1 + W(exp(-1 - a - b p))) / b (Barzykin
2026, equations 7 and 18 before their linearisation). Units: `params.py`.
"""

from __future__ import annotations

import math

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats, compiled
from infold.dealer.impact.quadratic import asked_bp
from infold.dealer.lambert import lambert_of_exp
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms


class Ladder:
    """Made once a market and forecast; `quotes` is what is asked for each request."""

    def __init__(self, parameters: DealerParameters, volatility_bp: float | None = None) -> None:
        forms = closed_forms(parameters, volatility_bp)
        self._sizes_m = np.array(parameters.sizes_m)
        self._markups_bp = np.empty((2, len(parameters.sizes_m)))
        self._factor = forms.indifference.factor
        self._share = forms.impact_share
        self._shift = parameters.demand_shift
        self._slope = parameters.demand_slope_per_bp

    def quotes(self, inventory_m: float, impact_bp: float = 0.0) -> list[list[float]]:
        """Markups in bp by side (bid, ask) and size. `ValueError` unless both are numbers."""
        if not -math.inf < inventory_m + impact_bp < math.inf:
            checks.number("inventory_m", inventory_m, "M")
            checks.number("impact_bp", impact_bp, "bp")
        _quote(
            self._sizes_m,
            self._factor,
            self._share * impact_bp,
            inventory_m,
            self._shift,
            self._slope,
            self._markups_bp,
        )
        found: list[list[float]] = self._markups_bp.tolist()
        return found


@compiled
def _quote(
    sizes_m: Floats,
    factor: float,
    signal_bp: float,
    inventory_m: float,
    shift: float,
    slope: float,
    markups_bp: Floats,
) -> None:
    for row in range(2):
        side = 2.0 * row - 1.0
        for rung in range(len(sizes_m)):
            price = asked_bp(factor, sizes_m[rung], -side * inventory_m) - side * signal_bp
            grown = lambert_of_exp(-1.0 - shift - slope * price)
            markups_bp[row, rung] = price + (1.0 + grown) / slope
