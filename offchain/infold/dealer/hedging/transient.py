# SPDX-License-Identifier: Apache-2.0
"""Trading one parent under impact that decays exponentially (Obizhaeva and Wang 2013).

Our trades Q move the price by x, with dx = -beta x dt + k dQ (the impact state of Barzykin 2026),
and pay it: cost = int x dQ, a block paying the mean of x before and after. Since k dQ = dx + beta
x dt,

    cost = (x(T+)^2 - x(0-)^2) / 2k + (beta / k) int x^2 dt,

so the best plan holds x at one level y: a block to reach it, the rate beta y / k to keep it, a
last block. Minimising over y for a parent X gives y = (k X + x(0-)) / (2 + beta T), the last block
y / k; from rest both blocks are X / (beta T + 2) and the cost is k X^2 / (beta T + 2).

With impact left over from earlier trades in the same direction the first block may turn around to
profit from its decay. We never trade against our own parent: it waits until the state has fallen to
the level that then is best, x(s-) (1 + beta (T - s)) = k X. Impact left in the other direction is a
discount that fades: where it outlasts the parent, k X + x(0-) <= 0, all of it is bought at once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from infold.dealer import checks

HALVINGS: Final = 200
"""Enough to halve any double's interval down to neighbouring numbers."""


@dataclass(frozen=True, slots=True)
class BlockPlan:
    """A block at `start_day`, an even rate until the horizon, a block there. Signed, buys positive.

    `level_bp` is where the impact state rests meanwhile; `cost_bp_m` is paid over the price before
    anything was traded, without spread and fees.
    """

    start_day: float
    first_m: float
    rate_m_per_day: float
    last_m: float
    horizon_day: float
    level_bp: float
    cost_bp_m: float

    def traded_m(self, time_day: float) -> float:
        """What is done by a time, its block included."""
        if time_day < self.start_day:
            return 0.0
        until = min(time_day, self.horizon_day)
        done = self.first_m + self.rate_m_per_day * (until - self.start_day)
        return done + self.last_m if time_day >= self.horizon_day else done


def unwind(
    size_m: float,
    horizon_day: float,
    impact_bp_per_m: float,
    resilience_per_day: float,
    state_bp: float = 0.0,
) -> BlockPlan:
    """The cheapest plan for a parent; `state_bp` is the impact our earlier trades left behind.

    `ValueError` if a figure makes no sense.
    """
    checks.number("size_m", size_m, "M")
    checks.not_negative("horizon_day", horizon_day, "days")
    k = checks.positive("impact_bp_per_m", impact_bp_per_m, "bp a M")
    beta = checks.not_negative("resilience_per_day", resilience_per_day, "a day")
    checks.number("state_bp", state_bp, "bp")
    if size_m == 0.0:
        return BlockPlan(0.0, 0.0, 0.0, 0.0, horizon_day, state_bp, 0.0)
    side = math.copysign(1.0, size_m)
    if k * abs(size_m) + side * state_bp <= 0.0:
        cost = (state_bp + 0.5 * k * size_m) * size_m
        return BlockPlan(0.0, size_m, 0.0, 0.0, horizon_day, state_bp + k * size_m, cost)
    start = _wait_day(abs(size_m), horizon_day, k, beta, side * state_bp)
    before = state_bp * math.exp(-beta * start)
    left_day = horizon_day - start
    level = (k * size_m + before) / (2.0 + beta * left_day)
    first = (level - before) / k
    if start > 0.0:
        first = 0.0  # up to the last digits of the search
    rate = beta * level / k
    last = size_m - first - rate * left_day
    end = level + k * last
    cost = (end * end - before * before) / (2.0 * k) + beta / k * level * level * left_day
    return BlockPlan(start, first, rate, last, horizon_day, level, cost)


def _wait_day(size_m: float, horizon_day: float, k: float, beta: float, state_bp: float) -> float:
    """How long a buyer of `size_m` waits for leftover impact to fade; zero without any."""

    def too_high(time_day: float) -> bool:
        faded = state_bp * math.exp(-beta * time_day)
        return faded * (1.0 + beta * (horizon_day - time_day)) > k * size_m

    if not too_high(0.0):
        return 0.0
    if too_high(horizon_day):
        return horizon_day
    low, high = 0.0, horizon_day
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if not low < middle < high:
            break
        if too_high(middle):
            low = middle
        else:
            high = middle
    return high
