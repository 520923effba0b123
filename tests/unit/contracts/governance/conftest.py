# SPDX-License-Identifier: Apache-2.0
"""Governance of a whole venue, before and after sealing."""

from __future__ import annotations

import pytest
from tests.support.evm import a_key
from tests.support.venue import DEPLOYER, Venue

DELAY_S = 86_400
LIFE_S = 7 * 86_400
STRANGER = a_key("stranger")


@pytest.fixture
def sealed(venue: Venue) -> Venue:
    """The venue once its owner can only propose."""
    venue.governance.seal(DELAY_S, sender=DEPLOYER)
    return venue
