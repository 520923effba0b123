# SPDX-License-Identifier: Apache-2.0
"""How prices lie in a vector, and what is read of one of which only some chunks are open."""

from __future__ import annotations

import pytest

from infold.vectors import (
    chunk_words,
    chunks_for,
    opened_for,
    price_in,
    root_of,
    vector_openings,
    vector_root,
)


def test_a_market_s_price_lies_where_the_protocol_says() -> None:
    words = chunk_words({33: 7, 36: 9}, 1)
    assert words[0] == 7 << 128
    assert words[1] == 9 << 192
    assert words[2:] == [0] * 6


@pytest.mark.parametrize("opened", [0, 0b1, 0b1000_0010, 0xFF])
def test_a_vector_s_root_is_one_whatever_a_caller_opens(opened: int) -> None:
    prices_e8 = {1: 10, 40: 20, 255: 30}
    openings = vector_openings(prices_e8, 8, opened)
    assert len(openings) == 8 + 7 * opened.bit_count()
    assert root_of(openings, 8, opened) == vector_root(prices_e8, 8)


def test_another_price_has_another_root() -> None:
    openings = vector_openings({1: 10, 40: 21}, 2, 0b11)
    assert root_of(openings, 2, 0b11) != vector_root({1: 10, 40: 20}, 2)


def test_a_price_is_found_behind_chunks_that_are_not_opened() -> None:
    openings = vector_openings({1: 5, 31: 6, 33: 7, 39: 9, 70: 8}, 3, 0b110)
    assert [price_in(openings, 0b110, market) for market in (1, 33, 39, 40, 70)] == [0, 7, 9, 0, 8]


@pytest.mark.parametrize(
    ("markets", "chunks", "opened"),
    [([0], 1, 0b1), ([31], 1, 0b1), ([32], 2, 0b10), ([3, 64], 3, 0b101), ([255], 8, 0x80)],
)
def test_as_many_chunks_are_signed_as_reach_the_last_market_and_only_asked_ones_opened(
    markets: list[int], chunks: int, opened: int
) -> None:
    assert (chunks_for(markets), opened_for(markets)) == (chunks, opened)
