# SPDX-License-Identifier: Apache-2.0
"""Governance of a whole venue, before and after sealing, and one whose Clearing is a probe."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Contract, a_key
from tests.support.venue import DEPLOYER, GUARDIAN, Venue

STRANGER = a_key("stranger")
PROBE = ROOT / "tests" / "support" / "contracts" / "HaltProbe.vy"


@pytest.fixture
def sealed(venue: Venue) -> Venue:
    """The venue once only its timelock sets."""
    venue.governance.seal(sender=DEPLOYER)
    return venue


@dataclass(frozen=True)
class Halting:
    """A Governance, and what its Clearing was told."""

    governance: Contract
    clearing: Contract

    @property
    def told_ms(self) -> tuple[int, int]:
        """From and until."""
        return self.clearing.from_ms(), self.clearing.until_ms()


@pytest.fixture
def halting(venue: Venue) -> Halting:
    world = venue.world
    probe = world.deploy(compiled_at(PROBE), sender=DEPLOYER)
    parts = [venue.timelock, probe, venue.oracle, venue.seals]
    governance = world.deploy(
        "Governance", *(part.address for part in parts), GUARDIAN.address, sender=DEPLOYER
    )
    return Halting(governance, probe)
