# SPDX-License-Identifier: Apache-2.0
"""Which fills of a client are evidence of their own: slices of one order tell one story.

A client that trades every second is followed by the same move sixty times a minute, and a model
that took each for news would be sure of an accident. So fills are gathered by client and side: one
counts at once, those that follow wait until they are together more than all that counted within
the last `apart_s`. Labels of one client that overlap are then few, however finely it slices, and a
large trade is never hidden behind a small one. What is smaller than `least_m` waits too, so that
dust neither accuses nor clears anybody. Sizes in M, times in seconds.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from infold.dealer import checks


@dataclass(slots=True)
class _Gathered:
    """Of one client and side: what waits, and what counted lately, as (time, size)."""

    waiting_m: float = 0.0
    counted: deque[tuple[float, float]] = field(default_factory=deque)


class Parcels:
    """Explicit state over two figures; `ValueError` unless both are above zero."""

    def __init__(self, least_m: float, apart_s: float) -> None:
        self._least_m = checks.positive("least_m", least_m, "M")
        self._apart_s = checks.positive("apart_s", apart_s, "seconds")
        self._gathered: dict[tuple[int, int], _Gathered] = {}

    def add(self, client: int, side: int, size_m: float, time_s: float) -> float:
        """Take in a fill; the size of the trade it completes, or zero while it waits.

        `ValueError` unless the size is above zero M.
        """
        checks.positive("size_m", size_m, "M")
        held = self._gathered.get((client, side))
        if held is None:
            held = self._gathered[client, side] = _Gathered()
        counted = held.counted
        while counted and time_s - counted[0][0] >= self._apart_s:
            counted.popleft()
        held.waiting_m += size_m
        whole_m = held.waiting_m
        if whole_m < self._least_m or whole_m <= math.fsum(size for _, size in counted):
            return 0.0
        held.waiting_m = 0.0
        counted.append((time_s, whole_m))
        return whole_m
