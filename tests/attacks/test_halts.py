# SPDX-License-Identifier: Apache-2.0
"""A guardian who is wrong, robbed or against us (F04): it may stop new risk for a time, and nothing
else, and nobody is kept from leaving.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.evm import a_key, refuses
from tests.support.stage import BUYER, ORACLE, PROVIDER, SELLER, Stage, set_up
from tests.support.venue import (
    DEPLOYER,
    DOLLAR,
    GUARD_MS,
    GUARDIAN,
    LOT,
    MATCHER,
    PRICE_E8,
    a_venue,
)

HALT_S_MAX = 72 * 3_600
REST_S = 14 * 86_400
MARKET_LIMIT = 19
POOR, STRANGER, DELEGATE = a_key("poor"), a_key("stranger"), a_key("delegate")
LOW = ORACLE | {1: PRICE_E8 * 945 // 1000}


@pytest.fixture
def stage() -> Stage:
    """Two who hold a position, somebody near maintenance, a pool; sealed, halted, in the middle."""
    stage = set_up(a_venue())
    venue = stage.venue
    stage.fund_pool()
    poor = venue.open_account(POOR, 4_000 * DOLLAR)
    assert poor == stage.third + 1
    stage.settle([stage.buy(size_e8=2 * LOT), stage.sell(size_e8=2 * LOT)])
    stage.settle([stage.buy(poor), stage.sell(stage.third)])
    venue.governance.seal(sender=DEPLOYER)
    venue.world.travel(20)
    venue.governance.halt(HALT_S_MAX, sender=GUARDIAN)
    venue.world.travel(3_600)
    return stage


def cuts(stage: Stage) -> None:
    stage.settle([stage.sell(stage.buyer, LOT), stage.buy(stage.seller, LOT)])
    assert stage.position(stage.buyer).base_e8 == LOT


def closes(stage: Stage) -> None:
    plans = [stage.sell(stage.buyer, 2 * LOT), stage.buy(stage.seller, 2 * LOT)]
    stage.settle(plans)
    assert stage.position(stage.buyer).base_e8 == 0


def withdraws(stage: Stage) -> None:
    venue = stage.venue
    venue.clearing.request_withdrawal(stage.seller, 500_000 * DOLLAR, sender=SELLER)
    venue.world.travel(19)
    vector = venue.presented(venue.a_vector(ORACLE))
    paid = venue.clearing.claim_withdrawal(stage.seller, *vector, sender=STRANGER).value
    assert paid == 500_000 * DOLLAR


def cancels(stage: Stage) -> None:
    stage.venue.clearing.cancel(stage.buyer, 7, 9, sender=BUYER)
    stage.venue.clearing.cancel_all(stage.seller, sender=SELLER)


def revokes(stage: Stage) -> None:
    venue = stage.venue
    expiry_ms = venue.world.now_ms + 10**6
    venue.delegates.grant(stage.buyer, DELEGATE.address, 1, 1, expiry_ms, sender=BUYER)
    venue.delegates.revoke(stage.buyer, DELEGATE.address, sender=BUYER)


def pays_in(stage: Stage) -> None:
    stage.venue.fund(SELLER, DOLLAR)
    stage.venue.clearing.deposit(stage.seller, DOLLAR, sender=SELLER)


ACTS: dict[str, Callable[[Stage], None]] = {
    "cuts a position": cuts,
    "closes a position": closes,
    "withdraws free collateral": withdraws,
    "cancels": cancels,
    "revokes a delegate": revokes,
    "pays in": pays_in,
}


@pytest.mark.parametrize("act", ACTS)
def test_F04_whoever_leaves_or_cuts_risk_is_not_stopped(stage: Stage, act: str) -> None:
    ACTS[act](stage)
    stage.books.check()


def test_F04_what_is_unsafe_is_liquidated_all_the_same(stage: Stage) -> None:
    venue, poor = stage.venue, stage.third + 1
    vector = venue.presented(venue.a_vector(LOW))
    before_e8 = stage.position(poor).base_e8
    venue.recovery.liquidate(*vector, poor, 0, 0, sender=STRANGER)
    assert abs(stage.position(poor).base_e8) < abs(before_e8)


def test_F04_liquidity_providers_get_in_and_out(stage: Stage) -> None:
    venue = stage.venue
    venue.fund(PROVIDER, DOLLAR)
    pool, who = venue.pool, PROVIDER.address
    pool.requestRedeem(10**12, who, who, sender=PROVIDER)
    epoch = pool.requestDeposit(DOLLAR, who, who, sender=PROVIDER).value
    venue.strike(ORACLE)
    if not venue.clearing.strikes(epoch):
        venue.strike(ORACLE)
    assert pool.deposit(pool.maxDeposit(who), who, who, sender=PROVIDER).value > 0
    assert pool.redeem(pool.maxRedeem(who), who, who, sender=PROVIDER).value > 0


def test_D19_what_the_pool_says_it_takes_it_takes_in_a_halt(stage: Stage) -> None:
    """ERC-4626 for one whose claims are ready: the most is accepted and one more is not, whoever
    halted what. The standards' suite is tests/property/test_pool_standards.py.
    """
    venue, who = stage.venue, PROVIDER.address
    venue.fund(PROVIDER, 100 * DOLLAR)
    epoch = venue.ask_in(PROVIDER, 100 * DOLLAR)
    venue.ask_out(PROVIDER, 77 * 10**12 + 1)
    venue.strike(ORACLE)
    if not venue.clearing.strikes(epoch):
        venue.strike(ORACLE)
    for claim in ("deposit", "mint", "withdraw", "redeem"):
        most = getattr(venue.pool, f"max{claim.capitalize()}")(who)
        assert most > 0
        with refuses(venue.world, "pool: more than claimable"):
            getattr(venue.pool, claim)(most + 1, who, who, sender=PROVIDER)
        with venue.world.anchored():
            assert getattr(venue.pool, claim)(most, who, who, sender=PROVIDER).value > 0
            assert getattr(venue.pool, f"max{claim.capitalize()}")(who) == 0


@pytest.mark.parametrize("market", [1, 2])
def test_F04_new_risk_stops_in_every_market(stage: Stage, market: int) -> None:
    receipt = stage.settle(
        [stage.buy(market=market, slot=1), stage.sell(market=market, slot=1)],
    )
    assert [event["reason"] for event in receipt.all("Skipped")] == [MARKET_LIMIT] * 2


def test_F04_a_batch_in_flight_lands_whole_and_the_next_ones_shrink() -> None:
    stage = set_up(a_venue())
    venue = stage.venue
    called_ms = venue.world.now_ms
    venue.governance.halt(60, sender=GUARDIAN)
    venue.world.travel(4)
    for time_ms, stopped in ((called_ms + GUARD_MS, False), (called_ms + GUARD_MS + 1, True)):
        with venue.world.anchored():
            receipt = venue.settle(stage.batch([stage.buy(), stage.sell()], time_ms=time_ms))
            assert bool(receipt.all("Skipped")) == stopped


def test_F04_a_halt_ends_by_itself_to_the_millisecond() -> None:
    stage = set_up(a_venue())
    venue = stage.venue
    until_ms = venue.world.now_ms + HALT_S_MAX * 1000
    venue.governance.halt(HALT_S_MAX, sender=GUARDIAN)
    venue.world.at_ms(until_ms + 1_000)
    for time_ms, stopped in ((until_ms, True), (until_ms + 1, False)):
        with venue.world.anchored():
            receipt = venue.settle(stage.batch([stage.buy(), stage.sell()], time_ms=time_ms))
            assert bool(receipt.all("Skipped")) == stopped


def test_F04_no_guardian_halts_for_longer_or_twice_in_fourteen_days(stage: Stage) -> None:
    venue = stage.venue
    for duration_s in (HALT_S_MAX + 1, 2**256 - 1):
        with refuses(venue.world, "governance: halt out of range"):
            venue.governance.halt(duration_s, sender=GUARDIAN)
    ends_s = venue.governance.halted_until_s()
    for at_s in (venue.world.timestamp_s, ends_s, ends_s + 1, ends_s + REST_S):
        venue.world.at(at_s)
        with refuses(venue.world, "governance: halted lately"):
            venue.governance.halt(60, sender=GUARDIAN)
    venue.world.travel(1)
    venue.governance.halt(HALT_S_MAX, sender=GUARDIAN)


def test_F04_the_worst_guardian_stops_new_risk_less_than_a_fifth_of_the_time() -> None:
    stage = set_up(a_venue())
    venue = stage.venue
    began_s, halted_s = venue.world.timestamp_s, 0
    for _ in range(10):
        venue.governance.halt(HALT_S_MAX, sender=GUARDIAN)
        halted_s += HALT_S_MAX - GUARD_MS // 1000
        venue.world.at(venue.governance.halted_until_s() + REST_S + 1)
    assert halted_s * 5 < venue.world.timestamp_s - began_s


def test_F04_a_resumed_venue_trades(stage: Stage) -> None:
    venue = stage.venue
    venue.governance.resume(sender=GUARDIAN)
    resumed_ms = venue.world.now_ms
    venue.world.travel(4)
    plans = [stage.buy(stage.third, market=2, slot=1), stage.sell(market=2, slot=1)]
    with venue.world.anchored():
        early = venue.settle(stage.batch(plans, time_ms=resumed_ms + GUARD_MS), sender=MATCHER)
        assert len(early.all("Skipped")) == 2
    receipt = venue.settle(stage.batch(plans, time_ms=resumed_ms + GUARD_MS + 1))
    assert not receipt.all("Skipped")
