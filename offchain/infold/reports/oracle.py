# SPDX-License-Identifier: Apache-2.0
"""The oracle's price held against what could have been traded.

From the venue's own facts: how often prices came, how far they moved, how far batches bent from
them, and whether moves follow moves (an oracle that lags shows as moves of one sign in a row: the
lag-1 autocorrelation of its moves is then above zero). With recorded quotes of an outside market
beside them: how far the oracle stood from the mid, how often inside the touch, and what size could
have been executed there at what cost against the oracle's price.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infold.dealer.params import BP_PER_ONE
from infold.reports.facts import Dealt, Record, quote_e6
from infold.reports.journey import spread
from infold.reports.prices import Prices

AUTOCORRELATION_MOVES_MIN: Final = 30
"""Fewer moves say nothing: the standard error would exceed 0.18."""


@dataclass(frozen=True, slots=True)
class Quoted:
    """Best bid and ask outside at a time; sizes are None where the record has none."""

    time_ms: int
    bid_e8: float
    ask_e8: float
    bid_size_e8: float | None = None
    ask_size_e8: float | None = None


def oracle(record: Record, quotes: Mapping[int, Sequence[Quoted]]) -> dict[str, Any]:
    """The report by market; `quotes` by market, in order of time, may be empty."""
    prices = Prices(record.prices)
    deals: dict[int, list[Dealt]] = {}
    for deal in record.deals:
        deals.setdefault(deal.market, []).append(deal)
    markets = {
        record.name(market): {
            **_own(prices.path(market), deals.get(market, []), record, market),
            "outside": outside(prices.path(market), quotes.get(market, ())),
        }
        for market in sorted(record.prices)
    }
    return {"markets": markets, "ok": all(one["within_band"] for one in markets.values())}


def _own(
    path: Sequence[tuple[int, int]], deals: Sequence[Dealt], record: Record, market: int
) -> dict[str, Any]:
    listed = record.listed.get(market)
    bent = [abs(deal.price_e8 / deal.oracle_price_e8 - 1.0) * BP_PER_ONE for deal in deals]
    band_bp = listed.band_e6 / 100 if listed is not None else math.inf
    most_bp = max(bent, default=0.0)
    moves = moves_bp(path)
    return {
        "prices": len(path),
        "gap_ms": spread([float(b - a) for (a, _), (b, _) in itertools.pairwise(path)]),
        "move_bps": spread([abs(move) for move in moves]),
        "largest_move_bps": round(max(map(abs, moves), default=0.0), 4),
        "lag_1_autocorrelation": autocorrelation(moves),
        "batch_bent_bps": spread(bent),
        "band_bps": band_bp if math.isfinite(band_bp) else None,
        "band_share": round(most_bp / band_bp, 4) if math.isfinite(band_bp) else None,
        "within_band": most_bp <= band_bp,
    }


def moves_bp(path: Sequence[tuple[int, int]]) -> list[float]:
    """Log moves from each price to the next."""
    return [
        math.log(later / earlier) * BP_PER_ONE
        for (_, earlier), (_, later) in itertools.pairwise(path)
    ]


def autocorrelation(moves: Sequence[float]) -> float | None:
    """At lag one; None of too few moves or of moves that are all alike."""
    if len(moves) < AUTOCORRELATION_MOVES_MIN:
        return None
    mean = math.fsum(moves) / len(moves)
    apart = [move - mean for move in moves]
    whole = math.fsum(one * one for one in apart)
    if not whole:
        return None
    return round(math.fsum(a * b for a, b in itertools.pairwise(apart)) / whole, 4)


def outside(path: Sequence[tuple[int, int]], quotes: Sequence[Quoted]) -> dict[str, Any] | None:
    """The oracle against the outside touch that stood when it was signed; None without quotes.

    `executable` is what stood at the touch, one side, and what taking it would have cost against
    the oracle's price: positive where the touch is worse than the oracle.
    """
    distances: list[float] = []
    touch_bp: list[float] = []
    cost_bp: list[float] = []
    notional: list[float] = []
    inside = place = 0
    for time_ms, price_e8 in path:
        while place < len(quotes) and quotes[place].time_ms <= time_ms:
            place += 1
        if not place:
            continue
        quote = quotes[place - 1]
        mid = (quote.bid_e8 + quote.ask_e8) / 2
        distances.append((price_e8 / mid - 1.0) * BP_PER_ONE)
        touch_bp.append((quote.ask_e8 - quote.bid_e8) / mid / 2 * BP_PER_ONE)
        inside += quote.bid_e8 <= price_e8 <= quote.ask_e8
        for side, touch_e8, size_e8 in (
            (1, quote.ask_e8, quote.ask_size_e8),
            (-1, quote.bid_e8, quote.bid_size_e8),
        ):
            cost_bp.append(side * (touch_e8 / price_e8 - 1.0) * BP_PER_ONE)
            if size_e8 is not None:
                notional.append(quote_e6(touch_e8, size_e8) / 1e6)
    if not distances:
        return None
    return {
        "compared": len(distances),
        "distance_bps": spread(distances),
        "half_spread_bps": spread(touch_bp),
        "inside_share": inside / len(distances),
        "executable": {"cost_bps": spread(cost_bp), "notional": spread(notional)},
    }
