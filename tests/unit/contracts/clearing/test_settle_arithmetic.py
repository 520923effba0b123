# SPDX-License-Identifier: Apache-2.0
"""What settlement writes, against arithmetic done here by hand, in fractions, without its code.

Every scenario ends with C2, C3 and C4 exactly zero (`Books.check`).
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest
from tests.support.evm import Receipt, a_key
from tests.support.stage import (
    BUYER,
    ETHER_E8,
    ORACLE,
    PROVIDER,
    RICH_E6,
    SELLER,
    Stage,
)
from tests.support.venue import DOLLAR, LOT, PRICE_E8

from infold.words import (
    pack_head,
    unpack_clock,
    unpack_head,
    unpack_incoming,
    unpack_limits,
    unpack_meter,
    unpack_position,
    unpack_settled_fill,
    unpack_settled_head,
    unpack_strike,
)

FEE = Fraction(500, 10**6)
DAY_MS = 86_400_000


def money(price_e8: int, size_e8: int) -> Fraction:
    """What a size costs at a price, e6, unrounded."""
    return Fraction(price_e8 * size_e8, 10**10)


def up(x: Fraction) -> int:
    return math.ceil(x)


def down(x: Fraction) -> int:
    return math.floor(x)


def clock(stage: Stage, market: int = 1) -> Any:
    return unpack_clock(stage.venue.clearing.market_words(market * 8))


def meter(stage: Stage, market: int = 1) -> Any:
    return unpack_meter(stage.venue.clearing.market_words(market * 8 + 2))


# -- rounding and fees --------

AWKWARD_E8 = 6_000_000_000_007


def test_both_sides_pay_a_rounded_up_fee_and_the_pool_keeps_the_dust(stage: Stage) -> None:
    """13,333,333 lots at an awkward price: the buyer pays up, the seller receives down."""
    size = 13_333_333
    stage.settle(
        [stage.buy(size_e8=size), stage.sell(size_e8=size)], oracle=ORACLE | {1: AWKWARD_E8}
    )
    cost = money(AWKWARD_E8, size)
    assert cost.denominator != 1
    fee = up(cost * FEE)
    assert stage.position(stage.buyer).quote_e6 == -up(cost) - fee
    assert stage.position(stage.seller).quote_e6 == down(cost) - fee
    assert stage.pool() == (0, 1)
    assert stage.ledger() == (0, 2 * fee, 0)


def test_many_small_fills_cost_no_less_than_one_large(stage: Stage) -> None:
    """D01: each fill is rounded against its trader, so splitting never pays."""
    oracle = ORACLE | {1: AWKWARD_E8}
    parts = 40
    plans = [stage.buy(size_e8=7, slot=slot) for slot in range(parts)]
    stage.settle([*plans, stage.sell(size_e8=7 * parts)], oracle=oracle)
    each = up(money(AWKWARD_E8, 7)) + up(money(AWKWARD_E8, 7) * FEE)
    assert stage.position(stage.buyer).quote_e6 == -parts * each
    whole = up(money(AWKWARD_E8, 7 * parts)) + up(money(AWKWARD_E8, 7 * parts) * FEE)
    assert parts * each >= whole


def test_a_fill_of_one_lot_costs_at_least_one_unit(stage: Stage) -> None:
    stage.settle([stage.buy(size_e8=1, market=2), stage.sell(size_e8=1, market=2)])
    # 3,000 dollars a unit: 30 units of money a lot, fee 0.015 rounded up to 1
    assert stage.position(stage.buyer).quote_e6 == -31
    assert stage.position(stage.seller).quote_e6 == 29
    assert stage.ledger(2).fees_e6 == 2


def test_the_smallest_part_of_a_unit_is_rounded_up_for_the_buyer(stage: Stage) -> None:
    """A lot at 60,000.00000001 costs 600.0000000001 units, and a fee of 1."""
    stage.settle([stage.buy(size_e8=1), stage.sell(size_e8=1)], oracle=ORACLE | {1: PRICE_E8 + 1})
    assert stage.position(stage.buyer).quote_e6 == -601 - 1
    assert stage.position(stage.seller).quote_e6 == 600 - 1


def test_fees_follow_the_market_not_the_order(stage: Stage) -> None:
    stage.settle([stage.buy(max_fee_e6=10_000), stage.sell(max_fee_e6=500)])
    assert stage.ledger().fees_e6 == 2 * 60_000 * 500


def test_a_market_without_a_fee_charges_none(stage: Stage) -> None:
    stage.venue.list_market(1, fee_e6=0)
    stage.settle([stage.buy(max_fee_e6=0), stage.sell(max_fee_e6=0)])
    assert stage.position(stage.buyer).quote_e6 == -60_000 * DOLLAR
    assert stage.ledger().fees_e6 == 0


# -- growing, turning, closing --------


def test_a_position_grows_turns_and_closes_with_all_money_accounted(stage: Stage) -> None:
    prices = (60_000, 61_000, 59_500, 60_250)
    changes = (2, 3, -9, 4)
    base, quote = 0, 0
    collateral = RICH_E6
    for price, change in zip(prices, changes, strict=True):
        size = abs(change) * LOT
        mine = stage.fill(stage.buyer, change > 0, size)
        other = stage.fill(stage.seller, change < 0, size)
        stage.settle([mine, other], oracle=ORACLE | {1: price * 10**8})
        cost = price * abs(change) * DOLLAR
        base += change * LOT
        quote += (-cost if change > 0 else cost) - cost * 500 // 10**6
        if base:
            word = stage.position(stage.buyer)
            assert (word.base_e8, word.quote_e6) == (base, quote)
    assert base == 0
    assert stage.account(stage.buyer).collateral_e6 == collateral + quote
    assert stage.account(stage.buyer).mask == 0
    assert stage.venue.clearing.positions(stage.buyer << 4) == 0
    assert meter(stage).open_interest_e8 == 0
    traders = sum(stage.account(n).collateral_e6 for n in (stage.buyer, stage.seller)) - 2 * RICH_E6
    assert stage.ledger().realised_e6 == traders == -stage.ledger().fees_e6


def test_open_interest_is_the_longs_side_through_a_reversal(stage: Stage) -> None:
    stage.settle([stage.buy(size_e8=5), stage.sell(size_e8=5)])
    assert meter(stage).open_interest_e8 == 5
    # buyer 5 -> -3, seller -5 -> 3
    stage.settle([stage.sell(stage.buyer, 8), stage.buy(stage.seller, 8)])
    assert meter(stage).open_interest_e8 == 3
    # the seller hands its long to the third
    stage.settle([stage.sell(stage.seller, 3), stage.buy(stage.third, 3)])
    assert meter(stage).open_interest_e8 == 3
    stage.settle([stage.sell(stage.third, 3), stage.buy(stage.buyer, 3)])
    assert meter(stage).open_interest_e8 == 0


def test_a_position_opened_and_closed_within_a_batch_leaves_only_its_money(stage: Stage) -> None:
    """It stays open until the account is finished, so its place is not free for another."""
    plans = [
        stage.buy(slot=0, size_e8=LOT),
        stage.sell(stage.buyer, LOT, slot=1),
        stage.buy(slot=2, market=2, place=0),
        stage.sell(slot=0),
        stage.buy(stage.seller, LOT, slot=1),
        stage.sell(slot=2, market=2, place=1),
    ]
    receipt = stage.settle(plans)
    assert [(e["account"], e["slot"], e["reason"]) for e in receipt.all("Skipped")] == [
        (stage.buyer, 2, 16)
    ]
    fees = 2 * 60_000 * 500
    assert stage.account(stage.buyer).collateral_e6 == RICH_E6 - fees
    assert stage.account(stage.buyer).mask == 0
    # the short side too; what was skipped is the backstop's
    assert stage.backstop(2).base_e8 == LOT


# -- margin --------


def account_of(stage: Stage, amount_e6: int, name: str = "poor") -> int:
    return stage.venue.open_account(a_key(name), amount_e6)


def skips(receipt: Receipt) -> dict[int, int]:
    return {event["account"]: event["reason"] for event in receipt.all("Skipped")}


def try_out(stage: Stage, plans: list[Any], **terms: Any) -> dict[int, int]:
    """Reasons by account if this batch were settled a second later; nothing stays."""
    with stage.venue.world.anchored():
        return skips(stage.settle(plans, **terms))


def test_profit_carries_new_risk_only_after_its_haircut(stage: Stage) -> None:
    """1 unit from 60,000 to 62,000 on 4,000 dollars: 1,970 of profit count as 1,576."""
    account = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.buy(account), stage.sell()])
    high = ORACLE | {1: 62_000 * 10**8}
    worth = 4_000 * DOLLAR + 1_970 * DOLLAR - 394 * DOLLAR
    # x lots of ether at 3,000: margin 5 % and the fee, from a loss the fee makes at once
    free = worth - 3_100 * DOLLAR
    size = free * 10**16 // (ETHER_E8 * 50_500)
    while up(money(ETHER_E8, size) * Fraction(5, 100)) + up(money(ETHER_E8, size) * FEE) > free:
        size -= 1
    for extra, expected in ((0, {}), (100, {account: 22})):
        plans = [
            stage.buy(account, size + extra, market=2, place=1),
            stage.sell(size_e8=size + extra, market=2, place=1),
        ]
        assert try_out(stage, plans, oracle=high) == expected


def test_a_closed_positions_profit_takes_no_haircut(stage: Stage) -> None:
    """In the batch that closes it, it is as good as cash."""
    account = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.buy(account), stage.sell()])
    high = ORACLE | {1: 62_000 * 10**8}
    worth = 4_000 * DOLLAR + 1_970 * DOLLAR - 31 * DOLLAR
    size = worth * 10**16 // (ETHER_E8 * 50_500) - 1
    for extra, expected in ((0, {}), (100, {account: 22})):
        plans = [
            stage.sell(account, LOT, slot=1),
            stage.buy(stage.third, LOT, slot=1),
            stage.buy(account, size + extra, slot=2, market=2, place=1),
            stage.sell(size_e8=size + extra, slot=2, market=2, place=1),
        ]
        assert try_out(stage, plans, oracle=high) == expected


def test_an_account_below_initial_margin_may_shrink_and_do_nothing_else(stage: Stage) -> None:
    """4,000 dollars on 60,000; at 58,800 margin would be 2,940, and 2,770 are left."""
    account = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.buy(account), stage.sell()])
    low = ORACLE | {1: 58_800 * 10**8}

    def of(change: int, market: int = 1) -> list[Any]:
        place = market - 1
        buy = change > 0
        return [
            stage.fill(account, buy, abs(change), market=market, slot=1, place=place),
            stage.fill(stage.third, not buy, abs(change), market=market, slot=1, place=place),
        ]

    assert try_out(stage, of(1), oracle=low) == {account: 22}
    assert try_out(stage, of(1, market=2), oracle=low) == {account: 22}
    # turning far enough needs the margin it does not have
    assert try_out(stage, of(-3 * LOT), oracle=low) == {account: 22}
    assert try_out(stage, of(-LOT // 2), oracle=low) == {}
    assert try_out(stage, of(-LOT), oracle=low) == {}
    # both at once: one of them grows
    assert try_out(
        stage,
        [
            *of(-1),
            *[
                stage.fill(account, True, 1, market=2, slot=2, place=1),
                stage.fill(stage.third, False, 1, market=2, slot=2, place=1),
            ],
        ],
        oracle=low,
    ) == {account: 22}


def test_shrinking_must_not_thin_what_is_left(stage: Stage) -> None:
    """equity * mm_before >= equity_before * mm: the price of the way out is bounded by the risk
    that leaves. At a price 0.05 % worse than the oracle's and a fee of 0.05 % an account whose
    equity is above 0.1 % of what it holds may leave; one below it may not."""
    account = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.buy(account), stage.sell()])
    half = LOT // 2
    for price, expected in ((56_120, {}), (56_080, {account: 22})):
        equity = 3_970 - (60_000 - price)
        cost = Fraction(half, LOT) * price * Fraction(5 + 5, 10**4)
        holds = (equity - cost) * 1 >= Fraction(equity) / 2
        assert holds == (expected == {})
        oracle = ORACLE | {1: price * 10**8}
        plans = [
            stage.sell(account, half, slot=1),
            stage.buy(stage.third, half, slot=1),
        ]
        terms = {"prices": {1: price * 10**8 - price * 10**8 * 5 // 10**4}}
        assert try_out(stage, plans, oracle=oracle, **terms) == expected


@pytest.mark.parametrize(("short_e6", "may"), [(0, True), (1, False)])
def test_half_of_the_risk_may_cost_half_of_the_equity(
    stage: Stage, short_e6: int, may: bool
) -> None:
    """Half a unit leaves at 56,100 less 0.05 % and for a fee. Twice what that costs is left of the
    account after 3,900 of loss and its first fee, or a millionth less."""
    price_e8 = 56_100 * 10**8
    cheap_e8 = price_e8 - price_e8 * 5 // 10**4
    cost = money(price_e8 - cheap_e8, LOT // 2) + up(money(cheap_e8, LOT // 2) * FEE)
    assert cost.denominator == 1
    account = account_of(stage, 3_930 * DOLLAR + 2 * int(cost) - short_e6)
    stage.settle([stage.buy(account), stage.sell()])
    plans = [stage.sell(account, LOT // 2, slot=1), stage.buy(stage.third, LOT // 2, slot=1)]
    receipt = stage.settle(plans, oracle=ORACLE | {1: price_e8}, prices={1: cheap_e8})
    assert skips(receipt) == ({} if may else {account: 22})


def in_halves(stage: Stage, account: int, *buys: bool) -> list[Any]:
    """An account buys or sells half a unit, one slot after the other, and the third deals."""
    return [
        stage.fill(who, buy is (who == account), LOT // 2, slot=slot)
        for who in (account, stage.third)
        for slot, buy in enumerate(buys, start=1)
    ]


@pytest.mark.parametrize(("long", "price"), [(True, 58_500), (False, 61_500)])
def test_what_leaves_risk_and_equity_as_they_were_may_be_done_below_margin(
    stage: Stage, long: bool, price: int
) -> None:
    """4,000 dollars at 60,000 and without a fee: half of it is closed and opened again."""
    stage.venue.list_market(1, fee_e6=0)
    account = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.fill(account, long, LOT), stage.fill(stage.third, not long, LOT)])
    oracle = ORACLE | {1: price * 10**8}
    assert try_out(stage, in_halves(stage, account, not long, long), oracle=oracle) == {}
    assert try_out(stage, in_halves(stage, account, long), oracle=oracle) == {account: 22}


def test_an_account_of_no_equity_at_all_may_shrink_at_the_mark(stage: Stage) -> None:
    """4,000 dollars are lost at 64,000, and a unit of money more at the next price."""
    stage.venue.list_market(1, fee_e6=0)
    account = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.sell(account), stage.buy()])
    for price_e8, expected in ((64_000 * 10**8, {}), (64_000 * 10**8 + 100, {account: 22})):
        plans = in_halves(stage, account, True)
        assert try_out(stage, plans, oracle=ORACLE | {1: price_e8}) == expected


def test_what_a_short_has_lost_is_rounded_up_before_it_may_shrink(stage: Stage) -> None:
    """A hundredth of a unit is lost beyond 4,000 dollars; half could be bought for less than it."""
    stage.venue.list_market(1, fee_e6=0)
    account = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.sell(account), stage.buy()])
    high, terms = 64_000 * 10**8, {"prices": {1: 64_000 * 10**8}}
    for price_e8, expected in ((high, {}), (high + 1, {account: 22})):
        plans = in_halves(stage, account, True)
        assert try_out(stage, plans, oracle=ORACLE | {1: price_e8}, **terms) == expected


def test_half_of_a_short_may_cost_half_of_its_equity_and_no_unit_more(stage: Stage) -> None:
    """20 dollars are left at 63,980, and maintenance margin is flat up to 118,060 dollars."""
    stage.venue.list_market(1, fee_e6=0, tier=2)
    account = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.sell(account), stage.buy()])
    stage.venue.list_market(1, fee_e6=0, tier=2, im_e6=600_000, mm_e6=2**19)
    price_e8 = 63_980 * 10**8
    for worse_e8, expected in ((20 * 10**8, {}), (20 * 10**8 + 200, {account: 22})):
        plans = in_halves(stage, account, True)
        terms = {"oracle": ORACLE | {1: price_e8}, "prices": {1: price_e8 + worse_e8}}
        assert try_out(stage, plans, **terms) == expected


@pytest.mark.parametrize(
    ("amount_e6", "price", "may"),
    [
        (3_998_030_000, 56_060, True),
        (3_998_030_000 - 1, 56_060, False),
        (4_000 * DOLLAR, 56_029, False),
    ],
)
def test_nobody_shrinks_out_of_negative_equity(
    stage: Stage, amount_e6: int, price: int, may: bool
) -> None:
    """At 56,060, 3,940 dollars and a fee of 30 are gone, and the fee of closing is 28.03."""
    account = account_of(stage, amount_e6)
    stage.settle([stage.buy(account), stage.sell()])
    stage.venue.world.travel(60)
    plans = [stage.sell(account, LOT, slot=1), stage.buy(stage.third, LOT, slot=1)]
    receipt = stage.settle(plans, oracle=ORACLE | {1: price * 10**8})
    assert skips(receipt) == ({} if may else {account: 22})


@pytest.mark.parametrize(
    ("asked_e6", "short_e6", "late_ms", "counts"),
    [
        (3_000 * DOLLAR, 0, 0, True),
        (3_000 * DOLLAR, 1, 0, False),
        (3_000 * DOLLAR, 0, 1, False),
        (1, 0, 0, True),
    ],
)
def test_a_pending_withdrawal_counts_up_to_its_barrier_and_not_after(
    stage: Stage, asked_e6: int, short_e6: int, late_ms: int, counts: bool
) -> None:
    """3,030 dollars are needed, and all there is; some of them are asked back."""
    key = a_key("poor")
    account = account_of(stage, 3_030 * DOLLAR - short_e6)
    venue = stage.venue
    venue.clearing.request_withdrawal(account, asked_e6, sender=key)
    time_ms = venue.world.now_ms + 3_000 + late_ms
    venue.world.travel(4)
    receipt = venue.settle(stage.batch([stage.buy(account), stage.sell()], time_ms=time_ms))
    stage.books.check()
    assert skips(receipt) == ({} if counts else {account: 22})


def test_a_pending_withdrawal_counts_for_shrinking_always(stage: Stage) -> None:
    key = a_key("poor")
    account = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.buy(account), stage.sell()])
    stage.venue.clearing.request_withdrawal(account, 4_000 * DOLLAR, sender=key)
    stage.venue.world.travel(10)
    low = ORACLE | {1: 58_000 * 10**8}
    grow = [stage.buy(account, 1, slot=1), stage.sell(stage.third, 1, slot=1)]
    shrink = [stage.sell(account, LOT, slot=1), stage.buy(stage.third, LOT, slot=1)]
    assert try_out(stage, grow, oracle=low) == {account: 22}
    assert try_out(stage, shrink, oracle=low) == {}


def test_margin_looks_at_every_position_and_their_funding_at_the_vectors_prices(
    stage: Stage,
) -> None:
    """A market the batch does not settle is marked all the same."""
    account = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.buy(account, market=2), stage.sell(market=2)])
    plans = [stage.buy(account, LOT, place=1), stage.sell(place=1)]
    assert try_out(stage, plans, priced=(1,)) == {}
    low = ORACLE | {2: 2_150 * 10**8}
    # 4,000 - 1.5 - 850 - 30 against 3,000 and 107.50: 11 dollars to spare; 15 lower they are gone
    assert try_out(stage, plans, priced=(1,), oracle=low) == {}
    assert try_out(stage, plans, priced=(1,), oracle=low | {2: 2_130 * 10**8}) == {account: 22}


# -- funding --------


def lean(price_e8: int) -> int:
    """The pool's least half-spread, 0.05 %."""
    return -(-price_e8 * 500 // 10**6)


def next_rate(rate: int, pool_after: int, dt: int) -> int:
    """The page's words, in fractions; trunc is int()."""
    cap, velocity, bound = 4_000 * LOT, 100_000_000, 10_000_000
    skew = max(-cap, min(cap, -pool_after))
    rate += int(Fraction(skew * velocity * min(dt, 3_600_000), cap * DAY_MS))
    return max(-bound, min(bound, rate))


@pytest.mark.parametrize("side", [1, -1])
def test_funding_accrues_over_batches_to_the_last_unit(stage: Stage, side: int) -> None:
    """Traders lean one way, the pool the other; rates, indices, credits and pots by hand."""
    stage.fund_pool(200_000_000 * DOLLAR)
    venue = stage.venue
    size = 123_456_789
    venue.world.travel(1)
    start_ms = venue.world.now_ms
    price = PRICE_E8 + side * lean(PRICE_E8)
    venue.settle(
        stage.batch([stage.fill(stage.buyer, side > 0, size)], prices={1: price}, priced=(1,))
    )
    stage.books.check()
    pool_base = -side * size
    trader_quote = stage.position(stage.buyer).quote_e6
    pool_quote = stage.pool().quote_e6
    word = clock(stage)
    rate, index, last_ms = word.rate_e9, word.funding_index, start_ms
    assert word.time_ms == start_ms
    scale = 40
    oracle = PRICE_E8
    entered = index
    pot = 0
    for gap_s, move in ((3_600, 37), (1_800, -1_111), (7_201, 12_345), (61, 3)):
        venue.world.travel(gap_s)
        oracle += move * 10**6
        now_ms = venue.world.now_ms
        venue.settle(stage.batch(priced=(1,), oracle=ORACLE | {1: oracle}))
        stage.books.check()
        dt = now_ms - last_ms
        step = int(Fraction(rate * oracle * dt * 2**scale, 10**19 * DAY_MS))
        credit = down(Fraction(-pool_base * step, 2**scale))
        index += step
        pool_quote += credit
        pot -= credit
        rate = next_rate(rate, pool_base, dt)
        last_ms = now_ms
        word = clock(stage)
        assert (word.funding_index, word.rate_e9) == (index, rate)
        assert word.time_ms == now_ms and word.price_e8 == oracle
        assert stage.pool() == (pool_base, pool_quote)
        assert stage.ledger().pot_e6 == pot
        assert stage.position(stage.buyer).quote_e6 == trader_quote, "paid before it was touched"
    assert rate * side > 0
    # the trader closes against the seller: it pays what ran up, rounded against it
    venue.world.travel(5)
    now_ms = venue.world.now_ms
    plans = [
        stage.fill(stage.buyer, side < 0, size, slot=1),
        stage.fill(stage.seller, side > 0, size, slot=1),
    ]
    venue.settle(stage.batch(plans, priced=(1,), oracle=ORACLE | {1: oracle}))
    stage.books.check()
    step = int(Fraction(rate * oracle * (now_ms - last_ms) * 2**scale, 10**19 * DAY_MS))
    index += step
    paid = -down(Fraction(-side * size * (index - entered), 2**scale))
    assert paid > 0
    cost = money(oracle, size)
    got = down(cost) if side > 0 else -up(cost)
    fee = up(cost * FEE)
    assert stage.account(stage.buyer).collateral_e6 == RICH_E6 + trader_quote - paid + got - fee
    assert stage.ledger().pot_e6 == pot + paid - down(Fraction(-pool_base * step, 2**scale))


def test_receivers_of_funding_round_down_and_payers_up(stage: Stage) -> None:
    """Whatever is left over stays in the pot, never below zero once all have settled."""
    stage.fund_pool(200_000_000 * DOLLAR)
    stage.settle(
        [stage.buy(size_e8=77), stage.sell(size_e8=33)], prices={1: PRICE_E8 + lean(PRICE_E8)}
    )
    for _ in range(3):
        stage.venue.world.travel(3_600)
        stage.settle(priced=(1,))
    closing = [stage.sell(stage.buyer, 77), stage.buy(stage.seller, 33)]
    stage.settle(closing, prices={1: PRICE_E8 - lean(PRICE_E8)})
    assert stage.pool().base_e8 == 0
    assert 0 <= stage.ledger().pot_e6 <= 2 + 5


def test_the_smallest_part_of_funding_costs_its_payer_a_whole_unit(stage: Stage) -> None:
    """The index rises by one, which is 2^-40 of a unit a lot: for a trader, and for the backstop
    that stepped in for another."""

    def trade() -> None:
        taken = stage.buy(stage.third, size_e8=1, limit_price_e8=1)
        stage.settle([stage.buy(size_e8=1), taken, stage.sell(size_e8=2)], priced=(1,))

    trade()
    held = (stage.position(stage.buyer), stage.backstop(), stage.position(stage.seller))
    assert [position.base_e8 for position in held] == [1, 1, -2]
    stage.books.put_index(1, clock(stage).funding_index + 1)
    trade()
    now = (stage.position(stage.buyer), stage.backstop(), stage.position(stage.seller))
    paid = [2 * was.quote_e6 - position.quote_e6 for was, position in zip(held, now, strict=True)]
    assert paid == [1, 1, 0]


def test_the_rate_stays_inside_its_bound_and_moves_by_an_hours_velocity_at_most(
    stage: Stage,
) -> None:
    stage.fund_pool(200_000_000 * DOLLAR)
    stage.venue.list_market(1, position_cap_e8=LOT, residual_cap_e8=LOT)
    plans = [stage.buy(size_e8=LOT)]
    stage.settle(plans, prices={1: PRICE_E8 + lean(PRICE_E8)}, priced=(1,))
    rate = clock(stage).rate_e9
    stage.venue.world.travel(3 * 3_600)
    stage.settle(priced=(1,))
    assert clock(stage).rate_e9 == rate + 100_000_000 * 3_600 // 86_400
    for _ in range(3):
        stage.venue.world.travel(3_600)
        stage.settle(priced=(1,))
    assert clock(stage).rate_e9 == 10_000_000
    # the pool turns: the rate comes back the same way
    plans = [stage.sell(stage.buyer, LOT, slot=1), stage.sell(size_e8=LOT)]
    for _ in range(2):
        stage.venue.world.travel(3_600)
        stage.settle([plans.pop()], prices={1: PRICE_E8 - lean(PRICE_E8)}, priced=(1,))
    assert stage.pool().base_e8 == LOT
    assert clock(stage).rate_e9 == 10_000_000 - 100_000_000 * 3_600 // 86_400


# -- the backstop --------


def test_the_backstop_takes_the_net_of_what_was_skipped_at_the_price_and_pays_the_fee(
    stage: Stage,
) -> None:
    """5 bought and 2 sold are skipped: it buys 3, and the plan's money is exact."""
    size = LOT // 3
    plans = [
        stage.buy(size_e8=5 * size, limit_price_e8=1),
        stage.sell(stage.third, 2 * size, limit_price_e8=10**15),
        stage.sell(size_e8=3 * size),
    ]
    receipt = stage.settle(plans, oracle=ORACLE | {1: AWKWARD_E8})
    assert len(receipt.all("Skipped")) == 2
    quotes = -up(money(AWKWARD_E8, 5 * size)) + down(money(AWKWARD_E8, 2 * size))
    fee = up(money(AWKWARD_E8, 3 * size) * FEE)
    word = stage.backstop()
    assert (word.market, word.base_e8, word.quote_e6) == (1, 3 * size, quotes - fee)
    assert word.funding_index == clock(stage).funding_index
    assert receipt.only("BackstopSettled") == {
        "market": 1,
        "position": stage.venue.clearing.positions(16 + 1),
    }
    assert stage.venue.clearing.backstop_markets() == 1 << 1
    assert stage.pool().base_e8 == 0


def test_the_backstop_closes_like_anyone(stage: Stage) -> None:
    stage.settle([stage.buy(limit_price_e8=1), stage.sell()])
    before = stage.account(1).collateral_e6
    quote = stage.backstop().quote_e6
    high = 61_000 * 10**8
    plans = [stage.sell(stage.third, limit_price_e8=10**15), stage.buy(stage.seller)]
    receipt = stage.settle(plans, oracle=ORACLE | {1: high})
    gained = quote + 61_000 * DOLLAR - 61_000 * 500
    assert stage.account(1).collateral_e6 == before + gained
    assert stage.venue.clearing.positions(16 + 1) == 0
    assert stage.venue.clearing.backstop_markets() == 0
    moved = [e for e in receipt.all("CollateralMoved") if e["account"] == 1]
    assert [event["amount_e6"] for event in moved] == [gained]


def test_skipped_fills_that_net_to_nothing_touch_nothing(stage: Stage) -> None:
    plans = [
        stage.buy(size_e8=LOT, limit_price_e8=1),
        stage.sell(size_e8=LOT, limit_price_e8=10**15),
    ]
    receipt = stage.settle(plans)
    assert len(receipt.all("Skipped")) == 2
    assert receipt.all("BackstopSettled") == []
    assert stage.venue.clearing.backstop_markets() == 0


def test_skipped_fills_that_net_to_dust_cost_the_backstop_the_dust(stage: Stage) -> None:
    plans = [
        stage.buy(size_e8=13_333_333, limit_price_e8=1),
        stage.sell(size_e8=13_333_333, limit_price_e8=10**15),
    ]
    before = stage.account(1).collateral_e6
    receipt = stage.settle(plans, oracle=ORACLE | {1: AWKWARD_E8})
    assert stage.account(1).collateral_e6 == before - 1
    assert receipt.only("BackstopSettled")["position"] == 0
    assert stage.pool() == (0, 1)


def test_the_backstop_earns_and_pays_funding(stage: Stage) -> None:
    stage.fund_pool(200_000_000 * DOLLAR)
    stage.settle(
        [stage.buy(size_e8=100 * LOT, limit_price_e8=1)], prices={1: PRICE_E8 + lean(PRICE_E8)}
    )
    before = stage.backstop()
    assert before.base_e8 == 100 * LOT == -stage.pool().base_e8
    for _ in range(2):
        stage.venue.world.travel(3_600)
        stage.settle(priced=(1,))
    stage.settle([stage.buy(size_e8=1, limit_price_e8=1), stage.sell(stage.third, 1)])
    step = clock(stage).funding_index - before.funding_index
    assert step > 0
    paid = -down(Fraction(-before.base_e8 * step, 2**40))
    cost = money(PRICE_E8, 1)
    assert stage.backstop().quote_e6 == before.quote_e6 - paid - up(cost) - up(cost * FEE)


# -- the pool: residual, meter, incoming, strikes --------


def sell_to_traders(stage: Stage, size_e8: int, oracle_e8: int, **rest: Any) -> Receipt:
    """The pool sells (buys, if negative) at its least half-spread."""
    side = 1 if size_e8 > 0 else -1
    plan = stage.fill(stage.buyer, size_e8 > 0, abs(size_e8))
    return stage.settle(
        [plan],
        oracle=ORACLE | {1: oracle_e8},
        prices={1: oracle_e8 + side * lean(oracle_e8)},
        priced=(1,),
        **rest,
    )


def test_the_pool_takes_the_residual_and_the_money_of_the_plan(stage: Stage) -> None:
    stage.fund_pool()
    size = 33_333_333
    price = AWKWARD_E8 + lean(AWKWARD_E8)
    plans = [stage.buy(size_e8=size), stage.sell(size_e8=11_111_111)]
    stage.settle(plans, oracle=ORACLE | {1: AWKWARD_E8}, prices={1: price})
    paid = up(money(price, size)) - down(money(price, 11_111_111))
    assert stage.pool() == (11_111_111 - size, paid)
    assert stage.venue.clearing.pool_markets() == 1 << 1


def test_a_lot_is_a_position_of_the_pool(stage: Stage) -> None:
    stage.fund_pool()
    sell_to_traders(stage, -1, PRICE_E8)
    assert stage.pool().base_e8 == 1
    assert stage.venue.clearing.pool_markets() == 1 << 1


def test_the_pools_closed_position_joins_its_collateral(stage: Stage) -> None:
    stage.fund_pool()
    before = stage.account(0).collateral_e6
    sell_to_traders(stage, LOT, PRICE_E8)
    receipt = sell_to_traders(stage, -LOT, PRICE_E8)
    earned = 2 * 30 * DOLLAR
    assert stage.account(0).collateral_e6 == before + earned
    assert stage.pool() == (0, 0)
    assert stage.venue.clearing.pool_markets() == 0
    moved = [e for e in receipt.all("CollateralMoved") if e["account"] == 0]
    assert [event["amount_e6"] for event in moved] == [earned]


def test_the_meter_counts_what_the_pool_lost_and_drains_with_time(stage: Stage) -> None:
    """The page's formulas in fractions, over rises, falls, gains and long gaps."""
    capital = 10_000_000 * DOLLAR
    stage.fund_pool(capital)
    assert unpack_limits(stage.venue.clearing.limits()).capital_e6 == capital
    capacity = capital * 1750 // 10**6
    bucket = recent = level = 0
    oracle, last_oracle, last_ms = PRICE_E8, clock(stage).price_e8, clock(stage).time_ms
    head_ms = unpack_head(stage.venue.clearing.head()).time_ms
    base = 0
    story = (
        (10, LOT, 0),
        (5, -3 * LOT, 20_000_000),
        (7, 2 * LOT, -35_000_001),
        (3, 0, 300_000_000),
        (150, 5 * LOT, 11),
        (1, -1, 123_456_789),
        (2_000, 0, 0),
        (1, LOT // 7, 999_999_999),
    )
    filled = 0
    for gap_s, size, move in story:
        stage.venue.world.travel(gap_s)
        oracle += move
        side = (size > 0) - (size < 0)
        plans = [stage.fill(stage.buyer, size > 0, abs(size))] if size else []
        price = oracle + side * lean(oracle)
        stage.settle(plans, oracle=ORACLE | {1: oracle}, prices={1: price}, priced=(1,))
        now_ms = stage.venue.world.now_ms
        dt = now_ms - last_ms if last_ms else 0
        taken = size * (oracle - price) + (recent * (oracle - last_oracle) if last_oracle else 0)
        loss = int(Fraction(taken, 10**10))
        bucket = max(0, bucket - capacity * dt // (4 * DAY_MS) + loss)
        level = max(0, level - capacity * (now_ms - head_ms) // DAY_MS)
        level = max(0, level + loss)
        recent = int(Fraction(recent * max(0, 120_000 - dt), 120_000)) + size
        base += size
        last_oracle, last_ms, head_ms = oracle, now_ms, now_ms
        word = meter(stage)
        assert (word.bucket_e6, word.recent_e8) == (bucket, recent), (gap_s, size, move)
        assert unpack_head(stage.venue.clearing.head()).bucket_e6 == level
        assert stage.pool().base_e8 == -base
        filled = max(filled, bucket)
    assert filled > 0


@pytest.mark.parametrize(("last_ms", "epoch", "left_e6"), [(0, 2, 5), (0, 2**31, 5), (1, 2, 0)])
def test_the_venues_bucket_drains_since_the_last_batch_whenever_that_was(
    stage: Stage, last_ms: int, epoch: int, left_e6: int
) -> None:
    """The first batch follows none."""
    stage.fund_pool()
    head = unpack_head(stage.venue.clearing.head())
    head = head._replace(time_ms=last_ms, epoch=epoch, bucket_e6=5)
    stage.books.put("head", 0, pack_head(head))
    stage.settle()
    assert unpack_head(stage.venue.clearing.head()).bucket_e6 == left_e6


def test_a_full_meter_lets_the_pool_only_shrink_until_it_has_drained(stage: Stage) -> None:
    """10 million dollars: a market's bucket holds 4,375, and leaks as much a day."""
    stage.fund_pool()
    capacity_e6 = 10_000_000 * DOLLAR * 1750 // 10**6
    sell_to_traders(stage, 10 * LOT, PRICE_E8)
    # 300 dollars of gain count for nothing later; a rise of 437.50 costs 10 units 4,375
    edge = PRICE_E8 + 43_750 * 10**6
    for up_e8, passes in ((0, True), (10**10 // 10**9 * 10**8, False)):
        with stage.venue.world.anchored():
            stage.venue.world.travel(1)
            oracle = ORACLE | {1: edge + up_e8}
            price = oracle[1] + lean(oracle[1])
            batch = stage.batch(
                [stage.buy(size_e8=1)], oracle=oracle, prices={1: price}, priced=(1,)
            )
            if passes:
                stage.venue.settle(batch)
                assert meter(stage).bucket_e6 <= capacity_e6 // 4
            else:
                with pytest.raises(AssertionError, match="clearing: loss meter"):
                    stage.venue.settle(batch)
    oracle = ORACLE | {1: edge + 10**10}
    stage.settle(oracle=oracle, priced=(1,))  # R = 0 is always possible
    full = meter(stage).bucket_e6
    assert full > capacity_e6 // 4
    low = {"oracle": oracle, "priced": (1,), "prices": {1: oracle[1] - lean(oracle[1])}}
    with stage.venue.world.anchored():
        stage.settle([stage.sell(stage.buyer, 10 * LOT)], **low)  # shrinking, down to zero
        assert stage.pool().base_e8 == 0
    with pytest.raises(AssertionError, match="clearing: loss meter"):
        stage.settle([stage.sell(stage.buyer, 10 * LOT + 1)], **low)
    # a day takes 4,375 off: it may grow again when the rest is below the brim
    wait_ms = -(-(full - capacity_e6 // 4) * 4 * DAY_MS // capacity_e6)
    stage.venue.world.travel(wait_ms // 1000 + 200)
    high = {"oracle": oracle, "priced": (1,), "prices": {1: oracle[1] + lean(oracle[1])}}
    stage.settle([stage.buy(size_e8=1)], **high)


def test_the_first_strike_sells_shares_at_a_dollar_and_the_next_at_value(stage: Stage) -> None:
    """Requests, a strike, a gain of the pool, a second strike: shares and money by hand."""
    venue = stage.venue
    stage.fund_pool(1_000_000 * DOLLAR)
    assert unpack_strike(venue.clearing.strikes(1)) == (0, 0, 0, 0)
    epoch = unpack_head(venue.clearing.head()).epoch
    assert epoch == 2
    sell_to_traders(stage, LOT, PRICE_E8)
    down_e8 = 58_000 * 10**8
    venue.fund(PROVIDER, 500_000 * DOLLAR)
    venue.ask_in(PROVIDER, 500_000 * DOLLAR)
    venue.ask_out(PROVIDER, 100_000 * 10**12)
    receipt = venue.strike(ORACLE | {1: down_e8})
    held = 1_000_000 * DOLLAR
    # it sold a unit at 60,030 that is worth 58,000; funding of a day at the rate it set
    nav = held + 60_030 * DOLLAR - 58_000 * DOLLAR + stage.pool().quote_e6 - 60_030 * DOLLAR
    strike = unpack_strike(venue.clearing.strikes(2))
    supply = 1_000_000 * 10**12
    paid = 100_000 * 10**12 * nav // supply
    assert strike == (0, nav, supply, paid)
    assert unpack_limits(venue.clearing.limits()).capital_e6 == nav + 500_000 * DOLLAR - paid
    assert stage.account(0).collateral_e6 == held + 500_000 * DOLLAR - paid
    assert receipt.only("PoolStruck") == {
        "epoch": 2,
        "strike": venue.clearing.strikes(2),
        "capital_e6": nav + 500_000 * DOLLAR - paid,
    }
    stage.books.check(pool_e6=paid)
    head = unpack_head(venue.clearing.head())
    assert (head.epoch, head.epoch_end_ms) == (3, head.time_ms + 86_400_000)
    minted = 500_000 * DOLLAR * supply // nav
    assert venue.collect(PROVIDER, 2) == (minted, paid)
    stage.books.check()


def test_who_leaves_is_paid_all_but_what_positions_lock_to_the_last_unit(stage: Stage) -> None:
    """A unit at 60,000 locks 3,000 dollars, and nothing locks nothing."""
    stage.fund_pool(1_000_000 * DOLLAR)
    for size_e8, locked_e6 in ((0, 0), (LOT, 3_000 * DOLLAR)):
        with stage.venue.world.anchored():
            if size_e8:
                sell_to_traders(stage, size_e8, PRICE_E8)
            stage.venue.ask_out(PROVIDER, 1_000_000 * 10**12)
            receipt = stage.venue.strike(ORACLE)
            strike = unpack_strike(receipt.only("PoolStruck")["strike"])
            assert strike.paid_e6 == strike.nav_e6 - locked_e6 > 0


def test_a_strike_counts_what_recovery_left_for_the_pool(stage: Stage) -> None:
    """Incoming of a market the batch does not settle counts at the vector's price."""
    stage.fund_pool(1_000_000 * DOLLAR)
    poor = account_of(stage, 4_000 * DOLLAR)
    stage.settle([stage.buy(poor), stage.sell()])
    low = ORACLE | {1: 57_000 * 10**8}
    stage.venue.world.travel(1)
    vector = stage.venue.presented(stage.venue.a_vector(low))
    stage.venue.recovery.liquidate(*vector, poor, 0, 0, sender=SELLER)
    stage.books.check()
    waiting = unpack_incoming(stage.venue.clearing.market_words(8 + 4))
    assert waiting.base_e8 > LOT // 2
    end_ms = unpack_head(stage.venue.clearing.head()).epoch_end_ms
    stage.venue.world.at_ms(end_ms + 4_000)
    lower = ORACLE | {1: 56_000 * 10**8}
    receipt = stage.venue.settle(stage.batch(oracle=lower, priced=(2,)))
    strike = unpack_strike(receipt.only("PoolStruck")["strike"])
    worth = waiting.base_e8 * 56_000 * 10**8 // 10**10 + waiting.quote_e6
    assert strike.nav_e6 == 1_000_000 * DOLLAR + worth < 1_000_000 * DOLLAR
    stage.books.check()


def test_a_pool_worth_nothing_gives_requests_back(stage: Stage) -> None:
    """nav <= 0 with shares outstanding: returned, nothing moves."""
    stage.fund_pool(20_000 * DOLLAR)
    venue = stage.venue
    sell_to_traders(stage, 10 * LOT, PRICE_E8)
    high = ORACLE | {1: 63_000 * 10**8}
    venue.fund(PROVIDER, 7_000 * DOLLAR)
    venue.ask_in(PROVIDER, 7_000 * DOLLAR)
    before = stage.account(0).collateral_e6
    receipt = venue.strike(high)
    strike = unpack_strike(receipt.only("PoolStruck")["strike"])
    assert (strike.returned, strike.nav_e6) == (1, 0)
    assert unpack_limits(venue.clearing.limits()).capital_e6 == 0
    assert stage.account(0).collateral_e6 == before
    stage.books.check(pool_e6=7_000 * DOLLAR)
    assert venue.collect(PROVIDER, 2) == (0, 7_000 * DOLLAR)
    stage.books.check()


def test_the_strike_waits_for_the_guard_after_the_epochs_end(stage: Stage) -> None:
    end_ms = unpack_head(stage.venue.clearing.head()).epoch_end_ms
    stage.venue.world.at_ms(end_ms + 4_000)
    for time_ms, struck in ((end_ms + 3_000, 0), (end_ms + 3_001, 1)):
        with stage.venue.world.anchored():
            receipt = stage.venue.settle(stage.batch(time_ms=time_ms))
            assert len(receipt.all("PoolStruck")) == struck


# -- logs --------


def test_a_lone_fill_is_logged_small_and_decodes_to_the_words_stored(stage: Stage) -> None:
    stage.cross()
    receipt = stage.settle([stage.buy(slot=2, size_e8=5), stage.sell(slot=3, size_e8=5)])
    filled = receipt.all("Filled")
    assert receipt.all("AccountSettled") == []
    for event, account, slot in zip(filled, (stage.buyer, stage.seller), (2, 3), strict=True):
        word = event["fill"]
        assert word >> 208 & (2**32 - 1) == account
        fill = unpack_settled_fill(word & ~((2**32 - 1) << 208))
        stored = stage.filled(account, slot)
        assert fill == (slot, 0, stored.seq, stored.filled_e8, stored.prefix)
        assert event["position"] == stage.venue.clearing.positions(account << 4)


def test_everything_else_of_an_account_is_one_log_that_decodes_to_the_words_stored(
    stage: Stage,
) -> None:
    """Two fills, one position opened, one closed: fills in record order, places ascending."""
    stage.settle([stage.buy(market=2, place=5), stage.sell(market=2, place=5)])
    clearing = stage.venue.clearing
    plans = [
        stage.buy(slot=1, place=3),
        stage.sell(stage.buyer, LOT, slot=2, market=2, place=5),
        stage.sell(slot=1, place=3),
        stage.buy(stage.third, LOT, slot=2, market=2),
    ]
    receipt = stage.settle(plans)
    events = {
        unpack_settled_head(event["head"]).account: event for event in receipt.all("AccountSettled")
    }
    head = unpack_settled_head(events[stage.buyer]["head"])
    words = events[stage.buyer]["words"]
    assert head == (stage.buyer, 2, 2, 1)
    assert len(words) == 5
    for word, slot, place in zip(words, (1, 2), (3, 5), strict=False):
        assert word >> 208 & (2**32 - 1) == stage.buyer
        fill = unpack_settled_fill(word & ~((2**32 - 1) << 208))
        stored = stage.filled(stage.buyer, slot)
        assert fill == (slot, place, stored.seq, stored.filled_e8, stored.prefix)
    assert words[2] == clearing.positions(stage.buyer << 4 | 3)
    assert unpack_position(words[2]).base_e8 == LOT
    assert words[3] == 0 == clearing.positions(stage.buyer << 4 | 5)
    assert words[4] == clearing.accounts(stage.buyer)
    assert unpack_settled_head(events[stage.seller]["head"]) == (stage.seller, 1, 1, 1)


def test_two_fills_of_one_open_position_need_no_account_word(stage: Stage) -> None:
    stage.cross()
    plans = [stage.buy(slot=1, size_e8=5), stage.buy(slot=2, size_e8=6), stage.sell(size_e8=11)]
    receipt = stage.settle(plans)
    event = receipt.only("AccountSettled")
    assert unpack_settled_head(event["head"]) == (stage.buyer, 2, 1, 0)
    assert event["words"][2] == stage.venue.clearing.positions(stage.buyer << 4)


def test_a_markets_log_holds_its_words_as_stored(stage: Stage) -> None:
    stage.fund_pool()
    receipt = stage.settle([stage.buy()], prices={1: PRICE_E8 + lean(PRICE_E8)})
    words = {event["market"]: event for event in receipt.all("MarketSettled")}
    assert sorted(words) == [1, 2]
    for market, event in words.items():
        stored = [stage.venue.clearing.market_words(market * 8 + k) for k in range(4)]
        assert [event[name] for name in ("clock", "pool", "meter", "ledger")] == stored
    assert words[1]["price_e8"] == PRICE_E8 + lean(PRICE_E8)
    assert words[2]["price_e8"] == ETHER_E8


def test_a_batch_without_records_settles_nothing_but_its_markets(stage: Stage) -> None:
    receipt = stage.settle()
    assert [event.name for event in receipt.events] == [
        "MarketSettled",
        "MarketSettled",
        "BatchSettled",
    ]
    assert BUYER.number == stage.account(stage.buyer).owner
