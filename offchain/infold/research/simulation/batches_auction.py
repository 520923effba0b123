# SPDX-License-Identifier: Apache-2.0
"""One batch of one market, cleared by the rules of `core/auction.py`, for batches of few orders.

The engine's passes scatter 100,000 orders into bins; a simulated batch holds a handful, which are
sorted. Stretches of ticks that see the same orders are judged one by one:

| pricing | judge | what it is |
|---|---|---|
| RULED | the engine's own `pricing.evaluate` | the venue, with the pool's rule (C7 and caps) |
| FREE | `_evaluate_free` | the same order of preference, on a curve that nothing cuts |
| BALANCED | `balance` | the textbook's price, where N and R meet: what closed forms assume |

Levels and rationing are written again here and a property test holds them equal to
`core.auction.clear`; `_evaluate_free` is held against every tick tried.

Orders are plain or all fill-or-kill, none post-only. Equal claims on a last lot go to the earlier
order, as if hashes rose with time.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from infold.core.auction import ROUNDS_MAX
from infold.research.simulation.batches_fills import fill_at
from infold.research.simulation.batches_price import (
    EXECUTED,
    RESIDUAL,
    SEGMENT_COLUMNS,
    TICK_OF,
    balance,
    solve_free,
    solve_ruled,
    stretches,
)
from infold.research.simulation.compiled import Integers, Words, compiled

RULED: Final = 0
FREE: Final = 1
BALANCED: Final = 2


class Room(NamedTuple):
    """Arrays that a path's batches are cleared in, made once.

    Compiled functions take them one by one: a tuple, or a row of a table, costs each call its
    reference counts, which is more than the rest.
    """

    side: Integers  # +1 buys
    tick: Integers
    lots: Integers
    fill: Integers
    order: Integers  # indices by rising tick
    rest: Integers
    segments: Integers  # (2 n + 8, SEGMENT_COLUMNS)


def room_for(orders: int) -> Room:
    """Room for batches of up to so many orders."""
    side, tick, lots, fill, order, rest = np.zeros((6, orders), dtype=np.int64)
    segments = np.zeros((2 * orders + 8, SEGMENT_COLUMNS), dtype=np.int64)
    return Room(side, tick, lots, fill, order, rest, segments)


@compiled
def clear_batch(
    rule: Integers,
    width: Words,
    prices: Integers,
    sales: Integers,
    side: Integers,
    tick: Integers,
    lots: Integers,
    fill: Integers,
    order: Integers,
    rest: Integers,
    segments: Integers,
    count: int,
    pricing: int,
    whole: bool,
    best: Integers,
) -> int:
    """Fill the first `count` orders; the lots that crossed, one side.

    `rule`, `width`, `prices` and `sales` as in `core/crossing`; the oracle price is a whole
    tick. With `whole` every order is fill or kill: what the price admits and does not wholly fill
    loses its lots, and the rest is solved again. `best` receives executed size (zero: nothing
    trades), gap, distance, tick and residual.
    """
    _sort(tick, order, count)
    for turn in range(ROUNDS_MAX + 2):
        best[:] = 0
        pieces = stretches(rule, side, tick, lots, order, segments, count, pricing == RULED)
        if pricing == RULED:
            solve_ruled(rule, width, prices, sales, segments, pieces, best)
        elif pricing == FREE:
            solve_free(rule, prices, sales, segments, pieces, best)
        else:
            balance(rule, prices, sales, segments, pieces, best)
        if best[EXECUTED] == 0:
            break
        crossed, short = fill_at(
            side, tick, lots, fill, order, rest, count, best[TICK_OF], best[RESIDUAL]
        )
        if not whole or not short:
            return crossed
        for index in range(count):
            if turn == ROUNDS_MAX or (
                side[index] * (tick[index] - best[TICK_OF]) >= 0 and fill[index] < lots[index]
            ):
                lots[index] = 0
    for index in range(count):
        fill[index] = 0
    return 0


@compiled
def _sort(keys: Integers, order: Integers, count: int) -> None:
    """Indices by rising key, equal keys in their own order: Shell's sort of distinct pairs."""
    for index in range(count):
        order[index] = index
    gap = 1
    while gap < count // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for index in range(gap, count):
            moved = order[index]
            key = keys[moved]
            place = index
            while place >= gap:
                other = order[place - gap]
                if keys[other] < key or (keys[other] == key and other < moved):
                    break
                order[place] = other
                place -= gap
            order[place] = moved
        gap //= 3
