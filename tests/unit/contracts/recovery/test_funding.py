# SPDX-License-Identifier: Apache-2.0
"""Funding of what Recovery moves between two batches: paid once, to whoever holds it."""

from __future__ import annotations

import pytest
from tests.support.books import Books
from tests.support.evm import Key, a_key
from tests.support.venue import DOLLAR, LOT, PRICE_E8

from infold.words import unpack_clock, unpack_incoming

from .conftest import KEEPER, LONG, Crowd

LOW = 57_000 * 10**8
BROKE = 55_000 * 10**8
OTHER, SECOND = a_key("other long"), a_key("second short")
CALM = {1: PRICE_E8}


def let_out(crowd: Crowd, account: int, owner: Key, size_e8: int) -> None:
    """A forced exit at its first appointed time, against the pool as far as it has room."""
    venue = crowd.venue
    venue.recovery.force_reduce(account, 0, size_e8, sender=owner)
    venue.world.travel(60)
    given = venue.presented(venue.a_vector(CALM))
    venue.recovery.execute_exit(*given, account, 0, sender=KEEPER)


@pytest.mark.parametrize("act", ["liquidate", "deleverage", "exit"])
def test_whoever_takes_a_position_over_gets_the_funding_its_owner_no_longer_pays(
    crowd: Crowd, act: str
) -> None:
    """At a high rate, an hour after the last batch and an hour before the next: the pot keeps
    nothing but what rounding left, also where the pool is one of those who are deleveraged.
    """
    venue = crowd.venue
    other, second = (venue.open_account(key, 1_000_000 * DOLLAR) for key in (OTHER, SECOND))
    venue.trade(other, second, size_e8=LOT // 3)
    venue.list_market(
        1, position_cap_e8=2 * LOT, rate_max_e9=10**8, velocity_e9=10**9, interest_share=15
    )
    let_out(crowd, second, SECOND, LOT // 4)
    for _ in range(30):
        venue.settle(venue.a_batch(oracle=CALM))
        venue.world.travel(3_600)
    assert unpack_clock(venue.clearing.market_words(8)).rate_e9 != 0
    if act == "exit":
        let_out(crowd, crowd.long, LONG, LOT)
    elif act == "liquidate":
        crowd.liquidate(LOW)
    else:
        vector = venue.presented(venue.a_vector({1: BROKE}))
        receipt = venue.recovery.deleverage(*vector, crowd.long, 0, 0, sender=KEEPER)
        incoming = unpack_incoming(receipt.all("Applied")[0]["incoming"])
        assert incoming.base_e8 > 0 and receipt.only("Deleveraged")["number"] == 2
        for account in (crowd.short, second):
            venue.recovery.fold(account, 0, sender=KEEPER)
    venue.world.travel(3_600)
    venue.settle(venue.a_batch(oracle=CALM))
    books = Books(venue)
    books.check()
    assert 0 <= books.pot_dust_e6(1) <= 60
