# SPDX-License-Identifier: Apache-2.0
"""Bins of limits: single ticks near the oracle price, then wider by octaves."""

from __future__ import annotations

from typing import Final

import numpy as np

from infold.core.compiled import Bytes, Floats, Int32s, Int64s, UInt64s, compiled
from infold.core.crossing.offering import sale_at
from infold.core.crossing.places import (
    BINS,
    BUY,
    CENTRE,
    CENTRE_UP,
    CLASSES,
    FIRST,
    LAST,
    MIDDLE,
    NEVER,
    POST_ONLY,
    ROW,
    TICK,
)

FINE_BITS: Final = 7
FINE: Final = 1 << FINE_BITS
"""Ticks on each side of the oracle price that have a bin of their own."""
_MANTISSA_SHIFT: Final = np.uint64(52 - FINE_BITS)
BIN_ZERO: Final = (1023 + FINE_BITS) << FINE_BITS
"""The key of distance zero: adding FINE to a distance makes its float's leading bits, read as an
integer, count 1, 2, 3 ... through FINE single ticks and then FINE bins an octave. Below O the key
is turned over bit by bit, which is -key - 1, so that no order's side costs a branch."""

_ZERO: Final = np.uint64(0)
_TOP: Final = np.uint64(63)
_CLASSES: Final = np.uint64(CLASSES)
_SIDES: Final = np.uint64(2)
_NONE_ALL: Final = np.array([0, 2**64 - 1], dtype=np.uint64)


@compiled
def bin_of(rule: Int64s, tick: int) -> int:
    """The bin of a tick; ticks beyond the outermost bins belong to those."""
    away = tick - rule[CENTRE]
    octave = 0
    size = abs(away) + FINE
    while (size >> octave) >= 2 * FINE:
        octave += 1
    key = octave * FINE + (size >> octave) - FINE
    key = min(key, rule[MIDDLE])
    number: int = rule[MIDDLE] + (key if away >= 0 else -key)
    return number


@compiled
def bin_edge(rule: Int64s, number: int, upper: bool) -> int:
    """The last (upper) or first tick of a bin, were its octave not cut off at the outermost bin."""
    key = number - rule[MIDDLE]
    size = abs(key)
    octave = size >> FINE_BITS
    near = ((FINE + (size & (FINE - 1))) << octave) - FINE
    far = near + (1 << octave) - 1
    away = (far if upper else near) if key >= 0 else -(near if upper else far)
    tick: int = rule[CENTRE] + away
    return tick


@compiled
def count_by_limit(
    markets: Int32s,
    flags: Bytes,
    sizes: Int64s,
    limits: Int64s,
    scales: Floats,
    bases: UInt64s,
    bins: Int64s,
) -> tuple[int, float, int]:
    """Add each order's open size to the bin of its limit.

    `scales[market]` = price e8 of CENTRE, tick, and how many ticks the bins reach; `bases`, flat,
    for each market and class where key zero lies above O and, mirrored, below. Returns the bits
    used by any size or limit, a sum that is zero if and only if every limit is a whole tick, and
    the flags that occur.
    """
    used, joined, off_tick = 0, 0, 0.0
    for index in range(markets.size):
        market = np.uint64(markets[index])
        size, limit = sizes[index], limits[index]
        used |= size | limit
        joined |= flags[index]
        away = (np.float64(limit) - scales[market, 0]) / scales[market, 1]
        off_tick += abs(away - np.rint(away))
        below = np.uint64(np.float64(away).view(np.int64)) >> _TOP
        near = min(abs(away), scales[market, 2])
        key = np.uint64(np.float64(near + FINE).view(np.int64)) >> _MANTISSA_SHIFT
        place = (market * _CLASSES + np.uint64(flags[index] & 3)) * _SIDES + below
        bins[bases[place] + (key ^ _NONE_ALL[below])] += size
    return used, off_tick, joined


@compiled
def find_windows(
    rules: Int64s, prices: Int64s, sales: Int64s, bins: Int64s, windows: Int64s
) -> None:
    """Turn bins into running sums, and find for each market which bins to look into.

    `windows[market]` = first and last bin such that the executed size cannot rise any further away
    (theory in `core/auction.py`): from one bin below to one above where N and N - R change sign.
    """
    for market in range(rules.shape[0]):
        rule = rules[market]
        count = rule[BINS]
        for group in range(CLASSES):
            start = rule[ROW] + group * count
            running = 0
            for number in range(start, start + count):
                running += bins[number]
                bins[number] = running
        if rule[LAST] < rule[FIRST]:
            windows[market, 0], windows[market, 1] = 0, -1
            continue
        lowest, highest = bin_of(rule, rule[FIRST]), bin_of(rule, rule[LAST])
        crossing = np.zeros(2, np.int64)
        for dealt in range(2):
            low, high = lowest, highest
            while low < high:
                number = (low + high) // 2
                tick = min(bin_edge(rule, number, True), rule[LAST])
                excess = buys_from(rule, bins, number + 1) - sells_to(rule, bins, number)
                if dealt == 1:
                    excess -= sale_at(rule, prices, sales, tick)
                if excess <= 0:
                    high = number
                else:
                    low = number + 1
            crossing[dealt] = low
        windows[market, 0] = max(min(crossing[0], crossing[1]) - 1, lowest)
        windows[market, 1] = min(max(crossing[0], crossing[1]) + 1, highest)


@compiled
def buys_from(rule: Int64s, bins: Int64s, number: int) -> int:
    """Buys in bin `number` and above that may fill at the bin's first tick."""
    count = rule[BINS]
    total: int = 0
    for group in (BUY, BUY + POST_ONLY):
        if group == BUY or number <= rule[MIDDLE]:
            start = rule[ROW] + group * count
            below = bins[start + number - 1] if number > 0 else 0
            total += bins[start + count - 1] - below
    return total


@compiled
def sells_to(rule: Int64s, bins: Int64s, number: int) -> int:
    """Sells in bin `number` and below that may fill at the bin's last tick."""
    if number < 0:
        return 0
    total: int = bins[rule[ROW] + number]
    if number >= rule[MIDDLE] + rule[CENTRE_UP] - rule[CENTRE]:
        total += bins[rule[ROW] + POST_ONLY * rule[BINS] + number]
    return total


@compiled
def gather(
    rules: Int64s,
    windows: Int64s,
    todo: Bytes,
    markets: Int32s,
    limits: Int64s,
    chosen: Int32s,
) -> int:
    """Write the indices of orders in wide bins inside the windows of markets to do; say how many.

    Per market that is two half-open ranges of limits, one on each side of the single-tick bins.
    """
    ranges = np.zeros((rules.shape[0], 4), np.int64)
    wide = False
    for number in range(rules.shape[0]):
        rule, middle = rules[number], rules[number, MIDDLE]
        lowest, highest = windows[number, 0], windows[number, 1]
        if todo[number] == 0 or highest < lowest:
            continue
        if lowest <= middle - FINE:
            wide = True
            inner = bin_edge(rule, min(highest, middle - FINE), True) + 1
            ranges[number, 1] = inner * rule[TICK]
            if lowest > 0:
                ranges[number, 0] = bin_edge(rule, lowest, False) * rule[TICK]
        if highest >= middle + FINE:
            wide = True
            ranges[number, 2] = bin_edge(rule, max(lowest, middle + FINE), False) * rule[TICK]
            ranges[number, 3] = NEVER
            if highest < 2 * middle:
                ranges[number, 3] = (bin_edge(rule, highest, True) + 1) * rule[TICK]
    if not wide:
        return 0
    count = _ZERO
    for index in range(markets.size):
        market = np.uint64(markets[index])
        limit = limits[index]
        inside = np.uint64(limit - ranges[market, 1]) & ~np.uint64(limit - ranges[market, 0])
        other = np.uint64(limit - ranges[market, 3]) & ~np.uint64(limit - ranges[market, 2])
        chosen[count] = index
        count += (inside | other) >> _TOP
    return int(np.int64(count))
