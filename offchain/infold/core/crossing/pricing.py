# SPDX-License-Identifier: Apache-2.0
"""The one tick of a market: most executed, smallest gap, nearest the oracle price, lower."""

from __future__ import annotations

import numpy as np

from infold.core.compiled import Bytes, Int64s, UInt64s, compiled
from infold.core.crossing.binning import FINE, bin_edge, bin_of, buys_from, sells_to
from infold.core.crossing.offering import sale_at, within_bound
from infold.core.crossing.places import (
    BINS,
    BUY,
    CENTRE,
    CENTRE_UP,
    CLASSES,
    FIRST,
    FREE_FIRST,
    FREE_LAST,
    LAST,
    MIDDLE,
    ORACLE,
    POST_ONLY,
    ROW,
    TICK,
)

HEAD, TAIL, BUYS, SELLS, BOUND = range(5)
SEGMENT = 5
"""Columns of a segment; see `_cut_segments`."""


@compiled
def consider(best: Int64s, rule: Int64s, executed: int, gap: int, tick: int, residual: int) -> None:
    """Keep the candidate if it is better: more executed, smaller gap, nearer O, lower."""
    if executed < best[0] or executed <= 0:
        return
    distance = abs(tick * rule[TICK] - rule[ORACLE])
    if executed == best[0]:
        if gap != best[1]:
            if gap > best[1]:
                return
        elif distance != best[2]:
            if distance > best[2]:
                return
        elif tick >= best[3]:
            return
    best[0], best[1], best[2], best[3], best[4] = executed, gap, distance, tick, residual


@compiled
def _covering(
    rule: Int64s, prices: Int64s, sales: Int64s, near: int, steps: int, side: int, size: int
) -> int:
    """How many ticks from near the dealer's offer first reaches a size; else `steps`."""
    low, high = 0, steps
    while low < high:
        middle = (low + high) // 2
        if side * sale_at(rule, prices, sales, near + side * middle) >= size:
            high = middle
        else:
            low = middle + 1
    return low


@compiled
def _search(
    best: Int64s,
    rule: Int64s,
    width: UInt64s,
    prices: Int64s,
    sales: Int64s,
    near: int,
    steps: int,
    side: int,
    free: bool,
    crossed: int,
    excess: int,
) -> None:
    """The best tick among near, near + side, ... (`steps` of them) while N stays what it is.

    The heavy side has `excess` > 0 lots more and the dealer trades against it on `side`; `crossed`
    is what both sides trade with one another, counted twice. Going outward the dealer's offer
    never falls and the bound never widens. So: the first tick where the offer covers the excess is
    best if the bound admits the excess there. Otherwise the outermost tick before it whose whole
    offer is admitted; a tick that fails sends us straight inward to where its offer would be.
    """
    low = _covering(rule, prices, sales, near, steps, side, excess)
    if low < steps and within_bound(rule, width, near + side * low, side, excess):
        offer = side * sale_at(rule, prices, sales, near + side * low)
        consider(best, rule, crossed + excess, offer - excess, near + side * low, side * excess)
        return
    outer = low - 1
    while outer >= 0:
        offer = side * sale_at(rule, prices, sales, near + side * outer)
        if offer <= 0:
            if free:
                consider(best, rule, crossed, excess - offer, near, 0)
            return
        if within_bound(rule, width, near + side * outer, side, offer):
            low = _covering(rule, prices, sales, near, outer, side, offer)
            consider(best, rule, crossed + offer, excess - offer, near + side * low, side * offer)
            return
        low, high = 0, outer
        while low < high:
            middle = (low + high) // 2
            if within_bound(rule, width, near + side * middle, side, offer):
                low = middle + 1
            else:
                high = middle
        outer = low - 1


@compiled
def evaluate(
    best: Int64s,
    rule: Int64s,
    width: UInt64s,
    prices: Int64s,
    sales: Int64s,
    first: int,
    last: int,
    buys: int,
    sells: int,
) -> None:
    """The best tick of first..last, which all lie on one side of O and see the same orders."""
    side = 1 if first >= rule[CENTRE_UP] else -1
    if first * rule[TICK] == rule[ORACLE] and sale_at(rule, prices, sales, first) < 0:
        side = -1
    near, far = (first, last) if side > 0 else (last, first)
    crossed = 2 * min(buys, sells)
    excess = side * (buys - sells)
    inner = 0
    if rule[FREE_FIRST] <= near <= rule[FREE_LAST]:
        edge = min(far, rule[FREE_LAST]) if side > 0 else max(far, rule[FREE_FIRST])
        inner = side * (edge - near) + 1
    if excess <= 0:
        if inner > 0:
            offer = side * sale_at(rule, prices, sales, near)
            consider(best, rule, crossed, abs(offer - excess), near, 0)
        return
    steps = side * (far - near) + 1
    if inner > 0:
        _search(best, rule, width, prices, sales, near, inner, side, True, crossed, excess)
    if steps > inner:
        _search(
            best, rule, width, prices, sales,
            near + side * inner, steps - inner, side, False, crossed, excess,
        )  # fmt: skip


@compiled
def _most(buys: int, sells: int, sale: int) -> int:
    """Executed size if the rule admitted whatever the dealer's sale and the excess allow."""
    if sale >= 0:
        return min(min(2 * buys, buys + sells), 2 * sells + sale)
    return min(min(2 * sells, buys + sells), 2 * buys - sale)


# -- a market's window -----------------------------------------------------------------------------


@compiled
def _lay_levels(
    rule: Int64s,
    bins: Int64s,
    lowest: int,
    highest: int,
    level_ticks: Int64s,
    level_groups: Int64s,
    level_sizes: Int64s,
    ticks: Int64s,
    sums: Int64s,
) -> int:
    """The ticks at which orders' limits lie and the sizes there by class, from the lowest tick up;
    how many. The oracle price's own ticks are among them, wherever orders lie.

    Wide bins' orders come one by one, in `level_*`; bins of a single tick lie between them.
    """
    count = 0
    middle = rule[MIDDLE]
    cursor, end = 0, level_ticks.size
    single = max(lowest, middle - FINE + 1)
    single_end = min(highest, middle + FINE - 1)
    while cursor < end or single <= single_end:
        if cursor < end and (single > single_end or level_ticks[cursor] < rule[CENTRE]):
            tick = level_ticks[cursor]
            if count == 0 or ticks[count - 1] != tick:
                ticks[count] = tick
                sums[count, :] = 0
                count += 1
            sums[count - 1, level_groups[cursor]] += level_sizes[cursor]
            cursor += 1
            continue
        tick = rule[CENTRE] + single - middle
        total = 0
        for group in range(CLASSES):
            place = rule[ROW] + group * rule[BINS] + single
            size = bins[place] - (bins[place - 1] if single > 0 else 0)
            sums[count, group] = size
            total += size
        single += 1
        if total > 0 or tick == rule[CENTRE] or tick == rule[CENTRE_UP]:
            ticks[count] = tick
            count += 1
    return count


@compiled
def _count_waiting(rule: Int64s, bins: Int64s, lowest: int, waiting: Int64s) -> None:
    """By class, what waits at the window's lowest tick: sells whose limits lie below it, and buys
    whose limits lie at it or above.
    """
    start = rule[ROW] - 1 + lowest
    stride = rule[BINS]
    for group in range(CLASSES):
        below = bins[start + group * stride] if lowest > 0 else 0
        if group & BUY:
            waiting[group] = bins[rule[ROW] + (group + 1) * stride - 1] - below
        else:
            waiting[group] = below


@compiled
def _cut_segments(
    rule: Int64s,
    waiting: Int64s,
    ticks: Int64s,
    sums: Int64s,
    count: int,
    first_tick: int,
    last_tick: int,
    segments: Int64s,
) -> int:
    """Runs of ticks that see the same orders, in rising order: first, last, buys, sells, and a
    bound on what any of them can execute. Those that can execute nothing are left out. How many.

    `waiting` is what waits at the first tick, by class; it is carried on to the last.
    """
    pieces = 0
    begin = first_tick
    for number in range(2 * count + 1):
        level = number // 2
        if number % 2 == 0:
            head = begin
            tail = last_tick if level == count else min(ticks[level] - 1, last_tick)
        else:
            head = tail = ticks[level]
            waiting[0] += sums[level, 0]
            waiting[POST_ONLY] += sums[level, POST_ONLY]
            begin = max(begin, ticks[level] + 1)
        if head <= tail and first_tick <= head and tail <= last_tick:
            buys = waiting[BUY] + (waiting[BUY + POST_ONLY] if tail <= rule[CENTRE] else 0)
            sells = waiting[0] + (waiting[POST_ONLY] if head >= rule[CENTRE_UP] else 0)
            bound = buys + sells
            if head > rule[CENTRE]:
                bound = min(bound, 2 * buys)
            if tail < rule[CENTRE_UP]:
                bound = min(bound, 2 * sells)
            if bound > 0:
                segments[pieces, HEAD], segments[pieces, TAIL] = head, tail
                segments[pieces, BUYS], segments[pieces, SELLS] = buys, sells
                segments[pieces, BOUND] = bound
                pieces += 1
        if number % 2 == 1:
            waiting[BUY] -= sums[level, BUY]
            waiting[BUY + POST_ONLY] -= sums[level, BUY + POST_ONLY]
    return pieces


@compiled
def _judge_segments(
    best: Int64s,
    rule: Int64s,
    width: UInt64s,
    prices: Int64s,
    sales: Int64s,
    segments: Int64s,
    pieces: int,
) -> None:
    """The best tick of all segments; the most promising is judged first, so that the others can be
    passed over.
    """
    strongest, strongest_bound = -1, 0
    for number in range(pieces):
        if segments[number, BOUND] > strongest_bound:
            strongest, strongest_bound = number, segments[number, BOUND]
    for turn in range(-1, pieces):
        number = strongest if turn < 0 else turn
        if number < 0 or (turn >= 0 and turn == strongest):
            continue
        if segments[number, BOUND] >= best[0]:
            evaluate(
                best, rule, width, prices, sales,
                segments[number, HEAD], segments[number, TAIL],
                segments[number, BUYS], segments[number, SELLS],
            )  # fmt: skip


@compiled
def _widened(
    rule: Int64s,
    prices: Int64s,
    sales: Int64s,
    bins: Int64s,
    window: Int64s,
    first_tick: int,
    last_tick: int,
    executed: int,
) -> bool:
    """Whether a tick outside the window could do as well; the window reaches further there then."""
    lowest, highest = window[0], window[1]
    grow = 2 * (highest - lowest + 1)
    wider = False
    if first_tick > rule[FIRST]:
        bound = _most(
            buys_from(rule, bins, lowest - 1),
            sells_to(rule, bins, lowest - 1),
            sale_at(rule, prices, sales, first_tick - 1),
        )
        if bound > 0 and bound >= executed:
            window[0] = max(lowest - grow, bin_of(rule, rule[FIRST]))
            wider = True
    if last_tick < rule[LAST]:
        bound = _most(
            buys_from(rule, bins, highest + 1),
            sells_to(rule, bins, highest + 1),
            sale_at(rule, prices, sales, last_tick + 1),
        )
        if bound > 0 and bound >= executed:
            window[1] = min(highest + grow, bin_of(rule, rule[LAST]))
            wider = True
    return wider


# -- every market ----------------------------------------------------------------------------------


@compiled
def solve(
    rules: Int64s,
    widths: UInt64s,
    prices: Int64s,
    sales: Int64s,
    bins: Int64s,
    windows: Int64s,
    todo: Bytes,
    level_starts: Int64s,
    level_ticks: Int64s,
    level_groups: Int64s,
    level_sizes: Int64s,
    results: Int64s,
) -> int:
    """Find the price of every market still to do.

    `level_*` hold the orders of wide bins inside the windows, sorted by market and tick;
    `level_starts[market]` says where a market's begin. `results[market]` receives executed size,
    tick, residual, buys and sells at that tick. A market whose window turns out too narrow keeps
    `todo` and gets a wider one. Returns how many markets that are.
    """
    room = level_ticks.size + 2 * FINE + 4
    ticks = np.empty(room, np.int64)
    sums = np.empty((room, CLASSES), np.int64)
    segments = np.empty((2 * room + 1, SEGMENT), np.int64)
    waiting = np.empty(CLASSES, np.int64)
    best = np.empty(5, np.int64)
    left = 0
    for market in range(rules.shape[0]):
        if todo[market] == 0:
            continue
        rule, width, window = rules[market], widths[market], windows[market]
        results[market, :] = 0
        todo[market] = 0
        lowest, highest = window[0], window[1]
        if highest < lowest:
            continue
        begin, end = level_starts[market], level_starts[market + 1]
        count = _lay_levels(
            rule, bins, lowest, highest,
            level_ticks[begin:end], level_groups[begin:end], level_sizes[begin:end],
            ticks, sums,
        )  # fmt: skip
        _count_waiting(rule, bins, lowest, waiting)
        first_tick = max(bin_edge(rule, lowest, False), rule[FIRST])
        last_tick = min(bin_edge(rule, highest, True), rule[LAST])
        pieces = _cut_segments(rule, waiting, ticks, sums, count, first_tick, last_tick, segments)
        best[:] = 0
        _judge_segments(best, rule, width, prices, sales, segments, pieces)
        if _widened(rule, prices, sales, bins, window, first_tick, last_tick, best[0]):
            todo[market] = 1
            left += 1
            continue
        if best[0] > 0:
            results[market, 0], results[market, 1], results[market, 2] = best[0], best[3], best[4]
            for number in range(pieces):
                if segments[number, HEAD] <= best[3] <= segments[number, TAIL]:
                    results[market, 3] = segments[number, BUYS]
                    results[market, 4] = segments[number, SELLS]
    return left
