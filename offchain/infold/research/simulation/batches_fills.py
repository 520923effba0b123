# SPDX-License-Identifier: Apache-2.0
"""Who of one simulated batch is filled at its price: the better limit first, then pro rata."""

from __future__ import annotations

from infold.core.crossing.products import divide_product
from infold.research.simulation.compiled import Integers, compiled


@compiled
def fill_at(
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
