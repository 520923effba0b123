# SPDX-License-Identifier: Apache-2.0
"""A parent on a grid of times, as one quadratic programme: the schedules of other files as limits.

Child j at time t_j pays the impact our earlier children left, half of its own, and a quadratic cost
of its own that fades at once; what is left to do is risk until the next child:

    cost = sum_{i<j} k exp(-beta (t_j - t_i)) v_i v_j + k/2 sum v_j^2 + eta sum v_j^2 / tau_j
         + gamma sigma^2 / 2 sum w_j R_j^2,     R_j = X - v_1 - ... - v_j,   sum v = X

With eta = gamma = 0 and a fine grid this is Obizhaeva and Wang; with k = 0, or a resilience so
large that nothing is left by the next child, it is Almgren and Chriss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infold.dealer import checks

Floats = NDArray[np.float64]
EVEN: Final = 1e-10
"""Of schedules that cost the same to ten digits the more even one is taken: impact that stays makes
all of them alike, and the programme singular."""
CHILDREN_MAX: Final = 2_000
"""The programme is a dense matrix: 2,000 children are 32 MB and a second."""


@dataclass(frozen=True, slots=True)
class TradingCosts:
    """What trading one asset outside costs, and what waiting does. `math.inf` resilience: at once.

    Units: bp a M, per day, bp * day / M, bp per root day, per bp * M.
    """

    impact_bp_per_m: float = 0.0
    resilience_per_day: float = math.inf
    quadratic_bp_day_per_m: float = 0.0
    volatility_bp: float = 0.0
    risk_aversion: float = 0.0

    def __post_init__(self) -> None:
        checks.not_negative("impact_bp_per_m", self.impact_bp_per_m, "bp a M")
        if math.isnan(self.resilience_per_day) or self.resilience_per_day < 0.0:
            raise ValueError(
                f"resilience_per_day must not be below zero, not {self.resilience_per_day!r}"
            )
        checks.not_negative("quadratic_bp_day_per_m", self.quadratic_bp_day_per_m, "bp day a M")
        checks.not_negative("volatility_bp", self.volatility_bp, "bp")
        checks.not_negative("risk_aversion", self.risk_aversion, "per bp M")
        if self.impact_bp_per_m == 0.0 and self.quadratic_bp_day_per_m == 0.0:
            raise ValueError(
                "impact_bp_per_m or quadratic_bp_day_per_m must be above zero: without either every"
                " schedule is as cheap"
            )


@dataclass(frozen=True, slots=True)
class Schedule:
    """Children at their times; `cost_bp_m` is what they are expected to pay, `risk_bp_m` the charge
    gamma sigma^2 / 2 sum w R^2 for what waits.
    """

    times_day: tuple[float, ...]
    children_m: tuple[float, ...]
    cost_bp_m: float
    risk_bp_m: float


def schedule(
    size_m: float,
    times_day: Sequence[float],
    costs: TradingCosts,
    *,
    state_bp: float = 0.0,
    one_sided: bool = True,
) -> Schedule:
    """The cheapest children of a parent at the given times; `state_bp` is impact left at the first.

    What waits after a child is at risk until the next one; after the last nothing does. With
    `one_sided` no child trades against the parent. `ValueError` if times do not rise, are too many,
    or a figure makes no sense.
    """
    checks.number("size_m", size_m, "M")
    checks.number("state_bp", state_bp, "bp")
    times = np.asarray(times_day, dtype=np.float64)
    count = len(times)
    if not 1 <= count <= CHILDREN_MAX:
        raise ValueError(f"times_day must hold 1 to {CHILDREN_MAX} times, not {count}")
    if not np.isfinite(times).all() or (np.diff(times) <= 0.0).any():
        raise ValueError("times_day must be numbers that rise from each to the next")
    side = -1.0 if size_m < 0.0 else 1.0
    programme = _programme(abs(size_m), times, costs, side * state_bp)
    children = _solved(programme, abs(size_m), one_sided)
    cost = 0.5 * children @ programme.trading @ children + programme.left @ children
    waiting = abs(size_m) - np.cumsum(children)
    risk = float(programme.waits @ (waiting * waiting))
    signed = tuple(float(side * child) for child in children)
    return Schedule(tuple(times.tolist()), signed, float(cost), risk)


@dataclass(frozen=True, slots=True)
class _Programme:
    """Minimise v' hessian v / 2 + linear' v subject to sum v = X."""

    hessian: Floats
    linear: Floats
    trading: Floats  # the part of the hessian that is paid
    left: Floats  # what impact left at the start costs each child
    waits: Floats  # gamma sigma^2 / 2 times the length of each wait


def _programme(size_m: float, times: Floats, costs: TradingCosts, state_bp: float) -> _Programme:
    count = len(times)
    apart = np.abs(times[:, None] - times[None, :])
    since = times - times[0]
    if math.isinf(costs.resilience_per_day):
        trading = costs.impact_bp_per_m * np.eye(count)
        left = np.where(since > 0.0, 0.0, state_bp)
    else:
        trading = costs.impact_bp_per_m * np.exp(-costs.resilience_per_day * apart)
        left = state_bp * np.exp(-costs.resilience_per_day * since)
    lengths = np.diff(times)
    slices = np.append(lengths, lengths[-1]) if count > 1 else np.ones(1)
    trading = trading + np.diag(2.0 * costs.quadratic_bp_day_per_m / slices)
    waits = 0.5 * costs.risk_aversion * costs.volatility_bp**2 * np.append(lengths, 0.0)
    done = np.tril(np.ones((count, count)))
    hessian = trading + 2.0 * done.T @ (waits[:, None] * done)
    hessian += EVEN * float(trading.diagonal().max()) * np.eye(count)
    linear = left - 2.0 * size_m * (done.T @ waits)
    return _Programme(hessian, linear, trading, left, waits)


def _solved(programme: _Programme, size_m: float, one_sided: bool) -> Floats:
    """By the conditions of Karush, Kuhn and Tucker; children held at zero join and leave by them.

    The held set grows by its worst offender and shrinks when a held child's multiplier says that it
    would save money; strict convexity bounds the rounds, and so does the loop.
    """
    count = len(programme.linear)
    free = np.ones(count, dtype=bool)
    children, price = _equality(programme, size_m, free)
    if not one_sided:
        return children
    scale = 1e-12 * max(1.0, size_m)
    for _ in range(4 * count):
        worst = int(np.argmin(children))
        if children[worst] < -scale:
            free[worst] = False
        else:
            slack = programme.hessian @ children + programme.linear - price
            slack[free] = 0.0
            saver = int(np.argmin(slack))
            if slack[saver] >= -1e-12 * (1.0 + abs(price)):
                return np.maximum(children, 0.0)
            free[saver] = True
        children, price = _equality(programme, size_m, free)
    return np.maximum(children, 0.0)


def _equality(
    programme: _Programme, size_m: float, free: NDArray[np.bool_]
) -> tuple[Floats, float]:
    """The minimum with the sum kept and the others at zero; the price of one M more."""
    count = int(free.sum())
    matrix = np.zeros((count + 1, count + 1))
    matrix[:count, :count] = programme.hessian[np.ix_(free, free)]
    matrix[:count, count] = -1.0
    matrix[count, :count] = 1.0
    right = np.append(-programme.linear[free], size_m)
    found = np.linalg.solve(matrix, right)
    children = np.zeros(len(free))
    children[free] = found[:count]
    return children, float(found[count])
