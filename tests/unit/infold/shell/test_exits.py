# SPDX-License-Identifier: Apache-2.0
"""When a vector carries an exit out, whose exit it is, and what a vector says of a market."""

from __future__ import annotations

import pytest

from infold.shell.exits import PendingExit, price_of
from infold.vectors import vector_openings
from infold.words import (
    ExitWord,
    PositionWord,
    SettleHead,
    is_exit_of,
    pack_settle_head,
    unpack_settle_head,
)

ASKED_MS = 1_800_000_000_000
ASKED = ExitWord(long=1, market=3, asked_ms=ASKED_MS, size_e8=5)
HELD = PositionWord(market=3, base_e8=7, event=5)


def pending(position: PositionWord = HELD, done_ms: int = 0) -> PendingExit:
    return PendingExit(17, 0, ASKED._replace(done_ms=done_ms), position)


@pytest.mark.parametrize(
    ("after_ms", "appointed_ms", "serves"),
    [
        (0, 60_000, False),
        (58_999, 60_000, False),
        (59_000, 60_000, True),
        (75_000, 60_000, True),
        (75_001, 120_000, False),
        (135_000, 120_000, True),
    ],
)
def test_a_vector_serves_within_the_window_of_its_minute(
    after_ms: int, appointed_ms: int, serves: bool
) -> None:
    now_ms = ASKED_MS + after_ms
    assert pending().due_ms == ASKED_MS + 60_000
    assert pending().appointed_ms(now_ms) == ASKED_MS + appointed_ms
    assert pending().serves(now_ms) is serves


def test_a_time_that_was_used_is_not_named_again() -> None:
    used = pending(done_ms=ASKED_MS + 60_000)
    assert used.appointed_ms(ASKED_MS + 60_000) == ASKED_MS + 120_000


@pytest.mark.parametrize(
    "position",
    [
        PositionWord(),
        HELD._replace(market=4),
        HELD._replace(base_e8=-7),
        HELD._replace(event=4),
    ],
    ids=["no position", "another market", "the other side", "one that did not ask"],
)
def test_an_exit_is_of_one_position_alone(position: PositionWord) -> None:
    assert is_exit_of(ASKED, HELD) and not pending().is_closed
    assert not is_exit_of(ASKED, position) and pending(position).is_closed


def test_a_request_without_a_position_is_ended_by_a_time_and_no_prices() -> None:
    head, openings, signatures = pending(PositionWord()).without_prices()
    assert unpack_settle_head(head) == SettleHead(time_ms=ASKED_MS + 60_000)
    assert openings == signatures == []


def test_a_price_is_read_of_the_chunks_that_a_vectors_head_opens() -> None:
    head = pack_settle_head(SettleHead(time_ms=1, chunks=2, opened=0b10))
    vector = head, vector_openings({1: 5, 33: 7}, 2, 0b10), []
    assert [price_of(vector, market) for market in (1, 33)] == [0, 7]
