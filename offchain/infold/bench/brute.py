# SPDX-License-Identifier: Apache-2.0
"""The auction again, plainly: one market, every tick, Python integers, standard library only.

It is what `core/auction.py` is measured against, so it shares nothing with it: neither the compiled
passes nor the clipping nor the rule. It takes the dealer's curve *unclipped* and asks the pool's
rule at every tick.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class BruteOrder(NamedTuple):
    """One order: open lots, limit price e8, its flags, its hash."""

    buy: bool
    open_e8: int
    limit_e8: int
    fill_or_kill: bool
    post_only: bool
    order_hash: bytes


class BruteMarket(NamedTuple):
    """One market: what the pool's rule reads, the tick, the dealer's knots."""

    oracle: int
    h_min_e6: int
    h0_e6: int
    band_e6: int
    slope_e20: int
    residual_cap: int
    position_cap: int
    pool: int
    must_shrink: bool
    tick: int
    knots: tuple[tuple[int, int], ...]


class BruteOutcome(NamedTuple):
    """Price (zero: none), the dealer's sale, and each order's fill."""

    price: int
    residual: int
    fills: list[int]


def brute_clear(market: BruteMarket, orders: Sequence[BruteOrder]) -> BruteOutcome:
    """The outcome of one market, FOK orders dropped and the market solved again as it must."""
    open_lots = [order.open_e8 for order in orders]
    while True:
        outcome = _solve(market, orders, open_lots)
        short = [
            number
            for number, order in enumerate(orders)
            if order.fill_or_kill
            and outcome.price
            and outcome.fills[number] < open_lots[number]
            and _takes(market, order, outcome.price)
        ]
        if not short:
            return outcome
        for number in short:
            open_lots[number] = 0


def _takes(market: BruteMarket, order: BruteOrder, price: int) -> bool:
    """Whether an order may fill at this price."""
    worst = order.limit_e8
    if order.post_only:
        worst = min(worst, market.oracle) if order.buy else max(worst, market.oracle)
    return price <= worst if order.buy else price >= worst


def _price_allowed(market: BruteMarket, price: int, sale: int) -> bool:
    """The price part of docs/protocol.md section 5.6."""
    off = price - market.oracle
    if abs(off) * 1_000_000 > market.oracle * market.band_e6:
        return False
    if sale == 0:
        return abs(off) * 1_000_000 <= market.oracle * market.h0_e6
    sign = 1 if sale > 0 else -1
    if sign * off * 1_000_000 < market.oracle * market.h_min_e6:
        return False
    slack = market.slope_e20 * max(0, sign * (sale - 2 * market.pool)) // 2
    most = market.oracle * ((market.h_min_e6 + market.h0_e6) * 10**14 + slack)
    return sign * off * 10**20 <= most


def _size_allowed(market: BruteMarket, sale: int) -> bool:
    """The caps and the meter of section 5.6."""
    after = market.pool - sale
    smaller = abs(after) <= abs(market.pool)
    if abs(sale) > market.residual_cap or not (abs(after) <= market.position_cap or smaller):
        return False
    return not (market.must_shrink and sale) or (smaller and after * market.pool >= 0)


def _most_allowed(market: BruteMarket, sign: int) -> int:
    """Largest size of this sign inside the caps, by bisection: what allows more allows less."""
    low, high = 0, 2**61
    while low < high:
        middle = (low + high + 1) // 2
        if _size_allowed(market, sign * middle):
            low = middle
        else:
            high = middle - 1
    return low


def _wanted(market: BruteMarket, price: int) -> int:
    """The dealer's unclipped curve."""
    knots = market.knots
    if not knots:
        return 0
    if price <= knots[0][0]:
        return knots[0][1]
    for (left, low), (right, high) in pairwise(knots):
        if price <= right:
            return low + (high - low) * (price - left) // (right - left)
    return knots[-1][1]


def _solve(
    market: BruteMarket, orders: Sequence[BruteOrder], open_lots: Sequence[int]
) -> BruteOutcome:
    """Try every tick of the band; then fill."""
    buys: defaultdict[int, int] = defaultdict(int)
    sells: defaultdict[int, int] = defaultdict(int)
    lowest = -(-max(1, market.oracle - market.oracle * market.band_e6 // 10**6) // market.tick)
    highest = (market.oracle + market.oracle * market.band_e6 // 10**6) // market.tick
    for order, lots in zip(orders, open_lots, strict=True):
        if order.buy:
            last = order.limit_e8
            if order.post_only:
                last = min(last, market.oracle)
            buys[min(last // market.tick, highest)] += lots
        else:
            first = order.limit_e8
            if order.post_only:
                first = max(first, market.oracle)
            sells[max(-(-first // market.tick), lowest)] += lots
    most = {1: _most_allowed(market, 1), -1: _most_allowed(market, -1)}
    waiting = sum(lots for tick, lots in buys.items() if tick >= lowest)
    offered = 0
    best: tuple[int, int, int, int] | None = None
    best_residual = best_waiting = best_offered = 0
    for number in range(lowest, highest + 1):
        offered += sells.get(number, 0)
        price = number * market.tick
        if waiting or offered:
            sale = _wanted(market, price)
            if sale:
                sign = 1 if sale > 0 else -1
                sale = sign * min(abs(sale), most[sign])
                sale = sale if sale and _price_allowed(market, price, sale) else 0
            net = waiting - offered
            residual = 0
            if net > 0 and sale > 0:
                residual = min(net, sale)
            elif net < 0 and sale < 0:
                residual = max(net, sale)
            executed = 2 * min(waiting, offered) + abs(residual)
            if executed and _price_allowed(market, price, residual):
                rank = (-executed, abs(net - sale), abs(price - market.oracle), price)
                if best is None or rank < best:
                    best, best_residual = rank, residual
                    best_waiting, best_offered = waiting, offered
        waiting -= buys.get(number, 0)
    if best is None:
        return BruteOutcome(0, 0, [0] * len(orders))
    crossed = min(best_waiting, best_offered)
    bought = crossed + max(best_residual, 0)
    sold = crossed + max(-best_residual, 0)
    fills = [0] * len(orders)
    _fill(market, orders, open_lots, best[3], True, bought, fills)
    _fill(market, orders, open_lots, best[3], False, sold, fills)
    return BruteOutcome(best[3], best_residual, fills)


def _fill(
    market: BruteMarket,
    orders: Sequence[BruteOrder],
    open_lots: Sequence[int],
    price: int,
    buy: bool,
    lots: int,
    fills: list[int],
) -> None:
    """Give one side its lots: better limit first, the last level pro rata by largest remainder."""
    levels: defaultdict[int, list[int]] = defaultdict(list)
    for number, order in enumerate(orders):
        if order.buy == buy and _takes(market, order, price) and open_lots[number]:
            tick = market.tick
            level = -(order.limit_e8 // tick) if buy else -(-order.limit_e8 // tick)
            levels[level].append(number)
    for level in sorted(levels):
        members = levels[level]
        total = sum(open_lots[number] for number in members)
        here = min(lots, total)
        lots -= here
        for number in members:
            fills[number] = open_lots[number] * here // total
        left = here - sum(fills[number] for number in members)
        order_of_dust = sorted(
            members,
            key=lambda number: (-(open_lots[number] * here % total), orders[number].order_hash),
        )
        for number in order_of_dust[:left]:
            fills[number] += 1
    assert lots == 0, "a side was given more than it has"
