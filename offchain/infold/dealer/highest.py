# SPDX-License-Identifier: Apache-2.0
"""The highest price of the last day, kept by the hour.

An hour's highest stays until the whole hour is a day old, so that a price counts for a day at least
and an hour more at most, and a market keeps 25 figures however often it is priced.
"""

from __future__ import annotations

from collections import deque
from typing import Final

HOUR_MS: Final = 3_600_000
HOURS: Final = 24


class DaysHighest:
    """Explicit state: told prices in order of time, it answers for the last of these times."""

    def __init__(self) -> None:
        # Hours with their highest, both falling from left to right as in any sliding maximum.
        self._hours: deque[tuple[int, int]] = deque()

    @property
    def price_e8(self) -> int:
        """The highest; zero before any price."""
        return self._hours[0][1] if self._hours else 0

    def priced(self, time_ms: int, price_e8: int) -> None:
        """A price of this time, not before the last."""
        hour = time_ms // HOUR_MS
        while self._hours and self._hours[0][0] < hour - HOURS:
            self._hours.popleft()
        while self._hours and self._hours[-1][1] <= price_e8:
            self._hours.pop()
        if not self._hours or self._hours[-1][0] != hour:
            self._hours.append((hour, price_e8))
