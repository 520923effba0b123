# SPDX-License-Identifier: Apache-2.0
"""The loop: the desk commits a curve, the batch clears, what is left is warehoused or hedged.

Each interval of the record, idle or not:

1. The desk commits around the price its feed showed `lag_ms` before the close. It sees no order.
2. Orders sent before the close, and those still resting, clear at one price against the curve,
   clipped by the venue's rule around the oracle's price at the close.
3. The dealer's inventory is judged by `routing.route_stock`; what is sent is paid for at the
   outside's price of that moment and leaves an impact our own later quotes and hedges lean against.

The record does not react: takers send what they sent, the book outside stays as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infold.core.auction import AuctionMarket, Cleared, Orders, clear, prepare
from infold.core.crossing.places import BUY
from infold.core.curve import Curve, CurveBounds, clip
from infold.dealer.desk import Desk
from infold.dealer.params import LOTS_TIMES_PRICE_OF_A_MILLION, DealerParameters
from infold.dealer.routing import VenueCost, Warehouse, route_stock, warehouse
from infold.dealer.volatility import Forecaster, MarginBounds, MarginRule, propose_margins
from infold.dealer.zone import CapitalCharge
from infold.messages import TimeInForce
from infold.research.flow import Intent
from infold.research.offline.outside_markets import OutsideMarket
from infold.research.recorded import Floats

REST_MS_MAX: Final = 10_000
"""Resting orders outlive the record by at most this."""
BAND_E6: Final = 20_000
BEND_BP: Final = 20.0
"""How much further from the oracle the rule lets a full offer lie than a first lot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The venue's terms and the desk's capital.

    `capital_m` is what this market may lose in a day: with the forecast of volatility it gives the
    capital rule of the warehouse (`propose_margins`). The pool's own cap is `cap_multiple` times
    that, so that the desk can take more than it keeps, and pass the rest on.
    """

    interval_ms: int = 1_000
    lag_ms: int = 100
    h_min_e6: int = 50
    h0_e6: int = 500
    capital_m: float = 0.25
    cap_multiple: float = 4.0

    def __post_init__(self) -> None:
        if self.interval_ms < 1:
            raise ValueError(f"interval_ms (ms) must be at least 1, not {self.interval_ms}")
        if self.lag_ms < 0:
            raise ValueError(f"lag_ms (ms) must not be below zero, not {self.lag_ms}")
        if not self.cap_multiple >= 1.0:
            raise ValueError(f"cap_multiple (a ratio) must be at least 1, not {self.cap_multiple}")
        MarginRule(capital_m=self.capital_m)

    def charge(self, volatility_bp: float) -> CapitalCharge:
        """The capital rule at a volatility in bp per root day."""
        terms = MarginRule(capital_m=self.capital_m)
        cap_m = propose_margins(volatility_bp, MarginBounds(), terms).position_cap_m
        stress_bp = terms.stress_bp(volatility_bp)
        return CapitalCharge(cap_m * stress_bp, stress_bp)


@dataclass(frozen=True, slots=True)
class Served:
    """Columns, one row a batch, M and bp * M; `time_ms` is the close.

    `crossed_m` traders with traders, `residual_m` what the dealer took, without sign, `hedged_m`
    what it sent outside for `hedge_cost`; `markup` its price against the oracle's, `carried` what
    the price did to inventory until the next close, `residual_outside` what sending the residual at
    once would have cost. `asked_m` is the volume of new orders, `filled_m` of fills; `paid_here`
    and `paid_there` what filled takers paid against the mid when they sent, here and on the record.
    """

    time_ms: NDArray[np.int64]
    asked_m: Floats
    filled_m: Floats
    crossed_m: Floats
    residual_m: Floats
    hedged_m: Floats
    hedge_cost: Floats
    markup: Floats
    carried: Floats
    residual_outside: Floats
    paid_here: Floats
    paid_there: Floats
    inventory_m: Floats


_COLUMNS: Final = tuple(name for name in Served.__dataclass_fields__ if name != "time_ms")


@dataclass(slots=True)
class _Book:
    """Orders waiting for a batch, as columns of the auction."""

    intents: list[Intent]
    left_e8: list[int]

    def drop(self, time_ms: int, fills: list[int]) -> None:
        """Take fills off; immediate, filled and expired orders leave."""
        kept = [
            (intent, left - fill)
            for intent, left, fill in zip(self.intents, self.left_e8, fills, strict=True)
            if intent.time_in_force == TimeInForce.GTC
            and left > fill
            and intent.expiry_ms > time_ms
        ]
        self.intents = [intent for intent, _ in kept]
        self.left_e8 = [left for _, left in kept]


def serve(
    intents: list[Intent],
    tick_e8: int,
    oracle: Callable[[int], int],
    outside: OutsideMarket,
    parameters: DealerParameters,
    rule: Rule,
) -> Served:
    """Run one market's orders, in time order, through desk and auction.

    `oracle(time_ms)` is its price_e8 at a time, from what was recorded until then. `ValueError` if
    there are none.
    """
    if not intents:
        raise ValueError("a replay (a count of orders) takes at least one order")
    desk: Desk[Curve] = Desk(Curve, rule.interval_ms / 1_000.0, {1: parameters})
    forecaster, first_ms = Forecaster(parameters.volatility_bp), intents[0].time_ms
    book, sent = _Book([], []), 0
    rows: list[tuple[float, ...]] = []
    times: list[int] = []
    inventory_e8, impact_bp = 0, 0.0
    fade = math.exp(-parameters.resilience_per_day * rule.interval_ms / 86_400_000.0)
    close_ms = (first_ms // rule.interval_ms + 1) * rule.interval_ms
    while True:
        shown_e8 = oracle(close_ms - rule.lag_ms)
        forecaster = forecaster.seen((close_ms - rule.lag_ms) / 1_000.0, float(shown_e8))
        volatility_bp = forecaster.quoting_bp
        charge = rule.charge(forecaster.limiting_bp)
        price_e8 = oracle(close_ms)
        new = sent
        while sent < len(intents) and intents[sent].time_ms < close_ms:
            sent += 1
        book.intents += intents[new:sent]
        book.left_e8 += [intent.size_e8 for intent in intents[new:sent]]
        row = dict.fromkeys(_COLUMNS, 0.0)
        row["asked_m"] = sum(_m(i.size_e8, i.recorded_price_e8) for i in intents[new:sent])
        if book.intents:
            curve = desk.commit(1, inventory_e8, shown_e8, tick_e8, volatility_bp)
            bounds = _bounds(price_e8, inventory_e8, parameters, rule, charge.inventory_m)
            cleared = _clear(book, bounds, tick_e8, curve)
            fills = cleared.fill_e8.tolist()
            residual_e8 = int(cleared.residual_e8[0])
            _account(row, book, cleared, price_e8, oracle)
            inventory_e8 -= residual_e8
            side = 1 if residual_e8 > 0 else -1  # selling, it would buy that much outside
            cost_bp = outside.cost_bp(close_ms, side, row["residual_m"])
            row["residual_outside"] = row["residual_m"] * cost_bp
            book.drop(close_ms, fills)
        impact_bp *= fade
        signed_m = _m(inventory_e8, price_e8)
        keep = warehouse(parameters, charge, volatility_bp)
        sent_m = _hedge(signed_m, impact_bp, outside.terms(close_ms), keep)
        if sent_m > 0.0:
            direction = -1 if signed_m > 0.0 else 1
            row["hedged_m"] = sent_m
            row["hedge_cost"] = sent_m * outside.cost_bp(close_ms, direction, sent_m)
            impact_bp += parameters.impact_bp_per_m * direction * sent_m
            inventory_e8 += direction * round(sent_m * LOTS_TIMES_PRICE_OF_A_MILLION / price_e8)
        row["inventory_m"] = _m(inventory_e8, price_e8)
        next_ms = close_ms + rule.interval_ms
        row["carried"] = row["inventory_m"] * 1e4 * (oracle(next_ms) / price_e8 - 1.0)
        times.append(close_ms)
        rows.append(tuple(row[name] for name in _COLUMNS))
        done = sent == len(intents)
        if done and (not book.intents or close_ms >= intents[-1].time_ms + REST_MS_MAX):
            break
        close_ms = next_ms
    columns = np.array(rows).T
    return Served(np.array(times, np.int64), *columns)


def _m(size_e8: int, price_e8: int) -> float:
    return size_e8 * price_e8 / LOTS_TIMES_PRICE_OF_A_MILLION


def _bounds(
    price_e8: int, inventory_e8: int, parameters: DealerParameters, rule: Rule, limit_m: float
) -> CurveBounds:
    lots = LOTS_TIMES_PRICE_OF_A_MILLION / price_e8
    offer_e8 = max(int(parameters.offer_m_max * lots), 1)
    cap_e8 = max(int(rule.cap_multiple * limit_m * lots), 1)
    return CurveBounds(
        oracle_price_e8=price_e8,
        h_min_e6=rule.h_min_e6,
        h0_e6=rule.h0_e6,
        band_e6=BAND_E6,
        slope_e20=int(2.0 * BEND_BP * 1e16) // offer_e8 + 1,
        residual_cap_e8=offer_e8,
        position_cap_e8=cap_e8,
        pool_base_e8=inventory_e8,
    )


def _clear(book: _Book, bounds: CurveBounds, tick_e8: int, curve: Curve) -> Cleared:
    count = len(book.intents)
    hashes = np.zeros((count, 4), np.uint64)
    hashes[:, 3] = np.arange(count)  # earlier orders win ties
    orders = Orders(
        markets=np.zeros(count, np.int32),
        accounts=np.zeros(count, np.int32),
        flags=np.array([BUY if intent.buy else 0 for intent in book.intents], np.uint8),
        open_e8=np.array(book.left_e8, np.int64),
        limit_e8=np.array([intent.limit_price_e8 for intent in book.intents], np.int64),
        hashes=hashes,
    )
    market = AuctionMarket(bounds, tick_e8, clip(curve, bounds, tick_e8))
    return clear(orders, prepare([market]), 1)


def _account(
    row: dict[str, float],
    book: _Book,
    cleared: Cleared,
    oracle_e8: int,
    oracle: Callable[[int], int],
) -> None:
    """Write a batch's volumes, the dealer's markup, and what takers paid here and there."""
    price_e8, residual_e8 = int(cleared.price_e8[0]), int(cleared.residual_e8[0])
    bought = sold = 0
    for intent, fill_e8 in zip(book.intents, cleared.fill_e8.tolist(), strict=True):
        if not fill_e8:
            continue
        side = 1 if intent.buy else -1
        if intent.buy:
            bought += fill_e8
        else:
            sold += fill_e8
        mid_e8 = oracle(intent.time_ms - 1)
        size_m = _m(fill_e8, mid_e8)
        row["paid_here"] += size_m * side * 1e4 * (price_e8 / mid_e8 - 1.0)
        row["paid_there"] += size_m * side * 1e4 * (intent.recorded_price_e8 / mid_e8 - 1.0)
    row["filled_m"] = _m(bought + sold, oracle_e8)
    row["crossed_m"] = _m(min(bought, sold), oracle_e8)
    row["residual_m"] = _m(abs(residual_e8), oracle_e8)
    if residual_e8:
        row["markup"] = _m(residual_e8, oracle_e8) * 1e4 * (price_e8 / oracle_e8 - 1.0)


def _hedge(inventory_m: float, impact_bp: float, terms: VenueCost, keep: Warehouse) -> float:
    """How many M to send outside now."""
    if inventory_m == 0.0:
        return 0.0
    found = route_stock(1, inventory_m, keep, [terms], impact_bp=impact_bp)
    return min(found.sent_m, abs(inventory_m))
