# SPDX-License-Identifier: Apache-2.0
"""Recovery.deleverage and fold to the lot, the unit and the bit."""

from __future__ import annotations

import pytest
from tests.support.books import Books
from tests.support.evm import a_key, refuses
from tests.support.venue import DOLLAR, PRICE_E8

from infold.words import PositionWord, unpack_position

from .conftest import INSURANCE
from .test_deleverage import LOW, SECOND, Full, fill_pool
from .test_deleverage import full as full
from .test_funding import let_out

ONE = a_key("holder of one")


def price_of(deleveraging: int) -> int:
    return deleveraging >> 64 & 2**64 - 1


def test_what_the_other_side_gets_is_rounded_up_and_the_penalty_is_what_that_leaves(
    full: Full,
) -> None:
    """170.0002 dollars of equity, and a tenth of a unit more than 28.1 of them are the other
    side's: nothing is left and nothing owed."""
    fill_pool(full)
    receipt = full.deleverage(56_200 * 10**8 + 20_000)
    assert price_of(receipt.only("Deleveraged")["deleveraging"]) % 100 == 90
    assert not receipt.all("Covered")
    assert full.crowd.cash(full.crowd.long) == 0
    assert full.crowd.cash(INSURANCE) == 170_000_200 - 28_100_001
    Books(full.crowd.venue).check()


def test_a_long_of_one_lot_that_owes_is_taken_over_above_the_mark(full: Full) -> None:
    fill_pool(full)
    full.crowd.put(full.crowd.long, PositionWord(1, 1, -5_000 * DOLLAR, 0, 0))
    event = full.deleverage(LOW).only("Deleveraged")
    assert price_of(event["deleveraging"]) == LOW + LOW * 25_000 // 10**6


def test_a_long_of_one_lot_is_let_out_below_the_mark(full: Full) -> None:
    venue = full.crowd.venue
    one = venue.open_account(ONE, 10 * DOLLAR)
    venue.trade(one, full.crowd.short, size_e8=1)
    fill_pool(full)
    let_out(full.crowd, one, ONE, 1)
    assert price_of(venue.recovery.deleveragings(2**24 + 2)) == PRICE_E8 * 998 // 1000
    assert venue.clearing.positions(one * 16) == 0
    Books(venue).check()


@pytest.mark.parametrize("base_e8", [1, 2**62])
def test_a_backstop_gives_its_part_up_at_once_however_much_it_holds(
    full: Full, base_e8: int
) -> None:
    """To a short of one lot that the pool, which is short, has no room for."""
    venue = full.crowd.venue
    venue.back(1_000_000 * DOLLAR)
    one = venue.open_account(ONE, 10 * DOLLAR)
    venue.trade(full.other, one, size_e8=1)
    venue.world.travel(1)
    plans = [
        venue.a_fill(venue.an_order(full.other, size_e8=1, slot=3, limit_price_e8=1)),
        venue.a_fill(venue.an_order(full.second, buy=False, size_e8=1, slot=3)),
    ]
    venue.settle(venue.a_batch(plans, oracle={1: PRICE_E8}))
    held = unpack_position(venue.clearing.positions(16 + 1))
    assert held.base_e8 == 1
    full.crowd.put(1, held._replace(base_e8=base_e8), place=1)
    let_out(full.crowd, full.second, SECOND, 10)
    venue.list_market(1, position_cap_e8=10)
    let_out(full.crowd, one, ONE, 1)
    assert venue.clearing.positions(one * 16) == 0
    total_e8 = venue.recovery.deleveragings(2**24 + 2) >> 128 & 2**63 - 1
    left = unpack_position(venue.clearing.positions(16 + 1))
    assert left.base_e8 == base_e8 - -(-base_e8 // total_e8)
    assert left.event == (2 if left.base_e8 else 0)


def test_a_fold_reads_a_base_in_all_of_its_64_bits(full: Full) -> None:
    fill_pool(full)
    full.deleverage(LOW)
    full.crowd.put(full.second, PositionWord(1, -(2**62) - 1, 0, 0, 0))
    full.fold(full.second)
    assert full.position(full.second).event == 2


def test_a_word_without_a_base_is_of_no_side(full: Full) -> None:
    """Nothing writes one; neither side's deleveragings would take anything from it."""
    fill_pool(full)
    full.deleverage(LOW)
    full.crowd.put(full.second, PositionWord(1, 0, 0, 0, 0))
    with refuses(full.crowd.venue.world, "clearing: not of this side"):
        full.fold(full.second)
