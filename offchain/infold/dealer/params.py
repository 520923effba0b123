# SPDX-License-Identifier: Apache-2.0
"""What the dealer believes about one market: one frozen struct, units in the names.

Model units throughout `dealer/`: size in M (1e6 of quote notional), price and markup in bp, time in
days. So money is bp * M (100 of quote), and risk aversion is per bp * M.
"""

from __future__ import annotations

from typing import Final

import msgspec

from infold.dealer import checks

DAY_S: Final = 86_400.0
BP: Final = 1e-4
"""A basis point as a share."""
BP_PER_ONE: Final = 1e4
E6_PER_M: Final = 1e12
"""Money (e6) in one M."""
LOTS_TIMES_PRICE_OF_A_MILLION: Final = 1e22
"""One M of quote is this in size_e8 * price_e8."""
OFFER_E8_MAX: Final = 2.0**60
"""Most lots a curve offers, so that curves and orders add up inside 63 bits."""


class DealerParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Client demand, risk and hedging cost of one market (Barzykin 2026, arXiv:2601.13421).

    Clients ask for `sizes_m[n]` at rate l0[n] / (1 + exp(shift + slope * markup)) on each side,
    l0 being `requests_per_day`. `ValueError` names the figure that makes no sense, and its unit.
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
            raise ValueError(
                "requests_per_day must give one rate (per day) for each of sizes_m (M), and at"
                " least one"
            )
        for name, unit in (("sizes_m", "M"), ("requests_per_day", "per day")):
            for place, value in enumerate(getattr(self, name)):
                checks.positive(f"{name}[{place}]", value, unit)
        checks.number("demand_shift", self.demand_shift, "")
        for name, unit in (
            ("demand_slope_per_bp", "per bp"),
            ("volatility_bp", "bp per root day"),
            ("risk_aversion", "per bp M"),
            ("offer_m_max", "M"),
        ):
            checks.positive(name, getattr(self, name), unit)
        for name, unit in (
            ("hedge_spread_bp", "bp"),
            ("hedge_impact_bp_day_per_m", "bp day per M"),
            ("impact_bp_per_m", "bp per M"),
            ("resilience_per_day", "per day"),
        ):
            checks.not_negative(name, getattr(self, name), unit)


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
