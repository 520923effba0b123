# SPDX-License-Identifier: Apache-2.0
"""The risk desk's page: what the pool carries, how fast it works it off, and at what cost.

*Spread risk* is how uncertain the pay for carrying is: the spread of |P - O| over batches. *Basis
risk* is what a hedge leaves: how far its price stood from the oracle's. *Reallocation* is moving
inventory on: its speed by Little's law (mean holding time = mean |q| over the rate at which
residuals come in on one side), and its cost as what the dealer believes selling it all outside
would take. Value at risk and expected shortfall are historical: the book as it stands through the
record's own moves between vectors, all markets together, scaled by the square root of time.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from infold.dealer.params import BP_PER_ONE
from infold.reports.facts import Record, quote_e6
from infold.reports.journey import spread
from infold.reports.outside_reference import OutsideReference
from infold.reports.prices import Prices
from infold.reports.profit import Book

CONFIDENCE: Final = 0.99
HORIZON_S: Final = 3_600
SCENARIOS_MIN: Final = 100
"""A hundredth of fewer scenarios is less than one of them."""


def risk(record: Record, reference: OutsideReference) -> dict[str, Any]:
    """The report. Amounts are quote e6 as text, shares plain numbers."""
    book = Book(record)
    markets = {
        record.name(market): _market(record, book, market, reference)
        for market in sorted(book.events)
    }
    return {
        "reference": reference.name,
        "markets": markets,
        "portfolio": portfolio(record, book),
        "ok": all(one["cap_share"] is None or one["cap_share"] <= 1.0 for one in markets.values()),
    }


def inventory_path(book: Book, market: int) -> list[tuple[int, int]]:
    """(time, base) after each event."""
    held = 0
    path = []
    for event in book.events.get(market, ()):
        held += event.base_e8
        path.append((event.time_ms, held))
    return path


def _market(record: Record, book: Book, market: int, reference: OutsideReference) -> dict[str, Any]:
    path = inventory_path(book, market)
    listed = record.listed.get(market)
    largest = max((abs(base) for _, base in path), default=0)
    last_e8 = book.prices.known_e8(market, path[-1][0]) or 0
    now_e6 = quote_e6(last_e8, path[-1][1])
    deals = [deal for deal in record.deals if deal.market == market and deal.sold_e8]
    paid = [abs(deal.price_e8 / deal.oracle_price_e8 - 1.0) * BP_PER_ONE for deal in deals]
    hedges = [hedge for hedge in record.hedges if hedge.market == market]
    basis = [
        (hedge.price_e8 / known - 1.0) * BP_PER_ONE
        for hedge in hedges
        if (known := book.prices.known_e8(market, hedge.time_ms))
    ]
    flatten_bp = reference.spread_bp() + reference.size_bp(abs(now_e6))
    return {
        "position_e6": str(round(now_e6)),
        "largest_position_e6": str(round(quote_e6(last_e8, largest))),
        "cap_share": largest / listed.position_cap_e8
        if listed is not None and listed.position_cap_e8
        else None,
        "curves_cut": dict(
            sorted(Counter(cut.reason for cut in record.cuts if cut.market == market).items())
        ),
        "spread_risk_bps": {"distribution": spread(paid), "deviation": deviation(paid)},
        "basis_risk_bps": {"distribution": spread(basis), "deviation": deviation(basis)},
        "reallocation": {
            "holding_estimate_s": holding_estimate_s(path),
            "half_life_s": half_life_s(path),
            "cost_now_bps": round(flatten_bp, 4) if now_e6 else 0.0,
            "cost_now_e6": str(round(abs(now_e6) * flatten_bp / BP_PER_ONE)),
        },
    }


def deviation(values: Sequence[float]) -> float | None:
    """Standard deviation; None of fewer than two values."""
    if len(values) < 2:
        return None
    mean = math.fsum(values) / len(values)
    return round(math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (len(values) - 1)), 4)


def holding_estimate_s(path: Sequence[tuple[int, int]]) -> float | None:
    """How long the pool holds what comes in, estimated: mean |q| over the one-sided rate
    of inflow (Little 1961); None where nothing flowed.
    """
    if len(path) < 2 or path[-1][0] <= path[0][0]:
        return None
    held = math.fsum(
        abs(base) * (later - time) for (time, base), (later, _) in itertools.pairwise(path)
    )
    flowed = sum(abs(b - a) for (_, a), (_, b) in itertools.pairwise(path))
    return round(2.0 * held / flowed / 1_000, 3) if flowed else None


def half_life_s(path: Sequence[tuple[int, int]]) -> float | None:
    """Median time from a peak of |q| to half of it, over peaks that were reached again below half;
    None of none.
    """
    times = []
    peak_ms = peak = 0
    for time_ms, base in path:
        if abs(base) >= peak:
            peak_ms, peak = time_ms, abs(base)
        elif abs(base) * 2 <= peak:
            times.append((time_ms - peak_ms) / 1_000)
            peak_ms, peak = time_ms, abs(base)
    if not times:
        return None
    return sorted(times)[len(times) // 2]


def portfolio(record: Record, book: Book) -> dict[str, Any]:
    """The last book through the record's own moves; None where there are too few of them."""
    positions = record.books[-1].positions if record.books else {}
    scenarios = _scenarios(book.prices, positions)
    gross = net = 0.0
    for market, (base_e8, _) in positions.items():
        price_e8 = book.prices.known_e8(market, record.books[-1].time_ms) or 0
        net += quote_e6(price_e8, base_e8)
        gross += abs(quote_e6(price_e8, base_e8))
    found: dict[str, Any] = {
        "gross_e6": str(round(gross)),
        "net_e6": str(round(net)),
        "confidence": CONFIDENCE,
        "horizon_s": HORIZON_S,
        "scenarios": len(scenarios),
        "value_at_risk_e6": None,
        "expected_shortfall_e6": None,
    }
    if len(scenarios) >= SCENARIOS_MIN:
        losses = sorted(scenarios, reverse=True)
        tail = losses[: max(1, round(len(losses) * (1.0 - CONFIDENCE)))]
        found["value_at_risk_e6"] = str(round(max(0.0, tail[-1])))
        found["expected_shortfall_e6"] = str(round(max(0.0, math.fsum(tail) / len(tail))))
    return found


def _scenarios(prices: Prices, positions: dict[int, tuple[int, int]]) -> list[float]:
    """Losses of the positions, one for each step between vectors, scaled to the horizon."""
    losses: dict[int, float] = {}
    for market, (base_e8, _) in positions.items():
        path = prices.path(market)
        if not base_e8 or not path:
            continue
        last_e8 = path[-1][1]
        for (start_ms, before), (end_ms, after) in itertools.pairwise(path):
            if end_ms <= start_ms:
                continue
            scale = math.sqrt(HORIZON_S * 1_000 / (end_ms - start_ms))
            move = math.log(after / before) * scale
            losses[end_ms] = losses.get(end_ms, 0.0) - quote_e6(last_e8, base_e8) * move
    return list(losses.values())
