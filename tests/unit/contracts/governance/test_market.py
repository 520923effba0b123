# SPDX-License-Identifier: Apache-2.0
"""Governance.propose_market and execute_market: the queue, and what a listed market keeps."""

from __future__ import annotations

import pytest
from tests.support.evm import refuses
from tests.support.venue import DEPLOYER, GUARD_MS, Venue, parameters

from infold.signing import keccak
from infold.words import unpack_clock, unpack_listing, unpack_rates

from .conftest import DELAY_S, LIFE_S, STRANGER


def test_execute_market_lists_at_once_before_sealing(venue: Venue) -> None:
    venue.governance.execute_market(3, parameters(name="ETH-USD"), sender=DEPLOYER)
    clock = unpack_clock(venue.clearing.market_words(3 * 8))
    assert clock.activation_s == venue.world.timestamp_s + GUARD_MS // 1000
    place = 3 * 8 + clock.version * 4
    rates, caps, listing = venue.governance.words(parameters(name="ETH-USD"))
    assert [venue.clearing.parameter_words(place + k) for k in range(3)] == [rates, caps, listing]
    assert unpack_listing(listing).name == "ETH-USD"


def test_execute_market_is_the_owners_alone_before_sealing(venue: Venue) -> None:
    with refuses(venue.world, "governance: not the owner"):
        venue.governance.execute_market(1, parameters(), sender=STRANGER)


def test_propose_market_rejects_before_sealing(venue: Venue) -> None:
    with refuses(venue.world, "governance: not sealed"):
        venue.governance.propose_market(1, parameters(), sender=DEPLOYER)


def test_a_sealed_change_waits_and_then_anyone_executes_the_announced_call(sealed: Venue) -> None:
    governance, world = sealed.governance, sealed.world
    receipt = governance.propose_market(1, parameters(), sender=DEPLOYER)
    announced = receipt.only("Proposed")
    assert announced["call"] == governance.calldata("execute_market", 1, parameters())
    assert announced["id"] == receipt.value == keccak(announced["call"])
    assert announced["ready_s"] == world.timestamp_s + DELAY_S == governance.ready_s(receipt.value)

    world.travel(DELAY_S - 1)
    with refuses(world, "governance: too early"):
        governance.execute_market(1, parameters(), sender=STRANGER)
    world.travel(1)
    world.raw(STRANGER.address, governance.address, announced["call"])
    assert unpack_clock(sealed.clearing.market_words(8)).activation_s == world.timestamp_s + 3
    assert governance.ready_s(receipt.value) == 0


def test_execute_market_rejects_what_was_not_proposed(sealed: Venue) -> None:
    sealed.governance.propose_market(1, parameters(), sender=DEPLOYER)
    sealed.world.travel(DELAY_S)
    with refuses(sealed.world, "governance: not proposed"):
        sealed.governance.execute_market(1, parameters(fee_e6=501), sender=DEPLOYER)
    with refuses(sealed.world, "governance: not proposed"):
        sealed.governance.execute_market(2, parameters(), sender=DEPLOYER)


def test_execute_market_works_once(sealed: Venue) -> None:
    sealed.governance.propose_market(1, parameters(), sender=DEPLOYER)
    sealed.world.travel(DELAY_S)
    sealed.governance.execute_market(1, parameters(), sender=STRANGER)
    sealed.world.travel(60)
    with refuses(sealed.world, "governance: not proposed"):
        sealed.governance.execute_market(1, parameters(), sender=STRANGER)


def test_a_proposal_lives_seven_days_and_may_then_be_made_again(sealed: Venue) -> None:
    governance, world = sealed.governance, sealed.world
    governance.propose_market(1, parameters(), sender=DEPLOYER)
    world.travel(DELAY_S + LIFE_S)
    with world.anchored():
        governance.execute_market(1, parameters(), sender=STRANGER)
    with refuses(world, "governance: already proposed"):
        governance.propose_market(1, parameters(), sender=DEPLOYER)
    world.travel(1)
    with refuses(world, "governance: too late"):
        governance.execute_market(1, parameters(), sender=STRANGER)
    governance.propose_market(1, parameters(), sender=DEPLOYER)
    world.travel(DELAY_S)
    governance.execute_market(1, parameters(), sender=STRANGER)


def test_propose_market_is_the_owners_alone(sealed: Venue) -> None:
    with refuses(sealed.world, "governance: not the owner"):
        sealed.governance.propose_market(1, parameters(), sender=STRANGER)


@pytest.mark.parametrize("market", [0, 256, 2**256 - 1])
def test_market_numbers_run_from_1_to_255(sealed: Venue, market: int) -> None:
    for inside in (1, 255):
        sealed.governance.propose_market(inside, parameters(), sender=DEPLOYER)
    with refuses(sealed.world, "governance: market out of range"):
        sealed.governance.propose_market(market, parameters(), sender=DEPLOYER)


def test_bounds_are_checked_when_proposed_and_when_executed(venue: Venue) -> None:
    with refuses(venue.world, "governance: fee out of range"):
        venue.governance.execute_market(1, parameters(fee_e6=10_001), sender=DEPLOYER)
    venue.governance.seal(DELAY_S, sender=DEPLOYER)
    with refuses(venue.world, "governance: fee out of range"):
        venue.governance.propose_market(1, parameters(fee_e6=10_001), sender=DEPLOYER)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"shift": 41}, "shift is fixed"), ({"name": "ETH-USD"}, "name is fixed")],
)
def test_a_listed_market_keeps_its_funding_scale_and_name(
    venue: Venue, change: dict[str, object], reason: str
) -> None:
    venue.list_market(1)
    with refuses(venue.world, f"governance: {reason}"):
        venue.governance.execute_market(1, parameters(**change), sender=DEPLOYER)
    venue.list_market(2, **change)


def test_execute_market_may_close_a_market_to_new_risk_and_open_it_again(venue: Venue) -> None:
    for status in (1, 2, 1):
        venue.list_market(1, status=status)
        clock = unpack_clock(venue.clearing.market_words(8))
        rates = unpack_rates(venue.clearing.parameter_words(8 + clock.version * 4))
        assert rates.status == status


def test_a_second_change_waits_for_the_barrier_of_the_first(venue: Venue) -> None:
    venue.governance.execute_market(1, parameters(), sender=DEPLOYER)
    venue.world.travel(3 + 15)
    with refuses(venue.world, "clearing: change pending"):
        venue.governance.execute_market(1, parameters(fee_e6=1), sender=DEPLOYER)
    venue.world.travel(1)
    venue.governance.execute_market(1, parameters(fee_e6=1), sender=DEPLOYER)
