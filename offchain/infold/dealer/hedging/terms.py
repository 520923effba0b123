# SPDX-License-Identifier: Apache-2.0
"""A venue's terms as one straight line of marginal cost, ready to be compared with keeping."""

from __future__ import annotations

from dataclasses import dataclass

from infold.dealer import checks
from infold.dealer.hedging.carry import NO_CARRY, Carry, drift_bp, risk_bp_per_m
from infold.dealer.hedging.passive import Resting, passive_plan
from infold.dealer.routing import VenueCost


@dataclass(frozen=True, slots=True)
class VenueTerms:
    """What trading at one venue costs. Give `resting` where makers may fill us.

    `quadratic_bp_day_per_m` is eta of `params.py`; the lasting part of our impact is not here but
    in the warehouse's slope, where equation 19 puts it.
    """

    venue: str
    half_spread_bp: float
    taker_fee_bp: float
    quadratic_bp_day_per_m: float
    depth_m: float  # most to be taken in one interval
    carry: Carry = NO_CARRY
    resting: Resting | None = None

    def __post_init__(self) -> None:
        checks.not_negative("half_spread_bp", self.half_spread_bp, "bp")
        checks.number("taker_fee_bp", self.taker_fee_bp, "bp")
        checks.not_negative("quadratic_bp_day_per_m", self.quadratic_bp_day_per_m, "bp day a M")
        checks.not_negative("depth_m", self.depth_m, "M")


@dataclass(frozen=True, slots=True)
class Horizon:
    """How long the interval is, how long a hedge is held, how long a child may rest, in days."""

    interval_day: float
    holding_day: float
    rest_day_max: float = 0.0

    def __post_init__(self) -> None:
        checks.positive("interval_day", self.interval_day, "days")
        checks.not_negative("holding_day", self.holding_day, "days")
        checks.not_negative("rest_day_max", self.rest_day_max, "days")


def venue_cost(
    terms: VenueTerms,
    side: int,
    horizon: Horizon,
    risk_aversion: float,
    *,
    held_m: float = 0.0,
    state_bp: float = 0.0,
    capacity_m: float | None = None,
) -> VenueCost:
    """The line for buying (side 1) or selling (-1) there.

    `held_m` is the hedge we have there, `state_bp` what our trades left in this venue's price over
    the oracle's, `capacity_m` what margin allows (`treasury.hedge_capacity_m`).
    """
    checks.number("held_m", held_m, "M")
    checks.number("state_bp", state_bp, "bp")
    crossing = terms.half_spread_bp + terms.taker_fee_bp
    if terms.resting is not None:
        crossing = min(crossing, passive_plan(terms.resting, horizon.rest_day_max).cost_bp)
    basis = risk_bp_per_m(terms.carry, risk_aversion, horizon.holding_day)
    base = crossing + side * (state_bp + basis * held_m)
    base += drift_bp(terms.carry, side, horizon.holding_day)
    slope = 2.0 * terms.quadratic_bp_day_per_m / horizon.interval_day + basis
    room = terms.depth_m if capacity_m is None else min(terms.depth_m, capacity_m)
    return VenueCost(terms.venue, base, slope, room)
