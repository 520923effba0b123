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
    BUY_TO,
    CENTRE,
    CENTRE_UP,
    FIRST,
    KNOTS,
    LAST,
    SALE_MAX,
    SALE_MIN,
    SELL_FROM,
    consider,
    divide_product,
    evaluate,
    sale_at,
)
from infold.research.simulation.compiled import Integers, Words, compiled

RULED: Final = 0
FREE: Final = 1
BALANCED: Final = 2

EXECUTED: Final = 0  # places in `best`
TICK_OF: Final = 3
RESIDUAL: Final = 4


SEGMENT_COLUMNS: Final = 4  # first and last tick, buys, sells


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

    `rule`, `width`, `prices` and `sales` as in `core/crossing.py`; the oracle price is a whole
    tick. With `whole` every order is fill or kill: what the price admits and does not wholly fill
    loses its lots, and the rest is solved again. `best` receives executed size (zero: nothing
    trades), gap, distance, tick and residual.
    """
    _sort(tick, order, count)
    for turn in range(ROUNDS_MAX + 2):
        best[:] = 0
        pieces = _segments(rule, side, tick, lots, order, segments, count, pricing == RULED)
        if pricing == RULED:
            _solve_ruled(rule, width, prices, sales, segments, pieces, best)
        elif pricing == FREE:
            _solve_free(rule, prices, sales, segments, pieces, best)
        else:
            _balance(rule, prices, sales, segments, pieces, best)
        if best[EXECUTED] == 0:
            break
        crossed, short = _fill(
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


@compiled
def meet_one(
    rule: Integers, prices: Integers, sales: Integers, side: int, limit: int, lots: int,
    best: Integers,
) -> None:  # fmt: skip
    """Clear a batch of one order that is filled whole or not at all, without a rule of the pool.

    Most batches of a quiet market are such; the general way costs twice as much.
    """
    best[:] = 0
    first, last, centre = rule[FIRST], rule[LAST], rule[CENTRE]
    if side > 0:
        last = min(last, limit)
        tick = _first_from(rule, prices, sales, first, last, lots)
    else:
        first = max(first, limit)
        tick = _first_from(rule, prices, sales, first, last, 1 - lots) - 1
    if tick < first or tick > last:
        return
    if side * (centre - tick) > 0:  # as near O as the same offer goes
        sale = sale_at(rule, prices, sales, tick)
        if side > 0:
            end = _first_from(rule, prices, sales, tick, last, sale + 1) - 1
            tick = min(centre, end)
        else:
            tick = max(centre, _first_from(rule, prices, sales, first, tick, sale))
    best[EXECUTED], best[TICK_OF], best[RESIDUAL] = lots, tick, side * lots


# -- the price -------------------------------------------------------------------------------------


@compiled
def _segments(
    rule: Integers,
    side: Integers,
    tick: Integers,
    lots: Integers,
    order: Integers,
    segments: Integers,
    count: int,
    split: bool,
) -> int:
    """Stretches of ticks that see the same orders, by rising tick, to the last: how many.

    `split` also at the ticks on both sides of the oracle price, as `crossing.evaluate` wants it.
    """
    first, last = rule[FIRST], rule[LAST]
    buys, sells = 0, 0
    for index in range(count):
        if side[index] > 0:
            buys += lots[index]
    pieces = 0
    begin = first
    cursor = 0
    while True:
        level = last + 1
        if cursor < count:
            level = min(level, tick[order[cursor]])
        if split and begin <= rule[CENTRE]:
            level = min(level, rule[CENTRE])
        elif split and begin <= rule[CENTRE_UP]:
            level = min(level, rule[CENTRE_UP])
        if begin < level:
            segments[pieces, 0], segments[pieces, 1] = begin, level - 1
            segments[pieces, 2], segments[pieces, 3] = buys, sells
            pieces += 1
        if level > last:
            return pieces
        leaving = 0
        while cursor < count and tick[order[cursor]] == level:
            index = order[cursor]
            if side[index] < 0:
                sells += lots[index]
            else:
                leaving += lots[index]
            cursor += 1
        if level >= first:
            segments[pieces, 0], segments[pieces, 1] = level, level
            segments[pieces, 2], segments[pieces, 3] = buys, sells
            pieces += 1
            begin = level + 1
        buys -= leaving


@compiled
def _solve_ruled(
    rule: Integers,
    width: Words,
    prices: Integers,
    sales: Integers,
    segments: Integers,
    pieces: int,
    best: Integers,
) -> None:
    """The best price under the pool's rule: the strongest stretch first, so others can be passed.

    A ruled dealer trades on its own side of O only, which bounds what a stretch can execute.
    """
    centre, centre_up = rule[CENTRE], rule[CENTRE_UP]
    for strongest in range(2):
        chosen, chosen_bound = -1, 0
        for piece in range(pieces):
            first, last = segments[piece, 0], segments[piece, 1]
            buys, sells = segments[piece, 2], segments[piece, 3]
            bound = buys + sells
            if first > centre:
                bound = min(bound, 2 * buys)
            if last < centre_up:
                bound = min(bound, 2 * sells)
            if strongest == 0:
                if bound > chosen_bound:
                    chosen, chosen_bound = piece, bound
                continue
            least = max(best[EXECUTED], 1)
            if bound >= least and _most(rule, prices, sales, first, last, buys, sells) >= least:
                evaluate(best, rule, width, prices, sales, first, last, buys, sells)
        if chosen >= 0:
            first, last = segments[chosen, 0], segments[chosen, 1]
            buys, sells = segments[chosen, 2], segments[chosen, 3]
            evaluate(best, rule, width, prices, sales, first, last, buys, sells)


@compiled
def _most(
    rule: Integers, prices: Integers, sales: Integers, first: int, last: int, buys: int, sells: int
) -> int:
    """Executed size if the rule admitted all the dealer offers anywhere on the stretch."""
    if buys > sells:
        most: int = 2 * sells + min(buys - sells, max(0, sale_at(rule, prices, sales, last)))
        return most
    least: int = 2 * buys + min(sells - buys, max(0, -sale_at(rule, prices, sales, first)))
    return least


@compiled
def _solve_free(
    rule: Integers, prices: Integers, sales: Integers, segments: Integers, pieces: int,
    best: Integers,
) -> None:  # fmt: skip
    """The best price of a curve that nothing cuts.

    N falls and R rises with P, so N and N - R change sign once each, and away from the stretches
    between those two places executed size only falls (theory in `core/auction.py`). Between them
    everyone is filled, and of two that execute as much the one nearer to where N meets R has the
    smaller gap: others count only if they execute more. Up to three stretches, a sell's limit, the
    ticks after it and a buy's limit, see the same orders and tie.
    """
    met = min(_crossing(rule, prices, sales, segments, pieces, True), pieces - 1)
    even = min(_crossing(rule, prices, sales, segments, pieces, False), pieces - 1)
    _consider_piece(best, rule, prices, sales, segments, met, 0)
    up = max(met, even) + 2
    for piece in range(met + 1, min(up, pieces - 1) + 1):
        _consider_piece(best, rule, prices, sales, segments, piece, piece - 1)
    down = min(met, even) - 3
    for piece in range(met - 1, max(down, 0) - 1, -1):
        _consider_piece(best, rule, prices, sales, segments, piece, piece + 1)


@compiled
def _consider_piece(
    best: Integers,
    rule: Integers,
    prices: Integers,
    sales: Integers,
    segments: Integers,
    piece: int,
    inner: int,
) -> None:
    """Evaluate a stretch if it may do better than those before it, or ties with its inner one."""
    first, last = segments[piece, 0], segments[piece, 1]
    buys, sells = segments[piece, 2], segments[piece, 3]
    same = buys == segments[inner, 2] and sells == segments[inner, 3]
    if buys + sells > best[EXECUTED] or (same and best[EXECUTED] > 0):
        _evaluate_free(best, rule, prices, sales, first, last, buys, sells)


@compiled
def _crossing(
    rule: Integers, prices: Integers, sales: Integers, segments: Integers, pieces: int, dealt: bool
) -> int:
    """The first stretch at whose last tick N - R (or N, if not `dealt`) is no longer positive."""
    low, high = 0, pieces
    while low < high:
        middle = (low + high) // 2
        excess = segments[middle, 2] - segments[middle, 3]
        if dealt:
            excess -= sale_at(rule, prices, sales, segments[middle, 1])
        if excess <= 0:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def _first_from(
    rule: Integers, prices: Integers, sales: Integers, first: int, last: int, lots: int
) -> int:
    """The lowest tick of first..last where `sale_at` is at least `lots`; last + 1 if none.

    Between two knots the curve's floor is at least s just from where its line is, which one
    division finds; windows and caps follow `sale_at`. Ticks are of one unit of price.
    """
    if lots > rule[SALE_MAX]:
        return last + 1
    if lots <= rule[SALE_MIN]:
        return first
    knots = rule[KNOTS]
    tick: int = first
    if knots == 0:
        tick = last + 1 if lots > 0 else first
    elif sales[knots - 1] < lots:
        tick = last + 1
    elif sales[0] < lots:
        right = 1
        while sales[right] < lots:
            right += 1
        left = right - 1
        whole, rest = divide_product(
            lots - sales[left], prices[right] - prices[left], sales[right] - sales[left]
        )
        tick = prices[left] + whole + (1 if rest > 0 else 0)
    if lots > 0:
        tick = max(tick, rule[SELL_FROM])
    else:
        tick = min(tick, rule[BUY_TO] + 1)
    tick = min(max(tick, first), last + 1)
    return tick


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

    Executed size and gap depend on R alone and are best where R passes N: where R covers N if it
    does, else at the nearer end; and nearest O among the ticks that offer the same.
    """
    excess = buys - sells
    crossed = 2 * min(buys, sells)
    edge = _first_from(rule, prices, sales, first, last, excess + (1 if excess < 0 else 0))
    low, high = max(edge - 1, first), min(edge, last)
    if excess > 0 and edge <= last:
        low = edge
    elif excess < 0 and edge > first:
        high = edge - 1
    for tick in range(low, high + 1):
        sale = sale_at(rule, prices, sales, tick)
        near = tick
        # Where R covers N, the tick is the first or last that offers so much.
        if tick > rule[CENTRE] and not (excess > 0 and tick == edge):
            begin = _first_from(rule, prices, sales, first, tick, sale)
            near = max(rule[CENTRE], begin)
        elif tick < rule[CENTRE] and not (excess < 0 and tick == edge - 1):
            end = _first_from(rule, prices, sales, tick, last, sale + 1) - 1
            near = min(rule[CENTRE], end)
        residual = 0
        if sale > 0 and excess > 0:
            residual = min(sale, excess)
        elif sale < 0 and excess < 0:
            residual = max(sale, excess)
        consider(best, rule, crossed + abs(residual), abs(excess - sale), near, residual)


@compiled
def _balance(
    rule: Integers, prices: Integers, sales: Integers, segments: Integers, pieces: int,
    best: Integers,
) -> None:  # fmt: skip
    """The price where N - R changes sign; the dealer trades R there, the marginal order the rest.

    Where it changes between two ticks, the marginal order sells at the upper or buys at the lower.
    """
    piece = _crossing(rule, prices, sales, segments, pieces, True)
    if piece == pieces:
        return
    first, last = segments[piece, 0], segments[piece, 1]
    buys, sells = segments[piece, 2], segments[piece, 3]
    tick = _first_from(rule, prices, sales, first, last, buys - sells)
    residual: int = buys - sells
    if tick == first and piece > 0:
        residual = sale_at(rule, prices, sales, tick)
        if buys - segments[piece - 1, 3] < residual:
            tick -= 1
            buys, sells = segments[piece - 1, 2], segments[piece - 1, 3]
            residual = sale_at(rule, prices, sales, tick)
    bought, sold = min(buys, sells + residual), min(sells, buys - residual)
    if bought >= 0 and sold >= 0 and bought - sold == residual:
        best[EXECUTED], best[TICK_OF], best[RESIDUAL] = bought + sold, tick, residual


# -- fills -----------------------------------------------------------------------------------------


@compiled
def _fill(
    side: Integers,
    tick: Integers,
    lots: Integers,
    fill: Integers,
    order: Integers,
    rest: Integers,
    count: int,
    price: int,
    residual: int,
) -> tuple[int, bool]:
    """Give each side what it trades at this price: the lots that crossed, and whether any order
    the price admits went short.
    """
    buys, sells = 0, 0
    for index in range(count):
        fill[index] = 0
        if side[index] > 0 and tick[index] >= price:
            fill[index] = lots[index]
            buys += lots[index]
        elif side[index] < 0 and tick[index] <= price:
            fill[index] = lots[index]
            sells += lots[index]
    bought, sold = min(buys, sells + residual), min(sells, buys - residual)
    if bought < buys:
        _ration(side, tick, fill, order, rest, count, 1, bought)
    if sold < sells:
        _ration(side, tick, fill, order, rest, count, -1, sold)
    return min(bought, sold), bought < buys or sold < sells


@compiled
def _ration(
    side: Integers,
    tick: Integers,
    fill: Integers,
    order: Integers,
    rest: Integers,
    count: int,
    heavy: int,
    take: int,
) -> None:
    """Leave one side `take` lots: the better limit first, the last level pro rata."""
    place = count - 1 if heavy > 0 else 0
    while 0 <= place < count:
        level = tick[order[place]]
        end, total = place, 0
        while 0 <= end < count and tick[order[end]] == level:
            if side[order[end]] == heavy:
                total += fill[order[end]]
            end -= heavy
        if total > take:
            _share(side, fill, order, rest, place, end, heavy, take, total)
        take -= min(take, total)
        place = end


@compiled
def _share(
    side: Integers,
    fill: Integers,
    order: Integers,
    rest: Integers,
    place: int,
    end: int,
    heavy: int,
    amount: int,
    total: int,
) -> None:
    """Give one level `amount` of its `total` lots: pro rata, down, then by largest remainder."""
    dust = amount
    for at in range(place, end, -heavy):
        index = order[at]
        rest[index] = -1
        if side[index] == heavy and fill[index] > 0:
            fill[index], rest[index] = divide_product(fill[index], amount, total)
            dust -= fill[index]
    while dust > 0:
        lucky = -1
        for at in range(place, end, -heavy):
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
