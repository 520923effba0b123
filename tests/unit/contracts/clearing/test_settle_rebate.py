# SPDX-License-Identifier: Apache-2.0
"""C7 with a rebate: the pool gives back of what its spread has earned, to shrink, and no more."""

from __future__ import annotations

from tests.support.evm import refuses
from tests.support.stage import ORACLE, Stage
from tests.support.venue import DOLLAR, LOT, PRICE_E8

from infold.words import MeterWord, unpack_meter

WRONG = "clearing: price on the wrong side"
H_MIN_E8 = PRICE_E8 * 500 // 10**6


def meter(stage: Stage) -> MeterWord:
    return unpack_meter(stage.venue.clearing.market_words(8 + 2))


def trade(stage: Stage, buys: int, lean_e8: int, slot: int) -> None:
    """The pool sells so many whole units (buys them back, below 0) at the oracle plus lean."""
    size_e8 = abs(buys) * LOT
    plan = stage.buy(size_e8=size_e8, slot=slot) if buys > 0 else None
    plan = plan or stage.sell(stage.buyer, size_e8, slot=slot)
    prices = {1: PRICE_E8 + lean_e8, 2: ORACLE[2]}
    stage.settle([plan], prices=prices)


def test_the_meter_keeps_what_the_spread_brings_in_whatever_the_price_does(stage: Stage) -> None:
    stage.fund_pool()
    trade(stage, 4, H_MIN_E8, 0)
    assert meter(stage).earned_e6 == 4 * 30 * DOLLAR
    stage.venue.world.travel(1)
    higher = {1: PRICE_E8 + PRICE_E8 // 100, 2: ORACLE[2]}
    stage.settle([], oracle=higher)
    assert meter(stage).earned_e6 == 4 * 30 * DOLLAR and meter(stage).bucket_e6 > 0


def test_without_the_parameter_nothing_is_given_back(stage: Stage) -> None:
    stage.fund_pool()
    trade(stage, 4, H_MIN_E8, 0)
    for lean_e8 in (1 - H_MIN_E8, 0, H_MIN_E8):
        with refuses(stage.venue.world, WRONG):
            trade(stage, -1, lean_e8, 1)
    trade(stage, -1, -H_MIN_E8, 1)


def test_a_shrinking_batch_is_given_a_share_of_what_was_earned_and_pays_it_down(
    stage: Stage,
) -> None:
    """120 dollars were earned, 8 sixteenths of them may be given: 2 units at h_min, once."""
    stage.fund_pool()
    stage.venue.list_market(1, rebate=8)
    trade(stage, 4, H_MIN_E8, 0)
    with refuses(stage.venue.world, WRONG):
        trade(stage, -3, H_MIN_E8, 1)
    with refuses(stage.venue.world, WRONG):
        trade(stage, -1, H_MIN_E8 + 1, 1)
    trade(stage, -2, H_MIN_E8, 1)
    assert meter(stage).earned_e6 == 60 * DOLLAR
    with refuses(stage.venue.world, WRONG):
        trade(stage, -2, H_MIN_E8, 2)
    trade(stage, -1, H_MIN_E8, 2)
    assert meter(stage).earned_e6 == 30 * DOLLAR
    stage.books.check()


def test_a_rebate_is_not_given_through_zero_or_to_grow(stage: Stage) -> None:
    stage.fund_pool()
    stage.venue.list_market(1, rebate=15)
    trade(stage, 2, H_MIN_E8, 0)
    with refuses(stage.venue.world, WRONG):
        trade(stage, -3, 0, 1)
    with refuses(stage.venue.world, WRONG):
        trade(stage, 1, 0, 1)
    trade(stage, -2, 0, 1)
    assert stage.pool().base_e8 == 0


def test_rebates_never_come_to_more_than_the_spread(stage: Stage) -> None:
    """Back and forth at the best prices a friend could get: the pool never pays on balance."""
    stage.fund_pool()
    stage.venue.list_market(1, rebate=15)
    earned_e6 = 0
    for turn in range(6):
        trade(stage, 3, H_MIN_E8, 2 * turn % 256)
        earned_e6 += 3 * 30 * DOLLAR
        allowance_e6 = meter(stage).earned_e6 * 15 // 16
        lean_e8 = min(H_MIN_E8, allowance_e6 * 10**10 // (3 * LOT))
        with refuses(stage.venue.world, WRONG):
            trade(stage, -3, lean_e8 + 1, 2 * turn + 1)
        trade(stage, -3, lean_e8, 2 * turn + 1)
        earned_e6 -= -(-3 * LOT * lean_e8 // 10**10)
        assert meter(stage).earned_e6 == earned_e6 >= 0
