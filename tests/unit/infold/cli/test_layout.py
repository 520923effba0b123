# SPDX-License-Identifier: Apache-2.0
"""Plain text for people: money in dollars, times in UTC, never wider than a hundred columns."""

from __future__ import annotations

import pytest
from tests.support.pages import HASH

from infold.cli.layout import (
    WIDTH,
    clock,
    decimal_dollars,
    dollars,
    folded,
    grouped,
    pairs,
    plain,
    scaled,
    span,
    table,
)


@pytest.mark.parametrize(
    ("value_e6", "text"),
    [
        (0, "$0.00"),
        ("11769142749072", "$11,769,142.75"),
        (-1_234_500_000, "-$1,234.50"),
        (4_999, "$0.00"),
        (-4_999, "$0.00"),
        (5_000, "$0.01"),
        (999_995_000, "$1,000.00"),
    ],
)
def test_money_is_dollars_to_the_cent(value_e6: int | str, text: str) -> None:
    assert dollars(value_e6) == text


def test_decimals_keep_every_place() -> None:
    assert decimal_dollars("-30029.65473") == "-$30,029.65"
    assert decimal_dollars("1000000") == "$1,000,000.00"
    assert grouped("-60022.65507574") == "-60,022.65507574"
    assert grouped(None) == "-"
    assert scaled("1234500000000", 12) == "1.2345"
    assert scaled(-(10**15), 12) == "-1,000"


def test_times_are_utc_to_the_millisecond() -> None:
    assert clock(1_800_000_000_007) == "2027-01-15 08:00:00.007 UTC"


def test_lengths_of_time_have_two_units() -> None:
    spans = [span(ms) for ms in (999, 59_000, 61_500, 3_600_000, 7 * 86_400_000 - 1)]
    assert spans == ["0 s", "59 s", "1 min 1 s", "1 h 0 min", "6 d 23 h"]


def test_long_texts_go_on_and_lose_nothing() -> None:
    assert list(folded("one two three", 7)) == ["one two", "three"]
    assert "".join(folded("x" * 250, 100)) == "x" * 250
    lines = pairs([("name", "y" * 300), ("none", [])])
    assert "".join(line[6:] for line in lines[:-1]) == "y" * 300 and lines[-1] == "none  -"
    assert max(map(len, lines)) <= WIDTH


def test_a_table_too_wide_is_told_row_by_row() -> None:
    assert table(["a", "b"], [["x", "1,000"]]) == ["a      b", "x  1,000"]
    lines = table(["a", "b"], [[HASH, HASH], [HASH, "2"]])
    assert lines == [f"a  {HASH}", f"b  {HASH}", "", f"a  {HASH}", "b  2"]


def test_any_other_object_is_told_with_its_scales() -> None:
    found = {
        "amount_e6": "250500000",
        "shares_e12": "1500000000000",
        "claimable_after_ms": 1_800_000_000_000,
        "epoch_ms": 40_000,
        "pool_share": 0.25,
        "on_chain": True,
        "seq": 2_181_135_153,
        "expiry": 1_800_000_000_000,
        "goodAfter": 0,
        "ts": 1_800_000_000_001,
        "size_e8": "12500000",
        "window_s": 1_209_600,
        "due_s": 1_800_000_000,
        "fresh": False,
        "ok": False,
        "nested": {"hash": HASH, "list": [{"a": 1}], "none": None, "empty": []},
    }
    assert plain(found) == [
        "amount           $250.50",
        "shares           1.5",
        "claimable after  2027-01-15 08:00:00.000 UTC",
        "epoch ms         40,000",
        "pool share       25.0%",
        "on chain         yes",
        "seq              2181135153",
        "expiry           2027-01-15 08:00:00.000 UTC",
        "good after       -",
        "ts               2027-01-15 08:00:00.001 UTC",
        "size             0.125",
        "window           14 d 0 h",
        "due              2027-01-15 08:00:00.000 UTC",
        "fresh            no",
        "ok               NO",
        f"nested hash      {HASH}",
        "nested list 1 a  1",
        "nested none      none",
        "nested empty     none",
    ]
