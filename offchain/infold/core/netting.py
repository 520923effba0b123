# SPDX-License-Identifier: Apache-2.0
"""From fills to records: places, order, price list, and the words that are signed and posted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from infold.core.events import BatchClosed, ClearingPrice, PlannedRecord
from infold.core.plan import Plan, PlannedFill
from infold.core.pool import is_pool_market
from infold.core.settlement import DEALS_MAX, RECORDS_MAX
from infold.core.state import Account, OpenOrder, State
from infold.errors import InvariantBroken
from infold.messages import BatchRecord
from infold.signing import batch_contents
from infold.units import PLACES
from infold.vectors import opened_for
from infold.words import (
    PriceWord,
    SettleHead,
    pack_price,
    pack_record,
    pack_settle_head,
)

NO_ROOT = bytes(32)
"""`accepted_root` until accepted orders are committed to."""


class MatchedFill(NamedTuple):
    """What the auction gave one open order."""

    open_order: OpenOrder
    fill_e8: int


class Material(NamedTuple):
    """What is signed (`contents`) and posted, beside the vector's openings and signatures."""

    head: int
    price_words: list[int]
    records: list[BatchRecord]
    contents: bytes


def records_of(state: State, fills: Iterable[MatchedFill]) -> list[PlannedRecord]:
    """Records in the chain's order, each with the place of the position it moves.

    A market the account holds keeps its place; a new one takes the lowest free one. A place that
    closes in this batch is free only after it, as on chain.
    """
    ordered = sorted(fills, key=_place_of)
    records: list[PlannedRecord] = []
    account = -1
    places: dict[int, int] = {}
    for open_order, fill_e8 in ordered:
        order = open_order.order
        if order.account != account:
            account = order.account
            places = _places(state.accounts[account])
        index = places.get(order.market)
        if index is None:
            index = places[order.market] = _free_place(account, places)
        records.append(PlannedRecord(open_order.signed.order_hash, index, fill_e8))
    return records


def _place_of(fill: MatchedFill) -> tuple[int, int]:
    return fill.open_order.order.account, fill.open_order.order.slot


def _places(held: Account) -> dict[int, int]:
    return {position.market: index for index, position in held.positions.items()}


def _free_place(account: int, places: Mapping[int, int]) -> int:
    taken = set(places.values())
    for index in range(PLACES):
        if index not in taken:
            return index
    raise InvariantBroken(
        f"account {account} was matched in a market beyond its {PLACES};"
        " admission lets none through"
    )


def gross_e8(fills: Iterable[MatchedFill]) -> dict[int, int]:
    """What the buy fills of each traded market add up to."""
    gross: dict[int, int] = {}
    for open_order, fill_e8 in fills:
        order = open_order.order
        gross[order.market] = gross.get(order.market, 0) + (fill_e8 if order.buy else 0)
    return gross


def price_list(clearing_e8: Mapping[int, int], fills: Iterable[MatchedFill]) -> list[ClearingPrice]:
    """The price words: every market with fills, at its clearing price and with its exact gross."""
    return [
        ClearingPrice(market, clearing_e8[market], gross)
        for market, gross in sorted(gross_e8(fills).items())
    ]


def opened_chunks(
    state: State,
    records: Iterable[PlannedRecord],
    clearing: Iterable[ClearingPrice],
    prices_e8: Mapping[int, int],
    strikes: bool,
) -> int:
    """Bit set of the chunks the batch must open: priced markets, what filled accounts hold, and
    what the backstop holds, which is read if anything is skipped.

    A strike reads what the pool holds, and a liquidation that lands first may make any market with
    open interest the pool's.
    """
    markets = {price.market for price in clearing}
    for account in {state.orders[record.order_hash].order.account for record in records}:
        markets.update(p.market for p in state.accounts[account].positions.values())
    for market, held in state.markets.items():
        if held.backstop.base_e8 or (
            strikes and (is_pool_market(held) or held.meter.open_interest_e8)
        ):
            markets.add(market)
    return opened_for(market for market in markets if market in prices_e8)


def plan_of(state: State, closed: BatchClosed) -> Plan:
    """A closed batch as `settle` reads it."""
    return Plan(
        closed.number,
        closed.time_ms,
        closed.chunks,
        closed.opened,
        closed.prices_e8,
        [PriceWord(price.market, price.price_e8, price.gross_e8) for price in closed.clearing],
        [
            PlannedFill(state.orders[record.order_hash].signed, record.index, record.fill_e8)
            for record in closed.records
        ],
    )


def material_of(state: State, closed: BatchClosed) -> Material:
    """The words of a closed batch; the same ones after any restart."""
    head = pack_settle_head(SettleHead(closed.number, closed.time_ms, closed.chunks, closed.opened))
    price_words = [
        pack_price(PriceWord(price.market, price.price_e8, price.gross_e8))
        for price in closed.clearing
    ]
    records = [_record(state, record) for record in closed.records]
    contents = batch_contents(head, closed.root, closed.accepted_root, price_words, records)
    return Material(head, price_words, records, contents)


def _record(state: State, record: PlannedRecord) -> BatchRecord:
    signed = state.orders[record.order_hash].signed
    return pack_record(
        signed.order,
        record.index,
        record.fill_e8,
        signed.delegated,
        signed.r,
        signed.vs,
        signed.approved,
    )


# What a record costs by what it touches, from receipts, rounded up. An estimate too low loses the
# whole batch to the gas limit; one too high only leaves some orders for the next.
GAS_FIXED: Final = 400_000
GAS_MARKET: Final = 60_000
GAS_ACCOUNT: Final = 8_000
GAS_POSITION: Final = 6_000
GAS_HELD: Final = 7_000
GAS_RECORD: Final = 16_000
GAS_NEW_WORD: Final = 20_000


def fitting(state: State, fills: Sequence[MatchedFill]) -> list[MatchedFill]:
    """The longest run of `fills`, from the first, that fits a batch."""
    records_max = min(state.settings.records_max, RECORDS_MAX)
    gas = GAS_FIXED
    markets: set[int] = set()
    accounts: dict[int, int] = {}
    positions: set[tuple[int, int]] = set()
    kept: list[MatchedFill] = []
    for fill in fills:
        order = fill.open_order.order
        held = state.accounts[order.account]
        if order.account not in accounts:
            accounts[order.account] = 0
            gas += GAS_ACCOUNT + GAS_HELD * len(held.positions)
        accounts[order.account] += 1
        if (order.account, order.market) not in positions:
            positions.add((order.account, order.market))
            new = held.index_of(order.market) is None
            gas += GAS_POSITION + (GAS_NEW_WORD if new else 0)
        gas += GAS_RECORD + (0 if order.slot in held.fills else GAS_NEW_WORD)
        if order.market not in markets:
            markets.add(order.market)
            gas += GAS_MARKET
        if gas > state.settings.gas_max or len(markets) > DEALS_MAX or len(kept) == records_max:
            break
        kept.append(fill)
    return kept


def fills_by_account(fills: Sequence[MatchedFill]) -> dict[int, list[MatchedFill]]:
    """The fills of each account, in the order given."""
    groups: dict[int, list[MatchedFill]] = {}
    for fill in fills:
        groups.setdefault(fill.open_order.order.account, []).append(fill)
    return groups
