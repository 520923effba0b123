# SPDX-License-Identifier: Apache-2.0
"""Order hashes of a whole group in one compiled pass: eight orders go through Keccak side by side.

`signing.order_hash` says what an order's digest is; this computes the same for many, and a property
test holds the two equal. Seventeen words of 32 bytes are hashed first: 68 lanes of 64 bits, four
full blocks and one of padding; every member is at most 64 bits wide, so of its four lanes three are
zero. Then the domain's prefix (34 bytes) and that hash, in one block.

The state lies lane by lane with the eight orders beside each other (`s[8 * lane + order]`), which
the compiler turns into one wide instruction for each step: a permutation costs a seventh of what it
costs alone.

What must change together: `signing._ORDER_LAYOUT`, and this.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Final

import msgspec
import numpy as np

from infold.core.compiled import UInt64s, compiled
from infold.messages import Order
from infold.signing import TYPE_HASHES, Domain, order_hash

GROUP_MIN: Final = 16
"""Fewer orders are hashed one by one: a single request need not wait for a compiler."""
SIDE_BY_SIDE: Final = 8
_RATE: Final = 17
"""Lanes a block of Keccak-256 takes in."""
_HEAD: Final = 4
"""Lanes of the type hash, before the members."""
_FIRST_PAD: Final = np.uint64(1)
_LAST_PAD: Final = np.uint64(0x80 << 56)
_MEMBERS: Final = Struct(">16Q")
_pack: Final = _MEMBERS.pack
_fields: Final = msgspec.structs.astuple
_LANE: Final = np.dtype("<u8")
_TYPE_HASH: Final = np.frombuffer(TYPE_HASHES["Order"], _LANE)
_ROUND_CONSTANTS: Final = np.array(
    [
        0x0000000000000001,
        0x0000000000008082,
        0x800000000000808A,
        0x8000000080008000,
        0x000000000000808B,
        0x0000000080000001,
        0x8000000080008081,
        0x8000000000008009,
        0x000000000000008A,
        0x0000000000000088,
        0x0000000080008009,
        0x000000008000000A,
        0x000000008000808B,
        0x800000000000008B,
        0x8000000000008089,
        0x8000000000008003,
        0x8000000000008002,
        0x8000000000000080,
        0x000000000000800A,
        0x800000008000000A,
        0x8000000080008081,
        0x8000000000008080,
        0x0000000080000001,
        0x8000000080008008,
    ],
    np.uint64,
)


def order_digests(orders: Sequence[Order], domain: Domain) -> list[bytes]:
    """`signing.order_hash` of each order, in their order."""
    count = len(orders)
    if count < GROUP_MIN:
        return [order_hash(order, domain) for order in orders]
    packed = b"".join([_pack(*_fields(order)) for order in orders])
    members = np.frombuffer(packed, _LANE).reshape(count, 16)
    prefix = np.frombuffer(domain.prefix.ljust(40, b"\0"), _LANE)
    hashes = np.empty((count, 4), _LANE)
    _hash_orders(members, _TYPE_HASH, prefix, hashes)
    joined = hashes.tobytes()
    return [joined[at : at + 32] for at in range(0, 32 * count, 32)]


@compiled
def _hash_orders(members: UInt64s, type_hash: UInt64s, prefix: UInt64s, hashes: UInt64s) -> None:
    """Digests into `hashes` (n, 4) of `members` (n, 16), all as lanes: little-endian 64 bits.

    One place calls the permutation, for the compiler writes it out anew at each.
    """
    state = np.zeros(25 * SIDE_BY_SIDE, np.uint64)
    count = members.shape[0]
    for first in range(0, count, SIDE_BY_SIDE):
        beside = min(SIDE_BY_SIDE, count - first)
        state[:] = 0
        for block in range(6):
            if block < 4:
                for at in range(_RATE):
                    lane = _RATE * block + at
                    if lane < _HEAD:
                        for order in range(SIDE_BY_SIDE):
                            state[SIDE_BY_SIDE * at + order] ^= type_hash[lane]
                    elif lane % 4 == 3:
                        for order in range(beside):
                            member = members[first + order, lane // 4 - 1]
                            state[SIDE_BY_SIDE * at + order] ^= member
            elif block == 4:
                _pad(state, 0, _FIRST_PAD)
            else:
                _begin_with(state, prefix)
                _pad(state, 8, _FIRST_PAD << np.uint64(16))
            _permute(state, _ROUND_CONSTANTS)
        for order in range(beside):
            for lane in range(4):
                hashes[first + order, lane] = state[SIDE_BY_SIDE * lane + order]


@compiled
def _begin_with(state: UInt64s, prefix: UInt64s) -> None:
    """Begin a message with the prefix and the hash the states have come to.

    The prefix ends two bytes into a lane, so each lane of the hash is split over two.
    """
    inner = state[: 4 * SIDE_BY_SIDE].copy()
    state[:] = 0
    for order in range(SIDE_BY_SIDE):
        for lane in range(5):
            state[SIDE_BY_SIDE * lane + order] = prefix[lane]
        for lane in range(4):
            word = inner[SIDE_BY_SIDE * lane + order]
            state[SIDE_BY_SIDE * (lane + 4) + order] ^= word << np.uint64(16)
            state[SIDE_BY_SIDE * (lane + 5) + order] ^= word >> np.uint64(48)


@compiled
def _pad(state: UInt64s, lane: int, first: np.uint64) -> None:
    """End the message with a first bit behind it and a last bit at the block's end."""
    for order in range(SIDE_BY_SIDE):
        state[SIDE_BY_SIDE * lane + order] ^= first
        state[SIDE_BY_SIDE * (_RATE - 1) + order] ^= _LAST_PAD


@compiled
def _turn(lane: np.uint64, bits: int) -> np.uint64:
    """The lane turned towards its high end."""
    return lane << np.uint64(bits) | lane >> np.uint64(64 - bits)


@compiled
def _permute(s: UInt64s, constants: UInt64s) -> None:
    """Keccak-f[1600] (FIPS 202, section 3) of eight states at once; lane x + 5y stands at
    8(x + 5y).

    Written out, so that the eight are the only inner loop and nothing in it depends on an index.
    """
    for constant in constants:
        for w in range(SIDE_BY_SIDE):
            # theta: the parity of the two columns beside it goes into every lane
            p0 = s[w] ^ s[40 + w] ^ s[80 + w] ^ s[120 + w] ^ s[160 + w]
            p1 = s[8 + w] ^ s[48 + w] ^ s[88 + w] ^ s[128 + w] ^ s[168 + w]
            p2 = s[16 + w] ^ s[56 + w] ^ s[96 + w] ^ s[136 + w] ^ s[176 + w]
            p3 = s[24 + w] ^ s[64 + w] ^ s[104 + w] ^ s[144 + w] ^ s[184 + w]
            p4 = s[32 + w] ^ s[72 + w] ^ s[112 + w] ^ s[152 + w] ^ s[192 + w]
            d0 = p4 ^ _turn(p1, 1)
            d1 = p0 ^ _turn(p2, 1)
            d2 = p1 ^ _turn(p3, 1)
            d3 = p2 ^ _turn(p4, 1)
            d4 = p3 ^ _turn(p0, 1)
            # rho and pi: each lane turns by its own count and moves
            b0 = s[w] ^ d0
            b1 = _turn(s[48 + w] ^ d1, 44)
            b2 = _turn(s[96 + w] ^ d2, 43)
            b3 = _turn(s[144 + w] ^ d3, 21)
            b4 = _turn(s[192 + w] ^ d4, 14)
            b5 = _turn(s[24 + w] ^ d3, 28)
            b6 = _turn(s[72 + w] ^ d4, 20)
            b7 = _turn(s[80 + w] ^ d0, 3)
            b8 = _turn(s[128 + w] ^ d1, 45)
            b9 = _turn(s[176 + w] ^ d2, 61)
            b10 = _turn(s[8 + w] ^ d1, 1)
            b11 = _turn(s[56 + w] ^ d2, 6)
            b12 = _turn(s[104 + w] ^ d3, 25)
            b13 = _turn(s[152 + w] ^ d4, 8)
            b14 = _turn(s[160 + w] ^ d0, 18)
            b15 = _turn(s[32 + w] ^ d4, 27)
            b16 = _turn(s[40 + w] ^ d0, 36)
            b17 = _turn(s[88 + w] ^ d1, 10)
            b18 = _turn(s[136 + w] ^ d2, 15)
            b19 = _turn(s[184 + w] ^ d3, 56)
            b20 = _turn(s[16 + w] ^ d2, 62)
            b21 = _turn(s[64 + w] ^ d3, 55)
            b22 = _turn(s[112 + w] ^ d4, 39)
            b23 = _turn(s[120 + w] ^ d0, 41)
            b24 = _turn(s[168 + w] ^ d1, 2)
            # chi and iota: each row with its neighbours, and the constant of the round
            s[w] = b0 ^ (~b1 & b2) ^ constant
            s[8 + w] = b1 ^ (~b2 & b3)
            s[16 + w] = b2 ^ (~b3 & b4)
            s[24 + w] = b3 ^ (~b4 & b0)
            s[32 + w] = b4 ^ (~b0 & b1)
            s[40 + w] = b5 ^ (~b6 & b7)
            s[48 + w] = b6 ^ (~b7 & b8)
            s[56 + w] = b7 ^ (~b8 & b9)
            s[64 + w] = b8 ^ (~b9 & b5)
            s[72 + w] = b9 ^ (~b5 & b6)
            s[80 + w] = b10 ^ (~b11 & b12)
            s[88 + w] = b11 ^ (~b12 & b13)
            s[96 + w] = b12 ^ (~b13 & b14)
            s[104 + w] = b13 ^ (~b14 & b10)
            s[112 + w] = b14 ^ (~b10 & b11)
            s[120 + w] = b15 ^ (~b16 & b17)
            s[128 + w] = b16 ^ (~b17 & b18)
            s[136 + w] = b17 ^ (~b18 & b19)
            s[144 + w] = b18 ^ (~b19 & b15)
            s[152 + w] = b19 ^ (~b15 & b16)
            s[160 + w] = b20 ^ (~b21 & b22)
            s[168 + w] = b21 ^ (~b22 & b23)
            s[176 + w] = b22 ^ (~b23 & b24)
            s[184 + w] = b23 ^ (~b24 & b20)
            s[192 + w] = b24 ^ (~b20 & b21)
