# SPDX-License-Identifier: Apache-2.0
"""A venue in which somebody has borrowed much and the price may fall."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.support.books import slots
from tests.support.evm import Receipt, a_key
from tests.support.venue import DOLLAR, LOT, MATCHER, PRICE_E8, Venue

from infold.words import PositionWord, pack_position, unpack_account

KEEPER = a_key("keeper")
LONG = a_key("long")
SHORT = a_key("short")
INSURANCE = 2


@dataclass(frozen=True)
class Crowd:
    """A long of 1 unit on 4,000 dollars (15x), against a rich short; both in place 0."""

    venue: Venue
    long: int
    short: int
    keeper: int

    def liquidate(
        self,
        price_e8: int,
        keeper: int = 0,
        *,
        account: int | None = None,
        index: int = 0,
        time_ms: int | None = None,
    ) -> Receipt:
        vector = self.venue.a_vector({1: price_e8}, time_ms=time_ms)
        receipt: Receipt = self.venue.recovery.liquidate(
            *self.venue.presented(vector),
            self.long if account is None else account,
            index,
            keeper,
            sender=KEEPER,
        )
        return receipt

    def health(self, account: int, price_e8: int, time_ms: int | None = None) -> tuple[int, int]:
        vector = self.venue.a_vector({1: price_e8}, time_ms=time_ms)
        result: tuple[int, int] = self.venue.recovery.health(*self.venue.presented(vector), account)
        return result

    def cash(self, account: int) -> int:
        return unpack_account(self.venue.clearing.accounts(account)).collateral_e6

    def put(self, account: int, position: PositionWord, place: int = 0) -> None:
        """Write a position past every rule."""
        clearing = self.venue.clearing
        slot = slots(clearing.artifact.layout["storage_layout"])["positions"] + account * 16 + place
        self.venue.world.store(clearing.address, slot, pack_position(position))

    def insure(self, amount_e6: int) -> None:
        self.venue.fund(MATCHER, amount_e6)
        self.venue.clearing.deposit(INSURANCE, amount_e6, sender=MATCHER)


@pytest.fixture
def crowd(venue: Venue) -> Crowd:
    venue.list_market(1)
    long = venue.open_account(LONG, 4_000 * DOLLAR)
    short = venue.open_account(SHORT, 1_000_000 * DOLLAR)
    keeper = venue.open_account(KEEPER, 10 * DOLLAR)
    venue.trade(long, short, size_e8=LOT, price_e8=PRICE_E8)
    venue.world.travel(5)
    return Crowd(venue, long, short, keeper)
