# SPDX-License-Identifier: Apache-2.0
"""What is said between us and an outside venue: our orders, and its reports of them.

The dealer's hedger decides with these records and the shell's adapters carry them, so they stand in
the base. Sizes are signed, buys positive; figures of a report are of the whole order so far, so
reading one twice or late changes nothing.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class OutsideOrder(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order of ours. `client_id` is ours and never used twice: the key to ask a venue by."""

    client_id: str
    venue: str
    market: int
    size_e8: int
    limit_price_e8: int = 0  # zero: at whatever price
    resting: bool = False  # it must not cross: a maker or nothing

    def __post_init__(self) -> None:
        if not self.client_id or not self.venue:
            raise ValueError("an outside order needs a client_id and a venue")
        if self.size_e8 == 0:
            raise ValueError("size_e8 must not be zero")
        if self.limit_price_e8 < 0:
            raise ValueError(f"limit_price_e8 must not be below zero, not {self.limit_price_e8}")
        if self.resting and self.limit_price_e8 == 0:
            raise ValueError("limit_price_e8 must be given for an order that is to rest")


class Standing(StrEnum):
    """What a venue says of an order."""

    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REFUSED = "refused"


class OutsideReport(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order as its venue knows it. `filled_e8` is signed like the order, `paid_e6` the value of
    its fills without a sign, `fee_e6` what the venue took (a rebate is negative).
    """

    client_id: str
    standing: Standing
    filled_e8: int = 0
    paid_e6: int = 0
    fee_e6: int = 0
    reason: str = ""


class OutsidePosition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a venue says we hold in a market, and of when."""

    venue: str
    market: int
    size_e8: int
    time_ms: int


class OutsideBalance(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What our account at a venue is worth, the profit of open positions in it, and as of when."""

    venue: str
    equity_e6: int
    time_ms: int


class OutsideQuote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A venue's best prices and how much stands near them on each side."""

    venue: str
    market: int
    bid_price_e8: int
    ask_price_e8: int
    bid_size_e8: int
    ask_size_e8: int
    time_ms: int
