# SPDX-License-Identifier: Apache-2.0
"""The compiled passes of the auction: exact integers over columns of orders.

`core/auction.py` says what is computed and why in this order; this file holds the loops. Money is
int64 throughout; the only floats choose a *bin*, where any non-decreasing map will do, and every
decision inside a bin is made again in integers. Products that pass 64 bits go through `_multiply`
(64 x 64 to 128 bits) and `divide_product`.

Style of the hot loops: no branch may depend on an order (a wrong guess costs more than the rest of
the row), so choices are table look-ups by a bit, and indices are unsigned, which spares numba's
test for negative ones. Adding a compiled function costs every fresh machine a second or two.

Must change together: `_within_bound` with `curve.fault`, `sale_at` with `Curve.sale_e8`, the column
numbers with `auction._rules`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from infold.core.compiled import Bytes, Floats, Int32s, Int64s, UInt64s, compiled

# -- a market's row of int64 rules -----------------------------------------------------------------

ORACLE: Final = 0  # price e8
TICK: Final = 1  # price e8
FIRST: Final = 2  # first tick that may clear; ticks are prices divided by TICK
LAST: Final = 3
CENTRE: Final = 4  # largest tick at or below the oracle price
CENTRE_UP: Final = 5  # smallest tick at or above it
FREE_FIRST: Final = 6  # ticks where a residual of zero is admissible
FREE_LAST: Final = 7
NEAR_FIRST: Final = 8  # ticks within the curve bound for every residual of their side
NEAR_LAST: Final = 9
SELL_FROM: Final = 10  # price e8
BUY_TO: Final = 11  # price e8
SALE_MIN: Final = 12  # lots
SALE_MAX: Final = 13
POOL_TWICE: Final = 14  # twice the pool's base
KNOT: Final = 15  # index of the first knot
KNOTS: Final = 16
ROW: Final = 17  # index of the market's first bin
BINS: Final = 18  # bins of each of its four classes
MIDDLE: Final = 19  # bin of CENTRE
RULES: Final = 20

# -- classes of orders: the two low bits of their flags --------------------------------------------

BUY: Final = 1
POST_ONLY: Final = 2
CLASSES: Final = 4

# -- bins: single ticks near the oracle price, then wider by octaves -------------------------------

FINE_BITS: Final = 7
FINE: Final = 1 << FINE_BITS
"""Ticks on each side of the oracle price that have a bin of their own."""
_MANTISSA_SHIFT: Final = np.uint64(52 - FINE_BITS)
BIN_ZERO: Final = (1023 + FINE_BITS) << FINE_BITS
"""The key of distance zero: adding FINE to a distance makes its float's leading bits, read as an
integer, count 1, 2, 3 ... through FINE single ticks and then FINE bins an octave. Below O the key
is turned over bit by bit, which is -key - 1, so that no order's side costs a branch."""

NEVER: Final = 2**62
"""A limit nobody has."""
_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)
_ZERO: Final = np.uint64(0)
_ONE: Final = np.uint64(1)
_TOP: Final = np.uint64(63)
_SIGN: Final = np.uint64(1 << 63)
_E20_HIGH: Final = np.uint64(10**20 >> 64)
_E20_LOW: Final = np.uint64(10**20 & (2**64 - 1))
_CLASSES: Final = np.uint64(CLASSES)
_SIDES: Final = np.uint64(2)
_MINUS_PLUS: Final = np.array([-1, 1], dtype=np.int64)
_ALL_NONE: Final = np.array([-1, 0], dtype=np.int64)
_NONE_ALL: Final = np.array([0, 2**64 - 1], dtype=np.uint64)


# -- products beyond 64 bits -----------------------------------------------------------------------


@compiled
def _multiply(first: np.uint64, second: np.uint64) -> tuple[np.uint64, np.uint64]:
    """High and low word of a product."""
    first_high, first_low = first >> _HALF, first & _LOW
    second_high, second_low = second >> _HALF, second & _LOW
    low = first_low * second_low
    middle = first_high * second_low + (low >> _HALF)
    cross = first_low * second_high + (middle & _LOW)
    high = first_high * second_high + (middle >> _HALF) + (cross >> _HALF)
    return high, (cross << _HALF) | (low & _LOW)


@compiled
def divide_product(first: int, second: int, divisor: int) -> tuple[int, int]:
    """Quotient and remainder of first * second / divisor.

    All non-negative, divisor positive, and the quotient below 2**63.
    """
    if np.float64(first) * np.float64(second) < 9.0e18:
        product = np.uint64(first) * np.uint64(second)
        whole = product // np.uint64(divisor)
        return int(np.int64(whole)), int(np.int64(product - whole * np.uint64(divisor)))
    rest, low = _multiply(np.uint64(first), np.uint64(second))
    by = np.uint64(divisor)
    quotient = np.uint64(0)
    for _ in range(64):
        rest = (rest << _ONE) | (low >> _TOP)
        low = low << _ONE
        quotient = quotient << _ONE
        if rest >= by:
            rest = rest - by
            quotient = quotient | _ONE
    return int(np.int64(quotient)), int(np.int64(rest))


# -- the dealer's curve and the rule ---------------------------------------------------------------


@compiled
def sale_at(rule: Int64s, prices: Int64s, sales: Int64s, tick: int) -> int:
    """R(P) of the market's clipped curve at one tick, as `Curve.sale_e8`."""
    knots = rule[KNOTS]
    sale: int = 0
    if knots == 0:
        return 0
    price = tick * rule[TICK]
    first = rule[KNOT]
    right = first
    while right < first + knots and prices[right] <= price:
        right += 1
    if right == first:
        sale = sales[first]
    elif right == first + knots:
        sale = sales[right - 1]
    else:
        left = right - 1
        rise, _ = divide_product(
            sales[right] - sales[left], price - prices[left], prices[right] - prices[left]
        )
        sale = sales[left] + rise
    if (sale > 0 and price < rule[SELL_FROM]) or (sale < 0 and price > rule[BUY_TO]):
        return 0
    sale = min(max(sale, rule[SALE_MIN]), rule[SALE_MAX])
    return sale


@compiled
def _within_bound(rule: Int64s, width: UInt64s, tick: int, side: int, size: int) -> bool:
    """Whether `size` lots of the pool on `side` may trade as far out as this tick (C6, upper end).

    side * (P - O) * 1e20 <= O * (base + slope * max(0, side * (R - 2q)) // 2), R = side * size;
    `width` is (base's high word, low word, slope). Three words on each side.
    """
    if rule[NEAR_FIRST] <= tick <= rule[NEAR_LAST]:
        return True
    away = np.uint64(side * (tick * rule[TICK] - rule[ORACLE]))
    oracle = np.uint64(rule[ORACLE])
    left_mid, left_low = _multiply(away, _E20_LOW)
    left_top, more = _multiply(away, _E20_HIGH)
    left_mid = left_mid + more
    left_top = left_top + np.uint64(left_mid < more)
    high, low = _multiply(np.uint64(max(0, size - side * rule[POOL_TWICE])), width[2])
    low = (low >> _ONE) | (high << _TOP)
    high = high >> _ONE
    low = low + width[1]
    high = high + width[0] + np.uint64(low < width[1])
    right_mid, right_low = _multiply(low, oracle)
    right_top, more = _multiply(high, oracle)
    right_mid = right_mid + more
    right_top = right_top + np.uint64(right_mid < more)
    if left_top != right_top:
        return bool(left_top < right_top)
    if left_mid != right_mid:
        return bool(left_mid < right_mid)
    return bool(left_low <= right_low)


# -- bins ------------------------------------------------------------------------------------------


@compiled
def _bin(rule: Int64s, tick: int) -> int:
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
        lowest, highest = _bin(rule, rule[FIRST]), _bin(rule, rule[LAST])
        crossing = np.zeros(2, np.int64)
        for dealt in range(2):
            low, high = lowest, highest
            while low < high:
                number = (low + high) // 2
                tick = min(bin_edge(rule, number, True), rule[LAST])
                excess = _buys_from(rule, bins, number + 1) - _sells_to(rule, bins, number)
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
def _buys_from(rule: Int64s, bins: Int64s, number: int) -> int:
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
def _sells_to(rule: Int64s, bins: Int64s, number: int) -> int:
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


# -- the price -------------------------------------------------------------------------------------


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
    low, high = 0, steps
    while low < high:
        middle = (low + high) // 2
        if side * sale_at(rule, prices, sales, near + side * middle) >= excess:
            high = middle
        else:
            low = middle + 1
    if low < steps and _within_bound(rule, width, near + side * low, side, excess):
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
        if _within_bound(rule, width, near + side * outer, side, offer):
            low, high = 0, outer
            while low < high:
                middle = (low + high) // 2
                if side * sale_at(rule, prices, sales, near + side * middle) >= offer:
                    high = middle
                else:
                    low = middle + 1
            consider(best, rule, crossed + offer, excess - offer, near + side * low, side * offer)
            return
        low, high = 0, outer
        while low < high:
            middle = (low + high) // 2
            if _within_bound(rule, width, near + side * middle, side, offer):
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
    segments = np.empty((2 * room + 1, 5), np.int64)
    best = np.empty(5, np.int64)
    left = 0
    for market in range(rules.shape[0]):
        if todo[market] == 0:
            continue
        rule, width = rules[market], widths[market]
        results[market, :] = 0
        todo[market] = 0
        lowest, highest = windows[market, 0], windows[market, 1]
        if highest < lowest:
            continue

        # Levels: wide bins' orders below, single-tick bins, wide bins' orders above.
        count = 0
        middle = rule[MIDDLE]
        cursor, end = level_starts[market], level_starts[market + 1]
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

        # Segments of ticks that see the same orders, with a bound on what each can execute.
        start = rule[ROW] - 1 + lowest
        stride = rule[BINS]
        waiting = np.zeros(CLASSES, np.int64)
        for group in range(CLASSES):
            below = bins[start + group * stride] if lowest > 0 else 0
            if group & BUY:
                waiting[group] = bins[rule[ROW] + (group + 1) * stride - 1] - below
            else:
                waiting[group] = below
        first_tick = max(bin_edge(rule, lowest, False), rule[FIRST])
        last_tick = min(bin_edge(rule, highest, True), rule[LAST])
        pieces = 0
        begin = first_tick
        best[:] = 0
        strongest, strongest_bound = -1, 0
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
                    segments[pieces, 0], segments[pieces, 1] = head, tail
                    segments[pieces, 2], segments[pieces, 3] = buys, sells
                    segments[pieces, 4] = bound
                    if bound > strongest_bound:
                        strongest, strongest_bound = pieces, bound
                    pieces += 1
            if number % 2 == 1:
                waiting[BUY] -= sums[level, BUY]
                waiting[BUY + POST_ONLY] -= sums[level, BUY + POST_ONLY]

        # The most promising segment first, so that the others can be passed over.
        for turn in range(-1, pieces):
            number = strongest if turn < 0 else turn
            if number < 0 or (turn >= 0 and turn == strongest):
                continue
            if segments[number, 4] >= best[0]:
                evaluate(
                    best, rule, width, prices, sales,
                    segments[number, 0], segments[number, 1],
                    segments[number, 2], segments[number, 3],
                )  # fmt: skip

        # Could a tick outside the window do as well?
        grow = 2 * (highest - lowest + 1)
        if first_tick > rule[FIRST]:
            bound = _most(
                _buys_from(rule, bins, lowest - 1),
                _sells_to(rule, bins, lowest - 1),
                sale_at(rule, prices, sales, first_tick - 1),
            )
            if bound > 0 and bound >= best[0]:
                windows[market, 0] = max(lowest - grow, _bin(rule, rule[FIRST]))
                todo[market] = 1
        if last_tick < rule[LAST]:
            bound = _most(
                _buys_from(rule, bins, highest + 1),
                _sells_to(rule, bins, highest + 1),
                sale_at(rule, prices, sales, last_tick + 1),
            )
            if bound > 0 and bound >= best[0]:
                windows[market, 1] = min(highest + grow, _bin(rule, rule[LAST]))
                todo[market] = 1
        if todo[market] == 1:
            left += 1
            continue
        if best[0] > 0:
            results[market, 0], results[market, 1], results[market, 2] = best[0], best[3], best[4]
            for number in range(pieces):
                if segments[number, 0] <= best[3] <= segments[number, 1]:
                    results[market, 3] = segments[number, 2]
                    results[market, 4] = segments[number, 3]
    return left


# -- fills -----------------------------------------------------------------------------------------


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
    ends = np.zeros(rest.size + 1, np.int64)
    for number in range(count):
        ends[markets[chosen[number]] + 1] += 1
    for market in range(rest.size):
        ends[market + 1] += ends[market]
    places = ends.copy()
    grouped = np.empty(count, np.int64)
    for number in range(count):
        market = markets[chosen[number]]
        grouped[places[market]] = chosen[number]
        places[market] += 1
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
        # Left-over lots: by remainder, then by the four words of the order hash.
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
        for number in range(begin, end):
            order = grouped[number]
            nets[int(accounts[order]) * width + market] += sign * fills[order]


@compiled
def _rank(word: int, remainder: int, hashes: UInt64s, order: int) -> int:
    """A key that sorts the larger remainder (word -1) or the lower word of the hash first."""
    if word < 0:
        return -remainder
    return int(np.int64(hashes[order, word] ^ _SIGN))
