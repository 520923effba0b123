# SPDX-License-Identifier: Apache-2.0
"""Clearing.set_halt: every market only shrinks for a time, and no batch on its way is surprised."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.evm import a_key, refuses
from tests.support.stage import BUYER, RICH_E6, SELLER, THIRD, Stage
from tests.support.venue import DOLLAR, GUARD_MS, LOT, WINDOW_MS, Venue, a_venue, parameters

from infold.words import LimitsWord, pack_limits, unpack_limits

STRANGER = a_key("stranger")
GOVERNANCE = a_key("stand-in governance")
PENDING = "clearing: change pending"


@pytest.fixture(scope="module")
def kept() -> Stage:
    """A stage whose Clearing takes a key for Governance."""
    made = a_venue(epoch_ms=86_400_000, stand_ins={"governance": GOVERNANCE})
    for market, name in ((1, "BTC-USD"), (2, "ETH-USD")):
        words = made.governance.words(parameters(name=name))
        made.clearing.set_market(market, *words, sender=GOVERNANCE)
    accounts = [made.open_account(key, RICH_E6) for key in (BUYER, SELLER, THIRD)]
    made.back(RICH_E6)
    made.world.travel(20)
    return Stage(made, *accounts)


@pytest.fixture
def stage(kept: Stage) -> Iterator[Stage]:
    with kept.venue.world.anchored():
        yield kept


@pytest.fixture
def venue(stage: Stage) -> Venue:
    return stage.venue


def halt(venue: Venue, from_ms: int, until_ms: int) -> None:
    venue.clearing.set_halt(from_ms, until_ms, sender=GOVERNANCE)


def limits(venue: Venue) -> LimitsWord:
    return unpack_limits(venue.clearing.limits())


def ahead(venue: Venue) -> int:
    return venue.world.now_ms + GUARD_MS


def test_set_halt_keeps_the_pools_capital_and_logs_the_word(stage: Stage) -> None:
    venue = stage.venue
    stage.fund_pool(5_000_000 * DOLLAR)
    begin = ahead(venue)
    receipt = venue.clearing.set_halt(begin, begin + 60_000, sender=GOVERNANCE)
    capital_e6 = 5_000_000 * DOLLAR
    assert limits(venue) == LimitsWord(capital_e6, begin + 60_000, begin, capital_e6)
    assert receipt.only("HaltSet") == {"limits": pack_limits(limits(venue))}


def test_set_halt_is_governances_alone(venue: Venue) -> None:
    with refuses(venue.world, "clearing: not governance"):
        venue.clearing.set_halt(ahead(venue), ahead(venue), sender=STRANGER)


@pytest.mark.parametrize("late", [0, 1])
def test_set_halt_takes_times_of_48_bits(venue: Venue, late: int) -> None:
    times = [2**48 - 1, 2**48 - 1]
    halt(venue, ahead(venue), times[1])
    times[late] = 2**48
    with refuses(venue.world, "clearing: out of range"):
        halt(venue, *times)


def test_a_halt_begins_no_earlier_than_a_guard_from_now(venue: Venue) -> None:
    for times in ((ahead(venue) - 1, ahead(venue)), (ahead(venue), ahead(venue) - 1)):
        with refuses(venue.world, PENDING):
            halt(venue, *times)
    halt(venue, ahead(venue), ahead(venue))


def test_a_halt_to_come_may_be_put_off_or_taken_back(venue: Venue) -> None:
    halt(venue, ahead(venue), ahead(venue) + 90_000)
    halt(venue, ahead(venue) + 70_000, ahead(venue) + 80_000)
    halt(venue, ahead(venue) + 70_000, ahead(venue))
    assert not limits(venue).halts(ahead(venue) + 70_001)


def test_a_halt_that_has_begun_keeps_its_start_and_moves_its_end(venue: Venue) -> None:
    begin = ahead(venue)
    halt(venue, begin, begin + 600_000)
    venue.world.travel(60)
    with refuses(venue.world, PENDING):
        halt(venue, ahead(venue), begin + 600_000)
    with refuses(venue.world, PENDING):
        halt(venue, begin, ahead(venue) - 1)
    halt(venue, begin, begin + 900_000)
    halt(venue, begin, ahead(venue))
    assert limits(venue)[1:3] == (ahead(venue), begin)


def test_a_halt_whose_end_is_near_is_left_to_end(venue: Venue) -> None:
    """Within G of its end nothing may change; a call that says the same again is no change."""
    begin = ahead(venue)
    end = begin + 10_000
    halt(venue, begin, end)
    venue.world.at_ms(end - GUARD_MS)
    with venue.world.anchored():
        halt(venue, begin, end + 60_000)
    venue.world.travel(1)
    with refuses(venue.world, PENDING):
        halt(venue, begin, end + 60_000)
    halt(venue, begin, end)


def test_another_halt_waits_until_no_batch_can_be_under_the_one_before(venue: Venue) -> None:
    begin = ahead(venue)
    end = begin + 7_000
    halt(venue, begin, end)
    venue.world.at_ms(end + WINDOW_MS)
    with refuses(venue.world, PENDING):
        halt(venue, ahead(venue), ahead(venue) + 60_000)
    venue.world.travel(1)
    halt(venue, ahead(venue), ahead(venue) + 60_000)


def test_batches_of_a_halts_time_only_shrink_in_every_market(stage: Stage) -> None:
    """from < T <= until: at the edges, in both markets; and nobody is kept from leaving."""
    venue = stage.venue
    stage.cross()
    begin = ahead(venue)
    end = begin + 5_000
    halt(venue, begin, end)
    for time_ms, halted in ((begin, False), (begin + 1, True), (end, True), (end + 1, False)):
        with venue.world.anchored():
            venue.world.at_ms(time_ms)
            grows = [stage.buy(slot=1), stage.sell(slot=1)]
            fresh = [
                stage.buy(market=2, slot=2, place=1),
                stage.sell(market=2, slot=2, place=1),
            ]
            receipt = venue.settle(stage.batch([*grows, *fresh], time_ms=time_ms))
            reasons = {event["reason"] for event in receipt.all("Skipped")}
            assert reasons == ({19} if halted else set())
            stage.books.check()
        with venue.world.anchored():
            venue.world.at_ms(time_ms)
            shrinks = [stage.sell(stage.buyer, LOT, slot=1), stage.buy(stage.seller, LOT, slot=1)]
            receipt = venue.settle(stage.batch(shrinks, time_ms=time_ms))
            assert receipt.all("Skipped") == []
