# SPDX-License-Identifier: Apache-2.0
"""Recovery.deleverage where the pool holds the other side, or a part of it."""

from __future__ import annotations

import pytest
from tests.support.books import Books
from tests.support.evm import a_key
from tests.support.venue import DOLLAR, LOT, PRICE_E8

from infold.words import unpack_incoming, unpack_meter

from .conftest import KEEPER, LONG, SHORT, Crowd
from .test_deleverage import Full


def test_the_pool_gives_up_its_part_at_once(crowd: Crowd) -> None:
    """A pool short 1 of 1 against a long of 1 that it has no room to take more of."""
    venue = crowd.venue
    venue.recovery.force_reduce(crowd.short, 0, LOT // 4, sender=a_key("short"))
    venue.world.travel(60)
    vector = venue.presented(venue.a_vector({1: PRICE_E8}))
    venue.recovery.execute_exit(*vector, crowd.short, 0, sender=KEEPER)
    before = unpack_incoming(venue.clearing.market_words(8 + 4))
    assert before.base_e8 == -LOT // 4
    full = Full(crowd, crowd.long, crowd.short)
    receipt = full.deleverage(50_000 * 10**8)
    taken = receipt.only("Applied")
    incoming = unpack_incoming(taken["incoming"])
    assert incoming.base_e8 == 0
    full.fold(crowd.short)
    assert full.position(crowd.short).base_e8 == 0
    assert unpack_meter(venue.clearing.market_words(8 + 2)).open_interest_e8 == 0
    Books(venue).check()


@pytest.mark.parametrize("side", ["longs", "shorts"])
def test_a_pool_that_is_the_whole_other_side_leaves_nothing_to_fold(
    crowd: Crowd, side: str
) -> None:
    """One against the pool alone, bankrupt: what it held is no one's afterwards."""
    venue = crowd.venue
    owner, holder, poor, price = SHORT, crowd.short, crowd.long, 50_000 * 10**8
    if side == "longs":
        owner, holder, price = LONG, crowd.long, 70_000 * 10**8
        poor = venue.open_account(a_key("poor short"), 4_000 * DOLLAR)
        venue.trade(crowd.short, poor)
    venue.recovery.force_reduce(holder, 0, LOT, sender=owner)
    venue.world.travel(60)
    vector = venue.presented(venue.a_vector({1: PRICE_E8}))
    venue.recovery.execute_exit(*vector, holder, 0, sender=KEEPER)
    held = unpack_incoming(venue.clearing.market_words(8 + 4)).base_e8
    assert held == (LOT if side == "longs" else -LOT)

    receipt = Full(crowd, crowd.long, crowd.short).deleverage(price, account=poor)
    event = receipt.only("Deleveraged")
    assert (event["number"], event["deleveraging"]) == (0, 0)
    assert unpack_incoming(venue.clearing.market_words(8 + 4)).base_e8 == 0
    assert venue.clearing.market_words(8 + 6) == venue.clearing.positions(poor * 16) == 0
    assert unpack_meter(venue.clearing.market_words(8 + 2)).open_interest_e8 == 0
    assert receipt.only("Covered")["pool_e6"] > 0
    Books(venue).check()


def test_where_nothing_is_left_to_fold_what_is_left_from_before_stays(crowd: Crowd) -> None:
    """A deleveraging of the shorts; then the pool takes all of theirs, and gives it up whole."""
    venue = crowd.venue
    owner = a_key("another long")
    another = venue.open_account(owner, 1_000 * DOLLAR)
    venue.trade(another, crowd.short, size_e8=1_000)
    venue.list_market(1, position_cap_e8=1)
    for size, key, account in ((1_000, owner, another), (LOT + 1, SHORT, crowd.short)):
        venue.recovery.force_reduce(account, 0, size, sender=key)
        venue.world.travel(60)
        vector = venue.presented(venue.a_vector({1: PRICE_E8}))
        venue.recovery.execute_exit(*vector, account, 0, sender=KEEPER)
        if account == another:
            venue.recovery.fold(crowd.short, 0, sender=KEEPER)
            venue.list_market(1, position_cap_e8=2 * LOT)
    before = venue.recovery.deleveragings(2**24 + 2)
    assert before >> 192 == 999
    receipt = Full(crowd, crowd.long, crowd.short).deleverage(50_000 * 10**8)
    event = receipt.only("Deleveraged")
    assert (event["number"], event["deleveraging"]) == (0, 0)
    assert venue.recovery.deleveragings(2**24 + 2) == before
    Books(venue).check()
