# SPDX-License-Identifier: Apache-2.0
"""A parent that keeps growing or melting while it is traded (Nutz, Webster and Zhao 2026,
arXiv:2310.14144): when to warehouse.

Clients hand us Z, we trade Q outside, and Q_T = Z_T. With the impact and the cost of `transient.py`
the first-order condition is 2 x_t = E_t[x_T+], so the best impact state is a martingale, and with
what remains R = Z - Q before we trade and x- the state we find,

    x_t = (k R + x- + k F) / (2 + beta (T - t)),      F = E_t[Z_T - Z_t]

the plan of a parent of known size R plus a term in the in-flow still expected. Flow that is a
martingale (F = 0) is unwound as if no more came; flow that reverts is left to melt, flow with
momentum is traded ahead. Only F enters, not when it comes: our trades may come first.

The sources of F here: an autoregression of batch flows, and the skew of our own quotes, which makes
inventory relax at the rate omega of `closed_forms`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from infold.dealer import checks

PERSISTENCE_MAX: Final = 0.99
"""Closer to one, no finite record tells an autoregression from a walk."""
LOOKS_MIN: Final = 8
"""Fewer flows say nothing about how one follows another."""


@dataclass(frozen=True, slots=True)
class FlowPlan:
    """What to trade now and how fast until something new is known. Signed, buys positive.

    `myopic_m` is the block of the same parent without in-flow, `projected_m` the term the expected
    in-flow adds to it; their sum is `block_m`.
    """

    block_m: float
    rate_m_per_day: float
    myopic_m: float
    projected_m: float
    level_bp: float

    @property
    def warehouses(self) -> bool:
        """Whether it trades less now than without a view on the flow."""
        return self.projected_m * self.myopic_m < 0.0


def unwind_flow(
    remaining_m: float,
    expected_inflow_m: float,
    to_go_day: float,
    impact_bp_per_m: float,
    resilience_per_day: float,
    state_bp: float = 0.0,
) -> FlowPlan:
    """The block to trade now for `remaining_m` with E[Z_T - Z_t] = `expected_inflow_m` to come.

    Both are what must be bought outside (the negative of inventory). With no time to go all that
    remains is traded. Never trades against what remains: it waits instead. `ValueError` if a figure
    makes no sense.
    """
    checks.number("remaining_m", remaining_m, "M")
    checks.number("expected_inflow_m", expected_inflow_m, "M")
    checks.not_negative("to_go_day", to_go_day, "days")
    k = checks.positive("impact_bp_per_m", impact_bp_per_m, "bp a M")
    beta = checks.not_negative("resilience_per_day", resilience_per_day, "a day")
    checks.number("state_bp", state_bp, "bp")
    if to_go_day == 0.0:
        end = state_bp + k * remaining_m
        return FlowPlan(remaining_m, 0.0, remaining_m, 0.0, end)
    waits = 2.0 + beta * to_go_day
    myopic = ((k * remaining_m + state_bp) / waits - state_bp) / k
    projected = expected_inflow_m / waits
    block = myopic + projected
    side = math.copysign(1.0, remaining_m)  # a product of two small numbers may be none
    if side * block < 0.0 or remaining_m == 0.0:
        # Trading ahead of flow nobody has sent yet would be a position of our own.
        return FlowPlan(0.0, 0.0, myopic, -myopic, state_bp)
    if abs(block) >= abs(remaining_m):
        return FlowPlan(remaining_m, 0.0, myopic, remaining_m - myopic, state_bp + k * remaining_m)
    level = state_bp + k * block
    rate = beta * level / k
    return FlowPlan(block, rate if side * rate > 0.0 else 0.0, myopic, block - myopic, level)


def persistent_inflow_m(last_m: float, persistence: float, batches: int) -> float:
    """Expected flow of the next batches if flows follow z' = persistence z + noise. `ValueError`
    unless persistence lies between -1 and 1.
    """
    checks.number("last_m", last_m, "M")
    if not -1.0 < persistence < 1.0:
        raise ValueError(f"persistence must lie between -1 and 1, not {persistence!r}")
    checks.count("batches", batches, 0)
    return last_m * persistence * (1.0 - persistence**batches) / (1.0 - persistence)


def skewed_inflow_m(remaining_m: float, relaxation_per_day: float, to_go_day: float) -> float:
    """What our skew is expected to take off by itself: R relaxes at omega while nothing is hedged.

    Of the opposite sign of what remains: the reason to warehouse.
    """
    checks.number("remaining_m", remaining_m, "M")
    checks.not_negative("relaxation_per_day", relaxation_per_day, "a day")
    checks.not_negative("to_go_day", to_go_day, "days")
    return remaining_m * math.expm1(-relaxation_per_day * to_go_day)


def persistence_of(flows_m: Sequence[float], prior: float = 20.0) -> float:
    """First autocorrelation of past batch flows about zero, drawn towards zero by `prior` looks.

    About zero and not about their mean: a client who only buys is momentum, not a mean. Use flows
    up to now only. Zero where there are fewer than LOOKS_MIN. `ValueError` for a flow that is no
    number.
    """
    checks.not_negative("prior", prior, "looks")
    for place, flow in enumerate(flows_m):
        if not math.isfinite(flow):
            raise ValueError(f"flows_m[{place}] must be a number of M, not {flow!r}")
    if len(flows_m) < LOOKS_MIN:
        return 0.0
    squares = math.fsum(flow * flow for flow in flows_m)
    if squares == 0.0:
        return 0.0
    products = math.fsum(a * b for a, b in pairwise(flows_m))
    looks = len(flows_m) - 1
    drawn = products / squares * looks / (looks + prior)
    return min(max(drawn, -PERSISTENCE_MAX), PERSISTENCE_MAX)
