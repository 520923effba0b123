# SPDX-License-Identifier: Apache-2.0
"""Funding, marks and margin against figures worked by hand (docs/protocol.md §5.2, §5.4)."""

from __future__ import annotations

import pytest
from tests.support.twin import RATES

from infold.reference.groups import passes
from infold.reference.margin import Mark, credit, fee_of, funded_index, quote_of_buy, standing
from infold.reference.margin import quote_of_sale as sale
from infold.reference.words import Clock, Position, Withdrawal

DAY_MS = 86_400_000
PRICE_E8 = 60_000 * 10**8
BTC = 10**8


def clock(rate_e9: int = 0, time_ms: int = 1, index: int = 0) -> Clock:
    return Clock(index, rate_e9, PRICE_E8, time_ms, 0, 0, False)


def test_a_day_at_a_tenth_of_a_percent_pays_a_tenth_of_a_percent() -> None:
    # One BTC at 60,000 and 0.1 % a day: 60 dollars, paid by the long. The index is cut to a whole
    # number, so the short misses the last unit.
    index = funded_index(clock(rate_e9=1_000_000), RATES, PRICE_E8, 1 + DAY_MS)
    assert credit(BTC, index, RATES.shift) == -60 * 10**6
    assert credit(-BTC, index, RATES.shift) == 60 * 10**6 - 1


def test_an_index_moves_toward_zero_both_ways_and_not_before_the_first_batch() -> None:
    up = funded_index(clock(rate_e9=1), RATES, 7, 2)
    down = funded_index(clock(rate_e9=-1), RATES, 7, 2)
    assert (up, down) == (0, 0)
    assert funded_index(clock(rate_e9=10**6, time_ms=0), RATES, PRICE_E8, DAY_MS) == 0
    assert funded_index(clock(rate_e9=10**6, time_ms=DAY_MS), RATES, PRICE_E8, 5) == 0


@pytest.mark.parametrize(
    ("base", "change", "shift", "expected"),
    [(1, 1, 1, -1), (-1, 1, 1, 0), (1, -1, 1, 0), (3, 5, 2, -4), (-3, 5, 2, 3), (0, 5, 2, 0)],
)
def test_credit_rounds_against_the_holder(
    base: int, change: int, shift: int, expected: int
) -> None:
    assert credit(base, change, shift) == expected


def test_money_rounds_against_the_trader() -> None:
    assert (quote_of_buy(1, 1), sale(1, 1)) == (-1, 0)
    assert (quote_of_buy(PRICE_E8, BTC), sale(PRICE_E8, BTC)) == (-60_000 * 10**6, 60_000 * 10**6)
    assert fee_of(PRICE_E8, BTC, 300) == 18 * 10**6
    assert fee_of(PRICE_E8, BTC + 1, 300) == 18 * 10**6 + 1


def mark(price_e8: int = PRICE_E8) -> Mark:
    return Mark(1, price_e8, 0, RATES)


def test_standing_of_a_winning_long() -> None:
    # Bought at 50,000, marked at 60,000: worth 10,000, haircut 10 %, margins 10 % and 5 % of
    # 60,000.
    held = standing(5_000 * 10**6, [(Position(1, BTC, -50_000 * 10**6, 0), mark())])
    assert held.equity_e6 == 15_000 * 10**6
    assert held.haircut_equity_e6 == 14_000 * 10**6
    assert held.im_e6 == 6_000 * 10**6
    assert held.mm_e6 == 3_000 * 10**6


def test_standing_of_a_losing_short_takes_no_haircut() -> None:
    held = standing(5_000 * 10**6, [(Position(1, -BTC, 55_000 * 10**6, 0), mark())])
    assert held.equity_e6 == held.haircut_equity_e6 == 0
    assert held.im_e6 == 6_000 * 10**6


def test_the_smallest_position_needs_margin_and_loses_its_dust() -> None:
    long = standing(0, [(Position(1, 1, 0, 0), mark(1))])
    short = standing(0, [(Position(1, -1, 0, 0), mark(1))])
    assert (long.equity_e6, long.im_e6, long.mm_e6) == (0, 1, 1)
    assert (short.equity_e6, short.im_e6, short.mm_e6) == (-1, 1, 1)


NOTHING_PENDING = Withdrawal(0, 0)


def judged(
    collateral: int,
    before: int,
    after: int,
    *,
    paid: int = 0,
    pending: Withdrawal = NOTHING_PENDING,
    time_ms: int = 10,
) -> bool:
    """Whether an account may go from a base to another; quote is what it paid at the mark."""
    held = {0: Position(1, before, -before * 60_000 * 10**6 // BTC, 0)} if before else {}
    touched = {0: Position(1, after, -after * 60_000 * 10**6 // BTC - paid, 0)}
    return passes(collateral, held, touched, {0: mark()}, pending, time_ms)


@pytest.mark.parametrize(("short", "passed"), [(0, True), (1, False)])
def test_initial_margin_is_enough_to_the_last_unit(short: int, passed: bool) -> None:
    assert judged(6_000 * 10**6 - short, 0, BTC) is passed


@pytest.mark.parametrize(
    ("before", "after", "passed"),
    [
        (2 * BTC, BTC, True),
        (2 * BTC, 2 * BTC, True),
        (2 * BTC, 2 * BTC + 1, False),
        (2 * BTC, 0, True),
        (2 * BTC, -2 * BTC, False),
        (-2 * BTC, -BTC, True),
    ],
)
def test_below_initial_margin_a_position_may_only_shrink(
    before: int, after: int, passed: bool
) -> None:
    assert judged(5_000 * 10**6, before, after) is passed


@pytest.mark.parametrize(
    ("paid", "passed"),
    [(2_500 * 10**6, True), (2_500 * 10**6 + 1, False)],
)
def test_shrinking_must_not_worsen_the_ratio(paid: int, passed: bool) -> None:
    # Half the position goes, so at most half of the equity may.
    assert judged(5_000 * 10**6, 2 * BTC, BTC, paid=paid) is passed


def test_shrinking_may_not_end_below_zero() -> None:
    assert judged(100, 2 * BTC, BTC, paid=50)
    assert not judged(100, 2 * BTC, 0, paid=101)
    assert not judged(-100, 2 * BTC, BTC)


@pytest.mark.parametrize(("time_ms", "passed"), [(10, True), (11, False)])
def test_a_pending_withdrawal_counts_for_initial_margin_up_to_its_barrier(
    time_ms: int, passed: bool
) -> None:
    pending = Withdrawal(1_000 * 10**6, 10)
    assert judged(5_000 * 10**6, 0, BTC, pending=pending, time_ms=time_ms) is passed


def test_a_pending_withdrawal_counts_for_maintenance_on_both_sides() -> None:
    pending = Withdrawal(5_000 * 10**6, 10)
    assert judged(0, 2 * BTC, BTC, paid=2_500 * 10**6, pending=pending, time_ms=11)
    assert not judged(0, 2 * BTC, BTC, paid=2_500 * 10**6 + 1, pending=pending, time_ms=11)


def test_a_closed_position_counts_as_cash() -> None:
    # Two BTC in one place close at a gain of 6,000, which carries the other place without a
    # haircut.
    held = {0: Position(1, BTC, -54_000 * 10**6, 0)}
    touched = {0: Position(1, 0, 6_000 * 10**6, 0), 1: Position(1, BTC, -60_000 * 10**6, 0)}
    marks = {0: mark(), 1: mark()}
    assert passes(0, held, touched, marks, NOTHING_PENDING, 10)
    assert not passes(-1, held, touched, marks, NOTHING_PENDING, 10)
