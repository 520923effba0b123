# SPDX-License-Identifier: Apache-2.0
"""Governance of a whole venue, before and after sealing."""

from __future__ import annotations

import pytest
from tests.support.evm import a_key
from tests.support.venue import DEPLOYER, Venue

STRANGER = a_key("stranger")


@pytest.fixture
def sealed(venue: Venue) -> Venue:
    """The venue once only its timelock sets."""
    venue.governance.seal(sender=DEPLOYER)
    return venue
