# SPDX-License-Identifier: Apache-2.0
"""What a node's journal holds against a claim: `Bond` takes what `defence` finds."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from tests.support.evm import a_key
from tests.support.omission import LEFT_OUT, Omission, set_up

from infold.core.events import OrderAccepted, SubmitOrders, encode_entry
from infold.messages import Cancel, Order, SignedCancel, SignedOrder
from infold.node.defence import Signatures, read_signatures
from infold.node.memory import CANCELLED
from infold.shell.journal import Journal
from infold.signing import cancel_digest, order_hash, sign, signature_bytes

STRANGER = a_key("stranger")


@pytest.fixture(scope="module")
def scene() -> Omission:
    return set_up()


def signed(scene: Omission, order: Order) -> SignedOrder:
    digest = order_hash(order, scene.venue.domain)
    signature = signature_bytes(*sign(digest, LEFT_OUT.private))
    signer = bytes.fromhex(LEFT_OUT.address[2:])
    return SignedOrder(order, signature, False, digest, signer)


def cancelled(scene: Omission, slot: int, seq: int) -> SignedCancel:
    cancel = Cancel(account=scene.left_out, slot=slot, seq=seq)
    r, vs = sign(cancel_digest(cancel, scene.venue.domain), LEFT_OUT.private)
    signer = bytes.fromhex(LEFT_OUT.address[2:])
    return SignedCancel(cancel=cancel, r=r, vs=vs, delegated=False, signer=signer)


def test_nothing_speaks_against_an_order_alone_in_its_slot(scene: Omission) -> None:
    held = Signatures()
    order = signed(scene, scene.order())
    assert held.answer(order.order_hash) is None, "it is not even known"
    held.add_order(order)
    for slot, seq in ((3, 9), (4, 11)):
        held.add_cancel(cancelled(scene, slot, seq))
        held.add_order(signed(scene, scene.order(slot=slot, seq=seq)))
    assert held.answer(order.order_hash) is None


@pytest.mark.parametrize("by", ["answer_with_cancel", "answer_with_order"])
def test_the_bond_takes_what_the_journal_holds(scene: Omission, tmp_path: Path, by: str) -> None:
    with scene.venue.world.anchored():
        order = signed(scene, scene.claimed())
        newer = signed(scene, scene.order(seq=11))
        journalled = [order, newer] if by == "answer_with_order" else [order]
        entries = [
            encode_entry(
                SubmitOrders(orders=[one], received_ms=1),
                [OrderAccepted(signed=one, sequence=at, accepted_ms=1)],
            )
            for at, one in enumerate(journalled, 1)
        ]
        if by == "answer_with_cancel":
            entries.append(msgspec.json.encode({CANCELLED: cancelled(scene, 3, 10)}))
        path = tmp_path / "journal"
        with Journal(path, bytes(32)) as journal:
            journal.append(entries)
        answer = read_signatures(path).answer(order.order_hash)
        assert answer is not None and answer.function == by
        getattr(scene.venue.bond, by)(*answer.arguments, sender=STRANGER)
        assert scene.venue.bond.reserved_e6() == 0
