# SPDX-License-Identifier: Apache-2.0
"""What admission asks of the engine's state, with what a group has added to it so far.

What a market asks is worked out once a group. What an account needs is kept from the group before
(`core/needs.py`); an order that is taken changes only its own market's share of the sum.

Most orders are ordinary and pass. `AdmissionView.take` finds those in one look; whatever it leaves
is for `admission.check` to judge and to explain. What must change together: those two.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, NamedTuple

import msgspec

from infold.core.admission import MarketTerms, SlotView
from infold.core.doubts import doubts
from infold.core.funding import Mark
from infold.core.margin import mark_at
from infold.core.requirement import requirement_e6, tier_lots_e8
from infold.core.state import NO_FILL, Account, State
from infold.errors import InvariantBroken
from infold.messages import Order, SignedOrder
from infold.units import (
    FIRST_TRADER,
    FRACTION_ONE_E6,
    MARGIN_DIVISOR,
    PLACES,
    QUOTE_DIVISOR,
)
from infold.utc import moment
from infold.words import (
    STATUS_LIVE,
    STATUS_SHRINK_ONLY,
    STATUS_UNLISTED,
    DelegateWord,
    FillWord,
)

NO_SLOT: Final = SlotView()
_ABOVE: Final = 1 + 2**-30
"""Lifts a float above whatever its rounding may have taken."""
_fields: Final = msgspec.structs.astuple


class _Asks(NamedTuple):
    """What a market asks of an order and of a position, at one price."""

    price_e8: int
    margin_e14: int
    """Initial margin up to `flat_e8` lots: this times lots, over `MARGIN_DIVISOR`, up."""
    flat_e8: int
    """Lots up to the market's tier; beyond, the mark says what it asks."""
    fee_e14: int
    """The fee: this times lots, over `MARGIN_DIVISOR`, up."""
    band_e8: int
    """How far from the price an order may fill."""
    beside_e6: float
    """More than fee and band can ask of a lot, in e6: a bound, never an amount."""
    mark: Mark


class AdmissionView:
    """The `AdmissionState` of `core/admission.py`. Reads the state, keeps the group's own
    additions.
    """

    __slots__ = (
        "_expiry_ms_max",
        "_holders",
        "_now_ms",
        "_price_factor_max",
        "_terms",
        "asked",
        "marks",
        "state",
    )

    def __init__(self, state: State, now_ms: int) -> None:
        self.state = state
        self._now_ms = now_ms
        limits = state.settings.limits
        self._expiry_ms_max = now_ms + limits.expiry_ahead_ms_max
        self._price_factor_max = limits.price_factor_max
        self._holders: dict[int, HolderView] = {}
        self._terms: dict[int, MarketTerms | None] = {}
        prices_e8 = state.prices_e8
        self.asked = {
            market: self.asks_at(market, prices_e8.get(market, 0)) for market in state.markets
        }
        """What each market asks at its latest price; nothing before any price is known."""
        self.marks = state.needs.terms({market: asks.mark for market, asks in self.asked.items()})

    @property
    def wound_until_ms(self) -> int:
        return self.state.wound_until_ms

    def keep(self) -> None:
        """Leave the accounts' sums to the next view: they hold if all that was added is folded."""
        self.state.needs.put_back(
            {account: holder.needs for account, holder in self._holders.items()}
        )

    def take(self, signed: SignedOrder) -> bool:
        """Whether the order is an ordinary one and passes all of `check`; then it counts as open
        from here on. False says nothing, and changes nothing.
        """
        order, _, delegated, _, signer = _fields(signed)
        (
            account,
            market,
            buy,
            size_e8,
            limit_price_e8,
            max_fee_e6,
            _,
            _,
            reduce_only,
            _,
            _,
            _,
            expiry_ms,
            epoch,
            slot,
            seq,
        ) = _fields(order)
        holder = self._holders.get(account) or self.holder(account)
        terms = self._terms.get(market) or self.market_terms(market)
        if holder is None or terms is None:
            return False
        tick_e8, fee_e6, status, oracle_price_e8, _ = terms
        if (
            delegated
            or reduce_only
            or status != STATUS_LIVE
            or signer != holder.owner
            or epoch != holder.epoch
            or not self._now_ms < expiry_ms <= self._expiry_ms_max
            or limit_price_e8 % tick_e8
            or fee_e6 > max_fee_e6
        ):
            return False
        if oracle_price_e8 and (
            limit_price_e8 > oracle_price_e8 * self._price_factor_max
            if buy
            else limit_price_e8 * self._price_factor_max < oracle_price_e8
        ):
            return False
        # A slot that saw this very order saw its seq, so a duplicate needs no look at hashes.
        seen = holder.slots.get(slot, NO_SLOT)
        word = holder.fills.get(slot, NO_FILL)
        if (
            seen.open
            or seq <= seen.seq
            or seq <= word.seq
            or seq <= word.cancel_seq
            or slot in holder.taken
        ):
            return False
        needs = holder.needs
        held = needs.by_market_e6
        if len(held) >= PLACES and market not in held:
            return False
        if holder.weigh(market, buy, size_e8, limit_price_e8) > 0:
            return False
        holder.taken[slot] = signed
        needs.take(market, buy, size_e8, holder.next_need_e6)
        return True

    def add(self, signed: SignedOrder) -> None:
        """Count an order that passed `check` last as open from here on."""
        self._holders[signed.order.account].add(signed)

    def holder(self, account: int) -> HolderView | None:
        view = self._holders.get(account)
        if view is None:
            held = self.state.accounts.get(account)
            if held is None or account < FIRST_TRADER or not held.word.owner:
                return None
            view = self._holders[account] = HolderView(self, account, held)
        return view

    def market_terms(self, market: int) -> MarketTerms | None:
        if market in self._terms:
            return self._terms[market]
        held = self.state.markets.get(market)
        terms = None
        if held is not None:
            parameters = held.at(self._now_ms)
            if parameters.listing.tick_e8:
                price_e8 = self.state.prices_e8.get(market, 0)
                status, why = parameters.rates.status, ""
                if status == STATUS_LIVE:
                    why = self._why_shrinks(market, price_e8)
                    status = STATUS_SHRINK_ONLY if why else STATUS_LIVE
                elif status == STATUS_SHRINK_ONLY:
                    why = "the market is listed as shrinkOnly"
                if self.state.wound_until_ms:
                    status = STATUS_UNLISTED
                terms = MarketTerms(
                    parameters.listing.tick_e8, parameters.rates.fee_e6, status, price_e8, why
                )
        self._terms[market] = terms
        return terms

    def _why_shrinks(self, market: int, price_e8: int) -> str:
        """Why a live market only shrinks; empty if it does not."""
        limits = self.state.limits
        if limits.halts(self._now_ms):
            return f"all markets are halted until {moment(limits.halted_until_ms)}"
        if price_e8 and doubts(self.state, market, price_e8, self._now_ms):
            return "a second source contradicts the market's price, or is too old to confirm it"
        return ""

    def asks_at(self, market: int, price_e8: int) -> _Asks:
        """What the market asks at a price.

        Funding since the market's last settlement is left out: a few seconds' worth of an estimate,
        so that what accounts are worth can be kept until the next batch.
        """
        held = self.state.markets[market]
        rates = held.at(self._now_ms).rates
        fee_e14 = price_e8 * rates.fee_e6
        band_e8 = price_e8 * rates.band_e6 // FRACTION_ONE_E6
        return _Asks(
            price_e8,
            price_e8 * rates.im_e6,
            tier_lots_e8(price_e8, rates.tier),
            fee_e14,
            band_e8,
            (fee_e14 / MARGIN_DIVISOR + band_e8 / QUOTE_DIVISOR) * _ABOVE,
            mark_at(held, price_e8, self._now_ms)._replace(funding_index=held.clock.funding_index),
        )


class HolderView:
    """The `Holder` of `core/admission.py`: one account, with the group's additions."""

    __slots__ = (
        "_free_e6",
        "_held",
        "_view",
        "_weighed",
        "epoch",
        "fills",
        "needs",
        "next_need_e6",
        "owner",
        "slots",
        "taken",
    )

    def __init__(self, view: AdmissionView, account: int, held: Account) -> None:
        word = held.word
        self.owner = word.owner.to_bytes(20, "big")
        self.epoch = word.epoch
        self.slots = held.slots
        """What the venue saw in each slot before the group."""
        self.taken: dict[int, SignedOrder] = {}
        """The group's own orders by slot."""
        self.fills = held.fills
        self._view = view
        self._held = held
        needs = self.needs = view.state.needs.take(
            account, held.positions, held.buys_e8, held.sells_e8, view.marks
        )
        """Initial margin by market; keys are the markets held."""
        self._free_e6 = word.collateral_e6 + needs.worth_e6
        """Collateral and what positions are worth."""
        self._weighed: Order | None = None
        self.next_need_e6 = 0
        """What the market of the order weighed last will need once it is taken."""

    def add(self, signed: SignedOrder) -> None:
        """Count an order that was weighed last as open from here on. `InvariantBroken` if it was
        not.
        """
        order = signed.order
        self.taken[order.slot] = signed
        if self._weighed is not order:
            raise InvariantBroken("an order was taken that was not weighed before")
        self.needs.take(order.market, order.buy, order.size_e8, self.next_need_e6)

    def delegate(self, key: bytes) -> DelegateWord | None:
        return self._held.delegates.get(int.from_bytes(key, "big"))

    def approved_until_ms(self, order_hash: bytes) -> int:
        return self._held.approvals.get(order_hash, 0)

    def slot(self, slot: int) -> SlotView:
        taken = self.taken.get(slot)
        if taken is not None:
            return SlotView(taken.order.seq, taken.order_hash, True)
        return self.slots.get(slot, NO_SLOT)

    def fill_word(self, slot: int) -> FillWord:
        return self.fills.get(slot, NO_FILL)

    def base_e8(self, market: int) -> int:
        base_e8 = self.needs.bases_e8.get(market, 0)
        in_flight_e8 = self._view.state.in_flight_e8
        for open_order in self._held.orders.values():
            order = open_order.order
            if order.market == market:
                fill_e8 = in_flight_e8.get(open_order.signed.order_hash, 0)
                base_e8 += fill_e8 if order.buy else -fill_e8
        return base_e8

    def markets_held(self) -> Collection[int]:
        return self.needs.by_market_e6

    def margin_shortfall_e6(self, order: Order) -> int:
        """`weigh` of an order, which may then be added."""
        self._weighed = order
        return self.weigh(order.market, order.buy, order.size_e8, order.limit_price_e8)

    def weigh(self, market: int, buy: bool, size_e8: int, limit_price_e8: int) -> int:
        """What the worst way in which the account's open orders and this one could fill needs:
        initial margin, this order's fee and its worst price inside the band, less haircut equity
        at the latest prices; at the order's limit before its market has any. Of what is not short,
        only the sign is right: most orders are far from it, and then their fee need not be known.

        An order that cannot make its market's worst exposure larger than the position is never
        short.
        """
        needs = self.needs
        base_e8 = needs.bases_e8.get(market, 0)
        # The position with all buys, or less all sells: of the two signs, the one that adds.
        worst_e8 = base_e8 + needs.buys_e8.get(market, 0)
        sold_e8 = needs.sells_e8.get(market, 0) - base_e8
        if buy:
            worst_e8 += size_e8
        else:
            sold_e8 += size_e8
        if sold_e8 > worst_e8:
            worst_e8 = sold_e8
        price_e8, margin_e14, flat_e8, fee_e14, band_e8, beside_e6, mark = self._view.asked[market]
        if worst_e8 <= flat_e8:
            need_e6 = -(-worst_e8 * margin_e14 // MARGIN_DIVISOR)
        else:
            need_e6 = requirement_e6(worst_e8 * price_e8, mark.im_e6, mark.tier)
        self.next_need_e6 = need_e6
        if worst_e8 <= base_e8 or worst_e8 <= -base_e8:
            return 0
        if not price_e8:
            asks = self._view.asks_at(market, limit_price_e8)
            price_e8, margin_e14, flat_e8, fee_e14, band_e8, beside_e6, mark = asks
            need_e6 = requirement_e6(worst_e8 * price_e8, mark.im_e6, mark.tier)
        short_e6 = need_e6 - needs.by_market_e6.get(market, 0) + needs.total_e6 - self._free_e6
        if short_e6 + size_e8 * beside_e6 < -2:  # each of the two is rounded up
            return short_e6
        short_e6 -= -size_e8 * fee_e14 // MARGIN_DIVISOR
        slip_e8 = limit_price_e8 - price_e8 if buy else price_e8 - limit_price_e8
        if slip_e8 > 0:
            if slip_e8 > band_e8:
                slip_e8 = band_e8
            short_e6 -= -slip_e8 * size_e8 // QUOTE_DIVISOR
        return short_e6
