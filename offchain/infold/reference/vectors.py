# SPDX-License-Identifier: Apache-2.0
"""Price vectors as callers present them: head, openings, signatures (docs/protocol.md §2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .digests import HashMany
from .faults import require

CHUNK_PRICES = 32
CHUNK_WORDS = 8
CHUNKS_MAX = 8


class Vector(NamedTuple):
    """A vector opened: its root, and the prices of the opened chunks by market (zero prices left
    out).
    """

    time_ms: int
    chunks: int
    root: bytes
    prices_e8: dict[int, int]


def open_vector(
    time_ms: int, chunks: int, opened: int, openings: Sequence[int], hash_many: HashMany
) -> Vector:
    """Read the openings of a vector of `chunks` chunks and compute its root.

    Raises Fault("vector: ...") where the openings have another length than the opened bits ask for.
    """
    require(0 < chunks <= CHUNKS_MAX, "vector: bad chunk count")
    require(not opened >> chunks, "vector: opened beyond chunks")
    words_of: list[Sequence[int] | None] = []
    hashes: list[bytes] = []
    at = 0
    for chunk in range(chunks):
        length = CHUNK_WORDS if opened >> chunk & 1 else 1
        words = openings[at : at + length]
        require(len(words) == length, "vector: wrong length")
        at += length
        words_of.append(words if length == CHUNK_WORDS else None)
        encoded = b"".join([word.to_bytes(32, "big") for word in words])
        hashes.append(hash_many([encoded])[0] if length == CHUNK_WORDS else encoded)
    require(at == len(openings), "vector: wrong length")
    prices = {
        CHUNK_PRICES * chunk + 4 * place + quarter: price
        for chunk, chunk_words in enumerate(words_of)
        if chunk_words is not None
        for place, word in enumerate(chunk_words)
        if word
        for quarter in range(4)
        if (price := word >> (192 - 64 * quarter) & 0xFFFFFFFFFFFFFFFF)
    }
    return Vector(time_ms, chunks, hash_many([b"".join(hashes)])[0], prices)
