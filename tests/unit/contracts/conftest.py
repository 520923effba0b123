# SPDX-License-Identifier: Apache-2.0
"""One deployment for the session; every test starts from the same state and leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.venue import DEPLOYER, Venue, a_venue


@pytest.fixture(scope="session")
def deployment() -> Venue:
    return a_venue()


@pytest.fixture
def venue(deployment: Venue) -> Iterator[Venue]:
    with deployment.world.anchored():
        yield deployment


@pytest.fixture
def sealed(venue: Venue) -> Venue:
    """The venue once only its timelock sets."""
    venue.governance.seal(sender=DEPLOYER)
    return venue
