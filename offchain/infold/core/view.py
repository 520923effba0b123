# SPDX-License-Identifier: Apache-2.0
"""What admission asks of the engine's state, with what a group has added to it so far."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from infold.core.admission import MarketTerms, SlotView
from infold.core.funding import credit
from infold.core.margin import MARGIN_DIVISOR, Mark, mark_at
from infold.core.state import NO_FILL, State
from infold.messages import Order
from infold.units import FIRST_TRADER, FRACTION_ONE_E6, QUOTE_DIVISOR, fee_up, quote_up
from infold.words import DelegateWord, FillWord, RatesWord

NO_SLOT: Final = SlotView()


@dataclass(slots=True)
class _Added:
    """What orders accepted earlier in the same group bind of an account."""

    slots: dict[int, SlotView] = field(default_factory=dict)
    buys_e8: dict[int, int] = field(default_factory=dict)
    sells_e8: dict[int, int] = field(default_factory=dict)


class AdmissionView:
    """The `AdmissionState` of `core/admission.py`. Reads the state, keeps the group's own
    additions.
    """

    __slots__ = ("_added", "_marks", "_now_ms", "_state", "_terms")

    def __init__(self, state: State, now_ms: int) -> None:
        self._state = state
        self._now_ms = now_ms
        self._added: dict[int, _Added] = {}
        self._terms: dict[int, MarketTerms | None] = {}
        self._marks: dict[int, Mark] = {}

    def add(self, order: Order, order_hash: bytes) -> None:
        """Count an order as open from here on."""
        added = self._added.get(order.account)
        if added is None:
            added = self._added[order.account] = _Added()
        added.slots[order.slot] = SlotView(order.seq, order_hash, True)
        side = added.buys_e8 if order.buy else added.sells_e8
        side[order.market] = side.get(order.market, 0) + order.size_e8

    def owner(self, account: int) -> bytes | None:
        held = self._state.accounts.get(account)
        if held is None or account < FIRST_TRADER or not held.word.owner:
            return None
        return held.word.owner.to_bytes(20, "big")

    def epoch(self, account: int) -> int:
        return self._state.accounts[account].word.epoch

    def delegate(self, account: int, key: bytes) -> DelegateWord | None:
        return self._state.accounts[account].delegates.get(int.from_bytes(key, "big"))

    def slot(self, account: int, slot: int) -> SlotView:
        added = self._added.get(account)
        if added is not None and slot in added.slots:
            return added.slots[slot]
        return self._state.accounts[account].slots.get(slot, NO_SLOT)

    def fill_word(self, account: int, slot: int) -> FillWord:
        return self._state.accounts[account].fills.get(slot, NO_FILL)

    def market_terms(self, market: int) -> MarketTerms | None:
        if market in self._terms:
            return self._terms[market]
        held = self._state.markets.get(market)
        terms = None
        if held is not None:
            parameters = held.at(self._now_ms)
            if parameters.listing.tick_e8:
                terms = MarketTerms(
                    parameters.listing.tick_e8,
                    parameters.rates.fee_e6,
                    parameters.rates.status,
                    self._state.prices_e8.get(market, 0),
                )
        self._terms[market] = terms
        return terms

    def base_e8(self, account: int, market: int) -> int:
        held = self._state.accounts[account]
        index = held.index_of(market)
        base_e8 = held.positions[index].base_e8 if index is not None else 0
        for open_order in held.orders.values():
            order = open_order.order
            if order.market == market:
                fill_e8 = self._state.in_flight_e8.get(open_order.signed.order_hash, 0)
                base_e8 += fill_e8 if order.buy else -fill_e8
        return base_e8

    def markets_held(self, account: int) -> Collection[int]:
        held = self._state.accounts[account]
        markets = {position.market for position in held.positions.values()}
        markets.update(held.buys_e8, held.sells_e8)
        added = self._added.get(account)
        if added is not None:
            markets.update(added.buys_e8, added.sells_e8)
        return markets

    def margin_shortfall_e6(self, order: Order) -> int:
        """What the worst way in which the account's open orders and this one could fill needs:
        initial margin, this order's fee and its worst price inside the band, less haircut equity
        at the latest prices.

        An order that cannot make its market's worst exposure larger than the position is never
        short.
        """
        held = self._state.accounts[order.account]
        added = self._added.get(order.account)
        buys_e8 = _joined(held.buys_e8, added.buys_e8 if added else None)
        sells_e8 = _joined(held.sells_e8, added.sells_e8 if added else None)
        market = order.market
        index = held.index_of(market) if held.positions else None
        base_e8 = held.positions[index].base_e8 if index is not None else 0
        bought_e8, sold_e8 = buys_e8.get(market, 0), sells_e8.get(market, 0)
        if order.buy:
            bought_e8 += order.size_e8
        else:
            sold_e8 += order.size_e8
        worst_e8 = max(abs(base_e8 + bought_e8), abs(base_e8 - sold_e8))
        if worst_e8 <= abs(base_e8):
            return 0

        mark = self._mark(market, order.limit_price_e8)
        rates = self._state.markets[market].at(self._now_ms).rates
        short_e6 = _cost_e6(order, mark.price_e8, rates)
        short_e6 -= held.word.collateral_e6
        short_e6 -= -worst_e8 * mark.price_e8 * mark.im_e6 // MARGIN_DIVISOR
        bases_e8: dict[int, int] = {}
        for position in held.positions.values():
            other = position.market
            bases_e8[other] = position.base_e8
            mark = self._mark(other, 0)
            worth_e6 = position.base_e8 * mark.price_e8 // QUOTE_DIVISOR + position.quote_e6
            worth_e6 += credit(
                position.base_e8, mark.funding_index - position.funding_index, mark.shift
            )
            if worth_e6 > 0:
                worth_e6 += -worth_e6 * mark.haircut_e6 // FRACTION_ONE_E6
            short_e6 -= worth_e6
        for other in bases_e8.keys() | buys_e8.keys() | sells_e8.keys():
            if other != market:
                mark = self._mark(other, 0)
                base_e8 = bases_e8.get(other, 0)
                worst_e8 = max(
                    abs(base_e8 + buys_e8.get(other, 0)), abs(base_e8 - sells_e8.get(other, 0))
                )
                short_e6 -= -worst_e8 * mark.price_e8 * mark.im_e6 // MARGIN_DIVISOR
        return short_e6

    def _mark(self, market: int, limit_price_e8: int) -> Mark:
        """A market's mark at its latest price; at the limit before any price is known."""
        mark = self._marks.get(market)
        if mark is None:
            price_e8 = self._state.prices_e8.get(market, 0)
            mark = mark_at(self._state.markets[market], price_e8 or limit_price_e8, self._now_ms)
            if price_e8:
                self._marks[market] = mark
        return mark


def _cost_e6(order: Order, price_e8: int, rates: RatesWord) -> int:
    """The order's fee, and what it loses at its worst price inside the band."""
    band_e8 = price_e8 * rates.band_e6 // FRACTION_ONE_E6
    away_e8 = order.limit_price_e8 - price_e8 if order.buy else price_e8 - order.limit_price_e8
    slip_e8 = max(0, min(away_e8, band_e8))
    fee_e6 = fee_up(price_e8, order.size_e8, rates.fee_e6)
    return fee_e6 + quote_up(slip_e8, order.size_e8)


def _joined(first: dict[int, int], second: dict[int, int] | None) -> dict[int, int]:
    """Lots by market of both."""
    if not second:
        return first
    joined = dict(first)
    for market, size_e8 in second.items():
        joined[market] = joined.get(market, 0) + size_e8
    return joined
