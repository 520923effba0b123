# SPDX-License-Identifier: Apache-2.0
"""Group B at random: a matcher with a friend seals thousands of things that should not be, and a
judge that knows only what the victims signed looks at their words after each.

Prices walk, the pool has capital and funding is off, so that every unit of a victim's quote comes
from a fill. The seed is printed where it fails.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import pytest
from tests.support.evm import Key, Refused
from tests.support.stage import BUYER, ETHER_E8, ORACLE, SELLER, THIRD, Stage
from tests.support.venue import LOT, MATCHER, FillPlan

from infold.messages import Order
from infold.signing import order_hash, sign
from infold.words import hash_prefix

ROUNDS = 250
FEE_E6 = 500
SIGNER_REASONS = {1, 9, 10, 11}
"""ACCOUNT, EPOCH, SIGNER, SLOT: an order that is not the one its owner signed."""
EXPECTED = {
    "clearing: backstop margin",
    "clearing: batch time must rise",
    "clearing: batch time outside window",
    "clearing: gross exceeded",
    "clearing: loss meter",
    "clearing: price beyond curve",
    "clearing: price on the wrong side",
    "clearing: price outside band",
    "clearing: records not ascending",
    "clearing: wrong batch number",
    "seals: not the matcher",
}


@dataclass
class Victim:
    """What somebody signed in one market, and never anything else."""

    order: Order
    key: Key
    signature: tuple[int, int]

    @property
    def side(self) -> int:
        return 1 if self.order.buy else -1


def victims(stage: Stage) -> list[Victim]:
    """Buyer and seller want two markets each, within 10 bp of today's price, for a long time."""
    found = []
    for account, key in ((stage.buyer, BUYER), (stage.seller, SELLER)):
        for slot, price_e8 in enumerate((ORACLE[1], ETHER_E8)):
            buy = (account == stage.buyer) == (slot == 0)
            order = stage.venue.an_order(
                account,
                market=slot + 1,
                buy=buy,
                size_e8=20 * LOT,
                limit_price_e8=price_e8 * (1_001 if buy else 999) // 1_000,
                max_fee_e6=FEE_E6,
                expiry_ms=2**48 - 1,
                slot=slot,
            )
            pair = sign(order_hash(order, stage.venue.domain), key.private)
            found.append(Victim(order, key, pair))
    return found


FORGERIES: dict[str, Callable[[random.Random, Order], dict[str, Any]]] = {
    "limit": lambda rng, order: {"limit_price_e8": 10**15 if order.buy else 1},
    "size": lambda rng, order: {"size_e8": 2**61},
    "side": lambda rng, order: {"buy": not order.buy},
    "fee": lambda rng, order: {"max_fee_e6": 65_535},
    "market": lambda rng, order: {"market": 3 - order.market},
    "seq": lambda rng, order: {"seq": order.seq + rng.randrange(1, 9)},
    "slot": lambda rng, order: {"slot": order.slot + 2},
    "epoch": lambda rng, order: {"epoch": 1},
}


def net_of(plans: list[FillPlan], market: int) -> int:
    """What the records leave to the pool, if none is skipped."""
    fills = [plan for plan in plans if plan.order.market == market]
    return sum(plan.fill_e8 if plan.order.buy else -plan.fill_e8 for plan in fills)


class Adversary:
    """Draws batches; remembers which records of the last one were forged."""

    def __init__(self, stage: Stage, seed: int) -> None:
        self.stage = stage
        self.rng = random.Random(seed)
        self.marks = victims(stage)
        self.prices = dict(ORACLE)
        self.forged: set[tuple[int, int, int]] = set()

    def records(self) -> list[FillPlan]:
        """Parts of what was signed, some of it forged, and friends across or not."""
        rng, plans = self.rng, []
        self.forged = set()
        for victim in rng.sample(self.marks, rng.randrange(1, 5)):
            order, key, pair = victim.order, victim.key, victim.signature
            fill_e8 = rng.choice((1, rng.randrange(1, LOT), rng.randrange(1, 21 * LOT), LOT))
            if rng.random() < 0.3:
                order = msgspec.structs.replace(
                    order, **rng.choice(list(FORGERIES.values()))(rng, order)
                )
                own = sign(
                    order_hash(order, self.stage.venue.domain), rng.choice((THIRD, MATCHER)).private
                )
                pair = rng.choice((pair, own, (0, 0), (rng.getrandbits(256), rng.getrandbits(255))))
                self.forged.add((order.account, order.slot, order.seq))
            plan = self.stage.venue.a_fill(order, fill_e8, key=key)
            plans.append(
                replace(
                    plan,
                    signature=pair,
                    place=plan.place if rng.random() < 0.95 else rng.randrange(16),
                    delegated=rng.random() < 0.03,
                    approved=rng.random() < 0.03,
                )
            )
        if rng.random() < 0.05:
            plans.append(rng.choice(plans))
        for market in (1, 2):
            net = net_of(plans, market)
            if net and rng.random() < 0.8:
                size_e8 = abs(net) if rng.random() < 0.7 else rng.randrange(1, 2 * abs(net) + 1)
                plans.append(
                    self.stage.fill(self.stage.third, net < 0, size_e8, market=market, slot=market)
                )
        return plans

    def terms(self, plans: list[FillPlan]) -> dict[str, Any]:
        """Prices near and far, and now and then another number, time, sum or seal."""
        rng, prices = self.rng, {}
        for market, price_e8 in self.prices.items():
            net = net_of(plans, market)
            away_e6 = rng.choice((0, 500, -500) if net == 0 else (500, 700, 999))
            if rng.random() < 0.1:
                away_e6 = rng.choice((0, 499, 1_001, 30_000, 60_000, -700))
            away_e6 *= -1 if net < 0 else 1
            prices[market] = price_e8 + price_e8 * away_e6 // 10**6
        terms: dict[str, Any] = {"oracle": dict(self.prices), "prices": prices}
        odd = rng.random()
        if odd < 0.03:
            terms["number"] = rng.choice((0, 1, 2**64 - 1))
        elif odd < 0.08:
            terms["time_ms"] = self.stage.venue.world.now_ms - rng.choice((15_001, 14_000, 5_000))
        elif odd < 0.12:
            terms["gross"] = {rng.choice((1, 2)): rng.randrange(LOT)}
        elif odd < 0.14:
            terms["sealers"] = (THIRD,)
        return terms

    def walk(self) -> None:
        for market, price_e8 in self.prices.items():
            aim_e8 = ORACLE[market]
            pull = 1 if price_e8 < aim_e8 else -1
            step_e6 = self.rng.randrange(-800, 801) + 100 * pull
            self.prices[market] = price_e8 + price_e8 * step_e6 // 10**6


def judge(stage: Stage, victim: Victim, fills: int) -> int:
    """What the victim holds must follow from what it signed; returns how much that is."""
    order = victim.order
    place = stage.venue.place_of(order.account, order.market)
    held = stage.position(order.account, place)
    base_e8 = held.base_e8 * victim.side
    assert 0 <= base_e8 <= order.size_e8, "beyond its size, or to the wrong side (B03, B04)"
    paid_e6 = -held.quote_e6
    at_limit = base_e8 * order.limit_price_e8 * victim.side
    fee = base_e8 * ORACLE[order.market] * 11 // 10 * FEE_E6 // 10**6
    assert paid_e6 * 10**10 <= at_limit + fee + 2 * fills * 10**10, "a worse price (B01, B02, B14)"
    prefix = stage.filled(order.account, order.slot).prefix
    signed = hash_prefix(order_hash(order, stage.venue.domain))
    assert prefix in (0, signed), "a slot remembers an order that nobody signed (B07)"
    return base_e8


@pytest.mark.parametrize("seed", range(4))
def test_B01_B02_B03_B04_B07_B08_B13_B14_no_seal_takes_more_than_was_signed(
    stage: Stage, seed: int
) -> None:
    venue = stage.venue
    for market, name in ((1, "BTC-USD"), (2, "ETH-USD")):
        venue.list_market(market, name=name, rate_max_e9=0)
    stage.fund_pool()
    adversary = Adversary(stage, seed)
    cash = {it: stage.account(it) for it in (stage.buyer, stage.seller)}
    reasons: Counter[str] = Counter()
    skipped: Counter[int] = Counter()
    landed = forged = 0
    for _ in range(ROUNDS):
        venue.world.travel(adversary.rng.randrange(1, 20))
        adversary.walk()
        plans = adversary.records()
        batch = stage.batch(plans, **adversary.terms(plans))
        pools = {market: stage.pool(market) for market in (1, 2)}
        try:
            receipt = venue.settle(batch)
        except Refused as refused:
            reasons[refused.reason] += 1
            continue
        landed += 1
        stage.books.check()
        out = {
            (it["account"], it["slot"], it["seq"]): it["reason"] for it in receipt.all("Skipped")
        }
        skipped.update(out.values())
        assert adversary.forged <= out.keys(), f"seed {seed}: a forgery settled"
        forged += len(adversary.forged)
        for market, before in pools.items():
            after, price_e8 = stage.pool(market), adversary.prices[market]
            base_e8 = after.base_e8 - before.base_e8
            money_e6 = after.quote_e6 - before.quote_e6
            if after.base_e8:  # a pool that has closed is paid in collateral
                gain = money_e6 * 10**10 + base_e8 * price_e8
                assert gain >= -len(plans) * 10**10, f"seed {seed}: the pool paid (C7)"
        for victim in adversary.marks:
            judge(stage, victim, landed)
    for account, before in cash.items():
        after = stage.account(account)
        assert after.collateral_e6 == before.collateral_e6 and after.epoch == before.epoch
        assert after.owner == before.owner
    assert reasons.keys() <= EXPECTED, f"seed {seed}: {reasons}"
    bought = sum(judge(stage, victim, landed) for victim in adversary.marks)
    assert landed > ROUNDS // 8 and forged > 10 and bought > LOT, f"seed {seed}: too tame"
    assert skipped.keys() & SIGNER_REASONS and len(reasons) > 6, f"seed {seed}: {skipped} {reasons}"
    print(f"seed {seed}: {landed} of {ROUNDS} landed, {forged} forgeries, {dict(reasons)}")
