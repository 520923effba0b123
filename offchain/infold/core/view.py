# SPDX-License-Identifier: Apache-2.0
"""What admission asks of the engine's state, with what a group has added to it so far."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final

from infold.core import margin
from infold.core.admission import MarketTerms, SlotView
from infold.core.margin import Mark
from infold.core.state import NO_FILL, Account, State
from infold.messages import Order
from infold.units import FIRST_TRADER, FRACTION_ONE_E6, QUOTE_DIVISOR, fee_up, quote_up
from infold.words import DelegateWord, FillWord

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
        account = order.account
        held = self._state.accounts[account]
        added = self._added.get(account)
        market = order.market
        base_e8 = 0
        exposures: dict[int, int] = {}
        for position in held.positions.values():
            exposures[position.market] = position.base_e8
        base_e8 = exposures.get(market, 0)
        buys_e8 = _sum(held.buys_e8, added.buys_e8 if added else None, market)
        sells_e8 = _sum(held.sells_e8, added.sells_e8 if added else None, market)
        if order.buy:
            buys_e8 += order.size_e8
        else:
            sells_e8 += order.size_e8
        worst_e8 = max(abs(base_e8 + buys_e8), abs(base_e8 - sells_e8))
        if worst_e8 <= abs(base_e8):
            return 0

        required_e6 = self._required_e6(order.market, worst_e8, order.limit_price_e8)
        for other in self.markets_held(account):
            if other != market:
                base_e8 = exposures.get(other, 0)
                buys_e8 = _sum(held.buys_e8, added.buys_e8 if added else None, other)
                sells_e8 = _sum(held.sells_e8, added.sells_e8 if added else None, other)
                worst_e8 = max(abs(base_e8 + buys_e8), abs(base_e8 - sells_e8))
                required_e6 += self._required_e6(other, worst_e8, 0)
        return required_e6 + self._cost_e6(order) - self._equity_e6(held)

    def _required_e6(self, market: int, size_e8: int, limit_price_e8: int) -> int:
        """Initial margin at the latest price, or at the limit before any price is known."""
        price_e8 = self._state.prices_e8.get(market, limit_price_e8)
        im_e6 = self._state.markets[market].at(self._now_ms).rates.im_e6
        return -(-size_e8 * price_e8 * im_e6 // (QUOTE_DIVISOR * FRACTION_ONE_E6))

    def _cost_e6(self, order: Order) -> int:
        """The order's fee, and what it loses at its worst price inside the band."""
        rates = self._state.markets[order.market].at(self._now_ms).rates
        price_e8 = self._state.prices_e8.get(order.market, order.limit_price_e8)
        away_e8 = order.limit_price_e8 - price_e8 if order.buy else price_e8 - order.limit_price_e8
        slip_e8 = max(0, min(away_e8, price_e8 * rates.band_e6 // FRACTION_ONE_E6))
        return fee_up(price_e8, order.size_e8, rates.fee_e6) + quote_up(slip_e8, order.size_e8)

    def _equity_e6(self, held: Account) -> int:
        """Collateral and positions after the haircut, at each market's latest price."""
        if not held.positions:
            return held.word.collateral_e6
        for position in held.positions.values():
            if position.market not in self._marks:
                market = self._state.markets[position.market]
                price_e8 = self._state.prices_e8.get(position.market, market.clock.price_e8)
                self._marks[position.market] = margin.mark_at(market, price_e8, self._now_ms)
        standing = margin.standing(held.positions.values(), self._marks)
        return held.word.collateral_e6 + standing.haircut_value_e6


def _sum(first: dict[int, int], second: dict[int, int] | None, market: int) -> int:
    return first.get(market, 0) + (second.get(market, 0) if second else 0)
