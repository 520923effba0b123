# SPDX-License-Identifier: Apache-2.0
"""What admission asks of the engine's state, with what a group has added to it so far.

What a market asks is worked out once a group. What an account needs is kept from the group before
(`core/needs.py`); an order that is taken changes only its own market's share of the sum.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

from infold.core.admission import MarketTerms, SlotView
from infold.core.funding import Mark
from infold.core.margin import mark_at
from infold.core.state import NO_FILL, Account, State
from infold.errors import InvariantBroken
from infold.messages import Order, SignedOrder
from infold.units import FIRST_TRADER, FRACTION_ONE_E6, MARGIN_DIVISOR, QUOTE_DIVISOR
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

    __slots__ = ("_holders", "_now_ms", "_state", "_terms", "asked", "margins_e14", "marks")

    def __init__(self, state: State, now_ms: int) -> None:
        self._state = state
        self._now_ms = now_ms
        self._holders: dict[int, HolderView] = {}
        self._terms: dict[int, MarketTerms | None] = {}
        prices_e8 = state.prices_e8
        self.asked = {
            market: self.asks_at(market, prices_e8.get(market, 0)) for market in state.markets
        }
        """What each market asks at its latest price; nothing before any price is known."""
        self.margins_e14, self.marks = state.needs.terms(
            {market: asks.margin_e14 for market, asks in self.asked.items()},
            {market: asks.mark for market, asks in self.asked.items()},
        )

    def keep(self) -> None:
        """Leave the accounts' sums to the next view: they hold if all that was added is folded."""
        put_back = self._state.needs.put_back
        for account, holder in self._holders.items():
            put_back(account, holder.needs)

    def add(self, signed: SignedOrder) -> None:
        """Count an order that passed `check` as open from here on."""
        self._holders[signed.order.account].add(signed)

    def holder(self, account: int) -> HolderView | None:
        view = self._holders.get(account)
        if view is None:
            held = self._state.accounts.get(account)
            if held is None or account < FIRST_TRADER or not held.word.owner:
                return None
            view = self._holders[account] = HolderView(self, self._state, account, held)
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

    def asks_at(self, market: int, price_e8: int) -> _Asks:
        """What the market asks at a price.

        Funding since the market's last settlement is left out: a few seconds' worth of an estimate,
        so that what accounts are worth can be kept until the next batch.
        """
        held = self._state.markets[market]
        rates = held.at(self._now_ms).rates
        return _Asks(
            price_e8,
            price_e8 * rates.im_e6,
            price_e8 * rates.fee_e6,
            price_e8 * rates.band_e6 // FRACTION_ONE_E6,
            mark_at(held, price_e8, self._now_ms)._replace(funding_index=held.clock.funding_index),
        )


class HolderView:
    """The `Holder` of `core/admission.py`: one account, with the group's additions."""

    __slots__ = (
        "_asked",
        "_free_e6",
        "_held",
        "_next_need_e6",
        "_slots",
        "_state",
        "_view",
        "_weighed",
        "epoch",
        "needs",
        "owner",
    )

    def __init__(self, view: AdmissionView, state: State, account: int, held: Account) -> None:
        self.owner = held.word.owner.to_bytes(20, "big")
        self.epoch = held.word.epoch
        self._view = view
        self._state = state
        self._held = held
        self._slots: dict[int, SignedOrder] = {}
        self._asked = view.asked
        needs = self.needs = state.needs.take(
            account, held.positions, held.buys_e8, held.sells_e8, view.margins_e14, view.marks
        )
        """Initial margin by market; keys are the markets held."""
        self._free_e6 = held.word.collateral_e6 + needs.worth_e6
        """Collateral and what positions are worth."""
        self._weighed: Order | None = None
        self._next_need_e6 = 0
        """What the market of the order weighed last will need once it is taken."""

    def add(self, signed: SignedOrder) -> None:
        """Count an order that was weighed last as open from here on."""
        order = signed.order
        self._slots[order.slot] = signed
        if self._weighed is not order:
            raise InvariantBroken("an order was taken that was not weighed before")
        self.needs.take(order.market, order.buy, order.size_e8, self._next_need_e6)

    def delegate(self, key: bytes) -> DelegateWord | None:
        return self._held.delegates.get(int.from_bytes(key, "big"))

    def slot(self, slot: int) -> SlotView:
        taken = self._slots.get(slot)
        if taken is not None:
            return SlotView(taken.order.seq, taken.order_hash, True)
        return self._held.slots.get(slot, NO_SLOT)

    def fill_word(self, slot: int) -> FillWord:
        return self._held.fills.get(slot, NO_FILL)

    def base_e8(self, market: int) -> int:
        base_e8 = self.needs.bases_e8.get(market, 0)
        in_flight_e8 = self._state.in_flight_e8
        for open_order in self._held.orders.values():
            order = open_order.order
            if order.market == market:
                fill_e8 = in_flight_e8.get(open_order.signed.order_hash, 0)
                base_e8 += fill_e8 if order.buy else -fill_e8
        return base_e8

    def markets_held(self) -> Collection[int]:
        return self.needs.by_market_e6

    def margin_shortfall_e6(self, order: Order) -> int:
        """What the worst way in which the account's open orders and this one could fill needs:
        initial margin, this order's fee and its worst price inside the band, less haircut equity
        at the latest prices; at the order's limit before its market has any.

        An order that cannot make its market's worst exposure larger than the position is never
        short.
        """
        market, size_e8, limit_price_e8 = order.market, order.size_e8, order.limit_price_e8
        needs = self.needs
        base_e8 = needs.bases_e8.get(market, 0)
        # The position with all buys, or less all sells: of the two signs, the one that adds.
        worst_e8 = base_e8 + needs.buys_e8.get(market, 0)
        sold_e8 = needs.sells_e8.get(market, 0) - base_e8
        if order.buy:
            worst_e8 += size_e8
        else:
            sold_e8 += size_e8
        if sold_e8 > worst_e8:
            worst_e8 = sold_e8
        price_e8, margin_e14, fee_e14, band_e8, _ = self._asked[market]
        need_e6 = -(-worst_e8 * margin_e14 // MARGIN_DIVISOR)
        self._weighed = order
        self._next_need_e6 = need_e6
        if worst_e8 <= base_e8 or worst_e8 <= -base_e8:
            return 0
        if not price_e8:
            price_e8, margin_e14, fee_e14, band_e8, _ = self._view.asks_at(market, limit_price_e8)
            need_e6 = -(-worst_e8 * margin_e14 // MARGIN_DIVISOR)
        short_e6 = need_e6 - needs.by_market_e6.get(market, 0) + needs.total_e6 - self._free_e6
        short_e6 -= -size_e8 * fee_e14 // MARGIN_DIVISOR
        slip_e8 = limit_price_e8 - price_e8 if order.buy else price_e8 - limit_price_e8
        if slip_e8 > 0:
            if slip_e8 > band_e8:
                slip_e8 = band_e8
            short_e6 -= -slip_e8 * size_e8 // QUOTE_DIVISOR
        return short_e6
