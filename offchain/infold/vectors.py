# SPDX-License-Identifier: Apache-2.0
"""How prices lie in a vector (docs/protocol.md section 2): chunks of 32 markets, each presented
whole, as 8 words, or as its hash. What signers sign is over the hashes, so it is one root whichever
chunks a caller opens.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from infold.signing import keccak

CHUNK_PRICES: Final = 32
CHUNK_WORDS: Final = 8
WORD_PRICES: Final = 4
PRICE_BITS: Final = 64
PRICE_MASK: Final = (1 << PRICE_BITS) - 1


def chunk_words(prices_e8: Mapping[int, int], chunk: int) -> list[int]:
    """The 8 words of one chunk: 32 u64 prices, the first uppermost, absent ones zero."""
    first = chunk * CHUNK_PRICES
    words = []
    for word in range(CHUNK_WORDS):
        packed = 0
        for place in range(WORD_PRICES):
            packed = packed << PRICE_BITS | prices_e8.get(first + word * WORD_PRICES + place, 0)
        words.append(packed)
    return words


def chunk_hash(words: Iterable[int]) -> bytes:
    """keccak256 of a chunk's 8 words."""
    return keccak(b"".join(word.to_bytes(32, "big") for word in words))


def chunks_for(markets: Iterable[int]) -> int:
    """How many chunks hold these markets, of which there is one at least."""
    return max(markets) // CHUNK_PRICES + 1


def opened_for(markets: Iterable[int]) -> int:
    """The chunks to be opened for these markets, a bit each."""
    opened = 0
    for market in markets:
        opened |= 1 << market // CHUNK_PRICES
    return opened


def vector_root(prices_e8: Mapping[int, int], chunks: int) -> bytes:
    """The root oracle signers sign: the hash of the chunk hashes in order."""
    return keccak(b"".join(chunk_hash(chunk_words(prices_e8, chunk)) for chunk in range(chunks)))


def vector_openings(prices_e8: Mapping[int, int], chunks: int, opened: int) -> list[int]:
    """What a caller presents: each chunk's 8 words if its bit of `opened` is set, else its hash."""
    openings: list[int] = []
    for chunk in range(chunks):
        words = chunk_words(prices_e8, chunk)
        if opened >> chunk & 1:
            openings.extend(words)
        else:
            openings.append(int.from_bytes(chunk_hash(words), "big"))
    return openings


def root_of(openings: Sequence[int], chunks: int, opened: int) -> bytes:
    """A vector's root from what was opened of it."""
    hashes, at = [], 0
    for chunk in range(chunks):
        if opened >> chunk & 1:
            hashes.append(chunk_hash(openings[at : at + CHUNK_WORDS]))
            at += CHUNK_WORDS
        else:
            hashes.append(openings[at].to_bytes(32, "big"))
            at += 1
    return keccak(b"".join(hashes))


def price_in(openings: Sequence[int], opened: int, market: int) -> int:
    """A market's price, e8; 0 if the vector has none or its chunk is not opened."""
    chunk, place = divmod(market, CHUNK_PRICES)
    if not opened >> chunk & 1:
        return 0
    before = sum(CHUNK_WORDS if opened >> other & 1 else 1 for other in range(chunk))
    word, quarter = divmod(place, WORD_PRICES)
    return openings[before + word] >> PRICE_BITS * (WORD_PRICES - 1 - quarter) & PRICE_MASK
