# SPDX-License-Identifier: Apache-2.0
"""The crashes a dealer has to survive, as anchors, cascades and what broke beside the price.

Anchors are public figures (five-minute bars of the events and the reports written about them), with
a few round numbers of ours where only the height of a fall is known. Hours in which nothing
happened are shortened: Black Thursday's two legs were ten hours apart. Times are minutes from the
end of the lead; prices are in the event's own units and only their ratios count.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final


@dataclass(frozen=True, slots=True)
class Venues:
    """Probabilities, by path, that something breaks where the hedge lies.

    `default`: a venue keeps margin and legs. `deleveraging`: legs in profit are closed against us
    and the client leg stays. `lag`: orders take 30 s. `halt`: no withdrawal for 100 min.
    `depeg`: one venue's own price falls by a third while the oracle does not follow.
    `stale`: the oracle is 30 s late.
    """

    default: float = 0.0
    deleveraging: float = 0.0
    lag: float = 0.5
    halt: float = 0.25
    depeg: float = 0.0
    stale: float = 0.25

    def __post_init__(self) -> None:
        for name in ("default", "deleveraging", "lag", "halt", "depeg", "stale"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must be a probability, not {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True)
class Event:
    """One class of crash.

    `anchors` are (minute, price) through which the log price goes; `cascades` the stretches of
    minutes in which liquidations feed on themselves; `depth_least` what is left of outside depth at
    worst, `recovery_min` the half-life in which it comes back (infinite: it stays away);
    `volatility_times` the peak of volatility over calm. `collapse` is the stretch in which the
    price jumps to nothing once, empty if it does not; `fragment` the depth of a local fall on one
    venue alone.
    """

    name: str
    anchors: tuple[tuple[float, float], ...]
    cascades: tuple[tuple[float, float], ...]
    horizon_min: float
    depth_least: float
    recovery_min: float
    volatility_times: float
    venues: Venues
    collapse: tuple[float, float] | None = None
    depeg: float = 0.35

    def __post_init__(self) -> None:
        minutes = [minute for minute, _ in self.anchors]
        if len(minutes) < 2 or minutes[0] != 0.0 or any(b <= a for a, b in pairwise(minutes)):
            raise ValueError(f"{self.name}: anchors must be at least two and rise from minute 0")
        if not all(math.isfinite(price) and price > 0.0 for _, price in self.anchors):
            raise ValueError(f"{self.name}: an anchor's price must be a positive number")
        if not minutes[-1] <= self.horizon_min < math.inf:
            raise ValueError(f"{self.name}: horizon_min must reach the last anchor, in minutes")
        for first, last in (*self.cascades, *((self.collapse,) if self.collapse else ())):
            if not 0.0 <= first < last <= self.horizon_min:
                raise ValueError(f"{self.name}: a cascade must lie in 0..horizon_min minutes")
        if not 0.0 < self.depth_least <= 1.0:
            raise ValueError(f"{self.name}: depth_least must be a share above 0 and at most 1")
        if not self.recovery_min > 0.0:
            raise ValueError(f"{self.name}: recovery_min must be a positive number of minutes")
        if not 1.0 <= self.volatility_times < math.inf:
            raise ValueError(f"{self.name}: volatility_times must be at least 1")
        if not 0.0 <= self.depeg < 1.0:
            raise ValueError(f"{self.name}: depeg must be a share of the price below 1")


CALM: Final = Event(
    name="calm",
    anchors=((0.0, 1.0), (180.0, 1.0)),
    cascades=(),
    horizon_min=180.0,
    depth_least=1.0,
    recovery_min=45.0,
    volatility_times=1.0,
    venues=Venues(lag=0.0, halt=0.0, stale=0.0),
)
"""Nothing happens: what service and income are measured against."""

BLACK_THURSDAY: Final = Event(
    name="black_thursday",
    anchors=(
        (0.0, 7_300.0),
        (50.0, 6_697.94),
        (55.0, 6_014.90),
        (60.0, 5_690.0),
        (90.0, 5_800.0),
        (200.0, 3_900.0),
        (210.0, 4_190.0),
        (215.0, 4_409.5),
        (220.0, 5_222.1),
    ),
    cascades=((40.0, 65.0), (150.0, 205.0)),
    horizon_min=240.0,
    depth_least=0.05,
    recovery_min=60.0,
    volatility_times=10.0,
    venues=Venues(lag=0.8, halt=0.5, depeg=0.1, deleveraging=0.3, stale=0.5),
)
"""2020-03-12 and 13: minus half in two legs, the venues' own prices hundreds apart, plus 17 % in
five minutes at the end."""

MAY_2021: Final = Event(
    name="may_2021",
    anchors=(
        (0.0, 38_000.0),
        (30.0, 35_512.0),
        (35.0, 32_905.0),
        (40.0, 35_200.0),
        (45.0, 33_358.6),
        (50.0, 30_101.0),
        (55.0, 32_300.0),
        (60.0, 35_338.0),
        (120.0, 36_700.0),
    ),
    cascades=((28.0, 60.0),),
    horizon_min=180.0,
    depth_least=0.1,
    recovery_min=30.0,
    volatility_times=10.0,
    venues=Venues(lag=0.8, deleveraging=0.2),
)
"""2021-05-19: 15 % down and 17 % up again within half an hour."""

LUNA: Final = Event(
    name="luna",
    anchors=((0.0, 10.3), (60.0, 7.0), (120.0, 3.5), (180.0, 1.0)),
    cascades=((20.0, 60.0), (90.0, 180.0)),
    horizon_min=210.0,
    depth_least=0.03,
    recovery_min=60.0,
    volatility_times=10.0,
    venues=Venues(lag=0.8, halt=0.5, depeg=0.1, deleveraging=0.2, stale=0.5),
    collapse=(30.0, 200.0),
)
"""2022-05-11: minus a third within an hour, below one two days later (shortened here), and at one
moment nobody knows beforehand 99 % of what is left in one jump."""

FTX: Final = Event(
    name="ftx",
    anchors=((0.0, 20_000.0), (30.0, 19_300.0), (110.0, 17_120.0), (180.0, 17_900.0)),
    cascades=((30.0, 110.0),),
    horizon_min=210.0,
    depth_least=0.4,
    recovery_min=math.inf,
    volatility_times=6.0,
    venues=Venues(default=1.0, lag=0.5, halt=1.0),
)
"""2022-11-08: a venue halts withdrawals and then does not exist; depth stays away for months."""

OCTOBER_2025: Final = Event(
    name="october_2025",
    anchors=(
        (0.0, 117_000.0),
        (25.0, 114_600.0),
        (30.0, 112_209.0),
        (35.0, 103_975.0),
        (40.0, 103_900.0),
        (85.0, 101_800.0),
        (120.0, 111_000.0),
    ),
    cascades=((5.0, 45.0),),
    horizon_min=180.0,
    depth_least=0.02,
    recovery_min=45.0,
    volatility_times=10.0,
    venues=Venues(default=0.02, deleveraging=1.0, lag=1.0, halt=0.5, depeg=0.5, stale=0.5),
)
"""2025-10-10: books empty for minutes, and profitable hedges closed by deleveraging from the minute
of the low on while the losing client legs stayed."""

FLASH: Final = Event(
    name="flash",
    anchors=((0.0, 100.0), (30.0, 100.0), (33.0, 87.5), (38.0, 90.0), (75.0, 96.0)),
    cascades=((30.0, 40.0),),
    horizon_min=120.0,
    depth_least=0.02,
    recovery_min=30.0,
    volatility_times=10.0,
    venues=Venues(lag=0.5, depeg=0.5, stale=0.5),
    depeg=0.87,
)
"""10 to 15 % within two to five minutes (2020-06-02, 2021-09-07, 2023-08-17); on half of the paths
one venue alone prints 87 % lower for a quarter of a minute (2021-10-21)."""

EVENTS: Final = (BLACK_THURSDAY, MAY_2021, LUNA, FTX, OCTOBER_2025, FLASH)
