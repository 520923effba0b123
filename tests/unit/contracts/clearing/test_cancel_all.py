# SPDX-License-Identifier: Apache-2.0
"""Clearing.cancel_all: what it stores; its effect on batches stands in test_settle_skips."""

from __future__ import annotations

from tests.support.evm import refuses
from tests.support.stage import BUYER, SELLER, Stage


def test_cancel_all_raises_the_epoch_and_stores_the_barrier(stage: Stage) -> None:
    stage.cross()
    before = stage.account(stage.buyer)
    receipt = stage.venue.clearing.cancel_all(stage.buyer, sender=BUYER)
    barrier_ms = stage.venue.world.now_ms + 3_000
    assert stage.account(stage.buyer) == before._replace(epoch=1)
    assert stage.venue.clearing.epoch_barriers(stage.buyer) == barrier_ms
    assert receipt.only("CancelledAll") == {
        "account": stage.buyer,
        "word": stage.venue.clearing.accounts(stage.buyer),
        "barrier": barrier_ms,
    }


def test_cancel_all_is_the_owners(stage: Stage) -> None:
    for account in (stage.buyer, 0, 1, 2, 500):
        with refuses(stage.venue.world, "clearing: not the owner"):
            stage.venue.clearing.cancel_all(account, sender=SELLER)


def test_a_second_cancel_all_waits_until_the_first_is_absolute(stage: Stage) -> None:
    clearing, world = stage.venue.clearing, stage.venue.world
    clearing.cancel_all(stage.buyer, sender=BUYER)
    start_s = world.timestamp_s
    for wait_s in (0, 3, 4, 18):
        world.at(start_s + wait_s)
        with refuses(world, "clearing: cancel too soon"):
            clearing.cancel_all(stage.buyer, sender=BUYER)
    world.at(start_s + 19)
    clearing.cancel_all(stage.buyer, sender=BUYER)
    assert stage.account(stage.buyer).epoch == 2


def test_the_epoch_never_wraps(stage: Stage) -> None:
    """65,535 times, each in its turn."""
    clearing, world = stage.venue.clearing, stage.venue.world
    data = clearing.calldata("cancel_all", stage.buyer)
    for _ in range(65_535):
        world.raw(BUYER.address, clearing.address, data)
        world.travel(19)
    assert stage.account(stage.buyer).epoch == 65_535
    with refuses(world, "clearing: epochs used up"):
        clearing.cancel_all(stage.buyer, sender=BUYER)
