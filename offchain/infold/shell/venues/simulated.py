# SPDX-License-Identifier: Apache-2.0
"""An outside venue in memory: depth, impact that fades, latency, fees, outages, maker fills.

Time and mid prices are the caller's (`advance`); everything else follows from them, from what was
sent and from the seed, so a run repeats. The book is linear: after impact x (bp, fading at the
market's rate) the v-th lot bought costs mid (1 + (half_spread + x + slope v) bp), and buying v
leaves x higher by impact v. A resting order fills when the mid goes through its price, or by chance
while the mid's touch stands at it. Rounding goes against us.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from infold.errors import Misconfigured, Unavailable
from infold.outside import (
    OutsideBalance,
    OutsideOrder,
    OutsidePosition,
    OutsideQuote,
    OutsideReport,
    Standing,
)
from infold.units import DAY_MS, FRACTION_ONE_E6, mul_div_up, quote_down, quote_up

BP: Final = 1e-4
LOT_E8: Final = 10**8


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedMarket:
    """One market's book. Impact and slope are a whole unit (1e8 lots); depth most taken at once."""

    half_spread_bp: float = 0.5
    slope_bp: float = 0.01
    impact_bp: float = 0.005
    resilience_per_day: float = 1_000.0
    depth_e8: int = 10**12
    taker_fee_e6: int = 300
    maker_fee_e6: int = -50  # a rebate
    touch_fills_per_s: float = 0.05

    def __post_init__(self) -> None:
        for name in (
            *("half_spread_bp", "slope_bp", "impact_bp"),
            *("resilience_per_day", "depth_e8", "touch_fills_per_s"),
        ):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise Misconfigured(f"{name} must be a number not below zero, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, and when. Windows are (from, to) in ms, the end excluded.

    `lost_requests` and `lost_answers` are chances: neither is answered, the latter was done.
    `withheld` orders are acknowledged and never filled. `deleveraged` closes a share of our
    position at a time, unasked. `takes_copies` makes an order of every request that arrives, though
    its client id is known.
    """

    outages: tuple[tuple[int, int], ...] = ()
    lost_requests: float = 0.0
    lost_answers: float = 0.0
    withheld: tuple[tuple[int, int], ...] = ()
    deleveraged: tuple[tuple[int, float], ...] = ()
    takes_copies: bool = False

    def __post_init__(self) -> None:
        for name in ("lost_requests", "lost_answers"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise Misconfigured(f"{name} must be a chance, not {getattr(self, name)!r}")
        for _, part in self.deleveraged:
            if not 0.0 <= part <= 1.0:
                raise Misconfigured(f"deleveraged must close a share, not {part!r}")


NO_FAULTS: Final = Faults()


@dataclass(slots=True)
class _Live:
    """An order at the venue."""

    order: OutsideOrder
    arrives_ms: int
    standing: Standing = Standing.OPEN
    filled_e8: int = 0
    paid_e6: int = 0
    fee_e6: int = 0
    reason: str = ""

    def report(self) -> OutsideReport:
        return OutsideReport(
            client_id=self.order.client_id,
            standing=self.standing,
            filled_e8=self.filled_e8,
            paid_e6=self.paid_e6,
            fee_e6=self.fee_e6,
            reason=self.reason,
        )


@dataclass(slots=True)
class _Book:
    """One market's state."""

    mid_e8: int = 0
    impact_bp: float = 0.0
    position_e8: int = 0
    executions: dict[str, int] = field(default_factory=dict)


class SimulatedVenue:
    """One account at a venue that does not exist. See the module. `Misconfigured` for a latency
    below zero.
    """

    def __init__(
        self,
        name: str,
        markets: Mapping[int, SimulatedMarket],
        *,
        seed: int = 0,
        latency_ms: int = 0,
        faults: Faults = NO_FAULTS,
        time_ms: int = 0,
        cash_e6: int = 0,
    ) -> None:
        if latency_ms < 0:
            raise Misconfigured(f"latency_ms must not be below zero, not {latency_ms}")
        self.name = name
        self.time_ms = time_ms
        self._markets = dict(markets)
        self._books = {market: _Book() for market in markets}
        self._latency_ms = latency_ms
        self.faults = faults
        self._dice = random.Random(seed)
        self._orders: dict[str, _Live] = {}
        self._copied: list[_Live] = []
        self._depth = 1.0
        self._cash_e6 = cash_e6

    # -- the world ---------------------------------------------------------------------------------

    def advance(self, time_ms: int, mids_e8: Mapping[int, int], depth: float = 1.0) -> None:
        """Let time pass up to `time_ms` with the mids of then; `depth` scales all books.
        `ValueError` if it would go back or books would be empty.
        """
        if time_ms < self.time_ms:
            raise ValueError(f"time_ms must not go back from {self.time_ms} to {time_ms}")
        if not depth > 0.0:
            raise ValueError(f"depth must be above zero, not {depth!r}")
        elapsed_ms = time_ms - self.time_ms
        for at_ms, part in self.faults.deleveraged:
            if self.time_ms < at_ms <= time_ms:
                self._deleverage(part)
        self.time_ms, self._depth = time_ms, depth
        for market, book in self._books.items():
            terms = self._markets[market]
            book.mid_e8 = mids_e8.get(market, book.mid_e8)
            book.impact_bp *= math.exp(-terms.resilience_per_day * elapsed_ms / DAY_MS)
        self._match(elapsed_ms)

    def executed_e8(self, market: int, client_id: str) -> int:
        """All that was ever executed under a client id, copies included: for tests of ours."""
        return self._books[market].executions.get(client_id, 0)

    def _deleverage(self, part: float) -> None:
        for book in self._books.values():
            closed = round(abs(book.position_e8) * part)
            closed = closed if book.position_e8 > 0 else -closed
            book.position_e8 -= closed
            self._cash_e6 += quote_down(book.mid_e8, closed)  # at the mid: the venue is no thief

    def _match(self, elapsed_ms: int) -> None:
        for live in (*self._copied, *self._orders.values()):
            if live.standing is not Standing.OPEN or live.arrives_ms > self.time_ms:
                continue
            if _inside(self.time_ms, self.faults.withheld):
                continue
            if live.order.resting:
                self._rest(live, elapsed_ms)
            else:
                self._take(live)

    def _take(self, live: _Live) -> None:
        """Fill what the limit and the depth allow; the rest is cancelled at once."""
        order = live.order
        terms, book = self._markets[order.market], self._books[order.market]
        side = 1 if order.size_e8 > 0 else -1
        size = min(abs(order.size_e8), int(terms.depth_e8 * self._depth))
        slope = terms.slope_bp / self._depth / LOT_E8
        first = terms.half_spread_bp + side * book.impact_bp
        if order.limit_price_e8:
            room_bp = side * (order.limit_price_e8 / book.mid_e8 - 1.0) / BP - first
            if room_bp < 0.0:
                size = 0
            elif slope > 0.0:
                size = min(size, int(room_bp / slope))
        if size:
            mean_bp = first + 0.5 * slope * size
            price = book.mid_e8 * (1.0 + side * mean_bp * BP)
            self._fill(live, side * size, price, terms.taker_fee_e6)
            book.impact_bp += side * terms.impact_bp / self._depth * size / LOT_E8
        if live.standing is Standing.OPEN:
            live.standing, live.reason = Standing.CANCELLED, "nothing more within its limit"

    def _rest(self, live: _Live, elapsed_ms: int) -> None:
        order = live.order
        terms, book = self._markets[order.market], self._books[order.market]
        side = 1 if order.size_e8 > 0 else -1
        away = side * (book.mid_e8 - order.limit_price_e8)
        touch = book.mid_e8 * terms.half_spread_bp * BP
        through = away < 0
        if not through and away <= touch:
            chance = -math.expm1(-terms.touch_fills_per_s * elapsed_ms / 1_000)
            through = self._dice.random() < chance
        if through:
            left = order.size_e8 - live.filled_e8
            self._fill(live, left, float(order.limit_price_e8), terms.maker_fee_e6)

    def _fill(self, live: _Live, size_e8: int, price_e8: float, fee_e6: int) -> None:
        book = self._books[live.order.market]
        size = abs(size_e8)
        price = math.ceil(price_e8) if size_e8 > 0 else math.floor(price_e8)
        paid = quote_up(price, size) if size_e8 > 0 else quote_down(price, size)
        live.filled_e8 += size_e8
        live.paid_e6 += paid
        fee = mul_div_up(paid, fee_e6, FRACTION_ONE_E6)
        live.fee_e6 += fee
        self._cash_e6 -= (paid if size_e8 > 0 else -paid) + fee
        book.position_e8 += size_e8
        name = live.order.client_id
        book.executions[name] = book.executions.get(name, 0) + size_e8
        if live.filled_e8 == live.order.size_e8:
            live.standing = Standing.FILLED

    # -- what is asked of it -----------------------------------------------------------------------

    def place(self, order: OutsideOrder) -> OutsideReport:
        """Send an order. After `Unavailable` it may be there."""
        self._request()
        known = self._orders.get(order.client_id)
        if known is None or self.faults.takes_copies:
            known = self._enter(order)
        self._answer()
        return known.report()

    def order(self, market: int, client_id: str) -> OutsideReport | None:
        """What became of an order; None if the venue does not know it."""
        self._request()
        known = self._orders.get(client_id)
        self._answer()
        return None if known is None or known.arrives_ms > self.time_ms else known.report()

    def cancel(self, market: int, client_id: str) -> OutsideReport | None:
        """Take back what is not filled."""
        self._request()
        known = self._orders.get(client_id)
        if known is not None and known.standing is Standing.OPEN:
            known.standing = Standing.CANCELLED
        self._answer()
        return None if known is None else known.report()

    def position(self, market: int) -> OutsidePosition:
        """What the venue says we hold."""
        self._request()
        book = self._book(market)
        self._answer()
        return OutsidePosition(
            venue=self.name, market=market, size_e8=book.position_e8, time_ms=self.time_ms
        )

    def balance(self, market: int) -> OutsideBalance:
        """Cash and positions at their mids."""
        self._request()
        self._book(market)
        self._answer()
        worth = sum(quote_down(book.mid_e8, book.position_e8) for book in self._books.values())
        return OutsideBalance(
            venue=self.name, equity_e6=self._cash_e6 + worth, time_ms=self.time_ms
        )

    def quote(self, market: int) -> OutsideQuote:
        """Its best prices, our own impact in them."""
        self._request()
        terms, book = self._markets[market], self._book(market)
        self._answer()
        middle = book.mid_e8 * (1.0 + book.impact_bp * BP)
        half = book.mid_e8 * terms.half_spread_bp * BP
        size = int(terms.depth_e8 * self._depth)
        return OutsideQuote(
            venue=self.name,
            market=market,
            bid_price_e8=math.floor(middle - half),
            ask_price_e8=math.ceil(middle + half),
            bid_size_e8=size,
            ask_size_e8=size,
            time_ms=self.time_ms,
        )

    def _enter(self, order: OutsideOrder) -> _Live:
        live = _Live(order, self.time_ms + self._latency_ms)
        if order.client_id in self._orders:
            self._copied.append(self._orders[order.client_id])
        self._orders[order.client_id] = live
        book = self._books.get(order.market)
        if book is None or book.mid_e8 <= 0:
            live.standing, live.reason = Standing.REFUSED, f"no market {order.market} here"
        elif order.resting and self._crosses(order, book):
            live.standing, live.reason = Standing.REFUSED, "it would cross"
        elif not self._latency_ms and not _inside(self.time_ms, self.faults.withheld):
            if not order.resting:
                self._take(live)
        return live

    def _crosses(self, order: OutsideOrder, book: _Book) -> bool:
        side = 1 if order.size_e8 > 0 else -1
        return side * (order.limit_price_e8 - book.mid_e8) >= 0

    def _book(self, market: int) -> _Book:
        found = self._books.get(market)
        if found is None:
            raise Misconfigured(f"{self.name} has no market {market}; list it or do not ask")
        return found

    def _request(self) -> None:
        if _inside(self.time_ms, self.faults.outages):
            raise Unavailable(f"{self.name} is out")
        if self.faults.lost_requests and self._dice.random() < self.faults.lost_requests:
            raise Unavailable(f"{self.name} did not get the request")

    def _answer(self) -> None:
        if self.faults.lost_answers and self._dice.random() < self.faults.lost_answers:
            raise Unavailable(f"{self.name}'s answer was lost")


def _inside(time_ms: int, windows: tuple[tuple[int, int], ...]) -> bool:
    return any(start <= time_ms < end for start, end in windows)
