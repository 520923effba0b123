# SPDX-License-Identifier: Apache-2.0
"""A venue with one market, and liquidity providers with money."""

from __future__ import annotations

import pytest
from tests.support.evm import a_key
from tests.support.venue import DOLLAR, LOT, PRICE_E8, Venue

PROVIDER = a_key("provider")
SECOND = a_key("second provider")
STRANGER = a_key("stranger")
OPERATOR = a_key("operator")
ORACLE = {1: PRICE_E8}
SHARE = 10**12


@pytest.fixture
def pooled(venue: Venue) -> Venue:
    """Market 1 is listed, the first epoch is still open, providers hold 1,000,000 dollars each."""
    venue.list_market(1)
    for provider in (PROVIDER, SECOND):
        venue.fund(provider, 1_000_000 * DOLLAR)
    return venue


def sell_to_pool(venue: Venue, seller: int, price_e8: int, size_e8: int = LOT) -> None:
    """A trader sells to the pool at the best price the curve allows."""
    venue.world.travel(1)
    order = venue.an_order(seller, buy=False, size_e8=size_e8, limit_price_e8=1)
    deal = price_e8 - price_e8 * 600 // 10**6
    batch = venue.a_batch([venue.a_fill(order)], oracle={1: price_e8}, prices={1: deal})
    venue.settle(batch)
