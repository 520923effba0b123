# SPDX-License-Identifier: Apache-2.0
"""One batch of one market, cleared by the rules of `core/auction.py`, for batches of few orders.

The engine's passes scatter 100,000 orders into bins; a simulated batch holds a handful, which are
sorted. Stretches of ticks that see the same orders are judged one by one:

| pricing | judge | what it is |
|---|---|---|
| RULED | the engine's own `crossing.evaluate` | the venue, with the pool's rule (C7 and caps) |
| FREE | `_evaluate_free` | the same order of preference, on a curve that nothing cuts |
| BALANCED | `_balance` | the textbook's price, where N and R meet: what closed forms assume |

Levels and rationing are written again here and a property test holds them equal to
`core.auction.clear`; `_evaluate_free` is held against every tick tried.

Orders are plain or all fill-or-kill, none post-only. Equal claims on a last lot go to the earlier
order, as if hashes rose with time.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from infold.core.auction import ROUNDS_MAX
from infold.core.crossing import (
    CENTRE,
    CENTRE_UP,
    FIRST,
    LAST,
    consider,
    divide_product,
    evaluate,
    sale_at,
)
from infold.research.simulation.compiled import Integers, Small, Words, compiled

RULED: Final = 0
FREE: Final = 1
BALANCED: Final = 2

EXECUTED: Final = 0  # places in `best`
TICK_OF: Final = 3
RESIDUAL: Final = 4


class Room(NamedTuple):
    """Arrays that a path's batches are cleared in, made once."""

    side: Small  # +1 buys
    tick: Integers
    lots: Integers
    fill: Integers
    order: Integers  # indices by rising tick
    segments: Integers  # (2 n + 8, 5): first and last tick, buys, sells, bound
    rest: Integers


def room_for(orders: int) -> Room:
    """Room for batches of up to so many orders."""
    return Room(
        side=np.empty(orders, dtype=np.int8),
        tick=np.empty(orders, dtype=np.int64),
        lots=np.empty(orders, dtype=np.int64),
        fill=np.empty(orders, dtype=np.int64),
        order=np.empty(orders, dtype=np.int64),
        segments=np.empty((2 * orders + 8, 5), dtype=np.int64),
        rest=np.empty(orders, dtype=np.int64),
    )


@compiled
def clear_batch(
    rule: Integers,
    width: Words,
    prices: Integers,
    sales: Integers,
    room: Room,
    count: int,
    pricing: int,
    whole: bool,
    best: Integers,
) -> int:
    """Fill `room.fill` for its first `count` orders; the lots that crossed, one side.

    `rule`, `width`, `prices` and `sales` as in `core/crossing.py`; the oracle price is a whole
    tick. With `whole` every order is fill or kill: what the price admits and does not wholly fill
    loses its lots, and the rest is solved again. `best` receives executed size (zero: nothing
    trades), gap, distance, tick and residual.
    """
    _sort(room.tick, room.order, count)
    for turn in range(ROUNDS_MAX + 2):
        best[:] = 0
        if pricing == BALANCED:
            _balance(rule, prices, sales, room, count, best)
        else:
            _solve(rule, width, prices, sales, room, count, pricing, best)
        if best[EXECUTED] == 0:
            break
        crossed, short = _fill(room, count, best[TICK_OF], best[RESIDUAL])
        if not whole or not short:
            return crossed
        for index in range(count):
            if turn == ROUNDS_MAX or (
                room.side[index] * (room.tick[index] - best[TICK_OF]) >= 0
                and room.fill[index] < room.lots[index]
            ):
                room.lots[index] = 0
    room.fill[:count] = 0
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


# -- the price -------------------------------------------------------------------------------------


@compiled
def _solve(
    rule: Integers,
    width: Words,
    prices: Integers,
    sales: Integers,
    room: Room,
    count: int,
    pricing: int,
    best: Integers,
) -> None:
    """The best price of all stretches, the most promising first."""
    pieces, strongest = _segments(rule, room, count, pricing)
    for turn in range(-1, pieces):
        number = strongest if turn < 0 else turn
        if number < 0 or (turn >= 0 and turn == strongest):
            continue
        first, last, buys, sells, bound = room.segments[number]
        least = max(best[EXECUTED], 1)
        if bound < least or _most(rule, prices, sales, first, last, buys, sells) < least:
            continue
        if pricing == RULED:
            evaluate(best, rule, width, prices, sales, first, last, buys, sells)
        else:
            _evaluate_free(best, rule, prices, sales, first, last, buys, sells)


@compiled
def _segments(rule: Integers, room: Room, count: int, pricing: int) -> tuple[int, int]:
    """Stretches of ticks that see the same orders and may trade; how many, and the strongest.

    A ruled dealer trades on its own side of O only, which bounds what a stretch can execute. The
    textbook's price needs all stretches, even those where nothing can trade.
    """
    side, tick, lots, order, segments = room.side, room.tick, room.lots, room.order, room.segments
    centre, centre_up = rule[CENTRE], rule[CENTRE_UP]
    buys = 0
    for index in range(count):
        if side[index] > 0:
            buys += lots[index]
    sells = 0
    pieces = 0
    strongest, strongest_bound = -1, 0
    begin = rule[FIRST]
    cursor = 0
    while True:
        # The next level: an order's limit, or the ticks on both sides of the oracle price.
        level = rule[LAST] + 1
        if cursor < count:
            level = min(level, tick[order[cursor]])
        if begin <= centre:
            level = min(level, centre)
        elif begin <= centre_up:
            level = min(level, centre_up)
        for part in range(2):
            if part == 0:
                head, tail = begin, min(level - 1, rule[LAST])
            else:
                head, tail = level, level
                while cursor < count and tick[order[cursor]] == level:
                    if side[order[cursor]] < 0:
                        sells += lots[order[cursor]]
                    cursor += 1
                begin = max(begin, level + 1)
            if head <= tail and rule[FIRST] <= head and tail <= rule[LAST]:
                bound = buys + sells
                if pricing == RULED:
                    if head > centre:
                        bound = min(bound, 2 * buys)
                    if tail < centre_up:
                        bound = min(bound, 2 * sells)
                if bound > 0 or pricing == BALANCED:
                    segments[pieces, 0], segments[pieces, 1] = head, tail
                    segments[pieces, 2], segments[pieces, 3] = buys, sells
                    segments[pieces, 4] = bound
                    if bound > strongest_bound:
                        strongest, strongest_bound = pieces, bound
                    pieces += 1
            if level > rule[LAST]:
                return pieces, strongest
        back = cursor - 1
        while back >= 0 and tick[order[back]] == level:
            if side[order[back]] > 0:
                buys -= lots[order[back]]
            back -= 1


@compiled
def _most(
    rule: Integers, prices: Integers, sales: Integers, first: int, last: int, buys: int, sells: int
) -> int:
    """Executed size if the rule admitted all the dealer offers anywhere on the stretch."""
    if buys > sells:
        return int(2 * sells + min(buys - sells, max(0, sale_at(rule, prices, sales, last))))
    return int(2 * buys + min(sells - buys, max(0, -sale_at(rule, prices, sales, first))))


@compiled
def _first_from(
    rule: Integers, prices: Integers, sales: Integers, first: int, last: int, lots: int
) -> int:
    """The lowest tick of first..last where the dealer sells at least `lots`; last + 1 if none."""
    low, high = first, last + 1
    while low < high:
        middle = (low + high) // 2
        if sale_at(rule, prices, sales, middle) >= lots:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def _evaluate_free(
    best: Integers,
    rule: Integers,
    prices: Integers,
    sales: Integers,
    first: int,
    last: int,
    buys: int,
    sells: int,
) -> None:
    """The best tick of first..last, which see the same orders, whatever side of O it lies on.

    Executed size and gap depend on R alone and are best where R passes N: the two ticks there are
    candidates, each with the tick nearest O among those that offer the same.
    """
    excess = buys - sells
    crossed = 2 * min(buys, sells)
    edge = _first_from(rule, prices, sales, first, last, excess + (1 if excess < 0 else 0))
    for tick in range(max(edge - 1, first), min(edge, last) + 1):
        sale = sale_at(rule, prices, sales, tick)
        begin = _first_from(rule, prices, sales, first, tick, sale)
        end = _first_from(rule, prices, sales, tick, last, sale + 1) - 1
        near = min(max(rule[CENTRE], begin), end)
        residual = 0
        if sale > 0 and excess > 0:
            residual = min(sale, excess)
        elif sale < 0 and excess < 0:
            residual = max(sale, excess)
        consider(best, rule, crossed + abs(residual), abs(excess - sale), near, residual)


@compiled
def _balance(
    rule: Integers, prices: Integers, sales: Integers, room: Room, count: int, best: Integers
) -> None:
    """The price where N - R changes sign; the dealer trades R there, the marginal order the rest.

    Where it changes between two ticks, the marginal order sells at the upper or buys at the lower.
    """
    pieces, _ = _segments(rule, room, count, BALANCED)
    for piece in range(pieces):
        first, last, buys, sells, _ = room.segments[piece]
        if buys - sells > sale_at(rule, prices, sales, last):
            continue
        tick = _first_from(rule, prices, sales, first, last, buys - sells)
        residual = buys - sells
        if tick == first and piece > 0:
            residual = sale_at(rule, prices, sales, tick)
            before = room.segments[piece - 1]
            if buys - before[3] < residual:
                tick -= 1
                buys, sells = before[2], before[3]
                residual = sale_at(rule, prices, sales, tick)
        bought, sold = min(buys, sells + residual), min(sells, buys - residual)
        if bought >= 0 and sold >= 0 and bought - sold == residual:
            best[EXECUTED], best[TICK_OF], best[RESIDUAL] = bought + sold, tick, residual
        return


# -- fills -----------------------------------------------------------------------------------------


@compiled
def _fill(room: Room, count: int, tick: int, residual: int) -> tuple[int, bool]:
    """Give each side what it trades at this price: the lots that crossed, and whether any order
    the price admits went short.
    """
    buys, sells = 0, 0
    for index in range(count):
        admitted = room.side[index] * (room.tick[index] - tick) >= 0
        room.fill[index] = room.lots[index] if admitted else 0
        if room.side[index] > 0:
            buys += room.fill[index]
        else:
            sells += room.fill[index]
    bought, sold = min(buys, sells + residual), min(sells, buys - residual)
    if bought < buys:
        _ration(room, count, 1, bought)
    if sold < sells:
        _ration(room, count, -1, sold)
    return min(bought, sold), bought < buys or sold < sells


@compiled
def _ration(room: Room, count: int, side: int, take: int) -> None:
    """Leave one side `take` lots: the better limit first, the last level pro rata."""
    ticks, fill, order = room.tick, room.fill, room.order
    place = count - 1 if side > 0 else 0
    while 0 <= place < count:
        level = ticks[order[place]]
        end, total = place, 0
        while 0 <= end < count and ticks[order[end]] == level:
            if room.side[order[end]] == side:
                total += fill[order[end]]
            end -= side
        if total > take:
            _share(room, place, end, side, take, total)
        take -= min(take, total)
        place = end


@compiled
def _share(room: Room, place: int, end: int, side: int, amount: int, total: int) -> None:
    """Give one level `amount` of its `total` lots: pro rata, down, then by largest remainder."""
    fill, order, rest = room.fill, room.order, room.rest
    dust = amount
    for at in range(place, end, -side):
        index = order[at]
        rest[index] = -1
        if room.side[index] == side and fill[index] > 0:
            fill[index], rest[index] = divide_product(fill[index], amount, total)
            dust -= fill[index]
    while dust > 0:
        lucky = -1
        for at in range(place, end, -side):
            index = order[at]
            if rest[index] >= 0 and (
                lucky < 0
                or rest[index] > rest[lucky]
                or (rest[index] == rest[lucky] and index < lucky)
            ):
                lucky = index
        fill[lucky] += 1
        rest[lucky] = -1
        dust -= 1
