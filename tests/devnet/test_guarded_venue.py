# SPDX-License-Identifier: Apache-2.0
"""A whole venue with a small pool: it grows to what its capital allows, and one market's stock
leans another's curve where a dealer file says that they move together.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from tests.support.local_orders import accepted

from infold.cli.commands.devnet import calibrated, correlated
from infold.core.curve import Curve
from infold.dealer.params import PERPETUAL
from infold.node import LocalVenue, live_desk, live_prices
from infold.shell.devnet_config import DevnetConfig

pytestmark = pytest.mark.devnet

START_MS = 1_700_000_000_000
BTC, ETH, SOL = 1, 2, 3
CAPITAL_E6 = 400_000 * 10**6


@pytest.fixture(scope="module")
def venue() -> Iterator[LocalVenue]:
    config = DevnetConfig(start_ms=START_MS, accounts=6, liquidity_e6=CAPITAL_E6)
    with LocalVenue(config) as found:
        batch(found)  # strikes the pool's first epoch
        yield found


def batch(venue: LocalVenue) -> None:
    venue.step(venue.clock_ms + 1_000, live_prices(venue.config))


def held_e6(venue: LocalVenue) -> int:
    """What the pool's stock is worth, whichever way."""
    state = venue.node.state
    return sum(
        abs(market.pool.base_e8) * state.prices_e8[number] // 10**10
        for number, market in state.markets.items()
    )


def test_a_pool_grows_to_its_room_and_what_reduces_is_bought_back_whole(venue: LocalVenue) -> None:
    assert venue.node.state.limits.capital_e6 == CAPITAL_E6
    accepted(venue, 0, size="10", price="61000")  # 600,000 of quote, more than the pool is worth
    grown = []
    for _ in range(12):
        batch(venue)
        grown.append(held_e6(venue))
    assert 0 < grown[0] < grown[-1] <= CAPITAL_E6 * 3 // 4
    shown = {row["id"]: row for row in venue.node.markets()}
    assert shown[BTC]["curveCut"] == "ZONE" and shown[BTC]["curvesCut"] > 10
    assert shown[SOL]["curveCut"] == "ZONE", "what one market risks no other may risk again"
    stock_e8 = venue.node.state.markets[BTC].pool.base_e8
    assert stock_e8 < 0
    accepted(venue, 1, side="sell", size=f"{-stock_e8 / 1e8 + 10.0:.8f}", price="59000")
    batch(venue)  # what is left of the first order takes less than ten of them
    assert venue.node.state.markets[BTC].pool.base_e8 >= 0
    assert venue.node.reconcile().report() == []


def test_a_dealer_file_makes_one_market_s_stock_lean_another_s_curve(
    venue: LocalVenue, tmp_path: Path
) -> None:
    path = tmp_path / "dealer.json"
    path.write_bytes(
        msgspec.json.encode(
            {
                "ETH-USD": PERPETUAL,
                "BTC-USD": PERPETUAL,
                "correlation": {
                    "markets": ["ETH-USD", "BTC-USD"],
                    "matrix": [[1.0, 0.8], [0.8, 1.0]],
                },
            }
        )
    )
    names = {market.listing.name: market.market for market in venue.config.markets}
    accepted(venue, 2, side="sell", size="10", price="59000")
    for _ in range(3):
        batch(venue)
    node = venue.node
    stock_e8 = node.state.markets[BTC].pool.base_e8
    assert stock_e8 > 10**8 and node.state.markets[ETH].pool.base_e8 == 0
    found: dict[bool, dict[int, Curve]] = {}
    for together in (False, True):
        desk = live_desk(
            1.0, calibrated(path, names), correlated(path, names) if together else None
        )
        venue.restart_node(desk)  # what it goes by is told again from the journal
        found[together] = desk.curves(venue.node.state, venue.clock_ms + 1_000)
    alone, beside = (
        [
            price
            for price, sale in zip(curves[ETH].prices_e8, curves[ETH].sales_e8, strict=True)
            if sale == 0
        ]
        for curves in (found[False], found[True])
    )
    # Short of one is a reason to buy the other, long of it to sell.
    for before, after in zip(alone, beside, strict=True):
        assert (after - before) * stock_e8 < 0
    assert found[False][SOL] == found[True][SOL], "the file does not name it"
