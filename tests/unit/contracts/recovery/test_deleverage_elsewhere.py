# SPDX-License-Identifier: Apache-2.0
"""What a side that has to fold means for its accounts' other markets, and for who is not of it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.support.books import Books
from tests.support.evm import a_key, refuses
from tests.support.venue import DOLLAR, LOT, PRICE_E8, Venue

from infold.words import unpack_account, unpack_position

from .conftest import Crowd
from .test_deleverage import BROKE, LOW, Full, fill_pool
from .test_deleverage import full as full

ORACLE = {1: LOW, 2: PRICE_E8}
THIRD, FRESH = a_key("third short"), a_key("fresh")


@pytest.fixture
def third(full: Full) -> int:
    """A short in place 1, behind since the long was deleveraged; market 2 is listed and quiet."""
    venue = full.crowd.venue
    venue.list_market(2, name="ETH-USD")
    account = venue.open_account(THIRD, 1_000_000 * DOLLAR)
    venue.world.travel(1)
    plans = [
        venue.a_fill(venue.an_order(account, buy=False, size_e8=LOT // 10), place=1),
        venue.a_fill(venue.an_order(full.other, size_e8=LOT // 10, slot=3)),
    ]
    venue.settle(venue.a_batch(plans, oracle={1: PRICE_E8}))
    fill_pool(full)
    full.deleverage(LOW)
    venue.back(10_000_000 * DOLLAR)
    return account


def reasons(venue: Venue, buyer: int, seller: int, size_e8: int, slot: int) -> Mapping[int, int]:
    """Why whom is skipped when two cross in market 2, in their first free places."""
    venue.world.travel(1)
    plans = [
        venue.a_fill(venue.an_order(buyer, market=2, size_e8=size_e8, slot=slot)),
        venue.a_fill(venue.an_order(seller, market=2, buy=False, size_e8=size_e8, slot=slot)),
    ]
    vector = venue.a_vector(ORACLE)
    receipt = venue.settle(venue.a_batch(plans, oracle={2: PRICE_E8}, vector=vector))
    Books(venue).check()
    return {event["account"]: event["reason"] for event in receipt.all("Skipped")}


def test_who_is_behind_in_one_market_opens_nothing_in_another(full: Full, third: int) -> None:
    """Margin or not: what it holds is not known until it is folded."""
    venue = full.crowd.venue
    fresh = venue.open_account(FRESH, 10_000_000 * DOLLAR)
    for slot, size_e8 in ((5, LOT // 10), (6, 500 * LOT)):
        assert reasons(venue, third, fresh, size_e8, slot) == {third: 23}
    venue.recovery.fold(third, 1, sender=FRESH)
    assert reasons(venue, third, fresh, LOT // 10, 7) == {}
    assert reasons(venue, third, fresh, 500 * LOT, 8) == {third: 22}


def test_a_fold_in_any_place_goes_on_until_nothing_is_left_to_fold(full: Full, third: int) -> None:
    full.deleverage(BROKE)
    venue = full.crowd.venue
    assert len(venue.recovery.fold(third, 1, sender=FRESH).all("Applied")) == 2
    assert unpack_position(venue.clearing.positions(third * 16 + 1)).event == 4
    with refuses(venue.world, "recovery: nothing to fold"):
        venue.recovery.fold(third, 1, sender=FRESH)
    Books(venue).check()


@pytest.mark.usefixtures("third")
def test_who_is_of_the_other_side_trades_on_elsewhere_and_takes_money_out(full: Full) -> None:
    venue, owner = full.crowd.venue, a_key("other long")
    assert unpack_position(venue.clearing.positions(full.other * 16)).event == 0
    fresh = venue.open_account(FRESH, 1_000_000 * DOLLAR)
    assert reasons(venue, full.other, fresh, LOT // 10, 5) == {}
    venue.clearing.request_withdrawal(full.other, DOLLAR, sender=owner)
    venue.world.travel(20)
    before = venue.dollar.balanceOf(owner.address)
    vector = venue.presented(venue.a_vector(ORACLE))
    venue.clearing.claim_withdrawal(full.other, *vector, sender=owner)
    assert venue.dollar.balanceOf(owner.address) == before + DOLLAR
    assert unpack_account(venue.clearing.accounts(full.other)).mask == 3


def test_the_backstop_of_the_other_side_takes_what_is_skipped(full: Full, crowd: Crowd) -> None:
    """Its margin is asked at a position that is of no side that owes."""
    venue = crowd.venue
    venue.back(10_000_000 * DOLLAR)
    venue.world.travel(1)
    plans = [
        venue.a_fill(venue.an_order(full.other, size_e8=LOT // 10, slot=3, limit_price_e8=1)),
        venue.a_fill(venue.an_order(full.second, buy=False, size_e8=LOT // 10, slot=3)),
    ]
    assert len(venue.settle(venue.a_batch(plans, oracle={1: PRICE_E8})).all("Skipped")) == 1
    fill_pool(full)
    full.deleverage(LOW)
    fresh = venue.open_account(FRESH, 1_000_000 * DOLLAR)
    venue.world.travel(1)
    plans = [
        venue.a_fill(venue.an_order(full.other, size_e8=100, slot=4, limit_price_e8=1)),
        venue.a_fill(venue.an_order(fresh, buy=False, size_e8=100, slot=4)),
    ]
    before = unpack_position(venue.clearing.positions(16 + 1)).base_e8
    assert before == LOT // 10
    venue.settle(venue.a_batch(plans, oracle={1: LOW}))
    assert unpack_position(venue.clearing.positions(16 + 1)).base_e8 == before + 100
    Books(venue).check()
    with refuses(venue.world, "recovery: nothing to fold"):
        full.fold(full.other)
