# SPDX-License-Identifier: Apache-2.0
"""What liquidity providers get when a venue winds down: the pool's part, their requests (C12)."""

from __future__ import annotations

import pytest
from tests.support.books import Books
from tests.support.evm import a_key, refuses
from tests.support.venue import DOLLAR, LOT, PRICE_E8

from infold.words import (
    unpack_incoming,
    unpack_ledger,
    unpack_limits,
    unpack_pool,
    unpack_withdrawal,
)

from .conftest import KEEPER, LONG, Crowd
from .test_wind_down import EVER, WEEK_S, claim, crash, purse, register, stop

PROVIDER = a_key("provider")


@pytest.fixture
def pooled(crowd: Crowd) -> Crowd:
    """A pool of 10,000 dollars that holds a position."""
    venue = crowd.venue
    venue.provide(PROVIDER, 10_000 * DOLLAR, {1: PRICE_E8})
    return crowd


def test_shares_leave_for_their_part_of_what_the_pool_is_left_with(pooled: Crowd) -> None:
    venue, pool = pooled.venue, pooled.venue.pool
    shares = pool.balanceOf(PROVIDER.address)
    pool.transfer(KEEPER.address, shares // 4, sender=PROVIDER)
    own = (PROVIDER.address, PROVIDER.address)
    stop(venue)
    with refuses(venue.world, "pool: not wound down"):
        pool.leave(shares // 2, *own, sender=PROVIDER)
    venue.world.travel(WEEK_S + 1)
    before = purse(venue, KEEPER), purse(venue, PROVIDER)
    assert claim(venue, 0) == 10_000 * DOLLAR
    assert unpack_withdrawal(venue.clearing.withdrawals(0)) == (10_000 * DOLLAR, EVER)
    with refuses(venue.world, "recovery: nothing to claim"):
        claim(venue, 0)
    with refuses(venue.world, "clearing: wound down"):
        venue.clearing.claim_withdrawal(0, 0, [], [], sender=KEEPER)
    mine = (KEEPER.address, KEEPER.address)
    assert pool.leave(shares // 4, *mine, sender=KEEPER).value == 2_500 * DOLLAR
    assert purse(venue, KEEPER) == before[0] + 2_500 * DOLLAR
    with refuses(venue.world, "pool: not enough shares"):
        pool.leave(shares, *own, sender=PROVIDER)
    with refuses(venue.world, "pool: amount is zero"):
        pool.leave(0, *own, sender=PROVIDER)
    unit = 10**6  # shares, worth a millionth of a dollar
    rest = shares - shares // 4 - 2 * unit + 1
    for part, paid_e6 in ((unit - 1, 0), (unit, 1), (rest, 7_500 * DOLLAR - 2)):
        held = purse(venue, PROVIDER)
        assert pool.leave(part, *own, sender=PROVIDER).value == paid_e6
        assert purse(venue, PROVIDER) == held + paid_e6
    assert purse(venue, PROVIDER) == before[1] + 7_500 * DOLLAR - 1
    with refuses(venue.world, "pool: not enough shares"):
        pool.leave(1, *own, sender=PROVIDER)


def test_requests_that_wait_come_back_and_new_ones_are_refused(pooled: Crowd) -> None:
    venue, pool = pooled.venue, pooled.venue.pool
    shares = pool.balanceOf(PROVIDER.address)
    venue.fund(PROVIDER, 300 * DOLLAR)
    own = (PROVIDER.address, PROVIDER.address)
    who = PROVIDER.address
    first = venue.ask_in(PROVIDER, 100 * DOLLAR)
    venue.ask_out(PROVIDER, shares // 2)
    venue.world.travel(3600)
    late = venue.ask_in(PROVIDER, 50 * DOLLAR)
    assert late == first + 1
    stop(venue)
    with refuses(venue.world, "pool: wound down"):
        venue.ask_in(PROVIDER, 1)
    with refuses(venue.world, "pool: wound down"):
        venue.ask_out(PROVIDER, 1)
    assert pool.pendingDepositRequest(first, who) == pool.pendingRedeemRequest(first, who) == 0
    assert pool.maxDeposit(who) == pool.maxRedeem(who) == 0
    assert pool.claimableCancelDepositRequest(late, who) == 50 * DOLLAR
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, 0) == 10_000 * DOLLAR
    assert venue.collect(PROVIDER, first) == (shares // 2, 100 * DOLLAR)
    assert venue.collect(PROVIDER, late) == (0, 50 * DOLLAR)
    with refuses(venue.world, "pool: nothing to take back"):
        pool.claimCancelDepositRequest(late, who, who, sender=PROVIDER)
    assert pool.leave(shares, *own, sender=PROVIDER).value == 10_000 * DOLLAR


def test_what_a_strike_promised_is_paid_whole_whatever_was_lost(pooled: Crowd) -> None:
    """A struck redemption is no claim: it left the pool before the crash."""
    venue, pool = pooled.venue, pooled.venue.pool
    shares = pool.balanceOf(PROVIDER.address)
    epoch = venue.ask_out(PROVIDER, shares // 2)
    venue.strike({1: PRICE_E8})
    crash(pooled)
    stop(venue)
    register(venue, pooled.long)
    venue.world.travel(WEEK_S + 1)
    struck = unpack_limits(venue.clearing.limits()).struck_e6
    assert struck == pool.passed_e6() - 5_000 * DOLLAR == 5_000 * DOLLAR
    left = claim(venue, 0)
    assert left < 5_000 * DOLLAR
    assert venue.collect(PROVIDER, epoch) == (0, 5_000 * DOLLAR)
    for account in (pooled.short, pooled.keeper):
        claim(venue, account)
    own = (PROVIDER.address, PROVIDER.address)
    assert pool.leave(shares // 2, *own, sender=PROVIDER).value == left
    assert 0 <= venue.vault.accounted_e6() <= 3


def test_a_pool_that_owes_is_registered_and_its_shares_are_worth_nothing(crowd: Crowd) -> None:
    """It bought a unit from the long and the price halved; its holders owe nobody anything."""
    venue, pool = crowd.venue, crowd.venue.pool
    venue.provide(PROVIDER, 10_000 * DOLLAR, {1: PRICE_E8})
    venue.world.travel(10)
    sell = venue.an_order(crowd.long, buy=False)
    price = PRICE_E8 * 999 // 1000
    venue.settle(venue.a_batch([venue.a_fill(sell)], oracle={1: PRICE_E8}, prices={1: price}))
    venue.world.travel(60)
    venue.settle(venue.a_batch(oracle={1: PRICE_E8 // 2}))
    Books(venue).check(pool_e6=None)
    stop(venue)
    debt = -venue.recovery.final_equity(0)
    assert debt > 19_000 * DOLLAR
    assert register(venue, 0).only("DebtRegistered")["debt_e6"] == debt
    with refuses(venue.world, "recovery: owes nothing"):
        register(venue, 0)
    shares = pool.balanceOf(PROVIDER.address)
    own = (PROVIDER.address, PROVIDER.address)
    assert pool.leave(shares, *own, sender=PROVIDER).value == 0
    venue.world.travel(WEEK_S + 1)
    for account in (crowd.long, crowd.short, crowd.keeper):
        claim(venue, account)
    assert 0 <= venue.vault.accounted_e6() - venue.vault.waiting_e6() <= 4


def test_a_pools_part_counts_what_recovery_left_it_after_the_last_batch(pooled: Crowd) -> None:
    """An exit hands the pool a position that no batch ever joins to the rest of its own."""
    venue = pooled.venue
    venue.recovery.force_reduce(pooled.long, 0, LOT, sender=LONG)
    venue.world.travel(60)
    vector = venue.presented(venue.a_vector({1: PRICE_E8}))
    venue.recovery.execute_exit(*vector, pooled.long, 0, sender=KEEPER)
    incoming = unpack_incoming(venue.clearing.market_words(8 + 4))
    assert incoming.base_e8 == LOT and not unpack_pool(venue.clearing.market_words(8 + 1)).base_e8
    stop(venue)
    spread_e6 = 60_000 * DOLLAR * 2_000 // 10**6
    assert venue.recovery.final_equity(0) == 10_000 * DOLLAR + spread_e6
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, 0) == 10_000 * DOLLAR + spread_e6
    for account in (pooled.long, pooled.short, pooled.keeper):
        claim(venue, account)
    own = (PROVIDER.address, PROVIDER.address)
    shares = venue.pool.balanceOf(PROVIDER.address)
    assert venue.pool.leave(shares, *own, sender=PROVIDER).value == 10_000 * DOLLAR + spread_e6
    fees_e6 = unpack_ledger(venue.clearing.market_words(8 + 3)).fees_e6
    assert 0 <= venue.vault.accounted_e6() - venue.vault.waiting_e6() - fees_e6 <= 3
