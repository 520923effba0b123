# SPDX-License-Identifier: Apache-2.0
"""Resting a hedge instead of crossing with it: what a maker fill saves and what it costs.

A child rests at the best price and fills at rate lambda. A fill saves the half-spread s and earns a
rebate, and is followed by a move of m against us (it was somebody's good reason). Since prices are
martingales the unfilled child sees the mirror image: given no fill by T the price has run away by
m P / (1 - P), P = 1 - exp(-lambda T), and then it crosses and pays s and the taker's fee. Waiting
costs r a day. Together, over the price when the child was posted,

    cost(T) = P (-s - rebate + m + r / lambda) + (1 - P) (s + fee)

linear in P: a child either crosses at once or rests for as long as it may. Taking alone overstates
the cost of hedging, and with it the zone in which nothing is hedged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from infold.dealer import checks


@dataclass(frozen=True, slots=True)
class Resting:
    """What is known of resting at one venue. `rebate_bp` is negative where makers pay a fee.

    `adverse_bp` is the mean move against us after a maker fill (our own markouts measure it);
    `waiting_bp_per_day` what a M unhedged for a day is charged, our marginal inventory cost times
    the rate at which it would be worked off.
    """

    half_spread_bp: float
    taker_fee_bp: float
    rebate_bp: float
    fills_per_day: float
    adverse_bp: float
    waiting_bp_per_day: float

    def __post_init__(self) -> None:
        checks.not_negative("half_spread_bp", self.half_spread_bp, "bp")
        checks.number("taker_fee_bp", self.taker_fee_bp, "bp")
        checks.number("rebate_bp", self.rebate_bp, "bp")
        checks.not_negative("fills_per_day", self.fills_per_day, "a day")
        checks.number("adverse_bp", self.adverse_bp, "bp")
        checks.not_negative("waiting_bp_per_day", self.waiting_bp_per_day, "bp a day")


@dataclass(frozen=True, slots=True)
class PassivePlan:
    """How long a child rests (zero: it crosses), what it is expected to cost, and how sure a fill
    is. `saved_bp` is against crossing at once, never negative.
    """

    rest_day: float
    cost_bp: float
    fill_probability: float
    saved_bp: float


def taking_bp(resting: Resting) -> float:
    """The cost of crossing at once."""
    return resting.half_spread_bp + resting.taker_fee_bp


def filled_bp(resting: Resting) -> float:
    """The cost of a child that fills for certain: saved spread, adverse move and the wait."""
    if resting.fills_per_day == 0.0:
        return math.inf
    waiting = resting.waiting_bp_per_day / resting.fills_per_day
    return resting.adverse_bp + waiting - resting.half_spread_bp - resting.rebate_bp


def resting_bp(resting: Resting, rest_day: float) -> float:
    """The expected cost of resting for `rest_day` and crossing if nothing came."""
    checks.not_negative("rest_day", rest_day, "days")
    if rest_day == 0.0 or resting.fills_per_day == 0.0:
        return taking_bp(resting) + resting.waiting_bp_per_day * rest_day
    filled = -math.expm1(-resting.fills_per_day * rest_day)
    return filled * filled_bp(resting) + (1.0 - filled) * taking_bp(resting)


def passive_plan(resting: Resting, rest_day_max: float) -> PassivePlan:
    """Rest as long as allowed or not at all, whichever costs less."""
    checks.not_negative("rest_day_max", rest_day_max, "days")
    taking = taking_bp(resting)
    cost = resting_bp(resting, rest_day_max)
    if not cost < taking:
        return PassivePlan(0.0, taking, 0.0, 0.0)
    filled = -math.expm1(-resting.fills_per_day * rest_day_max)
    return PassivePlan(rest_day_max, cost, filled, taking - cost)
