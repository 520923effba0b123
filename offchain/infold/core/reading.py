# SPDX-License-Identifier: Apache-2.0
"""From an order's bytes to an order with a signer; no state is asked.

Only one spelling is read (docs/decisions/0011-one-spelling-of-an-order.md), then the order is
hashed under the venue's domain and its signer recovered. A group goes through stage by stage, and
what can be done for all at once is: see docs/decisions/0034-a-group-is-read-at-once.md. What
a group's pass does not take for plain is read one by one, by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final, NamedTuple

import msgspec
import numpy as np

from infold.core.admission import Limits
from infold.core.digests import GROUP_MIN, order_digests
from infold.core.numerals import UNREAD, read_decimals
from infold.core.signatures import recover_signers
from infold.errors import Rejected
from infold.messages import (
    APPROVED_SIGNATURE,
    NOBODY,
    TIME_IN_FORCE_WORDS,
    TRIGGER_KIND_WORDS,
    Cancel,
    CancelRequest,
    Order,
    OrderRequest,
    SignedCancel,
    SignedOrder,
)
from infold.signing import Domain, cancel_digest, recover_group
from infold.units import (
    AMOUNT_DECIMALS,
    FRACTION_DECIMALS,
    NOTIONAL_E6_MAX,
    PRICE_DECIMALS,
    PRICE_E8_MAX,
    QUOTE_DIVISOR,
    SIZE_DECIMALS,
    SIZE_E8_MAX,
    format_decimal,
    parse_decimal,
)


@dataclass(frozen=True, slots=True)
class Context:
    """What decoding needs: the signing domain and the markets by name."""

    domain: Domain
    markets: Mapping[str, int]
    limits: Limits = field(default_factory=Limits)


# -- orders ----------------------------------------------------------------------------------------

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
"""`parse_decimal` for a field whose texts recur; a refused text is not kept."""
_fields: Final = msgspec.structs.astuple
_COLON, _DASH = ord(":"), ord("-")
_decode_order: Final = msgspec.json.Decoder(OrderRequest).decode
_cancel_decoder: Final = msgspec.json.Decoder(CancelRequest)


def decode_order(raw: bytes, context: Context) -> SignedOrder:
    """Read, bound, hash and recover one order; no state is asked. `Rejected` says what is wrong
    with it.
    """
    outcome = decode_orders((raw,), context)[0]
    if isinstance(outcome, Rejected):
        raise outcome
    return outcome


def decode_orders(raws: Sequence[bytes], context: Context) -> list[SignedOrder | Rejected]:
    """`decode_order` for a group, in its order; a refusal takes the place of its order."""
    read = read_orders(raws, context)
    digests = order_digests(read.orders, context.domain)
    signers = recover_signers(digests, read.pairs)
    outcomes: list[SignedOrder | Rejected] = [
        _approved(order, pair, delegated, digest)
        if signer is None
        else SignedOrder(order, pair, delegated, digest, signer)
        for order, pair, delegated, digest, signer in zip(
            read.orders, read.pairs, read.delegations, digests, signers, strict=True
        )
    ]
    for place, refused in read.refusals:
        outcomes.insert(place, refused)
    return outcomes


def _approved(order: Order, pair: bytes, delegated: bool, digest: bytes) -> SignedOrder | Rejected:
    """An order nobody signed: approved on chain, if it says so, or refused."""
    if delegated or pair != APPROVED_SIGNATURE:
        return Rejected("BAD_SIGNATURE", "signature")
    return SignedOrder(order, pair, delegated, digest, NOBODY)


class Read(NamedTuple):
    """What a group of bodies spells: column by column the orders that may be hashed, and the
    refusals of the others with their places in the group, in rising order.
    """

    orders: list[Order]
    pairs: list[bytes]
    """r and vs of each signature, 64 bytes."""
    delegations: list[bool]
    refusals: list[tuple[int, Rejected]]


def read_orders(raws: Sequence[bytes], context: Context) -> Read:
    """`read_order` for a group, and what the signatures' texts spell."""
    read = Read([], [], [], [])
    _read_into(read, 0, raws, context)
    return read


def _read_into(read: Read, first: int, raws: Sequence[bytes], context: Context) -> None:
    """Read bodies whose places in the group begin at `first`.

    A group that is not plain throughout is halved, so one body that is not spoils little.
    """
    requests = _plain_requests(raws, context) if len(raws) >= GROUP_MIN else None
    if requests is None and len(raws) >= 2 * GROUP_MIN:
        half = len(raws) // 2
        _read_into(read, first, raws[:half], context)
        _read_into(read, first + half, raws[half:], context)
        return
    orders, pairs, delegations, refusals = read
    if requests is None:
        for place, raw in enumerate(raws, first):
            try:
                request, order = read_order(raw, context)
                pair = _signature(request.signature)
            except Rejected as rejected:
                refusals.append((place, rejected))
            else:
                orders.append(order)
                pairs.append(pair)
                delegations.append(request.delegated)
        return
    markets = context.markets
    sizes_e8 = read_decimals([request.size for request in requests], SIZE_DECIMALS)
    prices_e8 = read_decimals([request.price for request in requests], PRICE_DECIMALS)
    for place, request in enumerate(requests):
        try:
            order = _order_of(request, markets, sizes_e8[place], prices_e8[place])
            pair = _signature(request.signature)
        except Rejected as rejected:
            refusals.append((first + place, rejected))
        else:
            orders.append(order)
            pairs.append(pair)
            delegations.append(request.delegated)


def _plain_requests(raws: Sequence[bytes], context: Context) -> list[OrderRequest] | None:
    """The requests if every body is spelled in the one way, None if at least one may not be.

    No order has fewer colons than fields, nor fewer dashes than its market's name: if all
    together have no more, none has.
    """
    if max(map(len, raws)) > context.limits.body_bytes_max:
        return None
    joined = b"".join(raws)
    if b"\\" in joined or not joined.isascii():
        return None
    try:
        requests = [_decode_order(raw) for raw in raws]
    except msgspec.MsgspecError:
        return None
    letters = np.frombuffer(joined, np.uint8)
    dashes = sum([request.market.count("-") for request in requests])
    if (
        np.count_nonzero(letters == _COLON) != _ORDER_FIELDS * len(raws)
        or np.count_nonzero(letters == _DASH) != dashes
    ):
        return None
    return requests


def read_order(raw: bytes, context: Context) -> tuple[OrderRequest, Order]:
    """The order a body spells, with every field inside its bounds; the signature is not looked at.
    `Rejected` if it is spelled otherwise or out of bounds.
    """
    if len(raw) > context.limits.body_bytes_max or b"\\" in raw or not raw.isascii():
        raise _not_plain(raw, context.limits.body_bytes_max)
    try:
        request = _decode_order(raw)
    except msgspec.MsgspecError as error:
        raise _undecodable(error) from None
    if (raw.count(b":") != _ORDER_FIELDS and raw.count(b'"') != _ORDER_QUOTES) or (
        raw.count(b"-") != request.market.count("-")
    ):
        raise _respelled(raw, _ORDER_QUOTES)
    return request, _order_of(request, context.markets)


def _order_of(
    request: OrderRequest,
    markets: Mapping[str, int],
    size_e8: int = UNREAD,
    limit_price_e8: int = UNREAD,
) -> Order:
    """The order a request means, every field inside its bounds. Size and price may have been read
    before.
    """
    (
        account,
        market_name,
        side,
        size,
        price,
        word_of_time,
        post_only,
        reduce_only,
        max_fee,
        word_of_trigger,
        trigger_price,
        good_after_ms,
        expiry_ms,
        epoch,
        slot,
        seq,
        _,
        _,
    ) = _fields(request)
    market = markets.get(market_name)
    if market is None:
        raise Rejected("UNKNOWN_MARKET", "market", f"{market_name[:24]!r} is not listed")
    buy = _SIDES.get(side)
    time_in_force = _TIMES_IN_FORCE.get(word_of_time)
    trigger_kind = _TRIGGER_KINDS.get(word_of_trigger)
    if buy is None or time_in_force is None or trigger_kind is None:
        raise _unknown_word(request)
    if size_e8 == UNREAD:
        size_e8 = parse_decimal(size, SIZE_DECIMALS, "size")
    if limit_price_e8 == UNREAD:
        limit_price_e8 = parse_decimal(price, PRICE_DECIMALS, "price")
    trigger_price_e8 = 0
    if trigger_price != "0":
        trigger_price_e8 = parse_decimal(trigger_price, PRICE_DECIMALS, "triggerPrice")
    max_fee_e6 = _parse_again(max_fee, FRACTION_DECIMALS, "maxFee")
    if not 0 < size_e8 <= SIZE_E8_MAX:
        raise Rejected("SIZE_OUT_OF_RANGE", "size", f"{size} is not tradable")
    if not 0 < limit_price_e8 <= PRICE_E8_MAX:
        raise Rejected("PRICE_OUT_OF_RANGE", "price", f"{price} is no limit")
    if size_e8 * limit_price_e8 > _NOTIONAL_E16_MAX:
        largest = format_decimal(NOTIONAL_E6_MAX, AMOUNT_DECIMALS)
        raise Rejected("SIZE_OUT_OF_RANGE", "size", f"size times price exceeds {largest}")
    if (trigger_price_e8 == 0) != (trigger_kind == 0) or trigger_price_e8 > PRICE_E8_MAX:
        raise Rejected("TRIGGER_PRICE", "triggerPrice")
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
    if post_only and time_in_force:
        raise Rejected("POST_ONLY_NOT_RESTING", "timeInForce")
    return Order(
        account,
        market,
        buy,
        size_e8,
        limit_price_e8,
        max_fee_e6,
        time_in_force,
        post_only,
        reduce_only,
        trigger_kind,
        trigger_price_e8,
        good_after_ms,
        expiry_ms,
        epoch,
        slot,
        seq,
    )


# -- cancels ---------------------------------------------------------------------------------------


def decode_cancel(raw: bytes, context: Context) -> SignedCancel:
    """Read, hash and recover one cancel; no state is asked. `Rejected` says what is wrong."""
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


# -- refusals --------------------------------------------------------------------------------------


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
