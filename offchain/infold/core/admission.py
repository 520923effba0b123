# SPDX-License-Identifier: Apache-2.0
"""Whether the venue will stand behind an order, as its state stands.

`core/reading.py` has made an order with a signer out of bytes; `check` asks the state who the
signer is, what the slot already saw and what the order would lead to. It raises `Rejected` and
changes nothing, so a group may be read on other cores while one engine checks in sequence.

What passes here the contract would take at the next batch, as far as anyone can know before it; the
one rule that is stricter than the contract's is the slot's (docs/decisions/0010-slots-admit-one-
order.md).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import msgspec

from infold.errors import Rejected
from infold.messages import Order, SignedCancel, SignedOrder
from infold.units import (
    AMOUNT_DECIMALS,
    DAY_MS,
    FRACTION_DECIMALS,
    PLACES,
    PRICE_DECIMALS,
    QUOTE_DIVISOR,
    format_decimal,
)
from infold.words import (
    STATUS_LIVE,
    STATUS_SHRINK_ONLY,
    DelegateWord,
    FillWord,
    delegate_markets,
)

# -- what admission needs to know ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """The venue's own bounds, tighter than the contract's."""

    body_bytes_max: int = 1_024
    """The longest spelling of an order needs 612 bytes; the rest is room for blanks."""
    expiry_ahead_ms_max: int = 366 * DAY_MS
    """A year: nobody should find a forgotten signature filled later than that."""
    price_factor_max: int = 10
    """A buy limit above, or a sell limit below, the oracle by this factor is taken for a slip."""


class MarketTerms(NamedTuple):
    """A market's rules as of the next batch, a halt counted in its status; `oracle_price_e8` is
    the latest known, 0 before any.
    """

    tick_e8: int
    fee_e6: int
    status: int
    oracle_price_e8: int
    why_shrinks: str = ""
    """Why it only shrinks, and until when, if that is known."""


class SlotView(msgspec.Struct, frozen=True, gc=False):
    """What a slot saw last: the highest seq taken or cancelled in it, whose hash, and if it is
    open.
    """

    seq: int = 0
    order_hash: bytes = b""
    open: bool = False


class Holder(Protocol):
    """What `check` asks of one open account. Nothing here may change it."""

    @property
    def owner(self) -> bytes:
        """The owner's address (20 bytes)."""

    @property
    def epoch(self) -> int:
        """The account's present epoch."""

    def delegate(self, key: bytes) -> DelegateWord | None:
        """The word of a delegated key (20 bytes), None if it was never granted."""

    def approved_until_ms(self, order_hash: bytes) -> int:
        """The last T at which an order approved on chain serves; 0 if it never was."""

    def slot(self, slot: int) -> SlotView:
        """What the venue itself saw in the slot; `SlotView()` if nothing."""

    def fill_word(self, slot: int) -> FillWord:
        """The chain's word of the slot; `FillWord()` if it was never written."""

    def base_e8(self, market: int) -> int:
        """The account's position, signed lots, with every fill so far."""

    def markets_held(self) -> Collection[int]:
        """Markets in which the account has a position or an open order."""

    def margin_shortfall_e6(self, order: Order) -> int:
        """What is missing for the order to pass its margin check if it filled whole; 0 or less if
        nothing.
        """


class AdmissionState(Protocol):
    """What `check` asks of the engine's state. Nothing here may change it."""

    @property
    def wound_until_ms(self) -> int:
        """Until when debts are told, once the venue is wound down for good; 0 before."""

    def holder(self, account: int) -> Holder | None:
        """The account, None if it is not open."""

    def market_terms(self, market: int) -> MarketTerms | None:
        """The market's rules, None if it is not listed."""


# -- checking --------------------------------------------------------------------------------------


def check(signed: SignedOrder, state: AdmissionState, now_ms: int, limits: Limits) -> None:
    """Raise `Rejected` unless the order could fill in the next batch, as the state stands.

    The first failing rule speaks: whether there is a venue, who, when, which, what, and last what
    it would lead to.
    """
    if state.wound_until_ms:
        raise Rejected("WOUND_DOWN", None, "no batch settles any more")
    order = signed.order
    account, market = order.account, order.market
    holder = state.holder(account)
    if holder is None:
        raise Rejected("UNKNOWN_ACCOUNT", "account", f"account {account} is not open")
    if signed.delegated:
        _check_delegate(signed, holder, now_ms)
    elif signed.approved:
        if holder.approved_until_ms(signed.order_hash) <= now_ms:
            raise Rejected("NOT_APPROVED", "signature", f"0x{signed.order_hash.hex()}")
    elif signed.signer != holder.owner:
        raise Rejected("NOT_THE_SIGNER", "signature", f"0x{signed.signer.hex()} signed")
    if order.epoch != holder.epoch:
        raise Rejected("EPOCH", "epoch", f"the account's epoch is {holder.epoch}")

    expiry_ms = order.expiry_ms
    if expiry_ms <= now_ms:
        raise Rejected("EXPIRED", "expiry", f"it is {now_ms} already")
    if expiry_ms > now_ms + limits.expiry_ahead_ms_max:
        latest = now_ms + limits.expiry_ahead_ms_max
        raise Rejected("EXPIRY_TOO_FAR", "expiry", f"at most {latest} is taken")

    # One order a slot, and each seq once: an order that was cancelled or filled never comes back.
    slot, seq = order.slot, order.seq
    seen = holder.slot(slot)
    if seen.order_hash == signed.order_hash:
        raise Rejected("DUPLICATE", None, f"0x{signed.order_hash.hex()}")
    word = holder.fill_word(slot)
    if seq <= word.cancel_seq:
        raise Rejected("CANCELLED", "seq", f"up to {word.cancel_seq} is cancelled on chain")
    if seq <= seen.seq or seq <= word.seq:
        raise Rejected("SEQ_TOO_OLD", "seq", f"slot {slot} saw {max(seen.seq, word.seq)}")
    if seen.open:
        raise Rejected("SLOT_TAKEN", "slot", f"slot {slot} holds the open order of seq {seen.seq}")

    terms = state.market_terms(market)
    if terms is None:
        raise Rejected("UNKNOWN_MARKET", "market", f"market {market} is not listed")
    limit_price_e8 = order.limit_price_e8
    if limit_price_e8 % terms.tick_e8:
        tick = format_decimal(terms.tick_e8, PRICE_DECIMALS)
        raise Rejected("PRICE_TICK", "price", f"the tick is {tick}")
    oracle_price_e8 = terms.oracle_price_e8
    if oracle_price_e8 and (
        limit_price_e8 > oracle_price_e8 * limits.price_factor_max
        if order.buy
        else limit_price_e8 * limits.price_factor_max < oracle_price_e8
    ):
        oracle = format_decimal(oracle_price_e8, PRICE_DECIMALS)
        raise Rejected("PRICE_BAND", "price", f"the oracle stands at {oracle}")
    if terms.fee_e6 > order.max_fee_e6:
        fee = format_decimal(terms.fee_e6, FRACTION_DECIMALS)
        raise Rejected("FEE_TOO_LOW", "maxFee", f"the market's fee is {fee}")

    if terms.status != STATUS_LIVE or order.reduce_only:
        _check_shrinks(order, terms, holder.base_e8(market))
    held = holder.markets_held()
    if len(held) >= PLACES and market not in held:
        raise Rejected("MARKETS_FULL", "market")
    shortfall_e6 = holder.margin_shortfall_e6(order)
    if shortfall_e6 > 0:
        missing = format_decimal(shortfall_e6, AMOUNT_DECIMALS)
        raise Rejected("INSUFFICIENT_MARGIN", None, f"{missing} of collateral is missing")


def _check_delegate(signed: SignedOrder, holder: Holder, now_ms: int) -> None:
    """The scope of a delegated key, judged as the contract will (reason 10)."""
    order = signed.order
    word = live_delegate(holder, signed.signer, now_ms)
    if order.market not in delegate_markets(word.markets):
        raise Rejected("DELEGATE_SCOPE", "market", "the market was not granted to the key")
    if order.size_e8 * order.limit_price_e8 // QUOTE_DIVISOR > word.notional_e6:
        granted = format_decimal(word.notional_e6, AMOUNT_DECIMALS)
        raise Rejected("DELEGATE_SCOPE", "size", f"the key's orders are bounded by {granted}")


def live_delegate(holder: Holder, key: bytes, now_ms: int) -> DelegateWord:
    """The key's word; `Rejected` if it was never granted or ends by `now_ms`."""
    word = holder.delegate(key)
    if word is None:
        raise Rejected("DELEGATE_UNKNOWN", "signature", f"0x{key.hex()} holds no grant")
    if word.expiry_ms <= now_ms:
        raise Rejected("DELEGATE_EXPIRED", "signature", f"its grant ended at {word.expiry_ms}")
    return word


def _check_shrinks(order: Order, terms: MarketTerms, base_e8: int) -> None:
    """A closed market takes nothing; a shrinking market and a reduce-only order need the other
    side.
    """
    shrinks = base_e8 < 0 if order.buy else base_e8 > 0
    if terms.status not in (STATUS_LIVE, STATUS_SHRINK_ONLY):
        raise Rejected("MARKET_CLOSED", "market")
    if terms.status == STATUS_SHRINK_ONLY and not shrinks:
        raise Rejected("MARKET_SHRINK_ONLY", "market", terms.why_shrinks)
    if order.reduce_only and not shrinks:
        raise Rejected("REDUCE_ONLY", "reduceOnly", "there is nothing to reduce on that side")


def check_cancel(signed: SignedCancel, state: AdmissionState, now_ms: int) -> None:
    """Raise `Rejected` unless the signer may cancel and the slot holds an open order up to that
    seq.
    """
    cancel = signed.cancel
    holder = state.holder(cancel.account)
    if holder is None:
        raise Rejected("UNKNOWN_ACCOUNT", "account", f"account {cancel.account} is not open")
    if signed.delegated:
        live_delegate(holder, signed.signer, now_ms)
    elif signed.signer != holder.owner:
        raise Rejected("NOT_THE_SIGNER", "signature", f"0x{signed.signer.hex()} signed")
    seen = holder.slot(cancel.slot)
    if not seen.open or seen.seq > cancel.seq:
        raise Rejected("NOT_OPEN", "seq", f"slot {cancel.slot} has no open order up to it")
