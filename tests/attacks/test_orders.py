# SPDX-License-Identifier: Apache-2.0
"""Group A: signed orders where they were not meant, when they were not meant, or twice.

Wallets' and approvals' part of the group is `test_sig.py`, cancels' `test_barriers.py`, forwarders'
`test_roles.py`, digests' `test_digests_on_chain.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.support.curve import CURVE_ORDER, mirror
from tests.support.evm import a_key, refuses
from tests.support.stage import BUYER, SELLER, Stage
from tests.support.venue import DOLLAR, GUARD_MS, LOT, PRICE_E8, FillPlan
from tests.support.verdicts import assert_settled, assert_skipped

from infold.messages import Order, TimeInForce, TriggerKind
from infold.signing import Domain, order_hash, sign

EXPIRY, SIGNER, SIZE = 3, 10, 13
KEY = a_key("session key")
SECOND_MS = 1_000


def signed_for(plan: FillPlan, domain: Domain) -> FillPlan:
    """The same order, signed by its owner for somewhere else."""
    return replace(plan, signature=sign(order_hash(plan.order, domain), BUYER.private))


def test_A01_wrong_chain(stage: Stage) -> None:
    stage.venue.world.travel(1)
    plan, here = stage.buy(), stage.venue.domain
    for chain_id in (here.chain_id + 1, 1, 0):
        with stage.venue.world.anchored():
            assert_skipped(
                stage, signed_for(plan, Domain(chain_id, here.verifying_contract)), SIGNER
            )
    assert_settled(stage, plan)


def test_A02_wrong_contract(stage: Stage) -> None:
    """What was signed for one venue is nobody's order at another on the same chain."""
    stage.venue.world.travel(1)
    plan, here = stage.buy(), stage.venue.domain
    for other in (stage.venue.oracle, stage.venue.recovery, stage.venue.delegates):
        elsewhere = Domain(here.chain_id, bytes.fromhex(other.address[2:]))
        with stage.venue.world.anchored():
            assert_skipped(stage, signed_for(plan, elsewhere), SIGNER)
    assert_settled(stage, plan)


def test_A03_malleable_s(stage: Stage) -> None:
    """The other s of a signature is nobody's, and a fill counts for its order, not its bytes."""
    stage.venue.world.travel(1)
    plan = stage.buy(fill_e8=LOT * 6 // 10)
    r, vs = sign(order_hash(plan.order, stage.venue.domain), BUYER.private)
    mirrored = mirror((r, vs))
    for forged in (mirrored, (r, vs ^ 1 << 255), (r + CURVE_ORDER & 2**256 - 1, vs)):
        with stage.venue.world.anchored():
            assert_skipped(stage, replace(plan, signature=forged), SIGNER)
    assert_settled(stage, plan)
    stage.venue.world.travel(1)
    assert_skipped(stage, replace(plan, signature=mirrored), SIGNER)
    stage.venue.world.travel(1)
    assert_skipped(stage, plan, SIZE)


@pytest.mark.parametrize("skew_s", [-30, 0, 30])
def test_A08_expired(stage: Stage, skew_s: int) -> None:
    """T decides, which oracle signers sign: a matcher whose clock is off by half a minute cannot
    fill a millisecond later, and what it cannot land in the window it cannot land.
    """
    world = stage.venue.world
    expiry_ms = world.now_ms + 60 * SECOND_MS
    plan = stage.buy(expiry_ms=expiry_ms)
    world.at_ms(expiry_ms + skew_s * SECOND_MS)
    if skew_s:
        batch = stage.batch([plan, stage.sell()], time_ms=expiry_ms)
        with refuses(world, "clearing: batch time outside window"):
            stage.venue.settle(batch)
        return
    with world.anchored():
        assert_settled(stage, plan, time_ms=expiry_ms)
    assert_skipped(stage, plan, EXPIRY, time_ms=expiry_ms + 1)


def test_A08_an_order_of_no_time_and_one_of_all_time(stage: Stage) -> None:
    """2^48 - 1 is the last moment that the 48 bits of an order can name, year 10889."""
    stage.venue.world.travel(1)
    with stage.venue.world.anchored():
        assert_skipped(stage, stage.buy(expiry_ms=0), EXPIRY)
    assert_settled(stage, stage.buy(expiry_ms=2**48 - 1))


TOUCHED: dict[str, Callable[[Order], Any]] = {
    "buy": lambda o: not o.buy,
    "size_e8": lambda o: o.size_e8 + 1,
    "limit_price_e8": lambda o: o.limit_price_e8 - 1,
    "max_fee_e6": lambda o: o.max_fee_e6 - 1,
    "time_in_force": lambda o: TimeInForce.FOK,
    "post_only": lambda o: True,
    "reduce_only": lambda o: False,
    "trigger_kind": lambda o: TriggerKind.AT_OR_BELOW,
    "trigger_price_e8": lambda o: o.trigger_price_e8 - 1,
    "good_after_ms": lambda o: o.good_after_ms + 1,
    "expiry_ms": lambda o: o.expiry_ms - 1,
    "slot": lambda o: o.slot + 1,
    "seq": lambda o: o.seq + 1,
    "epoch": lambda o: 1,
    "account": lambda o: o.account,
    "market": lambda o: 2,
}


def test_A10_every_field_is_flipped() -> None:
    assert set(TOUCHED) == set(Order.__struct_fields__)


@pytest.mark.parametrize("name", TOUCHED)
def test_A10_a_signature_is_of_one_order_to_the_last_field(stage: Stage, name: str) -> None:
    """Pasted to an order that differs in one field and would settle itself, it is nobody's."""
    venue = stage.venue
    stage.cross()
    venue.world.travel(1)
    signed = stage.buy(
        reduce_only=False,
        trigger_kind=TriggerKind.AT_OR_ABOVE,
        trigger_price_e8=5,
        good_after_ms=5,
        limit_price_e8=PRICE_E8 + 100,
    ).order
    pair = sign(order_hash(signed, venue.domain), BUYER.private)
    changes = {name: TOUCHED[name](signed)}
    if name == "account":
        changes["account"] = venue.open_account(BUYER, 100_000 * DOLLAR)
    elif name == "reduce_only":
        # a sell that is reduce-only settles by itself: only the signature stands against it
        signed = msgspec.structs.replace(signed, buy=False, limit_price_e8=1, reduce_only=True)
        pair = sign(order_hash(signed, venue.domain), BUYER.private)
    elif name == "epoch":
        # the next epoch is the account's own now, and the old signature is not for it
        venue.clearing.cancel_all(stage.buyer, sender=BUYER)
    elif name == "trigger_kind":
        signed = msgspec.structs.replace(signed, trigger_price_e8=PRICE_E8)
        pair = sign(order_hash(signed, venue.domain), BUYER.private)
    order = msgspec.structs.replace(signed, **changes)
    if name == "buy":
        order = msgspec.structs.replace(order, limit_price_e8=signed.limit_price_e8)
        against = {"prices": {1: PRICE_E8 + 100}}
    else:
        against = {}
    pasted = venue.a_fill(order, LOT, key=BUYER)
    assert_skipped(stage, replace(pasted, signature=pair), 10, **against)
    stage.venue.world.travel(1)
    alone = stage.fill(stage.third, not order.buy, LOT, market=order.market, slot=3)
    receipt = venue.settle(stage.batch([venue.a_fill(order, LOT, key=BUYER), alone], **against))
    assert receipt.all("Skipped") == [], "the order itself was not in order"


def test_A13_partial_fill_replay(stage: Stage) -> None:
    """60 % and 60 % of one order are never 120 %: the rest fits and a lot more does not."""
    order = stage.venue.an_order(stage.buyer, size_e8=LOT, limit_price_e8=PRICE_E8)
    part = LOT * 6 // 10
    stage.settle([stage.venue.a_fill(order, part), stage.sell(size_e8=part)])
    assert stage.filled(stage.buyer).filled_e8 == part
    stage.venue.world.travel(1)
    for over in (part, LOT - part + 1):
        with stage.venue.world.anchored():
            assert_skipped(stage, stage.venue.a_fill(order, over), SIZE)
    assert_settled(stage, stage.venue.a_fill(order, LOT - part))
    assert stage.filled(stage.buyer).filled_e8 == LOT
    stage.venue.world.travel(1)
    assert_skipped(stage, stage.venue.a_fill(order, 1), SIZE)


def test_A14_duplicate_in_one_batch(stage: Stage) -> None:
    """A slot stands in a batch once, so there is no second look at what it filled."""
    plan = stage.buy(fill_e8=5)
    stage.venue.world.travel(1)
    batch = stage.batch([plan, replace(plan, fill_e8=7), stage.sell(size_e8=12)])
    with refuses(stage.venue.world, "clearing: records not ascending"):
        stage.venue.settle(batch)


def test_A14_an_order_signed_for_two_slots_is_two_orders(stage: Stage) -> None:
    """Nobody copies an order to another slot: the slot is under the signature."""
    stage.venue.world.travel(1)
    plan = stage.buy(fill_e8=5)
    pair = sign(order_hash(plan.order, stage.venue.domain), BUYER.private)
    copy = replace(plan, order=msgspec.structs.replace(plan.order, slot=1), signature=pair)
    receipt = stage.settle([plan, copy, stage.sell(size_e8=10)])
    assert [(it["slot"], it["reason"]) for it in receipt.all("Skipped")] == [(1, SIGNER)]


# -- A15: a delegate's key --------


def grant(stage: Stage, **changes: int) -> int:
    """Let `KEY` trade market 1 for the buyer, for a minute; returns the expiry."""
    terms = {"markets": 1, "notional_e6": 10**13, "expiry_ms": stage.venue.world.now_ms + 60_000}
    given = (terms | changes).values()
    stage.venue.delegates.grant(stage.buyer, KEY.address, *given, sender=BUYER)
    return (terms | changes)["expiry_ms"]


def by_key(stage: Stage, **changes: Any) -> FillPlan:
    return stage.buy(key=KEY, delegated=True, **{"limit_price_e8": PRICE_E8, **changes})


def test_A15_a_delegates_key_serves_until_it_expires_or_is_revoked(stage: Stage) -> None:
    world = stage.venue.world
    expiry_ms = grant(stage)
    plan = by_key(stage)
    world.travel(1)
    with world.anchored():
        stage.venue.delegates.revoke(stage.buyer, KEY.address, sender=BUYER)
        barrier_ms = world.now_ms + GUARD_MS
        world.travel(4)
        with world.anchored():
            assert_settled(stage, plan, time_ms=barrier_ms)
        assert_skipped(stage, plan, SIGNER, time_ms=barrier_ms + 1)
    world.at_ms(expiry_ms + SECOND_MS)
    with world.anchored():
        assert_settled(stage, plan, time_ms=expiry_ms)
    assert_skipped(stage, plan, SIGNER, time_ms=expiry_ms + 1)


def test_A15_a_delegates_key_is_held_to_its_markets_and_account(stage: Stage) -> None:
    grant(stage)
    stage.venue.world.travel(1)
    with stage.venue.world.anchored():
        assert_settled(stage, by_key(stage))
    with stage.venue.world.anchored():
        assert_skipped(stage, by_key(stage, market=2, limit_price_e8=10**15), SIGNER)
    another = stage.venue.open_account(BUYER)
    assert_skipped(stage, stage.buy(another, key=KEY, delegated=True), SIGNER)


def test_A15_a_key_that_may_trade_may_do_nothing_else(stage: Stage) -> None:
    """It takes no money out, lets nobody else in, and stops nothing."""
    stage.cross()
    grant(stage)
    venue, account = stage.venue, stage.buyer
    later_ms = venue.world.now_ms + 10**6
    acts: list[tuple[str, Callable[..., object], tuple[Any, ...]]] = [
        ("clearing", venue.clearing.request_withdrawal, (account, 1)),
        ("clearing", venue.clearing.cancel, (account, 0, 1)),
        ("clearing", venue.clearing.cancel_all, (account,)),
        ("delegates", venue.delegates.grant, (account, SELLER.address, 1, 1, later_ms)),
        ("delegates", venue.delegates.grant, (account, KEY.address, 1, 1, later_ms)),
        ("delegates", venue.delegates.revoke, (account, KEY.address)),
        ("delegates", venue.delegates.approve, (account, bytes(32))),
        ("delegates", venue.delegates.disapprove, (account, bytes(32))),
        ("recovery", venue.recovery.force_reduce, (account, 0, 1)),
    ]
    for contract, act, arguments in acts:
        with refuses(venue.world, f"{contract}: not the owner"):
            act(*arguments, sender=KEY)
