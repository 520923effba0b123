# SPDX-License-Identifier: Apache-2.0
"""What each fill cost its client, taken apart (transaction cost analysis).

Implementation shortfall (Perold 1988) against the oracle's price when the order was accepted, M_a:

    shortfall = s (P - M_a) Q + fees = delay + timing + spread + impact + fees - improvement

    delay        s (M_1 - M_a) Q   from acceptance to the first vector after it
    timing       s (O - M_1) Q     from there to the batch that filled it
    spread       what a first unit costs at the named outside reference, at O
    impact       what the fill's size costs there on top
    fees         what the venue charged
    improvement  spread + impact - s (P - O) Q: how much better the batch's price was than outside

with s = +1 for a buy, Q the size, O the vector's price and P the batch's. Money is quote e6 in
floats; the terms add up to the shortfall to 1e-9 of the notional, or of the largest of them where
one is more, and `Cost.gap` says how far they are apart. Markouts s (M_{T+h} - P) Q are given where
the record is long enough.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from infold.dealer.params import BP_PER_ONE
from infold.reports.facts import Filled, Record, quote_e6
from infold.reports.outside_reference import OutsideReference
from infold.reports.prices import Prices

HORIZONS_S: Final = (1, 10, 60)
TERMS: Final = ("delay", "timing", "spread", "impact", "fees", "improvement")
KeyT = TypeVar("KeyT", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Cost:
    """One fill's shortfall and its terms, quote e6; `markouts_e6` by horizon, None where unknown.

    `waited_ms` runs from acceptance to the batch.
    """

    fill: Filled
    kind: str
    notional_e6: float
    waited_ms: int
    delay: float
    timing: float
    spread: float
    impact: float
    fees: float
    improvement: float
    shortfall: float
    paid_e6: float  # s (P - O) Q: against the oracle's price of the batch
    markouts_e6: dict[int, float | None]

    @property
    def gap(self) -> float:
        """Shortfall less its terms, over the notional: zero but for the last bits of floats."""
        terms = self.delay + self.timing + self.spread + self.impact + self.fees - self.improvement
        return (self.shortfall - terms) / self.notional_e6

    def bp(self, value_e6: float) -> float:
        """A term in bp of the fill's notional."""
        return value_e6 / self.notional_e6 * BP_PER_ONE


def costs(record: Record, reference: OutsideReference) -> list[Cost]:
    """The cost of every fill, in order. `ValueError` if a fill's order was never accepted."""
    prices = Prices(record.prices)
    return [_cost(record, prices, reference, fill) for fill in record.fills]


def _cost(record: Record, prices: Prices, reference: OutsideReference, fill: Filled) -> Cost:
    order = record.orders.get(fill.order_hash)
    if order is None:
        raise ValueError(
            f"a fill at {fill.time_ms} ms names order 0x{fill.order_hash.hex()}, which the facts"
            " never accepted: give them from the beginning"
        )
    side = 1.0 if fill.buy else -1.0
    oracle_e8 = fill.oracle_price_e8
    arrival_e8 = prices.known_e8(fill.market, order.accepted_ms) or oracle_e8
    first_e8 = prices.next_e8(fill.market, order.accepted_ms)
    if first_e8 is None:
        first_e8 = oracle_e8
    notional_e6 = quote_e6(oracle_e8, fill.size_e8)

    def moved(start_e8: int, end_e8: int) -> float:
        return side * quote_e6(end_e8 - start_e8, fill.size_e8)

    paid = moved(oracle_e8, fill.price_e8)
    spread = reference.spread_bp() / BP_PER_ONE * notional_e6
    impact = reference.size_bp(notional_e6) / BP_PER_ONE * notional_e6
    markouts: dict[int, float | None] = {}
    for horizon_s in HORIZONS_S:
        later_e8 = prices.later_e8(fill.market, fill.time_ms, horizon_s * 1_000)
        markouts[horizon_s] = None if later_e8 is None else moved(fill.price_e8, later_e8)
    return Cost(
        fill=fill,
        kind=order.kind,
        notional_e6=notional_e6,
        waited_ms=fill.time_ms - order.accepted_ms,
        delay=moved(arrival_e8, first_e8),
        timing=moved(first_e8, oracle_e8),
        spread=spread,
        impact=impact,
        fees=float(fill.fee_e6),
        improvement=spread + impact - paid,
        shortfall=moved(arrival_e8, fill.price_e8) + fill.fee_e6,
        paid_e6=paid,
        markouts_e6=markouts,
    )


# -- sums ------------------------------------------------------------------------------------------


def summed(found: Iterable[Cost]) -> dict[str, Any]:
    """Fills, notional and each term in bp of it; None where nothing was filled."""
    many = list(found)
    notional_e6 = math.fsum(cost.notional_e6 for cost in many)
    if not many or not notional_e6:
        return {"fills": 0, "notional_e6": "0", "shortfall_bps": None, "terms_bps": None}
    terms = {name: _in_bp(many, notional_e6, name) for name in TERMS}
    return {
        "fills": len(many),
        "notional_e6": str(round(notional_e6)),
        "shortfall_bps": _in_bp(many, notional_e6, "shortfall"),
        "terms_bps": terms,
        "markout_bps": {f"{horizon}s": markout_bp(many, horizon) for horizon in HORIZONS_S},
    }


def _in_bp(many: Sequence[Cost], notional_e6: float, term: str) -> float:
    return round(math.fsum(getattr(cost, term) for cost in many) / notional_e6 * BP_PER_ONE, 6)


def markout_bp(many: Sequence[Cost], horizon_s: int) -> float | None:
    """The notional-weighted markout of the fills whose horizon the record reaches, to the client's
    side: positive if the price went their way.
    """
    reached = [(cost, cost.markouts_e6[horizon_s]) for cost in many]
    known = [(cost.notional_e6, markout) for cost, markout in reached if markout is not None]
    if not known:
        return None
    moved = math.fsum(markout for _, markout in known)
    return round(moved / math.fsum(notional for notional, _ in known) * BP_PER_ONE, 6)


def grouped(found: Iterable[Cost], key: Callable[[Cost], KeyT]) -> dict[KeyT, list[Cost]]:
    """Costs by a key of theirs."""
    groups: dict[KeyT, list[Cost]] = defaultdict(list)
    for cost in found:
        groups[key(cost)].append(cost)
    return dict(groups)


def by_client(found: Iterable[Cost]) -> dict[str, dict[str, Any]]:
    """Each account's sums, the largest notional first."""
    groups = grouped(found, lambda cost: cost.fill.account)
    ranked = sorted(groups.items(), key=lambda item: -sum(cost.notional_e6 for cost in item[1]))
    return {str(account): summed(many) for account, many in ranked}


def largest_gap(found: Iterable[Cost]) -> float:
    """How far any fill's terms are from its shortfall, over its notional."""
    return max((abs(cost.gap) for cost in found), default=0.0)
