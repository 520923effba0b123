# SPDX-License-Identifier: Apache-2.0
"""A market's oracle prices by time: what was known then, and what came later.

Nothing here looks ahead by accident: `known` answers from the past, and whoever wants the future
asks for it by name and gets None where the record ends before it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence


class Prices:
    """Prices of many markets, each a rising sequence of (time ms, price e8)."""

    def __init__(self, by_market: Mapping[int, Sequence[tuple[int, int]]]) -> None:
        self._times = {market: [time for time, _ in told] for market, told in by_market.items()}
        self._prices = {market: [price for _, price in told] for market, told in by_market.items()}

    def known_e8(self, market: int, time_ms: int) -> int | None:
        """The latest price at or before a time; the first of all before any; None without any."""
        prices = self._prices.get(market)
        if not prices:
            return None
        return prices[max(bisect_right(self._times[market], time_ms) - 1, 0)]

    def next_e8(self, market: int, time_ms: int) -> int | None:
        """The first price strictly after a time: what the next batch is priced at."""
        times = self._times.get(market, [])
        place = bisect_right(times, time_ms)
        return self._prices[market][place] if place < len(times) else None

    def later_e8(self, market: int, time_ms: int, horizon_ms: int) -> int | None:
        """The first price at or after `time_ms + horizon_ms`; None if the record ends before."""
        times = self._times.get(market, [])
        place = bisect_left(times, time_ms + horizon_ms)
        return self._prices[market][place] if place < len(times) else None

    def path(self, market: int) -> list[tuple[int, int]]:
        """All of a market's prices."""
        return list(zip(self._times.get(market, []), self._prices.get(market, []), strict=True))
