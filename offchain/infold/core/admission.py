# SPDX-License-Identifier: Apache-2.0
"""From an order's bytes to an order the venue will stand behind.

Two halves. The first needs no state: `decode_order` reads the one accepted spelling, hashes it
under the venue's domain and recovers its signer. The second, `check`, asks the state who the signer
is, what the slot already saw and what the order would lead to. Both raise `Rejected` and change
nothing, so a group may be decoded on other cores while one engine checks in sequence.

What passes here the contract would take at the next batch, as far as anyone can know before it; the
one rule that is stricter than the contract's is the slot's (docs/decisions/0010-slots-admit-one-
order.md).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple, Protocol

import msgspec

from infold.errors import Rejected
from infold.messages import (
    TIME_IN_FORCE_WORDS,
    TRIGGER_KIND_WORDS,
    Cancel,
    CancelRequest,
    Order,
    OrderRequest,
    SignedCancel,
    SignedOrder,
)
from infold.signing import Domain, cancel_digest, order_hash, recover_group
from infold.units import (
    DAY_MS,
    FRACTION_DECIMALS,
    MARKETS_MAX,
    NOTIONAL_E6_MAX,
    PRICE_DECIMALS,
    PRICE_E8_MAX,
    QUOTE_DIVISOR,
    SIZE_DECIMALS,
    SIZE_E8_MAX,
    format_decimal,
    parse_decimal,
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


@dataclass(frozen=True, slots=True)
class Context:
    """What decoding needs: the signing domain and the markets by name."""

    domain: Domain
    markets: Mapping[str, int]
    limits: Limits = field(default_factory=Limits)


class MarketTerms(NamedTuple):
    """A market's rules as of the next batch; `oracle_price_e8` is the latest known, 0 before
    any.
    """

    tick_e8: int
    fee_e6: int
    status: int
    oracle_price_e8: int


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

    def holder(self, account: int) -> Holder | None:
        """The account, None if it is not open."""

    def market_terms(self, market: int) -> MarketTerms | None:
        """The market's rules, None if it is not listed."""


# -- decoding --------------------------------------------------------------------------------------

_NOTIONAL_E16_MAX: Final = NOTIONAL_E6_MAX * QUOTE_DIVISOR
_ORDER_FIELDS: Final = 18
_ORDER_QUOTES: Final = 2 * (_ORDER_FIELDS + 9)
"""Quotation marks of an order without escapes: 18 names and 9 texts. More means a name given twice,
which the decoder would let pass in silence. So does a colon more, unless it stands in a text; and
colons are sooner counted."""
_CANCEL_QUOTES: Final = 2 * (5 + 1)
_SIDES: Final = {"buy": True, "sell": False}
_TIMES_IN_FORCE: Final = {word: kind for kind, word in TIME_IN_FORCE_WORDS.items()}
_TRIGGER_KINDS: Final = {word: kind for kind, word in TRIGGER_KIND_WORDS.items()}
_NUMBERS: Final = frozenset(
    ("account size price maxFee triggerPrice goodAfter expiry epoch slot seq").split()
)
_PLACE: Final = re.compile(r"^(?P<what>.*?)(?: - at `\$(?:\.(?P<path>\w+))?`)?$", re.ASCII)
_parse_again: Final = lru_cache(maxsize=4_096)(parse_decimal)
"""`parse_decimal` for fields whose texts recur; a refused text is not kept."""
_order_decoder: Final = msgspec.json.Decoder(OrderRequest)
_cancel_decoder: Final = msgspec.json.Decoder(CancelRequest)


def decode_order(raw: bytes, context: Context) -> SignedOrder:
    """Read, bound, hash and recover one order; no state is asked."""
    outcome = decode_orders((raw,), context)[0]
    if isinstance(outcome, Rejected):
        raise outcome
    return outcome


def decode_orders(raws: Sequence[bytes], context: Context) -> list[SignedOrder | Rejected]:
    """`decode_order` for a group, in its order; a refusal takes the place of its order.

    Stage by stage rather than order by order: see `recover_group`.
    """
    orders: list[Order] = []
    delegations: list[bool] = []
    digests: list[bytes] = []
    pairs: list[bytes] = []
    refusals: list[tuple[int, Rejected]] = []
    domain = context.domain
    for place, raw in enumerate(raws):
        try:
            request, order = read_order(raw, context)
            pair = _signature(request.signature)
        except Rejected as rejected:
            refusals.append((place, rejected))
        else:
            orders.append(order)
            delegations.append(request.delegated)
            pairs.append(pair)
            digests.append(order_hash(order, domain))
    signers = recover_group(digests, pairs)
    outcomes: list[SignedOrder | Rejected] = [
        Rejected("BAD_SIGNATURE", "signature")
        if signer is None
        else SignedOrder(order, pair, delegated, digest, signer)
        for order, pair, delegated, digest, signer in zip(
            orders, pairs, delegations, digests, signers, strict=True
        )
    ]
    for place, refused in refusals:
        outcomes.insert(place, refused)
    return outcomes


def read_order(raw: bytes, context: Context) -> tuple[OrderRequest, Order]:
    """The order a body spells, with every field inside its bounds; the signature is not looked
    at.
    """
    if len(raw) > context.limits.body_bytes_max or b"\\" in raw or not raw.isascii():
        raise _not_plain(raw, context.limits.body_bytes_max)
    try:
        request = _order_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise _undecodable(error) from None
    market_name = request.market
    if (raw.count(b":") != _ORDER_FIELDS and raw.count(b'"') != _ORDER_QUOTES) or (
        raw.count(b"-") != market_name.count("-")
    ):
        raise _respelled(raw, _ORDER_QUOTES)
    market = context.markets.get(market_name)
    if market is None:
        raise Rejected("UNKNOWN_MARKET", "market", f"{market_name[:24]!r} is not listed")
    buy = _SIDES.get(request.side)
    time_in_force = _TIMES_IN_FORCE.get(request.time_in_force)
    trigger_kind = _TRIGGER_KINDS.get(request.trigger_kind)
    if buy is None or time_in_force is None or trigger_kind is None:
        raise _unknown_word(request)
    size_e8 = parse_decimal(request.size, SIZE_DECIMALS, "size")
    limit_price_e8 = parse_decimal(request.price, PRICE_DECIMALS, "price")
    trigger_price_e8 = _parse_again(request.trigger_price, PRICE_DECIMALS, "triggerPrice")
    max_fee_e6 = _parse_again(request.max_fee, FRACTION_DECIMALS, "maxFee")
    if not 0 < size_e8 <= SIZE_E8_MAX:
        raise Rejected("SIZE_OUT_OF_RANGE", "size", f"{request.size} is not tradable")
    if not 0 < limit_price_e8 <= PRICE_E8_MAX:
        raise Rejected("PRICE_OUT_OF_RANGE", "price", f"{request.price} is no limit")
    if size_e8 * limit_price_e8 > _NOTIONAL_E16_MAX:
        largest = format_decimal(NOTIONAL_E6_MAX, 6)
        raise Rejected("SIZE_OUT_OF_RANGE", "size", f"size times price exceeds {largest}")
    if (trigger_price_e8 == 0) != (trigger_kind == 0) or trigger_price_e8 > PRICE_E8_MAX:
        raise Rejected("TRIGGER_PRICE", "triggerPrice")
    account, epoch, slot, seq = request.account, request.epoch, request.slot, request.seq
    good_after_ms, expiry_ms = request.good_after, request.expiry
    if (
        not seq
        or (account | seq) >> 32
        or slot >> 8
        or (epoch | max_fee_e6) >> 16
        or (good_after_ms | expiry_ms) >> 48
    ):
        raise _out_of_range(request, max_fee_e6)
    if good_after_ms > expiry_ms:
        raise Rejected("GOOD_AFTER_PAST_EXPIRY", "goodAfter")
    if request.post_only and time_in_force:
        raise Rejected("POST_ONLY_NOT_RESTING", "timeInForce")
    return request, Order(
        account,
        market,
        buy,
        size_e8,
        limit_price_e8,
        max_fee_e6,
        time_in_force,
        request.post_only,
        request.reduce_only,
        trigger_kind,
        trigger_price_e8,
        good_after_ms,
        expiry_ms,
        epoch,
        slot,
        seq,
    )


def decode_cancel(raw: bytes, context: Context) -> SignedCancel:
    """Read, hash and recover one cancel; no state is asked."""
    if len(raw) > context.limits.body_bytes_max or b"\\" in raw or not raw.isascii():
        raise _not_plain(raw, context.limits.body_bytes_max)
    try:
        request = _cancel_decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise _undecodable(error) from None
    if raw.count(b'"') != _CANCEL_QUOTES or b"-" in raw:
        raise _respelled(raw, _CANCEL_QUOTES)
    for param, value, bits in (
        ("account", request.account, 32),
        ("slot", request.slot, 8),
        ("seq", request.seq, 32),
    ):
        if value >> bits:
            raise Rejected("OUT_OF_RANGE", param, f"at most {(1 << bits) - 1} fits")
    cancel = Cancel(account=request.account, slot=request.slot, seq=request.seq)
    pair = _signature(request.signature)
    signer = recover_group((cancel_digest(cancel, context.domain),), (pair,))[0]
    if signer is None:
        raise Rejected("BAD_SIGNATURE", "signature")
    return SignedCancel(
        cancel=cancel,
        r=int.from_bytes(pair[:32], "big"),
        vs=int.from_bytes(pair[32:], "big"),
        delegated=request.delegated,
        signer=signer,
    )


def _not_plain(raw: bytes, bytes_max: int) -> Rejected:
    """A body that is too long, or has an escape or a letter outside ASCII."""
    if len(raw) > bytes_max:
        return Rejected("TOO_LARGE", None, f"{len(raw)} bytes, at most {bytes_max} are read")
    return Rejected("MALFORMED", None, "escapes and letters outside ASCII are not taken")


def _respelled(raw: bytes, quotes: int) -> Rejected:
    """A second spelling the decoder lets pass: a name given twice, or -0, which JSON reads as 0."""
    if raw.count(b'"') != quotes:
        return Rejected("MALFORMED", None, "a field is given twice")
    return Rejected("NUMBER_NOT_CANONICAL", None, "a number has a sign")


def _signature(text: str) -> bytes:
    """r and vs, 64 bytes, from 0x and 128 hex digits; `fromhex` skips blanks, so both count."""
    if len(text) == 130 and text[:2] == "0x":
        try:
            pair = bytes.fromhex(text[2:])
        except ValueError:
            pair = b""
        if len(pair) == 64:
            return pair
    raise Rejected("SIGNATURE_MALFORMED", "signature")


def _undecodable(error: msgspec.MsgspecError) -> Rejected:
    """What the decoder disliked, as a rejection that names the field."""
    found = _PLACE.match(str(error))
    what, param = (found["what"], found["path"]) if found else (str(error), None)
    if isinstance(error, msgspec.ValidationError) and param in _NUMBERS:
        return Rejected("NUMBER_NOT_CANONICAL", param, what.lower())
    return Rejected("MALFORMED", param, what)


def _unknown_word(request: OrderRequest) -> Rejected:
    for param, word, known in (
        ("side", request.side, tuple(_SIDES)),
        ("timeInForce", request.time_in_force, tuple(_TIMES_IN_FORCE)),
        ("triggerKind", request.trigger_kind, tuple(_TRIGGER_KINDS)),
    ):
        if word not in known:
            return Rejected("MALFORMED", param, f"{word[:24]!r} is none of {', '.join(known)}")
    raise AssertionError("every word is known")


def _out_of_range(request: OrderRequest, max_fee_e6: int) -> Rejected:
    for param, value, bits in (
        ("account", request.account, 32),
        ("seq", request.seq, 32),
        ("slot", request.slot, 8),
        ("epoch", request.epoch, 16),
        ("goodAfter", request.good_after, 48),
        ("expiry", request.expiry, 48),
        ("maxFee", max_fee_e6, 16),
    ):
        if value >> bits:
            return Rejected("OUT_OF_RANGE", param, f"at most {(1 << bits) - 1} fits")
    return Rejected("OUT_OF_RANGE", "seq", "seq counts from 1")


# -- checking --------------------------------------------------------------------------------------


def check(signed: SignedOrder, state: AdmissionState, now_ms: int, limits: Limits) -> None:
    """Raise `Rejected` unless the order could fill in the next batch, as the state stands.

    The first failing rule speaks: who, when, which, what, and last what it would lead to.
    """
    order = signed.order
    account, market = order.account, order.market
    holder = state.holder(account)
    if holder is None:
        raise Rejected("UNKNOWN_ACCOUNT", "account", f"account {account} is not open")
    if signed.delegated:
        _check_delegate(signed, holder, now_ms)
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
        _check_shrinks(order, terms.status, holder.base_e8(market))
    held = holder.markets_held()
    if len(held) >= MARKETS_MAX and market not in held:
        raise Rejected("MARKETS_FULL", "market")
    shortfall_e6 = holder.margin_shortfall_e6(order)
    if shortfall_e6 > 0:
        missing = format_decimal(shortfall_e6, 6)
        raise Rejected("INSUFFICIENT_MARGIN", None, f"{missing} of collateral is missing")


def _check_delegate(signed: SignedOrder, holder: Holder, now_ms: int) -> None:
    """The scope of a delegated key, judged as the contract will (reason 10)."""
    order = signed.order
    word = live_delegate(holder, signed.signer, now_ms)
    if order.market not in delegate_markets(word.markets):
        raise Rejected("DELEGATE_SCOPE", "market", "the market was not granted to the key")
    if order.size_e8 * order.limit_price_e8 // QUOTE_DIVISOR > word.notional_e6:
        granted = format_decimal(word.notional_e6, 6)
        raise Rejected("DELEGATE_SCOPE", "size", f"the key's orders are bounded by {granted}")


def live_delegate(holder: Holder, key: bytes, now_ms: int) -> DelegateWord:
    """The key's word, if it was granted and lives beyond `now_ms`."""
    word = holder.delegate(key)
    if word is None:
        raise Rejected("DELEGATE_UNKNOWN", "signature", f"0x{key.hex()} holds no grant")
    if word.expiry_ms <= now_ms:
        raise Rejected("DELEGATE_EXPIRED", "signature", f"its grant ended at {word.expiry_ms}")
    return word


def _check_shrinks(order: Order, status: int, base_e8: int) -> None:
    """A closed market takes nothing; a shrinking market and a reduce-only order need the other
    side.
    """
    shrinks = base_e8 < 0 if order.buy else base_e8 > 0
    if status not in (STATUS_LIVE, STATUS_SHRINK_ONLY):
        raise Rejected("MARKET_CLOSED", "market")
    if status == STATUS_SHRINK_ONLY and not shrinks:
        raise Rejected("MARKET_SHRINK_ONLY", "market")
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


# -- both halves -----------------------------------------------------------------------------------


def decode_and_check(
    raw: bytes, context: Context, state: AdmissionState, now_ms: int
) -> SignedOrder:
    """Both halves for one order: the bytes in, the order or `Rejected` out."""
    signed = decode_order(raw, context)
    check(signed, state, now_ms, context.limits)
    return signed
