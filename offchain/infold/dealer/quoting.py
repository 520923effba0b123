# SPDX-License-Identifier: Apache-2.0
"""Closed forms of the dealer's quotes to single clients; `lines.py` has those of a batch.

Source: Barzykin 2026 (arXiv:2601.13421), equations named below. Units: `params.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from infold.dealer import checks
from infold.dealer.impact.quadratic import PriceImpact
from infold.dealer.lambert import lambert_of_exp
from infold.dealer.params import DAY_S as DAY_S
from infold.dealer.params import DealerParameters


@dataclass(frozen=True, slots=True)
class ClosedForms:
    """What follows from the parameters alone."""

    markup_bp: float  # d0: best markup without inventory
    hit_share: float  # f0: how much of the demand it meets there
    curvature: float  # H''(0) over l0, per bp
    concavity: float  # c: how much of a change of cost a quote passes on, inverted
    demand_m_per_bp_day: float  # xi
    risk_bp_per_m: float  # A0: the value function is -A0 q^2
    relaxation_per_day: float  # omega: how fast skew alone works inventory off
    impact_share: float  # B0: how much of the impact state is a signal
    top_spread_bp: float  # between the quotes for the smallest size
    turnover_m_per_day: float  # one side, at d0

    @property
    def indifference(self) -> PriceImpact:
        """V(q) = -A0 q^2 as the price impact whose income its change is, in bp * M."""
        return PriceImpact.even(self.risk_bp_per_m)

    @property
    def quoted(self) -> PriceImpact:
        """What of it a linearised quote asks: factor A0 / c (equation 7)."""
        return PriceImpact.even(self.risk_bp_per_m / self.concavity)


def closed_forms(parameters: DealerParameters, volatility_bp: float | None = None) -> ClosedForms:
    """Every closed form of the ladder; `volatility_bp` (per root day) replaces the parameter's.
    `ValueError` if the parameters make no demand, or more than any market has.
    """
    sigma = volatility_of(parameters, volatility_bp)
    slope = parameters.demand_slope_per_bp
    w = lambert_of_exp(-1.0 - parameters.demand_shift)
    curvature = slope * w / (1.0 + w) ** 3
    ladder = list(zip(parameters.sizes_m, parameters.requests_per_day, strict=True))
    volume = sum(size * rate for size, rate in ladder)
    xi = volume * curvature
    if not 0.0 < xi <= checks.FIGURE_MAX:
        raise ValueError(
            f"demand_shift {parameters.demand_shift!r}, demand_slope_per_bp {slope!r} (per bp),"
            f" sizes_m (M) and requests_per_day (per day) make a demand of {xi!r} M a bp and day:"
            " nobody trades like that"
        )
    risk = sigma * math.sqrt(parameters.risk_aversion / (8.0 * xi))  # eq. 4
    omega = sigma * math.sqrt(2.0 * parameters.risk_aversion * xi)  # eq. 9
    markup = (1.0 + w) / slope
    concavity = 1.0 + w  # 2 - l l'' / l'^2 at d0, for logistic demand
    return ClosedForms(
        markup_bp=markup,
        hit_share=w / (1.0 + w),
        curvature=curvature,
        concavity=concavity,
        demand_m_per_bp_day=xi,
        risk_bp_per_m=risk,
        relaxation_per_day=omega,
        impact_share=parameters.resilience_per_day / (parameters.resilience_per_day + omega),
        top_spread_bp=2.0 * (markup + risk / concavity * parameters.sizes_m[0]),  # eq. 7
        turnover_m_per_day=volume * w / (1.0 + w),
    )


def volatility_of(parameters: DealerParameters, forecast_bp: float | None) -> float:
    """The forecast per root day if there is one, checked; else the parameter."""
    if forecast_bp is None:
        return parameters.volatility_bp
    return checks.positive("volatility_bp", forecast_bp, "bp per root day")


def markups_bp(
    parameters: DealerParameters, inventory_m: float, impact_bp: float = 0.0
) -> list[tuple[float, float]]:
    """(bid, ask) markup for each ladder size, linearised: equations 7 and 18."""
    checks.number("inventory_m", inventory_m, "M")
    checks.number("impact_bp", impact_bp, "bp")
    forms = closed_forms(parameters)
    asked = forms.quoted
    drift = forms.impact_share / forms.concavity * impact_bp
    return [
        (
            forms.markup_bp + asked.asked_bp(size, inventory_m) + drift,
            forms.markup_bp + asked.asked_bp(size, -inventory_m) - drift,
        )
        for size in parameters.sizes_m
    ]


def relief_bp_per_m(parameters: DealerParameters, permanent: bool = False) -> float:
    """-dp/dq of equation 19 at rest: what a M less of inventory is worth, our own impact paid.

    `permanent` takes our impact as lasting (beta = 0). Not above zero where hedging would cost more
    in impact than the inventory does in risk.
    """
    forms = closed_forms(parameters)
    kept = 0.0 if permanent else forms.impact_share
    return forms.indifference.skew_bp_per_m - parameters.impact_bp_per_m * (1.0 - kept)
