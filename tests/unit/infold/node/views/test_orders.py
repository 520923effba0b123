# SPDX-License-Identifier: Apache-2.0
"""How orders are told that ended without a fill: each says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.paper_venue import BTC, BTC_E8, START_MS, Venue, an_order

from infold.core.events import OrderExpired, encode_entry
from infold.messages import Order, TimeInForce
from infold.node.memory import Memory
from infold.node.views.orders import OrderViews
from infold.node.views.wording import MarketNames

PRICES = {BTC: BTC_E8}
FAR_E8 = BTC_E8 * 98 // 100
"""A buy's limit that the dealer does not come down to."""


@pytest.fixture
def venue() -> Venue:
    venue = Venue()
    venue.list_market(BTC)
    venue.open_account()
    venue.observe(START_MS)
    return venue


def told_of(venue: Venue, order: Order, folder: Path) -> tuple[str, str | None]:
    """The status and reason of an order that expired, as the journal of the run tells them."""
    assert any(isinstance(event, OrderExpired) for _, decided in venue.journal for event in decided)
    memory = Memory(folder / "journal", b"a venue", None)
    memory.journal.append([encode_entry(*entry) for entry in venue.journal])
    memory.replay()
    memory.journal.close()
    (found,) = OrderViews(memory, MarketNames(memory.state)).orders({}, 0, 10)
    assert found["slot"] == order.slot and found["filled"] == "0"
    return found["status"], found["reason"]


def test_an_order_for_its_batch_alone_that_found_nothing_in_it_was_unfilled(
    venue: Venue, tmp_path: Path
) -> None:
    order = an_order(time_in_force=TimeInForce.IOC, limit_price_e8=FAR_E8)
    assert venue.trade(order, prices_e8=PRICES) is None
    assert told_of(venue, order, tmp_path) == ("expired", "UNFILLED")


@pytest.mark.parametrize("kind", list(TimeInForce))
def test_an_order_that_every_batch_came_too_late_for_says_so(
    venue: Venue, tmp_path: Path, kind: TimeInForce
) -> None:
    """It would have filled: the venue was slow, or stood still."""
    venue.close(PRICES)
    order = an_order(time_in_force=kind, limit_price_e8=2 * FAR_E8, expiry_ms=venue.now_ms + 5_000)
    assert venue.trade(order, prices_e8=PRICES, after_ms=5_001) is None
    assert told_of(venue, order, tmp_path) == ("expired", "BATCH_LATE")


@pytest.mark.parametrize("kind", list(TimeInForce))
def test_an_order_that_slept_through_its_batches_ends_at_its_expiry(
    venue: Venue, tmp_path: Path, kind: TimeInForce
) -> None:
    order = an_order(time_in_force=kind, good_after_ms=START_MS + 4_000, expiry_ms=START_MS + 5_000)
    venue.submit(order)
    venue.close(PRICES)
    venue.close(PRICES, after_ms=5_000)
    assert told_of(venue, order, tmp_path) == ("expired", "EXPIRY")
