# SPDX-License-Identifier: Apache-2.0
"""Governance.seal, cancel, transfer_ownership and accept_ownership, and the constructor."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, World, refuses
from tests.support.venue import DEPLOYER, Venue, parameters

from .conftest import DELAY_S, STRANGER


@pytest.mark.parametrize("delay_s", [3_600, 2_592_000])
def test_seal_takes_a_delay_from_an_hour_to_thirty_days(venue: Venue, delay_s: int) -> None:
    receipt = venue.governance.seal(delay_s, sender=DEPLOYER)
    assert receipt.only("Sealed") == {"delay_s": delay_s}
    assert venue.governance.delay_s() == delay_s


@pytest.mark.parametrize("delay_s", [0, 3_599, 2_592_001])
def test_seal_rejects_any_other_delay(venue: Venue, delay_s: int) -> None:
    with refuses(venue.world, "governance: delay out of range"):
        venue.governance.seal(delay_s, sender=DEPLOYER)


def test_seal_is_the_owners_alone(venue: Venue) -> None:
    with refuses(venue.world, "governance: not the owner"):
        venue.governance.seal(DELAY_S, sender=STRANGER)


def test_seal_is_for_good(sealed: Venue) -> None:
    with refuses(sealed.world, "governance: already sealed"):
        sealed.governance.seal(3_600, sender=DEPLOYER)


def test_sealing_ends_the_owners_acts_at_once(sealed: Venue) -> None:
    with refuses(sealed.world, "governance: not proposed"):
        sealed.governance.execute_market(1, parameters(), sender=DEPLOYER)


def test_cancel_withdraws_a_proposal(sealed: Venue) -> None:
    proposal = sealed.governance.propose_market(1, parameters(), sender=DEPLOYER).value
    receipt = sealed.governance.cancel(proposal, sender=DEPLOYER)
    assert receipt.only("Cancelled") == {"id": proposal}
    sealed.world.travel(DELAY_S)
    with refuses(sealed.world, "governance: not proposed"):
        sealed.governance.execute_market(1, parameters(), sender=DEPLOYER)


def test_cancel_is_the_owners_alone(sealed: Venue) -> None:
    proposal = sealed.governance.propose_market(1, parameters(), sender=DEPLOYER).value
    with refuses(sealed.world, "governance: not the owner"):
        sealed.governance.cancel(proposal, sender=STRANGER)


def test_cancel_rejects_what_was_not_proposed(sealed: Venue) -> None:
    with refuses(sealed.world, "governance: not proposed"):
        sealed.governance.cancel(bytes(32), sender=DEPLOYER)


def test_ownership_moves_in_two_steps(venue: Venue) -> None:
    venue.governance.transfer_ownership(STRANGER.address, sender=DEPLOYER)
    assert int(venue.governance.pending_owner(), 16) == STRANGER.number
    assert int(venue.governance.owner(), 16) == DEPLOYER.number
    with refuses(venue.world, "governance: not the owner"):
        venue.governance.seal(DELAY_S, sender=STRANGER)
    venue.governance.accept_ownership(sender=STRANGER)
    assert int(venue.governance.owner(), 16) == STRANGER.number
    venue.governance.seal(DELAY_S, sender=STRANGER)
    with refuses(venue.world, "governance: not the owner"):
        venue.governance.cancel(bytes(32), sender=DEPLOYER)


def test_transfer_ownership_is_the_owners_alone(venue: Venue) -> None:
    with refuses(venue.world, "governance: not the owner"):
        venue.governance.transfer_ownership(STRANGER.address, sender=STRANGER)


def test_accept_ownership_rejects_anybody_else(venue: Venue) -> None:
    with refuses(venue.world, "governance: not the pending owner"):
        venue.governance.accept_ownership(sender=STRANGER)
    venue.governance.transfer_ownership(STRANGER.address, sender=DEPLOYER)
    with refuses(venue.world, "governance: not the pending owner"):
        venue.governance.accept_ownership(sender=DEPLOYER)


def test_an_offer_of_ownership_can_be_taken_back(venue: Venue) -> None:
    venue.governance.transfer_ownership(STRANGER.address, sender=DEPLOYER)
    venue.governance.transfer_ownership(ZERO, sender=DEPLOYER)
    with refuses(venue.world, "governance: not the pending owner"):
        venue.governance.accept_ownership(sender=STRANGER)


@pytest.mark.parametrize("place", range(3))
def test_init_rejects_the_zero_address(place: int) -> None:
    world = World()
    parts = [ZERO if at == place else STRANGER.address for at in range(3)]
    with refuses(world, f"governance: {('clearing', 'oracle', 'seals')[place]} is zero"):
        world.deploy("Governance", *parts, sender=DEPLOYER)


def test_nobody_can_renounce_the_ownership(venue: Venue) -> None:
    """A venue whose parameters nobody can mend would be a trap; the ABI has no such door."""
    assert not hasattr(venue.governance, "renounce_ownership")
