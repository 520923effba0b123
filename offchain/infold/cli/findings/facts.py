# SPDX-License-Identifier: Apache-2.0
"""A kept journal as a report's facts: the fold again, told event by event.

Valuations (`Booked`) come from the folded state's words, deals from what the batch planned and from
the funding index; the profit report holds the one against the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from infold.cli.options import journal_in
from infold.core import events, funding
from infold.core.engine import evolve
from infold.core.events import AnyEvent, decode_events
from infold.core.refunds import Refunds, TiersFixed, refund_e6
from infold.core.state import Market, State
from infold.dealer.hedging.facts import HedgeFact, Intended, Reported, decode_fact
from infold.errors import Misconfigured
from infold.messages import TIME_IN_FORCE_WORDS
from infold.node.memory import read_entry
from infold.outside import OutsideOrder, OutsideReport, Standing
from infold.reports.facts import (
    Accepted,
    Booked,
    CurveCut,
    Dealt,
    Ended,
    Filled,
    Hedged,
    Listed,
    Priced,
    Refused,
    ReportFact,
    TakenOver,
)
from infold.shell.journal import Journal
from infold.units import POOL_ACCOUNT, QUOTE_DIVISOR, quote_down, quote_up
from infold.words import FLAG_INCOMING

NOTHING_YET = OutsideReport(client_id="-", standing=Standing.OPEN)


def facts_of(directory: Path) -> Iterator[ReportFact]:
    """Every fact of a journal, in use or not. Raises `Misconfigured` if it is damaged, or if there
    is none.
    """
    path = journal_in(directory)
    entries: list[bytes] = []
    with Journal.copied(path) as journal:
        journal.replay(lambda _seq, line: entries.append(line))
    teller = Teller()
    for line in entries:
        entry = read_entry(line)
        if "events" in entry:
            for event in decode_events(bytes(entry["events"])):
                yield from teller.tell(event)
        elif "tiers" in entry:
            teller.refunds.fix(msgspec.json.decode(entry["tiers"], type=TiersFixed))
        elif "cuts" in entry:
            time_ms = int(bytes(entry["time_ms"]))
            for market, reason in decode_cuts(bytes(entry["cuts"])).items():
                yield CurveCut(time_ms, market, reason)
        elif "hedge" in entry:
            yield from teller.hedged(decode_fact(bytes(entry["hedge"])))
    if not teller.state.head.number:
        raise Misconfigured(f"the journal in {path} holds no settled batch: nothing to report")


def decode_cuts(text: bytes) -> dict[int, str]:
    """Why a batch's curves were cut, by market."""
    return msgspec.json.decode(text, type=dict[int, str])


class Teller:
    """Folds events and says what each of them means to a report.

    What lower fee tiers are owed back is none of the venue's fees, paid or not: `refunds` is told
    the tiers, and the fills as they settle.
    """

    def __init__(self) -> None:
        self.state = State()
        self.refunds = Refunds()
        self._paid_in_e6 = 0
        self._collected_e6 = 0
        """Fees that left the ledgers for insurance and treasury: the venue's as before."""
        self._time_ms = 0
        self._intended: dict[str, OutsideOrder] = {}
        self._reported: dict[str, OutsideReport] = {}
        self._hedges: dict[int, tuple[int, int]] = {}
        """Market -> base and quote of our legs outside, as their fills made them."""

    def tell(self, event: AnyEvent) -> Iterator[ReportFact]:
        """Fold one event; the facts it brings, the state's own valuation last."""
        state = self.state
        match event:
            case events.OrderAccepted():
                evolve(state, event)
                yield _accepted(event)
            case events.OrderRejected():
                evolve(state, event)
                yield Refused(event.code, self._time_ms)
            case events.OrderCancelled():
                evolve(state, event)
                yield Ended(event.order_hash, "cancelled", self._time_ms)
            case events.OrderExpired():
                evolve(state, event)
                yield Ended(event.order_hash, "expired", self._time_ms)
            case events.BatchClosed() | events.NothingMatched():
                evolve(state, event)
                self._time_ms = max(self._time_ms, event.time_ms)
                for market, price_e8 in sorted(event.prices_e8.items()):
                    yield Priced(event.time_ms, market, price_e8)
            case events.BatchConfirmed():
                yield from self._confirmed(event)
            case events.BatchLapsed():
                held = list(state.in_flight_e8)
                evolve(state, event)
                for order_hash in held:
                    yield Ended(order_hash, "lapsed", self._time_ms)
            case events.ChainObserved():
                yield from self._observed(event)

    def hedged(self, fact: HedgeFact) -> Iterator[ReportFact]:
        """What a fact of the hedger's book means to a report: fills since the report before."""
        match fact:
            case Intended():
                self._intended[fact.order.client_id] = fact.order
            case Reported():
                yield from self._traded_outside(fact.report, fact.time_ms)

    def _traded_outside(self, report: OutsideReport, time_ms: int) -> Iterator[ReportFact]:
        order = self._intended.get(report.client_id)
        before = self._reported.get(report.client_id, NOTHING_YET)
        size_e8 = abs(report.filled_e8) - abs(before.filled_e8)
        if order is None or size_e8 <= 0:
            return
        self._reported[report.client_id] = report
        paid_e6 = report.paid_e6 - before.paid_e6
        fee_e6 = report.fee_e6 - before.fee_e6
        buy = order.size_e8 > 0
        base_e8, quote_e6 = self._hedges.get(order.market, (0, 0))
        self._hedges[order.market] = (
            base_e8 + (size_e8 if buy else -size_e8),
            quote_e6 + (-paid_e6 if buy else paid_e6) - fee_e6,
        )
        yield Hedged(
            time_ms=time_ms,
            market=order.market,
            venue=order.venue,
            buy=buy,
            size_e8=size_e8,
            price_e8=paid_e6 * QUOTE_DIVISOR // size_e8,
            cost_e6=fee_e6,
        )

    def _confirmed(self, event: events.BatchConfirmed) -> Iterator[ReportFact]:
        state = self.state
        closed = state.in_flight
        if closed is None:
            raise Misconfigured(f"batch {event.number} was confirmed but never closed")
        before = dict(state.markets)
        fills_e8: dict[int, list[tuple[bool, int]]] = {}
        orders = {record.order_hash: state.orders[record.order_hash] for record in closed.records}
        for record in closed.records:
            order = orders[record.order_hash].order
            fills_e8.setdefault(order.market, []).append((order.buy, record.fill_e8))
        cash_e6 = self._cash_e6()
        evolve(state, event)
        back_e6: Counter[int] = Counter()
        for fill in event.fills:
            back_e6[fill.market] += refund_e6(self.refunds.tiers, fill)
            self.refunds.settled(fill)
            yield Filled(
                order_hash=fill.order_hash,
                account=fill.account,
                market=fill.market,
                buy=fill.buy,
                size_e8=fill.size_e8,
                price_e8=fill.price_e8,
                oracle_price_e8=fill.oracle_price_e8,
                fee_e6=fill.fee_e6,
                time_ms=event.time_ms,
            )
        skipped = {(skip.account, skip.slot) for skip in event.skips}
        for order_hash, held in orders.items():
            if (held.order.account, held.order.slot) in skipped:
                yield Ended(order_hash, "skipped", event.time_ms)
        realised_e6 = 0
        for price in closed.clearing:
            market = price.market
            deal, cash = _dealt(
                before[market],
                state.markets[market],
                event,
                price.price_e8,
                closed.prices_e8[market],
                fills_e8.get(market, []),
                back_e6[market],
            )
            realised_e6 += cash
            yield deal
        # Whatever else came into the pool's cash is a strike's: providers paid in or took out.
        self._paid_in_e6 += self._cash_e6() - cash_e6 - realised_e6
        yield self._booked(event.time_ms)

    def _observed(self, event: events.ChainObserved) -> Iterator[ReportFact]:
        state = self.state
        before = {market: held.incoming for market, held in state.markets.items()}
        listings = sum(isinstance(fact, events.MarketSet) for fact in event.facts)
        debts_e6 = _debts(state, event)
        self._collected_e6 += _collected(state, event)
        evolve(state, event)
        self._time_ms = max(self._time_ms, event.block_ms)
        if listings:
            for number, market in sorted(state.markets.items()):
                yield _listed(number, market)
        for number, market in sorted(state.markets.items()):
            old = before.get(number)
            if old is not None and market.incoming != old:
                yield TakenOver(
                    time_ms=self._time_ms,
                    market=number,
                    base_e8=market.incoming.base_e8 - old.base_e8,
                    quote_e6=market.incoming.quote_e6 - old.quote_e6 - debts_e6.get(number, 0),
                )

    def _cash_e6(self) -> int:
        return self.state.accounts[POOL_ACCOUNT].word.collateral_e6

    def _booked(self, time_ms: int) -> Booked:
        markets = self.state.markets
        positions = dict(self._hedges)
        for number, market in markets.items():
            base_e8, quote_e6 = positions.get(number, (0, 0))
            base_e8 += market.pool.base_e8 + market.incoming.base_e8
            quote_e6 += market.pool.quote_e6 + market.incoming.quote_e6
            if base_e8 or quote_e6:
                positions[number] = (base_e8, quote_e6)
        return Booked(
            time_ms=time_ms,
            cash_e6=self._cash_e6(),
            fees_e6=sum(market.ledger.fees_e6 for market in markets.values())
            + self._collected_e6
            - sum(self.refunds.earned_e6.values()),
            paid_in_e6=self._paid_in_e6,
            positions=positions,
        )


def _debts(state: State, event: events.ChainObserved) -> dict[int, int]:
    """What the pool paid of bankrupt accounts' debts, e6, by the market of the position it took
    over last: that is what taking it cost.
    """
    debts_e6: dict[int, int] = {}
    market = 0
    for fact in event.facts:
        if isinstance(fact, events.Applied):
            market = state.accounts[fact.account].positions[fact.index].market
        elif isinstance(fact, events.Covered):
            debts_e6[market] = debts_e6.get(market, 0) + fact.pool_e6
    return debts_e6


def _collected(state: State, event: events.ChainObserved) -> int:
    """The fees, e6, of the markets whose fees were collected: only a batch adds any, so that they
    are those before the observation, however often they were collected in it.
    """
    markets = {fact.market for fact in event.facts if isinstance(fact, events.FeesCollected)}
    return sum(
        market.ledger.fees_e6 for number, market in state.markets.items() if number in markets
    )


def _accepted(event: events.OrderAccepted) -> Accepted:
    order = event.order
    return Accepted(
        order_hash=event.order_hash,
        account=order.account,
        market=order.market,
        buy=order.buy,
        size_e8=order.size_e8,
        limit_price_e8=order.limit_price_e8,
        kind=TIME_IN_FORCE_WORDS[order.time_in_force],
        accepted_ms=event.accepted_ms,
    )


def _listed(number: int, market: Market) -> Listed:
    parameters = market.parameters[market.clock.version]
    return Listed(
        market=number,
        name=parameters.listing.name,
        h_min_e6=parameters.rates.h_min_e6,
        band_e6=parameters.rates.band_e6,
        position_cap_e8=parameters.caps.position_cap_e8,
    )


def _dealt(
    before: Market,
    after: Market,
    event: events.BatchConfirmed,
    price_e8: int,
    oracle_price_e8: int,
    fills_e8: Sequence[tuple[bool, int]],
    back_e6: int,
) -> tuple[Dealt, int]:
    """One market's deal, `back_e6` of whose fees are owed back, and the cash the pool realised.

    The pool takes the other side of what was planned, each fill rounded against its trader; one
    that ends flat turns its quote into cash (docs/protocol.md section 5.6).
    """
    bought_e8 = sum(size_e8 for buy, size_e8 in fills_e8 if buy)
    sold_e8 = sum(size_e8 for buy, size_e8 in fills_e8 if not buy)
    residual_e8 = bought_e8 - sold_e8
    took_e6 = sum(
        quote_up(price_e8, size_e8) if buy else -quote_down(price_e8, size_e8)
        for buy, size_e8 in fills_e8
    )
    change = after.clock.funding_index - before.clock.funding_index
    held_e8 = before.pool.base_e8 + before.incoming.base_e8
    due_e6 = funding.credit(held_e8, change, before.at(event.time_ms).rates.shift)
    had = before.pool.base_e8 or before.clock.flags & FLAG_INCOMING
    flat = not after.pool.base_e8 and had
    held_e6 = before.pool.quote_e6 + before.incoming.quote_e6 + due_e6
    return (
        Dealt(
            batch=event.number,
            time_ms=event.time_ms,
            market=after.market,
            price_e8=price_e8,
            oracle_price_e8=oracle_price_e8,
            bought_e8=max(bought_e8, sold_e8),
            sold_e8=residual_e8,
            funding_e6=due_e6,
            dust_e6=took_e6 - quote_down(price_e8, residual_e8),
            fees_e6=after.ledger.fees_e6 - before.ledger.fees_e6 - back_e6,
        ),
        held_e6 + took_e6 if flat else 0,
    )
