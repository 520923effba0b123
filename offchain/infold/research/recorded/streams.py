# SPDX-License-Identifier: Apache-2.0
"""What a reader hands out: typed columns in time order, in base units and milliseconds."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a report says of a file: its path as given, its data rows, its SHA-256 as stored."""

    path: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Trades:
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
    crossed: NDArray[np.bool_] | None = None
    missing_ids: int = 0

    @property
    def span_ms(self) -> tuple[int, int]:
        """First and last time, both included."""
        return int(self.time_ms[0]), int(self.time_ms[-1])


@dataclass(frozen=True, slots=True)
class Quotes:
    """Best bid and ask of one market in time order, quote per base unit."""

    facts: FileFacts
    market: str
    time_ms: Integers
    bid: Floats
    ask: Floats

    @property
    def span_ms(self) -> tuple[int, int]:
        """First and last time, both included."""
        return int(self.time_ms[0]), int(self.time_ms[-1])
