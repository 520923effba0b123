# SPDX-License-Identifier: Apache-2.0
"""A keeper that looks every second speaks when something changed, and seldom besides."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from infold.cli.news import HEARTBEAT_S, News

START_MS = 1_800_000_000_000
WAITING = {"account": 18, "index": 0, "overdue": False}


def a_look(second: int = 0, **changes: Any) -> dict[str, Any]:
    lists = (
        "liquidations folds exits exits_ended exits_waiting fees_collected fees_left refused"
        " unjudged"
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


class Clock:
    """The keeper's own clock, s."""

    def __init__(self) -> None:
        self.now_s = 5.0

    def __call__(self) -> float:
        return self.now_s


def spoken(of_second: Callable[[News, int], str], seconds: int) -> dict[int, str]:
    """What is said in which second, of so many."""
    clock = Clock()
    news, said = News(clock), {}
    for second in range(seconds):
        if line := of_second(news, second):
            said[second] = line
        clock.now_s += 1
    return said


def test_after_long_silence_it_says_that_it_is_there() -> None:
    beat = int(HEARTBEAT_S)
    said = spoken(lambda news, second: news.of(a_look(second))[1], 1_300)
    assert said == {second: f"block {70 + second:,}: holders 2" for second in (0, beat, 2 * beat)}


def test_a_chain_that_stands_still_is_told_by_the_keepers_own_clock() -> None:
    beat = int(HEARTBEAT_S)
    said = spoken(lambda news, _: news.of(a_look())[1], 1_300)
    still = "block 70: holders 2, no new block for {} min: see that the node follows its chain"
    assert said == {0: "block 70: holders 2", beat: still.format(10), 2 * beat: still.format(20)}


def test_a_node_that_stays_away_is_told_again_and_numbers_are_no_news() -> None:
    beat = int(HEARTBEAT_S)
    said = spoken(lambda news, second: news.of_trouble(f"no block {second:,}"), 1_300)
    assert said == {
        0: "no block 0",
        beat: "for 10 min: no block 600",
        2 * beat: "for 20 min: no block 1,200",
    }


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
