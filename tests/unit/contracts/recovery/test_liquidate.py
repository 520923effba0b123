# SPDX-License-Identifier: Apache-2.0
"""Recovery.liquidate through the real Clearing.apply (C2, C3, C10)."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from tests.support.books import Books
from tests.support.evm import ZERO, Receipt, World, a_key, refuses
from tests.support.venue import DOLLAR, LOT, ORACLE_SIGNERS, PRICE_E8

from infold.words import (
    PositionWord,
    unpack_account,
    unpack_clock,
    unpack_incoming,
    unpack_ledger,
    unpack_meter,
    unpack_pool,
    unpack_position,
)

from .conftest import INSURANCE, KEEPER, LONG, Crowd

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


def to_close(equity_e6: int, margin_e6: int, price_e8: int) -> int:
    """Lots after which equity is 5/4 of maintenance margin, in fractions: 25 of a thousand of what
    goes is margin let go, 0.5 h_min and 6.25 penalty.
    """
    a_lot = Fraction(price_e8, 10**10)
    lack = Fraction(5 * margin_e6, 4) - equity_e6
    return math.ceil(lack / (a_lot * Fraction(5 * 25_000 - 4 * 500 - 25_000, 4 * 10**6)))


def test_liquidate_closes_what_brings_equity_a_quarter_above_maintenance(crowd: Crowd) -> None:
    price = highest_unhealthy_price(crowd)
    equity, margin = crowd.health(crowd.long, price)
    crowd.liquidate(price)
    after, less = crowd.health(crowd.long, price)
    held = unpack_position(crowd.venue.clearing.positions(crowd.long * 16))
    assert LOT - held.base_e8 == to_close(equity, margin, price)
    assert 0 < held.base_e8 < LOT
    assert 0 <= 4 * after - 5 * less < 100
    with refuses(crowd.venue.world, "recovery: account is healthy"):
        crowd.liquidate(price)


def test_what_closing_costs_is_rounded_up_before_the_size_is(crowd: Crowd) -> None:
    """A price at which the part of a unit more makes it a lot more."""
    price = 57_000 * 10**8 + 19_500
    equity, margin = crowd.health(crowd.long, price)
    cost = Fraction(LOT * price * (4 * 500 + 25_000), 10**16)
    sizes = [
        math.ceil(Fraction((5 * margin - 4 * equity) * LOT, 5 * margin - round_(cost)))
        for round_ in (math.ceil, math.floor)
    ]
    assert sizes == [58_091_645, 58_091_644]
    assert crowd.liquidate(price).only("Liquidated")["size_e8"] == sizes[0]


def test_liquidate_hands_the_position_to_the_pools_incoming_with_h_min(crowd: Crowd) -> None:
    clearing = crowd.venue.clearing
    price = highest_unhealthy_price(crowd)
    before = unpack_position(clearing.positions(crowd.long * 16))
    receipt = crowd.liquidate(price)
    size = receipt.only("Liquidated")["size_e8"]
    after = unpack_position(clearing.positions(crowd.long * 16))
    incoming = unpack_incoming(clearing.market_words(8 + 4))
    got = size * price // 10**10 - math.ceil(Fraction(size * price * 500, 10**16))
    charge = math.ceil(Fraction(size * price * 6_250, 10**16))
    assert after.base_e8 == before.base_e8 - size
    assert after.quote_e6 == before.quote_e6 + got - charge
    assert (incoming.base_e8, incoming.quote_e6) == (size, -got)
    assert unpack_clock(clearing.market_words(8)).flags == 1
    assert unpack_meter(clearing.market_words(8 + 2)).open_interest_e8 == LOT - size
    assert unpack_ledger(clearing.market_words(8 + 3)).realised_e6 == charge
    assert clearing.pool_markets() == 1 << 1
    assert crowd.cash(INSURANCE) == charge
    Books(crowd.venue).check()


def test_half_of_the_penalty_is_the_keepers(crowd: Crowd) -> None:
    price = highest_unhealthy_price(crowd)
    size = crowd.liquidate(price, crowd.keeper).only("Liquidated")["size_e8"]
    charge = math.ceil(Fraction(size * price * 6_250, 10**16))
    assert crowd.cash(crowd.keeper) == 10 * DOLLAR + charge // 2
    assert crowd.cash(INSURANCE) == charge - charge // 2
    Books(crowd.venue).check()


@pytest.mark.parametrize(
    ("leaving_e6", "more_e8"), [(0, 0), (3_000 * DOLLAR, 0), (0, 100)], ids=str
)
def test_an_account_that_cannot_be_saved_is_closed_whole_and_pays_what_it_has(
    crowd: Crowd, leaving_e6: int, more_e8: int
) -> None:
    """At 56,200 equity is 170: h_min takes 28.10, the penalty of 351.25 is what is left. Nothing
    is left and nothing owed: nobody covers anything. A unit more of equity pays for the part of a
    unit more that h_min takes.
    """
    if leaving_e6:
        crowd.venue.clearing.request_withdrawal(crowd.long, leaving_e6, sender=LONG)
    receipt = crowd.liquidate(56_200 * 10**8 + more_e8)
    word = unpack_account(crowd.venue.clearing.accounts(crowd.long))
    assert crowd.venue.clearing.positions(crowd.long * 16) == 0
    assert (word.mask, word.collateral_e6) == (0, 0)
    assert crowd.venue.clearing.withdrawals(crowd.long) == 0
    assert crowd.cash(INSURANCE) == 141_900_000
    assert not receipt.all("Covered")
    Books(crowd.venue).check()


@pytest.mark.parametrize("h_min_e6", [25_000, 30_000])
def test_a_position_that_costs_as_much_to_close_as_it_lets_go_of_is_closed_whole(
    crowd: Crowd, h_min_e6: int
) -> None:
    """Where h_min is not below mm no size reaches the target: equity falls as fast as margin."""
    venue = crowd.venue
    venue.list_market(1, h_min_e6=h_min_e6)
    equity, margin = crowd.health(crowd.long, LOW)
    assert 0 < margin - equity < 200 * DOLLAR
    assert crowd.liquidate(LOW).only("Liquidated")["size_e8"] == LOT
    assert venue.clearing.positions(crowd.long * 16) == 0
    Books(venue).check()


def test_a_debt_is_insurances_and_the_keeper_gets_half_a_fee(crowd: Crowd) -> None:
    """At 55,000 equity less h_min is -1,057.50; half a fee would be 13.75, 5 is the most."""
    crowd.insure(2_000 * DOLLAR)
    receipt = crowd.liquidate(55_000 * 10**8, crowd.keeper)
    covered = {"account": crowd.long, "insurance_e6": 1_057_500_000, "pool_e6": 0}
    assert receipt.only("Covered") == covered
    assert crowd.cash(crowd.long) == 0
    assert crowd.cash(INSURANCE) == 2_000 * DOLLAR - 1_057_500_000 - 5 * DOLLAR
    assert crowd.cash(crowd.keeper) == 15 * DOLLAR
    Books(crowd.venue).check()


def test_who_keeps_a_small_debt_gets_half_of_its_fee(crowd: Crowd) -> None:
    """A tenth of a unit at 55,000: the fee is 2.75."""
    venue = crowd.venue
    crowd.insure(2_000 * DOLLAR)
    small = venue.open_account(a_key("small"), 400 * DOLLAR)
    venue.trade(small, crowd.short, size_e8=LOT // 10)
    receipt = crowd.liquidate(55_000 * 10**8, crowd.keeper, account=small)
    assert receipt.only("Covered")["insurance_e6"] == 105_750_000
    assert crowd.cash(crowd.keeper) == 10 * DOLLAR + 1_375_000
    Books(venue).check()


@pytest.mark.parametrize("insured", [0, 400 * DOLLAR, 1_057_500_000, 1_059 * DOLLAR])
def test_what_insurance_lacks_is_the_pools_to_the_unit(crowd: Crowd, insured: int) -> None:
    if insured:
        crowd.insure(insured)
    receipt = crowd.liquidate(55_000 * 10**8, crowd.keeper)
    debt = 1_057_500_000
    covered = receipt.only("Covered")
    assert covered["insurance_e6"] == min(debt, insured)
    assert covered["insurance_e6"] + covered["pool_e6"] == debt
    assert crowd.cash(0) == -covered["pool_e6"]
    bounty = min(5 * DOLLAR, max(0, insured - debt))
    assert crowd.cash(crowd.keeper) == 10 * DOLLAR + bounty
    assert crowd.cash(INSURANCE) == insured - covered["insurance_e6"] - bounty
    assert crowd.cash(crowd.long) == 0
    Books(crowd.venue).check()


def test_a_pending_withdrawal_answers_for_a_debt_before_anybody_else(crowd: Crowd) -> None:
    clearing = crowd.venue.clearing
    crowd.insure(1_000 * DOLLAR)
    crowd.venue.clearing.request_withdrawal(crowd.long, 3_900 * DOLLAR, sender=LONG)
    receipt = crowd.liquidate(57_000 * 10**8)
    left = crowd.cash(crowd.long)
    assert clearing.positions(crowd.long * 16) != 0
    crowd.venue.world.travel(1)
    receipt = crowd.liquidate(50_000 * 10**8)
    assert clearing.positions(crowd.long * 16) == 0
    assert clearing.withdrawals(crowd.long) == 0
    assert receipt.only("WithdrawalSet")["withdrawal"] == 0
    assert receipt.only("Covered")["insurance_e6"] > 0
    assert crowd.cash(crowd.long) == 0 != left
    Books(crowd.venue).check()


def test_the_next_batch_gives_the_pool_what_was_taken_over(crowd: Crowd) -> None:
    clearing = crowd.venue.clearing
    crowd.liquidate(56_200 * 10**8)
    crowd.venue.world.travel(1)
    crowd.venue.settle(crowd.venue.a_batch(oracle={1: 56_200 * 10**8}))
    pool = unpack_pool(clearing.market_words(8 + 1))
    short = unpack_position(clearing.positions(crowd.short * 16))
    assert clearing.market_words(8 + 4) == 0
    assert pool.base_e8 + short.base_e8 == 0
    assert pool.quote_e6 == -(56_200_000_000 - 28_100_000)


def test_a_short_is_liquidated_upwards(crowd: Crowd) -> None:
    venue = crowd.venue
    poor = venue.open_account(a_key("poor short"), 4_000 * 10**6)
    venue.trade(crowd.short, poor, size_e8=LOT, price_e8=PRICE_E8)
    high = PRICE_E8 * 1045 // 1000
    with refuses(venue.world, "recovery: account is healthy"):
        crowd.liquidate(PRICE_E8, account=poor)
    size = crowd.liquidate(high, account=poor).only("Liquidated")["size_e8"]
    assert unpack_position(venue.clearing.positions(poor * 16)).base_e8 == size - LOT < 0
    after, less = crowd.health(poor, high)
    assert 0 <= 4 * after - 5 * less < 100


def test_what_would_be_dust_is_closed_too(crowd: Crowd) -> None:
    """27 cents of equity behind a position of 11 dollars: a few dollars would do, but not stay."""
    venue = crowd.venue
    small = venue.open_account(a_key("small"), 10 * DOLLAR)
    venue.trade(small, crowd.short, size_e8=LOT // 5_400)
    venue.clearing.request_withdrawal(small, 9_300_000, sender=a_key("small"))
    venue.world.travel(20)
    vector = venue.presented(venue.a_vector({1: PRICE_E8}))
    venue.clearing.claim_withdrawal(small, *vector, sender=KEEPER)
    equity, margin = 1, 0
    price = PRICE_E8
    while equity >= margin:
        price -= 10**10
        equity, margin = crowd.health(small, price)
    crowd.liquidate(price, account=small)
    assert venue.clearing.positions(small * 16) == 0


@pytest.mark.parametrize("rest_e8", [19_996, 20_000, 20_004])
def test_what_is_worth_ten_dollars_stays(crowd: Crowd, rest_e8: int) -> None:
    """At 50,000 dollars 20,000 lots are worth ten; what was paid in decides how many would do."""
    venue, price, whole = crowd.venue, 50_000 * 10**8, 100_000
    free = 5 * 50 * 25_000 - 50 * (4 * 500 + 25_000)  # let go by all, less what closing it costs
    lack = (whole - rest_e8) * free // whole
    equity = (5 * 50 * 25_000 - lack) // 4
    account = venue.open_account(a_key("small"), 11 * DOLLAR)
    with venue.world.anchored():
        venue.trade(account, crowd.short, size_e8=whole)
        more = crowd.health(account, price)[0] - equity
    account = venue.open_account(a_key("small"), 11 * DOLLAR - more)
    venue.trade(account, crowd.short, size_e8=whole)
    assert crowd.health(account, price) == (equity, 50 * 25_000)
    size = crowd.liquidate(price, account=account).only("Liquidated")["size_e8"]
    assert whole - size == (rest_e8 if rest_e8 >= 20_000 else 0)
    Books(venue).check()


def test_liquidate_reads_a_base_in_all_of_its_64_bits(crowd: Crowd) -> None:
    """2^62 lots, and owed for them all that they are worth: what the pool has room for goes."""
    worth_e6 = 2**62 * LOW // 10**10
    crowd.venue.list_market(1, position_cap_e8=LOT // 4)
    crowd.put(crowd.long, PositionWord(1, 2**62, -worth_e6, 0, 0))
    size = crowd.liquidate(LOW).only("Liquidated")["size_e8"]
    assert size == LOT // 4
    held = unpack_position(crowd.venue.clearing.positions(crowd.long * 16))
    assert held.base_e8 == 2**62 - size


def test_liquidate_goes_no_further_than_the_pool_has_room(crowd: Crowd) -> None:
    venue = crowd.venue
    venue.list_market(1, position_cap_e8=LOT // 4)
    receipt = crowd.liquidate(56_200 * 10**8)
    assert receipt.only("Liquidated")["size_e8"] == LOT // 4
    with refuses(venue.world, "recovery: pool is full"):
        crowd.liquidate(56_200 * 10**8)
    venue.settle(venue.a_batch(oracle={1: 56_200 * 10**8}))  # what it took is its own now
    venue.list_market(1, position_cap_e8=LOT // 4 + 1)
    assert crowd.liquidate(56_200 * 10**8).only("Liquidated")["size_e8"] == 1
    Books(venue).check()


def test_liquidate_never_goes_back_to_an_earlier_vector(crowd: Crowd) -> None:
    """After a partial liquidation only a later vector may find the account unhealthy again."""
    venue = crowd.venue
    price = highest_unhealthy_price(crowd)
    venue.world.travel(30)
    now_ms = venue.world.now_ms
    crowd.liquidate(price, time_ms=now_ms - 5_000)
    assert venue.recovery.liquidated_ms(crowd.long) == now_ms - 5_000
    low = price * 98 // 100
    for earlier in (now_ms - 5_001, now_ms - 9_000):
        with refuses(venue.world, "recovery: vector before the last liquidation"):
            crowd.liquidate(low, time_ms=earlier)
    crowd.liquidate(low, time_ms=now_ms - 4_000)


def test_liquidate_works_once_the_owner_has_asked_to_withdraw_everything(crowd: Crowd) -> None:
    """The pending amount counts as equity, so asking neither saves nor dooms the account."""
    free = unpack_account(crowd.venue.clearing.accounts(crowd.long)).collateral_e6
    crowd.venue.clearing.request_withdrawal(crowd.long, free, sender=LONG)
    with refuses(crowd.venue.world, "recovery: account is healthy"):
        crowd.liquidate(PRICE_E8)
    crowd.liquidate(LOW)


@pytest.mark.parametrize("account", [0, 2, 16, 2**32, 2**256 - 1])
def test_liquidate_rejects_the_pool_and_numbers_nobody_has(crowd: Crowd, account: int) -> None:
    with refuses(crowd.venue.world, "recovery: not a trader"):
        crowd.liquidate(LOW, account=account)


def test_liquidate_rejects_a_place_that_cannot_be(crowd: Crowd) -> None:
    with refuses(crowd.venue.world, "recovery: index out of range"):
        crowd.liquidate(LOW, index=16)
    with refuses(crowd.venue.world, "recovery: index out of range"):
        crowd.liquidate(LOW, account=1, index=256)


def test_liquidate_rejects_a_place_that_is_empty(crowd: Crowd) -> None:
    with refuses(crowd.venue.world, "recovery: no position"):
        crowd.liquidate(LOW, index=1)


@pytest.mark.parametrize("keeper", [1, 2, 16, 2**32, 2**256 - 1])
def test_liquidate_pays_no_keeper_that_is_no_trader(crowd: Crowd, keeper: int) -> None:
    with refuses(crowd.venue.world, "recovery: keeper is no trader"):
        crowd.liquidate(LOW, keeper)


def test_liquidate_pays_no_keeper_that_nobody_opened(crowd: Crowd) -> None:
    with refuses(crowd.venue.world, "clearing: unknown account"):
        crowd.liquidate(LOW, crowd.keeper + 1)


def test_liquidate_rejects_an_old_vector_and_one_from_the_future(crowd: Crowd) -> None:
    venue = crowd.venue

    def at(time_ms: int) -> Receipt:
        return crowd.liquidate(LOW, time_ms=time_ms)

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
            *crowd.venue.presented(vector), crowd.long, 0, 0, sender=KEEPER
        )


def test_apply_takes_nobodys_word_but_recoverys(crowd: Crowd) -> None:
    vector = crowd.venue.a_vector({1: LOW})
    with refuses(crowd.venue.world, "clearing: not recovery"):
        crowd.venue.clearing.apply(
            *crowd.venue.presented(vector), crowd.long, 0, -LOT, 0, sender=KEEPER
        )


@pytest.mark.parametrize("place", range(2))
def test_init_rejects_the_zero_address(place: int) -> None:
    world = World()
    parts = [ZERO if at == place else KEEPER.address for at in range(2)]
    with refuses(world, f"recovery: {('clearing', 'oracle')[place]} is zero"):
        world.deploy("Recovery", *parts, sender=a_key("deployer"))
