# SPDX-License-Identifier: Apache-2.0
"""What the dealer believes about one market: one frozen struct, units in the names.

Model units throughout `dealer/`: size in M (1e6 of quote notional), price and markup in bp, time in
days. So money is bp * M (100 of quote), and risk aversion is per bp * M.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec


class DealerParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Client demand, risk and hedging cost of one market (Barzykin 2026, arXiv:2601.13421).

    Clients ask for `sizes_m[n]` at rate l0[n] / (1 + exp(shift + slope * markup)) on each side,
    l0 being `requests_per_day`. `ValueError` if a figure makes no sense.
    """

    sizes_m: tuple[float, ...]
    requests_per_day: tuple[float, ...]
    demand_shift: float
    demand_slope_per_bp: float
    volatility_bp: float  # per square root of a day
    risk_aversion: float  # per bp * M
    hedge_spread_bp: float  # psi: proportional cost of trading outside
    hedge_impact_bp_day_per_m: float  # eta: quadratic cost
    impact_bp_per_m: float  # k: what our hedging moves the price
    resilience_per_day: float  # beta: how fast that decays
    offer_m_max: float  # largest residual the curve offers, before the pool's caps

    def __post_init__(self) -> None:
        if not self.sizes_m or len(self.sizes_m) != len(self.requests_per_day):
            raise ValueError("give one request rate for each ladder size, and at least one")
        positive = (
            *self.sizes_m,
            *self.requests_per_day,
            self.demand_slope_per_bp,
            self.volatility_bp,
            self.risk_aversion,
            self.offer_m_max,
        )
        if not all(math.isfinite(value) and value > 0 for value in positive):
            raise ValueError(
                "sizes, rates, demand slope, volatility, risk aversion and the largest offer must"
                " be positive numbers"
            )
        others = (
            self.hedge_spread_bp,
            self.hedge_impact_bp_day_per_m,
            self.impact_bp_per_m,
            self.resilience_per_day,
        )
        if not all(math.isfinite(value) and value >= 0 for value in others):
            raise ValueError("hedging costs, impact and resilience must be numbers not below zero")
        if not math.isfinite(self.demand_shift):
            raise ValueError("the demand shift must be a number")


SPOT_FX: Final = DealerParameters(
    sizes_m=(1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
    requests_per_day=(2_000.0, 800.0, 600.0, 400.0, 100.0, 50.0),
    demand_shift=-1.0,
    demand_slope_per_bp=7.0,
    volatility_bp=100.0,
    risk_aversion=1e-3,
    hedge_spread_bp=0.2,
    hedge_impact_bp_day_per_m=1.5 / 86_400.0,
    impact_bp_per_m=0.005,
    resilience_per_day=1_000.0,
    offer_m_max=100.0,
)
"""Section 4 of that paper: the set every closed form is tested on."""

PERPETUAL: Final = DealerParameters(
    sizes_m=(0.001, 0.01, 0.1, 1.0),
    requests_per_day=(50_000.0, 20_000.0, 5_000.0, 500.0),
    demand_shift=-1.0,
    demand_slope_per_bp=0.7,
    volatility_bp=260.0,
    risk_aversion=1e-2,
    hedge_spread_bp=1.0,
    hedge_impact_bp_day_per_m=1e-4,
    impact_bp_per_m=0.05,
    resilience_per_day=1_000.0,
    offer_m_max=10.0,
)
"""A liquid perpetual to start from: 50 % volatility a year, clients ten times less particular about
a basis point than in spot FX. Calibrate before trusting it."""
