# SPDX-License-Identifier: Apache-2.0
"""Markouts: what a trade gained its client some time later, released only when that time has come.

`m(h) = side (mid(t + h) - price)`, side +1 for a client who bought: positive is what the dealer
lost. The mid at t + h is the last one seen at or before t + h, so a label exists from the first
observation at or after t + h, and never earlier.

Prices and mids are in bp of one reference price, times in seconds.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from infold.dealer import checks

HORIZONS_S: Final = (1.0, 10.0, 60.0, 300.0)
"""A tick, a hedge, a minute, and as long as inventory is held."""


@dataclass(frozen=True, slots=True)
class Traded:
    """One fill against the dealer. `side` is the client's; `markup_bp` what it paid above mid.

    `ValueError` names the figure that is none, or a side that is neither +1 nor -1.
    """

    number: int
    client: int
    side: int
    time_s: float
    mid_bp: float
    markup_bp: float

    def __post_init__(self) -> None:
        _side(self.side)
        checks.number("time_s", self.time_s, "seconds")
        checks.number("mid_bp", self.mid_bp, "bp")
        checks.number("markup_bp", self.markup_bp, "bp")


@dataclass(frozen=True, slots=True)
class Label:
    """What a horizon showed: how far the mid moved the client's way, and its gain after markup."""

    traded: Traded
    horizon_s: float
    move_bp: float
    markout_bp: float


def markout_bp(side: int, price_bp: float, mid_later_bp: float) -> float:
    """The client's gain a unit, in bp; `ValueError` unless side is +1 or -1 and prices numbers."""
    _side(side)
    checks.number("price_bp", price_bp, "bp")
    checks.number("mid_later_bp", mid_later_bp, "bp")
    return side * (mid_later_bp - price_bp)


def _side(side: int) -> None:
    if side not in (-1, 1):
        raise ValueError(f"side must be +1 (bought) or -1 (sold), not {side!r}")


class PendingLabels:
    """Trades whose horizons have not all passed: for each horizon a queue in order of due time.

    One horizon has one delay, so the order of trades is the order in which they fall due.
    """

    def __init__(self, horizons_s: Sequence[float] = HORIZONS_S) -> None:
        self._horizons_s = checked_horizons_s(horizons_s)
        self._queues: tuple[deque[Traded], ...] = tuple(deque() for _ in self._horizons_s)
        self._time_s = -math.inf
        self._mid_bp = math.nan

    def __len__(self) -> int:
        """Labels still to come."""
        return sum(map(len, self._queues))

    def observe(self, time_s: float, mid_bp: float) -> list[Label]:
        """Take the mid of this moment; the labels that have fallen due, earliest due first.

        A horizon that ended before this moment is marked at the mid that stood then. `ValueError`
        if time goes back or the mid is no number: a gap is not filled in.
        """
        if not (math.isfinite(time_s) and time_s >= self._time_s):
            raise ValueError(f"time_s must be a number not before {self._time_s!r} s: {time_s!r}")
        checks.number("mid_bp", mid_bp, "bp")
        found: list[tuple[float, int, Label]] = []
        for horizon_s, queue in zip(self._horizons_s, self._queues, strict=True):
            while queue and queue[0].time_s + horizon_s <= time_s:
                traded = queue.popleft()
                due_s = traded.time_s + horizon_s
                mid_then_bp = mid_bp if due_s == time_s else self._mid_bp
                move_bp = markout_bp(traded.side, traded.mid_bp, mid_then_bp)
                label = Label(traded, horizon_s, move_bp, move_bp - traded.markup_bp)
                found.append((due_s, traded.number, label))
        self._time_s, self._mid_bp = time_s, mid_bp
        return [label for _, _, label in sorted(found, key=lambda row: row[:2])]

    def push(self, number: int, client: int, side: int, markup_bp: float) -> Traded:
        """Note a fill of this moment; `ValueError` before any mid was seen or if it is none."""
        if not math.isfinite(self._time_s):
            raise ValueError("mid_bp of the trade's moment is unknown: observe it first")
        traded = Traded(number, client, side, self._time_s, self._mid_bp, markup_bp)
        for queue in self._queues:
            queue.append(traded)
        return traded


def checked_horizons_s(horizons_s: Sequence[float]) -> tuple[float, ...]:
    """The horizons, if they are positive numbers of seconds and rise; else `ValueError`."""
    values = tuple(float(value) for value in horizons_s)
    positive = all(math.isfinite(value) and value > 0.0 for value in values)
    if not values or not positive or any(b <= a for a, b in pairwise(values)):
        raise ValueError(f"horizons_s must be rising positive numbers of seconds, not {values!r}")
    return values
