# SPDX-License-Identifier: Apache-2.0
"""Clearing.apply, called as Recovery: it shrinks one position at the oracle's price."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.evm import Receipt, a_key, refuses
from tests.support.stage import ETHER_E8, ORACLE, RICH_E6, SELLER, Stage, set_up
from tests.support.venue import DOLLAR, LOT, MATCHER, ORACLE_SIGNERS, PRICE_E8, a_venue

from infold.words import (
    unpack_clock,
    unpack_incoming,
    unpack_ledger,
    unpack_meter,
    unpack_pool,
)

RECOVERY = a_key("recovery")
INSURANCE = 2
APPOINTED = 1 << 255
"""A flag of the terms: the vector's time was named before, and no batch passes it by."""


@pytest.fixture(scope="module")
def kept_stage() -> Stage:
    """Clearing's Recovery is a key here: it asks for what the contract never would."""
    return set_up(a_venue(epoch_ms=86_400_000, stand_ins={"recovery": RECOVERY}))


def apply(
    stage: Stage,
    change: int,
    *,
    account: int | None = None,
    place: int = 0,
    prices_e8: dict[int, int] = ORACLE,
    terms: int = 0,
    sender: Any = None,
    **vector: Any,
) -> Receipt:
    given = stage.venue.presented(stage.venue.a_vector(prices_e8, **vector))
    who = sender or RECOVERY
    receipt: Receipt = stage.venue.clearing.apply(
        *given, stage.buyer if account is None else account, place, change, terms, sender=who
    )
    return receipt


def test_apply_moves_part_of_a_long_to_incoming_rounded_against_its_owner(stage: Stage) -> None:
    """7 lots at 60,000.00000001 are 42,000.0000000007 units: the owner gets the floor."""
    stage.cross()
    odd = ORACLE | {1: PRICE_E8 + 1}
    before = stage.position(stage.buyer)
    receipt = apply(stage, -7, prices_e8=odd)
    got_e6 = 7 * (PRICE_E8 + 1) // 10**10
    assert stage.position(stage.buyer) == before._replace(
        base_e8=LOT - 7, quote_e6=before.quote_e6 + got_e6
    )
    clearing = stage.venue.clearing
    incoming = unpack_incoming(clearing.market_words(8 + 4))
    assert incoming == (7, -got_e6)
    assert unpack_clock(clearing.market_words(8)).flags == 1
    assert clearing.pool_markets() == 1 << 1
    applied = receipt.only("Applied")
    assert applied == {
        "account": stage.buyer,
        "index": 0,
        "position": clearing.positions(stage.buyer << 4),
        "clock": clearing.market_words(8),
        "meter": clearing.market_words(8 + 2),
        "ledger": clearing.market_words(8 + 3),
        "incoming": clearing.market_words(8 + 4),
        "transit": 0,
        "events": 0,
    }
    assert unpack_meter(applied["meter"]).open_interest_e8 == LOT - 7
    stage.books.check()


def test_apply_makes_a_short_pay_the_ceiling(stage: Stage) -> None:
    stage.cross()
    odd = ORACLE | {1: PRICE_E8 + 1}
    before = stage.position(stage.seller)
    apply(stage, 7, account=stage.seller, prices_e8=odd)
    paid_e6 = -(-7 * (PRICE_E8 + 1) // 10**10)
    after = stage.position(stage.seller)
    assert (after.base_e8, after.quote_e6) == (7 - LOT, before.quote_e6 - paid_e6)
    stage.books.check()


def test_apply_closes_a_position_into_collateral_without_a_fee(stage: Stage) -> None:
    stage.cross()
    low = ORACLE | {1: 59_000 * 10**8}
    receipt = apply(stage, -LOT, prices_e8=low)
    assert stage.venue.clearing.positions(stage.buyer << 4) == 0
    assert stage.account(stage.buyer) == stage.account(stage.buyer)._replace(
        mask=0, collateral_e6=RICH_E6 - 1_030 * DOLLAR
    )
    assert receipt.only("CollateralMoved")["amount_e6"] == -1_030 * DOLLAR
    assert unpack_ledger(receipt.only("Applied")["ledger"]).realised_e6 == -1_030 * DOLLAR
    stage.books.check()


def test_what_was_applied_waits_and_joins_the_pool_at_the_end_of_the_next_batch(
    stage: Stage,
) -> None:
    """Bounds and caps of that batch read the pool without it: nobody nudges a signed batch."""
    stage.fund_pool()
    stage.cross(10 * LOT)
    stage.venue.list_market(1, position_cap_e8=5 * LOT)
    lean = PRICE_E8 * 500 // 10**6
    stage.venue.world.travel(1)
    plans = [stage.buy(stage.third, 5 * LOT)]
    batch = stage.batch(plans, prices={1: PRICE_E8 + lean})
    apply(stage, -4 * LOT)
    apply(stage, -1 * LOT)
    apply(stage, 3 * LOT, account=stage.seller)
    receipt = stage.venue.settle(batch)
    stage.books.check()
    assert receipt.all("Skipped") == []
    pool = unpack_pool(stage.venue.clearing.market_words(8 + 1))
    assert pool.base_e8 == -5 * LOT + 5 * LOT - 3 * LOT
    assert stage.venue.clearing.market_words(8 + 4) == 0
    assert unpack_clock(stage.venue.clearing.market_words(8)).flags == 0


def test_incoming_that_cancels_out_is_realised_to_the_pool(stage: Stage) -> None:
    """A long at 60,010 and a short at 59,990: the pool is 20 dollars down and flat."""
    stage.cross(2 * LOT)
    apply(stage, -LOT, prices_e8=ORACLE | {1: 60_010 * 10**8})
    apply(stage, LOT, account=stage.seller, prices_e8=ORACLE | {1: 59_990 * 10**8})
    receipt = stage.settle()
    moved = [event for event in receipt.all("CollateralMoved") if event["account"] == 0]
    assert [event["amount_e6"] for event in moved] == [-20 * DOLLAR]
    assert stage.pool() == (0, 0)
    assert stage.venue.clearing.pool_markets() == 0
    assert stage.account(0).collateral_e6 == -20 * DOLLAR


@pytest.mark.parametrize("change", [0, 1, -LOT - 1, LOT, 2**63, -(2**63)])
def test_apply_must_shrink(stage: Stage, change: int) -> None:
    stage.cross()
    with refuses(stage.venue.world, "clearing: apply must shrink"):
        apply(stage, change)


def test_apply_finds_nothing_to_shrink_in_an_empty_place(stage: Stage) -> None:
    stage.cross()
    for change in (1, -1):
        with refuses(stage.venue.world, "clearing: apply must shrink"):
            apply(stage, change, place=1)
        with refuses(stage.venue.world, "clearing: apply must shrink"):
            apply(stage, change, account=5_000)


@pytest.mark.parametrize(("account", "place"), [(0, 0), (2, 0), (16, 0), (17, 16), (17, 2**255)])
def test_apply_touches_no_account_without_the_place(stage: Stage, account: int, place: int) -> None:
    """Account 17's place 16 would be 18's."""
    stage.settle([stage.buy(limit_price_e8=1), stage.sell()])
    with refuses(stage.venue.world, "clearing: unknown account"):
        apply(stage, -1, account=account, place=place)


def test_apply_pays_no_keeper_without_an_account(stage: Stage) -> None:
    stage.cross()
    next_account = stage.venue.clearing.account_count()
    with refuses(stage.venue.world, "clearing: unknown account"):
        apply(stage, -1, terms=4 << 32 | next_account)
    apply(stage, -1, terms=4 << 32 | next_account - 1)


def test_apply_is_recoverys(stage: Stage) -> None:
    stage.cross()
    for sender in (a_key("stranger"), SELLER, MATCHER):
        with refuses(stage.venue.world, "clearing: not recovery"):
            apply(stage, -1, sender=sender)


def test_apply_reads_a_fresh_signed_vector_with_a_price(stage: Stage) -> None:
    stage.cross()
    stage.venue.world.travel(60)
    now_ms = stage.venue.world.now_ms
    with refuses(stage.venue.world, "clearing: no price"):
        apply(stage, -1, prices_e8={2: ETHER_E8})
    with refuses(stage.venue.world, "clearing: vector too old"):
        apply(stage, -1, time_ms=now_ms - 15_001)
    with refuses(stage.venue.world, "clearing: vector from the future"):
        apply(stage, -1, time_ms=now_ms + 1_001)
    with refuses(stage.venue.world, "signers: too few"):
        apply(stage, -1, signers=ORACLE_SIGNERS[:1])
    for time_ms in (now_ms - 15_000, now_ms + 1_000):
        with stage.venue.world.anchored():
            apply(stage, -1, time_ms=time_ms)
    stage.settle()
    last_ms = stage.venue.world.now_ms
    with refuses(stage.venue.world, "clearing: vector too old"):
        apply(stage, -1, time_ms=last_ms - 3_001)
    with stage.venue.world.anchored():
        apply(stage, -1, time_ms=last_ms - 3_001, terms=APPOINTED)
    apply(stage, -1, time_ms=last_ms - 3_000)


def test_half_of_the_charge_is_the_keepers_and_the_rest_insurances(stage: Stage) -> None:
    stage.cross()
    apply(stage, -LOT, terms=1_001 << 32 | stage.third)
    assert stage.account(stage.third).collateral_e6 == RICH_E6 + 500
    assert stage.account(INSURANCE).collateral_e6 == 501
    stage.books.check()


def test_insurance_adds_to_the_keepers_half_up_to_the_bounty_where_a_debt_is_left(
    stage: Stage,
) -> None:
    """4,000 dollars, and 5,000 lost: of a bounty of 10 the keeper's half of the charge is 2."""
    venue = stage.venue
    account = venue.open_account(a_key("poor"), 4_000 * DOLLAR)
    venue.fund(SELLER, RICH_E6)
    venue.clearing.deposit(INSURANCE, RICH_E6, sender=SELLER)
    stage.settle([stage.buy(account), stage.sell()])
    terms = 10 * DOLLAR << 96 | 4 * DOLLAR << 32 | stage.third
    apply(stage, -LOT, account=account, prices_e8=ORACLE | {1: 55_000 * 10**8}, terms=terms)
    assert stage.account(account).collateral_e6 == 0
    assert stage.account(stage.third).collateral_e6 == RICH_E6 + 10 * DOLLAR
    assert stage.account(INSURANCE).collateral_e6 == RICH_E6 - (1_030 + 4 - 2 + 8) * DOLLAR
    stage.books.check()


def test_nobody_pays_what_the_backstop_owes_while_it_holds_another_position(stage: Stage) -> None:
    """300 units fall by 6,000 dollars: 1.8 million of one million are lost."""
    venue = stage.venue
    venue.fund(SELLER, 2 * RICH_E6)
    venue.clearing.deposit(stage.seller, 2 * RICH_E6, sender=SELLER)
    plans = [
        stage.buy(size_e8=300 * LOT, limit_price_e8=1),
        stage.buy(market=2, slot=1, limit_price_e8=1),
        stage.sell(size_e8=300 * LOT),
        stage.sell(market=2, slot=1, place=1),
    ]
    stage.settle(plans)
    low = ORACLE | {1: 54_000 * 10**8}
    receipt = apply(stage, -300 * LOT, account=1, place=1, prices_e8=low)
    assert receipt.all("Covered") == [] and stage.account(1).collateral_e6 < 0
    receipt = apply(stage, -LOT, account=1, place=2, prices_e8=low)
    assert receipt.only("Covered")["account"] == 1 and stage.account(1).collateral_e6 == 0
    stage.books.check()
