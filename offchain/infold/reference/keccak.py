# SPDX-License-Identifier: Apache-2.0
"""Keccak-256 as Ethereum uses it (the padding before SHA-3), in plain Python.

Source: the Keccak reference, version 3.0, for the permutation f[1600] with rate 1088 and padding
byte 0x01.

Python spends most of a small integer operation on bookkeeping, so the state's 25 lanes may hold
many messages side by side: lane i of message m occupies bits 64 m to 64 m + 63 of one long integer.
One pass over such a state hashes all of them, some thirty times faster a message than one by one.
`keccak_256` is the case of one message.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

RATE_BYTES = 136
_WIDTH = 64
_ROUNDS = 24
# Messages hashed side by side at most: longer integers leave the processor's first cache.
_SIDE_BY_SIDE = 512


def _round_constants() -> tuple[int, ...]:
    """The iota constants, from the linear feedback shift register of the specification."""
    constants = []
    register = 1
    for _ in range(_ROUNDS):
        constant = 0
        for power in range(7):
            if register & 1:
                constant |= 1 << ((1 << power) - 1)
            register <<= 1
            if register & 0x100:
                register ^= 0x171
        constants.append(constant)
    return tuple(constants)


def _walk() -> tuple[tuple[int, int, int], ...]:
    """rho and pi together: (from lane, to lane, rotation) with lane = x + 5 y."""
    steps = [(0, 0, 0)]
    x, y = 1, 0
    for step in range(24):
        rotation = (step + 1) * (step + 2) // 2 % _WIDTH
        moved_x, moved_y = y, (2 * x + 3 * y) % 5
        steps.append((x + 5 * y, moved_x + 5 * moved_y, rotation))
        x, y = moved_x, moved_y
    return tuple(steps)


_CONSTANTS = _round_constants()
_WALK = _walk()


class _Masks(NamedTuple):
    """What a permutation of `count` states side by side needs, repeated in each 64-bit place."""

    full: int
    constants: tuple[int, ...]
    # (from, to, rotation, 64 - rotation, mask of the bits that stay, mask of the bits that wrap)
    walk: tuple[tuple[int, int, int, int, int, int], ...]
    one_stays: int
    one_wraps: int


@lru_cache(maxsize=16)
def _masks(count: int) -> _Masks:
    ones = sum(1 << (_WIDTH * place) for place in range(count))
    return _Masks(
        full=ones * (2**_WIDTH - 1),
        constants=tuple(ones * constant for constant in _CONSTANTS),
        walk=tuple(
            (
                source,
                target,
                rotation,
                _WIDTH - rotation,
                ones * (2 ** (_WIDTH - rotation) - 1),
                ones * (2**rotation - 1),
            )
            for source, target, rotation in _WALK
        ),
        one_stays=ones * (2 ** (_WIDTH - 1) - 1),
        one_wraps=ones,
    )


def _permute(lanes: list[int], masks: _Masks) -> list[int]:
    """f[1600] on every state side by side; returns the new lanes."""
    full, constants, walk, one_stays, one_wraps = masks
    moved = [0] * 25
    for constant in constants:
        c0 = lanes[0] ^ lanes[5] ^ lanes[10] ^ lanes[15] ^ lanes[20]
        c1 = lanes[1] ^ lanes[6] ^ lanes[11] ^ lanes[16] ^ lanes[21]
        c2 = lanes[2] ^ lanes[7] ^ lanes[12] ^ lanes[17] ^ lanes[22]
        c3 = lanes[3] ^ lanes[8] ^ lanes[13] ^ lanes[18] ^ lanes[23]
        c4 = lanes[4] ^ lanes[9] ^ lanes[14] ^ lanes[19] ^ lanes[24]
        theta = (
            c4 ^ (((c1 & one_stays) << 1) | ((c1 >> 63) & one_wraps)),
            c0 ^ (((c2 & one_stays) << 1) | ((c2 >> 63) & one_wraps)),
            c1 ^ (((c3 & one_stays) << 1) | ((c3 >> 63) & one_wraps)),
            c2 ^ (((c4 & one_stays) << 1) | ((c4 >> 63) & one_wraps)),
            c3 ^ (((c0 & one_stays) << 1) | ((c0 >> 63) & one_wraps)),
        )
        for source, target, left, right, stays, wraps in walk:
            lane = lanes[source] ^ theta[source % 5]
            moved[target] = ((lane & stays) << left) | ((lane >> right) & wraps)
        lanes = []
        for row in (0, 5, 10, 15, 20):
            b0, b1, b2, b3, b4 = moved[row : row + 5]
            lanes += (
                b0 ^ (b2 & (b1 ^ full)),
                b1 ^ (b3 & (b2 ^ full)),
                b2 ^ (b4 & (b3 ^ full)),
                b3 ^ (b0 & (b4 ^ full)),
                b4 ^ (b1 & (b0 ^ full)),
            )
        lanes[0] ^= constant
    return lanes


def _padded(message: bytes) -> bytes:
    missing = RATE_BYTES - len(message) % RATE_BYTES
    if missing == 1:
        return message + b"\x81"
    return message + b"\x01" + b"\x00" * (missing - 2) + b"\x80"


def keccak_256(message: bytes) -> bytes:
    """The 32-byte Keccak-256 digest of `message`."""
    masks = _masks(1)
    lanes = [0] * 25
    padded = _padded(message)
    for start in range(0, len(padded), RATE_BYTES):
        for lane in range(17):
            at = start + 8 * lane
            lanes[lane] ^= int.from_bytes(padded[at : at + 8], "little")
        lanes = _permute(lanes, masks)
    return b"".join(lane.to_bytes(8, "little") for lane in lanes[:4])


def keccak_256_many(messages: Sequence[bytes]) -> list[bytes]:
    """The digests of many messages of one common length, in order.

    Raises ValueError if the lengths differ: group them by length first.
    """
    if not messages:
        return []
    if any(len(message) != len(messages[0]) for message in messages):
        raise ValueError("messages differ in length: hash each length apart")
    digests: list[bytes] = []
    for start in range(0, len(messages), _SIDE_BY_SIDE):
        digests += _hash_side_by_side(messages[start : start + _SIDE_BY_SIDE])
    return digests


def _hash_side_by_side(messages: Sequence[bytes]) -> list[bytes]:
    padded = [_padded(message) for message in messages]
    # Rounded up to a power of two by repeating the last message, so that few sets of masks exist.
    places = 1 << (len(padded) - 1).bit_length()
    padded += padded[-1:] * (places - len(padded))
    masks = _masks(places)
    lanes = [0] * 25
    for start in range(0, len(padded[0]), RATE_BYTES):
        for lane in range(17):
            at = start + 8 * lane
            column = b"".join([message[at : at + 8] for message in padded])
            lanes[lane] ^= int.from_bytes(column, "little")
        lanes = _permute(lanes, masks)
    columns = [lane.to_bytes(8 * places, "little") for lane in lanes[:4]]
    return [
        b"".join([column[at : at + 8] for column in columns])
        for at in range(0, 8 * len(messages), 8)
    ]
