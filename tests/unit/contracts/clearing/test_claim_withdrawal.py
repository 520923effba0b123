# SPDX-License-Identifier: Apache-2.0
"""Clearing.claim_withdrawal: what is free, when, and at whose price."""

from __future__ import annotations

from typing import Any

from tests.support.evm import Receipt, a_key, refuses
from tests.support.stage import BUYER, ETHER_E8, ORACLE, RICH_E6, SELLER, Stage
from tests.support.venue import DOLLAR, LOT, ORACLE_SIGNERS, PRICE_E8

STRANGER = a_key("stranger")
NONE: tuple[int, list[int], list[tuple[int, int]]] = (0, [], [])


def claim(stage: Stage, prices_e8: dict[int, int], **vector: Any) -> Receipt:
    given = stage.venue.presented(stage.venue.a_vector(prices_e8, **vector))
    receipt: Receipt = stage.venue.clearing.claim_withdrawal(stage.buyer, *given, sender=STRANGER)
    return receipt


def request(stage: Stage, amount_e6: int) -> int:
    """Ask; returns the first second in which it is due."""
    stage.venue.clearing.request_withdrawal(stage.buyer, amount_e6, sender=BUYER)
    return stage.venue.world.timestamp_s + 19


def test_claim_pays_the_owner_whoever_calls_and_needs_no_vector_without_positions(
    stage: Stage,
) -> None:
    venue = stage.venue
    due_s = request(stage, 5 * DOLLAR)
    before = venue.dollar.balanceOf(BUYER.address)
    venue.world.at(due_s)
    receipt = venue.clearing.claim_withdrawal(stage.buyer, *NONE, sender=STRANGER)
    assert receipt.value == 5 * DOLLAR
    assert venue.dollar.balanceOf(BUYER.address) == before + 5 * DOLLAR
    assert receipt.only("WithdrawalSet") == {
        "account": stage.buyer,
        "word": venue.clearing.accounts(stage.buyer),
        "withdrawal": 0,
    }
    assert venue.clearing.withdrawals(stage.buyer) == 0
    stage.books.check()


def test_claim_waits_until_the_barrier_is_past_by_the_window(stage: Stage) -> None:
    """now > c + F with c = request + G: 18 seconds are not enough, 19 are."""
    due_s = request(stage, 5)
    for early_s in (0, 1, 3, 4, 17, 18):
        stage.venue.world.at(due_s - 19 + early_s)
        with refuses(stage.venue.world, "clearing: withdrawal not due"):
            stage.venue.clearing.claim_withdrawal(stage.buyer, *NONE, sender=BUYER)
    stage.venue.world.at(due_s)
    assert stage.venue.clearing.claim_withdrawal(stage.buyer, *NONE, sender=BUYER).value == 5


def test_claim_with_none_pending_pays_nothing(stage: Stage) -> None:
    receipt = stage.venue.clearing.claim_withdrawal(stage.buyer, *NONE, sender=BUYER)
    assert receipt.value == 0
    stage.books.check()
    assert stage.account(stage.buyer).collateral_e6 == RICH_E6


def test_claim_pays_what_initial_margin_and_haircut_leave_free(stage: Stage) -> None:
    """10 units long at 60,000, then 61,000: profit 10,000 less 20 %, margin 30,500."""
    stage.cross(10 * LOT)
    due_s = request(stage, RICH_E6 - 300 * DOLLAR)  # the fee of 300 is in the position
    stage.venue.world.at(due_s)
    high = ORACLE | {1: 61_000 * 10**8}
    profit_e6 = 10 * 1_000 * DOLLAR - 300 * DOLLAR
    haircut_e6 = -(-profit_e6 * 200_000 // 10**6)
    free_e6 = RICH_E6 + profit_e6 - haircut_e6 - 10 * 61_000 * DOLLAR // 20
    with stage.venue.world.anchored():
        assert claim(stage, high).value == free_e6
        assert stage.account(stage.buyer).collateral_e6 == RICH_E6 - free_e6
        stage.books.check()
    with stage.venue.world.anchored():
        # a loss counts whole
        low = ORACLE | {1: 59_000 * 10**8}
        free_e6 = RICH_E6 - 300 * DOLLAR - 10_000 * DOLLAR - 10 * 59_000 * DOLLAR // 20
        assert claim(stage, low).value == free_e6
        stage.books.check()


def test_claim_pays_nothing_where_margin_needs_it_all(stage: Stage) -> None:
    """Nothing is free: the request ends, and all of it is collateral again."""
    stage.cross(300 * LOT)
    due_s = request(stage, 5_000 * DOLLAR)
    stage.venue.world.at(due_s)
    before = stage.venue.dollar.balanceOf(BUYER.address)
    receipt = claim(stage, ORACLE | {1: 59_000 * 10**8})
    assert receipt.value == 0
    assert stage.venue.dollar.balanceOf(BUYER.address) == before
    assert stage.account(stage.buyer).collateral_e6 == RICH_E6
    assert stage.venue.clearing.withdrawals(stage.buyer) == 0
    stage.books.check()


def test_claim_weighs_what_is_held_at_the_least_price_there_is(stage: Stage) -> None:
    """A unit of the eighth decimal is a price, and a lot bought at 60,000 is worth nothing."""
    stage.cross()
    stage.venue.world.at(request(stage, 5))
    assert claim(stage, ORACLE | {1: 1}).value == 5
    stage.books.check()


def test_claim_rejects_a_vector_without_a_price_of_what_is_held(stage: Stage) -> None:
    """Whatever its funding: the index stands beside the price in a mark."""
    stage.cross()
    stage.books.put_index(1, -1)
    stage.venue.world.at(request(stage, 5))
    with refuses(stage.venue.world, "clearing: no price"):
        claim(stage, {2: ETHER_E8})
    assert claim(stage, {1: PRICE_E8}).value == 5


def test_claim_rejects_vectors_that_are_old_or_from_the_future(stage: Stage) -> None:
    stage.cross()
    stage.venue.world.at(request(stage, 5) + 60)
    now_ms = stage.venue.world.now_ms
    with refuses(stage.venue.world, "clearing: vector too old"):
        claim(stage, ORACLE, time_ms=now_ms - 15_001)
    with refuses(stage.venue.world, "clearing: vector from the future"):
        claim(stage, ORACLE, time_ms=now_ms + 1_001)
    for time_ms in (now_ms - 15_000, now_ms + 1_000):
        with stage.venue.world.anchored():
            assert claim(stage, ORACLE, time_ms=time_ms).value == 5


def test_claim_rejects_a_vector_older_than_the_last_batch_by_more_than_the_guard(
    stage: Stage,
) -> None:
    """T >= T_last - G: nobody picks an old price, and the batch's own vector serves."""
    stage.cross()
    stage.venue.world.at(request(stage, 5) + 60)
    stage.settle()
    last_ms = stage.venue.world.now_ms
    with refuses(stage.venue.world, "clearing: vector too old"):
        claim(stage, ORACLE, time_ms=last_ms - 3_001)
    for time_ms in (last_ms - 3_000, last_ms):
        with stage.venue.world.anchored():
            assert claim(stage, ORACLE, time_ms=time_ms).value == 5


def test_claim_rejects_a_vector_that_is_not_signed_by_enough(stage: Stage) -> None:
    stage.cross()
    stage.venue.world.at(request(stage, 5))
    with refuses(stage.venue.world, "signers: too few"):
        claim(stage, ORACLE, signers=ORACLE_SIGNERS[:1])


def test_the_batch_clock_does_not_move_with_a_claim(stage: Stage) -> None:
    stage.cross()
    stage.venue.world.at(request(stage, 5))
    head = stage.venue.clearing.head()
    clock = stage.venue.clearing.market_words(8)
    claim(stage, ORACLE, time_ms=stage.venue.world.now_ms + 1_000)
    assert (stage.venue.clearing.head(), stage.venue.clearing.market_words(8)) == (head, clock)


def test_claim_serves_a_market_that_has_been_halted(stage: Stage) -> None:
    """Shrink only stops batches from opening, never a withdrawal."""
    stage.cross()
    stage.venue.list_market(1, status=2)
    stage.venue.world.at(request(stage, 5))
    assert claim(stage, ORACLE).value == 5


def test_everyone_who_is_flat_gets_everything(stage: Stage) -> None:
    stage.cross()
    stage.settle([stage.sell(stage.buyer), stage.buy(stage.seller)])
    for account, key in ((stage.buyer, BUYER), (stage.seller, SELLER)):
        amount_e6 = stage.account(account).collateral_e6
        stage.venue.clearing.request_withdrawal(account, amount_e6, sender=key)
    stage.venue.world.travel(19)
    for account in (stage.buyer, stage.seller):
        stage.venue.clearing.claim_withdrawal(account, *NONE, sender=STRANGER)
        assert stage.account(account).collateral_e6 == 0
    stage.books.check()
