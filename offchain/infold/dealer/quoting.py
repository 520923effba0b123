# SPDX-License-Identifier: Apache-2.0
"""Closed forms of the dealer's quotes, and the straight lines it commits to in a batch.

Sources: Barzykin 2026 (arXiv:2601.13421), equations named below; for the batch the linearised
inverse of its ladder where batches are thin, and a linear-quadratic monopoly on the net residual
where they are thick (Anderson and Philpott 2002 give the general optimum). Units: `params.py`.
Floats only; `desk.py` turns lines into integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

from infold.dealer import checks
from infold.dealer.params import DealerParameters

DAY_S: Final = 86_400.0


class Tuning(NamedTuple):
    """Multiples of the ladder's h, s and g that did best offline at so many orders a batch."""

    orders: float
    half_spread: float
    slope: float
    skew: float


TUNED: Final = (
    Tuning(0.01, 1.0, 1.0, 1.0),
    Tuning(0.09, 1.01, 1.6, 1.22),
    Tuning(0.91, 0.70, 3.7, 1.34),
    Tuning(5.5, 0.22, 7.0, 2.0),
)
"""Between the thin and the thick limit no closed form is good: blends of the two lose 1 to 34 %.
These rows were tuned by simulation under common random numbers on `params.SPOT_FX` at batches of
1, 10 and 60 s, without hedging; the first is the ladder itself."""
THICK_ORDERS: Final = 27.0
"""From so many orders a batch the monopoly's formula beats tuned lines (104 against 82)."""


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


def lambert_w(argument: float) -> float:
    """The W >= 0 with W exp(W) = argument >= 0, by Halley's iteration, to the last digits."""
    if not argument >= 0.0:
        raise ValueError(f"lambert_w takes numbers not below zero, not {argument!r}")
    guess = math.log1p(argument)
    for _ in range(64):  # it converges cubically; five are usual
        grown = math.exp(guess)
        miss = guess * grown - argument
        step = miss / (grown * (guess + 1.0) - (guess + 2.0) * miss / (2.0 * guess + 2.0))
        guess -= step
        if abs(step) <= 1e-15 * max(1.0, abs(guess)):
            break
    return guess


def closed_forms(parameters: DealerParameters, volatility_bp: float | None = None) -> ClosedForms:
    """Every closed form of the ladder; `volatility_bp` (per root day) replaces the parameter's."""
    sigma = _volatility_bp(parameters, volatility_bp)
    slope = parameters.demand_slope_per_bp
    w = lambert_w(math.exp(-1.0 - parameters.demand_shift))
    curvature = slope * w / (1.0 + w) ** 3
    ladder = list(zip(parameters.sizes_m, parameters.requests_per_day, strict=True))
    volume = sum(size * rate for size, rate in ladder)
    xi = volume * curvature
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


def _volatility_bp(parameters: DealerParameters, forecast_bp: float | None) -> float:
    if forecast_bp is None:
        return parameters.volatility_bp
    return checks.positive("volatility_bp", forecast_bp, "bp per root day")


def markups_bp(
    parameters: DealerParameters, inventory_m: float, impact_bp: float = 0.0
) -> list[tuple[float, float]]:
    """(bid, ask) markup for each ladder size, linearised: equations 7 and 18."""
    forms = closed_forms(parameters)
    unit = forms.risk_bp_per_m / forms.concavity
    drift = forms.impact_share / forms.concavity * impact_bp
    return [
        (
            forms.markup_bp + unit * (size + 2.0 * inventory_m) + drift,
            forms.markup_bp + unit * (size - 2.0 * inventory_m) - drift,
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
    return 2.0 * forms.risk_bp_per_m - parameters.impact_bp_per_m * (1.0 - kept)


def zone_m(parameters: DealerParameters, permanent: bool = False) -> float:
    """Inventory up to which nothing is hedged, at rest: |p(q, 0)| = psi with p of equation 19.

    Infinite where no inventory is worth hedging.
    """
    relief = relief_bp_per_m(parameters, permanent)
    return parameters.hedge_spread_bp / relief if relief > 0.0 else math.inf


# -- lines for a batch -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """P - S = drift - skew * q +/- half_spread + slope * R: the price of the dealer's sale R.

    Bp and M; S the oracle price, q the inventory, plus for R > 0 and minus for R < 0.
    """

    half_spread_bp: float
    slope_bp_per_m: float
    skew_bp_per_m: float


def orders_per_batch(parameters: DealerParameters, interval_s: float) -> float:
    """Orders a batch of this length expects at the ladder's own markup."""
    forms = closed_forms(parameters)
    return 2.0 * sum(parameters.requests_per_day) * forms.hit_share * interval_s / DAY_S


def thin_line(parameters: DealerParameters, volatility_bp: float | None = None) -> Line:
    """The ladder inverted and linearised: h = d0, slope A0 / c, skew 2 A0 / c."""
    forms = closed_forms(parameters, volatility_bp)
    unit = forms.risk_bp_per_m / forms.concavity
    return Line(forms.markup_bp, unit, 2.0 * unit)


def _middle_demand(parameters: DealerParameters) -> tuple[float, float]:
    """At markup zero: share of l0 that trades, and how much of l0 a bp turns away."""
    share = 1.0 / (1.0 + math.exp(parameters.demand_shift))
    return share, parameters.demand_slope_per_bp * share * (1.0 - share)


def monopoly(
    parameters: DealerParameters, interval_s: float, volatility_bp: float | None = None
) -> tuple[Line, float]:
    """The linear-quadratic monopoly on the net of a batch, and its value in bp * M a day.

    With c = gamma sigma^2 tau / 2 and kappa the lots a bp turns away in a batch:
    A = c/2 + sqrt(c^2/4 + c/kappa), P - S = -2 A q + (2 A + 1/kappa) R, no spread of its own.
    """
    sigma = _volatility_bp(parameters, volatility_bp)
    days = interval_s / DAY_S
    share, elasticity = _middle_demand(parameters)
    ladder = list(zip(parameters.sizes_m, parameters.requests_per_day, strict=True))
    kappa = 2.0 * days * elasticity * sum(size * rate for size, rate in ladder)
    cost = parameters.risk_aversion * sigma**2 * days / 2.0
    aversion = cost / 2.0 + math.sqrt(cost**2 / 4.0 + cost / kappa)
    variance = 2.0 * days * share * sum(size**2 * rate for size, rate in ladder)
    value = variance / (4.0 * kappa * (1.0 + kappa * aversion) * days)
    return Line(0.0, 2.0 * aversion + 1.0 / kappa, 2.0 * aversion), value


def batch_line(
    parameters: DealerParameters, interval_s: float, volatility_bp: float | None = None
) -> Line:
    """The line for batches of this length: tuned multiples of the ladder, the monopoly when thick.

    Between rows the multiples are interpolated in the logarithm of the expected orders.
    """
    thin = thin_line(parameters, volatility_bp)
    thick, _ = monopoly(parameters, interval_s, volatility_bp)
    orders = orders_per_batch(parameters, interval_s)
    rows = [
        *TUNED,
        Tuning(
            THICK_ORDERS,
            0.0,
            thick.slope_bp_per_m / thin.slope_bp_per_m,
            thick.skew_bp_per_m / thin.skew_bp_per_m,
        ),
    ]
    if orders >= rows[-1].orders:
        return thick
    below, above = rows[0], rows[0]
    for left, right in pairwise(rows):
        if left.orders <= orders:
            below, above = left, right
    weight = 0.0
    if above.orders > below.orders:
        weight = math.log(orders / below.orders) / math.log(above.orders / below.orders)

    def blend(low: float, high: float) -> float:
        return low + weight * (high - low)

    return Line(
        thin.half_spread_bp * blend(below.half_spread, above.half_spread),
        thin.slope_bp_per_m * blend(below.slope, above.slope),
        thin.skew_bp_per_m * blend(below.skew, above.skew),
    )
