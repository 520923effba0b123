# SPDX-License-Identifier: Apache-2.0
"""The capital rule of a running desk: what each market's curve may offer, and what that costs it.

The rules are `capital.py`'s, as in the crash simulation; here they bind several markets at once,
which are taken to fall together. With w the stressed worth of a M held (stress x highest price)
and E the equity,

    room = (capital_share E - sum over the others of w |q|) / w
    zone = min(room, (risk_share E - sum over the others of moves |q|) / move)

Curves of one moment do not know of each other's fills, so what is free is shared between them: were
every curve filled to its end, the positions would still survive their stress. Units: `params.py`;
sizes and equity at the present price, volatility bp per root day.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

from infold.dealer.capital import CapitalRule, half_spread_bp, move_bp, offered_m, room_m
from infold.dealer.params import BP_PER_ONE

ROOM: Final = "ROOM"
ZONE: Final = "ZONE"
VOLATILITY: Final = "VOLATILITY"
REASONS: Final = {
    ROOM: "a position survives its stress, and not a M more",
    ZONE: "little by little while a move within half an hour would cost too much",
    VOLATILITY: "prices move more than the parameters believe: so much less is offered",
}
"""Why a curve offers less than its parameters would; none of them touches what reduces."""


class Holding(NamedTuple):
    """One market as the rule sees it. `held_m` has hedges in it, `client_m` has not; `peak` is the
    day's highest price over the present one.
    """

    held_m: float
    client_m: float
    peak: float
    volatility_bp: float
    calm_bp: float  # volatility, of the parameters
    offer_m: float
    half_spread_bp: float  # calm


class Allowance(NamedTuple):
    """What a curve may offer. `cut_m` is what its two sides lose to the rule, `reason` why, empty
    if nothing is lost.
    """

    bid_m: float
    ask_m: float
    half_spread_bp: float
    zone_m: float
    room_m: float
    cut_m: float
    reason: str


def allowances(
    rule: CapitalRule, equity_bp_m: float, holdings: Mapping[int, Holding], age_s: float
) -> dict[int, Allowance]:
    """What each market may offer in one batch; `age_s` is how old a price is when it prints."""
    equity = max(equity_bp_m, 0.0)
    set_aside, risked = rule.capital_share * equity, rule.risk_share * equity
    weight = rule.stress * BP_PER_ONE
    rows = []
    all_stressed = all_at_risk = 0.0
    for market, one in holdings.items():
        size = abs(one.held_m)
        move = move_bp(rule.deviations, one.volatility_bp, rule.reaction_s, one.peak)
        stressed, at_risk = size * (weight * one.peak), size * move
        all_stressed += stressed
        all_at_risk += at_risk
        rows.append((market, one, move, stressed, at_risk))
    free = max(set_aside - all_stressed, 0.0) / max(len(rows), 1)
    found = {}
    for market, one, move, stressed, at_risk in rows:
        if len(rows) == 1:  # nothing is left to rounding: the crash simulation's own figures
            room = now = room_m(set_aside, rule.stress, one.peak)
            zone = min(room, risked / move)
        else:
            left = max(set_aside - (all_stressed - stressed), 0.0)
            room = room_m(left, rule.stress, one.peak)
            now = min(room, abs(one.held_m) + room_m(free, rule.stress, one.peak))
            zone = min(room, max(risked - (all_at_risk - at_risk), 0.0) / move)
        found[market] = _allowance(rule, one, room, zone, now, age_s)
    return found


def _allowance(
    rule: CapitalRule, one: Holding, room: float, zone: float, now: float, age_s: float
) -> Allowance:
    """`now` is the room of this batch, which all curves together cannot exceed."""
    held = one.held_m
    half = half_spread_bp(
        one.half_spread_bp, rule.staleness, one.volatility_bp, age_s, rule.spread_times_max
    )
    scale = one.volatility_bp / one.calm_bp
    if scale <= 1.0:
        scale, size, offer = 1.0, abs(held), one.offer_m
        free = min(rule.growth * (zone - size), now - size, 2.0 * now - abs(one.client_m))
        if size <= offer <= free:  # nothing binds: most batches
            return Allowance(offer, offer, half, zone, room, 0.0, "")
    offer = max(one.offer_m / scale, min(rule.offer_least_m, one.offer_m))
    least = min(rule.offer_least_m, offer)
    bid, ask = offered_m(held, now, zone, offer, least, rule.growth / scale)
    # The client leg, should every hedge be gone at once.
    bid = min(bid, max(2.0 * now - one.client_m, 0.0))
    ask = min(ask, max(2.0 * now + one.client_m, 0.0))
    # What the smaller side lost names the reason; whatever reduces is offered whole.
    lesser = min(bid, ask)
    reason = ""
    if lesser < offer:
        paced = max(min(offer, rule.growth / scale * (zone - abs(held))), least)
        reason = ZONE if lesser >= paced else ROOM
    elif offer < one.offer_m:
        reason = VOLATILITY
    bid, ask = max(bid, -held), max(ask, held)
    cut = max(one.offer_m - bid, 0.0) + max(one.offer_m - ask, 0.0)
    return Allowance(bid, ask, half, zone, room, cut, reason if cut > 0.0 else "")


class CapitalGuard:
    """The rule over a running desk: what it allowed last, how often it cut which market's curve and
    why, and the hedges it was told of.
    """

    def __init__(self, rule: CapitalRule | None = None) -> None:
        self.rule = rule or CapitalRule()
        self.last: dict[int, Allowance] = {}
        self.cuts: dict[tuple[int, str], int] = {}
        self.hedged_e8: dict[int, int] = {}

    def hedged(self, market: int, size_e8: int) -> None:
        """What is held outside against a market, signed; until it is told again."""
        self.hedged_e8[market] = size_e8

    def zone_m(self, market: int) -> float:
        """How much is held of a market without need to trade outside, at the last batch; without
        end where it was never asked.
        """
        found = self.last.get(market)
        return math.inf if found is None else found.zone_m

    def allow(
        self, equity_bp_m: float, holdings: Mapping[int, Holding], age_s: float
    ) -> Mapping[int, Allowance]:
        """`allowances`, remembered and counted."""
        self.last = allowances(self.rule, equity_bp_m, holdings, age_s)
        for market, one in self.last.items():
            if one.reason:
                self.cuts[market, one.reason] = self.cuts.get((market, one.reason), 0) + 1
        return self.last
