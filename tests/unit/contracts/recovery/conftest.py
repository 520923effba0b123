# SPDX-License-Identifier: Apache-2.0
"""A venue in which somebody has borrowed much and the price may fall."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.support.evm import a_key
from tests.support.venue import DOLLAR, LOT, PRICE_E8, Venue

KEEPER = a_key("keeper")
LONG = a_key("long")
SHORT = a_key("short")


@dataclass(frozen=True)
class Crowd:
    """A long of 1 unit on 4,000 dollars (15x), against a rich short; both in place 0."""

    venue: Venue
    long: int
    short: int

    def liquidate(self, price_e8: int, size_e8: int = LOT, **changes: int) -> object:
        vector = self.venue.a_vector({1: price_e8})
        return self.venue.recovery.liquidate(
            *self.venue.presented(vector),
            changes.get("account", self.long),
            changes.get("index", 0),
            size_e8,
            sender=KEEPER,
        )

    def health(self, account: int, price_e8: int, time_ms: int | None = None) -> tuple[int, int]:
        vector = self.venue.a_vector({1: price_e8}, time_ms=time_ms)
        result: tuple[int, int] = self.venue.recovery.health(*self.venue.presented(vector), account)
        return result


@pytest.fixture
def crowd(venue: Venue) -> Crowd:
    venue.list_market(1)
    long = venue.open_account(LONG, 4_000 * DOLLAR)
    short = venue.open_account(SHORT, 1_000_000 * DOLLAR)
    venue.trade(long, short, size_e8=LOT, price_e8=PRICE_E8)
    venue.world.travel(5)
    return Crowd(venue, long, short)
