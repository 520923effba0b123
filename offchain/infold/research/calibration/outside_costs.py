# SPDX-License-Identifier: Apache-2.0
"""What trading outside costs: the spread, the book's slope, a walk through its levels.

Where a book is recorded a cost is what its levels say. Where none is, half the spread comes from
neighbouring trades of opposite sides (a buyer pays the ask and a seller gets the bid, so their
prices differ by a spread on average) and the rest from the square-root law: an estimate, and told
as one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.research.calibration.orders import QUOTE_PER_M
from infold.research.recorded import Books, Floats, Integers, Quotes, Trades

NEIGHBOURS_MS_MAX: Final = 1_000
"""Trades further apart than a second differ by what the price did between them."""
NEIGHBOURS_MIN: Final = 20


@dataclass(frozen=True, slots=True)
class Walk:
    """Columns: bp beyond the mid that a market order of so many M paid on average, and which part
    of it the recorded levels held. The rest is priced at the last level's distance and slope.
    """

    cost_bp: Floats
    held: Floats


def half_spread_bp(quotes: Quotes) -> float:
    """Time-weighted mean over the record. `ValueError` if the record took no time."""
    if len(quotes.time_ms) < 2 or quotes.time_ms[-1] == quotes.time_ms[0]:
        raise ValueError("quotes (a count over milliseconds) took no time")
    spread = 1e4 * (quotes.ask - quotes.bid) / (quotes.ask + quotes.bid)
    held = np.diff(quotes.time_ms)
    return float((spread[:-1] * held).sum() / held.sum())


def neighbours_half_spread_bp(trades: Trades) -> float | None:
    """Half the mean difference of neighbouring buys and sells of one market; None if too few."""
    order = np.lexsort((trades.time_ms, trades.market))
    side, price = trades.side[order], trades.price[order]
    near = np.diff(trades.time_ms[order]) <= NEIGHBOURS_MS_MAX
    pair = (np.diff(trades.market[order]) == 0) & (side[1:] != side[:-1]) & near
    if int(pair.sum()) < NEIGHBOURS_MIN:
        return None
    apart = side[1:] * (price[1:] - price[:-1]) / (price[1:] + price[:-1]) * 2.0e4
    return max(float(apart[pair].mean()) / 2.0, 0.0)


def depth_m(books: Books, within_bp: float) -> float:
    """Mean M a side inside a distance from the mid, as far as levels are recorded."""
    mid = books.mid[:, None]
    total = 0.0
    for prices, sizes in ((books.bid_price, books.bid_size), (books.ask_price, books.ask_size)):
        inside = np.abs(prices - mid) <= within_bp * 1e-4 * mid
        total += float(np.where(inside, prices * sizes, 0.0).sum(axis=1).mean()) / QUOTE_PER_M
    return total / 2.0


def slope_bp_per_m(books: Books) -> float:
    """How much further from the best price the next M lies: least squares through the origin of
    the levels' distances on what lies before their middles, both sides.
    """
    top = bottom = 0.0
    for prices, sizes in ((books.bid_price, books.bid_size), (books.ask_price, books.ask_size)):
        money = np.nan_to_num(prices * sizes) / QUOTE_PER_M
        before = np.cumsum(money, axis=1) - money / 2.0
        away = np.nan_to_num(1e4 * np.abs(prices / prices[:, :1] - 1.0))
        known = money > 0.0
        top += float((away * before)[known].sum())
        bottom += float((before**2)[known].sum())
    return top / bottom


def walk(books: Books, row: Integers, side: Integers, size_m: Floats) -> Walk:
    """Market orders of `side` (+1 buys) and `size_m` through the book of each row."""
    buys = side > 0
    prices = np.where(buys[:, None], books.ask_price[row], books.bid_price[row])
    sizes = np.where(buys[:, None], books.ask_size[row], books.bid_size[row])
    money = np.nan_to_num(prices * sizes) / QUOTE_PER_M
    mid = books.mid[row]
    away = np.nan_to_num(1e4 * np.abs(prices / mid[:, None] - 1.0))
    before = np.cumsum(money, axis=1) - money
    taken = np.clip(size_m[:, None] - before, 0.0, money)
    filled = taken.sum(axis=1)
    last = np.argmax(np.where(money > 0.0, np.arange(money.shape[1]), -1), axis=1)
    whole = money.sum(axis=1)
    end = away[np.arange(len(row)), last]
    left = np.maximum(size_m - filled, 0.0)
    slope = np.divide(end - away[:, 0], whole, out=np.zeros(len(row)), where=whole > 0.0)
    paid = (taken * away).sum(axis=1) + left * (end + slope * left / 2.0)
    ordered = np.where(size_m > 0.0, size_m, 1.0)
    return Walk(np.where(size_m > 0.0, paid / ordered, 0.0), filled / ordered)
