# SPDX-License-Identifier: Apache-2.0
"""When another reading of a second source is allowed, and when it is worth its gas."""

from __future__ import annotations

import pytest

from infold.shell.refresher import Latest, may_refresh, worth_refreshing
from infold.words import ReadingsWord, SourceWord

NOW_S = 1_700_000_000
PRICE_E8 = 60_000 * 10**8
SOURCE = SourceWord(source=5, age_s=60, bound_e4=100)


def held(ago_s: int = 20) -> ReadingsWord:
    """A reading taken so many seconds ago."""
    return ReadingsWord(PRICE_E8, NOW_S - ago_s + 60, 100, activation_s=NOW_S - ago_s + 3)


def test_a_reading_may_follow_once_the_window_has_passed() -> None:
    assert not may_refresh(held(18), NOW_S)
    assert may_refresh(held(19), NOW_S)
    assert not may_refresh(ReadingsWord(), NOW_S)


@pytest.mark.parametrize(
    ("latest", "ago_s", "worth"),
    [
        (Latest(PRICE_E8, NOW_S), 20, False),
        (Latest(PRICE_E8 * 10_025 // 10_000, NOW_S), 20, False),
        (Latest(PRICE_E8 * 10_025 // 10_000 + 1, NOW_S), 20, True),
        (Latest(PRICE_E8 * 9_975 // 10_000 - 1, NOW_S), 20, True),
        (Latest(PRICE_E8, NOW_S), 29, False),
        (Latest(PRICE_E8, NOW_S), 30, True),
        (Latest(PRICE_E8, NOW_S - 30), 30, False),  # the very reading
        (Latest(PRICE_E8, NOW_S - 60), 90, False),  # stale
        (Latest(PRICE_E8, NOW_S - 59), 90, True),
        (Latest(PRICE_E8, NOW_S + 1), 90, False),
        (Latest(0, NOW_S), 90, False),
        (Latest(2**64, NOW_S), 90, False),
        (None, 90, False),
    ],
)
def test_a_reading_is_renewed_when_it_moved_or_aged(
    latest: Latest | None, ago_s: int, worth: bool
) -> None:
    assert worth_refreshing(SOURCE, held(ago_s), latest, NOW_S) is worth


def test_what_a_source_left_behind_is_forgotten() -> None:
    assert worth_refreshing(SourceWord(), held(), None, NOW_S)
