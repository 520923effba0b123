# SPDX-License-Identifier: Apache-2.0
"""A price source: a file that a feeder appends lines to, their times never falling.

    {"time_ms": 1700000000000, "prices": {"1": "6000000000000"}}

Markets by number, price_e8 as text.
"""

from __future__ import annotations

import bisect
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

PRICE_E8_MAX = (1 << 64) - 1
MARKET_MAX = 255
KEPT_POINTS = 4096  # prices a market and source are remembered for: an hour at one a second


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a source."""

    time_ms: int
    prices: dict[str, str]


def parse_prices(prices: dict[str, str]) -> dict[int, int]:
    """Market and price_e8 as numbers. Raises ValueError on anything but plain integers in range."""
    parsed = {}
    for market, price in prices.items():
        if not (market.isascii() and market.isdigit() and price.isascii() and price.isdigit()):
            raise ValueError(
                f"market {market[:20]!r} at {price[:30]!r} is not a pair of whole numbers"
            )
        number = int(market)
        if (
            not 1 <= number <= MARKET_MAX
            or not 1 <= int(price[:30]) <= PRICE_E8_MAX
            or str(number) != market
        ):
            raise ValueError(f"market {market[:20]} at {price[:30]} is out of range")
        parsed[number] = int(price)
    return parsed


@dataclass(slots=True)
class Source:
    """One price feed, read as it grows."""

    path: Path
    offset: int = 0
    last_ms: int = 0
    fault: str = ""
    times: dict[int, list[int]] = field(default_factory=dict)
    prices: dict[int, list[int]] = field(default_factory=dict)

    def refresh(self) -> None:
        """Take in the whole lines appended since the last look. A line that makes no sense ends the
        source for good.
        """
        if self.fault:
            return
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < self.offset:
                    self.fault = "was cut"
                    return
                if size == self.offset:
                    return
                file.seek(self.offset)
                content = file.read(size - self.offset)
        except OSError as error:
            self.fault = f"cannot be read ({error.strerror})"
            return
        whole = content.rfind(b"\n") + 1
        for text in content[:whole].splitlines():
            try:
                line = msgspec.json.decode(text, type=Line)
                prices = parse_prices(line.prices)
            except (msgspec.MsgspecError, ValueError) as error:
                self.fault = f"has a damaged line after byte {self.offset} ({error})"
                return
            if line.time_ms < self.last_ms:
                self.fault = f"goes back in time, from {self.last_ms} to {line.time_ms}"
                return
            self.last_ms = line.time_ms
            for market, price in prices.items():
                self._keep(market, line.time_ms, price)
        self.offset += whole

    def _keep(self, market: int, time_ms: int, price_e8: int) -> None:
        times, prices = self.times.setdefault(market, []), self.prices.setdefault(market, [])
        times.append(time_ms)
        prices.append(price_e8)
        if len(times) > 2 * KEPT_POINTS:
            del times[:KEPT_POINTS], prices[:KEPT_POINTS]

    def at(self, market: int, time_ms: int) -> tuple[int, int] | None:
        """Time and price of the latest line at or before T, or None."""
        times = self.times.get(market, [])
        place = bisect.bisect_right(times, time_ms) - 1
        return None if place < 0 else (times[place], self.prices[market][place])


class Feed:
    """A source's writer: what a feeder process appends. One line a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)

    def write(self, time_ms: int, prices_e8: dict[int, int]) -> None:
        """Append the prices at a time, in one write."""
        line = {
            "time_ms": time_ms,
            "prices": {str(market): str(price) for market, price in prices_e8.items()},
        }
        self._file.write(json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()
