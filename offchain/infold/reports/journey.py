# SPDX-License-Identifier: Apache-2.0
"""The figures of one journey: what became of every signed order, and at what price.

Facts come in one at a time, as they happen; ``document`` gives the object that ``infold demo`` and
``infold replay`` print. Definitions:

- ``signed = accepted + rejected``. Each accepted order counts once: ``filled`` if it ever filled,
  else its last state; what is open at the end is cancelled.
- One-sided notional of a batch and market: all that was bought at its one price, the pool's and the
  backstop's part included. ``pool_share`` is what the pool was a side of, ``outside_share`` what
  was routed to other venues, ``crossed_share`` the rest: traders against traders.
- Improvement of a fill: how much better its price was than its benchmark, in basis points of the
  benchmark, positive when the trader gained; mean and percentiles over fills, each counting once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from infold.units import div_up, quote_down


class End(StrEnum):
    """How an accepted order ended that never filled."""

    EXPIRED = "expired"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    LAPSED = "lapsed"


@dataclass(slots=True)
class _Accepted:
    size_e8: int
    recorded_e6: int
    filled_e8: int = 0
    end: End | None = None


@dataclass(frozen=True, slots=True)
class MarketBatch:
    """One market in one batch: its prices, what was bought, what the pool took."""

    batch: int
    time_ms: int
    market: str
    price_e8: int
    oracle_price_e8: int
    bought_e8: int
    pool_e8: int
    outside_e8: int = 0


@dataclass(slots=True)
class Journey:
    """Collects the facts of one run."""

    orders: dict[bytes, _Accepted] = field(default_factory=dict)
    rejects: Counter[str] = field(default_factory=Counter)
    improvements_bps: list[float] = field(default_factory=list)
    market_batches: list[MarketBatch] = field(default_factory=list)
    fills: int = 0
    batches: int = 0
    gas_total: int = 0
    gas_largest: int = 0
    records: int = 0

    # -- facts ---------------------------------------------------------------

    def rejected(self, code: str) -> None:
        """A signed order was refused at admission."""
        self.rejects[code] += 1

    def accepted(self, order_hash: bytes, size_e8: int, recorded_e6: int = 0) -> None:
        """A signed order got its receipt; ``recorded_e6`` is its worth on the tape, if it came from
        one.
        """
        self.orders.setdefault(order_hash, _Accepted(size_e8, recorded_e6))

    def filled(
        self, order_hash: bytes, buy: bool, size_e8: int, price_e8: int, benchmark_e8: int | None
    ) -> None:
        """A fill that settled on chain."""
        self.orders[order_hash].filled_e8 += size_e8
        self.fills += 1
        if benchmark_e8:
            gain_e8 = benchmark_e8 - price_e8 if buy else price_e8 - benchmark_e8
            self.improvements_bps.append(gain_e8 / benchmark_e8 * 1e4)

    def ended(self, order_hash: bytes, end: End) -> None:
        """An order left the book without being filled up; a later end replaces an earlier one."""
        self.orders[order_hash].end = end

    def settled(self, gas: int, records: int, markets: Iterable[MarketBatch]) -> None:
        """A batch landed."""
        self.batches += 1
        self.gas_total += gas
        self.gas_largest = max(self.gas_largest, gas)
        self.records += records
        self.market_batches.extend(markets)

    # -- figures -------------------------------------------------------------

    def order_counts(self) -> dict[str, int]:
        """Every signed order, counted once."""
        ends: Counter[str] = Counter(
            "filled" if order.filled_e8 else str(order.end or End.CANCELLED)
            for order in self.orders.values()
        )
        accepted, rejected = len(self.orders), sum(self.rejects.values())
        counts = {"signed": accepted + rejected, "accepted": accepted, "rejected": rejected}
        return counts | {
            name: ends[name] for name in ("filled", "expired", "cancelled", "skipped", "lapsed")
        }

    def notional_e6(self) -> dict[str, int]:
        """One-sided notional: crossed, with the pool, outside, and their sum."""
        pool = outside = total = 0
        for one in self.market_batches:
            total += quote_down(one.price_e8, one.bought_e8)
            pool += quote_down(one.price_e8, one.pool_e8)
            outside += quote_down(one.price_e8, one.outside_e8)
        return {"crossed": total - pool - outside, "pool": pool, "outside": outside, "total": total}

    def recorded_e6(self) -> dict[str, int]:
        """What the accepted orders were worth on the tape, and the part of it that settled here."""
        admitted = settled = 0
        for order in self.orders.values():
            admitted += order.recorded_e6
            settled += order.recorded_e6 * min(order.filled_e8, order.size_e8) // order.size_e8
        return {"admitted": admitted, "settled": settled}

    def document(self) -> dict[str, Any]:
        """The figures that need only these facts, by the names the commands print."""
        notional = self.notional_e6()
        total = notional["total"]
        pool, outside = _share(notional["pool"], total), _share(notional["outside"], total)
        return {
            "orders": self.order_counts(),
            "rejects": dict(sorted(self.rejects.items())),
            "batches": self.batches,
            "fills": self.fills,
            "notional_e6": str(total),
            "crossed_share": 1.0 - pool - outside if total else 0.0,
            "pool_share": pool,
            "outside_share": outside,
            "gas": {
                "total": self.gas_total,
                "per_order": div_up(self.gas_total, self.records) if self.records else 0,
                "largest_batch": self.gas_largest,
            },
            "improvement_bps": spread(self.improvements_bps),
        }


def spread(values: list[float]) -> dict[str, float] | None:
    """Mean and percentiles (nearest rank), or None of nothing."""
    if not values:
        return None
    ranked = sorted(values)
    last = len(ranked) - 1
    figures = {"mean": sum(ranked) / len(ranked)}
    figures |= {f"p{percent}": ranked[round(last * percent / 100)] for percent in (10, 50, 90)}
    return {name: round(figure, 4) for name, figure in figures.items()}


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def joined(runs: list[Journey]) -> Journey:
    """Several runs as one: the files of a replay that do not overlap in time."""
    whole = Journey()
    for number, run in enumerate(runs):
        salt = number.to_bytes(2, "big")  # an order hash is unique within its own chain only
        whole.orders |= {salt + order_hash: order for order_hash, order in run.orders.items()}
        whole.rejects.update(run.rejects)
        whole.improvements_bps += run.improvements_bps
        whole.market_batches += run.market_batches
        whole.fills += run.fills
        whole.batches += run.batches
        whole.gas_total += run.gas_total
        whole.gas_largest = max(whole.gas_largest, run.gas_largest)
        whole.records += run.records
    return whole


def invariants_joined(runs: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Invariants of several runs: held if held in all, checks added up."""
    whole: dict[str, dict[str, Any]] = {}
    for run in runs:
        for name, found in run.items():
            place = whole.setdefault(name, {"held": True, "checked": 0})
            place["held"] = bool(place["held"] and found["held"])
            place["checked"] += int(found["checked"])
    return whole
