# SPDX-License-Identifier: Apache-2.0
"""A moment is told to people and to programs, and never too early."""

from __future__ import annotations

import pytest

from infold.utc import moment

NOW_MS = 1_800_000_000_000


@pytest.mark.parametrize(
    ("time_ms", "told"),
    [
        (NOW_MS, "2027-01-15 08:00:00 UTC"),
        (NOW_MS + 1, "2027-01-15 08:00:01 UTC"),
        (NOW_MS + 1_000, "2027-01-15 08:00:01 UTC"),
    ],
)
def test_a_moment_is_told_in_whole_seconds_rounded_up(time_ms: int, told: str) -> None:
    assert moment(time_ms) == told
