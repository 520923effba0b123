# SPDX-License-Identifier: Apache-2.0
"""What a calibration reads, and what it writes down on the way."""

from __future__ import annotations

from dataclasses import dataclass, field

from infold.research.microstructure.chance import Interval
from infold.research.recorded import Bars, Books, Quotes, Trades


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its unit in the name, its 95 % interval where one is known, and its source."""

    name: str
    value: float
    interval: Interval | None
    rows: int
    source: str


@dataclass(frozen=True, slots=True)
class Sources:
    """One market's streams, as far as there are any."""

    market: str
    trades: Trades | None = None
    quotes: Quotes | None = None
    books: Books | None = None
    bars: Bars | None = None


@dataclass(slots=True)
class Notes:
    """What is found on the way; `figures` replace the standing parameters' by name."""

    figures: dict[str, object] = field(default_factory=dict)
    estimates: list[Estimate] = field(default_factory=list)
    assumed: dict[str, str] = field(default_factory=dict)

    def found(
        self, name: str, value: float, rows: int, source: str, interval: Interval | None = None
    ) -> None:
        self.estimates.append(Estimate(name, value, interval, rows, source))
