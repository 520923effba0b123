# SPDX-License-Identifier: Apache-2.0
"""Numbers by counter: the published answers, and streams that never meet."""

from __future__ import annotations

import numpy as np
import pytest

from infold.research.simulation.draws import Stream, generator, philox

ONES = 0xFFFFFFFF


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        (
            (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
            (0xA4093822, 0x299F31D0),
            (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
        ),
    ],
)
def test_philox_gives_the_authors_known_answers(
    counter: tuple[int, ...], key: tuple[int, ...], answer: tuple[int, ...]
) -> None:
    # Random123's kat_vectors: zeros, ones, and the digits of pi.
    assert philox(*(np.uint64(word) for word in (*counter, *key))) == answer


def test_streams_and_paths_draw_different_numbers() -> None:
    drawn = {
        float(generator(seed, path, stream).random())
        for seed in (0, 1)
        for path in (0, 1)
        for stream in Stream
    }
    assert len(drawn) == 4 * len(Stream)


@pytest.mark.parametrize(("seed", "path"), [(-1, 0), (2**64, 0), (0, -1), (0, 2**32)])
def test_a_number_beyond_the_counter_is_refused(seed: int, path: int) -> None:
    with pytest.raises(ValueError, match="must lie in"):
        generator(seed, path, Stream.MARKS)


def test_the_largest_numbers_are_taken() -> None:
    assert 0.0 <= generator(2**64 - 1, 2**32 - 1, Stream.OTHER).random() < 1.0
