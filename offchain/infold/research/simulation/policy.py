# SPDX-License-Identifier: Apache-2.0
"""What a dealer does, as frozen numbers a compiled loop can read.

One form, so that the loop is compiled once for all; a table of one point makes it a closed form:

    line     = lines[side, rung](q, x) - side (skew q + signal x)
    markup   = line, or the exact markup of logistic demand for the indifference price `line`
    price    = hedges(q, x) + price_slope q + price_signal x
    rate     = steepness (|price| - zone)+ sign(price) - drain q

With steepness zero `hedges` are rates themselves. Tables are interpolated on their grid of (q, x);
beyond it their edge holds.

Units: q in M, x (the impact state) in bp, lines and prices in bp, rates in M a day. Signs: a rate
is what the dealer buys. Side 0 of an array is the bid (a client sells), 1 the ask (a client buys).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infold.dealer.lambert import lambert_of_exp
from infold.dealer.params import DAY_S, DealerParameters
from infold.dealer.quoting import closed_forms
from infold.research.simulation.compiled import Floats, compiled, inlined

NO_QUOTE_BP: Final = 1e9
"""A markup nobody takes: how a table says that it does not quote."""

Tables = NDArray[np.float64]


class QuoteRules(NamedTuple):
    """A policy's plain numbers; apart from its tables, since those cost a loop to hand around."""

    first_m: float
    step_m: float
    first_bp: float
    step_bp: float
    exact_shift: float
    exact_slope_per_bp: float  # zero: the line is the markup itself
    price_slope_bp_per_m: float
    price_signal: float
    zone_bp: float  # nothing is hedged while |price| is at most this
    steepness_m_per_bp_day: float
    drain_per_day: float
    limit_m: float  # a fill that takes |q| beyond it, and raises it, is not quoted


class Policy(NamedTuple):
    """See the module. Build one with the functions below, change it with `_replace`."""

    lines_bp: Tables  # (side, rung, q, x)
    slopes: Tables  # (side, rung, 2): skew in bp a M, signal
    hedges: Tables  # (q, x): marginal prices in bp, or rates in M a day where steepness is zero
    rules: QuoteRules

    def ruled(self, **rules: float) -> Policy:
        """The same with other rules, by name."""
        return self._replace(rules=self.rules._replace(**rules))


@dataclass(frozen=True, slots=True)
class Grid:
    """Regular points `first + step * i`, `count` of them. One point means "the same everywhere"."""

    first: float
    step: float
    count: int

    def __post_init__(self) -> None:
        if not (math.isfinite(self.first) and math.isfinite(self.step) and self.step > 0.0):
            raise ValueError(f"a grid needs a finite first point and a positive step, not {self!r}")
        if self.count < 1:
            raise ValueError(f"a grid needs at least one point, not {self.count!r}")


def linear_policy(
    base_bp: Tables,
    skew_bp_per_m: Tables,
    signal: Tables,
    *,
    exact: tuple[float, float] | None = None,
    price_slope_bp_per_m: float = 0.0,
    price_signal: float = 0.0,
    zone_bp: float = math.inf,
    steepness_m_per_bp_day: float = 0.0,
    drain_per_day: float = 0.0,
    limit_m: float = math.inf,
) -> Policy:
    """Quotes linear in q and x: `base - side (skew q + signal x)`, arrays (side, rung), bid first.

    `exact` is (shift, slope per bp) of logistic demand: the line then is the indifference price of
    one M of the rung. `ValueError` names what is not a number.
    """
    shape = np.shape(base_bp)
    if len(shape) != 2 or shape[0] != 2 or shape[1] < 1:
        raise ValueError(f"base_bp must be (side, rung), bid first, not of shape {shape}")
    named = (("base_bp", base_bp), ("skew_bp_per_m", skew_bp_per_m), ("signal", signal))
    for name, values in named:
        if np.shape(values) != shape:
            raise ValueError(f"{name} must have the shape of base_bp, {shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be numbers")
    point = Grid(0.0, 1.0, 1)
    policy = table_policy(
        point,
        point,
        np.array(base_bp, dtype=np.float64)[:, :, None, None],
        np.zeros((1, 1)),
        exact=exact,
        price_slope_bp_per_m=price_slope_bp_per_m,
        price_signal=price_signal,
        zone_bp=zone_bp,
        steepness_m_per_bp_day=steepness_m_per_bp_day,
        drain_per_day=drain_per_day,
        limit_m=limit_m,
    )
    return policy._replace(slopes=np.stack([skew_bp_per_m, signal], axis=2).astype(np.float64))


def table_policy(
    inventory: Grid,
    impact: Grid,
    lines_bp: Tables,
    hedges: Tables,
    *,
    signal: float = 0.0,
    exact: tuple[float, float] | None = None,
    price_slope_bp_per_m: float = 0.0,
    price_signal: float = 0.0,
    zone_bp: float = math.inf,
    steepness_m_per_bp_day: float = 0.0,
    drain_per_day: float = 0.0,
    limit_m: float = math.inf,
) -> Policy:
    """A policy on a grid: `lines_bp` (side, rung, q, x), bid first; `hedges` (q, x).

    `inventory` in M, `impact` in bp; give a grid of one point for what does not matter. Without
    `exact` and `signal` the lines are markups (NO_QUOTE_BP or more: not quoted); with them they are
    indifference prices a M before the impact state. `hedges` are rates in M a day, or marginal
    prices in bp if a steepness is given. `ValueError` if shapes and grids differ or numbers fail.
    """
    grid = (inventory.count, impact.count)
    if lines_bp.ndim != 4 or lines_bp.shape[0] != 2 or lines_bp.shape[2:] != grid:
        raise ValueError(f"lines_bp must be (2, rungs, {grid[0]}, {grid[1]})")
    if hedges.shape != grid:
        raise ValueError(f"hedges must be {grid}, not {hedges.shape}")
    if np.isnan(lines_bp).any() or not np.isfinite(hedges).all():
        raise ValueError("lines_bp and hedges must be numbers")
    shift, slope = _demand(exact)
    slopes = np.zeros((2, lines_bp.shape[1], 2))
    slopes[:, :, 1] = _number("signal", signal)
    return Policy(
        lines_bp=np.clip(lines_bp, -NO_QUOTE_BP, NO_QUOTE_BP).astype(np.float64, order="C"),
        slopes=slopes,
        hedges=np.array(hedges, dtype=np.float64, order="C"),
        rules=QuoteRules(
            first_m=inventory.first,
            step_m=inventory.step,
            first_bp=impact.first,
            step_bp=impact.step,
            exact_shift=shift,
            exact_slope_per_bp=slope,
            price_slope_bp_per_m=_number("price_slope_bp_per_m", price_slope_bp_per_m),
            price_signal=_number("price_signal", price_signal),
            zone_bp=_not_negative("zone_bp", zone_bp),
            steepness_m_per_bp_day=_finite("steepness_m_per_bp_day", steepness_m_per_bp_day),
            drain_per_day=_finite("drain_per_day", drain_per_day),
            limit_m=_not_negative("limit_m", limit_m),
        ),
    )


def _demand(exact: tuple[float, float] | None) -> tuple[float, float]:
    if exact is None:
        return 0.0, 0.0
    shift, slope = exact
    if not (math.isfinite(shift) and math.isfinite(slope) and slope > 0.0):
        raise ValueError(f"exact must be a shift and a positive slope per bp, not {exact!r}")
    return float(shift), float(slope)


def _number(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a number, not {value!r}")
    return float(value)


def _not_negative(name: str, value: float) -> float:
    if math.isnan(value) or value < 0.0:
        raise ValueError(f"{name} must not be below zero, not {value!r}")
    return float(value)


def _finite(name: str, value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a number not below zero, not {value!r}")
    return _not_negative(name, value)


# -- the closed forms of Barzykin 2026 -------------------------------------------------------------


def skew_only(belief: DealerParameters) -> Policy:
    """Equation 7: the ladder with its inventory skew, never hedged, blind to the impact state."""
    return _ladder(belief, signal=0.0)


def externalise_all(belief: DealerParameters, time_s: float = 30.0) -> Policy:
    """The same ladder without its skew; whatever comes in is traded outside at rate q / time.
    `ValueError` unless the time is above zero.
    """
    if not (math.isfinite(time_s) and time_s > 0.0):
        raise ValueError(f"time_s must be a positive number of seconds, not {time_s!r}")
    ladder = _ladder(belief, signal=0.0)
    return ladder._replace(slopes=np.zeros_like(ladder.slopes)).ruled(drain_per_day=DAY_S / time_s)


def permanent_closed_form(belief: DealerParameters) -> Policy:
    """Hedging as if our impact stayed (beta = 0): p = -(2 A0 - k) q, no signal."""
    forms = closed_forms(belief)
    price = -(forms.indifference.skew_bp_per_m - belief.impact_bp_per_m)
    return _hedged(_ladder(belief, signal=0.0), belief, price, 0.0)


def transient_closed_form(belief: DealerParameters) -> Policy:
    """Equations 15, 18 and 19 with linearised quotes."""
    forms = closed_forms(belief)
    return _hedged(_ladder(belief, forms.impact_share), belief, *_transient_price(belief))


def exact_markup(belief: DealerParameters) -> Policy:
    """The transient closed form with d* = p + (1 + W(p)) / b in place of its linearisation."""
    forms = closed_forms(belief)
    sizes = np.array([belief.sizes_m, belief.sizes_m])
    line = linear_policy(
        base_bp=forms.indifference.slope_bp_per_m * sizes,
        skew_bp_per_m=np.full(sizes.shape, forms.indifference.skew_bp_per_m),
        signal=np.full(sizes.shape, forms.impact_share),
        exact=(belief.demand_shift, belief.demand_slope_per_bp),
    )
    return _hedged(line, belief, *_transient_price(belief))


def _ladder(belief: DealerParameters, signal: float) -> Policy:
    forms = closed_forms(belief)
    asked = forms.quoted
    sizes = np.array([belief.sizes_m, belief.sizes_m])
    return linear_policy(
        base_bp=forms.markup_bp + asked.slope_bp_per_m * sizes,
        skew_bp_per_m=np.full(sizes.shape, asked.skew_bp_per_m),
        signal=np.full(sizes.shape, signal / forms.concavity),
    )


def _transient_price(belief: DealerParameters) -> tuple[float, float]:
    forms = closed_forms(belief)
    kept = belief.impact_bp_per_m * (1.0 - forms.impact_share)
    return -(forms.indifference.skew_bp_per_m - kept), -forms.impact_share


def _hedged(policy: Policy, belief: DealerParameters, price: float, share: float) -> Policy:
    if belief.hedge_impact_bp_day_per_m <= 0.0:
        raise ValueError("hedge_impact_bp_day_per_m must be above zero: the rate would be infinite")
    return policy.ruled(
        price_slope_bp_per_m=price,
        price_signal=share,
        zone_bp=belief.hedge_spread_bp,
        steepness_m_per_bp_day=0.5 / belief.hedge_impact_bp_day_per_m,
    )


# -- what the loop asks ----------------------------------------------------------------------------


@compiled
def markup_bp(
    rules: QuoteRules,
    lines_bp: Tables,
    slopes: Tables,
    side: int,
    rung: int,
    inventory_m: float,
    impact_bp: float,
) -> float:
    """The half-spread asked of a client on this side (+1 buys) for the rung's size."""
    row = (side + 1) >> 1
    line: float = lines_bp[row, rung, 0, 0]
    if lines_bp.shape[2] > 1 or lines_bp.shape[3] > 1:
        line = interpolated(rules, lines_bp[row, rung], inventory_m, impact_bp)
    skew, signal = slopes[row, rung, 0], slopes[row, rung, 1]
    line -= side * (skew * inventory_m + signal * impact_bp)
    if rules.exact_slope_per_bp > 0.0:
        slope = rules.exact_slope_per_bp
        line += (1.0 + lambert_of_exp(-1.0 - rules.exact_shift - slope * line)) / slope
    return line


@compiled
def hedge_rate_m_per_day(
    rules: QuoteRules, hedges: Tables, inventory_m: float, impact_bp: float
) -> float:
    """How fast the dealer buys outside."""
    price: float = hedges[0, 0]
    if hedges.shape[0] > 1 or hedges.shape[1] > 1:
        price = interpolated(rules, hedges, inventory_m, impact_bp)
    return flat_rate_m_per_day(rules, price, inventory_m, impact_bp)


@inlined
def flat_rate_m_per_day(
    rules: QuoteRules, price: float, inventory_m: float, impact_bp: float
) -> float:
    """The same where the table says `price`."""
    drained = rules.drain_per_day * inventory_m
    if rules.steepness_m_per_bp_day == 0.0:
        return price - drained
    price += rules.price_slope_bp_per_m * inventory_m + rules.price_signal * impact_bp
    excess = abs(price) - rules.zone_bp
    if excess > 0.0:
        return math.copysign(rules.steepness_m_per_bp_day * excess, price) - drained
    return -drained


@compiled
def interpolated(rules: QuoteRules, values: Floats, inventory_m: float, impact_bp: float) -> float:
    """Bilinear inside the grid, the edge's value beyond it. `values` is (q, x)."""
    rows, columns = values.shape
    along = min(max((inventory_m - rules.first_m) / rules.step_m, 0.0), rows - 1.0)
    across = min(max((impact_bp - rules.first_bp) / rules.step_bp, 0.0), columns - 1.0)
    row = min(int(along), max(rows - 2, 0))
    column = min(int(across), max(columns - 2, 0))
    next_row = min(row + 1, rows - 1)
    next_column = min(column + 1, columns - 1)
    along -= row
    across -= column
    low: float = values[row, column] * (1.0 - across) + values[row, next_column] * across
    high: float = values[next_row, column] * (1.0 - across)
    high += values[next_row, next_column] * across
    return low * (1.0 - along) + high * along
