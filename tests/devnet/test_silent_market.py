# SPDX-License-Identifier: Apache-2.0
"""A market that no signer prices: the others trade on, and it trades again once it has a price."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.local_orders import accepted

from infold.errors import Unpriced
from infold.node import BatchOutcome, LocalVenue, live_prices
from infold.shell.devnet_config import DevnetConfig
from infold.shell.oracle.signer import STALE_MS

pytestmark = pytest.mark.devnet

START_MS = 1_700_000_000_000
BTC, ETH = 1, 2


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue(DevnetConfig(start_ms=START_MS, accounts=4)) as found:
        batch(found)  # strikes the pool's first epoch
        yield found


def batch(venue: LocalVenue, *, silent: int = 0) -> BatchOutcome:
    """A batch after so long that a market left out is stale to every signer."""
    prices = live_prices(venue.config)
    prices.pop(silent, None)
    return venue.step(venue.clock_ms + STALE_MS + 1_000, prices)


def test_a_silent_market_is_waited_for_once_and_trades_again_when_it_is_priced(
    venue: LocalVenue,
) -> None:
    accepted(venue, 0)
    accepted(venue, 1, side="sell", price="59700")
    accepted(venue, 2, market="ETH-USD", price="3030", timeInForce="IOC")
    accepted(venue, 3, market="ETH-USD", price="2970", side="sell")
    with pytest.raises(Unpriced, match="no price for market 2") as postponed:
        batch(venue, silent=ETH)
    assert postponed.value.markets == (ETH,)

    went_on = batch(venue, silent=ETH)
    assert {fill.market for fill in went_on.fills} == {BTC}
    assert len(venue.node.state.orders) == 2  # the IOC has not had its batch

    assert {fill.market for fill in batch(venue).fills} == {ETH}
    with pytest.raises(Unpriced):  # silent anew: waited for anew
        batch(venue, silent=ETH)
    assert venue.node.reconcile().report() == []
