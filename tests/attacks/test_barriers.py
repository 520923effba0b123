# SPDX-License-Identifier: Apache-2.0
"""What an owner took back stays taken back, whatever else the owner takes back later (A09, C5)."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.evm import Key, a_key, refuses
from tests.support.stage import BUYER, ORACLE, Stage
from tests.support.venue import DOLLAR, LOT, MATCHER, PRICE_E8, Venue


def cancel(venue: Venue, account: int, owner: Key) -> None:
    venue.clearing.cancel(account, 0, 5, sender=owner)


def cancel_all(venue: Venue, account: int, owner: Key) -> None:
    venue.clearing.cancel_all(account, sender=owner)


@pytest.mark.parametrize(("act", "reason"), [(cancel, 12), (cancel_all, 9)])
@pytest.mark.parametrize("act_first", [True, False])
def test_A09_cancelled(
    stage: Stage, act: Callable[[Venue, int, Key], None], reason: int, act_first: bool
) -> None:
    """Before or after a batch of the same block, it touches no batch in flight; past the window it
    is absolute, for as long as the order would have been good.
    """
    venue = stage.venue
    dead = stage.buy(seq=5, fill_e8=LOT // 4, expiry_ms=2**48 - 1)
    batch = stage.batch([dead, stage.sell(size_e8=LOT // 4)])
    if act_first:
        act(venue, stage.buyer, BUYER)
    assert venue.settle(batch).all("Skipped") == []
    if not act_first:
        act(venue, stage.buyer, BUYER)
    for wait_s in (19, 1, 3_600, 86_400, 10**8):
        venue.world.travel(wait_s)
        receipt = venue.settle(stage.batch([dead, stage.sell(size_e8=LOT // 4)]))
        assert receipt.only("Skipped")["reason"] == reason
    assert stage.filled(stage.buyer).filled_e8 == LOT // 4


def test_A09_a_second_cancel_does_not_revive_what_the_first_killed(stage: Stage) -> None:
    venue = stage.venue
    dead = stage.buy(seq=5)
    venue.clearing.cancel(stage.buyer, 0, 5, sender=BUYER)
    venue.world.travel(60)
    skipped = venue.settle(stage.batch([dead, stage.sell()]))
    assert [one["reason"] for one in skipped.all("Skipped")] == [12], "absolute by now"

    venue.clearing.cancel(stage.buyer, 0, 6, sender=BUYER)
    venue.world.travel(2)  # within the second cancel's guard
    again = venue.settle(stage.batch([dead, stage.sell()]), sender=MATCHER)
    assert stage.filled(stage.buyer).filled_e8 == 0
    assert len(again.all("Skipped")) == 1


def test_A09_a_second_cancel_all_does_not_revive_an_older_epoch(stage: Stage) -> None:
    venue = stage.venue
    dead = stage.buy(seq=5, epoch=0)
    venue.clearing.cancel_all(stage.buyer, sender=BUYER)
    venue.world.travel(60)
    venue.clearing.cancel_all(stage.buyer, sender=BUYER)
    venue.world.travel(2)
    receipt = venue.settle(stage.batch([dead, stage.sell()]))
    assert [one["reason"] for one in receipt.all("Skipped")] == [9]


def test_A09_a_lot_let_out_of_many_is_no_last_look_for_its_friends(stage: Stage) -> None:
    """A short buys, and price falls before the batch lands: a friend's exit of one lot from a full
    market, meant to make all shorts fold, voids no fill of theirs.
    """
    venue, friend = stage.venue, a_key("friend")
    account = venue.open_account(friend, 100 * DOLLAR)
    stage.fund_pool()
    sale = stage.sell(size_e8=4 * LOT + 100)
    stage.settle([stage.buy(account, 100), stage.buy(size_e8=4 * LOT), sale])
    stage.settle([stage.sell(stage.third, LOT)], prices={1: PRICE_E8 - PRICE_E8 // 1_000})
    venue.list_market(1, position_cap_e8=LOT // 2)  # the pool holds more than it may
    venue.recovery.force_reduce(account, 0, 1, sender=friend)
    appointed_ms = venue.world.now_ms + 60_000
    venue.world.at_ms(appointed_ms)
    batch = stage.batch([stage.buy(stage.third, slot=3), stage.sell(stage.buyer, slot=3)])
    vector = venue.presented(venue.a_vector(ORACLE, time_ms=appointed_ms))
    venue.recovery.execute_exit(*vector, account, 0, sender=friend)
    with refuses(venue.world, "recovery: nothing to fold"):
        venue.recovery.fold(stage.third, 0, sender=friend)
    assert venue.settle(batch).all("Skipped") == []
    assert stage.backstop().base_e8 == 0
    stage.books.check()
