# SPDX-License-Identifier: Apache-2.0
"""Recorded trades as the orders that made them, and what those say of demand.

One order against several resting ones prints several trades of one side in one millisecond; they
are joined. Sizes fall into decades, each a rung of the ladder at the mean size of its orders.

How steep demand is shows in how far from the mid takers traded: the share of their volume that
traded at least d away is what a quote at d would have met, and a logistic share is fitted to it,

    S(d) = (1 + exp(shift)) / (1 + exp(shift + slope d)),     S(0) = 1

Whoever pays a fee out there would have paid as much more to us, so the fee is part of the distance.
Takers who found the price close by say nothing of how far they would have gone, so the slope is an
upper bound: real clients are no more particular than this.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.optimize import least_squares

from infold.research.faults import TooLittle
from infold.research.recorded import Floats, Integers, Quotes, Trades

QUOTE_PER_M: Final = 1e6
RUNG_EDGES_M: Final = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
ORDERS_MIN: Final = 100
"""Fewer orders than these describe no demand."""
_GRID: Final = 60
_SHIFT_BOUNDS: Final = (-2.0, 2.0)
"""Between a demand that is flat up to a markup and one that falls from the first bp on. Flatter
still, and the lines for thick batches, which look at the mid alone, would see no demand there."""
_TAIL: Final = 0.005


@dataclass(frozen=True, slots=True)
class TakerOrders:
    """Columns (orders,) in time order: +1 for buys, sizes in M, mean prices."""

    time_ms: Integers
    side: Integers
    size_m: Floats
    price: Floats

    @property
    def days(self) -> float:
        """From the first order to the last."""
        return float(self.time_ms[-1] - self.time_ms[0]) / 86_400_000.0


@dataclass(frozen=True, slots=True)
class Ladder:
    """Sizes in M and how often each is asked for, a side and day."""

    sizes_m: tuple[float, ...]
    rates_per_day: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """The logistic fitted, how much of the variation of S(d) it explains, and from how many trades.

    `reach_bp` is the volume-weighted mean of what takers paid beyond the mid, fee included.
    """

    shift: float
    slope_per_bp: float
    explained: float
    reach_bp: float
    trades: int


def takers(trades: Trades, market: str) -> Trades | None:
    """The taker rows of one market; None if there are none."""
    kept = trades.market == trades.markets.index(market)
    if trades.crossed is not None:
        kept &= trades.crossed
    if not kept.any():
        return None
    found = trades.rows(kept)
    return replace(found, markets=(market,), market=np.zeros(len(found.side), np.int64))


def orders_of(trades: Trades) -> TakerOrders:
    """Join trades of one market, one side and one millisecond."""
    new = (np.diff(trades.time_ms) != 0) | (np.diff(trades.side) != 0)
    first = np.concatenate([[0], np.flatnonzero(new) + 1])
    base = np.add.reduceat(trades.size, first)
    quote = np.add.reduceat(trades.size * trades.price, first)
    return TakerOrders(trades.time_ms[first], trades.side[first], quote / QUOTE_PER_M, quote / base)


def ladder_of(orders: TakerOrders) -> Ladder:
    """A rung a decade of sizes. `ValueError` for orders that took no time."""
    if orders.days <= 0.0:
        raise ValueError("the orders (a count over days) took no time: there is no rate")
    rung = np.searchsorted(RUNG_EDGES_M, orders.size_m)
    count = np.bincount(rung, minlength=len(RUNG_EDGES_M) + 1)
    volume = np.bincount(rung, weights=orders.size_m, minlength=len(RUNG_EDGES_M) + 1)
    kept = count > 0
    return Ladder(
        tuple((volume[kept] / count[kept]).tolist()),
        tuple((count[kept] / (2.0 * orders.days)).tolist()),
    )


def reach_bp(trades: Trades, quotes: Quotes) -> tuple[Floats, Floats]:
    """How far beyond the mid just before it each trade was, in bp and not below zero, and its M.

    Trades before the first quote are left out.
    """
    place = np.searchsorted(quotes.time_ms, trades.time_ms, side="left") - 1
    known = place >= 0
    mid = ((quotes.bid + quotes.ask) / 2.0)[place[known]]
    away = 1e4 * trades.side[known] * (trades.price[known] - mid) / mid
    volume: Floats = trades.price[known] * trades.size[known] / QUOTE_PER_M
    return np.maximum(away, 0.0), volume


def demand_of(trades: Trades, quotes: Quotes, fee_bp: float = 0.0) -> Demand:
    """Fit the logistic; `fee_bp` is what takers paid beside the price.

    `TooLittle` where nobody traded beyond the mid: nothing is told.
    """
    away, volume = reach_bp(trades, quotes)
    away = away + fee_bp
    if len(away) < ORDERS_MIN:
        raise TooLittle(f"{len(away)} trades with a quote before them are too few (a count)")
    order = np.argsort(away)
    away, volume = away[order], volume[order]
    beyond = np.cumsum(volume[::-1])[::-1] / volume.sum()  # volume at least so far away
    if away[-1] <= 0.0:
        raise TooLittle("no taker traded beyond the mid (bp): demand has no slope to fit")
    # Equal steps of the share, from all of it down to the last half percent.
    wanted = np.linspace(1.0, _TAIL, _GRID)
    place = np.minimum(np.searchsorted(-beyond, -wanted), len(away) - 1)
    grid = away[place]
    share = beyond[np.searchsorted(away, grid, side="left")]

    def missed(free: Floats) -> Floats:
        left: Floats = _survival(free[0], np.exp(free[1]), grid) - share
        return left

    scale = -np.log(float((away * volume).sum() / volume.sum()))
    found = least_squares(
        missed,
        [0.0, scale],
        bounds=([_SHIFT_BOUNDS[0], scale - 8.0], [_SHIFT_BOUNDS[1], scale + 8.0]),
    )
    rest = missed(found.x)
    return Demand(
        shift=float(found.x[0]),
        slope_per_bp=float(np.exp(found.x[1])),
        explained=1.0 - float((rest**2).sum() / ((share - share.mean()) ** 2).sum()),
        reach_bp=float((away * volume).sum() / volume.sum()),
        trades=len(away),
    )


def _survival(shift: float, slope: float, away: Floats) -> Floats:
    left: Floats = (1.0 + np.exp(shift)) / (1.0 + np.exp(np.minimum(shift + slope * away, 700.0)))
    return left
