# SPDX-License-Identifier: Apache-2.0
"""Recovery.health against the margin rules in exact fractions (protocol sections 1 and 5.4)."""

from __future__ import annotations

import math
import random
from fractions import Fraction

import pytest
from tests.support.books import slots
from tests.support.evm import a_key, refuses
from tests.support.venue import DOLLAR, LOT, ORACLE_SIGNERS, PRICE_E8, Venue

from infold.words import (
    pack_clock,
    unpack_account,
    unpack_clock,
    unpack_position,
    unpack_rates,
)

from .conftest import LONG, SHORT, Crowd


def expected_health(
    venue: Venue, account: int, prices_e8: dict[int, int], time_ms: int
) -> tuple[int, int]:
    """Equity and maintenance margin from raw words; nothing of ours but the unpacking."""
    word = unpack_account(venue.clearing.accounts(account))
    equity = word.collateral_e6 + (venue.clearing.withdrawals(account) >> 48)
    margin = 0
    for place in range(16):
        if not word.mask >> place & 1:
            continue
        held = unpack_position(venue.clearing.positions(account * 16 + place))
        clock = unpack_clock(venue.clearing.market_words(held.market * 8))
        newer = time_ms > clock.activation_s * 1000
        version = clock.version if newer else 1 - clock.version
        rates = unpack_rates(venue.clearing.parameter_words(held.market * 8 + version * 4))
        price = prices_e8[held.market]
        dt = max(0, time_ms - clock.time_ms) if clock.time_ms else 0
        step = Fraction(clock.rate_e9 * price * dt * 2**rates.shift, 10**19 * 86_400_000)
        index = max(-(2**63), min(2**63 - 1, clock.funding_index + math.trunc(step)))
        credit = math.floor(Fraction(-held.base_e8 * (index - held.funding_index), 2**rates.shift))
        equity += math.floor(Fraction(held.base_e8 * price, 10**10)) + held.quote_e6 + credit
        margin += math.ceil(Fraction(abs(held.base_e8) * price * rates.mm_e6, 10**16))
    return equity, margin


def test_health_is_what_the_rules_say_in_many_markets_and_after_funding(venue: Venue) -> None:
    prices = {market: PRICE_E8 // market**3 + market for market in (1, 2, 33, 255)}
    for market in prices:
        venue.list_market(market, name=f"M{market}", shift=35 + market % 9)
    lp, long, short = (a_key(name) for name in ("provider", "long", "short"))
    venue.provide(lp, 5_000_000 * DOLLAR, prices)
    accounts = [venue.open_account(key, 500_000 * DOLLAR) for key in (long, short)]
    for market, price in prices.items():
        venue.trade(*accounts, market=market, price_e8=price, oracle=prices)
    # a residual moves the funding rate away from zero
    venue.world.travel(1)
    order = venue.an_order(accounts[0], market=1, slot=9, limit_price_e8=2 * PRICE_E8)
    deal = prices[1] + prices[1] * 700 // 10**6
    venue.settle(venue.a_batch([venue.a_fill(order)], oracle=prices, prices={1: deal}))
    venue.world.travel(3_600)
    venue.settle(venue.a_batch(oracle=prices))
    rate = unpack_clock(venue.clearing.market_words(8)).rate_e9
    assert rate != 0

    draw = random.Random(7)
    for _ in range(20):
        venue.world.travel(draw.randrange(1, 40_000))
        marks = {market: price + draw.randrange(price // 50) for market, price in prices.items()}
        vector = venue.a_vector(marks)
        for account in accounts:
            got = venue.recovery.health(*venue.presented(vector), account)
            assert got == expected_health(venue, account, marks, vector.time_ms)


@pytest.mark.parametrize("side", [1, -1])
def test_health_lets_funding_stand_still_at_either_end_of_its_field(
    venue: Venue, side: int
) -> None:
    """To the last step, which at this scale is worth 95 units to a position of one."""
    venue.list_market(1, shift=20)
    accounts = [venue.open_account(key, 500_000 * DOLLAR) for key in (LONG, SHORT)]
    venue.trade(*accounts)
    slot = slots(venue.clearing.artifact.layout["storage_layout"])["market_words"] + 8
    clock = unpack_clock(venue.world.storage(venue.clearing.address, slot))
    near = clock._replace(funding_index=side * (2**63 - 9), rate_e9=side * 10**7)
    venue.world.store(venue.clearing.address, slot, pack_clock(near))
    venue.world.travel(3_600)
    vector = venue.a_vector({1: PRICE_E8})
    for account in accounts:
        got = venue.recovery.health(*venue.presented(vector), account)
        assert got == expected_health(venue, account, {1: PRICE_E8}, vector.time_ms)


def test_health_counts_a_pending_withdrawal_as_cash(crowd: Crowd) -> None:
    before = crowd.health(crowd.short, PRICE_E8)
    crowd.venue.clearing.request_withdrawal(crowd.short, 100 * DOLLAR, sender=SHORT)
    assert crowd.health(crowd.short, PRICE_E8) == before


def test_health_takes_the_margin_that_serves_the_vectors_time(crowd: Crowd) -> None:
    _, before = crowd.health(crowd.long, PRICE_E8)
    start_ms = crowd.venue.world.now_ms
    crowd.venue.list_market(1, mm_e6=30_000)
    _, old = crowd.health(crowd.long, PRICE_E8, start_ms + 3_000)
    _, new = crowd.health(crowd.long, PRICE_E8, start_ms + 3_001)
    assert (old, new) == (before, before * 30_000 // 25_000)


def test_health_takes_the_older_margin_from_either_place(crowd: Crowd) -> None:
    """Parameters stand in two places by turns."""
    versions = set()
    for mm_e6 in (30_000, 35_000):
        _, before = crowd.health(crowd.long, PRICE_E8)
        start_ms = crowd.venue.world.now_ms
        crowd.venue.list_market(1, mm_e6=mm_e6)
        versions.add(unpack_clock(crowd.venue.clearing.market_words(8)).version)
        assert crowd.health(crowd.long, PRICE_E8, start_ms + 3_000)[1] == before
        crowd.venue.world.travel(60)
        assert crowd.health(crowd.long, PRICE_E8)[1] == 60_000 * mm_e6
    assert versions == {0, 1}


def test_health_of_an_account_without_positions_is_its_cash(crowd: Crowd) -> None:
    account = crowd.venue.open_account(LONG, 77 * DOLLAR)
    assert crowd.health(account, PRICE_E8) == (77 * DOLLAR, 0)


def test_health_rejects_a_vector_without_a_held_market(crowd: Crowd) -> None:
    with refuses(crowd.venue.world, "recovery: no price"):
        vector = crowd.venue.a_vector({2: PRICE_E8})
        crowd.venue.recovery.health(*crowd.venue.presented(vector), crowd.long)


@pytest.mark.parametrize("signers", [0, 1])
def test_health_rejects_a_vector_of_too_few_signers(crowd: Crowd, signers: int) -> None:
    vector = crowd.venue.a_vector({1: PRICE_E8}, signers=ORACLE_SIGNERS[:signers])
    with refuses(crowd.venue.world, "signers: too few"):
        crowd.venue.recovery.health(*crowd.venue.presented(vector), crowd.long)


def test_recovery_says_whose_words_it_reads(venue: Venue) -> None:
    assert int(venue.recovery.clearing(), 16) == int(venue.clearing.address, 16)
    assert int(venue.recovery.oracle(), 16) == int(venue.oracle.address, 16)


@pytest.mark.parametrize("tier", [0, 1])
def test_margin_grows_with_a_large_position_up_to_all_that_it_is_worth(
    venue: Venue, tier: int
) -> None:
    """Tier 0 ends at 29,515 dollars: 3 quarters of a unit are half as large again, 10 units 20
    times, and 20 units 40 times, so that 2.5 % of them would be more than the whole."""
    venue.list_market(1, tier=tier)
    accounts = [venue.open_account(key, 5_000_000 * DOLLAR) for key in (LONG, SHORT)]
    rate = Fraction(25_000, 10**6)
    for size_e8 in (LOT * 3 // 4, LOT * 37 // 4, 10 * LOT):
        venue.trade(*accounts, size_e8=size_e8)
        held = unpack_position(venue.clearing.positions(accounts[0] * 16)).base_e8
        notional = Fraction(held * PRICE_E8, 10**10)
        times = max(1, Fraction(held * PRICE_E8 >> 48 + tier, 2**20))
        vector = venue.presented(venue.a_vector({1: PRICE_E8}))
        margin = venue.recovery.health(*vector, accounts[0])[1]
        assert margin == math.ceil(min(notional * rate * times, notional))
    assert (margin == 1_200_000 * DOLLAR) is (tier == 0)


def test_the_smallest_part_of_a_growing_margin_is_rounded_up(venue: Venue) -> None:
    """A price at which it is 2^-20 of 1e-16 of a unit."""
    venue.list_market(1, mm_e6=25_001, tier=15)
    accounts = [venue.open_account(key, 500_000 * DOLLAR) for key in (LONG, SHORT)]
    venue.trade(*accounts, size_e8=919_493)
    price = 10_570_774_725_090_376_621
    size = 919_493 * price
    margin, part = divmod(size * 25_001 * (size >> 63), 2**20 * 10**16)
    assert part == 1
    vector = venue.presented(venue.a_vector({1: price}))
    assert venue.recovery.health(*vector, accounts[0])[1] == margin + 1
