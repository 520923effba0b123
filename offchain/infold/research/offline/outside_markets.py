# SPDX-License-Identifier: Apache-2.0
"""What the outside costs at a time: read from a recorded book, or estimated where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from infold.dealer.impact.parent import ParentLaw
from infold.dealer.routing import VenueCost
from infold.research.calibration.orders import QUOTE_PER_M
from infold.research.calibration.outside_costs import walk
from infold.research.recorded import Books, Floats


class OutsideMarket(Protocol):
    """An outside market, as the replay needs it. Costs in bp beyond the mid, fees included."""

    @property
    def estimated(self) -> bool:
        """Whether its costs are an estimate rather than a recorded book's."""

    def terms(self, time_ms: int) -> VenueCost:
        """What the next M costs at a time: read before anything is sent."""

    def cost_bp(self, time_ms: int, side: int, size_m: float) -> float:
        """What an order of `side` (+1 buys) pays on average if sent at a time."""


class BookMarket:
    """A recorded book: the last update at or before a time. Its levels do not react to us."""

    estimated = False

    def __init__(self, books: Books, fee_bp: float) -> None:
        self._books = books
        self._fee_bp = fee_bp
        self._half_bp, self._slope, self._depth_m = _shape(books)

    def _row(self, time_ms: int) -> int:
        return max(int(np.searchsorted(self._books.time_ms, time_ms, side="right")) - 1, 0)

    def terms(self, time_ms: int) -> VenueCost:
        row = self._row(time_ms)
        return VenueCost(
            "outside",
            float(self._half_bp[row]) + self._fee_bp,
            float(self._slope[row]),
            float(self._depth_m[row]),
        )

    def cost_bp(self, time_ms: int, side: int, size_m: float) -> float:
        found = walk(
            self._books, np.array([self._row(time_ms)]), np.array([side]), np.array([size_m])
        )
        return float(found.cost_bp[0]) + self._fee_bp


def _shape(books: Books) -> tuple[Floats, Floats, Floats]:
    """Half-spread, bp the next M lies further out, and M recorded, of each row; mean of sides."""
    mid = books.mid
    half = 1e4 * (books.ask_price[:, 0] - mid) / mid
    slope, depth = np.zeros(len(mid)), np.zeros(len(mid))
    for prices, sizes in ((books.bid_price, books.bid_size), (books.ask_price, books.ask_size)):
        money = np.nan_to_num(prices * sizes).sum(axis=1) / QUOTE_PER_M
        away = 1e4 * np.nanmax(np.abs(prices / prices[:, :1] - 1.0), axis=1)
        slope += away / money / 2.0
        depth += money / 2.0
    return half, slope, depth


@dataclass(frozen=True, slots=True)
class EstimatedMarket:
    """Half a spread and the square-root law, where no book is recorded.

    `slope_bp_per_m` is what the desk goes by when it routes; volatility in bp per root day, volume
    in M a day.
    """

    half_spread_bp: float
    fee_bp: float
    slope_bp_per_m: float
    capacity_m: float
    volatility_bp: float
    volume_m_per_day: float
    law: ParentLaw
    estimated: bool = True

    def terms(self, time_ms: int) -> VenueCost:
        return VenueCost(
            "outside", self.half_spread_bp + self.fee_bp, self.slope_bp_per_m, self.capacity_m
        )

    def cost_bp(self, time_ms: int, side: int, size_m: float) -> float:
        if size_m == 0.0:
            return 0.0
        moved = self.law.cost_bp_m(size_m, self.volatility_bp, self.volume_m_per_day) / size_m
        return self.half_spread_bp + self.fee_bp + moved
