# SPDX-License-Identifier: Apache-2.0
"""Admission: every refusal beside the nearest order that passes."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
from tests.support import orders

from infold import signing, words
from infold.core import admission, reading
from infold.core.admission import Limits, MarketTerms, SlotView
from infold.core.reading import Context
from infold.errors import CODES, Rejected
from infold.messages import Cancel, Order, SignedOrder, TimeInForce, TriggerKind, order_request
from infold.signing import Domain
from infold.words import DelegateWord, FillWord

NOW_MS = 1_800_000_000_000
DOMAIN = Domain(31_337, b"\x11" * 20)
MARKETS = {"BTC-USD": 1, "ETH-USD": 2, "X-0": 3}
CONTEXT = Context(DOMAIN, MARKETS)
OWNER_KEY, DELEGATE_KEY, STRANGER_KEY = (bytes([number]) * 32 for number in (1, 2, 3))
OWNER, DELEGATE = signing.address_of(OWNER_KEY), signing.address_of(DELEGATE_KEY)


@dataclass
class Venue:
    """A state of one account, written out."""

    account: int = 21
    owner: bytes = OWNER
    epoch: int = 0
    delegates: dict[bytes, DelegateWord] = field(default_factory=dict)
    approvals: dict[bytes, int] = field(default_factory=dict)
    seen: SlotView = field(default_factory=SlotView)
    chain: FillWord = field(default_factory=FillWord)
    terms: MarketTerms = field(default_factory=lambda: MarketTerms(10, 500, 1, 6 * 10**12))
    base: int = 0
    held: frozenset[int] = frozenset()
    shortfall_e6: int = 0
    wound_until_ms: int = 0

    def holder(self, account: int) -> Venue | None:
        return self if account == self.account else None

    def delegate(self, key: bytes) -> DelegateWord | None:
        return self.delegates.get(key)

    def approved_until_ms(self, order_hash: bytes) -> int:
        return self.approvals.get(order_hash, 0)

    def slot(self, slot: int) -> SlotView:
        return self.seen

    def fill_word(self, slot: int) -> FillWord:
        return self.chain

    def market_terms(self, market: int) -> MarketTerms | None:
        return self.terms if market in (1, 2) else None

    def base_e8(self, market: int) -> int:
        return self.base

    def markets_held(self) -> Collection[int]:
        return self.held

    def margin_shortfall_e6(self, order: Order) -> int:
        return self.shortfall_e6


def an_order(**changes: Any) -> Order:
    return orders.an_order(**{"expiry_ms": NOW_MS + 60_000} | changes)


def a_body(key: bytes = OWNER_KEY, delegated: bool = False, **changes: Any) -> bytes:
    """A signed order's body."""
    order = an_order(**changes)
    name = {market: name for name, market in MARKETS.items()}[order.market]
    r, vs = signing.sign(signing.order_hash(order, DOMAIN), key)
    return msgspec.json.encode(order_request(order, name, r, vs, delegated))


def respelled(**fields: Any) -> bytes:
    """A good body with fields replaced as raw JSON values."""
    return json.dumps(json.loads(a_body()) | fields).encode()


def refusal_of(raw: bytes, venue: Venue | None = None) -> Rejected:
    with pytest.raises(Rejected) as refusal:
        admitted(raw, venue)
    assert refusal.value.code in CODES
    return refusal.value


def admitted(raw: bytes, venue: Venue | None = None) -> SignedOrder:
    signed = reading.decode_order(raw, CONTEXT)
    admission.check(signed, venue or Venue(), NOW_MS, CONTEXT.limits)
    return signed


# -- spelling --------------------------------------------------------------------------------------


def test_an_ordinary_order_passes_whole() -> None:
    signed = admitted(a_body())
    assert signed.order == an_order()
    assert signed.signer == OWNER
    assert signed.order_hash == signing.order_hash(an_order(), DOMAIN)
    assert signing.recover(signed.order_hash, signed.r, signed.vs) == OWNER


def test_blanks_between_fields_are_no_fault() -> None:
    assert admitted(json.dumps(json.loads(a_body()), indent=1).encode()).order == an_order()


@pytest.mark.parametrize(
    ("order", "words_of_it"),
    [
        (an_order(time_in_force=TimeInForce.IOC), '"IOC"'),
        (an_order(time_in_force=TimeInForce.FOK), '"FOK"'),
        (an_order(trigger_kind=TriggerKind.AT_OR_ABOVE, trigger_price_e8=1), '"atOrAbove"'),
        (an_order(trigger_kind=TriggerKind.AT_OR_BELOW, trigger_price_e8=1), '"atOrBelow"'),
        (an_order(buy=False), '"sell"'),
        (an_order(post_only=True), '"postOnly":true'),
    ],
)
def test_each_word_of_the_wire_means_its_signed_value(order: Order, words_of_it: str) -> None:
    raw = a_body(**{name: getattr(order, name) for name in order.__struct_fields__})
    assert words_of_it in raw.decode()
    assert admitted(raw).order == order


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"5",
        b'"order"',
        b"[" * 500,
        a_body() + b"\x00",
        a_body() + b"{}",
        a_body()[:-1],
        a_body().replace(b'"seq":17,', b""),
        a_body().replace(b'"seq":17', b'"seq":17,"sequence":17'),
        a_body().replace(b'"seq":17', b'"seq":16,"seq":17'),
        a_body().replace(b"BTC-USD", "\u0412TC-USD".encode()),
        a_body().replace(b"BTC-USD", b"\\u0042TC-USD"),
        a_body().replace(b"BTC-USD", b"\\ud800"),
        a_body().replace(b'"buy"', b'"BUY"'),
        a_body().replace(b'"GTC"', b'"GTX"'),
        a_body().replace(b'"none"', b'"never"'),
        a_body().replace(b'"postOnly":false', b'"postOnly":0'),
        a_body().replace(b'"postOnly":false', b'"postOnly":"false"'),
        a_body().replace(b'"size":"0.5"', b'"size":NaN'),
        a_body().replace(b'"size":"0.5"', b'"size":Infinity'),
    ],
)
def test_what_is_no_order_is_malformed(raw: bytes) -> None:
    assert refusal_of(raw).code == "MALFORMED"


def test_a_body_is_read_up_to_its_largest_size() -> None:
    raw = a_body()
    filled = raw + b" " * (Limits().body_bytes_max - len(raw))
    assert admitted(filled).order == an_order()
    assert refusal_of(filled + b" ").code == "TOO_LARGE"
    assert refusal_of(b"[" * 10_000_000).code == "TOO_LARGE"


def test_the_longest_canonical_order_fits() -> None:
    order = an_order(
        **{"account": 2**32 - 1, "seq": 2**32 - 1, "max_fee_e6": 2**16 - 1, "epoch": 65_535},
        **{"good_after_ms": 2**48 - 1, "expiry_ms": 2**48 - 1, "size_e8": 2**53 - 1},
        **{"limit_price_e8": 2**53 - 1, "trigger_price_e8": 2**53 - 1},
        trigger_kind=TriggerKind.AT_OR_ABOVE,
    )
    raw = msgspec.json.encode(order_request(order, "N" * 24, 1, 1))
    assert len(raw) <= 612 < Limits().body_bytes_max


@pytest.mark.parametrize("param", ["size", "price", "maxFee", "triggerPrice"])
@pytest.mark.parametrize(
    "value",
    [1.0, 1, True, None, *("1e3", "0x10", "\\u0661", "1_000", " 1", "+1", "-0", "-1", "NaN")]
    + ["Infinity", "", "01", "1.0", "." * 20, "9" * 400],
    ids=lambda value: repr(value)[:20],
)
def test_a_number_has_one_spelling(param: str, value: Any) -> None:
    raw = respelled(**{param: value})
    if isinstance(value, str) and value.startswith("\\u"):
        assert refusal_of(raw.replace(b"\\\\u", b"\\u")).code == "MALFORMED"
        return
    refusal = refusal_of(raw)
    assert refusal.code == "NUMBER_NOT_CANONICAL"
    assert refusal.param in (param, None)


@pytest.mark.parametrize("param", ["account", "goodAfter", "expiry", "epoch", "slot", "seq"])
@pytest.mark.parametrize("text", ["1.0", "1e3", "true", "null", '"5"', "-0", "-1"])
def test_a_count_is_a_whole_number(param: str, text: str) -> None:
    body = json.loads(a_body())
    raw = json.dumps(body | {param: "PLACE"}).replace('"PLACE"', text).encode()
    assert refusal_of(raw).code == "NUMBER_NOT_CANONICAL"


@pytest.mark.parametrize(
    ("param", "value"),
    [
        *(("account", 2**32), ("slot", 256), ("seq", 2**32), ("seq", 0), ("epoch", 65_536)),
        *(("goodAfter", 2**48), ("expiry", 2**48), ("maxFee", "0.065536"), ("seq", 10**400)),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_field_too_wide_for_its_place_is_out_of_range(param: str, value: Any) -> None:
    refusal = refusal_of(respelled(**{param: value}))
    assert (refusal.code, refusal.param) == ("OUT_OF_RANGE", param)


@pytest.mark.parametrize(
    "text",
    ["", "0x", "0x" + "g" * 128, "0x" + "1" * 127, "0x" + "1" * 129, "1" * 130, "0X" + "1" * 128]
    + ["0x" + " 1" * 64, "0x" + "1" * 126 + "  ", "0x" + "_1" * 64],
)
def test_a_signature_is_128_hex_digits(text: str) -> None:
    refusal = refusal_of(respelled(signature=text))
    assert (refusal.code, refusal.param) == ("SIGNATURE_MALFORMED", "signature")


@pytest.mark.parametrize(
    ("code", "fields"),
    [
        ("UNKNOWN_MARKET", {"market": "DOGE-USD"}),
        ("UNKNOWN_MARKET", {"market": "btc-usd"}),
        ("UNKNOWN_MARKET", {"market": ""}),
        ("UNKNOWN_MARKET", {"market": "M" * 400}),
        ("SIZE_OUT_OF_RANGE", {"size": "0"}),
        ("SIZE_OUT_OF_RANGE", {"size": "90071992.54740993"}),
        ("SIZE_OUT_OF_RANGE", {"size": "90071992", "price": "90071992"}),
        ("PRICE_OUT_OF_RANGE", {"price": "0"}),
        ("PRICE_OUT_OF_RANGE", {"price": "90071992.54740993"}),
        ("TRIGGER_PRICE", {"triggerPrice": "1"}),
        ("TRIGGER_PRICE", {"triggerKind": "atOrAbove"}),
        ("TRIGGER_PRICE", {"triggerKind": "atOrBelow", "triggerPrice": "90071992.54740993"}),
        ("GOOD_AFTER_PAST_EXPIRY", {"goodAfter": NOW_MS + 60_001}),
        ("POST_ONLY_NOT_RESTING", {"postOnly": True, "timeInForce": "IOC"}),
        ("POST_ONLY_NOT_RESTING", {"postOnly": True, "timeInForce": "FOK"}),
    ],
)
def test_a_value_outside_the_venue_s_bounds_is_refused(code: str, fields: dict[str, Any]) -> None:
    assert refusal_of(respelled(**fields)).code == code


def test_the_largest_size_and_price_pass_decoding() -> None:
    largest = a_body(size_e8=2**53, limit_price_e8=10**10)
    assert reading.decode_order(largest, CONTEXT).order.size_e8 == 2**53
    dearest = a_body(size_e8=10**10, limit_price_e8=2**53)
    assert reading.decode_order(dearest, CONTEXT).order.limit_price_e8 == 2**53


def test_a_dash_in_a_market_s_name_is_no_sign() -> None:
    assert reading.decode_order(a_body(market=3), CONTEXT).order.market == 3
    raw = a_body(market=3).replace(b'"epoch":0', b'"epoch":-0')
    assert refusal_of(raw).code == "NUMBER_NOT_CANONICAL"


# -- who -------------------------------------------------------------------------------------------


def test_a_pair_that_recovers_nobody_is_a_bad_signature() -> None:
    high = f"0x{1:064x}{signing.HALF_CURVE_ORDER + 1:064x}"
    assert refusal_of(respelled(signature=high)).code == "BAD_SIGNATURE"
    assert refusal_of(respelled(signature="0x" + "0" * 127 + "1")).code == "BAD_SIGNATURE"


def test_a_venue_that_was_wound_down_takes_nothing_and_says_what_is_left_to_do() -> None:
    refusal = refusal_of(a_body(), Venue(wound_until_ms=NOW_MS))
    assert refusal.code == "WOUND_DOWN" and "infold wind-down claim" in refusal.message


def test_an_account_that_is_not_open_is_unknown() -> None:
    assert refusal_of(a_body(account=22)).code == "UNKNOWN_ACCOUNT"


def test_a_stranger_s_key_is_not_the_signer_s() -> None:
    assert refusal_of(a_body(STRANGER_KEY)).code == "NOT_THE_SIGNER"


@pytest.mark.parametrize("domain", [Domain(1, b"\x11" * 20), Domain(31_337, b"\x12" * 20)])
def test_another_chain_or_contract_is_not_the_signer_s(domain: Domain) -> None:
    order = an_order()
    r, vs = signing.sign(signing.order_hash(order, domain), OWNER_KEY)
    raw = msgspec.json.encode(order_request(order, "BTC-USD", r, vs))
    refusal = refusal_of(raw)
    assert refusal.code == "NOT_THE_SIGNER"
    assert "chain id" in refusal.message


@pytest.mark.parametrize(
    "fields",
    [
        *({"size": "0.50000001"}, {"price": "60001"}, {"side": "sell"}, {"maxFee": "0.000501"}),
        *({"timeInForce": "IOC"}, {"postOnly": True}, {"reduceOnly": True}, {"goodAfter": 1}),
        *({"expiry": NOW_MS + 1}, {"epoch": 1}, {"slot": 4}, {"seq": 18}, {"market": "ETH-USD"}),
        {"triggerKind": "atOrAbove", "triggerPrice": "1"},
    ],
)
def test_nothing_may_change_after_signing(fields: dict[str, Any]) -> None:
    assert refusal_of(respelled(**fields)).code == "NOT_THE_SIGNER"


def granted(notional_e6: int = 10**12, expiry_ms: int = NOW_MS + 1, market: int = 1) -> Venue:
    """A venue where the delegate holds a grant."""
    packed = words.pack_delegate_markets((2, market))
    return Venue(delegates={DELEGATE: DelegateWord(packed, notional_e6, expiry_ms)})


def test_a_delegate_signs_within_its_grant() -> None:
    signed = admitted(a_body(DELEGATE_KEY, delegated=True), granted(notional_e6=30_000_000_000))
    assert signed.delegated
    assert signed.signer == DELEGATE


@pytest.mark.parametrize(
    ("code", "venue"),
    [
        ("DELEGATE_UNKNOWN", Venue()),
        ("DELEGATE_EXPIRED", granted(expiry_ms=NOW_MS)),
        ("DELEGATE_SCOPE", granted(market=3)),
        ("DELEGATE_SCOPE", granted(notional_e6=29_999_999_999)),
    ],
)
def test_a_delegate_outside_its_grant_is_refused(code: str, venue: Venue) -> None:
    assert refusal_of(a_body(DELEGATE_KEY, delegated=True), venue).code == code


def test_the_owner_s_key_is_no_delegate_and_the_delegate_s_no_owner() -> None:
    assert refusal_of(a_body(OWNER_KEY, delegated=True), granted()).code == "DELEGATE_UNKNOWN"
    assert refusal_of(a_body(DELEGATE_KEY), granted()).code == "NOT_THE_SIGNER"


def test_an_approved_order_carries_no_signature_and_needs_a_live_approval() -> None:
    order = an_order()
    unsigned = msgspec.json.encode(order_request(order, "BTC-USD", 0, 0))
    digest = signing.order_hash(order, DOMAIN)
    signed = admitted(unsigned, Venue(approvals={digest: NOW_MS + 1}))
    assert signed.approved and signed.order == order and signed.order_hash == digest
    for venue in (Venue(), Venue(approvals={digest: NOW_MS}), Venue(approvals={bytes(32): 2**48})):
        assert refusal_of(unsigned, venue).code == "NOT_APPROVED"
    delegated = msgspec.json.encode(order_request(order, "BTC-USD", 0, 0, True))
    assert refusal_of(delegated, Venue(approvals={digest: 2**48})).code == "BAD_SIGNATURE"
    half = msgspec.json.encode(order_request(order, "BTC-USD", 0, 1))
    assert refusal_of(half, Venue(approvals={digest: 2**48})).code == "BAD_SIGNATURE"
    assert not admitted(a_body()).approved


# -- when and which --------------------------------------------------------------------------------


def test_an_order_counts_for_the_account_s_epoch() -> None:
    assert admitted(a_body(epoch=4), Venue(epoch=4)).order.epoch == 4
    assert refusal_of(a_body(epoch=3), Venue(epoch=4)).code == "EPOCH"
    assert refusal_of(a_body(epoch=5), Venue(epoch=4)).code == "EPOCH"


def test_an_order_lives_beyond_now_and_not_beyond_a_year() -> None:
    furthest = NOW_MS + Limits().expiry_ahead_ms_max
    assert admitted(a_body(expiry_ms=NOW_MS + 1)).order.expiry_ms == NOW_MS + 1
    assert refusal_of(a_body(expiry_ms=NOW_MS)).code == "EXPIRED"
    assert admitted(a_body(expiry_ms=furthest)).order.expiry_ms == furthest
    assert refusal_of(a_body(expiry_ms=furthest + 1)).code == "EXPIRY_TOO_FAR"


def test_an_order_that_starts_later_is_taken_now() -> None:
    order = admitted(a_body(good_after_ms=NOW_MS + 60_000)).order
    assert order.good_after_ms == order.expiry_ms


def test_a_slot_holds_one_order_and_each_seq_once() -> None:
    other = b"\x01" * 32
    assert admitted(a_body(), Venue(seen=SlotView(16, other, False)))
    assert refusal_of(a_body(), Venue(seen=SlotView(16, other, True))).code == "SLOT_TAKEN"
    assert refusal_of(a_body(), Venue(seen=SlotView(17, other, False))).code == "SEQ_TOO_OLD"
    assert refusal_of(a_body(), Venue(seen=SlotView(18, other, True))).code == "SEQ_TOO_OLD"


@pytest.mark.parametrize("is_open", [True, False])
def test_the_very_same_order_is_a_duplicate(is_open: bool) -> None:
    same = signing.order_hash(an_order(), DOMAIN)
    assert refusal_of(a_body(), Venue(seen=SlotView(17, same, is_open))).code == "DUPLICATE"


def test_what_the_chain_saw_in_a_slot_counts() -> None:
    assert admitted(a_body(), Venue(chain=FillWord(seq=16, cancel_seq=16)))
    assert refusal_of(a_body(), Venue(chain=FillWord(seq=17))).code == "SEQ_TOO_OLD"
    assert refusal_of(a_body(), Venue(chain=FillWord(cancel_seq=17))).code == "CANCELLED"


# -- what ------------------------------------------------------------------------------------------


def test_a_market_the_state_does_not_list_is_unknown() -> None:
    assert refusal_of(a_body(market=3)).code == "UNKNOWN_MARKET"


def test_a_price_lies_on_the_tick() -> None:
    refusal = refusal_of(a_body(limit_price_e8=6_000_000_000_005))
    assert (refusal.code, refusal.param) == ("PRICE_TICK", "price")
    assert "the tick is 0.0000001" in refusal.message
    assert admitted(a_body(limit_price_e8=6_000_000_000_010))


@pytest.mark.parametrize("buy", [True, False])
def test_a_limit_that_gives_too_much_away_is_a_slip(buy: bool) -> None:
    oracle_e8 = Venue().terms.oracle_price_e8
    edge_e8 = oracle_e8 * 10 if buy else oracle_e8 // 10
    step_e8 = 10 if buy else -10
    assert admitted(a_body(buy=buy, limit_price_e8=edge_e8))
    refusal = refusal_of(a_body(buy=buy, limit_price_e8=edge_e8 + step_e8))
    assert refusal.code == "PRICE_BAND"
    # The other side may wait as far away as it likes.
    assert admitted(a_body(buy=not buy, limit_price_e8=edge_e8 + step_e8))


def test_before_any_oracle_price_no_limit_is_a_slip() -> None:
    venue = Venue(terms=MarketTerms(10, 500, 1, 0))
    assert admitted(a_body(limit_price_e8=10), venue)
    assert admitted(a_body(limit_price_e8=9 * 10**14), venue)


def test_the_signed_fee_covers_the_market_s() -> None:
    refusal = refusal_of(a_body(max_fee_e6=499))
    assert (refusal.code, refusal.param) == ("FEE_TOO_LOW", "maxFee")
    assert "0.0005" in refusal.message
    assert admitted(a_body(max_fee_e6=501))


@pytest.mark.parametrize(
    ("buy", "base", "passes"),
    [(True, -1, True), (True, 0, False), (True, 1, False), (False, 1, True), (False, 0, False)],
)
def test_reduce_only_needs_the_other_side(buy: bool, base: int, passes: bool) -> None:
    raw = a_body(buy=buy, reduce_only=True)
    if passes:
        assert admitted(raw, Venue(base=base))
    else:
        assert refusal_of(raw, Venue(base=base)).code == "REDUCE_ONLY"


def test_a_shrinking_market_takes_what_shrinks() -> None:
    terms = MarketTerms(10, 500, words.STATUS_SHRINK_ONLY, 0)
    assert admitted(a_body(), Venue(terms=terms, base=-1))
    assert refusal_of(a_body(), Venue(terms=terms, base=1)).code == "MARKET_SHRINK_ONLY"
    assert refusal_of(a_body(), Venue(terms=terms)).code == "MARKET_SHRINK_ONLY"


def test_a_closed_market_takes_nothing() -> None:
    venue = Venue(terms=MarketTerms(10, 500, words.STATUS_UNLISTED, 0), base=-1)
    assert refusal_of(a_body(), venue).code == "MARKET_CLOSED"


# -- what it would lead to -------------------------------------------------------------------------


def test_an_account_holds_sixteen_markets() -> None:
    others = frozenset(range(2, 18))
    assert admitted(a_body(), Venue(held=others - {17}))
    assert refusal_of(a_body(), Venue(held=others)).code == "MARKETS_FULL"
    assert admitted(a_body(market=2), Venue(held=others))


def test_a_margin_shortfall_is_named() -> None:
    assert admitted(a_body(), Venue(shortfall_e6=0))
    assert admitted(a_body(), Venue(shortfall_e6=-5))
    refusal = refusal_of(a_body(), Venue(shortfall_e6=1_500_000))
    assert refusal.code == "INSUFFICIENT_MARGIN"
    assert "1.5 of collateral is missing" in refusal.message


# -- groups ----------------------------------------------------------------------------------------


def test_a_group_keeps_its_order_with_each_refusal_in_its_place() -> None:
    raws = [
        a_body(seq=1),
        b"{",
        a_body(seq=2),
        respelled(signature="0x" + "0" * 127 + "1"),
        respelled(signature="0x"),
        a_body(seq=3),
    ]
    outcomes = reading.decode_orders(raws, CONTEXT)
    shown = [one.code if isinstance(one, Rejected) else one.order.seq for one in outcomes]
    assert shown == [1, "MALFORMED", 2, "BAD_SIGNATURE", "SIGNATURE_MALFORMED", 3]
    assert [one.signer for one in outcomes if isinstance(one, SignedOrder)] == [OWNER] * 3


def test_an_empty_group_is_empty() -> None:
    assert reading.decode_orders([], CONTEXT) == []


# -- cancels ---------------------------------------------------------------------------------------


def a_cancel(key: bytes = OWNER_KEY, delegated: bool = False, account: int = 21) -> bytes:
    cancel = Cancel(account=account, slot=3, seq=17)
    r, vs = signing.sign(signing.cancel_digest(cancel, DOMAIN), key)
    return json.dumps(
        {
            "account": account,
            "slot": 3,
            "seq": 17,
            "delegated": delegated,
            "signature": signing.signature_hex(r, vs),
        }
    ).encode()


def cancel_refusal(raw: bytes, venue: Venue) -> str:
    with pytest.raises(Rejected) as refusal:
        admission.check_cancel(reading.decode_cancel(raw, CONTEXT), venue, NOW_MS)
    return refusal.value.code


@pytest.mark.parametrize("seq", [16, 17])
def test_an_owner_cancels_up_to_a_seq(seq: int) -> None:
    signed = reading.decode_cancel(a_cancel(), CONTEXT)
    assert signed.cancel == Cancel(account=21, slot=3, seq=17)
    admission.check_cancel(signed, Venue(seen=SlotView(seq, b"", True)), NOW_MS)


def test_a_live_delegate_cancels_too() -> None:
    venue = granted()
    venue.seen = SlotView(17, b"", True)
    signed = reading.decode_cancel(a_cancel(DELEGATE_KEY, delegated=True), CONTEXT)
    admission.check_cancel(signed, venue, NOW_MS)


def test_a_cancel_is_refused_by_the_same_rules() -> None:
    taken = SlotView(17, b"", True)
    assert cancel_refusal(a_cancel(account=22), Venue(seen=taken)) == "UNKNOWN_ACCOUNT"
    assert cancel_refusal(a_cancel(STRANGER_KEY), Venue(seen=taken)) == "NOT_THE_SIGNER"
    assert cancel_refusal(a_cancel(DELEGATE_KEY, True), Venue(seen=taken)) == "DELEGATE_UNKNOWN"
    late = granted(expiry_ms=NOW_MS)
    late.seen = taken
    assert cancel_refusal(a_cancel(DELEGATE_KEY, True), late) == "DELEGATE_EXPIRED"
    assert cancel_refusal(a_cancel(), Venue()) == "NOT_OPEN"
    assert cancel_refusal(a_cancel(), Venue(seen=SlotView(18, b"", True))) == "NOT_OPEN"
    assert cancel_refusal(a_cancel(), Venue(seen=SlotView(17, b"", False))) == "NOT_OPEN"


@pytest.mark.parametrize(
    ("code", "raw"),
    [
        ("MALFORMED", b"{}"),
        ("MALFORMED", a_cancel() + b"x"),
        ("MALFORMED", a_cancel().replace(b'"slot": 3', b'"slot": 3, "slot": 3')),
        ("MALFORMED", a_cancel().replace(b"slot", b"sl\\u006ft")),
        ("TOO_LARGE", a_cancel() + b" " * 1_024),
        ("NUMBER_NOT_CANONICAL", a_cancel().replace(b'"slot": 3', b'"slot": 3.0')),
        ("NUMBER_NOT_CANONICAL", a_cancel().replace(b'"slot": 3', b'"slot": -0')),
        ("OUT_OF_RANGE", a_cancel().replace(b'"slot": 3', b'"slot": 256')),
        ("SIGNATURE_MALFORMED", a_cancel().replace(b"0x", b"1x")),
        ("BAD_SIGNATURE", a_cancel()[:-131] + b"0" * 128 + b'"}'),
    ],
)
def test_a_cancel_has_one_spelling(code: str, raw: bytes) -> None:
    if code == "BAD_SIGNATURE":
        raw = json.dumps(json.loads(a_cancel()) | {"signature": "0x" + "0" * 128}).encode()
    with pytest.raises(Rejected) as refusal:
        reading.decode_cancel(raw, CONTEXT)
    assert refusal.value.code == code
