# SPDX-License-Identifier: Apache-2.0
"""What is signed: EIP-712 digests of orders, batches and price vectors (docs/protocol.md §2, §5).

Hashing dominates a replay in plain Python, so the functions here take many orders, or many batches,
at a time and hash them side by side. `hash_many` is passed in: any function from equally long
messages to their Keccak-256 digests.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from .keccak import keccak_256

HashMany = Callable[[Sequence[bytes]], list[bytes]]

_DOMAIN_TYPE = b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
_ORDER_TYPE = (
    b"Order(uint32 account,uint16 market,bool buy,uint64 size,uint64 limitPrice,uint16 maxFee,"
    b"uint8 timeInForce,bool postOnly,bool reduceOnly,uint8 triggerKind,uint64 triggerPrice,"
    b"uint48 goodAfter,uint48 expiry,uint16 epoch,uint8 slot,uint32 seq)"
)
_BATCH_TYPE = b"Batch(uint64 number,uint48 time,bytes32 contents)"
_VECTOR_TYPE = b"PriceVector(uint48 time,uint16 chunks,bytes32 root)"

_ORDER_TYPE_HASH = keccak_256(_ORDER_TYPE)
_BATCH_TYPE_HASH = keccak_256(_BATCH_TYPE)
_VECTOR_TYPE_HASH = keccak_256(_VECTOR_TYPE)


class Record(NamedTuple):
    """An order record's four words, taken apart (docs/protocol.md §4)."""

    account: int
    slot: int
    market: int
    place: int
    flags: int
    epoch: int
    seq: int
    max_fee_e6: int
    expiry_ms: int
    size_e8: int
    limit_e8: int
    fill_e8: int
    trigger_e8: int
    good_after_ms: int
    reserved: bool
    r: int
    vs: int

    @classmethod
    def of(cls, order: int, terms: int, r: int, vs: int) -> Record:
        flags = order >> 184 & 0xFFF
        return cls(
            order >> 224,
            order >> 216 & 0xFF,
            order >> 200 & 0xFFFF,
            order >> 196 & 0xF,
            flags,
            order >> 168 & 0xFFFF,
            order >> 136 & 0xFFFFFFFF,
            order >> 120 & 0xFFFF,
            order >> 72 & 0xFFFFFFFFFFFF,
            order >> 8 & 0xFFFFFFFFFFFFFFFF,
            terms >> 192,
            terms >> 128 & 0xFFFFFFFFFFFFFFFF,
            terms >> 64 & 0xFFFFFFFFFFFFFFFF,
            terms >> 16 & 0xFFFFFFFFFFFF,
            bool(order & 0xFF or terms & 0xFFFF or flags >> 9),
            r,
            vs,
        )

    @property
    def buy(self) -> bool:
        return bool(self.flags & 1)

    @property
    def post_only(self) -> bool:
        return bool(self.flags & 2)

    @property
    def reduce_only(self) -> bool:
        return bool(self.flags & 4)

    @property
    def time_in_force(self) -> int:
        """0 good till cancelled, 1 immediate or cancel, 2 fill or kill, 3 never valid."""
        return self.flags >> 3 & 3

    @property
    def trigger_kind(self) -> int:
        """0 none, 1 at or above, 2 at or below, 3 never valid."""
        return self.flags >> 5 & 3

    @property
    def delegated(self) -> bool:
        return bool(self.flags & 128)

    @property
    def approved(self) -> bool:
        return bool(self.flags & 256)

    def struct(self) -> bytes:
        """The order as EIP-712 encodes it before hashing: type hash and 16 words."""
        flags = self.flags
        words = (
            self.account,
            self.market,
            flags & 1,
            self.size_e8,
            self.limit_e8,
            self.max_fee_e6,
            flags >> 3 & 3,
            flags >> 1 & 1,
            flags >> 2 & 1,
            flags >> 5 & 3,
            self.trigger_e8,
            self.good_after_ms,
            self.expiry_ms,
            self.epoch,
            self.slot,
            self.seq,
        )
        return _ORDER_TYPE_HASH + b"".join([word.to_bytes(32, "big") for word in words])


def separator(chain_id: int, verifying_contract: int) -> bytes:
    """The domain separator of "Infold", version "1"."""
    return keccak_256(
        keccak_256(_DOMAIN_TYPE)
        + keccak_256(b"Infold")
        + keccak_256(b"1")
        + chain_id.to_bytes(32, "big")
        + verifying_contract.to_bytes(32, "big")
    )


def order_hashes(records: Sequence[Record], domain: bytes, hash_many: HashMany) -> list[bytes]:
    """The EIP-712 digests of the orders in `records`, in order."""
    structs = hash_many([record.struct() for record in records])
    return hash_many([b"\x19\x01" + domain + struct for struct in structs])


def batch_digest(
    number: int, time_ms: int, contents: bytes, domain: bytes, hash_many: HashMany
) -> bytes:
    """What matcher and attesters sign."""
    words = number.to_bytes(32, "big") + time_ms.to_bytes(32, "big") + contents
    (struct,) = hash_many([_BATCH_TYPE_HASH + words])
    return hash_many([b"\x19\x01" + domain + struct])[0]


def vector_digest(
    time_ms: int, chunks: int, root: bytes, oracle_domain: bytes, hash_many: HashMany
) -> bytes:
    """What an oracle signer signs."""
    words = time_ms.to_bytes(32, "big") + chunks.to_bytes(32, "big") + root
    (struct,) = hash_many([_VECTOR_TYPE_HASH + words])
    return hash_many([b"\x19\x01" + oracle_domain + struct])[0]


class Contents(NamedTuple):
    """What one batch's seals cover, before hashing."""

    head: int
    root: bytes
    accepted_root: bytes
    prices: Sequence[int]
    records: Sequence[tuple[int, int, int, int]]


def batch_contents(batches: Sequence[Contents], hash_many: HashMany) -> list[bytes]:
    """The running hash over each batch's head, prices and records; all batches advance side by
    side.
    """
    running = hash_many(
        [batch.head.to_bytes(32, "big") + batch.root + batch.accepted_root for batch in batches]
    )
    _advance(running, [[_joined((word,)) for word in batch.prices] for batch in batches], hash_many)
    _advance(
        running, [[_joined(record) for record in batch.records] for batch in batches], hash_many
    )
    return running


def _joined(words: Sequence[int]) -> bytes:
    return b"".join([word.to_bytes(32, "big") for word in words])


def _advance(running: list[bytes], items: list[list[bytes]], hash_many: HashMany) -> None:
    """running[i] = hash(running[i], item) for each item of list i in turn; longest lists first, so
    lanes only drop out.
    """
    order = sorted(range(len(items)), key=lambda at: -len(items[at]))
    step = 0
    while order:
        while order and len(items[order[-1]]) <= step:
            order.pop()
        hashed = hash_many([running[at] + items[at][step] for at in order])
        for at, digest in zip(order, hashed, strict=True):
            running[at] = digest
        step += 1
