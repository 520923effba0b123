# SPDX-License-Identifier: Apache-2.0
"""Digests against a generic EIP-712 library, and the running hash of a batch against its
definition.
"""

from __future__ import annotations

import random

from eth_account.messages import encode_typed_data
from sha3 import keccak_256 as native_keccak
from tests.support.twin import hash_many

from infold.reference.digests import (
    Contents,
    Record,
    batch_contents,
    batch_digest,
    order_hashes,
    separator,
    vector_digest,
)
from infold.reference.keccak import keccak_256_many

ORDER_FIELDS = [
    ("account", "uint32"),
    ("market", "uint16"),
    ("buy", "bool"),
    ("size", "uint64"),
    ("limitPrice", "uint64"),
    ("maxFee", "uint16"),
    ("timeInForce", "uint8"),
    ("postOnly", "bool"),
    ("reduceOnly", "bool"),
    ("triggerKind", "uint8"),
    ("triggerPrice", "uint64"),
    ("goodAfter", "uint48"),
    ("expiry", "uint48"),
    ("epoch", "uint16"),
    ("slot", "uint8"),
    ("seq", "uint32"),
]
CONTRACT = 0xC0FFEE << 100


def generic_digest(kind: str, fields: list[tuple[str, str]], values: dict[str, object]) -> bytes:
    """The digest by eth-account, which knows nothing of ours."""
    message = encode_typed_data(
        full_message={
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                kind: [{"name": name, "type": type_} for name, type_ in fields],
            },
            "primaryType": kind,
            "domain": {
                "name": "Infold",
                "version": "1",
                "chainId": 31337,
                "verifyingContract": f"0x{CONTRACT:040x}",
            },
            "message": values,
        }
    )
    return native_keccak(b"\x19" + message.version + message.header + message.body).digest()


def a_record(generator: random.Random) -> Record:
    order = generator.getrandbits(256) & ~0xFF & ~(0xF << 192)
    return Record.of(order, generator.getrandbits(256) & ~0xFFFF, 0, 0)


def test_order_hashes_equal_a_generic_librarys() -> None:
    generator = random.Random(5)
    records = [a_record(generator) for _ in range(40)]
    domain = separator(31337, CONTRACT)
    ours = order_hashes(records, domain, keccak_256_many)
    for record, digest in zip(records, ours, strict=True):
        values: dict[str, object] = {
            "account": record.account,
            "market": record.market,
            "buy": record.buy,
            "size": record.size_e8,
            "limitPrice": record.limit_e8,
            "maxFee": record.max_fee_e6,
            "timeInForce": record.time_in_force,
            "postOnly": record.post_only,
            "reduceOnly": record.reduce_only,
            "triggerKind": record.trigger_kind,
            "triggerPrice": record.trigger_e8,
            "goodAfter": record.good_after_ms,
            "expiry": record.expiry_ms,
            "epoch": record.epoch,
            "slot": record.slot,
            "seq": record.seq,
        }
        assert digest == generic_digest("Order", ORDER_FIELDS, values)


def test_batch_and_vector_digests_equal_a_generic_librarys() -> None:
    domain = separator(31337, CONTRACT)
    contents = native_keccak(b"contents").digest()
    assert batch_digest(7, 1_700_000_000_123, contents, domain, keccak_256_many) == generic_digest(
        "Batch",
        [("number", "uint64"), ("time", "uint48"), ("contents", "bytes32")],
        {"number": 7, "time": 1_700_000_000_123, "contents": contents},
    )
    assert vector_digest(1_700_000_000_123, 3, contents, domain, keccak_256_many) == generic_digest(
        "PriceVector",
        [("time", "uint48"), ("chunks", "uint16"), ("root", "bytes32")],
        {"time": 1_700_000_000_123, "chunks": 3, "root": contents},
    )


def test_contents_of_many_batches_equal_the_running_hash_of_each() -> None:
    generator = random.Random(6)

    def word() -> int:
        return generator.getrandbits(256)

    batches = [
        Contents(
            word(),
            generator.randbytes(32),
            generator.randbytes(32),
            [word() for _ in range(generator.randrange(4))],
            [(word(), word(), word(), word()) for _ in range(generator.randrange(9))],
        )
        for _ in range(7)
    ]
    expected = []
    for batch in batches:
        running = native_keccak(
            batch.head.to_bytes(32, "big") + batch.root + batch.accepted_root
        ).digest()
        for price in batch.prices:
            running = native_keccak(running + price.to_bytes(32, "big")).digest()
        for record in batch.records:
            encoded = b"".join(part.to_bytes(32, "big") for part in record)
            running = native_keccak(running + encoded).digest()
        expected.append(running)
    assert batch_contents(batches, keccak_256_many) == expected
    assert batch_contents(batches, hash_many) == expected
