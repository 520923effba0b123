# SPDX-License-Identifier: Apache-2.0
"""The price of one simulated batch: stretches of ticks that see the same orders, judged one by one.

`batches_auction.py` says which judge is whose. `rule`, `width`, `prices` and `sales` are those of
`core/crossing`; ticks are of one unit of price.
"""

from __future__ import annotations

from typing import Final

from infold.core.crossing.offering import sale_at
from infold.core.crossing.places import (
    BUY_TO,
    CENTRE,
    CENTRE_UP,
    FIRST,
    KNOTS,
    LAST,
    SALE_MAX,
    SALE_MIN,
    SELL_FROM,
)
from infold.core.crossing.pricing import consider, evaluate
from infold.core.crossing.products import divide_product
from infold.research.simulation.compiled import Integers, Words, compiled

EXECUTED: Final = 0  # places in `best`
TICK_OF: Final = 3
RESIDUAL: Final = 4
SEGMENT_COLUMNS: Final = 4  # first and last tick, buys, sells


@compiled
def stretches(
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

    `split` also at the ticks on both sides of the oracle price, as `pricing.evaluate` wants it.
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
def solve_ruled(
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
def solve_free(
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
def balance(
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
