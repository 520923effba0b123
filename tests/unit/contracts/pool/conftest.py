# SPDX-License-Identifier: Apache-2.0
"""A venue with one market, and liquidity providers with money."""

from __future__ import annotations

import pytest
from tests.support.evm import a_key
from tests.support.venue import DOLLAR, PRICE_E8, Venue

PROVIDER = a_key("provider")
SECOND = a_key("second provider")
STRANGER = a_key("stranger")
ORACLE = {1: PRICE_E8}
SHARE = 10**12


@pytest.fixture
def pooled(venue: Venue) -> Venue:
    """Market 1 is listed, the first epoch is still open, providers hold 1,000,000 dollars each."""
    venue.list_market(1)
    for provider in (PROVIDER, SECOND):
        venue.fund(provider, 1_000_000 * DOLLAR)
    return venue
