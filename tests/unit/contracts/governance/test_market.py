# SPDX-License-Identifier: Apache-2.0
"""Governance.set_market: who, bounds, and what a listed market keeps."""

from __future__ import annotations

import pytest
from tests.support.evm import refuses
from tests.support.venue import DELAY_S, DEPLOYER, GUARD_MS, Venue, parameters

from infold.words import unpack_clock, unpack_listing, unpack_rates

from .conftest import STRANGER


def test_set_market_lists_at_once_before_sealing(venue: Venue) -> None:
    venue.governance.set_market(3, parameters(name="ETH-USD"), sender=DEPLOYER)
    clock = unpack_clock(venue.clearing.market_words(3 * 8))
    assert clock.activation_s == venue.world.timestamp_s + GUARD_MS // 1000
    place = 3 * 8 + clock.version * 4
    rates, caps, listing = venue.governance.words(parameters(name="ETH-USD"))
    assert [venue.clearing.parameter_words(place + k) for k in range(3)] == [rates, caps, listing]
    assert unpack_listing(listing).name == "ETH-USD"


def test_set_market_is_the_deployers_alone_before_sealing(venue: Venue) -> None:
    with refuses(venue.world, "governance: not the timelock"):
        venue.governance.set_market(1, parameters(), sender=STRANGER)


def test_a_sealed_change_is_the_announced_call(sealed: Venue) -> None:
    operation = sealed.operation("set_market", 1, parameters())
    announced = sealed.schedule(operation).only("CallScheduled")
    assert announced["payload"] == sealed.governance.calldata("set_market", 1, parameters())
    sealed.world.travel(DELAY_S)
    sealed.timelock.execute(*operation, sender=STRANGER)
    assert unpack_clock(sealed.clearing.market_words(8)).activation_s == (
        sealed.world.timestamp_s + 3
    )


@pytest.mark.parametrize("market", [0, 256, 2**256 - 1])
def test_market_numbers_run_from_1_to_255(venue: Venue, market: int) -> None:
    for inside in (1, 255):
        venue.governance.set_market(inside, parameters(), sender=DEPLOYER)
    with refuses(venue.world, "governance: market out of range"):
        venue.governance.set_market(market, parameters(), sender=DEPLOYER)


def test_bounds_hold_for_whoever_sets(venue: Venue) -> None:
    with refuses(venue.world, "governance: fee out of range"):
        venue.governance.set_market(1, parameters(fee_e6=10_001), sender=DEPLOYER)
    operation = venue.operation("set_market", 1, parameters(fee_e6=10_001))
    venue.schedule(operation)
    venue.world.travel(DELAY_S)
    with refuses(venue.world, "governance: fee out of range"):
        venue.timelock.execute(*operation, sender=STRANGER)


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"shift": 41}, "shift is fixed"), ({"name": "ETH-USD"}, "name is fixed")],
)
def test_a_listed_market_keeps_its_funding_scale_and_name(
    venue: Venue, change: dict[str, object], reason: str
) -> None:
    venue.list_market(1)
    with refuses(venue.world, f"governance: {reason}"):
        venue.governance.set_market(1, parameters(**change), sender=DEPLOYER)
    venue.list_market(2, **change)


def test_a_name_is_kept_to_its_last_bit_and_the_tick_beside_it_is_not(venue: Venue) -> None:
    name = "ABCDEFGHIJKLMNOPQRSTUVWY"
    venue.list_market(1, name=name, tick_e8=3)
    with refuses(venue.world, "governance: name is fixed"):
        changed = parameters(name=name[:-1] + "X", tick_e8=3)
        venue.governance.set_market(1, changed, sender=DEPLOYER)
    venue.list_market(1, name=name, tick_e8=2)


def test_set_market_may_close_a_market_to_new_risk_and_open_it_again(venue: Venue) -> None:
    for status in (1, 2, 1):
        venue.list_market(1, status=status)
        clock = unpack_clock(venue.clearing.market_words(8))
        rates = unpack_rates(venue.clearing.parameter_words(8 + clock.version * 4))
        assert rates.status == status


def test_a_second_change_waits_for_the_barrier_of_the_first(venue: Venue) -> None:
    venue.governance.set_market(1, parameters(), sender=DEPLOYER)
    venue.world.travel(3 + 15)
    with refuses(venue.world, "clearing: change pending"):
        venue.governance.set_market(1, parameters(fee_e6=1), sender=DEPLOYER)
    venue.world.travel(1)
    venue.governance.set_market(1, parameters(fee_e6=1), sender=DEPLOYER)
