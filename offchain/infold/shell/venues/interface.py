# SPDX-License-Identifier: Apache-2.0
"""What is asked of an outside venue."""

from __future__ import annotations

from typing import Protocol

from infold.outside import (
    OutsideBalance,
    OutsideOrder,
    OutsidePosition,
    OutsideQuote,
    OutsideReport,
)


class OutsideVenue(Protocol):
    """One account at one venue. Every call raises `Unavailable` if the venue gave no answer.

    What a venue refuses is a report of standing `refused` with its words, not an error: it is a
    fact about the order.
    """

    @property
    def name(self) -> str:
        """How orders and decisions name it."""

    def place(self, order: OutsideOrder) -> OutsideReport:
        """Send an order; what the venue says of it at once. After `Unavailable` it may be there."""

    def order(self, market: int, client_id: str) -> OutsideReport | None:
        """What became of an order; None if the venue does not know it."""

    def cancel(self, market: int, client_id: str) -> OutsideReport | None:
        """Take back what is not filled; the order after it, None if the venue does not know it."""

    def position(self, market: int) -> OutsidePosition:
        """What the venue says we hold."""

    def balance(self, market: int) -> OutsideBalance:
        """What our account there is worth in a market's quote currency."""

    def quote(self, market: int) -> OutsideQuote:
        """Its best prices."""
