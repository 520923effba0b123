# SPDX-License-Identifier: Apache-2.0
"""Who is filled at the price: whole, in part by better limit and pro rata, or not at all."""

from __future__ import annotations

from typing import Final

import numpy as np

from infold.core.compiled import Bytes, Int32s, Int64s, UInt64s, compiled
from infold.core.crossing.binning import bin_edge
from infold.core.crossing.places import BINS, BUY, CLASSES, NEVER, ORACLE, POST_ONLY, ROW, TICK
from infold.core.crossing.products import divide_product

_ZERO: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_TOP: Final = np.uint64(63)
_SIGN: Final = np.uint64(1 << 63)
_MINUS_PLUS: Final = np.array([-1, 1], dtype=np.int64)
_ALL_NONE: Final = np.array([-1, 0], dtype=np.int64)


@compiled
def _better(rule: Int64s, bins: Int64s, full: Int64s, heavy: int, number: int) -> int:
    """Lots of the heavy side's admitted orders in bin `number` and in all bins of better limits."""
    total: int = 0
    for group in (heavy, heavy + POST_ONLY):
        if full[group] != NEVER:
            start = rule[ROW] + group * rule[BINS]
            if heavy == BUY:
                total += bins[start + rule[BINS] - 1]
                total -= bins[start + number - 1] if number > 0 else 0
            else:
                total += bins[start + number] if number >= 0 else 0
    return total


@compiled
def rationing(
    rules: Int64s, bins: Int64s, results: Int64s, full: Int64s, part: Int64s, rest: Int64s
) -> None:
    """Which limits fill wholly, and which bin of the heavy side holds the marginal level.

    In terms of goodness g (a buy's limit, a sell's limit turned negative), for market and class:
    g >= `full` fills wholly, `part` <= g < `full` shares `rest[market]` lots, below nothing.
    """
    for market in range(rules.shape[0]):
        rule = rules[market]
        full[market, :] = NEVER
        part[market, :] = NEVER
        rest[market] = 0
        if results[market, 0] == 0:
            continue
        tick, residual = results[market, 1], results[market, 2]
        buys, sells = results[market, 3], results[market, 4]
        price = tick * rule[TICK]
        for group in range(CLASSES):
            if group & POST_ONLY:
                if group & BUY and price > rule[ORACLE]:
                    continue
                if not group & BUY and price < rule[ORACLE]:
                    continue
            full[market, group] = price if group & BUY else -price
            part[market, group] = full[market, group]
        crossed = min(buys, sells)
        take = crossed + abs(residual)
        heavy = BUY if buys > sells else 0
        if take == max(buys, sells):
            continue
        # Bins by rank, the best limits first: the marginal one is the first that makes up `take`.
        step = -1 if heavy == BUY else 1
        best = rule[BINS] - 1 if heavy == BUY else 0
        low, high = 0, rule[BINS] - 1
        while low < high:
            middle = (low + high) // 2
            if _better(rule, bins, full[market], heavy, best + step * middle) >= take:
                high = middle
            else:
                low = middle + 1
        number = best + step * low
        rest[market] = take - _better(rule, bins, full[market], heavy, number - step)
        outer = number == best
        edge = bin_edge(rule, number, heavy == BUY) - step
        for group in (heavy, heavy + POST_ONLY):
            if full[market, group] != NEVER:
                if heavy == BUY:
                    full[market, group] = NEVER if outer else edge * rule[TICK]
                    worst = bin_edge(rule, number, False) * rule[TICK]
                else:
                    full[market, group] = NEVER if outer else -edge * rule[TICK]
                    worst = -bin_edge(rule, number, True) * rule[TICK]
                part[market, group] = max(part[market, group], worst)


@compiled
def fill(
    markets: Int32s,
    accounts: Int32s,
    flags: Bytes,
    sizes: Int64s,
    limits: Int64s,
    full: Int64s,
    part: Int64s,
    width: int,
    fills: Int64s,
    nets: Int64s,
    chosen: Int32s,
) -> int:
    """Fill wholly what fills wholly, net it by account and market, and list the marginal orders.

    `full` and `part` are flat, CLASSES a market; `nets` flat, `width` markets an account.
    """
    count = _ZERO
    across = np.uint64(width)
    for index in range(markets.size):
        market = np.uint64(markets[index])
        group = np.uint64(flags[index]) & np.uint64(3)
        place = market * np.uint64(CLASSES) + group
        sign = _MINUS_PLUS[group & _ONE]
        goodness = sign * limits[index]
        short = np.uint64(goodness - full[place]) >> _TOP
        out = np.uint64(goodness - part[place]) >> _TOP
        size = sizes[index] & _ALL_NONE[short]
        fills[index] = size
        nets[np.uint64(accounts[index]) * across + market] += sign * size
        chosen[count] = index
        count += short - out
    return int(np.int64(count))


@compiled
def _threshold(keys: Int64s, weights: Int64s, count: int, target: int) -> tuple[int, int]:
    """The smallest key such that the weights of all keys up to it reach `target`.

    Also the weight of the keys before it. 0 < target <= total weight. Shuffles its arguments.
    """
    low, high = 0, count
    before = 0
    draw = np.uint64(88172645463325252)
    while True:
        draw ^= draw << np.uint64(13)
        draw ^= draw >> np.uint64(7)
        draw ^= draw << np.uint64(17)
        pivot: int = keys[low + int(draw % np.uint64(high - low))]
        less, index, more = low, low, high
        weight_less, weight_same = 0, 0
        while index < more:
            key, weight = keys[index], weights[index]
            if key < pivot:
                weight_less += weight
                keys[index], weights[index] = keys[less], weights[less]
                keys[less], weights[less] = key, weight
                less += 1
                index += 1
            elif key > pivot:
                more -= 1
                keys[index], weights[index] = keys[more], weights[more]
                keys[more], weights[more] = key, weight
            else:
                weight_same += weight
                index += 1
        if before + weight_less >= target:
            high = less
        elif before + weight_less + weight_same >= target:
            return pivot, before + weight_less
        else:
            before += weight_less + weight_same
            low = more


@compiled
def share_out(
    markets: Int32s,
    accounts: Int32s,
    flags: Bytes,
    sizes: Int64s,
    limits: Int64s,
    hashes: UInt64s,
    rest: Int64s,
    width: int,
    chosen: Int32s,
    count: int,
    fills: Int64s,
    nets: Int64s,
) -> None:
    """Share `rest[market]` lots among the market's chosen orders of its heavy side.

    By better limit; at the marginal limit pro rata to open size, down, and the lots left over one
    each to the largest remainders, ties to the lower order hash.
    """
    grouped = np.empty(count, np.int64)
    ends = _group(markets, chosen, count, rest.size, grouped)
    keys = np.empty(count, np.int64)
    weights = np.empty(count, np.int64)
    level = np.empty(count, np.int64)
    remainders = np.empty(count, np.int64)
    for market in range(rest.size):
        begin, end = ends[market], ends[market + 1]
        if begin == end:
            continue
        # The marginal limit. Goodness turned negative: the smallest key is the best limit.
        sign = 1 if flags[grouped[begin]] & BUY else -1
        for number in range(begin, end):
            keys[number - begin] = -sign * limits[grouped[number]]
            weights[number - begin] = sizes[grouped[number]]
        marginal, before = _threshold(keys, weights, end - begin, rest[market])
        members, total = 0, 0
        for number in range(begin, end):
            order = grouped[number]
            key = -sign * limits[order]
            if key < marginal:
                fills[order] = sizes[order]
            elif key == marginal and sizes[order] > 0:
                level[members] = order
                members += 1
                total += sizes[order]
        amount = rest[market] - before
        dust = amount
        for number in range(members):
            order = level[number]
            share, remainder = divide_product(sizes[order], amount, total)
            fills[order] = share
            remainders[number] = remainder
            dust -= share
        _hand_out(hashes, level, remainders, members, dust, fills, keys, weights)
        for number in range(begin, end):
            order = grouped[number]
            nets[int(accounts[order]) * width + market] += sign * fills[order]


@compiled
def _group(markets: Int32s, chosen: Int32s, count: int, width: int, grouped: Int64s) -> Int64s:
    """The chosen orders market by market, each market's in their order; where each market's end
    and the next one's begin.
    """
    ends = np.zeros(width + 1, np.int64)
    for number in range(count):
        ends[markets[chosen[number]] + 1] += 1
    for market in range(width):
        ends[market + 1] += ends[market]
    places = ends.copy()
    for number in range(count):
        market = markets[chosen[number]]
        grouped[places[market]] = chosen[number]
        places[market] += 1
    return ends


@compiled
def _hand_out(
    hashes: UInt64s,
    level: Int64s,
    remainders: Int64s,
    members: int,
    dust: int,
    fills: Int64s,
    keys: Int64s,
    weights: Int64s,
) -> None:
    """A lot more each to `dust` of a level's members: by remainder, then by the four words of the
    order hash. `keys` and `weights` are room to sort in; `level` and `remainders` are shuffled.
    """
    for word in range(-1, 4):
        if dust == 0:
            break
        for number in range(members):
            keys[number] = _rank(word, remainders[number], hashes, level[number])
            weights[number] = 1
        limit, given = _threshold(keys, weights, members, dust)
        kept = 0
        for number in range(members):
            order = level[number]
            key = _rank(word, remainders[number], hashes, order)
            if key < limit:
                fills[order] += 1
            elif key == limit:
                level[kept] = order
                remainders[kept] = remainders[number]
                kept += 1
        members = kept
        dust -= given
        if members == dust:
            for number in range(members):
                fills[level[number]] += 1
            dust = 0
    for number in range(dust):  # one hash twice: the two are the same order
        fills[level[number]] += 1


@compiled
def _rank(word: int, remainder: int, hashes: UInt64s, order: int) -> int:
    """A key that sorts the larger remainder (word -1) or the lower word of the hash first."""
    if word < 0:
        return -remainder
    return int(np.int64(hashes[order, word] ^ _SIGN))
