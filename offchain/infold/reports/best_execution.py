# SPDX-License-Identifier: Apache-2.0
"""Best execution by period: how orders fared, in the spirit of Rule 605 and RTS 27 and 28.

Shares are of one-sided notional and kept apart, for they are different services: *crossed* is
traders against traders, *warehoused* what the pool took and kept, *hedged* what was traded outside
for it. Effective spread is 2 s (P - O) / O, realised spread 2 s (P - M_{T+h}) / O, both weighted by
notional; their difference is the price impact of the flow. Improvement is against a named outside
reference of the same size (`outside_reference.py`), fees included on both sides: what matters to a
client is what it pays.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from infold.reports.execution import HORIZONS_S, Cost, costs, grouped, markout_bp, summed
from infold.reports.facts import Accepted, Dealt, Hedged, Record, quote_e6
from infold.reports.journey import spread
from infold.reports.outside_reference import OutsideReference

SIZES: Final = (
    ("below 1,000", 0.0, 1e3),
    ("1,000 to 10,000", 1e3, 1e4),
    ("10,000 to 100,000", 1e4, 1e5),
    ("100,000 and more", 1e5, math.inf),
)
"""Classes of an order's notional at its limit, in quote."""
DAY_S: Final = 86_400
PERIODS_S: Final = (60, 3_600, DAY_S)
_EVEN_BP: Final = 0.005
"""Within half a hundredth of a bp of the reference counts as at it, not better or worse."""


def best_execution(
    record: Record, reference: OutsideReference, period_s: int | None = None
) -> dict[str, Any]:
    """The report: the whole, then each period, size class and order class.

    A period begins at a multiple of `period_s` since 1970; left out, it is a minute, an hour or a
    day, by the record's length. `ValueError` if it is not positive.
    """
    if period_s is None:
        period_s = _fitting_s(record)
    if period_s < 1:
        raise ValueError(f"period_s must be at least one second, not {period_s!r}")
    found = costs(record, reference)
    orders = list(record.orders.values())

    def period(time_ms: int) -> int:
        return time_ms // (period_s * 1_000) * period_s

    periods = sorted(
        {period(order.accepted_ms) for order in orders}
        | {period(cost.fill.time_ms) for cost in found}
    )
    return {
        "reference": reference.name,
        "whole": _section(record, orders, found, record.deals, record.hedges, record.refused),
        "periods": [
            {
                "from_s": start,
                "to_s": start + period_s,
                **_section(
                    record,
                    [order for order in orders if period(order.accepted_ms) == start],
                    [cost for cost in found if period(cost.fill.time_ms) == start],
                    [deal for deal in record.deals if period(deal.time_ms) == start],
                    [hedge for hedge in record.hedges if period(hedge.time_ms) == start],
                    [refused for refused in record.refused if period(refused.time_ms) == start],
                ),
            }
            for start in periods
        ],
        "sizes": _classes(record, orders, found, size_class, [name for name, _, _ in SIZES]),
        "kinds": _classes(
            record, orders, found, lambda order: order.kind, sorted({o.kind for o in orders})
        ),
    }


def _fitting_s(record: Record) -> int:
    times = [order.accepted_ms for order in record.orders.values()]
    length_s = (max(times) - min(times)) / 1_000 if times else 0.0
    return next((length for length in PERIODS_S if length_s <= length * 60), DAY_S)


def size_class(order: Accepted) -> str:
    """The class of an order's notional at its limit."""
    notional = quote_e6(order.limit_price_e8, order.size_e8) / 1e6
    return next(name for name, low, high in SIZES if low <= notional < high)


def _classes(
    record: Record,
    orders: Sequence[Accepted],
    found: Sequence[Cost],
    of: Callable[[Accepted], str],
    names: Sequence[str],
) -> dict[str, dict[str, Any]]:
    sent = {name: [order for order in orders if of(order) == name] for name in names}
    filled = grouped(found, lambda cost: of(record.orders[cost.fill.order_hash]))
    return {
        name: {**_rates(record, sent[name], filled.get(name, [])), **_prices(filled.get(name, []))}
        for name in names
    }


def _section(
    record: Record,
    orders: Sequence[Accepted],
    found: Sequence[Cost],
    deals: Sequence[Dealt],
    hedges: Sequence[Hedged],
    refused: Sequence[Any],
) -> dict[str, Any]:
    return {
        **shares(deals, hedges),
        **_rates(record, orders, found),
        "rejects": dict(sorted(Counter(one.code for one in refused).items())),
        **_prices(found),
    }


def shares(deals: Iterable[Dealt], hedges: Iterable[Hedged]) -> dict[str, Any]:
    """One-sided notional and how it was served: crossed, warehoused, hedged; they sum to 1."""
    total = pool = 0.0
    for deal in deals:
        total += quote_e6(deal.price_e8, deal.bought_e8)
        pool += quote_e6(deal.price_e8, abs(deal.sold_e8))
    hedged = min(math.fsum(quote_e6(one.price_e8, one.size_e8) for one in hedges), pool)
    return {
        "notional_e6": str(round(total)),
        "crossed_share": (total - pool) / total if total else 0.0,
        "warehoused_share": (pool - hedged) / total if total else 0.0,
        "hedged_share": hedged / total if total else 0.0,
    }


def _rates(record: Record, orders: Sequence[Accepted], found: Sequence[Cost]) -> dict[str, Any]:
    """Orders, how much of them filled and how long that took, and how the others ended."""
    asked = sum(order.size_e8 * order.limit_price_e8 for order in orders)
    hashes = {order.order_hash for order in orders}
    got = Counter[bytes]()
    for cost in found:
        if cost.fill.order_hash in hashes:
            got[cost.fill.order_hash] += cost.fill.size_e8
    filled = sum(got[order.order_hash] * order.limit_price_e8 for order in orders)
    ends = Counter(
        "filled"
        if got[order.order_hash]
        else (record.ended[order.order_hash].how if order.order_hash in record.ended else "open")
        for order in orders
    )
    return {
        "orders": len(orders),
        "fill_rate": filled / asked if asked else None,
        "ends": dict(sorted(ends.items())),
        "waited_ms": spread([float(cost.waited_ms) for cost in found]),
    }


def _prices(found: Sequence[Cost]) -> dict[str, Any]:
    """Spreads, markouts and improvement of fills."""
    notional_e6 = math.fsum(cost.notional_e6 for cost in found)
    if not notional_e6:
        return {
            "costs": summed(()),
            "effective_spread_bps": None,
            "realised_spread_bps": None,
            "improvement": None,
        }
    effective = 2e4 * math.fsum(cost.paid_e6 for cost in found) / notional_e6
    realised: dict[str, float | None] = {}
    for horizon in HORIZONS_S:
        markout = markout_bp(found, horizon)
        realised[f"{horizon}s"] = None if markout is None else round(-2.0 * markout, 6)
    return {
        "costs": summed(found),
        "effective_spread_bps": round(effective, 6),
        "realised_spread_bps": realised,
        "improvement": _improvement(found),
    }


def _improvement(found: Sequence[Cost]) -> dict[str, Any]:
    """Against the reference, fees counted: bp of the notional, bp by fill (a fill of a few cents
    counts as much as any there), and the share of notional on each side.
    """
    gains = [cost.bp(cost.improvement - cost.fees) for cost in found]
    notional_e6 = math.fsum(cost.notional_e6 for cost in found)

    def share(test: Callable[[float], bool]) -> float:
        some = (cost.notional_e6 for cost, gain in zip(found, gains, strict=True) if test(gain))
        return math.fsum(some) / notional_e6

    gained_e6 = math.fsum(cost.improvement - cost.fees for cost in found)
    return {
        "weighted_bps": round(1e4 * gained_e6 / notional_e6, 6),
        "by_fill_bps": spread(gains),
        "better_share": share(lambda gain: gain > _EVEN_BP),
        "even_share": share(lambda gain: abs(gain) <= _EVEN_BP),
        "worse_share": share(lambda gain: gain < -_EVEN_BP),
    }
