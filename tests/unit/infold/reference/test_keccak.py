# SPDX-License-Identifier: Apache-2.0
"""The twin's Keccak-256 against published vectors and a C implementation."""

from __future__ import annotations

import random

import pytest
from sha3 import keccak_256 as native_keccak

from infold.reference.keccak import keccak_256, keccak_256_many


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
        (
            b"The quick brown fox jumps over the lazy dog",
            "4d741b6f1eb29cb2a9b9911c82f56fa8d73b04959d3d9d222895df6c0b28aa15",
        ),
    ],
)
def test_keccak_256_gives_the_published_digests(message: bytes, digest: str) -> None:
    assert keccak_256(message).hex() == digest


def test_keccak_256_agrees_with_a_c_library_at_every_length_around_a_block() -> None:
    generator = random.Random(1)
    for length in [*range(0, 20), *range(130, 145), *range(268, 276), 544, 1_000]:
        message = generator.randbytes(length)
        assert keccak_256(message) == native_keccak(message).digest(), length


@pytest.mark.parametrize("count", [1, 2, 3, 64, 65, 513])
def test_hashing_side_by_side_agrees_with_hashing_one_by_one(count: int) -> None:
    generator = random.Random(count)
    messages = [generator.randbytes(160) for _ in range(count)]
    expected = [native_keccak(message).digest() for message in messages]
    assert keccak_256_many(messages) == expected


def test_hashing_nothing_side_by_side_gives_nothing() -> None:
    assert keccak_256_many([]) == []


def test_messages_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        keccak_256_many([b"a", b"bc"])
