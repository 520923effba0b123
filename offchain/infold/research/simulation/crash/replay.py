# SPDX-License-Identifier: Apache-2.0
"""Recorded crashes: bars in place of an event, in both orders a bar can have happened.

A bar says how far the price went and not when. Each is walked twice: open, high, low, close, and
open, low, high, close, in thirds of its time, with noise in between that never leaves the bar. A
window is the day before a deep low and what came after it; gaps are never bridged: a window that
would cross one is not taken. What bars do not say (depth, clients, failing venues) is drawn as in a
synthetic crash, from how much wilder a bar was than the file's median bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from infold.dealer.limits import Guard
from infold.research.recorded import Bars
from infold.research.simulation.compiled import Floats, compiled
from infold.research.simulation.crash.events import Event, Venues
from infold.research.simulation.crash.outages import outages_of
from infold.research.simulation.crash.weather import (
    FUNDING_CAP_BP_PER_DAY,
    Clock,
    Weather,
    eat,
    lags_of,
)
from infold.research.simulation.crash.world import CrashWorld, starting
from infold.research.simulation.draws import Stream, generator

DAY_MS: Final = 86_400_000
STARTS: Final = 24
"""Hours before the low, each a beginning."""
HORIZON_MIN: Final = 360.0
POSITIONS: Final = (1, 0, -1)
"""Long, flat and short of what the guard may hold."""
FALL_LEAST: Final = 0.03
"""Of the day's high: less is an ordinary day."""
HIGH_FIRST: Final = 0
LOW_FIRST: Final = 1
DEPTH_WORST: Final = 0.05
SPREAD_WORST: Final = 30.0
RECOVERY_MIN: Final = 45.0
WILD_TIMES: Final = 10.0
"""Where a bar is so many times as volatile as the median, all that can be forced is."""
LATE_CELLS: Final = 2
NOISE: Final = 0.5
"""Of the volatility a bar's range implies: the legs of the walk make up the rest."""

RECORDED: Final = Event(
    name="recorded",
    anchors=((0.0, 1.0), (HORIZON_MIN - 10.0, 1.0)),
    cascades=((0.0, HORIZON_MIN - 10.0),),
    horizon_min=HORIZON_MIN - 10.0,
    depth_least=DEPTH_WORST,
    recovery_min=RECOVERY_MIN,
    volatility_times=WILD_TIMES,
    venues=Venues(default=0.1, deleveraging=0.5, lag=0.8, halt=0.5, depeg=0.2, stale=0.5),
)
"""What fails while a recorded window runs; the price is the record's."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of one market's bars around a deep low. `fall` is a share of the day's high."""

    market: str
    path: str
    low_ms: int
    fall: float
    first: int
    last: int


KNOWN_MS: Final = (
    (1_583_971_200_000, 1_584_144_000_000),  # 2020-03-12 and 13
    (1_621_382_400_000, 1_621_468_800_000),  # 2021-05-19
    (1_642_636_800_000, 1_643_068_800_000),  # 2022-01-20 to 24
    (1_654_992_000_000, 1_655_596_800_000),  # 2022-06-12 to 18
)
"""Days of the crashes everybody remembers: where a file holds them they are replayed."""


def windows_of(bars: Bars, count: int) -> list[Window]:
    """The deepest falls from the highest price of the day before, at least a day apart: at most
    `count` of a file's own, and one in each stretch of KNOWN_MS it covers.

    A window runs from a day before its low to the horizon after it, inside one run without gaps.
    """
    falls = _falls(bars)
    wanted = falls[:count]
    for begin_ms, end_ms in KNOWN_MS:
        known = [window for window in falls if begin_ms <= window.low_ms < end_ms]
        wanted += [window for window in known[:1] if window not in wanted]
    return wanted


def _falls(bars: Bars) -> list[Window]:
    """Every window, the deepest first, at least a day apart."""
    found: list[Window] = []
    for run in bars.runs():
        span = max(1, DAY_MS // bars.step_ms)
        after = max(1, math.ceil(HORIZON_MIN * 60_000 / bars.step_ms))
        high, low = bars.high[run], bars.low[run]
        if len(high) < span + after + 1:
            continue
        views = np.lib.stride_tricks.sliding_window_view(high, span)
        peaks = views[: len(high) - span - after].max(axis=1)
        falls = 1.0 - low[span : span + len(peaks)] / peaks
        places = np.arange(span, span + len(peaks)) + int(run.start)
        found += [
            Window(
                market=bars.market,
                path=bars.facts.path,
                low_ms=int(bars.time_ms[at]),
                fall=float(fall),
                first=int(at) - span,
                last=int(at) + after,
            )
            for at, fall in zip(places, falls, strict=True)
            if fall >= FALL_LEAST
        ]
    found.sort(key=lambda window: (-window.fall, window.low_ms))
    apart: list[Window] = []
    for window in found:
        if all(abs(window.low_ms - other.low_ms) > DAY_MS for other in apart):
            apart.append(window)
    return apart


class Walk(NamedTuple):
    """A window cell by cell: prices (one more than cells) and how wild each cell's bar was."""

    prices: Floats
    wildness: Floats  # volatility over the file's median
    falling: Floats  # 1 where the bar closed below its open


def walk_of(bars: Bars, window: Window, order: int, cell_s: float, seed: int, path: int) -> Walk:
    """Walk a window's bars in one order; `ValueError` if a bar is shorter than three cells."""
    cells = round(bars.step_ms / 1_000.0 / cell_s)
    if cells < 3:
        raise ValueError(f"a bar of {bars.step_ms} ms has no room for three cells of {cell_s!r} s")
    if order not in (HIGH_FIRST, LOW_FIRST):
        raise ValueError(f"order must be {HIGH_FIRST} or {LOW_FIRST}, not {order!r}")
    part = slice(window.first, window.last)
    ranges = np.log(bars.high / bars.low)
    typical = max(float(np.median(ranges)), 1e-9)
    count = window.last - window.first
    normals = generator(seed, path, Stream.PRICE).standard_normal(count * cells)
    prices = np.empty(count * cells + 1)
    _walk(
        bars.open[part],
        bars.high[part],
        bars.low[part],
        bars.close[part],
        order,
        cells,
        normals,
        prices,
    )
    falling = (bars.close[part] < bars.open[part]).astype(np.float64)
    return Walk(
        prices=prices,
        wildness=np.repeat(ranges[part] / typical, cells),
        falling=np.repeat(falling, cells),
    )


class Case(NamedTuple):
    """One run: a walk, the hour it begins at, and the position it begins with."""

    walk: int
    start: int
    position: int


@dataclass(frozen=True, slots=True)
class Replay:
    """Recorded windows as a world for the runner: path i is case i of `cases_of`.

    `world.start_m` is the position of a long start.
    """

    world: CrashWorld
    walks: tuple[Walk, ...]
    cases: tuple[Case, ...]

    def run(self, guards: tuple[Guard, ...], seed: int, path: int) -> tuple[Floats, int]:
        """One case under every guard."""
        case = self.cases[path]
        weather = _weather(
            self.walks[case.walk], case.start, self.world.clock, self.world.market.volatility_bp
        )
        world = starting(self.world, case.position * self.world.start_m)
        tape = world.tape(weather, seed, path)
        outages = outages_of(RECORDED, world.clock, len(world.outside.shares), seed, path)
        return world.run_on(guards, weather, tape, outages)


def cases_of(walks: Sequence[Walk]) -> tuple[Case, ...]:
    """Every walk from every start with every position."""
    return tuple(
        Case(walk, start, position)
        for walk in range(len(walks))
        for start in range(STARTS)
        for position in POSITIONS
    )


def _weather(walk: Walk, start: int, clock: Clock, volatility_bp: float) -> Weather:
    """The cells of one start: a window's first day holds the starts, an hour apart."""
    hour = round(3_600.0 / clock.cell_s)
    cells = round(HORIZON_MIN * 60.0 / clock.cell_s)
    first = start * hour
    prices = walk.prices[first : first + cells + 1]
    count = len(prices) - 1
    wild = walk.wildness[first : first + count]
    cascade = np.clip((wild - 1.0) / (WILD_TIMES - 1.0), 0.0, 1.0)
    cascade = cascade * walk.falling[first : first + count]
    depth, outside = np.empty(count), np.empty(count)
    kept = 0.5 ** (clock.cell_s / 60.0 / RECOVERY_MIN)
    eat(cascade, np.zeros(count), kept, DEPTH_WORST, SPREAD_WORST, depth, outside)
    return Weather(
        levels=prices / prices[0],
        volatilities_bp=volatility_bp * np.maximum(wild, 1.0),
        cascade=cascade,
        depth=depth,
        outside=outside,
        lag_cells=lags_of(cascade, LATE_CELLS),
        funding_bp_per_day=FUNDING_CAP_BP_PER_DAY * cascade,
    )


@compiled
def _walk(
    opens: Floats,
    highs: Floats,
    lows: Floats,
    closes: Floats,
    order: int,
    cells: int,
    normals: Floats,
    prices: Floats,
) -> None:
    """Prices through each bar's four figures, with noise clipped to the bar."""
    third = cells // 3
    place = 0
    prices[0] = opens[0]
    for bar in range(len(opens)):
        first, second = highs[bar], lows[bar]
        if order == 1:
            first, second = lows[bar], highs[bar]
        deviation = (
            NOISE * math.log(highs[bar] / lows[bar]) / math.sqrt(4.0 * math.log(2.0) * cells)
        )
        begin = opens[bar]
        for leg in range(3):
            length = third if leg < 2 else cells - 2 * third
            end = first if leg == 0 else (second if leg == 1 else closes[bar])
            noise = 0.0
            for step in range(1, length + 1):
                noise += deviation * normals[place]
                part = step / length
                # A bridge: the noise is pulled home as the leg ends.
                pulled = noise * (1.0 - part)
                price = math.exp(math.log(begin) + part * math.log(end / begin) + pulled)
                place += 1
                prices[place] = min(max(price, lows[bar]), highs[bar])
            begin = end
