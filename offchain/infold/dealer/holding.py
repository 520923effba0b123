# SPDX-License-Identifier: Apache-2.0
"""How long an M stays: by Little's law, and as a record of fills shows.

Every M of client volume enters inventory or takes one out, half of it each, so the mean time an M
is held is E|q| over half the client volume, first in, first out: the internalization horizon of
Butz and Oomen (2019). `inventory.py` gives E|q| and the volume in closed form.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from infold.dealer import checks


def littles_day(mean_m: float, volume_m_per_day: float) -> float:
    """Little's law: the mean time an M is held, from E|q| and client volume of both sides."""
    checks.not_negative("mean_m", mean_m, "M")
    checks.positive("volume_m_per_day", volume_m_per_day, "M a day")
    return mean_m / (0.5 * volume_m_per_day)


@dataclass(frozen=True, slots=True)
class Held:
    """What a record of fills shows: mean time an M was held, over the M that came and went."""

    mean_day: float  # NaN if nothing was ever closed
    closed_m: float
    open_m: float  # still there at the end, signed


def held(times_day: Sequence[float], fills_m: Sequence[float]) -> Held:
    """First in, first out over signed fills in order of time.

    `ValueError` if times fall, a figure is no number, or there is not one time a fill.
    """
    if len(times_day) != len(fills_m):
        raise ValueError(
            f"times_day must be one time (days) for each of fills_m (M), {len(fills_m)},"
            f" not {len(times_day)}"
        )
    lots: deque[tuple[float, float]] = deque()  # when, how much; all of one sign
    waited, closed, before = 0.0, 0.0, -math.inf
    for time, fill in zip(times_day, fills_m, strict=True):
        if not checks.number("times_day", time, "days") >= before:
            raise ValueError(f"times_day must not fall: {time!r} after {before!r}")
        before, left = time, checks.number("fills_m", fill, "M")
        while left and lots and lots[0][1] * left < 0.0:
            since, amount = lots[0]
            gone = min(abs(amount), abs(left))
            waited += gone * (time - since)
            closed += gone
            left -= math.copysign(gone, left)
            if gone == abs(amount):
                lots.popleft()
            else:
                lots[0] = (since, amount - math.copysign(gone, amount))
        if left:
            lots.append((time, left))
    mean = waited / closed if closed else math.nan
    return Held(mean, closed, math.fsum(amount for _, amount in lots))
