# SPDX-License-Identifier: Apache-2.0
"""What a report is made of: facts in the order in which they happened.

A journal, a chain and a backtest all can tell these facts; no report knows which of them spoke.
Amounts are integers of the venue's scales; times are ms. Sizes are positive, `buy` is the trader's
side; a signed size says so in its name or its comment.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

QUOTE_E6_DIVISOR: Final = 1e10
"""size_e8 * price_e8 over this is quote, e6."""


class TooFewFacts(ValueError):
    """A run that was too short for what is asked of it; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A market and the terms its fills are measured by; a later one replaces an earlier."""

    market: int
    name: str
    h_min_e6: int
    band_e6: int
    position_cap_e8: int


@dataclass(frozen=True, slots=True)
class Priced:
    """The oracle's price of a market at T, whether or not a batch came of it."""

    time_ms: int
    market: int
    price_e8: int


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order the venue gave a receipt for. `kind` is its time in force: GTC, IOC or FOK."""

    order_hash: bytes
    account: int
    market: int
    buy: bool
    size_e8: int
    limit_price_e8: int
    kind: str
    accepted_ms: int


@dataclass(frozen=True, slots=True)
class Refused:
    """An order refused at admission."""

    code: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class Ended:
    """An order left the book: `how` is cancelled, expired, skipped or lapsed."""

    order_hash: bytes
    how: str
    time_ms: int


@dataclass(frozen=True, slots=True)
class Filled:
    """What one order received in one batch at the market's single price."""

    order_hash: bytes
    account: int
    market: int
    buy: bool
    size_e8: int
    price_e8: int
    oracle_price_e8: int
    fee_e6: int
    time_ms: int


@dataclass(frozen=True, slots=True)
class Dealt:
    """One market of one landed batch, seen from the pool.

    `bought_e8` is all that was bought at the price, the pool's part included; `sold_e8` is what the
    pool sold, signed. `funding_e6`, `dust_e6` and `fees_e6` are what the batch brought: funding to
    the pool since the market's batch before, roundings to the pool, fees to the venue less what
    lower tiers are owed back.
    """

    batch: int
    time_ms: int
    market: int
    price_e8: int
    oracle_price_e8: int
    bought_e8: int
    sold_e8: int
    funding_e6: int
    dust_e6: int
    fees_e6: int


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What recovery handed the pool: signed base, and the quote that came with it."""

    time_ms: int
    market: int
    base_e8: int
    quote_e6: int


@dataclass(frozen=True, slots=True)
class Hedged:
    """A trade of ours at another venue; `cost_e6` is its fee."""

    time_ms: int
    market: int
    venue: str
    buy: bool
    size_e8: int
    price_e8: int
    cost_e6: int


@dataclass(frozen=True, slots=True)
class CurveCut:
    """A dealer's curve that offered less than its parameters would, since capital did not allow it;
    `reason` is one of `guarding.REASONS`.
    """

    time_ms: int
    market: int
    reason: str


@dataclass(frozen=True, slots=True)
class Booked:
    """What the venue's own book holds after something happened: the pool's cash and positions, and
    all fees, waiting in the ledgers or collected since, less all refunds ever owed. Told by the
    state, not by the facts above: a report holds the two against each other.

    `positions` is market -> (base e8, quote e6), what recovery handed over included; `paid_in_e6`
    sums what providers paid in less what they took out.
    """

    time_ms: int
    cash_e6: int
    fees_e6: int
    paid_in_e6: int
    positions: dict[int, tuple[int, int]]


ReportFact = (
    Listed
    | Priced
    | Accepted
    | Refused
    | Ended
    | Filled
    | Dealt
    | TakenOver
    | Hedged
    | CurveCut
    | Booked
)


@dataclass(slots=True)
class Record:
    """Facts by kind, each list in order of time, and prices by market."""

    listed: dict[int, Listed] = field(default_factory=dict)
    prices: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    orders: dict[bytes, Accepted] = field(default_factory=dict)
    refused: list[Refused] = field(default_factory=list)
    ended: dict[bytes, Ended] = field(default_factory=dict)
    fills: list[Filled] = field(default_factory=list)
    deals: list[Dealt] = field(default_factory=list)
    taken_over: list[TakenOver] = field(default_factory=list)
    hedges: list[Hedged] = field(default_factory=list)
    cuts: list[CurveCut] = field(default_factory=list)
    books: list[Booked] = field(default_factory=list)

    def name(self, market: int) -> str:
        """The market's name, or its number where no listing was told."""
        listed = self.listed.get(market)
        return listed.name if listed is not None else str(market)


def recorded(facts: Iterable[ReportFact]) -> Record:
    """Sort facts into a record. `ValueError` if a market's prices go back in time."""
    record = Record()
    for fact in facts:
        match fact:
            case Listed():
                record.listed[fact.market] = fact
            case Priced():
                known = record.prices.setdefault(fact.market, [])
                if known and known[-1][0] > fact.time_ms:
                    raise ValueError(
                        f"the prices of market {fact.market} go back from {known[-1][0]} to"
                        f" {fact.time_ms} ms: give facts in order of time"
                    )
                known.append((fact.time_ms, fact.price_e8))
            case Accepted():
                record.orders[fact.order_hash] = fact
            case Refused():
                record.refused.append(fact)
            case Ended():
                record.ended[fact.order_hash] = fact
            case Filled():
                record.fills.append(fact)
            case Dealt():
                record.deals.append(fact)
            case TakenOver():
                record.taken_over.append(fact)
            case Hedged():
                record.hedges.append(fact)
            case CurveCut():
                record.cuts.append(fact)
            case Booked():
                record.books.append(fact)
    return record


def quote_e6(price_e8: float, size_e8: float) -> float:
    """Quote of a size at a price, e6, unrounded: reports divide, the venue does not."""
    return price_e8 * size_e8 / QUOTE_E6_DIVISOR
