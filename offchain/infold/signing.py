# SPDX-License-Identifier: Apache-2.0
"""EIP-712 digests of the five messages, signatures as EIP-2098 pairs, and recovery.

Each struct's members are at most 64 bits wide or whole words, so one `struct.Struct` lays a message
out in a single call; type hashes are computed once from the same table that wallets are shown
(`TYPES`). Recovery calls libsecp256k1 through coincurve's own binding with buffers kept per thread,
because the binding releases the interpreter lock on every call.

What must change together: a member of a struct here, its table in docs/protocol.md section 2, the
type strings in the contracts and in the twin, and tests/vectors.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Any, Final

import msgspec
from coincurve._libsecp256k1 import ffi, lib
from coincurve.context import GLOBAL_CONTEXT
from tiny_keccak import keccak256

from infold.messages import BatchRecord, Cancel, Order

NAME: Final = "Infold"
VERSION: Final = "1"
CURVE_ORDER: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
HALF_CURVE_ORDER: Final = CURVE_ORDER // 2
_HALF_CURVE_ORDER_BYTES: Final = HALF_CURVE_ORDER.to_bytes(32, "big")
S_MASK: Final = (1 << 255) - 1

DOMAIN_TYPE: Final = (
    ("name", "string"),
    ("version", "string"),
    ("chainId", "uint256"),
    ("verifyingContract", "address"),
)
TYPES: Final[dict[str, tuple[tuple[str, str], ...]]] = {
    "Order": (
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
    ),
    "Cancel": (("account", "uint32"), ("slot", "uint8"), ("seq", "uint32")),
    "Batch": (("number", "uint64"), ("time", "uint48"), ("contents", "bytes32")),
    "Receipt": (
        ("orderHash", "bytes32"),
        ("sequence", "uint64"),
        ("acceptedTime", "uint48"),
        ("batchTime", "uint48"),
    ),
    "PriceVector": (("time", "uint48"), ("chunks", "uint16"), ("root", "bytes32")),
}
"""The signed structs, member by member, as wallets are shown them."""


def keccak(data: bytes) -> bytes:
    """Keccak-256 as Ethereum uses it; of `bytes` and nothing else."""
    return keccak256(data)


def type_string(name: str) -> str:
    """The EIP-712 encodeType text of one of `TYPES`."""
    return f"{name}({','.join(f'{kind} {member}' for member, kind in TYPES[name])})"


TYPE_HASHES: Final = {name: keccak(type_string(name).encode()) for name in TYPES}

_DOMAIN_TYPE_HASH: Final = keccak(
    f"EIP712Domain({','.join(f'{kind} {member}' for member, kind in DOMAIN_TYPE)})".encode()
)
PERMIT_TYPEHASH: Final = keccak(
    b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)"
)
_NAME_HASH: Final = keccak(NAME.encode())
_VERSION_HASH: Final = keccak(VERSION.encode())

_ORDER_LAYOUT: Final = Struct(">32s" + "24xQ" * 16)
_CANCEL_LAYOUT: Final = Struct(">32s" + "24xQ" * 3)
_BATCH_LAYOUT: Final = Struct(">32s24xQ24xQ32s")
_RECEIPT_LAYOUT: Final = Struct(">32s32s24xQ24xQ24xQ")
_VECTOR_LAYOUT: Final = Struct(">32s24xQ24xQ32s")
_fields: Final = msgspec.structs.astuple
_pack_order: Final = _ORDER_LAYOUT.pack
_ORDER_TYPE_HASH: Final = TYPE_HASHES["Order"]


@dataclass(frozen=True, slots=True)
class Domain:
    """Where a signature counts: one chain, one contract (20 bytes)."""

    chain_id: int
    verifying_contract: bytes
    separator: bytes = field(init=False, repr=False, compare=False)
    prefix: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.verifying_contract) != 20:
            raise ValueError("a verifying contract is 20 bytes")
        separator = keccak(
            _DOMAIN_TYPE_HASH
            + _NAME_HASH
            + _VERSION_HASH
            + self.chain_id.to_bytes(32, "big")
            + self.verifying_contract.rjust(32, b"\0")
        )
        object.__setattr__(self, "separator", separator)
        object.__setattr__(self, "prefix", b"\x19\x01" + separator)


def typed_data(name: str, message: dict[str, Any], domain: Domain) -> dict[str, Any]:
    """The generic EIP-712 document of a message, for wallets and eth-account.

    `message` is keyed by the member names of `TYPES`; bytes stay bytes.
    """
    return {
        "types": {
            "EIP712Domain": [{"name": member, "type": kind} for member, kind in DOMAIN_TYPE],
            name: [{"name": member, "type": kind} for member, kind in TYPES[name]],
        },
        "primaryType": name,
        "domain": {
            "name": NAME,
            "version": VERSION,
            "chainId": domain.chain_id,
            "verifyingContract": "0x" + domain.verifying_contract.hex(),
        },
        "message": message,
    }


def order_message(order: Order) -> dict[str, Any]:
    """An order keyed by the signed member names."""
    return {
        "account": order.account,
        "market": order.market,
        "buy": order.buy,
        "size": order.size_e8,
        "limitPrice": order.limit_price_e8,
        "maxFee": order.max_fee_e6,
        "timeInForce": int(order.time_in_force),
        "postOnly": order.post_only,
        "reduceOnly": order.reduce_only,
        "triggerKind": int(order.trigger_kind),
        "triggerPrice": order.trigger_price_e8,
        "goodAfter": order.good_after_ms,
        "expiry": order.expiry_ms,
        "epoch": order.epoch,
        "slot": order.slot,
        "seq": order.seq,
    }


# -- digests ---------------------------------------------------------------------------------------


def order_hash(order: Order, domain: Domain) -> bytes:
    """The order hash: the EIP-712 digest of the order under Clearing's domain."""
    # An Order's fields stand in the order of its EIP-712 members (a test holds them there).
    struct_hash = keccak256(_pack_order(_ORDER_TYPE_HASH, *_fields(order)))
    return keccak256(domain.prefix + struct_hash)


def cancel_digest(cancel: Cancel, domain: Domain) -> bytes:
    """What a trader signs to make the matcher stop; Clearing's domain."""
    return _seal(
        domain,
        _CANCEL_LAYOUT.pack(TYPE_HASHES["Cancel"], cancel.account, cancel.slot, cancel.seq),
    )


def batch_digest(number: int, time_ms: int, contents: bytes, domain: Domain) -> bytes:
    """What the matcher and the attesters sign; Clearing's domain."""
    return _seal(domain, _BATCH_LAYOUT.pack(TYPE_HASHES["Batch"], number, time_ms, contents))


def receipt_digest(
    order_hash: bytes, sequence: int, accepted_ms: int, batch_ms: int, domain: Domain
) -> bytes:
    """What the matcher signs for a trader on acceptance; Clearing's domain."""
    return _seal(
        domain,
        _RECEIPT_LAYOUT.pack(TYPE_HASHES["Receipt"], order_hash, sequence, accepted_ms, batch_ms),
    )


def permit_digest(
    separator: bytes, *, owner: bytes, spender: bytes, amount: int, nonce: int, deadline_s: int
) -> bytes:
    """An allowance by signature (ERC-2612) under a token's own domain separator."""
    words = (owner.rjust(32, b"\0"), spender.rjust(32, b"\0"))
    numbers = b"".join(word.to_bytes(32, "big") for word in (amount, nonce, deadline_s))
    return keccak(b"\x19\x01" + separator + keccak(PERMIT_TYPEHASH + b"".join(words) + numbers))


def vector_digest(time_ms: int, chunks: int, root: bytes, oracle_domain: Domain) -> bytes:
    """What an oracle signer signs; the Oracle's domain."""
    return _seal(
        oracle_domain, _VECTOR_LAYOUT.pack(TYPE_HASHES["PriceVector"], time_ms, chunks, root)
    )


def _seal(domain: Domain, encoded: bytes) -> bytes:
    return keccak(domain.prefix + keccak(encoded))


# -- batches ---------------------------------------------------------------------------------------

_FIVE_WORDS: Final = Struct(">32s32s32s32s32s")


def batch_contents(
    head: int,
    root: bytes,
    accepted_root: bytes,
    price_words: Sequence[int],
    records: Sequence[BatchRecord],
) -> bytes:
    """The running hash of everything that can change a batch's outcome, as sealed."""
    contents = keccak(head.to_bytes(32, "big") + root + accepted_root)
    for word in price_words:
        contents = keccak(contents + word.to_bytes(32, "big"))
    for record in records:
        contents = keccak256(
            _FIVE_WORDS.pack(
                contents,
                record.order.to_bytes(32, "big"),
                record.terms.to_bytes(32, "big"),
                record.r.to_bytes(32, "big"),
                record.vs.to_bytes(32, "big"),
            )
        )
    return contents


# -- signatures ------------------------------------------------------------------------------------


_LOW_BYTES: Final = tuple(bytes((value,)) for value in range(128))
_ADDRESSES_MAX: Final = 65_536


class _Buffers(threading.local):
    """libsecp256k1's in and out places, one set per thread.

    `addresses` remembers the address of a public key, by the library's own 64 opaque bytes: traders
    come back, and equal bytes are the same key whatever the library lays out in them.
    """

    def __init__(self) -> None:
        self.signature = ffi.new("secp256k1_ecdsa_recoverable_signature *")
        self.public_key = ffi.new("secp256k1_pubkey *")
        self.point = ffi.new("unsigned char[65]")
        self.point_length = ffi.new("size_t *", 65)
        self.compact = ffi.new("unsigned char[64]")
        self.parity = ffi.new("int *")
        self.coordinates = ffi.buffer(self.point, 65)
        self.opaque = ffi.buffer(self.public_key, 64)
        self.addresses: dict[bytes, bytes] = {}


_buffers: Final = _Buffers()
_context: Final = GLOBAL_CONTEXT.ctx
_parse: Final = lib.secp256k1_ecdsa_recoverable_signature_parse_compact
_recover: Final = lib.secp256k1_ecdsa_recover
_serialize: Final = lib.secp256k1_ec_pubkey_serialize
_UNCOMPRESSED: Final = lib.SECP256K1_EC_UNCOMPRESSED


def recover(digest: bytes, r: int, vs: int) -> bytes | None:
    """The address (20 bytes) whose key made the pair, or None.

    `s` above half the curve order recovers nobody: each signature has one form.
    """
    return recover_group((digest,), ((r << 256 | vs).to_bytes(64, "big"),))[0]


def recover_group(digests: Sequence[bytes], pairs: Sequence[bytes]) -> list[bytes | None]:
    """`recover` for many: digests of 32 bytes, pairs of 64 (r, then vs, as they lie in a request).

    One tight loop, because the curve's tables then stay in the processor's cache: interleaved with
    other work each recovery takes about two microseconds more.
    """
    buffers = _buffers
    context, signature, public_key = _context, buffers.signature, buffers.public_key
    opaque, addresses = buffers.opaque, buffers.addresses
    parse, recover_key, highest = _parse, _recover, _HALF_CURVE_ORDER_BYTES
    signers: list[bytes | None] = []
    for digest, pair in zip(digests, pairs, strict=True):
        uppermost = pair[32]
        if uppermost > 127:
            parity = 1
            uppermost -= 128
            pair = pair[:32] + _LOW_BYTES[uppermost] + pair[33:]
        else:
            parity = 0
        if (
            len(digest) == 32
            and len(pair) == 64
            and (uppermost < 127 or pair[32:] <= highest)
            and parse(context, signature, pair, parity)
            and recover_key(context, public_key, signature, digest)
        ):
            key = opaque[:]
            signers.append(addresses.get(key) or address_of_point(key))
        else:
            signers.append(None)
    return signers


def address_of_point(key: bytes) -> bytes:
    """The address (20 bytes) of a public key in the library's own 64 opaque bytes."""
    buffers = _buffers
    addresses = buffers.addresses
    address = addresses.get(key)
    if address is None:
        buffers.opaque[:] = key
        _serialize(_context, buffers.point, buffers.point_length, buffers.public_key, _UNCOMPRESSED)
        address = keccak(buffers.coordinates[1:])[12:]
        if len(addresses) >= _ADDRESSES_MAX:
            addresses.clear()
        addresses[key] = address
    return address


def sign(digest: bytes, private_key: bytes) -> tuple[int, int]:
    """Sign 32 bytes deterministically (RFC 6979, low s); the pair (r, vs). `ValueError` for another
    length, or a number that is no key.
    """
    buffers = _buffers
    if len(digest) != 32 or len(private_key) != 32:
        raise ValueError("a digest and a private key are 32 bytes each")
    if not lib.secp256k1_ecdsa_sign_recoverable(
        _context, buffers.signature, digest, private_key, ffi.NULL, ffi.NULL
    ):
        raise ValueError("not a private key: it must lie between 1 and the curve order")
    lib.secp256k1_ecdsa_recoverable_signature_serialize_compact(
        _context, buffers.compact, buffers.parity, buffers.signature
    )
    pair = bytes(ffi.buffer(buffers.compact, 64))
    r = int.from_bytes(pair[:32], "big")
    s = int.from_bytes(pair[32:], "big")
    return r, buffers.parity[0] << 255 | s


def address_of(private_key: bytes) -> bytes:
    """The address (20 bytes) of a private key (32 bytes). `ValueError` for anything else."""
    buffers = _buffers
    if len(private_key) != 32 or not lib.secp256k1_ec_pubkey_create(
        _context, buffers.public_key, private_key
    ):
        raise ValueError("not a private key: 32 bytes between 1 and the curve order")
    _serialize(_context, buffers.point, buffers.point_length, buffers.public_key, _UNCOMPRESSED)
    return keccak(buffers.coordinates[1:])[12:]


def signature_bytes(r: int, vs: int) -> bytes:
    """The pair as a `SignedOrder` keeps it: 64 bytes."""
    return (r << 256 | vs).to_bytes(64, "big")


def signature_hex(r: int, vs: int) -> str:
    """The pair as clients send it: 0x and 128 hex digits."""
    return f"0x{r:064x}{vs:064x}"


def checksum_address(address: bytes) -> str:
    """EIP-55 text of 20 bytes."""
    digits = address.hex()
    nibbles = keccak(digits.encode()).hex()
    return "0x" + "".join(
        digit.upper() if int(nibble, 16) >= 8 else digit
        for digit, nibble in zip(digits, nibbles, strict=False)
    )
