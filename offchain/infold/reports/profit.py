# SPDX-License-Identifier: Apache-2.0
"""Where the venue's own profit came from, and how much of it the facts explain.

The book is the pool's cash and positions at oracle prices, plus the fees that wait in the ledgers
or went on to insurance and treasury, whatever became of them there, less what accounts of lower fee
tiers were ever owed of them.
Between two of its valuations

    change of value = paid in + spread + skew + adverse + inventory + funding + fees + hedging
                      + dust + unexplained

    spread     |R| h_min O of each batch's residual R: the least the pool may ask
    skew       R (P - O) less that: what the curve asked beyond it, or gave up to shrink
    adverse    -R (O_{T+h} - O_T): where the price went within h = 60 s of taking a residual on
    inventory  what else positions gained as the oracle moved
    funding    what positions were due        fees     what traders paid beyond the price
                                              and are not owed back
    hedging    outside trades against the oracle of the moment, fees included
    dust       roundings, which go to the pool

Adverse and inventory together are q dO, so the split cannot hide anything. Value and cash come from
the state, everything else from what happened, by other arithmetic: *unexplained* is the test of
both. Money is quote e6.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from infold.reports.facts import Booked, Dealt, Hedged, Record, TakenOver, TooFewFacts, quote_e6
from infold.reports.prices import Prices
from infold.units import DAY_MS

ADVERSE_MS: Final = 60_000
UNEXPLAINED_SHARE_MAX: Final = 0.01
SOURCES: Final = (
    "spread",
    "skew",
    "adverse",
    "inventory",
    "funding",
    "fees",
    "hedging",
    "dust",
)


@dataclass(frozen=True, slots=True)
class Explained:
    """One period: its sources, quote e6, the change of value less what was paid in, and the rest.

    `gross_e6` is the sum of the sources' absolute values: a small net of large parts is explained
    well only if the rest is small beside the parts.
    """

    from_ms: int
    to_ms: int
    value_e6: float
    change_e6: float
    sources: dict[str, float]

    @property
    def unexplained_e6(self) -> float:
        return self.change_e6 - math.fsum(self.sources.values())

    @property
    def gross_e6(self) -> float:
        return math.fsum(map(abs, self.sources.values()))

    @property
    def unexplained_share(self) -> float:
        """Of the gross; 0 of nothing."""
        return abs(self.unexplained_e6) / self.gross_e6 if self.gross_e6 else 0.0

    @property
    def ok(self) -> bool:
        """Whether at most 1 % of the gross is unexplained (a unit of money is always forgiven)."""
        return self.unexplained_share <= UNEXPLAINED_SHARE_MAX or abs(self.unexplained_e6) <= 1.0


class Book:
    """A record's events by market and its prices, sorted once for all periods."""

    def __init__(self, record: Record) -> None:
        self.prices = Prices(record.prices)
        self.h_min = {market: one.h_min_e6 / 1e6 for market, one in record.listed.items()}
        self.events: dict[int, list[_Event]] = {}
        for deal in record.deals:
            self._add(deal.market, -deal.sold_e8, deal, deal.oracle_price_e8)
        for taken in record.taken_over:
            self._add(taken.market, taken.base_e8, taken)
        for hedge in record.hedges:
            self._add(hedge.market, hedge.size_e8 if hedge.buy else -hedge.size_e8, hedge)
        for events in self.events.values():
            events.sort(key=lambda event: event.time_ms)

    def _add(
        self, market: int, base_e8: int, fact: Dealt | TakenOver | Hedged, oracle_e8: int = 0
    ) -> None:
        oracle_e8 = oracle_e8 or self.prices.known_e8(market, fact.time_ms) or 0
        event = _Event(fact.time_ms, base_e8, oracle_e8, fact)
        self.events.setdefault(market, []).append(event)

    def held_e8(self, market: int, time_ms: int) -> int:
        """The base held right after a time, by the events alone."""
        return sum(e.base_e8 for e in self.events.get(market, ()) if e.time_ms <= time_ms)

    def value_e6(self, book: Booked) -> float:
        """Cash, positions at the oracle's latest price, and fees. `ValueError` names a position
        that was never priced.
        """
        value_e6 = float(book.cash_e6 + book.fees_e6)
        for market, (base_e8, quote) in book.positions.items():
            price_e8 = self.prices.known_e8(market, book.time_ms)
            if price_e8 is None:
                if base_e8:
                    raise ValueError(f"market {market} holds {base_e8} lots and was never priced")
                price_e8 = 0
            value_e6 += quote_e6(price_e8, base_e8) + quote
        return value_e6

    def sources(self, market: int, from_ms: int, to_ms: int) -> dict[str, float]:
        """Income of one market by source over (from_ms, to_ms], e6."""
        found = dict.fromkeys(SOURCES, 0.0)
        end_e8 = self.prices.known_e8(market, to_ms) or 0
        start_e8 = self.prices.known_e8(market, from_ms) or 0
        moved = quote_e6(end_e8 - start_e8, self.held_e8(market, from_ms))
        for event in self.events.get(market, ()):
            if not from_ms < event.time_ms <= to_ms:
                continue
            # What came in is carried from the price it was valued at to the end of the period.
            moved += quote_e6(end_e8 - event.oracle_e8, event.base_e8)
            if isinstance(event.fact, Dealt):
                self._deal(event.fact, to_ms, found)
            elif isinstance(event.fact, Hedged):
                hedge = event.fact
                found["hedging"] -= quote_e6(hedge.price_e8 - event.oracle_e8, event.base_e8)
                found["hedging"] -= hedge.cost_e6
            else:
                taken = event.fact
                found["skew"] += quote_e6(event.oracle_e8, taken.base_e8) + taken.quote_e6
        found["inventory"] = moved - found["adverse"]
        return found

    def _deal(self, deal: Dealt, to_ms: int, found: dict[str, float]) -> None:
        oracle_e8 = deal.oracle_price_e8
        least = self.h_min.get(deal.market, 0.0) * quote_e6(oracle_e8, abs(deal.sold_e8))
        found["spread"] += least
        found["skew"] += quote_e6(deal.price_e8 - oracle_e8, deal.sold_e8) - least
        found["funding"] += deal.funding_e6
        found["fees"] += deal.fees_e6
        found["dust"] += deal.dust_e6
        due_ms = min(deal.time_ms + ADVERSE_MS, to_ms)
        after_e8 = self.prices.known_e8(deal.market, due_ms) or oracle_e8
        found["adverse"] -= quote_e6(after_e8 - oracle_e8, deal.sold_e8)

    def explained(self, start: Booked, end: Booked) -> Explained:
        """One period between two valuations."""
        totals = dict.fromkeys(SOURCES, 0.0)
        for market in self.events:
            for name, value_e6 in self.sources(market, start.time_ms, end.time_ms).items():
                totals[name] += value_e6
        value_e6 = self.value_e6(end)
        paid_in_e6 = end.paid_in_e6 - start.paid_in_e6
        return Explained(
            from_ms=start.time_ms,
            to_ms=end.time_ms,
            value_e6=value_e6,
            change_e6=value_e6 - self.value_e6(start) - paid_in_e6,
            sources=totals,
        )


@dataclass(frozen=True, slots=True)
class _Event:
    """Something that changed the pool's base in a market, and the oracle's price at that time."""

    time_ms: int
    base_e8: int
    oracle_e8: int
    fact: Dealt | TakenOver | Hedged


def profit(record: Record) -> dict[str, Any]:
    """The report: the whole record, each UTC day, each market. `TooFewFacts` without two
    valuations.
    """
    if len(record.books) < 2:
        raise TooFewFacts("a profit takes two valuations of the book; these facts have fewer")
    first, last = record.books[0], record.books[-1]
    book = Book(record)
    days = [book.explained(start, end) for start, end in _days(record.books)]
    whole = book.explained(first, last)
    return {
        "adverse_horizon_s": ADVERSE_MS // 1_000,
        "unexplained_share_max": UNEXPLAINED_SHARE_MAX,
        "whole": _told(whole),
        "days": [_told(day) for day in days],
        "markets": {
            record.name(market): _rounded(book.sources(market, first.time_ms, last.time_ms))
            for market in sorted(book.events)
        },
        "ok": whole.ok and all(day.ok for day in days),
    }


def cumulative(record: Record, points: int = 120) -> list[tuple[int, dict[str, float]]]:
    """Sources summed up to some of the books' times, for a picture."""
    books = record.books
    step = max(1, len(books) // points)
    book = Book(record)
    return [
        (until.time_ms, book.explained(books[0], until).sources)
        for until in [*books[step::step], books[-1]]
    ]


def _days(books: Sequence[Booked]) -> Iterator[tuple[Booked, Booked]]:
    """Pairs of valuations that bound each UTC day with any: a day begins with the last book before
    it.
    """
    start, latest = books[0], books[0]
    for book in books[1:]:
        if book.time_ms // DAY_MS != latest.time_ms // DAY_MS and latest is not start:
            yield start, latest
            start = latest
        latest = book
    if latest is not start:
        yield start, latest


def _rounded(sources: dict[str, float]) -> dict[str, str]:
    return {name: str(round(value_e6)) for name, value_e6 in sources.items()}


def _told(period: Explained) -> dict[str, Any]:
    return {
        "from_ms": period.from_ms,
        "to_ms": period.to_ms,
        "value_e6": str(round(period.value_e6)),
        "profit_e6": str(round(period.change_e6)),
        "sources_e6": _rounded(period.sources),
        "gross_e6": str(round(period.gross_e6)),
        "unexplained_e6": str(round(period.unexplained_e6)),
        "unexplained_share": period.unexplained_share,
        "ok": period.ok,
    }
