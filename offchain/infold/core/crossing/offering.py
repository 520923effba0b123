# SPDX-License-Identifier: Apache-2.0
"""What the dealer's curve sells at a tick, and whether the pool's rule admits it there."""

from __future__ import annotations

from typing import Final

import numpy as np

from infold.core.compiled import Int64s, UInt64s, compiled
from infold.core.crossing.places import (
    BUY_TO,
    KNOT,
    KNOTS,
    NEAR_FIRST,
    NEAR_LAST,
    ORACLE,
    POOL_TWICE,
    SALE_MAX,
    SALE_MIN,
    SELL_FROM,
    TICK,
)
from infold.core.crossing.products import divide_product, multiply

_ONE: Final = np.uint64(1)
_TOP: Final = np.uint64(63)
_E20_HIGH: Final = np.uint64(10**20 >> 64)
_E20_LOW: Final = np.uint64(10**20 & (2**64 - 1))


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
def within_bound(rule: Int64s, width: UInt64s, tick: int, side: int, size: int) -> bool:
    """Whether `size` lots of the pool on `side` may trade as far out as this tick (C6, upper end).

    side * (P - O) * 1e20 <= O * (base + slope * max(0, side * (R - 2q)) // 2), R = side * size;
    `width` is (base's high word, low word, slope). Three words on each side.
    """
    if rule[NEAR_FIRST] <= tick <= rule[NEAR_LAST]:
        return True
    away = np.uint64(side * (tick * rule[TICK] - rule[ORACLE]))
    oracle = np.uint64(rule[ORACLE])
    left_mid, left_low = multiply(away, _E20_LOW)
    left_top, more = multiply(away, _E20_HIGH)
    left_mid = left_mid + more
    left_top = left_top + np.uint64(left_mid < more)
    high, low = multiply(np.uint64(max(0, size - side * rule[POOL_TWICE])), width[2])
    low = (low >> _ONE) | (high << _TOP)
    high = high >> _ONE
    low = low + width[1]
    high = high + width[0] + np.uint64(low < width[1])
    right_mid, right_low = multiply(low, oracle)
    right_top, more = multiply(high, oracle)
    right_mid = right_mid + more
    right_top = right_top + np.uint64(right_mid < more)
    if left_top != right_top:
        return bool(left_top < right_top)
    if left_mid != right_mid:
        return bool(left_mid < right_mid)
    return bool(left_low <= right_low)
