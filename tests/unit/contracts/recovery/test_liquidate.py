# SPDX-License-Identifier: Apache-2.0
"""Recovery.liquidate through the real Clearing.apply (C2, C3, C10)."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, Receipt, World, a_key, refuses
from tests.support.venue import LOT, ORACLE_SIGNERS, PRICE_E8

from infold.words import (
    unpack_account,
    unpack_clock,
    unpack_incoming,
    unpack_meter,
    unpack_pool,
    unpack_position,
)

from .conftest import KEEPER, LONG, Crowd

LOW = PRICE_E8 * 955 // 1000
"""Where the long's equity, 4,000 - 30 - 2,700 dollars, is below 2.5 % of what it holds."""


def highest_unhealthy_price(crowd: Crowd) -> int:
    low, high = 1, PRICE_E8
    while high - low > 1:
        middle = (low + high) // 2
        equity, margin = crowd.health(crowd.long, middle)
        low, high = (middle, high) if equity < margin else (low, middle)
    return low


def test_liquidate_begins_exactly_where_equity_falls_below_maintenance(crowd: Crowd) -> None:
    price = highest_unhealthy_price(crowd)
    assert LOW < price < PRICE_E8
    with refuses(crowd.venue.world, "recovery: account is healthy"):
        crowd.liquidate(price + 1)
    crowd.liquidate(price)


def test_liquidate_hands_the_position_to_the_pools_incoming_at_the_oracle_price(
    crowd: Crowd,
) -> None:
    clearing = crowd.venue.clearing
    before = unpack_position(clearing.positions(crowd.long * 16))
    crowd.liquidate(LOW, LOT // 4)
    after = unpack_position(clearing.positions(crowd.long * 16))
    incoming = unpack_incoming(clearing.market_words(8 + 4))
    assert after.base_e8 == before.base_e8 - LOT // 4
    assert after.quote_e6 == before.quote_e6 + LOW // 4 // 100
    assert (incoming.base_e8, incoming.quote_e6) == (LOT // 4, -(LOW // 4 // 100))
    assert unpack_clock(clearing.market_words(8)).flags == 1
    assert unpack_meter(clearing.market_words(8 + 2)).open_interest_e8 == LOT - LOT // 4
    assert clearing.pool_markets() == 1 << 1


def test_liquidate_closes_a_whole_position_and_frees_its_place(crowd: Crowd) -> None:
    clearing = crowd.venue.clearing
    equity, _ = crowd.health(crowd.long, LOW)
    crowd.liquidate(LOW)
    word = unpack_account(clearing.accounts(crowd.long))
    assert clearing.positions(crowd.long * 16) == 0
    assert word.mask == 0
    assert word.collateral_e6 == equity


def test_the_next_batch_gives_the_pool_what_was_taken_over(crowd: Crowd) -> None:
    clearing = crowd.venue.clearing
    crowd.liquidate(LOW)
    crowd.venue.world.travel(1)
    crowd.venue.settle(crowd.venue.a_batch(oracle={1: LOW}))
    pool = unpack_pool(clearing.market_words(8 + 1))
    short = unpack_position(clearing.positions(crowd.short * 16))
    assert clearing.market_words(8 + 4) == 0
    assert pool.base_e8 + short.base_e8 == 0
    assert pool.quote_e6 == -(LOW // 100)


def test_a_short_is_liquidated_upwards(crowd: Crowd) -> None:
    venue = crowd.venue
    poor = venue.open_account(a_key("poor short"), 4_000 * 10**6)
    venue.trade(crowd.short, poor, size_e8=LOT, price_e8=PRICE_E8)
    high = PRICE_E8 * 1045 // 1000
    with refuses(venue.world, "recovery: account is healthy"):
        crowd.liquidate(PRICE_E8, account=poor)
    crowd.liquidate(high, LOT // 2, account=poor)
    assert unpack_position(venue.clearing.positions(poor * 16)).base_e8 == -LOT // 2


def test_liquidate_makes_a_partly_closed_account_no_worse(crowd: Crowd) -> None:
    equity, margin = crowd.health(crowd.long, LOW)
    for size_e8 in (1, 12_345, LOT // 3):
        crowd.liquidate(LOW, size_e8)
        after, less = crowd.health(crowd.long, LOW)
        assert equity - 1 <= after <= equity + 1
        assert less <= margin
        equity, margin = after, less


def test_liquidate_works_once_the_owner_has_asked_to_withdraw_everything(crowd: Crowd) -> None:
    """The pending amount counts as equity, so asking neither saves nor dooms the account."""
    free = unpack_account(crowd.venue.clearing.accounts(crowd.long)).collateral_e6
    crowd.venue.clearing.request_withdrawal(crowd.long, free, sender=LONG)
    with refuses(crowd.venue.world, "recovery: account is healthy"):
        crowd.liquidate(PRICE_E8)
    crowd.liquidate(LOW)


@pytest.mark.parametrize("account", [0, 1, 2, 16, 2**32, 2**256 - 1])
def test_liquidate_rejects_the_pool_the_backstop_and_numbers_nobody_has(
    crowd: Crowd, account: int
) -> None:
    with refuses(crowd.venue.world, "recovery: not a trader"):
        crowd.liquidate(LOW, account=account)


def test_liquidate_rejects_a_place_that_cannot_be(crowd: Crowd) -> None:
    with refuses(crowd.venue.world, "recovery: index out of range"):
        crowd.liquidate(LOW, index=16)


def test_liquidate_rejects_a_place_that_is_empty(crowd: Crowd) -> None:
    with refuses(crowd.venue.world, "recovery: no position"):
        crowd.liquidate(LOW, index=1)


@pytest.mark.parametrize("size_e8", [0, LOT + 1, 2**255])
def test_liquidate_rejects_a_size_it_cannot_take(crowd: Crowd, size_e8: int) -> None:
    with refuses(crowd.venue.world, "recovery: size out of range"):
        crowd.liquidate(LOW, size_e8)


def test_liquidate_rejects_an_old_vector_and_one_from_the_future(crowd: Crowd) -> None:
    venue = crowd.venue

    def at(time_ms: int) -> Receipt:
        vector = venue.a_vector({1: LOW}, time_ms=time_ms)
        receipt: Receipt = venue.recovery.liquidate(
            *venue.presented(vector), crowd.long, 0, LOT, sender=KEEPER
        )
        return receipt

    venue.world.travel(60)
    now_ms = venue.world.now_ms
    with refuses(venue.world, "clearing: vector too old"):
        at(now_ms - 15_001)
    with refuses(venue.world, "clearing: vector from the future"):
        at(now_ms + 1_001)
    for good in (now_ms - 15_000, now_ms + 1_000):
        with venue.world.anchored():
            at(good)


def test_liquidate_rejects_a_vector_that_is_not_signed_by_enough(crowd: Crowd) -> None:
    vector = crowd.venue.a_vector({1: LOW}, signers=ORACLE_SIGNERS[:1])
    with refuses(crowd.venue.world, "signers: too few"):
        crowd.venue.recovery.liquidate(
            *crowd.venue.presented(vector), crowd.long, 0, LOT, sender=KEEPER
        )


def test_apply_takes_nobodys_word_but_recoverys(crowd: Crowd) -> None:
    vector = crowd.venue.a_vector({1: LOW})
    with refuses(crowd.venue.world, "clearing: not recovery"):
        crowd.venue.clearing.apply(
            *crowd.venue.presented(vector), crowd.long, 0, -LOT, sender=KEEPER
        )


@pytest.mark.parametrize("place", range(2))
def test_init_rejects_the_zero_address(place: int) -> None:
    world = World()
    parts = [ZERO if at == place else KEEPER.address for at in range(2)]
    with refuses(world, f"recovery: {('clearing', 'oracle')[place]} is zero"):
        world.deploy("Recovery", *parts, sender=a_key("deployer"))
