# SPDX-License-Identifier: Apache-2.0
"""Governance.seal, and the constructor."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, World, refuses
from tests.support.venue import DEPLOYER, GUARDIAN, OWNER, Venue, parameters

from .conftest import STRANGER


def test_seal_is_the_deployers_alone(venue: Venue) -> None:
    for who in (STRANGER, OWNER, GUARDIAN):
        with refuses(venue.world, "governance: not the deployer"):
            venue.governance.seal(sender=who)
    assert not venue.governance.is_sealed()


def test_seal_is_for_good(venue: Venue) -> None:
    receipt = venue.governance.seal(sender=DEPLOYER)
    assert receipt.only("Sealed") == {}
    assert venue.governance.is_sealed()
    with refuses(venue.world, "governance: already sealed"):
        venue.governance.seal(sender=DEPLOYER)


def test_sealing_ends_the_deployers_acts(venue: Venue) -> None:
    venue.governance.set_market(1, parameters(), sender=DEPLOYER)
    venue.governance.seal(sender=DEPLOYER)
    venue.world.travel(60)
    with refuses(venue.world, "governance: not the timelock"):
        venue.governance.set_market(1, parameters(), sender=DEPLOYER)


def test_everybody_is_named(venue: Venue) -> None:
    governance = venue.governance
    found = {
        name: getattr(governance, name)().lower()
        for name in ("timelock", "deployer", "clearing", "oracle", "seals", "guardian")
    }
    assert found == {
        "timelock": venue.timelock.address.lower(),
        "deployer": DEPLOYER.address.lower(),
        "clearing": venue.clearing.address.lower(),
        "oracle": venue.oracle.address.lower(),
        "seals": venue.seals.address.lower(),
        "guardian": GUARDIAN.address.lower(),
    }


@pytest.mark.parametrize("missing", range(5))
def test_the_constructor_rejects_a_zero_part(missing: int) -> None:
    world = World()
    parts = [STRANGER.address] * 5
    parts[missing] = ZERO
    name = ("timelock", "clearing", "oracle", "seals", "guardian")[missing]
    with refuses(world, f"governance: {name} is zero"):
        world.deploy("Governance", *parts, sender=DEPLOYER)
