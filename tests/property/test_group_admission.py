# SPDX-License-Identifier: Apache-2.0
"""What is done for a whole group at once is what is done for each of its orders alone."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from infold import signing
from infold.bench import admission as bench
from infold.core import reading
from infold.core.digests import GROUP_MIN, order_digests
from infold.core.engine import decide, evolve
from infold.core.events import OrderAccepted, OrderRejected, SubmitOrders
from infold.core.numerals import UNREAD, read_decimals
from infold.core.reading import Context, decode_order, decode_orders
from infold.core.signatures import recover_signers
from infold.core.view import AdmissionView
from infold.errors import Rejected
from infold.messages import Order, SignedOrder, order_request
from infold.signing import Domain, order_hash
from infold.units import FIRST_TRADER, parse_decimal

SEED = 20_261_128
DOMAIN = Domain(bench.CHAIN_ID, bench.CLEARING)
CONTEXT = Context(DOMAIN, {name: market for market, name in enumerate(bench.MARKETS, 1)})
KEYS = [bytes([number]) * 32 for number in range(1, 9)]
OWNERS = [signing.address_of(key) for key in KEYS]


# -- digests ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [*range(GROUP_MIN - 1, GROUP_MIN + 10), 333])
def test_a_group_hashes_as_its_orders_do(count: int) -> None:
    source = random.Random(f"{SEED} {count}")
    domain = Domain(source.randrange(2**256), source.randbytes(20))
    orders = [bench.random_order(source) for _ in range(count)]
    assert order_digests(orders, domain) == [order_hash(order, domain) for order in orders]


def test_no_orders_have_no_digests() -> None:
    assert order_digests([], DOMAIN) == []


# -- signers ---------------------------------------------------------------------------------------


def a_pair(source: random.Random, digest: bytes) -> bytes:
    """A signature, or one of the things that are none."""
    r, vs = signing.sign(digest, source.choice(KEYS))
    r = source.choice([r] * 6 + [0, 5, signing.CURVE_ORDER - 1, signing.CURVE_ORDER, 2**256 - 1])
    s = source.choice(
        [vs & signing.S_MASK] * 6
        + [0, 1, signing.HALF_CURVE_ORDER, signing.HALF_CURVE_ORDER + 1, signing.S_MASK]
    )
    parity = source.choice([vs >> 255, 0, 1])
    return signing.signature_bytes(r, parity << 255 | s)


def a_signed_group(source: random.Random, count: int) -> tuple[list[bytes], list[bytes]]:
    digests = [source.randbytes(32) for _ in range(count)]
    return digests, [a_pair(source, digest) for digest in digests]


@pytest.mark.parametrize("count", [0, 1, GROUP_MIN - 1, GROUP_MIN, 400])
def test_a_group_s_signers_are_those_of_its_orders(count: int) -> None:
    digests, pairs = a_signed_group(random.Random(f"{SEED} {count}"), count)
    kept = list(pairs)
    found = recover_signers(digests, pairs)
    assert found == signing.recover_group(digests, pairs)
    assert pairs == kept
    assert count < 400 or 50 < found.count(None) < 350


@pytest.mark.parametrize("longer", [{"digest": b"\0"}, {"pair": b"\0"}])
def test_a_length_that_is_none_recovers_nobody(longer: dict[str, bytes]) -> None:
    digests, pairs = a_signed_group(random.Random(SEED), GROUP_MIN)
    digests[3] += longer.get("digest", b"")
    pairs[3] += longer.get("pair", b"")
    found = recover_signers(digests, pairs)
    assert found[3] is None and found == signing.recover_group(digests, pairs)


def test_a_group_needs_as_many_digests_as_pairs() -> None:
    digests, pairs = a_signed_group(random.Random(SEED), 2 * GROUP_MIN)
    with pytest.raises(ValueError, match="shorter"):
        recover_signers(digests, pairs[1:])


def test_groups_of_several_threads_do_not_meet() -> None:
    groups = [a_signed_group(random.Random(number), 60) for number in range(4)]
    expected = [signing.recover_group(*group) for group in groups]
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda group: recover_signers(*group), groups * 3))
    assert found == expected * 3


# -- numerals --------------------------------------------------------------------------------------

amounts = st.one_of(
    st.text("0123456789.", max_size=20),
    st.text("019. \n-+e_\u0661", max_size=6),
    st.from_regex(r"\A(0|[1-9][0-9]{0,11})(\.[0-9]{0,9}[1-9])?\Z"),
)


def parsed(text: str, decimals: int) -> int | None:
    try:
        return parse_decimal(text, decimals)
    except Rejected:
        return None


@seed(SEED)
@settings(max_examples=400, deadline=None)
@given(st.lists(amounts, max_size=8), st.integers(0, 8))
def test_amounts_are_read_as_one_by_one_or_left_unread(texts: list[str], decimals: int) -> None:
    values = read_decimals(texts, decimals)
    assert len(values) == len(texts)
    for text, value in zip(texts, values, strict=True):
        assert value in (UNREAD, parsed(text, decimals)), (text, decimals)


@pytest.mark.parametrize("text", ["0", "1", "10", "0.1", "1.00000001", "9999999999.99999999"])
def test_ordinary_amounts_are_read(text: str) -> None:
    assert read_decimals([text, "7"], 8) == [parse_decimal(text, 8), 700_000_000]


def test_a_text_of_two_lines_leaves_its_group_unread() -> None:
    assert read_decimals(["1\n2", "3"], 8) == [UNREAD, UNREAD]


# -- reading ---------------------------------------------------------------------------------------

REPLACEMENTS = [
    (b'"seq":', b'"seq":1,"seq":'),
    (b'"epoch":0', b'"epoch":-0'),
    (b'"epoch":0', b'"epoch":0.0'),
    (b'"epoch":0', b'"epoch":70000'),
    (b'"goodAfter":0', b'"goodAfter":281474976710655'),
    (b'"size":"', b'"size":"0'),
    (b'"size":"', b'"size":"+'),
    (b'"size":"', b'"size":"123456789012345678901234567890'),
    (b'"price":"', b'"price":"9007199254740992'),
    (b'"price":"', b'"price":"1.0\\n'),
    (b"-USD", b"-U:D"),
    (b"-USD", b"-USD:"),
    (b"-USD", b"--USD"),
    (b'"side":"buy"', b'"side":"b:y"'),
    (b'"none"', b'"atOrAbove"'),
    (b'"triggerPrice":"0"', b'"triggerPrice":"00"'),
    (b'"maxFee":"0.0005"', b'"maxFee":"0.00050"'),
    (b'"signature":"0x', b'"signature":"0X'),
    (b'"signature":"0x', b'"signature":"0x 1'),
    (b'"signature":"0x', b'"signature":"0xffffffffffffffff'),
    (b"{", b" { "),
    (b"}", b"},{}"),
    (b'"delegated":false,', b""),
    (b",", b"\t,\n "),
    (b"BTC", b"\\u0042TC"),
    (b"ETH", "\u0395TH".encode()),
    (b"}", b"}" + b" " * 1_024),
]


def bodies(source: random.Random, count: int) -> list[bytes]:
    return [
        msgspec.json.encode(
            order_request(one.order, bench.MARKETS[one.order.market - 1], one.r, one.vs)
        )
        for one in bench._signed_orders(source, KEYS, count, DOMAIN)
    ]


def damaged(source: random.Random, raw: bytes) -> bytes:
    """A body with one thing about it changed, known or random."""
    if source.random() < 0.5:
        old, new = source.choice(REPLACEMENTS)
        return raw.replace(old, new, source.choice([1, -1]))
    at = source.randrange(len(raw))
    letter = source.choice(b'":-.,{}[]\\0 1exX\n\xc3')
    return raw[:at] + bytes([letter] * source.randrange(3)) + raw[at + source.randrange(2) :]


def alone(raw: bytes) -> SignedOrder | Rejected:
    try:
        return decode_order(raw, CONTEXT)
    except Rejected as rejected:
        return rejected


def shown(outcome: SignedOrder | Rejected) -> Any:
    if isinstance(outcome, Rejected):
        return outcome.code, outcome.param, outcome.message
    return outcome


def test_a_group_with_damaged_bodies_reads_as_each_body_alone() -> None:
    source = random.Random(SEED)
    good = bodies(source, 300)
    codes: Counter[str] = Counter()
    for share in (0.0, 0.01, 0.1, 0.6, 1.0):
        group = [damaged(source, raw) if source.random() < share else raw for raw in good]
        expected = [alone(raw) for raw in group]
        codes.update(one.code for one in expected if isinstance(one, Rejected))
        found = decode_orders(group, CONTEXT)
        assert [shown(one) for one in found] == [shown(one) for one in expected], f"seed {SEED}"
    assert len(codes) >= 8, codes


@pytest.mark.parametrize(("old", "new"), REPLACEMENTS)
def test_one_damaged_body_in_a_group_is_told_as_when_alone(old: bytes, new: bytes) -> None:
    source = random.Random(SEED)
    group = bodies(source, 2 * GROUP_MIN)
    group = [raw.replace(old, new) if place in (3, 20) else raw for place, raw in enumerate(group)]
    found = decode_orders(group, CONTEXT)
    assert [shown(one) for one in found] == [shown(alone(raw)) for raw in group]


def test_a_plain_group_is_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    group = bodies(random.Random(SEED), 3 * GROUP_MIN)
    expected = [alone(raw) for raw in group]

    def refuse(*_: Any) -> Any:
        raise AssertionError("a body of a plain group was read alone")

    monkeypatch.setattr(reading, "read_order", refuse)
    assert decode_orders(group, CONTEXT) == expected


# -- checking --------------------------------------------------------------------------------------


def an_order(source: random.Random, seqs: dict[tuple[int, int], int]) -> SignedOrder:
    """An ordinary order or one of the many kinds that are not."""
    place = source.randrange(len(OWNERS))
    account, market = FIRST_TRADER + place, source.randrange(1, len(bench.MARKETS) + 1)
    slot = source.randrange(40)
    seq = seqs[account, slot] = seqs.get((account, slot), 1) + 1
    price_e8 = bench.PRICES_E8[market]
    fields: dict[str, Any] = {
        "account": account,
        "market": market,
        "buy": source.random() < 0.5,
        "size_e8": source.randrange(10**9, 10**13) * 10**10 // price_e8,
        "limit_price_e8": int(price_e8 * source.uniform(0.9, 1.1)) // 10**4 * 10**4,
        "max_fee_e6": 500,
        "time_in_force": source.randrange(3),
        "post_only": False,
        "reduce_only": source.random() < 0.05,
        "trigger_kind": 0,
        "trigger_price_e8": 0,
        "good_after_ms": 0,
        "expiry_ms": bench.NOW_MS + 1_000,
        "epoch": 0,
        "slot": slot,
        "seq": seq,
    }
    odd = {
        "account": 5_000,
        "market": 9,
        "limit_price_e8": source.choice([price_e8 + 1, price_e8 * 20, price_e8 // 20 or 1]),
        "max_fee_e6": source.choice([199, 200]),
        "expiry_ms": source.choice([bench.NOW_MS, bench.NOW_MS + 400 * 86_400_000]),
        "epoch": 1,
        "seq": source.choice([1, seq - 1]),
        "size_e8": 2**52,
    }
    if source.random() < 0.3:
        name = source.choice(sorted(odd))
        fields[name] = odd[name]
    order = Order(**fields)
    signer = OWNERS[place] if source.random() < 0.97 else bytes(20)
    delegated = source.random() < 0.02
    return SignedOrder(order, bytes(64), delegated, order_hash(order, DOMAIN), signer)


@pytest.mark.parametrize("number", range(4))
def test_one_look_at_an_order_judges_as_the_rules_do(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups of orders of every kind: accepted and refused for the same reasons, in either way."""
    source = random.Random(f"{SEED} {number}")
    monkeypatch.setattr(bench, "COLLATERAL_E6", 3_000_000 * 10**6)
    quick, slow = bench.Opening(OWNERS).state, bench.Opening(OWNERS).state
    seqs: dict[tuple[int, int], int] = {}
    codes: Counter[str] = Counter()
    for _ in range(6):
        orders = [an_order(source, seqs) for _ in range(60)]
        orders += source.sample(orders, 3)
        command = SubmitOrders(orders=orders, received_ms=bench.NOW_MS)
        decided = decide(quick, command)
        with monkeypatch.context() as patch:
            patch.setattr(AdmissionView, "take", lambda *_: False)
            assert decide(slow, command) == decided, f"seed {SEED} {number}"
        for event in decided:
            evolve(quick, event)
            evolve(slow, event)
        codes.update(event.code for event in decided if isinstance(event, OrderRejected))
        codes.update("taken" for event in decided if isinstance(event, OrderAccepted))
    assert quick.orders == slow.orders and quick.tally == slow.tally
    assert codes["taken"] >= 60 and codes["INSUFFICIENT_MARGIN"] >= 3 and len(codes) >= 11, codes
