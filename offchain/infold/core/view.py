# SPDX-License-Identifier: Apache-2.0
"""What admission asks of the engine's state, with what a group has added to it so far.

What a market asks and what an account needs are summed once a group; an order that is taken changes
only its own market's share of the sum.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from infold.core.admission import MarketTerms, SlotView
from infold.core.funding import credit
from infold.core.margin import MARGIN_DIVISOR, Mark, mark_at
from infold.core.state import NO_FILL, Account, State
from infold.messages import Order
from infold.units import FIRST_TRADER, FRACTION_ONE_E6, QUOTE_DIVISOR
from infold.words import DelegateWord, FillWord

NO_SLOT: Final = SlotView()


class _Asks(NamedTuple):
    """What a market asks of an order and of a position, at one price."""

    price_e8: int
    margin_e14: int
    """Initial margin: this times lots, over `MARGIN_DIVISOR`, up."""
    fee_e14: int
    """The fee: this times lots, over `MARGIN_DIVISOR`, up."""
    band_e8: int
    """How far from the price an order may fill."""
    mark: Mark


class AdmissionView:
    """The `AdmissionState` of `core/admission.py`. Reads the state, keeps the group's own
    additions.
    """

    __slots__ = ("_asks", "_holders", "_now_ms", "_state", "_terms")

    def __init__(self, state: State, now_ms: int) -> None:
        self._state = state
        self._now_ms = now_ms
        self._holders: dict[int, HolderView] = {}
        self._terms: dict[int, MarketTerms | None] = {}
        self._asks: dict[int, _Asks] = {}

    def add(self, order: Order, order_hash: bytes) -> None:
        """Count an order as open from here on."""
        self._holders[order.account].add(order, order_hash)

    def holder(self, account: int) -> HolderView | None:
        view = self._holders.get(account)
        if view is None:
            held = self._state.accounts.get(account)
            if held is None or account < FIRST_TRADER or not held.word.owner:
                return None
            view = self._holders[account] = HolderView(self, self._state, held)
        return view

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

    def asks(self, market: int) -> _Asks:
        """What the market asks at its latest price; nothing before any price is known."""
        asks = self._asks.get(market)
        if asks is None:
            asks = self.asks_at(market, self._state.prices_e8.get(market, 0))
            self._asks[market] = asks
        return asks

    def asks_at(self, market: int, price_e8: int) -> _Asks:
        """What the market asks at a price."""
        held = self._state.markets[market]
        rates = held.at(self._now_ms).rates
        return _Asks(
            price_e8,
            price_e8 * rates.im_e6,
            price_e8 * rates.fee_e6,
            price_e8 * rates.band_e6 // FRACTION_ONE_E6,
            mark_at(held, price_e8, self._now_ms),
        )


class HolderView:
    """The `Holder` of `core/admission.py`: one account, with the group's additions."""

    __slots__ = (
        "_bases_e8",
        "_buys_e8",
        "_held",
        "_needs_e6",
        "_sells_e8",
        "_short_e6",
        "_slots",
        "_state",
        "_view",
        "epoch",
        "owner",
    )

    def __init__(self, view: AdmissionView, state: State, held: Account) -> None:
        self.owner = held.word.owner.to_bytes(20, "big")
        self.epoch = held.word.epoch
        self._view = view
        self._state = state
        self._held = held
        self._slots: dict[int, SlotView] = {}
        buys_e8 = self._buys_e8 = held.buys_e8.copy()
        sells_e8 = self._sells_e8 = held.sells_e8.copy()
        bases_e8: dict[int, int] = {}
        short_e6 = -held.word.collateral_e6
        for position in held.positions.values():
            market, base_e8, quote_e6, funding_index, _ = position
            bases_e8[market] = base_e8
            mark = view.asks(market).mark
            worth_e6 = base_e8 * mark.price_e8 // QUOTE_DIVISOR + quote_e6
            worth_e6 += credit(base_e8, mark.funding_index - funding_index, mark.shift)
            if worth_e6 > 0:
                worth_e6 += -worth_e6 * mark.haircut_e6 // FRACTION_ONE_E6
            short_e6 -= worth_e6
        needs_e6: dict[int, int] = {}
        for market in {**bases_e8, **buys_e8, **sells_e8}:
            base_e8 = bases_e8.get(market, 0)
            worst_e8 = base_e8 + buys_e8.get(market, 0)
            sold_e8 = sells_e8.get(market, 0) - base_e8
            if sold_e8 > worst_e8:
                worst_e8 = sold_e8
            need_e6 = -(-worst_e8 * view.asks(market).margin_e14 // MARGIN_DIVISOR)
            needs_e6[market] = need_e6
            short_e6 += need_e6
        self._bases_e8 = bases_e8
        self._needs_e6 = needs_e6
        """Initial margin of the worst way the market's orders could fill; keys are the markets
        held."""
        self._short_e6 = short_e6
        """All needs, less collateral and what positions are worth."""

    def add(self, order: Order, order_hash: bytes) -> None:
        """Count an order as open from here on."""
        market = order.market
        self._slots[order.slot] = SlotView(order.seq, order_hash, True)
        side = self._buys_e8 if order.buy else self._sells_e8
        side[market] = side.get(market, 0) + order.size_e8
        worst_e8 = self._worst_e8(market, 0, 0)
        need_e6 = -(-worst_e8 * self._view.asks(market).margin_e14 // MARGIN_DIVISOR)
        self._short_e6 += need_e6 - self._needs_e6.get(market, 0)
        self._needs_e6[market] = need_e6

    def delegate(self, key: bytes) -> DelegateWord | None:
        return self._held.delegates.get(int.from_bytes(key, "big"))

    def slot(self, slot: int) -> SlotView:
        return self._slots.get(slot) or self._held.slots.get(slot, NO_SLOT)

    def fill_word(self, slot: int) -> FillWord:
        return self._held.fills.get(slot, NO_FILL)

    def base_e8(self, market: int) -> int:
        base_e8 = self._bases_e8.get(market, 0)
        in_flight_e8 = self._state.in_flight_e8
        for open_order in self._held.orders.values():
            order = open_order.order
            if order.market == market:
                fill_e8 = in_flight_e8.get(open_order.signed.order_hash, 0)
                base_e8 += fill_e8 if order.buy else -fill_e8
        return base_e8

    def markets_held(self) -> Collection[int]:
        return self._needs_e6

    def margin_shortfall_e6(self, order: Order) -> int:
        """What the worst way in which the account's open orders and this one could fill needs:
        initial margin, this order's fee and its worst price inside the band, less haircut equity
        at the latest prices; at the order's limit before its market has any.

        An order that cannot make its market's worst exposure larger than the position is never
        short.
        """
        market, size_e8, limit_price_e8 = order.market, order.size_e8, order.limit_price_e8
        if order.buy:
            worst_e8 = self._worst_e8(market, size_e8, 0)
        else:
            worst_e8 = self._worst_e8(market, 0, size_e8)
        if worst_e8 <= abs(self._bases_e8.get(market, 0)):
            return 0
        price_e8, margin_e14, fee_e14, band_e8, _ = self._view.asks(market)
        if not price_e8:
            price_e8, margin_e14, fee_e14, band_e8, _ = self._view.asks_at(market, limit_price_e8)
        short_e6 = self._short_e6 - self._needs_e6.get(market, 0)
        short_e6 -= -worst_e8 * margin_e14 // MARGIN_DIVISOR
        short_e6 -= -size_e8 * fee_e14 // MARGIN_DIVISOR
        slip_e8 = limit_price_e8 - price_e8 if order.buy else price_e8 - limit_price_e8
        if slip_e8 > 0:
            short_e6 -= -min(slip_e8, band_e8) * size_e8 // QUOTE_DIVISOR
        return short_e6

    def _worst_e8(self, market: int, buy_e8: int, sell_e8: int) -> int:
        """The largest exposure, either way, that the market's open orders and these lots can make.

        The position with all buys, or with all sells, whichever is larger: of two signs it is the
        one that adds.
        """
        base_e8 = self._bases_e8.get(market, 0)
        bought_e8 = base_e8 + self._buys_e8.get(market, 0) + buy_e8
        sold_e8 = self._sells_e8.get(market, 0) + sell_e8 - base_e8
        return bought_e8 if bought_e8 > sold_e8 else sold_e8
