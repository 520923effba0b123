# SPDX-License-Identifier: Apache-2.0
"""What the dealer commits to in a batch: one line, from which every curve of a market follows.

A line says at which distance from the oracle price S the dealer sells or buys R, holding q, under
a drift signal m:

    sale      P = S + d,  pi(d) = +(signal m - skew q) + slope R
    purchase  P = S - d,  pi(d) = -(signal m - skew q) + slope |R|

pi is the price at which the dealer is indifferent, d the markup it then asks; pi is given at points
and straight between and beyond them. Slope and skew are a price impact's (`impact/quadratic.py`):
with slope A and skew 2 A a fill of R pays A ((q - R)^2 - q^2) beyond its markup. Thin batches get
the ladder's own inverse pi(d) = d - (1 + exp(-(a + b d))) / b with slope A0 and skew 2 A0 (Barzykin
2026, equation 7 before its linearisation); thick ones the linear-quadratic monopoly on the net of a
batch, pi(d) = d (Anderson and Philpott 2002 give the general optimum); those between a tuned form
of the two. `corners.py` turns a line into the corners of a curve. Units: `params.py`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats
from infold.dealer.corners import markup_at
from infold.dealer.impact.quadratic import PriceImpact
from infold.dealer.lambert import lambert_of_exp
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import DAY_S, closed_forms, volatility_of

POINTS: Final = (-8.0, -4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0, 8.0)
"""Indifference prices, in units of one over the demand's slope, at which a bent line is exact. The
chord between two of them asks at most 1 % of a markup too much, which costs a ten thousandth of the
income: it is the second order of a distance from a maximum."""


@dataclass(frozen=True)
class Line:
    """See the module. `markups_bp` are d where pi(d) is `prices_bp`; both rise strictly.

    `slope_bp_per_m` is positive, `skew_bp_per_m` not below zero, `signal` the part of a predicted
    drift that the line follows. `ValueError` names what does not fit, or says where the dealer
    would buy dearer than it sells.
    """

    markups_bp: tuple[float, ...]
    prices_bp: tuple[float, ...]
    slope_bp_per_m: float
    skew_bp_per_m: float
    signal: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < len(self.markups_bp) == len(self.prices_bp):
            raise ValueError("a line needs one of prices_bp for each of markups_bp, at least one")
        for name in ("markups_bp", "prices_bp"):
            values = getattr(self, name)
            if not all(map(math.isfinite, values)) or any(b <= a for a, b in pairwise(values)):
                raise ValueError(f"{name} must be finite and rise strictly, not {values!r}")
        checks.positive("slope_bp_per_m", self.slope_bp_per_m, "bp per M")
        checks.not_negative("skew_bp_per_m", self.skew_bp_per_m, "bp per M")
        checks.number("signal", self.signal, "no unit")
        reach = 1.0 + max(abs(price) for price in self.prices_bp)
        for price in (*self.prices_bp, reach, 1e6 * reach):
            spread = self.markup_bp(price) + self.markup_bp(-price)
            if spread < -1e-9 * (1.0 + abs(price)):
                raise ValueError(
                    f"at an indifference price of {price!r} bp the line buys {-spread!r} bp dearer"
                    " than it sells: raise markups_bp"
                )

    @cached_property
    def columns(self) -> tuple[Floats, Floats]:
        """Markups and prices as arrays, for compiled loops."""
        return np.array(self.markups_bp), np.array(self.prices_bp)

    @property
    def half_spread_bp(self) -> float:
        """What it asks for a sale of next to nothing out of an empty inventory."""
        return self.markup_bp(0.0)

    def markup_bp(self, price_bp: float) -> float:
        """d where pi(d) is this price."""
        return float(markup_at(*self.columns, price_bp))

    def price_bp(self, markup_bp: float) -> float:
        """pi(d): the indifference price at which it asks this markup."""
        markups_bp, prices_bp = self.columns
        return float(markup_at(prices_bp, markups_bp, markup_bp))

    def at_least(self, half_spread_bp: float) -> Line:
        """The same, every markup raised by what the half-spread falls short of this.

        `ValueError` unless it is a number not below zero.
        """
        checks.not_negative("half_spread_bp", half_spread_bp, "bp")
        short_bp = max(half_spread_bp - self.half_spread_bp, 0.0)
        return replace(self, markups_bp=tuple(markup + short_bp for markup in self.markups_bp))

    def scaled(self, risk: float) -> Line:
        """The same at `risk` times the volatility: slope and skew grow with it, demand does not."""
        checks.positive("risk", risk, "no unit")
        return replace(
            self,
            slope_bp_per_m=self.slope_bp_per_m * risk,
            skew_bp_per_m=self.skew_bp_per_m * risk,
        )

    def price_impact(self) -> PriceImpact:
        """The price impact that a straight line's skew is; imbalance is the dealer's inventory.

        `ValueError` unless the line is straight and its skew twice the slope, as in the linearised
        ladder: with another one what a fill pays depends on more than where it starts and ends.
        """
        if len(self.prices_bp) > 1:
            raise ValueError(
                "a bent line's markup depends on its price: only a straight one is a skew"
            )
        if not math.isclose(self.skew_bp_per_m, 2.0 * self.slope_bp_per_m, rel_tol=1e-12):
            raise ValueError(
                f"skew_bp_per_m {self.skew_bp_per_m!r} is not twice slope_bp_per_m"
                f" {self.slope_bp_per_m!r} (bp per M): this line is no function of the imbalance"
                " alone"
            )
        return PriceImpact.even(self.slope_bp_per_m)

    def after_fee(self, fee_bp: float) -> Line:
        """The same where the venue charges every fill `fee_bp`: so much less of a spread of its
        own, down to none at rest. The client minds the sum, not who receives it.
        """
        checks.not_negative("fee_bp", fee_bp, "bp")
        lowered = min(fee_bp, self.half_spread_bp)
        return replace(self, markups_bp=tuple(markup - lowered for markup in self.markups_bp))


def straight(half_spread_bp: float, slope_bp_per_m: float, skew_bp_per_m: float) -> Line:
    """P - S = -skew q +/- half_spread + slope R."""
    return Line((half_spread_bp,), (0.0,), slope_bp_per_m, skew_bp_per_m)


# -- the two limits --------------------------------------------------------------------------------


def thin_line(parameters: DealerParameters, volatility_bp: float | None = None) -> Line:
    """The ladder inverted and linearised: h = d0, slope A0 / c, skew 2 A0 / c, signal 1 / c."""
    forms = closed_forms(parameters, volatility_bp)
    asked = forms.quoted
    return Line(
        (forms.markup_bp,),
        (0.0,),
        asked.slope_bp_per_m,
        asked.skew_bp_per_m,
        1.0 / forms.concavity,
    )


def inverse_ladder(parameters: DealerParameters, volatility_bp: float | None = None) -> Line:
    """The ladder inverted as it is: d = p + (1 + W(p)) / b at POINTS, straight between."""
    asked = closed_forms(parameters, volatility_bp).indifference
    return bent_line(parameters, 1.0, asked.slope_bp_per_m, asked.skew_bp_per_m)


def bent_line(
    parameters: DealerParameters, markup: float, slope_bp_per_m: float, skew_bp_per_m: float
) -> Line:
    """d = p + markup (1 + W(p)) / b: the ladder's inverse at one, a straight line at zero.
    `ValueError` for a markup outside 0..4.
    """
    if not 0.0 <= markup <= 4.0:
        raise ValueError(f"markup must lie in 0..4, in ladder's markups, not {markup!r}")
    if markup == 0.0:
        return straight(0.0, slope_bp_per_m, skew_bp_per_m)
    slope = parameters.demand_slope_per_bp
    prices = tuple(point / slope for point in POINTS)
    markups = tuple(
        price
        + markup * (1.0 + lambert_of_exp(-1.0 - parameters.demand_shift - slope * price)) / slope
        for price in prices
    )
    return Line(markups, prices, slope_bp_per_m, skew_bp_per_m)


def elasticity_m_per_bp(parameters: DealerParameters, interval_s: float) -> float:
    """kappa: how much of a batch's net a bp turns away at mid, both sides, in M a bp.

    `ValueError` unless the interval is above zero seconds.
    """
    checks.positive("interval_s", interval_s, "seconds")
    share = _share_at_mid(parameters)
    turned = parameters.demand_slope_per_bp * share * (1.0 - share)
    volume = sum(
        size * rate
        for size, rate in zip(parameters.sizes_m, parameters.requests_per_day, strict=True)
    )
    return 2.0 * interval_s / DAY_S * turned * volume


def _share_at_mid(parameters: DealerParameters) -> float:
    """The share of requests that trade at mid."""
    if parameters.demand_shift > 709.0:
        raise ValueError(
            f"demand_shift (no unit) of {parameters.demand_shift!r} is too high: nobody trades like"
            " that"
        )
    return 1.0 / (1.0 + math.exp(parameters.demand_shift))


def monopoly(
    parameters: DealerParameters, interval_s: float, volatility_bp: float | None = None
) -> tuple[Line, float]:
    """The linear-quadratic monopoly on the net of a batch, and its value in bp * M a day.

    With c = gamma sigma^2 tau / 2 and kappa from `elasticity_m_per_bp`:
    A = c/2 + sqrt(c^2/4 + c/kappa), P - S = m - 2 A q + (2 A + 1/kappa) R, no spread of its own;
    value = Var(net at S) / (4 kappa (1 + kappa A) tau). `ValueError` unless the interval is above
    zero seconds and long enough for a price to turn somebody away.
    """
    sigma = volatility_of(parameters, volatility_bp)
    days = interval_s / DAY_S
    kappa = elasticity_m_per_bp(parameters, interval_s)
    if kappa * checks.FIGURE_MAX < 1.0:
        raise ValueError(
            f"interval_s must be a number of seconds in which a price turns somebody away, not"
            f" {interval_s!r} at a demand_shift of {parameters.demand_shift!r}"
        )
    cost = parameters.risk_aversion * sigma**2 * days / 2.0
    aversion = cost / 2.0 + math.sqrt(cost**2 / 4.0 + cost / kappa)
    share = _share_at_mid(parameters)
    squares = sum(
        size**2 * rate
        for size, rate in zip(parameters.sizes_m, parameters.requests_per_day, strict=True)
    )
    value = 2.0 * share * squares / (4.0 * kappa * (1.0 + kappa * aversion))
    skew = PriceImpact.even(aversion).skew_bp_per_m
    return straight(0.0, skew + 1.0 / kappa, skew), value


# -- between them ----------------------------------------------------------------------------------


class Tuning(NamedTuple):
    """What did best offline at so many orders a batch: multiples of the ladder's own markup, A0
    (the slope) and 2 A0 (the skew), the arguments of `bent_line`.
    """

    orders: float
    markup: float
    slope: float
    skew: float


TUNED: Final = (
    Tuning(0.001, 1.0, 1.0, 1.0),
    Tuning(0.02286, 1.01, 1.228, 1.164),
    Tuning(0.09144, 1.011, 1.229, 1.166),
    Tuning(0.9144, 0.995, 1.285, 1.197),
    Tuning(5.486, 0.939, 1.962, 1.58),
    Tuning(27.43, 0.083, 4.898, 2.342),
)
"""Between the thin and the thick limit no closed form is good: blends of the two lose 1 to 34 %.
The first row is the ladder itself; the others, at 0.25, 1, 10, 60 and 300 s of `params.SPOT_FX`
without hedging, are what `python -m infold.research.tuning` prints."""
THICK_ORDERS: Final = 110.0
"""From so many orders a batch the monopoly's formula; 1,200 s of that flow."""


def orders_per_batch(parameters: DealerParameters, interval_s: float) -> float:
    """Orders a batch of this length expects: every request, whatever limit it carries.

    `ValueError` unless the length is above zero seconds.
    """
    checks.positive("interval_s", interval_s, "seconds")
    return 2.0 * math.fsum(parameters.requests_per_day) * interval_s / DAY_S


def batch_line(
    parameters: DealerParameters, interval_s: float, volatility_bp: float | None = None
) -> Line:
    """The line for batches of this length: the ladder's inverse, tuned, the monopoly when thick.

    Between rows the multiples are interpolated in the logarithm of the expected orders.
    `ValueError` if the interval is not above zero seconds.
    """
    checks.positive("interval_s", interval_s, "seconds")
    thick, _ = monopoly(parameters, interval_s, volatility_bp)
    orders = orders_per_batch(parameters, interval_s)
    if orders >= THICK_ORDERS:
        return thick
    asked = closed_forms(parameters, volatility_bp).indifference
    slope, skew = asked.slope_bp_per_m, asked.skew_bp_per_m
    last = Tuning(THICK_ORDERS, 0.0, thick.slope_bp_per_m / slope, thick.skew_bp_per_m / skew)
    row = _interpolated((*TUNED, last), orders)
    return bent_line(parameters, row.markup, row.slope * slope, row.skew * skew)


def _interpolated(rows: Sequence[Tuning], orders: float) -> Tuning:
    """The row for so many orders; the first one's below it."""
    for left, right in pairwise(rows):
        if orders <= left.orders:
            return left
        if orders < right.orders:
            weight = math.log(orders / left.orders) / math.log(right.orders / left.orders)
            return Tuning._make(
                low + weight * (high - low) for low, high in zip(left, right, strict=True)
            )
    return rows[-1]


# -- what a line implies ---------------------------------------------------------------------------


def relaxation_per_day(parameters: DealerParameters, line: Line, interval_s: float) -> float:
    """How fast the line works inventory off: the batch's net, linear at mid, meets the line at
    P - S = -skew q / (1 + slope kappa), so kappa skew / (1 + slope kappa) of q goes a batch.

    `ValueError` unless the interval is above zero seconds.
    """
    kappa = elasticity_m_per_bp(parameters, interval_s)
    share = kappa * line.skew_bp_per_m / (1.0 + line.slope_bp_per_m * kappa)
    return -math.log1p(-min(share, 0.999)) * DAY_S / interval_s


def drift_bp(
    parameters: DealerParameters,
    line: Line,
    interval_s: float,
    impact_bp: float,
    predicted_bp: float = 0.0,
) -> float:
    """m = -B0 x + G u: what the impact state x gives back while inventory lasts, and what a signal
    predicts (`predicted_bp` is G u). B0 = beta / (beta + omega), omega the line's own relaxation.
    `ValueError` names a figure that is none, and an interval that is not above zero seconds.
    """
    checks.positive("interval_s", interval_s, "seconds")
    checks.number("impact_bp", impact_bp, "bp")
    checks.number("predicted_bp", predicted_bp, "bp")
    beta = parameters.resilience_per_day
    share = beta / (beta + relaxation_per_day(parameters, line, interval_s)) if beta else 0.0
    return predicted_bp - share * impact_bp
