# SPDX-License-Identifier: Apache-2.0
"""A keeper that looks every second speaks when something changed, and seldom besides."""

from __future__ import annotations

from typing import Any

from infold.cli.news import HEARTBEAT_MS, News

START_MS = 1_800_000_000_000
WAITING = {"account": 18, "index": 0, "overdue": False}


def a_look(second: int = 0, **changes: Any) -> dict[str, Any]:
    lists = (
        "liquidations folds exits exits_ended exits_waiting fees_collected refused unjudged"
    ).split()
    return {
        "block": 70 + second,
        "block_ms": START_MS + 1_000 * second,
        "vector_ms": START_MS,
        "holders": 2,
        **{name: [] for name in lists},
    } | changes


def test_the_first_look_has_a_line_and_the_next_ones_are_silent() -> None:
    news = News()
    assert news.of(a_look()) == (False, "block 70: holders 2")
    assert all(news.of(a_look(second, holders=second)) == (False, "") for second in range(1, 500))


def test_after_long_silence_it_says_that_it_is_there() -> None:
    news = News()
    news.of(a_look())
    beats = [second for second in range(1, 1_300) if news.of(a_look(second))[1]]
    assert beats == [HEARTBEAT_MS // 1_000, 2 * HEARTBEAT_MS // 1_000]


def test_every_deed_is_printed() -> None:
    news = News()
    news.of(a_look())
    for second in (1, 2):
        is_new, line = news.of(a_look(second, exits=[WAITING], folds=[WAITING]))
        assert is_new and line.endswith("holders 2, folded 1, let out 1")
    assert news.of(a_look(3)) == (False, "")
    fees = {"market": "BTC-USD"}
    is_new, line = news.of(a_look(4, fees_collected=[fees]))
    assert is_new and line.endswith("holders 2, collections of fees 1")


def test_what_cannot_be_done_is_printed_once_and_again_when_it_changes() -> None:
    news = News()
    news.of(a_look())
    looks = [
        ([WAITING], True),
        ([WAITING], False),
        ([WAITING | {"overdue": True}], True),
        ([WAITING | {"overdue": True, "appointed_ms": 5}], False),
        ([], False),
    ]
    assert [
        news.of(a_look(second, exits_waiting=waiting))[0]
        for second, (waiting, _) in enumerate(looks, 1)
    ] == [is_new for _, is_new in looks]
    refused = [{"account": 18, "index": 0, "reason": "recovery: fold first"}]
    assert [news.of(a_look(9, refused=refused))[0] for _ in range(3)] == [True, False, False]


def test_a_chain_that_is_away_is_told_once_and_so_is_its_return() -> None:
    news = News()
    news.of(a_look())
    assert [news.of_trouble("no node") for _ in range(3)] == ["no node", "", ""]
    assert news.of_trouble("another chain") == "another chain"
    assert news.of(a_look(1))[1] and not news.of(a_look(2))[1]
    assert news.of_trouble("another chain") == "another chain"
