# SPDX-License-Identifier: Apache-2.0
"""How a market's rules are told: its status under a halt, where margin grows, what share binds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.paper_venue import BTC, Venue

from infold.core import events
from infold.node.views.venue import VenueViews
from infold.signing import Domain
from infold.words import INTEREST_SHARE_OPEN, LimitsWord

NOW_MS = 1_800_000_000_000
HALT = LimitsWord(halted_from_ms=NOW_MS + 3_000, halted_until_ms=NOW_MS + 60_000)


def views_at(venue: Venue, now_ms: int) -> VenueViews:
    memory: Any = SimpleNamespace(state=venue.state, journal=SimpleNamespace(seq=0))
    book: Any = SimpleNamespace(chain_id=1, addresses={}, first_block=0)
    return VenueViews(
        memory=memory,
        book=book,
        domain=Domain(1, bytes(20)),
        matcher=bytes(20),
        now_ms=lambda: now_ms,
        meta=dict,
    )


def a_venue(tier: int = 0, interest_share: int = INTEREST_SHARE_OPEN) -> Venue:
    venue = Venue()
    venue.list_market(BTC, rates={"tier": tier}, caps={"interest_share": interest_share})
    venue.observe(NOW_MS)
    return venue


@pytest.mark.parametrize(
    ("ahead_ms", "status"),
    [(0, "live"), (3_000, "live"), (3_001, "shrinkOnly"), (60_000, "shrinkOnly"), (60_001, "live")],
)
def test_a_market_only_shrinks_while_all_are_halted(ahead_ms: int, status: str) -> None:
    venue = a_venue()
    venue.state.limits = HALT
    views = views_at(venue, NOW_MS + ahead_ms)
    (row,) = views.markets()
    assert row["status"] == status
    over = ahead_ms > 60_000
    told = {"from": HALT.halted_from_ms, "until": HALT.halted_until_ms}
    assert views.meta()["halt"] == (None if over else told), "announced, standing, over"
    assert views.meta()["windDown"] is None


def test_the_end_of_the_venue_is_told_for_itself_and_for_each_market() -> None:
    venue = a_venue()
    venue.tell(events.WoundDown(until_ms=NOW_MS + 7))
    venue.observe()
    views = views_at(venue, NOW_MS)
    assert views.meta()["windDown"] == {"registerUntil": NOW_MS + 7}
    assert [row["status"] for row in views.markets()] == ["woundDown"]


@pytest.mark.parametrize(
    ("tier", "share", "grows_from", "shown"),
    [
        (0, 0, "29514.790517", "0.0625"),
        (15, 8, "967140655.691703", "16"),
        (3, INTEREST_SHARE_OPEN, "236118.324143", None),
    ],
)
def test_a_reader_learns_where_margin_grows_and_what_share_binds(
    tier: int, share: int, grows_from: str, shown: str | None
) -> None:
    (row,) = views_at(a_venue(tier, share), NOW_MS).markets()
    assert (row["marginGrowsFrom"], row["interestShare"]) == (grows_from, shown)
