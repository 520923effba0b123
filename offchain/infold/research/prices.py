# SPDX-License-Identifier: Apache-2.0
"""Where a run's oracle prices come from: a record, or a seed.

``RecordedPrices`` follows one rule: the recorded mid at the batch's time; without quotes the last
trade before it; for a market's first batch its first trade. ``SeededPrices`` are correlated random
walks with jumps. Both hand out integers (e8) and know nothing of the engine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infold.errors import Rejected
from infold.research.flow import RecordedFlow
from infold.research.recorded import Floats, Integers, Quotes, Trades
from infold.units import Rounding, from_float


@dataclass(frozen=True, slots=True)
class _Series:
    """A step function of time: ``value[i]`` holds from ``time_ms[i]`` on."""

    time_ms: Integers
    value: Floats

    def until(self, time_ms: int) -> float | None:
        """The last value at or before a time."""
        place = int(np.searchsorted(self.time_ms, time_ms, side="right")) - 1
        return float(self.value[place]) if place >= 0 else None

    def before(self, time_ms: int) -> float | None:
        """The last value strictly before a time."""
        place = int(np.searchsorted(self.time_ms, time_ms, side="left")) - 1
        return float(self.value[place]) if place >= 0 else None


class RecordedPrices:
    """The oracle of a replay. Markets are numbered as in the flow's listings."""

    def __init__(
        self, flow: RecordedFlow, files: Sequence[Trades], quotes: Sequence[Quotes]
    ) -> None:
        self._listings = flow.listings
        self._trades = [
            _merged(
                [
                    (file.time_ms[codes == market], file.price[codes == market])
                    for file, codes in zip(files, flow.market_codes, strict=True)
                ]
            )
            for market in range(len(flow.listings))
        ]
        names = sorted({name for file in files for name in file.markets})
        by_market: dict[int, list[tuple[Integers, Floats]]] = {}
        for quote in quotes:
            if quote.market in names:
                mid = (quote.bid + quote.ask) / 2
                by_market.setdefault(names.index(quote.market), []).append((quote.time_ms, mid))
        self._mids = {market: _merged(parts) for market, parts in by_market.items()}
        self._opened: set[int] = set()

    def at(self, time_ms: int) -> dict[int, int]:
        """Every market's price_e8 for a batch at ``time_ms``; call with rising times."""
        return {market: self._one(market, time_ms) for market in range(len(self._listings))}

    def _one(self, market: int, time_ms: int) -> int:
        trades = self._trades[market]
        mids = self._mids.get(market)
        price = mids.until(time_ms) if mids else None
        if price is None and market in self._opened:
            price = trades.before(time_ms)
        if int(trades.time_ms[0]) < time_ms:
            self._opened.add(market)
        if price is None:
            price = float(trades.value[0])
        return self._listings[market].price_e8(price)


def _merged(parts: Sequence[tuple[Integers, Floats]]) -> _Series:
    time_ms = np.concatenate([time for time, _ in parts])
    order = np.argsort(time_ms, kind="stable")
    return _Series(time_ms[order], np.concatenate([value for _, value in parts])[order])


def quotes_without_trades(files: Sequence[Trades], quotes: Sequence[Quotes]) -> None:
    """`Rejected` for quotes of a market no trade file speaks of: they would silently be ignored."""
    known = {name for file in files for name in file.markets}
    for quote in quotes:
        if quote.market not in known:
            raise Rejected(
                "PARAMETER",
                "quotes",
                f"{quote.facts.path} quotes {quote.market}, which no trade file names "
                f"({', '.join(sorted(known)[:8])}); rename it with --market or leave it out",
            )


# -- seeded ------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkParameters:
    """How a seeded market moves. Figures are per step of one batch interval, in basis points.

    A jump every ``jump_steps`` steps on average stands for news: it is what liquidates people.
    """

    common_bps: float = 6.0
    own_bps: float = 5.0
    reversion: float = 0.01
    jump_steps: float = 22.0
    jump_bps: float = 230.0
    jump_bps_max: float = 450.0


class SeededPrices:
    """Correlated random walks: one factor all share, one of its own, and jumps, by seed alone."""

    def __init__(
        self, seed: int, start_e8: Mapping[int, int], steps: int, parameters: WalkParameters
    ) -> None:
        rng = np.random.Generator(np.random.PCG64([seed, 0x9E37]))
        self._markets = sorted(start_e8)
        count = len(self._markets)
        beta = rng.uniform(0.6, 1.4, count)
        moves = np.outer(rng.standard_normal(steps) * parameters.common_bps, beta)
        moves += (
            rng.standard_normal((steps, count)) * parameters.own_bps * rng.uniform(0.7, 1.5, count)
        )
        jumps = rng.random((steps, count)) < 1 / parameters.jump_steps
        sizes = rng.standard_normal((steps, count)) * parameters.jump_bps
        moves += jumps * np.clip(sizes, -parameters.jump_bps_max, parameters.jump_bps_max)
        level = np.zeros((steps + 1, count))
        for step in range(steps):
            level[step + 1] = level[step] * (1 - parameters.reversion) + moves[step] / 1e4
        start = np.array([start_e8[market] for market in self._markets], dtype=np.float64)
        self._path = np.exp(level) * start / 1e8

    def at(self, step: int) -> dict[int, int]:
        """Every market's price_e8 after ``step`` steps."""
        return {
            market: from_float(float(self._path[step, column]), 8, Rounding.NEAREST)
            for column, market in enumerate(self._markets)
        }
