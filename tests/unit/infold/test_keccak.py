# SPDX-License-Identifier: Apache-2.0
"""Our keccak beside a second library's and beside published digests."""

from __future__ import annotations

import random

import pytest
from sha3 import keccak_256 as other_keccak

from infold.signing import keccak

RATE_BYTES = 136


@pytest.mark.parametrize(
    ("text", "digest"),
    [
        (b"", "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"),
        (b"abc", "4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45"),
    ],
)
def test_published_digests(text: bytes, digest: str) -> None:
    assert keccak(text).hex() == digest


def test_every_length_around_block_ends_and_random_ones_agree_with_another_library() -> None:
    seed = 20
    source = random.Random(seed)
    lengths = [*range(3 * RATE_BYTES + 2), 544, 66, *(source.randrange(20_000) for _ in range(200))]
    for length in lengths:
        data = source.randbytes(length)
        assert keccak(data) == other_keccak(data).digest(), (seed, length)
