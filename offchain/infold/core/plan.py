# SPDX-License-Identifier: Apache-2.0
"""What `settle` reads and what it answers: plan, deals, reason codes, outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from infold.core.funding import Mark
from infold.core.state import Market, Parameters
from infold.errors import InfoldError
from infold.messages import SignedOrder
from infold.vectors import CHUNK_PRICES
from infold.words import (
    FillWord,
    HeadWord,
    PositionWord,
    PriceWord,
    StrikeWord,
)


class Reason(IntEnum):
    """Why the chain skips an order; docs/protocol.md section 5.3."""

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


class StructuralFault(InfoldError):
    """The contract would revert the whole batch with `reason`; `market` or `account` is where, if
    anywhere.
    """

    def __init__(
        self, reason: str, *, market: int | None = None, account: int | None = None
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.market = market
        self.account = account


class PlannedFill(NamedTuple):
    """One record: an order, the place of the position it moves, and what this batch fills of it."""

    signed: SignedOrder
    place: int
    fill_e8: int


class Plan(NamedTuple):
    """What `settle` judges. `prices_e8` are the vector's; only chunks in `opened` can be read."""

    number: int
    time_ms: int
    chunks: int
    opened: int
    prices_e8: Mapping[int, int]
    price_words: Sequence[PriceWord]
    fills: Sequence[PlannedFill]

    def oracle_price_e8(self, market: int) -> int:
        """The price the contract reads for a market: zero if the vector has none or its chunk is
        shut.
        """
        chunk = market // CHUNK_PRICES
        if chunk >= self.chunks or not self.opened >> chunk & 1:
            return 0
        return self.prices_e8.get(market, 0)


class SettledFill(NamedTuple):
    """A fill that stands: at the market's price, with the fee charged, and the order's total so
    far.
    """

    planned: PlannedFill
    price_e8: int
    fee_e6: int
    filled_e8: int


class Skip(NamedTuple):
    """A fill the chain refuses."""

    planned: PlannedFill
    reason: Reason


@dataclass(slots=True)
class AccountChange:
    """What a batch writes of one account: None closes a position."""

    collateral_e6: int
    positions: dict[int, PositionWord | None] = field(default_factory=dict)
    fills: dict[int, FillWord] = field(default_factory=dict)


class Struck(NamedTuple):
    """What a strike leaves: its word, the pool's value by it, and the shares then outstanding; and
    what account 0 gains by it.
    """

    epoch: int
    word: StrikeWord
    capital_e6: int
    supply: int
    gained_e6: int


@dataclass(slots=True)
class Outcome:
    """Everything a batch changes; `commit` writes it."""

    fills: list[SettledFill]
    skips: list[Skip]
    accounts: dict[int, AccountChange]
    markets: dict[int, Market]
    head: HeadWord
    collateral_e6: dict[int, int]
    """New collateral of accounts 0 and 1."""
    strike: Struck | None = None


@dataclass(slots=True)
class Deal:
    """One priced market while a batch is judged."""

    market: Market
    parameters: Parameters
    mark: Mark
    price_e8: int
    gross_e8: int
    shrink_only: bool
    bought_e8: int = 0
    sold_e8: int = 0
    quote_e6: int = 0
    fees_e6: int = 0
    credits_e6: int = 0
    realised_e6: int = 0
    interest_e8: int = 0
    skipped: bool = False
    skipped_base_e8: int = 0
    skipped_quote_e6: int = 0
    backstop: PositionWord | None = None


@dataclass(slots=True)
class Running:
    """An account's position while its fills are applied, funding settled to T."""

    market: int
    before: PositionWord | None
    base_e8: int
    quote_e6: int
    credit_e6: int = 0
    fees_e6: int = 0
