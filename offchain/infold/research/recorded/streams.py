# SPDX-License-Identifier: Apache-2.0
"""What a reader hands out: typed columns in time order, in base units and milliseconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from infold.research.recorded.flags import NO_FLAGS, Flags

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a report says of a file: its path as given, its data rows, its SHA-256 as stored."""

    path: str
    rows: int
    sha256: str


class InTime:
    """Rows in the order of their times."""

    __slots__ = ()
    time_ms: Integers

    @property
    def span_ms(self) -> tuple[int, int]:
        """First and last time, both included."""
        return int(self.time_ms[0]), int(self.time_ms[-1])


@dataclass(frozen=True, slots=True)
class Trades(InTime):
    """Recorded trades in time order: one row per aggressor trade, or one per side of a fill.

    ``side`` is +1 for a buy and -1 for a sell, of the aggressor or, with ``accounts``, of the
    account. ``price`` is quote per base unit, ``size`` is base units. ``market`` indexes
    ``markets``. ``account`` and ``order`` index ``accounts`` and hold order ids; both are None when
    not recorded.
    """

    facts: FileFacts
    markets: tuple[str, ...]
    market: Integers
    time_ms: Integers
    side: Integers
    price: Floats
    size: Floats
    record: Integers
    accounts: tuple[str, ...] | None = None
    account: Integers | None = None
    order: Integers | None = None
    crossed: Booleans | None = None
    flags: Flags = NO_FLAGS

    @property
    def missing_ids(self) -> int:
        """How many trade ids the file skips."""
        return self.flags.count("missing_id")

    def rows(self, kept: Booleans) -> Trades:
        """The rows of a mask, in their order."""
        return replace(
            self,
            market=self.market[kept],
            time_ms=self.time_ms[kept],
            side=self.side[kept],
            price=self.price[kept],
            size=self.size[kept],
            record=self.record[kept],
            account=None if self.account is None else self.account[kept],
            order=None if self.order is None else self.order[kept],
            crossed=None if self.crossed is None else self.crossed[kept],
        )


@dataclass(frozen=True, slots=True)
class Quotes(InTime):
    """Best bid and ask of one market in time order, quote per base unit.

    Sizes are what the file says, in base units or contracts, whichever it records; None where it
    records none.
    """

    facts: FileFacts
    market: str
    time_ms: Integers
    bid: Floats
    ask: Floats
    bid_size: Floats | None = None
    ask_size: Floats | None = None
    flags: Flags = NO_FLAGS

    def rows(self, kept: Booleans) -> Quotes:
        """The rows of a mask, in their order."""
        return replace(
            self,
            time_ms=self.time_ms[kept],
            bid=self.bid[kept],
            ask=self.ask[kept],
            bid_size=None if self.bid_size is None else self.bid_size[kept],
            ask_size=None if self.ask_size is None else self.ask_size[kept],
        )


@dataclass(frozen=True, slots=True)
class Books(InTime):
    """One market's book after each update, its best levels first, in time order.

    Prices and sizes have shape (updates, levels), sizes in base units; a side with fewer levels
    is filled up with price NaN and size zero. `update_id` is the last update each row holds.
    """

    facts: FileFacts
    market: str
    time_ms: Integers
    update_id: Integers
    bid_price: Floats
    bid_size: Floats
    ask_price: Floats
    ask_size: Floats
    flags: Flags = NO_FLAGS

    @property
    def mid(self) -> Floats:
        """Half way between the best prices, quote per base unit."""
        middle: Floats = (self.bid_price[:, 0] + self.ask_price[:, 0]) / 2
        return middle

    def quotes(self) -> Quotes:
        """The best level alone."""
        return Quotes(
            facts=self.facts,
            market=self.market,
            time_ms=self.time_ms,
            bid=self.bid_price[:, 0],
            ask=self.ask_price[:, 0],
            bid_size=self.bid_size[:, 0],
            ask_size=self.ask_size[:, 0],
            flags=self.flags,
        )


@dataclass(frozen=True, slots=True)
class Depths:
    """Best quotes with the summed size of the first `levels` levels a side: (samples, levels).

    `levels` begins with 1, so the first column is the best size. Base units.
    """

    quotes: Quotes
    levels: tuple[int, ...]
    bid_depth: Floats
    ask_depth: Floats


@dataclass(frozen=True, slots=True)
class Bars(InTime):
    """One market's bars in time order; prices quote per base unit, `time_ms` the bar's opening.

    `step_ms` is the bars' length. Bars the file lacks are not there: `flags` counts the gaps, and
    `runs` gives the stretches between them.
    """

    facts: FileFacts
    market: str
    step_ms: int
    time_ms: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    flags: Flags = NO_FLAGS

    def runs(self) -> list[slice]:
        """Stretches of bars without a gap between them, in order."""
        cuts = (np.flatnonzero(np.diff(self.time_ms) != self.step_ms) + 1).tolist()
        return [slice(a, b) for a, b in zip([0, *cuts], [*cuts, len(self.time_ms)], strict=True)]
