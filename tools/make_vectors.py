# SPDX-License-Identifier: Apache-2.0
"""Write the signing vectors under tests/vectors, for writers of other clients.

    python tools/make_vectors.py           rewrite the files
    python tools/make_vectors.py --check   exit 1 and name the first file that differs

Integers above 2**53 are decimal strings, words and hashes are 0x and hex digits. The keys are
public and worth nothing.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "offchain"), str(ROOT / "tools")]

import msgspec  # noqa: E402

import margin_vectors  # noqa: E402
from infold import signing, vectors, words  # noqa: E402
from infold.errors import Rejected  # noqa: E402
from infold.messages import (  # noqa: E402
    BatchRecord,
    Cancel,
    Order,
    SignedOrder,
    TimeInForce,
    TriggerKind,
    order_request,
)
from infold.units import parse_decimal  # noqa: E402

DIRECTORY = ROOT / "tests" / "vectors"
CLEARING = signing.Domain(31_337, bytes.fromhex("11" * 20))
ORACLE = signing.Domain(31_337, bytes.fromhex("22" * 20))
OTHER_CHAIN = signing.Domain(1, bytes.fromhex("11" * 20))
TRADER_KEYS = tuple(bytes([number]) * 32 for number in (1, 2, 3))
MATCHER_KEY = bytes([9]) * 32
ORACLE_KEYS = tuple(bytes([number]) * 32 for number in (21, 22, 23))
TIME_MS = 1_800_000_000_000


def hexadecimal(value: bytes | int) -> str:
    """A word or hash as text."""
    return f"0x{value:064x}" if isinstance(value, int) else "0x" + value.hex()


def domain_fields(domain: signing.Domain) -> dict[str, Any]:
    """A domain and its separator."""
    return {
        "chainId": domain.chain_id,
        "verifyingContract": signing.checksum_address(domain.verifying_contract),
        "separator": hexadecimal(domain.separator),
    }


def message_fields(message: dict[str, Any]) -> dict[str, Any]:
    """A message with integers that no JSON reader rounds."""
    return {
        name: hexadecimal(value)
        if isinstance(value, bytes)
        else (str(value) if type(value) is int and value >= 2**53 else value)
        for name, value in message.items()
    }


def sample_orders() -> Iterator[Order]:
    """An ordinary order, each flag once, and the largest value of every field."""
    plain = Order(
        account=21,
        market=1,
        buy=True,
        size_e8=50_000_000,
        limit_price_e8=6_000_000_000_000,
        max_fee_e6=500,
        time_in_force=TimeInForce.GTC,
        post_only=False,
        reduce_only=False,
        trigger_kind=TriggerKind.NONE,
        trigger_price_e8=0,
        good_after_ms=TIME_MS,
        expiry_ms=TIME_MS + 60_000,
        epoch=0,
        slot=3,
        seq=17,
    )
    replace = msgspec.structs.replace
    yield plain
    yield replace(plain, buy=False, time_in_force=TimeInForce.IOC)
    yield replace(plain, time_in_force=TimeInForce.FOK, reduce_only=True)
    yield replace(plain, post_only=True, market=255, slot=255)
    yield replace(
        plain,
        trigger_kind=TriggerKind.AT_OR_ABOVE,
        trigger_price_e8=6_100_000_000_000,
        epoch=65_535,
    )
    yield replace(plain, trigger_kind=TriggerKind.AT_OR_BELOW, trigger_price_e8=1, seq=2**32 - 1)
    yield Order(
        account=2**32 - 1,
        market=2**16 - 1,
        buy=True,
        size_e8=2**64 - 1,
        limit_price_e8=2**64 - 1,
        max_fee_e6=2**16 - 1,
        time_in_force=TimeInForce.FOK,
        post_only=True,
        reduce_only=True,
        trigger_kind=TriggerKind.AT_OR_BELOW,
        trigger_price_e8=2**64 - 1,
        good_after_ms=2**48 - 1,
        expiry_ms=2**48 - 1,
        epoch=2**16 - 1,
        slot=2**8 - 1,
        seq=2**32 - 1,
    )


def signed_orders(domain: signing.Domain) -> Iterator[SignedOrder]:
    """The sample orders, signed in turn by the trader keys."""
    for number, order in enumerate(sample_orders()):
        key = TRADER_KEYS[number % len(TRADER_KEYS)]
        order_hash = signing.order_hash(order, domain)
        r, vs = signing.sign(order_hash, key)
        signature = signing.signature_bytes(r, vs)
        yield SignedOrder(order, signature, number % 2 == 1, order_hash, signing.address_of(key))


def orders() -> dict[str, Any]:
    """Order hashes and signatures under two domains."""
    cases = []
    for domain in (CLEARING, OTHER_CHAIN):
        for number, signed in enumerate(signed_orders(domain)):
            cases.append(
                {
                    "domain": domain_fields(domain),
                    "message": message_fields(signing.order_message(signed.order)),
                    "orderHash": hexadecimal(signed.order_hash),
                    "privateKey": hexadecimal(TRADER_KEYS[number % len(TRADER_KEYS)]),
                    "signer": signing.checksum_address(signed.signer),
                    "r": hexadecimal(signed.r),
                    "vs": hexadecimal(signed.vs),
                }
            )
    return {"type": signing.type_string("Order"), "typeHash": _type_hash("Order"), "cases": cases}


def messages() -> dict[str, Any]:
    """Digests and signatures of the four other messages."""
    order_hash = signing.order_hash(next(sample_orders()), CLEARING)
    contents, root = signing.keccak(b"contents"), signing.keccak(b"root")
    samples: list[tuple[str, signing.Domain, dict[str, Any], bytes, bytes]] = []
    for slot, seq in ((0, 1), (255, 2**32 - 1)):
        cancel = Cancel(account=21, slot=slot, seq=seq)
        samples.append(
            (
                "Cancel",
                CLEARING,
                {"account": 21, "slot": slot, "seq": seq},
                signing.cancel_digest(cancel, CLEARING),
                TRADER_KEYS[0],
            )
        )
    for number in (1, 2**64 - 1):
        samples.append(
            (
                "Batch",
                CLEARING,
                {"number": number, "time": TIME_MS, "contents": contents},
                signing.batch_digest(number, TIME_MS, contents, CLEARING),
                MATCHER_KEY,
            )
        )
    for batch_ms in (0, TIME_MS):
        samples.append(
            (
                "Receipt",
                CLEARING,
                {
                    "orderHash": order_hash,
                    "sequence": 42,
                    "acceptedTime": TIME_MS + 5,
                    "batchTime": batch_ms,
                },
                signing.receipt_digest(order_hash, 42, TIME_MS + 5, batch_ms, CLEARING),
                MATCHER_KEY,
            )
        )
    for chunks in (1, 8):
        samples.append(
            (
                "PriceVector",
                ORACLE,
                {"time": TIME_MS, "chunks": chunks, "root": root},
                signing.vector_digest(TIME_MS, chunks, root, ORACLE),
                ORACLE_KEYS[0],
            )
        )
    cases = []
    for name, domain, message, digest, key in samples:
        r, vs = signing.sign(digest, key)
        cases.append(
            {
                "name": name,
                "type": signing.type_string(name),
                "typeHash": _type_hash(name),
                "domain": domain_fields(domain),
                "message": message_fields(message),
                "digest": hexadecimal(digest),
                "privateKey": hexadecimal(key),
                "signer": signing.checksum_address(signing.address_of(key)),
                "r": hexadecimal(r),
                "vs": hexadecimal(vs),
            }
        )
    return {"cases": cases}


def sample_records() -> list[BatchRecord]:
    """The sample orders as records; they show the packing, not a batch a contract would take."""
    records = [
        words.pack_record(
            signed.order,
            number,
            min(signed.order.size_e8, 1_000 * number + 1),
            signed.delegated,
            signed.r,
            signed.vs,
        )
        for number, signed in enumerate(signed_orders(CLEARING))
    ]
    records.append(
        words.pack_record(next(sample_orders()), 15, 2**64 - 1, True, 2**256 - 1, 2**256 - 1)
    )
    return records


def records() -> dict[str, Any]:
    """Orders packed into the four words of calldata."""
    cases = []
    for record in sample_records():
        unpacked = words.unpack_record(record)
        cases.append(
            {
                "message": message_fields(signing.order_message(unpacked.order)),
                "index": unpacked.place,
                "fill": str(unpacked.fill_e8),
                "delegated": unpacked.delegated,
                "order": hexadecimal(record.order),
                "terms": hexadecimal(record.terms),
                "r": hexadecimal(record.r),
                "vs": hexadecimal(record.vs),
            }
        )
    return {"cases": cases}


def price_vectors() -> dict[str, Any]:
    """Price vectors: chunks, roots, openings and signatures by ascending signer."""
    cases = []
    samples: list[tuple[dict[int, int], int, int]] = [
        ({1: 6_000_000_000_000, 2: 300_000_000_000}, 1, 0b1),
        ({1: 1, 31: 2, 32: 3, 63: 2**64 - 1}, 2, 0b01),
        ({1: 1, 31: 2, 32: 3, 63: 2**64 - 1}, 2, 0b11),
        ({255: 7}, 8, 0b1000_0000),
        ({}, 1, 0),
    ]
    for prices_e8, chunks, opened in samples:
        root = vectors.vector_root(prices_e8, chunks)
        digest = signing.vector_digest(TIME_MS, chunks, root, ORACLE)
        signed = sorted(
            (signing.address_of(key), *signing.sign(digest, key)) for key in ORACLE_KEYS
        )
        cases.append(
            {
                "time": TIME_MS,
                "chunks": chunks,
                "opened": opened,
                "prices": {str(market): str(price) for market, price in prices_e8.items()},
                "head": hexadecimal(
                    words.pack_settle_head(words.SettleHead(0, TIME_MS, chunks, opened))
                ),
                "openings": [
                    hexadecimal(word) for word in vectors.vector_openings(prices_e8, chunks, opened)
                ],
                "root": hexadecimal(root),
                "domain": domain_fields(ORACLE),
                "digest": hexadecimal(digest),
                "signatures": [
                    {
                        "signer": signing.checksum_address(signer),
                        "r": hexadecimal(r),
                        "vs": hexadecimal(vs),
                    }
                    for signer, r, vs in signed
                ],
            }
        )
    return {"cases": cases}


def batches() -> dict[str, Any]:
    """Batch contents and digests: empty, one market, everything."""
    prices_e8 = {1: 6_000_000_000_000, 2: 300_000_000_000}
    root = vectors.vector_root(prices_e8, 1)
    price_words = [
        words.pack_price(words.PriceWord(1, 6_000_500_000_000, 100_000_000)),
        words.pack_price(words.PriceWord(2, 2**64 - 1, 2**64 - 1)),
    ]
    cases = []
    for number, count, taken, accepted_root in (
        (1, 0, 0, bytes(32)),
        (2, 1, 1, bytes(32)),
        (2**64 - 1, 2, len(sample_records()), signing.keccak(b"accepted")),
    ):
        head = words.pack_settle_head(words.SettleHead(number, TIME_MS, 1, 1))
        batch_records = sample_records()[:taken]
        contents = signing.batch_contents(
            head, root, accepted_root, price_words[:count], batch_records
        )
        digest = signing.batch_digest(number, TIME_MS, contents, CLEARING)
        r, vs = signing.sign(digest, MATCHER_KEY)
        cases.append(
            {
                "number": str(number),
                "time": TIME_MS,
                "head": hexadecimal(head),
                "root": hexadecimal(root),
                "acceptedRoot": hexadecimal(accepted_root),
                "prices": [hexadecimal(word) for word in price_words[:count]],
                "records": [
                    [hexadecimal(word) for word in msgspec.structs.astuple(record)]
                    for record in batch_records
                ],
                "contents": hexadecimal(contents),
                "domain": domain_fields(CLEARING),
                "digest": hexadecimal(digest),
                "seal": {"r": hexadecimal(r), "vs": hexadecimal(vs)},
                "matcher": signing.checksum_address(signing.address_of(MATCHER_KEY)),
            }
        )
    return {"cases": cases}


def requests() -> dict[str, Any]:
    """Bodies as clients post them, with what they stand for."""
    cases = []
    for number, signed in enumerate(signed_orders(CLEARING)):
        if signed.order.market != 1:
            continue
        request = order_request(signed.order, "BTC-USD", signed.r, signed.vs, signed.delegated)
        cases.append(
            {
                "number": number,
                "body": msgspec.json.encode(request).decode(),
                "message": message_fields(signing.order_message(signed.order)),
                "orderHash": hexadecimal(signed.order_hash),
                "signer": signing.checksum_address(signed.signer),
            }
        )
    return {"markets": {"BTC-USD": 1}, "domain": domain_fields(CLEARING), "cases": cases}


WORDS = (
    ("accounts", words.ACCOUNT),
    ("positions", words.POSITION),
    ("fills", words.FILL),
    ("withdrawals", words.WITHDRAWAL),
    ("delegates", words.DELEGATE),
    ("head", words.HEAD),
    ("limits", words.LIMITS),
    ("clock", words.CLOCK),
    ("pool", words.POOL),
    ("meter", words.METER),
    ("ledger", words.LEDGER),
    ("incoming", words.POOL),
    ("rates", words.RATES),
    ("caps", words.CAPS),
    ("strikes", words.STRIKE),
    ("settle head", words.SETTLE_HEAD),
    ("price word", words.PRICE),
    ("AccountSettled head", words.SETTLED_HEAD),
    ("AccountSettled fill", words.SETTLED_FILL),
    ("service", words.SERVICE),
    ("threshold", words.THRESHOLD),
    ("second source", words.SOURCE),
    ("readings", words.READINGS),
)


def chain_words() -> dict[str, Any]:
    """Words of storage, calldata and logs: each field at its least, its largest, told apart."""
    cases = []
    for name, layout in WORDS:
        least = [-(1 << field.bits - 1) if field.signed else 0 for field in layout]
        largest = [(1 << field.bits - field.signed) - 1 for field in layout]
        apart = [
            -(place + 1) if field.signed else min(place + 1, (1 << field.bits) - 1)
            for place, field in enumerate(layout)
        ]
        for values in (least, largest, apart):
            cases.append(
                {
                    "word": name,
                    "fields": {
                        field.name: str(value) for field, value in zip(layout, values, strict=True)
                    },
                    "packed": hexadecimal(words.pack(layout, values)),
                }
            )
    listing = words.ListingWord(10_000_000, "BTC-USD")
    cases.append(
        {
            "word": "listing",
            "fields": {"tick_e8": str(listing.tick_e8), "name": listing.name},
            "packed": hexadecimal(words.pack_listing(listing)),
        }
    )
    return {"cases": cases}


def numbers() -> dict[str, Any]:
    """Decimal texts and the integers they mean; null where a text is refused."""
    texts = (
        "0 1 10 0.1 0.00000001 60000.5 123456789.12345678 90071992.54740992"
        " 00 01 1. .5 . 0.0 1.10 1.000000001 -1 -0 +1 1e3 1E3 0x10 1_000 1,000 NaN Infinity"
        " inf 1.2.3 1/2 999999999999999999999999999999 9999999999999999999999999999999"
    ).split(" ")
    extra = ["", " 1", "1 ", "1\n", "\t1", "\u0661\u0662", "\uff11", "1\u00a0", "\u00b2", "1\x00"]
    cases = []
    for text in [*texts, *extra]:
        try:
            value: str | None = str(parse_decimal(text, 8))
        except Rejected:
            value = None
        cases.append({"text": text, "decimals": 8, "value": value})
    return {"cases": cases}


def _type_hash(name: str) -> str:
    return hexadecimal(signing.TYPE_HASHES[name])


FILES = {
    "orders.json": orders,
    "messages.json": messages,
    "records.json": records,
    "price_vectors.json": price_vectors,
    "batches.json": batches,
    "requests.json": requests,
    "words.json": chain_words,
    "numbers.json": numbers,
}


def rendered() -> Iterator[tuple[str, str]]:
    """Every file's name and text."""
    for name, build in FILES.items():
        yield name, json.dumps(build(), indent=1) + "\n"
    yield "margins.json", margin_vectors.text()


def main() -> int:
    """Write or check; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, compare")
    check = parser.parse_args().check
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    for name, text in rendered():
        path = DIRECTORY / name
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            print(f"{path} differs; run python tools/make_vectors.py", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
