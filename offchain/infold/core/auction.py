# SPDX-License-Identifier: Apache-2.0
"""The uniform-price auction of a batch, all markets in one call, exact integers.

What is decided
---------------
At a tick P: B(P) = buys with limit >= P, S(P) = sells with limit <= P (open lots; post-only buys
count only at P <= O, post-only sells only at P >= O), N = B - S, and R(P) what the dealer has
committed to sell. The dealer takes the residual

    w = sign(N) * min(|N|, |R|) where N and R have one sign, else 0,

if the pool's rule admits (P, w) (`curve.admissible`); for w = 0 that means P within h0 of O. Else
nothing trades at P. Executed trader size is E = 2 min(B, S) + |w|; the side with more is rationed.
The price is the tick with the greatest E > 0, then the least |N - R|, then nearest O, then lower.
Inside h_min of O the clipped curve is zero, so there the heavy side is rationed to residual zero.

The heavy side fills by better limit; the marginal limit pro rata to open size, rounded down, the
lots left over one each by largest remainder, ties to the lower order hash. A FOK order the price
admits but does not wholly fill is dropped and its market solved again, until none is left.

How, without sorting
--------------------
Let E' be E without asking the rule. N falls and R rises with P, so N and N - R each change sign
once; outside the ticks between those two places E' only falls away from them: below, it is
2S + R or 2S; above, 2B or 2B - R. Hence three passes over the orders:

1. `count_by_limit` adds sizes into bins by limit: single ticks near O, octaves further out;
2. `find_windows` brackets both sign changes by bins; `gather` fetches the orders of the wide bins
   in between, `solve` walks exact segments there. Within a segment B and S are constant, and
   `_search` needs a few steps. If a tick outside could do as well, the window widens;
3. `fill` fills wholly or not at all by comparing limits, and lists the marginal bin's orders for
   `share_out`.

Only the orders of a few bins are ever sorted or selected among. infold/bench/brute.py
does the same by trying every tick, and shares no line with this.

What the caller sees to
-----------------------
Reduce-only orders and shrink-only markets are bounded beforehand through `open_e8`, over all orders
of the account in record order; triggers, expiry and margin likewise (docs/decisions/0024).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infold.core.crossing import binning, filling, places, pricing
from infold.core.crossing.binning import FINE
from infold.core.crossing.places import BUY, CLASSES, POST_ONLY, RULES
from infold.core.curve import (
    LOTS_E8_MAX,
    PRICE_E8_MAX,
    Curve,
    CurveBounds,
    price_limits,
)
from infold.errors import InvariantBroken

FILL_OR_KILL: Final = 4
"""Third bit of an order's flags; the first two are places.BUY and places.POST_ONLY."""
MARKETS_MAX: Final = 255
ROUNDS_MAX: Final = 32
"""Times a market is solved again for its FOK orders before all that remain there are dropped:
otherwise n orders could be chosen so that each round drops one."""
_SPAN_MAX: Final = 2**48
"""Ticks a market may span, so that distances are exact in a float."""


@dataclass(frozen=True, slots=True)
class Orders:
    """One row an order; the order of rows does not matter. All arrays have shape (n,).

    `markets` and `accounts` (int32) count from zero, into the markets of the call and 0..accounts;
    `flags` (uint8) joins BUY, POST_ONLY and FILL_OR_KILL; `open_e8` (int64) is the most this order
    may fill now, zero to leave it out; `limit_e8` (int64) the signed limit; `hashes` (uint64,
    (n, 4)) the order hash in four words, most significant first.
    """

    markets: NDArray[np.int32]
    accounts: NDArray[np.int32]
    flags: NDArray[np.uint8]
    open_e8: NDArray[np.int64]
    limit_e8: NDArray[np.int64]
    hashes: NDArray[np.uint64]

    def take(self, rows: NDArray[np.int64]) -> Orders:
        """The chosen rows."""
        return Orders(
            self.markets[rows],
            self.accounts[rows],
            self.flags[rows],
            self.open_e8[rows],
            self.limit_e8[rows],
            self.hashes[rows],
        )


def hash_words(hashes: Sequence[bytes]) -> NDArray[np.uint64]:
    """Order hashes of 32 bytes as the (n, 4) words `Orders` wants."""
    words = np.frombuffer(b"".join(hashes), dtype=">u8").reshape(len(hashes), 4)
    return words.astype(np.uint64)


@dataclass(frozen=True, slots=True)
class AuctionMarket:
    """One market of a batch: its rule, its tick and the dealer's committed curve, clipped."""

    bounds: CurveBounds
    tick_e8: int
    curve: Curve


@dataclass(frozen=True, slots=True)
class Markets:
    """A batch's markets as columns; made by `prepare` as soon as prices and curves are known."""

    count: int
    rules: NDArray[np.int64]
    widths: NDArray[np.uint64]
    knot_prices: NDArray[np.int64]
    knot_sales: NDArray[np.int64]
    scales: NDArray[np.float64]
    bases: NDArray[np.uint64]
    bins: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """The outcome of a batch. `price_e8` is zero where nothing trades; `residual_e8` is the
    dealer's signed sale; both (markets,). `fill_e8` (n,) is what each order fills, unsigned.
    `net_e8` (accounts, markets) is what each account bought less what it sold: its columns sum to
    the residuals.
    """

    price_e8: NDArray[np.int64]
    residual_e8: NDArray[np.int64]
    fill_e8: NDArray[np.int64]
    net_e8: NDArray[np.int64]


# -- markets as columns ----------------------------------------------------------------------------


def prepare(markets: Sequence[AuctionMarket]) -> Markets:
    """Lay out a batch's markets for `clear`. `InvariantBroken` if a figure cannot be dealt with."""
    if len(markets) > MARKETS_MAX:
        raise InvariantBroken(f"{len(markets)} markets in one batch; market ids end at 255")
    rows: list[list[int]] = []
    words: list[tuple[int, int, int]] = []
    prices: list[int] = []
    sales: list[int] = []
    start = 0
    for market in markets:
        row = _rules(market)
        row[places.KNOT], row[places.ROW] = len(prices), start
        start += CLASSES * row[places.BINS]
        rows.append(row)
        base = (market.bounds.h_min_e6 + market.bounds.h0_e6) * 10**14
        words.append((base >> 64, base & (2**64 - 1), market.bounds.slope_e20))
        prices.extend(market.curve.prices_e8)
        sales.extend(market.curve.sales_e8)
    rules = np.array(rows, np.int64).reshape(len(rows), RULES)
    return Markets(
        count=len(markets),
        rules=rules,
        widths=np.array(words, np.uint64).reshape(len(words), 3),
        knot_prices=np.array(prices, np.int64),
        knot_sales=np.array(sales, np.int64),
        scales=_scales(rules),
        bases=_bases(rules),
        bins=start,
    )


def _scales(rules: NDArray[np.int64]) -> NDArray[np.float64]:
    """What `count_by_limit` reads of each market; the reach is one beyond the furthest tick that
    may clear, on both sides. All are below 2**53, so exact.
    """
    centre, tick = rules[:, places.CENTRE], rules[:, places.TICK]
    below, above = centre - rules[:, places.FIRST], rules[:, places.LAST] - centre
    reach = np.maximum(np.maximum(below, above), 0) + 1
    scales: NDArray[np.float64] = np.stack([centre * tick, tick, reach], axis=1).astype(np.float64)
    return scales


def _bases(rules: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Where key zero of each market and class lies: as it is, and turned over bit by bit."""
    middle = rules[:, places.ROW] + rules[:, places.MIDDLE]
    start = middle[:, None] + np.arange(CLASSES) * rules[:, places.BINS][:, None]
    zeros = np.stack([start - binning.BIN_ZERO, start + binning.BIN_ZERO + 1], axis=2)
    bases: NDArray[np.uint64] = zeros.astype(np.uint64).reshape(-1)
    return bases


def _rules(market: AuctionMarket) -> list[int]:
    """One market's row, all but its places in the shared arrays."""
    bounds, tick, curve = market.bounds, market.tick_e8, market.curve
    oracle = bounds.oracle_price_e8
    if not 0 < oracle < PRICE_E8_MAX or tick <= 0:
        raise InvariantBroken(f"oracle price {oracle} and tick {tick} must be positive and small")
    if abs(bounds.pool_base_e8) > LOTS_E8_MAX:
        raise InvariantBroken(f"a pool of {bounds.pool_base_e8} lots is beyond what can be priced")
    first, last = price_limits(bounds, curve, tick)
    centre = oracle // tick
    free = oracle * bounds.h0_e6 // 10**6
    near = oracle * (bounds.h0_e6 + bounds.h_min_e6) // 10**6
    reach = max(centre - first, last - centre, 0) + 1
    if reach > _SPAN_MAX:
        raise InvariantBroken(f"{reach} ticks of {tick} around {oracle} are too many to index")
    size = reach + FINE
    octave = size.bit_length() - FINE.bit_length()
    middle = octave * FINE + (size >> octave) - FINE
    row = [0] * RULES
    row[places.ORACLE], row[places.TICK] = oracle, tick
    row[places.FIRST], row[places.LAST] = first, last
    row[places.CENTRE], row[places.CENTRE_UP] = centre, -(-oracle // tick)
    row[places.FREE_FIRST] = -((free - oracle) // tick)
    row[places.FREE_LAST] = (oracle + free) // tick
    row[places.NEAR_FIRST] = -((near - oracle) // tick)
    row[places.NEAR_LAST] = (oracle + near) // tick
    row[places.SELL_FROM] = min(curve.sell_from_e8, PRICE_E8_MAX)
    row[places.BUY_TO] = curve.buy_to_e8
    row[places.SALE_MIN], row[places.SALE_MAX] = curve.sale_e8_min, curve.sale_e8_max
    row[places.POOL_TWICE] = 2 * bounds.pool_base_e8
    row[places.KNOTS] = len(curve.prices_e8)
    row[places.BINS], row[places.MIDDLE] = 2 * middle + 1, middle
    return row


# -- the auction -----------------------------------------------------------------------------------


def clear(orders: Orders, markets: Markets, accounts: int) -> Cleared:
    """Find each market's price and residual, and every order's fill.

    `accounts` is how many rows `net_e8` has. `InvariantBroken` if an index, size or limit is out
    of range. Limits between two ticks count as the next tick that is worse for their owner.
    """
    _check_indices(orders, markets.count, accounts)
    cleared, flags = _clear_once(orders, markets, accounts)
    if flags & FILL_OR_KILL:
        _settle_fill_or_kill(orders, markets, cleared)
    return cleared


def _check_indices(orders: Orders, markets: int, accounts: int) -> None:
    """Compiled loops do not check indices, so they are checked here."""
    rows = orders.markets.size
    for column in (orders.accounts, orders.flags, orders.open_e8, orders.limit_e8, orders.hashes):
        if len(column) != rows:
            raise InvariantBroken("the columns of a batch's orders differ in length")
    if rows == 0:
        return
    # Seen as unsigned, a negative index is a large one.
    if int(orders.markets.view(np.uint32).max()) >= markets:
        raise InvariantBroken("an order names a market outside the batch")
    if int(orders.accounts.view(np.uint32).max()) >= accounts:
        raise InvariantBroken("an order names an account outside the batch")


def _clear_once(orders: Orders, markets: Markets, accounts: int) -> tuple[Cleared, int]:
    """The auction with FOK orders as any other; also all flags that occur, joined."""
    orders, bins, flags = _count(orders, markets)
    rules = markets.rules
    windows = np.empty((markets.count, 2), np.int64)
    binning.find_windows(rules, markets.knot_prices, markets.knot_sales, bins, windows)
    results = np.zeros((markets.count, 5), np.int64)
    chosen = np.empty(len(orders.markets) + 1, np.int32)
    todo = np.ones(markets.count, np.uint8)
    left = markets.count
    while left:
        levels = _levels(orders, markets, windows, todo, chosen)
        left = pricing.solve(
            rules,
            markets.widths,
            markets.knot_prices,
            markets.knot_sales,
            bins,
            windows,
            todo,
            *levels,
            results,
        )
    full = np.empty((markets.count, CLASSES), np.int64)
    part = np.empty((markets.count, CLASSES), np.int64)
    rest = np.empty(markets.count, np.int64)
    filling.rationing(rules, bins, results, full, part, rest)
    fills = np.empty(len(orders.markets), np.int64)
    nets = np.zeros(accounts * markets.count, np.int64)
    columns = (orders.markets, orders.accounts, orders.flags, orders.open_e8, orders.limit_e8)
    marginal = filling.fill(
        *columns, full.reshape(-1), part.reshape(-1), markets.count, fills, nets, chosen
    )
    filling.share_out(*columns, orders.hashes, rest, markets.count, chosen, marginal, fills, nets)
    price = results[:, 1] * rules[:, places.TICK]
    net = nets.reshape(accounts, markets.count)
    return Cleared(price, results[:, 2].copy(), fills, net), flags


def _count(orders: Orders, markets: Markets) -> tuple[Orders, NDArray[np.int64], int]:
    """Bins by limit, and the orders as they are counted: on whole ticks, sums inside 63 bits."""
    while True:
        bins = np.zeros(markets.bins, np.int64)
        used, off_tick, flags = binning.count_by_limit(
            orders.markets,
            orders.flags,
            orders.open_e8,
            orders.limit_e8,
            markets.scales,
            markets.bases,
            bins,
        )
        if not 0 <= used <= 2 * PRICE_E8_MAX - 1:
            raise InvariantBroken("a size or limit is negative or above 2**53")
        if off_tick:
            orders = _on_ticks(orders, markets)
            continue
        if int(used).bit_length() + len(orders.markets).bit_length() > 61:
            bounded = _within_lots(orders)
            if bounded is not orders:
                orders = bounded
                continue
        return orders, bins, int(flags)


def _on_ticks(orders: Orders, markets: Markets) -> Orders:
    """A buy's limit down and a sell's up to a whole tick: no price between would fill it."""
    tick = markets.rules[orders.markets, places.TICK]
    down = orders.limit_e8 // tick * tick
    up = -(-orders.limit_e8 // tick) * tick
    limit = np.where(orders.flags & BUY, down, up)
    return Orders(
        orders.markets, orders.accounts, orders.flags, orders.open_e8, limit, orders.hashes
    )


def _within_lots(orders: Orders) -> Orders:
    """Bound each order so that no market's side can add up to more than LOTS_E8_MAX.

    Sums are judged in halves, since they may not fit. Where a side is too large every order of it
    is cut to an equal share of the room, and FOK orders that lose by it are left out.
    """
    side = orders.markets * 2 + (orders.flags & BUY)
    rows = np.bincount(side)
    high = np.bincount(side, weights=orders.open_e8 >> 26)  # below 2**53, so exact
    over = (high + rows) * 2.0**26 > LOTS_E8_MAX
    if not over.any():
        return orders
    share = np.where(over, LOTS_E8_MAX // np.maximum(rows, 1), LOTS_E8_MAX)[side]
    bounded = np.minimum(orders.open_e8, share)
    bounded[(bounded < orders.open_e8) & ((orders.flags & FILL_OR_KILL) != 0)] = 0
    if (bounded == orders.open_e8).all():
        return orders
    return Orders(
        orders.markets, orders.accounts, orders.flags, bounded, orders.limit_e8, orders.hashes
    )


def _levels(
    orders: Orders,
    markets: Markets,
    windows: NDArray[np.int64],
    todo: NDArray[np.uint8],
    chosen: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Orders of wide bins inside the windows of markets to do: starts, ticks, classes, sizes."""
    starts = np.zeros(markets.count + 1, np.int64)
    count = binning.gather(markets.rules, windows, todo, orders.markets, orders.limit_e8, chosen)
    if count == 0:
        none = np.empty(0, np.int64)
        return starts, none, none, none
    rows = chosen[:count]
    market = orders.markets[rows]
    tick = orders.limit_e8[rows] // markets.rules[market, places.TICK]
    order = np.lexsort((tick, market))
    rows, tick = rows[order], tick[order]
    np.cumsum(np.bincount(market, minlength=markets.count), out=starts[1:])
    group = (orders.flags[rows] & (BUY | POST_ONLY)).astype(np.int64)
    return starts, tick, group, orders.open_e8[rows]


# -- fill or kill ----------------------------------------------------------------------------------


def _settle_fill_or_kill(orders: Orders, markets: Markets, cleared: Cleared) -> None:
    """Drop FOK orders the price admits but does not wholly fill; solve their markets again."""
    open_e8 = orders.open_e8.copy()
    killable = np.flatnonzero(orders.flags & FILL_OR_KILL)
    only = orders.take(killable)
    for turn in range(ROUNDS_MAX + 1):
        short = (cleared.fill_e8[killable] < open_e8[killable]) & _admitted(only, markets, cleared)
        if not short.any():
            return
        again = np.zeros(markets.count, bool)
        again[only.markets[short]] = True
        if turn == ROUNDS_MAX:
            short = again[only.markets]
        open_e8[killable[short]] = 0
        rows = np.flatnonzero(again[orders.markets])
        part = orders.take(rows)
        part.open_e8[:] = open_e8[rows]
        solved, _ = _clear_once(part, markets, cleared.net_e8.shape[0])
        cleared.price_e8[again] = solved.price_e8[again]
        cleared.residual_e8[again] = solved.residual_e8[again]
        cleared.net_e8[:, again] = solved.net_e8[:, again]
        cleared.fill_e8[rows] = solved.fill_e8


def _admitted(orders: Orders, markets: Markets, cleared: Cleared) -> NDArray[np.bool_]:
    """Orders whose limit and post-only flag admit their market's price."""
    price = cleared.price_e8[orders.markets]
    oracle = markets.rules[orders.markets, places.ORACLE]
    buy = (orders.flags & BUY) != 0
    free = (orders.flags & POST_ONLY) == 0
    taken: NDArray[np.bool_] = np.where(
        buy,
        (price <= orders.limit_e8) & (free | (price <= oracle)),
        (price >= orders.limit_e8) & (free | (price >= oracle)),
    )
    return taken & (price > 0)
