# SPDX-License-Identifier: Apache-2.0
"""Bond.challenge: an omission is what three signatures and Clearing's storage show, and no more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.support.evm import Key, a_key, refuses
from tests.support.omission import GOOD_E8, LEFT_OUT, RIVAL, WORSE_E8, Omission, Proof
from tests.support.venue import CLAIM_S, DEPLOYER, LOT, MATCHER, PRICE_E8, REWARD_E6

from infold.messages import Order, TimeInForce, TriggerKind
from infold.signing import Domain, order_hash, sign

STRANGER = a_key("stranger")


def test_an_order_left_out_is_claimed_for_and_paid(scene: Omission) -> None:
    venue, bond = scene.venue, scene.venue.bond
    order = scene.order()
    batch = scene.batch()
    venue.settle(batch)
    claim = scene.challenge(scene.proof(order, batch)).only("Claimed")
    due_s = venue.world.timestamp_s + CLAIM_S
    assert claim == {
        "order_hash": scene.hash(order),
        "account": scene.left_out,
        "number": batch.number,
        "claim": due_s << 96 | scene.left_out << 64 | REWARD_E6,
    }
    assert bond.reserved_e6() == REWARD_E6
    venue.world.at(due_s + 1)
    before_e6 = venue.dollar.balanceOf(LEFT_OUT.address)
    paid = bond.pay(scene.hash(order), sender=STRANGER).only("Paid")
    assert paid == {
        "order_hash": scene.hash(order),
        "to": LEFT_OUT.address.lower(),
        "amount_e6": REWARD_E6,
    }
    assert venue.dollar.balanceOf(LEFT_OUT.address) == before_e6 + REWARD_E6


def test_a_sealed_batch_counts_whether_the_chain_took_it_or_not(scene: Omission) -> None:
    scene.challenge(scene.proof())
    assert scene.venue.bond.reserved_e6() == REWARD_E6


def test_a_seller_is_left_out_where_a_lower_asker_waits_and_a_higher_one_is_filled(
    scene: Omission,
) -> None:
    venue = scene.venue
    order = scene.order(buy=False, limit_price_e8=PRICE_E8 * 8 // 10)
    worse = venue.an_order(scene.rival, buy=False, limit_price_e8=PRICE_E8 * 9 // 10)
    bid = venue.an_order(scene.seller, limit_price_e8=GOOD_E8)
    batch = scene.batch([venue.a_fill(worse), venue.a_fill(bid)])
    scene.challenge(scene.proof(order, batch))
    same = msgspec.structs.replace(order, seq=11, limit_price_e8=PRICE_E8 * 9 // 10)
    with refuses(venue.world, "bond: not a worse fill"):
        scene.challenge(scene.proof(same, batch))
    dear = msgspec.structs.replace(order, seq=12, limit_price_e8=PRICE_E8 + 1)
    with refuses(venue.world, "bond: limit not met"):
        scene.challenge(scene.proof(dear, batch))


def test_an_order_is_claimed_for_once_whatever_the_batch(scene: Omission) -> None:
    order = scene.claimed()
    scene.venue.world.travel(2)
    with refuses(scene.venue.world, "bond: already claimed"):
        scene.challenge(scene.proof(order))


def test_only_the_owner_claims(scene: Omission) -> None:
    """A stranger's poor proof would spend the owner's only claim."""
    for who in (STRANGER, RIVAL, MATCHER, DEPLOYER):
        with refuses(scene.venue.world, "bond: not the owner"):
            scene.challenge(scene.proof(), sender=who)


# -- the order -------------------------------------------------------------------------------------

PARTICULAR: list[dict[str, Any]] = [
    {"post_only": True},
    {"reduce_only": True},
    {"time_in_force": TimeInForce.IOC},
    {"time_in_force": TimeInForce.FOK},
    {"trigger_kind": TriggerKind.AT_OR_ABOVE},
    {"trigger_kind": TriggerKind.AT_OR_BELOW},
]


@pytest.mark.parametrize("changes", PARTICULAR, ids=lambda changes: "-".join(map(str, changes)))
def test_orders_that_may_have_had_to_wait_prove_nothing(
    scene: Omission, changes: dict[str, Any]
) -> None:
    with refuses(scene.venue.world, "bond: not a plain order"):
        scene.challenge(scene.proof(scene.order(**changes)))


def test_an_order_must_be_in_force_at_the_batch(scene: Omission) -> None:
    now_ms = scene.venue.world.now_ms
    for changes in ({"expiry_ms": now_ms - 1}, {"good_after_ms": now_ms + 1}):
        with refuses(scene.venue.world, "bond: order not in force"):
            scene.challenge(scene.proof(scene.order(**changes)))
    scene.challenge(scene.proof(scene.order(expiry_ms=now_ms, good_after_ms=now_ms)))


def test_an_order_whose_limit_the_price_misses_was_not_left_out(scene: Omission) -> None:
    venue = scene.venue
    low = venue.an_order(scene.rival, limit_price_e8=PRICE_E8 - 2)
    batch = scene.batch([venue.a_fill(low)])
    with refuses(venue.world, "bond: limit not met"):
        scene.challenge(scene.proof(scene.order(limit_price_e8=PRICE_E8 - 1), batch))
    scene.challenge(scene.proof(scene.order(limit_price_e8=PRICE_E8), batch))


def test_only_the_owners_signature_or_approval_counts(scene: Omission) -> None:
    """A delegate's grant may be given anew later; what an order cost then is not to be seen now."""
    venue = scene.venue
    order = scene.order()
    words = scene.record(order, STRANGER)
    forged = (words.order, words.terms, words.r, words.vs)
    with refuses(venue.world, "bond: not signed by the owner"):
        scene.challenge(scene.proof(order, order=forged))
    venue.delegates.approve(scene.left_out, scene.hash(order), sender=LEFT_OUT)
    scene.challenge(scene.proof(order, order=forged))


def test_an_approval_taken_back_before_the_batch_does_not_count(scene: Omission) -> None:
    venue = scene.venue
    order = scene.order()
    words = scene.record(order, STRANGER)
    venue.delegates.approve(scene.left_out, scene.hash(order), sender=LEFT_OUT)
    venue.delegates.disapprove(scene.left_out, scene.hash(order), sender=LEFT_OUT)
    venue.world.travel(4)
    with refuses(venue.world, "bond: not signed by the owner"):
        scene.challenge(scene.proof(order, order=(words.order, words.terms, words.r, words.vs)))


def test_an_approval_taken_back_counts_to_its_last_moment(scene: Omission) -> None:
    venue = scene.venue
    order = scene.order()
    words = scene.record(order, STRANGER)
    venue.delegates.approve(scene.left_out, scene.hash(order), sender=LEFT_OUT)
    venue.delegates.disapprove(scene.left_out, scene.hash(order), sender=LEFT_OUT)
    venue.world.travel(3)
    assert venue.delegates.approvals(scene.left_out, scene.hash(order)) == venue.world.now_ms
    scene.challenge(scene.proof(order, order=(words.order, words.terms, words.r, words.vs)))


def test_what_the_owner_cancelled_on_chain_is_not_claimed_for(scene: Omission) -> None:
    venue = scene.venue
    proof = scene.proof()
    with venue.world.anchored():
        venue.clearing.cancel(scene.left_out, 3, 10, sender=LEFT_OUT)
        with refuses(venue.world, "bond: order is cancelled"):
            scene.challenge(proof)
    with venue.world.anchored():
        venue.clearing.cancel_all(scene.left_out, sender=LEFT_OUT)
        with refuses(venue.world, "bond: order is cancelled"):
            scene.challenge(proof)
    with venue.world.anchored():
        venue.clearing.cancel_all(scene.left_out, sender=LEFT_OUT)
        scene.challenge(scene.proof(scene.order(epoch=1)))
    venue.clearing.cancel(scene.left_out, 3, 9, sender=LEFT_OUT)
    scene.challenge(proof)


def test_what_was_filled_or_replaced_since_is_not_claimed_for(scene: Omission) -> None:
    venue = scene.venue
    order = scene.order()
    proof = scene.proof(order)
    cases = [
        ("bond: order is filled", order, order.size_e8),
        ("bond: slot has a newer order", msgspec.structs.replace(order, seq=11), LOT // 2),
        ("bond: slot has a newer order", msgspec.structs.replace(order, max_fee_e6=9_999), LOT),
        (None, order, order.size_e8 - 1),
        (None, msgspec.structs.replace(order, seq=9), LOT),
    ]
    for reason, filled, fill_e8 in cases:
        with venue.world.anchored():
            venue.world.travel(1)
            sale = venue.an_order(scene.seller, buy=False, limit_price_e8=PRICE_E8 * 9 // 10)
            plans = [venue.a_fill(filled, fill_e8, key=LEFT_OUT), venue.a_fill(sale, fill_e8)]
            assert venue.settle(scene.batch(plans)).all("Skipped") == []
            if reason is None:
                scene.challenge(proof)
            else:
                with refuses(venue.world, reason):
                    scene.challenge(proof)


# -- the receipt -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", range(5))
def test_every_field_of_the_receipt_is_signed(scene: Omission, place: int) -> None:
    proof = scene.proof()
    for bit in (0, 1, 7, 40):
        fields = list(proof.receipt)
        fields[place] ^= 1 << bit
        flipped = replace(proof, receipt=tuple(fields))
        time_ms = proof.head >> 16 & 2**48 - 1
        late = place in (1, 2) and fields[place] >= time_ms
        said = "bond: accepted too late" if late else "bond: not the matcher's receipt"
        with refuses(scene.venue.world, said):
            scene.challenge(flipped)


def test_a_receipt_of_another_order_chain_contract_or_key_is_none(scene: Omission) -> None:
    order = scene.order()
    here = scene.venue.domain
    oracle = bytes.fromhex(scene.venue.oracle.address[2:])
    bond = bytes.fromhex(scene.venue.bond.address[2:])
    receipts = [
        scene.receipt(scene.order(seq=11)),
        scene.receipt(order, key=STRANGER),
        scene.receipt(order, domain=Domain(1, here.verifying_contract)),
        scene.receipt(order, domain=Domain(here.chain_id, oracle)),
        scene.receipt(order, domain=Domain(here.chain_id, bond)),
        (7, scene.venue.world.now_ms - 1_000, 0, 0, 0),
    ]
    for receipt in receipts:
        with refuses(scene.venue.world, "bond: not the matcher's receipt"):
            scene.challenge(scene.proof(order, receipt=receipt))


def test_a_receipt_must_be_older_than_the_batch_by_both_its_times(scene: Omission) -> None:
    now_ms = scene.venue.world.now_ms
    order = scene.order()
    for times in ({"accepted_ms": now_ms}, {"batch_ms": now_ms}, {"batch_ms": now_ms + 1}):
        with refuses(scene.venue.world, "bond: accepted too late"):
            scene.challenge(scene.proof(order, receipt=scene.receipt(order, **times)))
    last = scene.receipt(order, accepted_ms=now_ms - 1, batch_ms=now_ms - 1)
    scene.challenge(scene.proof(order, receipt=last))


# -- the batch -------------------------------------------------------------------------------------


def flipped_words(proof: Proof) -> list[Proof]:
    """The proof with one bit of the batch turned, everywhere that is not judged before the seal."""
    turned = [
        replace(proof, head=proof.head ^ 1),
        replace(proof, head=proof.head ^ 1 << 64),
        replace(proof, root=bytes([proof.root[0] ^ 1]) + proof.root[1:]),
        replace(proof, accepted_root=bytes(31) + b"\1"),
        replace(proof, prices=[proof.prices[0] ^ 1]),
        replace(proof, prices=[*proof.prices, 2 << 240 | 1 << 176]),
        replace(proof, records=proof.records[:-1]),
        replace(proof, records=[*proof.records, proof.records[-1]]),
    ]
    for at in range(len(proof.records)):
        for word in range(4):
            fields = list(proof.records[at])
            fields[word] ^= 1
            records = [*proof.records]
            records[at] = tuple(fields)
            turned.append(replace(proof, records=records))
    return turned


def test_every_word_of_the_batch_is_sealed(scene: Omission) -> None:
    for forged in flipped_words(scene.proof()):
        with refuses(scene.venue.world, "bond: not the matcher's seal"):
            scene.challenge(forged)


def test_a_seal_of_another_key_chain_or_contract_is_none(scene: Omission) -> None:
    proof = scene.proof()
    batch = scene.batch(sealers=(STRANGER,))
    for seal in (batch.seals[0], (0, 0), (proof.seal[0], proof.seal[1] ^ 1 << 255)):
        with refuses(scene.venue.world, "bond: not the matcher's seal"):
            scene.challenge(replace(proof, seal=seal))


def test_the_worse_fill_is_of_the_same_market_side_and_at_most_the_same_fee(
    scene: Omission,
) -> None:
    venue = scene.venue
    order = scene.order(max_fee_e6=10_000)
    for changes in (
        {"limit_price_e8": GOOD_E8},
        {"limit_price_e8": GOOD_E8 + 1},
        {"max_fee_e6": 10_001},
    ):
        rival = venue.an_order(scene.rival, **{"limit_price_e8": WORSE_E8} | changes)
        with refuses(venue.world, "bond: not a worse fill"):
            scene.challenge(scene.proof(order, scene.batch(scene.fills(rival))))
    proof = scene.proof(order)
    for place in (1 - proof.worse, 2, 2**256 - 1):
        with refuses(venue.world, "bond: not a worse fill"):
            scene.challenge(replace(proof, worse=place))


def test_a_fill_in_another_market_shows_nothing(scene: Omission) -> None:
    venue = scene.venue
    venue.list_market(2, name="ETH-USD")
    rival = venue.an_order(scene.rival, market=2, limit_price_e8=WORSE_E8)
    batch = scene.batch([venue.a_fill(rival)], oracle={1: PRICE_E8, 2: PRICE_E8})
    with refuses(venue.world, "bond: not a worse fill"):
        scene.challenge(scene.proof(batch=batch))
    batch = scene.batch([venue.a_fill(rival)], oracle={2: PRICE_E8})
    with refuses(venue.world, "bond: market not priced"):
        scene.challenge(scene.proof(batch=batch))


def test_a_batch_that_prices_sixty_four_markets_can_be_proven_and_there_is_none_of_more(
    scene: Omission,
) -> None:
    for count in (65, 64):
        proof = scene.proof(batch=scene.batch(oracle=dict.fromkeys(range(1, count + 1), PRICE_E8)))
        assert len(proof.prices) == count
        if count == 64:
            scene.challenge(proof)
        else:
            with refuses(scene.venue.world, ""):
                scene.challenge(proof)


def test_a_record_without_a_fill_is_an_omission_and_no_worse_fill(scene: Omission) -> None:
    venue = scene.venue
    order = scene.order()
    empty = venue.a_fill(order, 0, key=LEFT_OUT)
    batch = scene.batch([*scene.fills(), empty])
    scene.challenge(scene.proof(order, batch))
    other = scene.order(seq=11, slot=4)
    rival = venue.an_order(scene.rival, limit_price_e8=WORSE_E8)
    sale = scene.fills()[1]
    with refuses(venue.world, "bond: not a worse fill"):
        scene.challenge(scene.proof(other, scene.batch([venue.a_fill(rival, 0), sale])))


def test_a_slot_that_the_batch_fills_was_not_left_out(scene: Omission) -> None:
    venue = scene.venue
    order = scene.order()
    for filled in (order, scene.order(seq=9)):
        batch = scene.batch([*scene.fills(), venue.a_fill(filled, 1, key=LEFT_OUT)])
        with refuses(venue.world, "bond: slot is in the batch"):
            scene.challenge(scene.proof(order, batch))


def test_the_whole_of_the_largest_batch_can_be_proven(scene: Omission) -> None:
    """256 records of one market: what it costs is stated in docs/protocol.md section 12."""
    venue = scene.venue
    rival = venue.an_order(scene.rival, limit_price_e8=WORSE_E8)
    first = venue.a_fill(rival)
    plans = [
        replace(
            first,
            order=msgspec.structs.replace(rival, slot=slot),
            signature=(2**256 // 3, 2**255 // 3),
        )
        for slot in range(256)
    ]
    proof = scene.proof(batch=scene.batch(plans))
    assert len(proof.records) == 256
    gas = scene.challenge(proof).gas
    data = len(venue.bond.calldata("challenge", *proof.arguments))
    assert data == 33_412
    assert 500_000 < gas < 700_000
    with refuses(venue.world, ""):
        scene.challenge(replace(proof, records=[*proof.records, proof.records[-1]]))


# -- time and money --------------------------------------------------------------------------------


def test_a_batch_may_be_claimed_for_as_long_as_the_window_is(scene: Omission) -> None:
    proof = scene.proof()
    start_s = scene.venue.world.timestamp_s
    scene.venue.world.at(start_s + CLAIM_S + 1)
    with refuses(scene.venue.world, "bond: too late to claim"):
        scene.challenge(proof)
    scene.venue.world.at(start_s + CLAIM_S)
    scene.challenge(proof)


def test_the_last_claim_takes_what_is_left_and_then_there_is_nothing(scene: Omission) -> None:
    bond = scene.venue.bond
    batch = scene.batch()
    for seq in range(10, 20):
        scene.challenge(scene.proof(scene.order(seq=seq), batch))
    assert bond.reserved_e6() == bond.bond_e6()
    with refuses(scene.venue.world, "bond: nothing left"):
        scene.challenge(scene.proof(scene.order(seq=20), batch))
    scene.venue.dollar.mint(STRANGER.address, 5, sender=STRANGER)
    scene.venue.dollar.approve(bond.address, 5, sender=STRANGER)
    bond.deposit(5, sender=STRANGER)
    claim = scene.challenge(scene.proof(scene.order(seq=20), batch)).only("Claimed")["claim"]
    assert claim & 2**64 - 1 == 5


def test_keys_are_judged_by_when_they_served(scene: Omission) -> None:
    """After a change of matcher the old key's receipts and seals of its time still count, the new
    key's of that time do not, and the other way round.
    """
    venue = scene.venue
    order = scene.order()
    old_batch, old_receipt = scene.batch(), scene.receipt(order)
    fresh: Key = a_key("next matcher")
    forged = scene.receipt(order, key=fresh)
    venue.governance.set_matcher(fresh.address, sender=DEPLOYER)
    venue.world.travel(4)
    with refuses(venue.world, "bond: not the matcher's receipt"):
        scene.challenge(scene.proof(order, old_batch, receipt=forged))
    new_batch = scene.batch(sealers=(fresh,))
    stale = scene.batch()
    with refuses(venue.world, "bond: not the matcher's seal"):
        scene.challenge(scene.proof(order, stale, receipt=old_receipt))
    with venue.world.anchored():
        scene.challenge(scene.proof(order, new_batch, receipt=old_receipt))
    scene.challenge(scene.proof(order, old_batch, receipt=old_receipt))


def test_a_key_counts_up_to_its_last_moment_and_the_next_one_after_it(scene: Omission) -> None:
    venue = scene.venue
    order = scene.order()
    receipt = scene.receipt(order)
    fresh: Key = a_key("next matcher")
    venue.governance.set_matcher(fresh.address, sender=DEPLOYER)
    last_ms = venue.world.now_ms + 3_000
    venue.world.travel(4)
    for late_ms, good, bad in ((0, MATCHER, fresh), (1, fresh, MATCHER)):
        made = {"oracle": {1: PRICE_E8}, "time_ms": last_ms + late_ms}
        with refuses(venue.world, "bond: not the matcher's seal"):
            forged = scene.batch(sealers=(bad,), **made)
            scene.challenge(scene.proof(order, forged, receipt=receipt))
        with venue.world.anchored():
            sealed = scene.batch(sealers=(good,), **made)
            scene.challenge(scene.proof(order, sealed, receipt=receipt))


def test_a_key_before_the_present_one_counts_whatever_its_bits_are(scene: Omission) -> None:
    venue = scene.venue
    before: Key = a_key("next matcher")
    assert before.number >> 159 == 1
    venue.governance.set_matcher(before.address, sender=DEPLOYER)
    venue.world.travel(20)
    order = scene.order()
    batch, receipt = scene.batch(sealers=(before,)), scene.receipt(order, key=before)
    venue.governance.set_matcher(MATCHER.address, sender=DEPLOYER)
    venue.world.travel(4)
    scene.challenge(scene.proof(order, batch, receipt=receipt))


def test_an_order_hash_of_bond_is_that_of_settle(scene: Omission) -> None:
    """Every field of an order is in the hash: with the owner's signature moved to an order that
    differs in one, nobody signed it.
    """
    plain = scene.order()
    signed = sign(order_hash(plain, scene.venue.domain), LEFT_OUT.private)
    changes: list[Callable[[Order], Order]] = [
        lambda order: msgspec.structs.replace(order, market=2),
        lambda order: msgspec.structs.replace(order, buy=False),
        lambda order: msgspec.structs.replace(order, size_e8=order.size_e8 + 1),
        lambda order: msgspec.structs.replace(order, limit_price_e8=order.limit_price_e8 + 1),
        lambda order: msgspec.structs.replace(order, max_fee_e6=9_999),
        lambda order: msgspec.structs.replace(order, trigger_price_e8=1),
        lambda order: msgspec.structs.replace(order, good_after_ms=1),
        lambda order: msgspec.structs.replace(order, expiry_ms=order.expiry_ms + 1),
        lambda order: msgspec.structs.replace(order, epoch=1),
        lambda order: msgspec.structs.replace(order, slot=4),
        lambda order: msgspec.structs.replace(order, seq=11),
    ]
    for change in changes:
        record = scene.record(change(plain))
        with refuses(scene.venue.world, "bond: not signed by the owner"):
            scene.challenge(scene.proof(plain, order=(record.order, record.terms, *signed)))
