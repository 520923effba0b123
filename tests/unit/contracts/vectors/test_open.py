# SPDX-License-Identifier: Apache-2.0
"""`vectors._open` against the base layer's own reading of docs/protocol.md section 2."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Contract, World, a_key, refuses

from infold.vectors import chunk_words, vector_openings, vector_root

PROBE = ROOT / "tests" / "support" / "contracts" / "VectorsProbe.vy"


@pytest.fixture(scope="module")
def probe() -> Iterator[Contract]:
    yield World().deploy(compiled_at(PROBE), sender=a_key("deployer"))


def some_prices(seed: int, chunks: int) -> dict[int, int]:
    draw = random.Random(seed)
    return {
        market: draw.choice((1, 2**64 - 1, draw.randrange(1, 2**64)))
        for market in range(1, chunks * 32)
        if draw.random() < 0.7
    }


@pytest.mark.parametrize("chunks", range(1, 9))
def test_open_finds_the_signed_root_whatever_is_opened(probe: Contract, chunks: int) -> None:
    for seed in range(8):
        prices = some_prices(seed, chunks)
        opened = random.Random(seed + 1000).randrange(1 << chunks)
        root, words = probe.open(chunks << 8 | opened, vector_openings(prices, chunks, opened))
        assert root == vector_root(prices, chunks), f"seed {seed}"
        for chunk in range(8):
            expected = chunk_words(prices, chunk) if opened >> chunk & 1 else [0] * 8
            assert list(words[chunk * 8 : chunk * 8 + 8]) == expected, f"seed {seed} chunk {chunk}"


def test_open_reads_nothing_of_the_head_above_its_sixteen_bits(probe: Contract) -> None:
    prices = {1: 5}
    head = (2**240 - 1) << 16 | 1 << 8 | 1
    assert probe.open(head, vector_openings(prices, 1, 1))[0] == vector_root(prices, 1)


def test_open_finds_another_root_when_any_word_changes(probe: Contract) -> None:
    prices = some_prices(1, 2)
    openings = vector_openings(prices, 2, 0b01)
    for place in range(len(openings)):
        for bit in (0, 130, 255):
            changed = list(openings)
            changed[place] ^= 1 << bit
            assert probe.open(2 << 8 | 1, changed)[0] != vector_root(prices, 2)


@pytest.mark.parametrize("chunks", [0, 9, 255])
def test_open_rejects_a_bad_chunk_count(probe: Contract, chunks: int) -> None:
    with refuses(probe.world, "vector: bad chunk count"):
        probe.open(chunks << 8, [])


@pytest.mark.parametrize(("chunks", "opened"), [(1, 0b10), (3, 0b1001), (7, 0x80)])
def test_open_rejects_chunks_opened_beyond_the_last(
    probe: Contract, chunks: int, opened: int
) -> None:
    with refuses(probe.world, "vector: opened beyond chunks"):
        probe.open(chunks << 8 | opened, [0] * 64)


@pytest.mark.parametrize(
    ("chunks", "opened", "length"),
    [(1, 1, 0), (1, 1, 7), (1, 1, 9), (1, 0, 0), (1, 0, 2), (2, 1, 8), (2, 2, 10), (8, 255, 63)],
)
def test_open_rejects_any_other_length(
    probe: Contract, chunks: int, opened: int, length: int
) -> None:
    with refuses(probe.world, "vector: wrong length"):
        probe.open(chunks << 8 | opened, [1] * length)
