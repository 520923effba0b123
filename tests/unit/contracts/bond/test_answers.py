# SPDX-License-Identifier: Apache-2.0
"""Bond.answer_with_cancel, answer_with_order, dismiss and pay: how a claim ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.support.evm import Key, Receipt, a_key, refuses, slot_of
from tests.support.omission import LEFT_OUT, RIVAL, TIMELOCK, Omission
from tests.support.venue import CLAIM_S, DEPLOYER, GUARDIAN, MATCHER, OWNER, REWARD_E6

from infold.messages import Cancel, Order, TimeInForce, TriggerKind
from infold.signing import Domain, cancel_digest, order_hash, sign
from infold.words import pack_delegate_markets

STRANGER, SESSION = a_key("stranger"), a_key("session key")


def by_cancel(
    scene: Omission,
    order: Order,
    *,
    seq: int | None = None,
    key: Key = LEFT_OUT,
    slot: int | None = None,
    domain: Domain | None = None,
) -> Receipt:
    """Answer with a cancel that a key signed for the order's slot."""
    seq = order.seq if seq is None else seq
    cancel = Cancel(account=order.account, slot=order.slot if slot is None else slot, seq=seq)
    pair = sign(cancel_digest(cancel, domain or scene.venue.domain), key.private)
    record = scene.record(order)
    receipt: Receipt = scene.venue.bond.answer_with_cancel(
        record.order, record.terms, seq, *pair, sender=STRANGER
    )
    return receipt


def by_order(scene: Omission, order: Order, newer: Order, *, key: Key = LEFT_OUT) -> Receipt:
    """Answer with another order that a key signed."""
    record, other = scene.record(order), scene.record(newer, key)
    receipt: Receipt = scene.venue.bond.answer_with_order(
        record.order,
        record.terms,
        (other.order, other.terms, other.r, other.vs),
        sender=STRANGER,
    )
    return receipt


def dismissed(scene: Omission, order: Order) -> Receipt:
    receipt: Receipt = scene.venue.bond.dismiss(scene.hash(order), sender=TIMELOCK)
    return receipt


def newer_order(scene: Omission, order: Order) -> Receipt:
    return by_order(scene, order, msgspec.structs.replace(order, seq=order.seq + 1))


ANSWERS: dict[int, Callable[[Omission, Order], Receipt]] = {
    1: by_cancel,
    2: newer_order,
    3: dismissed,
}


@pytest.mark.parametrize("why", ANSWERS)
def test_an_answer_frees_the_reward_and_the_order_is_never_claimed_for_again(
    scene: Omission, why: int
) -> None:
    bond = scene.venue.bond
    order = scene.claimed()
    claimed = bond.claims(scene.hash(order))
    answered = ANSWERS[why](scene, order).only("Answered")
    assert answered == {"order_hash": scene.hash(order), "why": why}
    assert bond.reserved_e6() == 0
    assert bond.claims(scene.hash(order)) == claimed - REWARD_E6, "the rest stays for who looks"
    with refuses(scene.venue.world, "bond: already claimed"):
        scene.challenge(scene.proof(order))
    with refuses(scene.venue.world, "bond: no such claim"):
        ANSWERS[why](scene, order)
    scene.venue.world.travel(CLAIM_S + 1)
    with refuses(scene.venue.world, "bond: no such claim"):
        bond.pay(scene.hash(order), sender=STRANGER)


@pytest.mark.parametrize("why", ANSWERS)
def test_answers_are_for_claims_and_for_the_window(scene: Omission, why: int) -> None:
    with refuses(scene.venue.world, "bond: no such claim"):
        ANSWERS[why](scene, scene.order())
    order = scene.claimed()
    due_s = scene.venue.world.timestamp_s + CLAIM_S
    scene.venue.world.at(due_s + 1)
    with refuses(scene.venue.world, "bond: window is over"):
        ANSWERS[why](scene, order)
    scene.venue.world.at(due_s)
    with refuses(scene.venue.world, "bond: window is not over"):
        scene.venue.bond.pay(scene.hash(order), sender=STRANGER)
    ANSWERS[why](scene, order)


@pytest.mark.parametrize("seq", [10, 2**32 - 2])
def test_a_cancel_answers_if_it_reaches_the_order(scene: Omission, seq: int) -> None:
    order = scene.claimed(scene.order(seq=seq))
    with refuses(scene.venue.world, "bond: cancel of an older order"):
        by_cancel(scene, order, seq=seq - 1)
    with scene.venue.world.anchored():
        by_cancel(scene, order, seq=seq + 1)
    by_cancel(scene, order, seq=seq)


def test_a_cancel_is_the_traders_of_this_slot_chain_and_contract(scene: Omission) -> None:
    order = scene.claimed()
    here = scene.venue.domain
    bond = bytes.fromhex(scene.venue.bond.address[2:])
    with refuses(scene.venue.world, "bond: not the trader's"):
        by_cancel(scene, order, slot=4)
    for key in (MATCHER, RIVAL, STRANGER, TIMELOCK):
        with refuses(scene.venue.world, "bond: not the trader's"):
            by_cancel(scene, order, key=key)
    for domain in (Domain(1, here.verifying_contract), Domain(here.chain_id, bond)):
        with refuses(scene.venue.world, "bond: not the trader's"):
            by_cancel(scene, order, domain=domain)
    record = scene.record(order)
    with refuses(scene.venue.world, "bond: not the trader's"):
        scene.venue.bond.answer_with_cancel(record.order, record.terms, 10, 0, 0, sender=STRANGER)


def test_a_delegate_speaks_for_the_trader_even_when_its_grant_is_over(scene: Omission) -> None:
    """The matcher heeds its cancels and takes its orders while it is live."""
    venue = scene.venue
    expiry_ms = venue.world.now_ms + 1_000
    markets = pack_delegate_markets((1,))
    order = scene.claimed()
    with refuses(venue.world, "bond: not the trader's"):
        by_cancel(scene, order, key=SESSION)
    venue.delegates.grant(
        scene.left_out, SESSION.address, markets, 2**64 - 1, expiry_ms, sender=LEFT_OUT
    )
    venue.world.travel(60)
    with venue.world.anchored():
        by_cancel(scene, order, key=SESSION)
    by_order(scene, order, msgspec.structs.replace(order, seq=11), key=SESSION)


def test_another_order_answers_if_it_is_in_the_slot_and_not_older(scene: Omission) -> None:
    order = scene.claimed()
    for changes in ({"slot": 4, "seq": 11}, {"account": scene.rival, "seq": 11}):
        with refuses(scene.venue.world, "bond: another slot"):
            by_order(scene, order, msgspec.structs.replace(order, **changes))
    for newer in (order, msgspec.structs.replace(order, seq=9)):
        with refuses(scene.venue.world, "bond: not a newer order"):
            by_order(scene, order, newer)
    by_order(scene, order, msgspec.structs.replace(order, size_e8=order.size_e8 + 1))


@pytest.mark.parametrize(
    "changes",
    [
        *({"time_in_force": kind} for kind in TimeInForce),
        *({"trigger_kind": kind, "trigger_price_e8": 7} for kind in TriggerKind),
        {"post_only": True},
        {"reduce_only": True},
        {"good_after_ms": 2**48 - 1, "expiry_ms": 2**48 - 2, "epoch": 2**16 - 1, "buy": False},
    ],
)
def test_another_order_answers_whatever_it_asks_for(
    scene: Omission, changes: dict[str, Any]
) -> None:
    order = scene.claimed()
    by_order(scene, order, msgspec.structs.replace(order, seq=11, **changes))


def test_another_order_is_the_traders_by_signature_or_approval(scene: Omission) -> None:
    venue = scene.venue
    order = scene.claimed()
    newer = msgspec.structs.replace(order, seq=11)
    for key in (MATCHER, RIVAL, STRANGER):
        with refuses(venue.world, "bond: not the trader's"):
            by_order(scene, order, newer, key=key)
    with venue.world.anchored():
        venue.delegates.disapprove(scene.left_out, order_hash(newer, venue.domain), sender=LEFT_OUT)
        with refuses(venue.world, "bond: not the trader's"):
            by_order(scene, order, newer, key=MATCHER)
    with venue.world.anchored():
        approve_until(scene, newer, 2)
        by_order(scene, order, newer, key=MATCHER)
    venue.delegates.approve(scene.left_out, order_hash(newer, venue.domain), sender=LEFT_OUT)
    by_order(scene, order, newer, key=MATCHER)


def approve_until(scene: Omission, order: Order, time_ms: int) -> None:
    """Past every rule: an approval of any last moment, a word of `Delegates.approvals`."""
    delegates, account = scene.venue.delegates, order.account.to_bytes(32, "big")
    slot = slot_of(delegates, "approvals", account, scene.hash(order))
    scene.venue.world.store(delegates.address, slot, time_ms)
    assert delegates.approvals(order.account, scene.hash(order)) == time_ms


def test_only_the_timelock_dismisses(scene: Omission) -> None:
    order = scene.claimed()
    for who in (MATCHER, OWNER, GUARDIAN, DEPLOYER, LEFT_OUT, STRANGER):
        with refuses(scene.venue.world, "bond: not the timelock"):
            scene.venue.bond.dismiss(scene.hash(order), sender=who)


def test_a_claim_is_paid_once(scene: Omission) -> None:
    bond = scene.venue.bond
    order = scene.claimed()
    with refuses(scene.venue.world, "bond: no such claim"):
        bond.pay(bytes(32), sender=STRANGER)
    scene.venue.world.travel(CLAIM_S + 1)
    staked_e6 = bond.bond_e6()
    bond.pay(scene.hash(order), sender=STRANGER)
    assert (bond.bond_e6(), bond.reserved_e6()) == (staked_e6 - REWARD_E6, 0)
    assert scene.venue.dollar.balanceOf(bond.address) == bond.bond_e6()
    with refuses(scene.venue.world, "bond: no such claim"):
        bond.pay(scene.hash(order), sender=STRANGER)
    with refuses(scene.venue.world, "bond: already claimed"):
        scene.challenge(scene.proof(order))
