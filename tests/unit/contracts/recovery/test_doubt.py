# SPDX-License-Identifier: Apache-2.0
"""Recovery.liquidate waits while a price is doubtful or the sequencer was down (C9)."""

from __future__ import annotations

from tests.support.evm import refuses
from tests.support.solidity import mock
from tests.support.venue import DEPLOYER, GUARD_MS, PRICE_E8

from .conftest import KEEPER, LONG, Crowd
from .test_liquidate import LOW

GRACE_S = 3_600


def a_second_source(crowd: Crowd, market: int, price_e8: int) -> None:
    """1 % is its bound."""
    venue = crowd.venue
    source = venue.world.deploy("dev/Source", price_e8, sender=DEPLOYER)
    venue.governance.set_price_source(market, source.address, 100, 60, False, sender=DEPLOYER)
    venue.world.travel(GUARD_MS // 1000 + 1)


def test_nobody_is_liquidated_at_a_doubtful_price(crowd: Crowd) -> None:
    a_second_source(crowd, 1, PRICE_E8)
    with refuses(crowd.venue.world, "recovery: price is doubtful"):
        crowd.liquidate(LOW)
    crowd.health(crowd.long, LOW)  # everybody may still look


def test_a_second_source_that_agrees_changes_nothing(crowd: Crowd) -> None:
    a_second_source(crowd, 1, LOW)
    crowd.liquidate(LOW)


def test_doubt_in_a_market_the_account_does_not_hold_protects_nobody(crowd: Crowd) -> None:
    a_second_source(crowd, 2, PRICE_E8)
    venue = crowd.venue
    vector = venue.a_vector({1: LOW, 2: 2 * PRICE_E8})
    assert venue.oracle.verify(*venue.presented(vector))[2] == 1 << 2
    venue.recovery.liquidate(*venue.presented(vector), crowd.long, 0, 0, sender=KEEPER)


def test_nobody_is_liquidated_while_the_sequencer_is_down_or_in_its_grace(crowd: Crowd) -> None:
    world = crowd.venue.world
    feed = world.deploy(mock("MockV3Aggregator"), 0, 1, sender=DEPLOYER)
    crowd.venue.governance.set_uptime(feed.address, GRACE_S, sender=DEPLOYER)
    with refuses(world, "recovery: sequencer is down"):
        crowd.liquidate(LOW)
    feed.updateAnswer(0, sender=DEPLOYER)
    world.travel(GRACE_S)
    with refuses(world, "recovery: sequencer is down"):
        crowd.liquidate(LOW)
    world.travel(1)
    crowd.liquidate(LOW)


def test_nobody_is_let_out_at_a_doubtful_price(crowd: Crowd) -> None:
    a_second_source(crowd, 1, PRICE_E8)
    venue = crowd.venue
    venue.recovery.force_reduce(crowd.long, 0, 1, sender=LONG)
    time_ms = venue.world.now_ms + 60_000
    venue.world.travel(52)
    source = venue.world.deploy("dev/Source", PRICE_E8, sender=DEPLOYER)
    venue.governance.set_price_source(1, source.address, 100, 60, False, sender=DEPLOYER)
    venue.world.at_ms(time_ms)
    vector = venue.presented(venue.a_vector({1: LOW}, time_ms=time_ms))
    with refuses(venue.world, "recovery: price is doubtful"):
        venue.recovery.execute_exit(*vector, crowd.long, 0, sender=KEEPER)


def test_a_source_that_is_never_content_keeps_nobody_in_for_good(crowd: Crowd) -> None:
    """Strict, and silent since: it doubts every price. The third appointed time is free of it."""
    venue = crowd.venue
    source = venue.world.deploy("dev/Source", PRICE_E8, sender=DEPLOYER)
    venue.governance.set_price_source(1, source.address, 100, 60, True, sender=DEPLOYER)
    venue.recovery.force_reduce(crowd.long, 0, 10**8, sender=LONG)
    q = venue.world.now_ms
    for time in (2, 3):
        venue.world.at_ms(q + time * 60_000)
        vector = venue.presented(venue.a_vector({1: PRICE_E8}, time_ms=q + time * 60_000))
        if time == 2:
            with refuses(venue.world, "recovery: price is doubtful"):
                venue.recovery.execute_exit(*vector, crowd.long, 0, sender=KEEPER)
    venue.recovery.execute_exit(*vector, crowd.long, 0, sender=KEEPER)
    assert venue.clearing.positions(crowd.long * 16) == 0


def test_nobody_is_deleveraged_at_a_doubtful_price(crowd: Crowd) -> None:
    a_second_source(crowd, 1, PRICE_E8)
    venue = crowd.venue
    vector = venue.presented(venue.a_vector({1: LOW}))
    with refuses(venue.world, "recovery: price is doubtful"):
        venue.recovery.deleverage(*vector, crowd.long, 0, 0, sender=KEEPER)
