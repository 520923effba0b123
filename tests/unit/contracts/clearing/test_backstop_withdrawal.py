# SPDX-License-Identifier: Apache-2.0
"""Governance.withdraw_backstop: the backstop's collateral leaves as a trader's does, behind the
timelock.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.support.evm import Receipt, a_key, refuses
from tests.support.stage import ETHER_E8, ORACLE, RICH_E6, SELLER, THIRD, Stage
from tests.support.venue import (
    DELAY_S,
    DEPLOYER,
    DOLLAR,
    GUARD_MS,
    LOT,
    MATCHER,
    PRICE_E8,
    FillPlan,
    Venue,
)

from infold.words import WithdrawalWord, unpack_withdrawal

STRANGER = a_key("stranger")
BACKSTOP = 1
HOLDS = 300 * LOT
MARGIN_E6 = 300 * 60_000 * DOLLAR // 20
FEE_E6 = 300 * 30 * DOLLAR


def request(venue: Venue, amount_e6: int) -> int:
    """Ask as the deployer of a venue that is not sealed; returns the first second it is due in."""
    venue.governance.withdraw_backstop(amount_e6, sender=DEPLOYER)
    return venue.world.timestamp_s + 19


def claim(stage: Stage, prices_e8: Mapping[int, int] = ORACLE) -> Receipt:
    given = stage.venue.presented(stage.venue.a_vector(prices_e8))
    receipt: Receipt = stage.venue.clearing.claim_withdrawal(BACKSTOP, *given, sender=STRANGER)
    return receipt


def hold(stage: Stage) -> None:
    """Let the backstop take 300 whole units off a buyer whose order turned bad."""
    for key, account in ((SELLER, stage.seller), (THIRD, stage.third)):
        stage.venue.fund(key, 2 * RICH_E6)
        stage.venue.clearing.deposit(account, 2 * RICH_E6, sender=key)
    stage.settle([stage.buy(size_e8=HOLDS, limit_price_e8=1), stage.sell(size_e8=HOLDS)])
    assert stage.backstop().base_e8 == HOLDS


def skipping(stage: Stage, size_e8: int) -> list[FillPlan]:
    return [stage.buy(size_e8=size_e8, limit_price_e8=1), stage.sell(size_e8=size_e8)]


def test_the_timelock_takes_collateral_back_and_passes_it_on(stage: Stage) -> None:
    venue = stage.venue
    venue.governance.seal(sender=DEPLOYER)
    for who in (DEPLOYER, MATCHER, STRANGER):
        with refuses(venue.world, "governance: not the timelock"):
            venue.governance.withdraw_backstop(1, sender=who)
        with refuses(venue.world, "clearing: not the owner"):
            venue.clearing.request_withdrawal(BACKSTOP, 1, sender=who)
    asked = venue.operation("withdraw_backstop", RICH_E6)
    token = venue.dollar.address
    passed = venue.operation("pass_on", token, MATCHER.address, RICH_E6)
    for operation in (asked, passed):
        venue.schedule(operation)
    venue.world.travel(DELAY_S)
    venue.timelock.execute(*asked, sender=STRANGER)
    venue.world.travel(19)
    assert venue.clearing.claim_withdrawal(BACKSTOP, 0, [], [], sender=STRANGER).value == RICH_E6
    assert venue.dollar.balanceOf(venue.governance.address) == RICH_E6
    before_e6 = venue.dollar.balanceOf(MATCHER.address)
    venue.timelock.execute(*passed, sender=STRANGER)
    assert venue.dollar.balanceOf(MATCHER.address) == before_e6 + RICH_E6
    stage.books.check()


def test_a_request_leaves_collateral_and_waits_for_its_barrier_and_the_window(stage: Stage) -> None:
    venue = stage.venue
    due_s = request(venue, 5 * DOLLAR)
    word = unpack_withdrawal(venue.clearing.withdrawals(BACKSTOP))
    assert word == WithdrawalWord(5 * DOLLAR, venue.world.now_ms + GUARD_MS)
    assert stage.account(BACKSTOP).collateral_e6 == RICH_E6 - 5 * DOLLAR
    venue.world.at(due_s - 1)
    with refuses(venue.world, "clearing: withdrawal not due"):
        claim(stage)
    with refuses(venue.world, "clearing: withdrawal pending"):
        request(venue, 1)
    venue.world.at(due_s)
    assert claim(stage).value == 5 * DOLLAR
    stage.books.check()


@pytest.mark.parametrize("amount_e6", [0, RICH_E6 + 1, 2**255, 2**256 - 1])
def test_no_more_than_there_is_can_be_asked_for(stage: Stage, amount_e6: int) -> None:
    with refuses(stage.venue.world, "clearing: not enough collateral"):
        request(stage.venue, amount_e6)


def test_positions_keep_initial_margin_and_the_haircut_of_what_they_earned(stage: Stage) -> None:
    """Long 300 at 60,000: 900,000 of margin and a fee of 9,000; what rose since counts for less."""
    hold(stage)
    stage.venue.world.at(request(stage.venue, RICH_E6))
    with stage.venue.world.anchored():
        assert claim(stage).value == RICH_E6 - FEE_E6 - MARGIN_E6
        assert stage.account(BACKSTOP).collateral_e6 == FEE_E6 + MARGIN_E6
        assert stage.venue.clearing.withdrawals(BACKSTOP) == 0
        stage.books.check()
    with stage.venue.world.anchored():
        profit_e6 = 300 * 1_000 * DOLLAR - FEE_E6
        free_e6 = RICH_E6 + profit_e6 * 8 // 10 - MARGIN_E6 * 61 // 60
        assert claim(stage, ORACLE | {1: 61_000 * 10**8}).value == min(RICH_E6, free_e6)
    with refuses(stage.venue.world, "clearing: no price"):
        claim(stage, {2: ETHER_E8})
    # nothing is free: all of it is collateral again
    assert claim(stage, ORACLE | {1: 59_000 * 10**8}).value == 0
    assert stage.account(BACKSTOP).collateral_e6 == RICH_E6
    stage.books.check()


@pytest.mark.parametrize(
    ("short_e6", "late_ms", "lands"), [(0, 0, True), (1, 0, False), (0, 1, False)]
)
def test_a_batch_up_to_the_barrier_still_counts_what_was_asked_for_and_none_after(
    stage: Stage, short_e6: int, late_ms: int, lands: bool
) -> None:
    """A batch that was signed with the backstop's margin in mind lands, whoever made the
    withdrawal's request first; one of a later T does not count it.
    """
    venue = stage.venue
    venue.world.at(request(venue, RICH_E6 - MARGIN_E6 - FEE_E6 + short_e6))
    claim(stage)
    request(venue, DOLLAR)
    time_ms = venue.world.now_ms + GUARD_MS + late_ms
    venue.world.travel(4)
    batch = stage.batch(skipping(stage, HOLDS), time_ms=time_ms)
    if lands:
        assert venue.settle(batch).all("BackstopSettled")
        stage.books.check()
    else:
        with refuses(venue.world, "clearing: backstop margin"):
            venue.settle(batch)


def test_what_was_asked_for_counts_where_risk_falls(stage: Stage) -> None:
    """Below initial margin, with all its collateral asked for: it may shed risk and not add any,
    for its equity has not left yet.
    """
    hold(stage)
    venue = stage.venue
    request(venue, RICH_E6)
    venue.world.travel(4)
    grow = stage.batch(skipping(stage, 1))
    with refuses(venue.world, "clearing: backstop margin"):
        venue.settle(grow)
    size_e8 = 100 * LOT
    shrink = [
        stage.sell(stage.third, size_e8=size_e8, limit_price_e8=10**15),
        stage.buy(stage.seller, size_e8=size_e8),
    ]
    venue.settle(stage.batch(shrink))
    assert stage.backstop().base_e8 == HOLDS - size_e8
    stage.books.check()


def test_it_answers_for_the_backstops_losses_until_it_leaves(stage: Stage) -> None:
    """Above maintenance with what was asked for counted, nobody liquidates it; below, anybody."""
    hold(stage)
    venue = stage.venue
    stage.fund_pool()
    request(venue, RICH_E6)
    calm = venue.presented(venue.a_vector(ORACLE))
    equity_e6, margin_e6 = venue.recovery.health(*calm, BACKSTOP)
    assert equity_e6 == RICH_E6 - FEE_E6 > margin_e6
    with refuses(venue.world, "recovery: account is healthy"):
        venue.recovery.liquidate(*calm, BACKSTOP, 1, 0, sender=STRANGER)


def test_what_leaves_in_one_hour_beyond_the_vaults_share_waits(stage: Stage) -> None:
    venue = stage.venue
    venue.back(10 * RICH_E6)
    venue.world.travel(3_600)
    venue.world.at(request(venue, 8 * RICH_E6))
    assert claim(stage).value == 8 * RICH_E6
    held_e6 = venue.dollar.balanceOf(venue.governance.address)
    ticket = venue.vault.ticket_count() - 1
    assert 0 < held_e6 < 8 * RICH_E6
    with refuses(venue.world, "vault: ticket waits"):
        venue.vault.pull(ticket, sender=STRANGER)
    venue.world.travel(7 * 86_400)
    venue.vault.pull(ticket, sender=STRANGER)
    assert venue.dollar.balanceOf(venue.governance.address) == 8 * RICH_E6
    stage.books.check()


def test_a_venue_that_was_wound_down_pays_no_earlier_request_twice(stage: Stage) -> None:
    """The wind-down's claim holds collateral and request; its own payment needs no price, though
    the backstop's positions stay where they were.
    """
    hold(stage)
    venue = stage.venue
    request(venue, RICH_E6 // 2)
    venue.world.travel(7 * 86_400 + 1)
    venue.recovery.wind_down(sender=STRANGER)
    with refuses(venue.world, "clearing: wound down"):
        claim(stage)
    assert venue.recovery.final_equity(BACKSTOP) == RICH_E6 - FEE_E6
    venue.world.travel(7 * 86_400 + 1)
    assert venue.recovery.claim(BACKSTOP, sender=STRANGER).value == RICH_E6 - FEE_E6
    with refuses(venue.world, "recovery: nothing to claim"):
        venue.recovery.claim(BACKSTOP, sender=STRANGER)
    with refuses(venue.world, "clearing: wound down"):
        claim(stage)


def test_the_price_that_serves_is_fresh(stage: Stage) -> None:
    hold(stage)
    venue = stage.venue
    venue.world.at(request(venue, DOLLAR) + 60)
    for time_ms, reason in (
        (venue.world.now_ms - 15_001, "clearing: vector too old"),
        (venue.world.now_ms + 1_001, "clearing: vector from the future"),
    ):
        vector = venue.presented(venue.a_vector({1: PRICE_E8}, time_ms=time_ms))
        with refuses(venue.world, reason):
            venue.clearing.claim_withdrawal(BACKSTOP, *vector, sender=STRANGER)
