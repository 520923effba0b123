# SPDX-License-Identifier: Apache-2.0
"""What a desk reads of a venue: it imports neither the engine's state nor its curve."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, TypeVar


class PricedClock(Protocol):
    """A market's clock: its last settled oracle price, zero before the first batch."""

    @property
    def price_e8(self) -> int: ...


class PoolSide(Protocol):
    """A market's pool: signed base in lots, and the quote on the other side of it."""

    @property
    def base_e8(self) -> int: ...
    @property
    def quote_e6(self) -> int: ...


class Cash(Protocol):
    """An account's word: its signed collateral."""

    @property
    def collateral_e6(self) -> int: ...


class AccountLike(Protocol):
    """An account as the engine keeps it."""

    @property
    def word(self) -> Cash: ...


class Listed(Protocol):
    """A market's listing: its tick."""

    @property
    def tick_e8(self) -> int: ...


class Terms(Protocol):
    """A market's parameters at some time."""

    @property
    def listing(self) -> Listed: ...


class MarketLike(Protocol):
    """A market as the engine keeps it."""

    @property
    def clock(self) -> PricedClock: ...
    @property
    def pool(self) -> PoolSide: ...
    def at(self, time_ms: int, /) -> Terms: ...


MarketT = TypeVar("MarketT", bound=MarketLike)


class LimitsLike(Protocol):
    """What binds all markets: what the pool was worth when its last epoch was struck."""

    @property
    def capital_e6(self) -> int: ...


class StateLike(Protocol[MarketT]):
    """The engine's state, as far as a dealer may look. `prices_e8` are the latest vector's."""

    markets: dict[int, MarketT]
    prices_e8: dict[int, int]

    @property
    def limits(self) -> LimitsLike: ...
    @property
    def accounts(self) -> Mapping[int, AccountLike]: ...
