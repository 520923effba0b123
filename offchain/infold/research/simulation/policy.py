# SPDX-License-Identifier: Apache-2.0
"""What a dealer does, as frozen numbers a compiled loop can read.

Two forms in one record, so that the loop is compiled once for all:

    line     = base - side skew q          or a table's (side, rung, q, x)
    markup   = m(line - side signal x)     m: itself, or the exact markup of logistic demand
    price    = slope q                     or a table's (q, x)
    rate     = h(price + price_signal x) - drain q

h is steepness (|p| - zone)+ sign(p); a table with steepness zero holds the rates themselves. Tables
are interpolated; beyond the grid their edge holds.

Units: q in M, x (the impact state) in bp, markups in bp, rates in M a day. Signs: a rate is what
the dealer buys. Side 0 of an array is the bid (a client sells), 1 the ask (a client buys).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms
from infold.research.simulation.compiled import Floats, compiled

NO_QUOTE_BP: Final = 1e9
"""A markup nobody takes: how a table says that it does not quote."""
DAY_S: Final = 86_400.0

Tables = NDArray[np.float64]


class Policy(NamedTuple):
    """See the module; `tabled` tells which half is read. Build one with the functions below."""

    tabled: bool
    # linear: (side, rung)
    base_bp: Floats
    skew_bp_per_m: Floats
    price_bp_per_m: float
    # table: (side, rung, q, x) and (q, x)
    first_m: float
    step_m: float
    first_bp: float
    step_bp: float
    lines_bp: Tables
    hedges: Tables  # marginal prices in bp, or rates in M a day where steepness is zero
    # both
    signal: Floats
    exact_shift: float
    exact_slope_per_bp: float  # zero: the line is the markup itself
    price_signal: float
    zone_bp: float  # nothing is hedged while |p| is at most this
    steepness_m_per_bp_day: float
    drain_per_day: float
    limit_m: float  # a fill that takes |q| beyond it, and raises it, is not quoted


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
    base_bp: Floats,
    skew_bp_per_m: Floats,
    signal: Floats,
    *,
    exact: tuple[float, float] | None = None,
    price: tuple[float, float] = (0.0, 0.0),
    zone_bp: float = math.inf,
    steepness_m_per_bp_day: float = 0.0,
    drain_per_day: float = 0.0,
    limit_m: float = math.inf,
) -> Policy:
    """A linear policy; arrays are (side, rung), bid first.

    `exact` is (shift, slope per bp) of logistic demand: the line then is the indifference price of
    one M of the rung. `price` is (bp per M, share of x) of the marginal price p. `ValueError` names
    what is not a number.
    """
    shape = np.shape(base_bp)
    if len(shape) != 2 or shape[0] != 2 or shape[1] < 1:
        raise ValueError(f"base_bp must be (side, rung), bid first, not of shape {shape}")
    for name, values in (("skew_bp_per_m", skew_bp_per_m), ("signal", signal)):
        if np.shape(values) != shape:
            raise ValueError(f"{name} must have the shape of base_bp, {shape}")
    for name, values in (
        ("base_bp", base_bp),
        ("skew_bp_per_m", skew_bp_per_m),
        ("signal", signal),
    ):
        if not np.isfinite(values).all():
            raise ValueError(f"{name} must be numbers")
    if not all(map(math.isfinite, price)):
        raise ValueError(f"price must be two numbers, not {price!r}")
    shift, slope = _demand(exact)
    return Policy(
        tabled=False,
        base_bp=np.array(base_bp, dtype=np.float64),
        skew_bp_per_m=np.array(skew_bp_per_m, dtype=np.float64),
        price_bp_per_m=float(price[0]),
        first_m=0.0,
        step_m=1.0,
        first_bp=0.0,
        step_bp=1.0,
        lines_bp=np.zeros((2, shape[1], 1, 1)),
        hedges=np.zeros((1, 1)),
        signal=np.array(signal, dtype=np.float64),
        exact_shift=shift,
        exact_slope_per_bp=slope,
        price_signal=float(price[1]),
        zone_bp=_not_negative("zone_bp", zone_bp),
        steepness_m_per_bp_day=_finite("steepness_m_per_bp_day", steepness_m_per_bp_day),
        drain_per_day=_finite("drain_per_day", drain_per_day),
        limit_m=_not_negative("limit_m", limit_m),
    )


def table_policy(
    inventory: Grid,
    impact: Grid,
    lines_bp: Tables,
    hedges: Tables,
    *,
    signal: float = 0.0,
    exact: tuple[float, float] | None = None,
    price_signal: float = 0.0,
    zone_bp: float = math.inf,
    steepness_m_per_bp_day: float = 0.0,
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
    if not (math.isfinite(signal) and math.isfinite(price_signal)):
        raise ValueError("signal and price_signal must be numbers")
    empty = np.zeros((2, lines_bp.shape[1]))
    shift, slope = _demand(exact)
    return Policy(
        tabled=True,
        base_bp=empty,
        skew_bp_per_m=empty,
        price_bp_per_m=0.0,
        first_m=inventory.first,
        step_m=inventory.step,
        first_bp=impact.first,
        step_bp=impact.step,
        lines_bp=np.clip(lines_bp, -NO_QUOTE_BP, NO_QUOTE_BP).astype(np.float64, order="C"),
        hedges=np.array(hedges, dtype=np.float64, order="C"),
        signal=np.full_like(empty, signal),
        exact_shift=shift,
        exact_slope_per_bp=slope,
        price_signal=float(price_signal),
        zone_bp=_not_negative("zone_bp", zone_bp),
        steepness_m_per_bp_day=_finite("steepness_m_per_bp_day", steepness_m_per_bp_day),
        drain_per_day=0.0,
        limit_m=_not_negative("limit_m", limit_m),
    )


def _demand(exact: tuple[float, float] | None) -> tuple[float, float]:
    if exact is None:
        return 0.0, 0.0
    shift, slope = exact
    if not (math.isfinite(shift) and math.isfinite(slope) and slope > 0.0):
        raise ValueError(f"exact must be a shift and a positive slope per bp, not {exact!r}")
    return float(shift), float(slope)


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
    """The same ladder without its skew; whatever comes in is traded outside at rate q / time."""
    if not (math.isfinite(time_s) and time_s > 0.0):
        raise ValueError(f"time_s must be a positive number of seconds, not {time_s!r}")
    ladder = _ladder(belief, signal=0.0)
    return ladder._replace(
        skew_bp_per_m=np.zeros_like(ladder.skew_bp_per_m), drain_per_day=DAY_S / time_s
    )


def permanent_closed_form(belief: DealerParameters) -> Policy:
    """Hedging as if our impact stayed (beta = 0): p = -(2 A0 - k) q, no signal."""
    forms = closed_forms(belief)
    price = -(2.0 * forms.risk_bp_per_m - belief.impact_bp_per_m)
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
        base_bp=forms.risk_bp_per_m * sizes,
        skew_bp_per_m=np.full(sizes.shape, 2.0 * forms.risk_bp_per_m),
        signal=np.full(sizes.shape, forms.impact_share),
        exact=(belief.demand_shift, belief.demand_slope_per_bp),
    )
    return _hedged(line, belief, *_transient_price(belief))


def _ladder(belief: DealerParameters, signal: float) -> Policy:
    forms = closed_forms(belief)
    unit = forms.risk_bp_per_m / forms.concavity
    sizes = np.array([belief.sizes_m, belief.sizes_m])
    return linear_policy(
        base_bp=forms.markup_bp + unit * sizes,
        skew_bp_per_m=np.full(sizes.shape, 2.0 * unit),
        signal=np.full(sizes.shape, signal / forms.concavity),
    )


def _transient_price(belief: DealerParameters) -> tuple[float, float]:
    forms = closed_forms(belief)
    kept = belief.impact_bp_per_m * (1.0 - forms.impact_share)
    return -(2.0 * forms.risk_bp_per_m - kept), -forms.impact_share


def _hedged(policy: Policy, belief: DealerParameters, price: float, share: float) -> Policy:
    if belief.hedge_impact_bp_day_per_m <= 0.0:
        raise ValueError("hedge_impact_bp_day_per_m must be above zero: the rate would be infinite")
    return policy._replace(
        price_bp_per_m=price,
        price_signal=share,
        zone_bp=belief.hedge_spread_bp,
        steepness_m_per_bp_day=0.5 / belief.hedge_impact_bp_day_per_m,
    )


# -- what the loop asks ----------------------------------------------------------------------------


@compiled
def markup_bp(policy: Policy, side: int, rung: int, inventory_m: float, impact_bp: float) -> float:
    """The half-spread asked of a client on this side (+1 buys) for the rung's size."""
    row = (side + 1) >> 1
    line: float
    if policy.tabled:
        line = _interpolated(policy, policy.lines_bp[row, rung], inventory_m, impact_bp)
    else:
        line = policy.base_bp[row, rung] - side * policy.skew_bp_per_m[row, rung] * inventory_m
    line -= side * policy.signal[row, rung] * impact_bp
    if policy.exact_slope_per_bp > 0.0:
        slope = policy.exact_slope_per_bp
        line += (1.0 + lambert_of_exp(-1.0 - policy.exact_shift - slope * line)) / slope
    return line


@compiled
def hedge_rate_m_per_day(policy: Policy, inventory_m: float, impact_bp: float) -> float:
    """How fast the dealer buys outside."""
    if policy.tabled:
        price = _interpolated(policy, policy.hedges, inventory_m, impact_bp)
        if policy.steepness_m_per_bp_day == 0.0:
            return price
    else:
        price = policy.price_bp_per_m * inventory_m
    price += policy.price_signal * impact_bp
    rate = -policy.drain_per_day * inventory_m
    excess = abs(price) - policy.zone_bp
    if excess > 0.0:
        rate += math.copysign(policy.steepness_m_per_bp_day * excess, price)
    return rate


@compiled
def _interpolated(policy: Policy, values: Floats, inventory_m: float, impact_bp: float) -> float:
    """Bilinear inside the grid, the edge's value beyond it. `values` is (q, x)."""
    rows, columns = values.shape
    along = min(max((inventory_m - policy.first_m) / policy.step_m, 0.0), rows - 1.0)
    across = min(max((impact_bp - policy.first_bp) / policy.step_bp, 0.0), columns - 1.0)
    row = min(int(along), max(rows - 2, 0))
    column = min(int(across), max(columns - 2, 0))
    next_row = min(row + 1, rows - 1)
    next_column = min(column + 1, columns - 1)
    along -= row
    across -= column
    low: float = values[row, column] * (1.0 - across) + values[row, next_column] * across
    high: float = values[next_row, column] * (1.0 - across) + values[next_row, next_column] * across
    return low * (1.0 - along) + high * along


@compiled
def lambert_of_exp(exponent: float) -> float:
    """W(exp(exponent)): the w > 0 with w + log w = exponent, to the last digits; never overflows.

    Newton's iteration for log w when w is small and for w when it is large; both start from a bound
    and converge from one side.
    """
    if exponent < 0.0:
        logarithm = exponent
        for _ in range(64):
            grown = math.exp(logarithm)
            step = (grown + logarithm - exponent) / (grown + 1.0)
            logarithm -= step
            if abs(step) <= 1e-16 * (1.0 + abs(logarithm)):
                break
        return math.exp(logarithm)
    guess = 0.5 + 0.5 * exponent if exponent < 3.0 else exponent - math.log(exponent)
    for _ in range(64):
        step = (guess + math.log(guess) - exponent) * guess / (1.0 + guess)
        guess -= step
        if abs(step) <= 1e-16 * guess:
            break
    return guess
