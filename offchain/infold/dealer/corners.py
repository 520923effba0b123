# SPDX-License-Identifier: Apache-2.0
"""The corners of a committed curve: from (line, inventory, drift) to offsets and sales.

One compiled function, which the desk calls once a batch and the simulation's loop a million times,
so that a backtest runs what the venue runs. Offsets are bp from the oracle price, sales M; both
stay floats here. Must change together: `integer_corners` and `knots.ladder_knots`, which put
corners on ticks and lots; a test holds them equal.
"""

from __future__ import annotations

import math

from infold.dealer.compiled import Floats, Integers, compiled
from infold.dealer.params import BP as BP


@compiled
def markup_at(markups_bp: Floats, prices_bp: Floats, price_bp: float) -> float:
    """d where pi(d) is `price_bp`; one point alone has slope one."""
    count = len(prices_bp)
    if count == 1:
        shifted: float = markups_bp[0] + (price_bp - prices_bp[0])
        return shifted
    right = 1
    while right < count - 1 and prices_bp[right] < price_bp:
        right += 1
    left = right - 1
    run = prices_bp[right] - prices_bp[left]
    rise = markups_bp[right] - markups_bp[left]
    found: float = markups_bp[left] + (price_bp - prices_bp[left]) / run * rise
    return found


@compiled
def corners(
    markups_bp: Floats,
    prices_bp: Floats,
    slope_bp_per_m: float,
    centre_bp: float,
    offer_m: float,
    offsets_bp: Floats,
    sales_m: Floats,
    side: int = 0,
) -> int:
    """Write the curve's corners by rising offset; how many there are.

    `centre_bp` is signal * drift - skew * inventory; the largest offer on either side is `offer_m`.
    The arrays have room for 2 * len(prices_bp) + 4. With `side` +1 only sales are written, with -1
    only purchases: of a batch whose orders all buy, the dealer's purchases are no part.
    """
    points = len(prices_bp)
    reach_bp = slope_bp_per_m * offer_m
    m_per_bp = 1.0 / slope_bp_per_m
    count = 0
    if side <= 0:
        offsets_bp[count] = -markup_at(markups_bp, prices_bp, reach_bp - centre_bp)
        sales_m[count] = -offer_m
        count += 1
        for point in range(points - 1, -1, -1):
            inside_bp = prices_bp[point] + centre_bp
            if 0.0 < inside_bp < reach_bp:
                offsets_bp[count] = -markups_bp[point]
                sales_m[count] = -inside_bp * m_per_bp
                count += 1
        offsets_bp[count] = -markup_at(markups_bp, prices_bp, -centre_bp)
        sales_m[count] = 0.0
        count += 1
    if side < 0:
        return count
    offsets_bp[count] = markup_at(markups_bp, prices_bp, centre_bp)
    sales_m[count] = 0.0
    count += 1
    for point in range(points):
        inside_bp = prices_bp[point] - centre_bp
        if 0.0 < inside_bp < reach_bp:
            offsets_bp[count] = markups_bp[point]
            sales_m[count] = inside_bp * m_per_bp
            count += 1
    offsets_bp[count] = markup_at(markups_bp, prices_bp, reach_bp + centre_bp)
    sales_m[count] = offer_m
    return count + 1


@compiled
def integer_corners(
    offsets_bp: Floats,
    sales_m: Floats,
    count: int,
    oracle: float,
    tick: float,
    lots_per_m: float,
    prices: Integers,
    lots: Integers,
    side: int = 0,
) -> int:
    """The corners on ticks and lots, those that fall together dropped; how many are left.

    `oracle` and `tick` in one unit of price. The dealer buys at or below a corner rounded down to
    a tick and sells at or above one rounded up; lots are rounded toward zero. Where two corners
    fall on one price the one nearer to no trade stays. `side` as `corners` had it.
    """
    kept = 0
    buying = side <= 0
    for corner in range(count):
        price = oracle * (1.0 + offsets_bp[corner] * BP)
        if tick != 1.0:  # dividing by one costs as much as the rest
            price /= tick
        ticks = math.floor(price) if buying else math.ceil(price)
        buying = buying and sales_m[corner] < 0.0
        size = int(sales_m[corner] * lots_per_m)
        at = ticks * int(tick)
        if kept > 0 and prices[kept - 1] == at:
            if abs(size) < abs(lots[kept - 1]):
                lots[kept - 1] = size
            continue
        prices[kept] = at
        lots[kept] = size
        kept += 1
    return kept
