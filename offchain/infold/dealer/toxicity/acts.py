# SPDX-License-Identifier: Apache-2.0
"""What toxicity does in the auction, inside declared bounds: the curve, the fee tier, the route.

There is one price for all in a batch, so a client's premium has no place there. Expected drift
moves the curve's reservation price, and the flow's expected markout widens it: all pay. A client's
own record picks its fee tier, never above the fee its order signed, and marks its flow for the
outside. A running venue takes the highest tier's fee from all and pays the others back
(docs/decisions/0079). All three are fixed before the batch closes or priced after it: nothing here
sees an order and none of it can refuse a fill.

Where clients are quoted one by one (`pricing.best_level`) the premium takes the curve's place.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from infold.dealer import checks
from infold.dealer.toxicity.pricing import guarded


class FeeTier(NamedTuple):
    """From this probability on a client's orders pay this fee, 1e-6 of notional."""

    probability: float
    fee_e6: int


class ActParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The declared bounds. Tiers rise in probability and fee, the first for everyone."""

    shift_bp_max: float
    widening_bp_max: float
    tiers: tuple[FeeTier, ...]
    route_probability: float

    def __post_init__(self) -> None:
        for name in ("shift_bp_max", "widening_bp_max"):
            checks.not_negative(name, getattr(self, name), "bp")
        if not 0.0 < self.route_probability <= 1.0:
            raise ValueError(
                f"route_probability must lie above 0 and at most at 1: {self.route_probability!r}"
            )
        tiers = list(self.tiers)
        rising = tiers == sorted(tiers) and tiers == sorted(tiers, key=lambda tier: tier.fee_e6)
        if not tiers or tiers[0].probability != 0.0 or not rising:
            raise ValueError("tiers must begin at probability 0 and rise in probability and fee_e6")
        if tiers[0].fee_e6 < 0 or not all(0.0 <= tier.probability <= 1.0 for tier in tiers):
            raise ValueError("tiers must have probabilities in 0..1 and fees_e6 not below zero")


def reservation_shift_bp(parameters: ActParameters, signal_bp: float, inventory_m: float) -> float:
    """How far drift to come moves the curve's centre: only towards less inventory, and bounded."""
    checks.number("signal_bp", signal_bp, "bp")
    checks.number("inventory_m", inventory_m, "M")
    shift = guarded(0.0, signal_bp, inventory_m)
    return max(-parameters.shift_bp_max, min(shift, parameters.shift_bp_max))


def widening_bp(parameters: ActParameters, expected_markout_bp: float) -> float:
    """What the flow's expected markout adds to the curve's half-spread; never below zero."""
    checks.number("expected_markout_bp", expected_markout_bp, "bp")
    return max(0.0, min(expected_markout_bp, parameters.widening_bp_max))


def fee_e6(parameters: ActParameters, probability: float, max_fee_e6: int) -> int:
    """The fee of a client this probably toxic: its tier's, or what it signed if that is less."""
    checks.share("probability", probability)
    checks.number("max_fee_e6", max_fee_e6, "1e-6 of notional")
    tier = [tier for tier in parameters.tiers if tier.probability <= probability][-1]
    return min(tier.fee_e6, max_fee_e6)


def routed_outside(parameters: ActParameters, probability: float) -> bool:
    """Whether this client's flow is marked for the outside route once it is filled."""
    checks.share("probability", probability)
    return probability >= parameters.route_probability
