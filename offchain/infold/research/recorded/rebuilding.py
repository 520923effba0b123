# SPDX-License-Identifier: Apache-2.0
"""The best levels of a book after each of many updates, compiled."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit

from infold.research.recorded.streams import Booleans, Floats, Integers

FINE: Final = 0
EMPTY: Final = 1
CROSSED: Final = 2
"""What may be wrong with a book after an update."""


@dataclass(frozen=True, slots=True)
class Top:
    """Places of the best levels in the sorted prices, -1 for none, and their sizes."""

    bid_place: Integers
    bid_size: Floats
    ask_place: Integers
    ask_size: Floats
    trouble: Integers


def rebuild(
    starts: Integers,
    resets: Booleans,
    place: Integers,
    is_bid: Booleans,
    size: Floats,
    prices: int,
    levels: int,
) -> Top:
    """Apply updates in order; `starts` (updates + 1,) cuts the rows into updates.

    `place` (rows,) indexes the `prices` distinct prices in rising order; `size` is what a level
    holds from then on. An update whose `resets` is set clears the book first.
    """
    count = len(starts) - 1
    top = Top(
        np.full((count, levels), -1, np.int64),
        np.zeros((count, levels)),
        np.full((count, levels), -1, np.int64),
        np.zeros((count, levels)),
        np.zeros(count, np.int64),
    )
    _apply(
        starts, resets, place, is_bid, size, prices,
        top.bid_place, top.bid_size, top.ask_place, top.ask_size, top.trouble,
    )  # fmt: skip
    return top


@njit(cache=True)
def _apply(
    starts: Integers,
    resets: Booleans,
    place: Integers,
    is_bid: Booleans,
    size: Floats,
    prices: int,
    bid_place: Integers,
    bid_size: Floats,
    ask_place: Integers,
    ask_size: Floats,
    trouble: Integers,
) -> None:  # pragma: no cover - compiled
    """Apply updates to two arrays of sizes over all prices, and copy the best levels out."""
    bids, asks = np.zeros(prices), np.zeros(prices)
    best_bid, best_ask = -1, prices
    levels = bid_place.shape[1]
    for update in range(len(starts) - 1):
        if resets[update]:
            bids[:] = 0.0
            asks[:] = 0.0
            best_bid, best_ask = -1, prices
        for row in range(starts[update], starts[update + 1]):
            where = place[row]
            if is_bid[row]:
                bids[where] = size[row]
                if size[row] > 0.0 and where > best_bid:
                    best_bid = where
            else:
                asks[where] = size[row]
                if size[row] > 0.0 and where < best_ask:
                    best_ask = where
        while best_bid >= 0 and bids[best_bid] == 0.0:
            best_bid -= 1
        while best_ask < prices and asks[best_ask] == 0.0:
            best_ask += 1
        if best_bid < 0 or best_ask >= prices:
            trouble[update] = EMPTY
        elif best_bid >= best_ask:
            trouble[update] = CROSSED
        where, level = best_bid, 0
        while where >= 0 and level < levels:
            if bids[where] > 0.0:
                bid_place[update, level], bid_size[update, level] = where, bids[where]
                level += 1
            where -= 1
        where, level = best_ask, 0
        while where < prices and level < levels:
            if asks[where] > 0.0:
                ask_place[update, level], ask_size[update, level] = where, asks[where]
                level += 1
            where += 1
