# SPDX-License-Identifier: Apache-2.0
"""`omissions.worse_fill` says of a batch what `Bond.challenge` says of it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from tests.support.evm import Refused
from tests.support.omission import LEFT_OUT, Omission, set_up
from tests.support.venue import LOT, PRICE_E8

from infold.messages import Batch, Order, Receipt, TimeInForce, TriggerKind
from infold.omissions import Receipted, SealedBatch, challenge_arguments, worse_fill
from infold.shell.chain import batch_of_settle, settle_calldata
from infold.signing import order_hash, sign


@pytest.fixture(scope="module")
def scene() -> Omission:
    return set_up()


def held(scene: Omission, order: Order, **times: int) -> Receipted:
    sequence, accepted_ms, batch_ms, r, vs = scene.receipt(order, **times)
    digest = order_hash(order, scene.venue.domain)
    receipt = Receipt(
        order_hash=digest,
        sequence=sequence,
        accepted_ms=accepted_ms,
        batch_ms=batch_ms,
        r=r,
        vs=vs,
    )
    signed = sign(digest, LEFT_OUT.private)
    return Receipted(order=order, r=signed[0], vs=signed[1], receipt=receipt)


def sealed(batch: Batch) -> SealedBatch:
    """As it is found on chain."""
    found = batch_of_settle(settle_calldata(batch))
    assert found is not None
    return found


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "left out": ({}, {}),
    "at the price": ({"limit_price_e8": PRICE_E8}, {}),
    "a limit as bad": ({"limit_price_e8": PRICE_E8 * 105 // 100}, {}),
    "a limit one worse": ({"limit_price_e8": PRICE_E8 * 105 // 100 + 1}, {}),
    "a lower fee": ({"max_fee_e6": 9_999}, {}),
    "post-only": ({"post_only": True}, {}),
    "reduce-only": ({"reduce_only": True}, {}),
    "immediate": ({"time_in_force": TimeInForce.IOC}, {}),
    "whole": ({"time_in_force": TimeInForce.FOK}, {}),
    "triggered": ({"trigger_kind": TriggerKind.AT_OR_ABOVE}, {}),
    "the other side": ({"buy": False, "limit_price_e8": PRICE_E8 * 8 // 10}, {}),
    "the other side, worst": ({"buy": False, "limit_price_e8": PRICE_E8 * 95 // 100}, {}),
    "another market": ({"market": 2}, {}),
    "expired": ({"expiry_ms": 1}, {}),
    "too early": ({"good_after_ms": 2**47}, {}),
    "accepted later": ({}, {"accepted_ms": 2**47}),
    "of a later batch": ({}, {"batch_ms": 2**47}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_contract_says_the_same(scene: Omission, case: str) -> None:
    changes, times = CASES[case]
    with scene.venue.world.anchored():
        claim, batch = held(scene, scene.order(**changes), **times), scene.batch()
        worse = worse_fill(claim, sealed(batch))
        arguments = challenge_arguments(claim, sealed(batch), 0 if worse is None else worse)
        if worse is not None:
            scene.venue.bond.challenge(*arguments, sender=LEFT_OUT)
            return
        for place in range(len(batch.records)):
            with pytest.raises(Refused):
                scene.venue.bond.challenge(*arguments[:-1], place, sender=LEFT_OUT)


def test_some_cases_are_omissions_and_some_are_not(scene: Omission) -> None:
    batch = sealed(scene.batch())
    found = {
        case
        for case, (changes, times) in CASES.items()
        if worse_fill(held(scene, scene.order(**changes), **times), batch) is not None
    }
    assert found == {"left out", "a limit one worse", "the other side"}


def test_a_slot_in_the_batch_is_no_omission_unless_nothing_fills_it(scene: Omission) -> None:
    order = scene.order()
    for fill_e8, omitted in ((0, True), (1, False), (LOT, False)):
        plans = [*scene.fills(), scene.venue.a_fill(order, fill_e8, key=LEFT_OUT)]
        batch = sealed(scene.batch(plans))
        assert (worse_fill(held(scene, order), batch) is not None) == omitted


def test_calldata_gives_back_the_whole_batch(scene: Omission) -> None:
    """Also of vectors of several chunks, some of them not opened."""
    venue = scene.venue
    vector = venue.a_vector({1: PRICE_E8, 40: PRICE_E8, 70: PRICE_E8}, opened=0b101)
    batch = venue.a_batch(scene.fills(), oracle={1: PRICE_E8}, vector=vector)
    found = sealed(batch)
    assert (found.number, found.time_ms) == (batch.number, batch.time_ms)
    assert (found.head, found.root) == (batch.head, batch.vector.root)
    assert found.price_words == batch.price_words and found.records == batch.records
    assert (found.accepted_root, found.seal) == (batch.accepted_root, batch.seals[0])
    assert batch_of_settle(b"\0" * 400) is None


def test_a_receipted_order_survives_its_file(scene: Omission) -> None:
    claim = held(scene, scene.order())
    assert msgspec.json.decode(msgspec.json.encode(claim), type=Receipted) == claim
