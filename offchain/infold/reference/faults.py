# SPDX-License-Identifier: Apache-2.0
"""How a call fails: the revert strings of the contracts, and the reason codes of skipped orders
(docs/protocol.md §5).
"""

from __future__ import annotations

from enum import IntEnum


class Fault(Exception):
    """The call reverts with this string and nothing changes."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Overflow(Fault):
    """A number leaves its field or a checked range: the contract reverts too, but no string is
    promised.
    """


class Reason(IntEnum):
    """Why an order was skipped; the first failing check of §5.3 names it."""

    NONE = 0
    ACCOUNT = 1
    RANGE = 2
    EXPIRY = 3
    GOOD_AFTER = 4
    TRIGGER = 5
    LIMIT = 6
    POST_ONLY = 7
    FEE = 8
    EPOCH = 9
    SIGNER = 10
    SLOT = 11
    CANCELLED = 12
    SIZE = 13
    FOK = 14
    IOC = 15
    POSITION = 16
    REDUCE_ONLY = 17
    EXIT = 18
    MARKET_LIMIT = 19
    OVERFLOW = 20
    NO_PRICE = 21
    MARGIN = 22
    DELEVERAGED = 23


def require(condition: bool, reason: str) -> None:
    """Raise `Fault(reason)` unless the condition holds."""
    if not condition:
        raise Fault(reason)
