# SPDX-License-Identifier: Apache-2.0
"""Random numbers by counter: what a path draws depends on (seed, path, stream, index) alone.

Marks come from Philox4x32-10 (Salmon, Moraes, Dror and Shaw 2011, "Parallel random numbers: as easy
as 1, 2, 3"), one block of four 32-bit words a mark, so the hundredth mark is the same whatever was
done with the first ninety-nine. Long columns of normals come from numpy's Philox4x64, whose streams
stand 2^192 blocks apart.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from infold.research.simulation.compiled import Word, compiled

SEED_MAX: Final = 2**64 - 1
UNIT: Final = 2.0**-32
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_MULTIPLY_0 = np.uint64(0xD2511F53)
_MULTIPLY_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_ROUNDS = 10


class Stream(IntEnum):
    """What a path draws for; each purpose has numbers of its own.

    A purpose that is added later never moves those of another, so results stay comparable.
    """

    MARKS = 0
    PRICE = 1
    VOLATILITY = 2
    JUMPS = 3
    NEWS = 4
    CRASH = 5
    VENUE = 6
    ORACLE = 7
    LEARNER = 8
    OTHER = 9


@compiled
def philox(
    c0: Word, c1: Word, c2: Word, c3: Word, k0: Word, k1: Word
) -> tuple[Word, Word, Word, Word]:
    """One block of Philox4x32-10: counter and key as 32-bit words held in uint64."""
    for _ in range(_ROUNDS):
        product_0 = _MULTIPLY_0 * c0
        product_1 = _MULTIPLY_1 * c2
        c0 = (product_1 >> _SHIFT) ^ c1 ^ k0
        c1 = product_1 & _LOW
        c2 = (product_0 >> _SHIFT) ^ c3 ^ k1
        c3 = product_0 & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


def checked_seed(seed: int, path: int) -> None:
    """`ValueError` unless both fit the counter."""
    if not 0 <= seed <= SEED_MAX:
        raise ValueError(f"the seed must lie in 0..2^64-1, not {seed!r}")
    if not 0 <= path < 2**32:
        raise ValueError(f"the path's number must lie in 0..2^32-1, not {path!r}")


def generator(seed: int, path: int, stream: Stream) -> np.random.Generator:
    """numpy's generator for one purpose of one path."""
    checked_seed(seed, path)
    bits = np.random.Philox(
        key=np.array([seed, path], dtype=np.uint64),
        counter=np.array([0, 0, 0, int(stream)], dtype=np.uint64),
    )
    return np.random.Generator(bits)
