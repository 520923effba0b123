# SPDX-License-Identifier: Apache-2.0
"""Clearing.cancel: what it stores; its effect on batches stands in test_settle_skips."""

from __future__ import annotations

from tests.support.evm import a_key, refuses
from tests.support.stage import BUYER, SELLER, Stage
from tests.support.verdicts import assert_skipped

from infold.words import FillWord, unpack_fill


def test_cancel_stores_seq_and_barrier_and_leaves_the_fill(stage: Stage) -> None:
    stage.settle([stage.buy(fill_e8=60, slot=3), stage.sell(size_e8=60)])
    before = stage.filled(stage.buyer, 3)
    receipt = stage.venue.clearing.cancel(stage.buyer, 3, 2**32 - 1, sender=BUYER)
    after = stage.filled(stage.buyer, 3)
    barrier_ms = stage.venue.world.now_ms + 3_000
    assert after == before._replace(cancel_ms=barrier_ms, cancel_seq=2**32 - 1)
    assert receipt.only("Cancelled") == {
        "account": stage.buyer,
        "slot": 3,
        "fill": stage.venue.clearing.fills(stage.buyer << 8 | 3),
    }


def test_cancel_needs_no_order(stage: Stage) -> None:
    stage.venue.clearing.cancel(stage.buyer, 255, 1, sender=BUYER)
    word = unpack_fill(stage.venue.clearing.fills(stage.buyer << 8 | 255))
    assert word == FillWord(0, stage.venue.world.now_ms + 3_000, 1, 0, 0)


def test_cancel_is_the_owners(stage: Stage) -> None:
    for account in (stage.buyer, 0, 1, 2, 500):
        with refuses(stage.venue.world, "clearing: not the owner"):
            stage.venue.clearing.cancel(account, 0, 1, sender=SELLER)


def test_cancel_is_not_a_delegates(stage: Stage) -> None:
    key = a_key("session key")
    stage.venue.delegates.grant(
        stage.buyer, key.address, 1, 1, stage.venue.world.now_ms + 60_000, sender=BUYER
    )
    with refuses(stage.venue.world, "clearing: not the owner"):
        stage.venue.clearing.cancel(stage.buyer, 0, 1, sender=key)
    with refuses(stage.venue.world, "clearing: not the owner"):
        stage.venue.clearing.request_withdrawal(stage.buyer, 1, sender=key)


def test_cancel_rejects_slots_and_seqs_out_of_range(stage: Stage) -> None:
    for slot, seq in ((256, 1), (0, 2**32), (2**255, 1), (0, 2**255), (256, 2**32)):
        with refuses(stage.venue.world, "clearing: out of range"):
            stage.venue.clearing.cancel(stage.buyer, slot, seq, sender=BUYER)


def test_cancel_takes_rising_seqs_only(stage: Stage) -> None:
    clearing = stage.venue.clearing
    with refuses(stage.venue.world, "clearing: seq must rise"):
        clearing.cancel(stage.buyer, 0, 0, sender=BUYER)
    clearing.cancel(stage.buyer, 0, 7, sender=BUYER)
    stage.venue.world.travel(19)
    for seq in (6, 7):
        with refuses(stage.venue.world, "clearing: seq must rise"):
            clearing.cancel(stage.buyer, 0, seq, sender=BUYER)
    clearing.cancel(stage.buyer, 0, 8, sender=BUYER)


def test_a_second_cancel_waits_until_the_first_is_absolute(stage: Stage) -> None:
    clearing, world = stage.venue.clearing, stage.venue.world
    clearing.cancel(stage.buyer, 0, 7, sender=BUYER)
    start_s = world.timestamp_s
    for wait_s in (0, 3, 4, 18):
        world.at(start_s + wait_s)
        with refuses(world, "clearing: cancel too soon"):
            clearing.cancel(stage.buyer, 0, 8, sender=BUYER)
    with world.anchored():
        clearing.cancel(stage.buyer, 1, 8, sender=BUYER)  # another slot does not wait
    world.at(start_s + 19)
    clearing.cancel(stage.buyer, 0, 8, sender=BUYER)


def test_a_later_cancel_does_not_revive_a_part_filled_order_of_the_cancel_before(
    stage: Stage,
) -> None:
    """Not even up to its own barrier: the first one's is long past."""
    plan = stage.buy(fill_e8=60)
    stage.settle([plan, stage.sell(size_e8=60)])
    seq = plan.order.seq
    stage.venue.clearing.cancel(stage.buyer, 0, seq, sender=BUYER)
    stage.venue.world.travel(19)
    stage.venue.clearing.cancel(stage.buyer, 0, seq + 1, sender=BUYER)
    assert_skipped(stage, plan, 11)
