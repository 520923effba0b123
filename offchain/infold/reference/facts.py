# SPDX-License-Identifier: Apache-2.0
"""What chain and calldata say of one landed batch, laid out for the invariants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from .digests import Record
from .groups import planned_quote
from .history import Event
from .settlement import Prepared, SettleCall
from .state import INCOMING, POOL, State
from .words import Clock, Head, Holding, Meter, PriceWord, SettledFill, SettledHead, SettleHead


class Filled(NamedTuple):
    """A record that filled, and the fill that `AccountSettled` logged for it."""

    record: Record
    hash: bytes
    logged: SettledFill
    ordinal: int


class MarketFacts(NamedTuple):
    """A market of the price list, from its log and the storage before the batch."""

    market: int
    price_e8: int
    oracle_price_e8: int
    clock_before: Clock
    clock: Clock
    pool_before: Holding
    incoming: Holding
    pool: Holding
    meter_before: Meter
    meter: Meter
    # What the pool sold by the chain's own words, `incoming` left out, and what the records
    # planned.
    residual_e8: int
    planned_residual_e8: int
    plan_quote_e6: int


class BatchFacts(NamedTuple):
    """A landed batch."""

    call: SettleCall
    prepared: Prepared
    head: SettleHead
    now_ms: int
    head_before: Head
    head_after: Head
    filled: list[Filled]
    skipped: dict[tuple[int, int], int]
    settled: dict[int, SettledHead]
    markets: list[MarketFacts]
    events: Sequence[Event]
    signer_of: Callable[[int], int | None]


def facts_of(
    call: SettleCall,
    prepared: Prepared,
    now_ms: int,
    events: Sequence[Event],
    skipped: dict[tuple[int, int], int],
    signer_of: Callable[[int], int | None],
    before: State,
) -> BatchFacts:
    """Lay out a batch; `before` is storage before it, `events` what `Clearing` logged in it."""
    settled: dict[int, SettledHead] = {}
    logged: dict[tuple[int, int], SettledFill] = {}
    head_before = Head.of(before.scalar("head"))
    head_after = head_before
    market_events: list[tuple[int, ...]] = []
    for event in events:
        if event.name == "Filled":
            fill = SettledFill.of(_integers(event)[0])
            settled[fill.account] = SettledHead(fill.account, 1, 1, False)
            logged[fill.account, fill.slot] = fill
        elif event.name == "AccountSettled":
            word, words = event.arguments
            assert isinstance(word, int) and isinstance(words, list)
            head = SettledHead.of(word)
            settled[head.account] = head
            for fill_word in words[: head.fills]:
                assert isinstance(fill_word, int)
                fill = SettledFill.of(fill_word)
                logged[fill.account, fill.slot] = fill
        elif event.name == "MarketSettled":
            market_events.append(_integers(event))
        elif event.name == "BatchSettled":
            head_after = Head.of(_integers(event)[1])
    filled = [
        Filled(record, prepared.hashes[ordinal], logged[record.account, record.slot], ordinal)
        for ordinal, record in enumerate(prepared.records)
        if (record.account, record.slot) in logged
    ]
    return BatchFacts(
        call,
        prepared,
        SettleHead.of(call.head),
        now_ms,
        head_before,
        head_after,
        filled,
        skipped,
        settled,
        _markets(call, prepared, market_events, before),
        events,
        signer_of,
    )


def _integers(event: Event) -> tuple[int, ...]:
    return tuple(argument for argument in event.arguments if isinstance(argument, int))


def _markets(
    call: SettleCall, prepared: Prepared, logs: Sequence[tuple[int, ...]], before: State
) -> list[MarketFacts]:
    prices = {word >> 240: PriceWord.of(word).price_e8 for word in call.prices}
    planned: dict[int, int] = defaultdict(int)
    quotes: dict[int, int] = defaultdict(int)
    for record in prepared.records:
        planned[record.market] += record.fill_e8 if record.buy else -record.fill_e8
        quotes[record.market] += planned_quote(record, prices[record.market])
    facts = []
    for market, price_e8, clock, pool, meter, _ in logs:
        pool_before = Holding.of(before.market_word(market, POOL))
        incoming = Holding.of(before.market_word(market, INCOMING))
        after = Holding.of(pool)
        facts.append(
            MarketFacts(
                market,
                price_e8,
                prepared.vector.prices_e8.get(market, 0),
                Clock.of(before.market_word(market, 0)),
                Clock.of(clock),
                pool_before,
                incoming,
                after,
                Meter.of(before.market_word(market, 2)),
                Meter.of(meter),
                pool_before.base_e8 + incoming.base_e8 - after.base_e8,
                planned[market],
                quotes[market],
            )
        )
    return facts
