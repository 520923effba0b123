# SPDX-License-Identifier: Apache-2.0
"""What a crash does to the market, cell by cell, drawn before any policy acts.

The log price is a Brownian bridge through the event's anchors plus down-jumps that excite each
other while a cascade runs (a Hawkes process in discrete time, branching .9); each path has its own
severity and its own minute. Liquidations eat outside depth, D = exp(-c * eaten), never below .02,
which recovers with a half-life; the outside half-spread grows as a power of 1/D up to ten to a
hundred times; funding runs to its cap; volatility is a multiple of calm while a cascade runs.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from infold.research.simulation.compiled import Floats, Integers, compiled
from infold.research.simulation.crash.events import Event
from infold.research.simulation.draws import Stream, generator

BP_ONE: Final = 1e4
MINUTES_A_DAY: Final = 1_440.0
DEPTH_LEAST: Final = 0.02
"""The reference's floor: books never were quite empty for minutes on every venue at once."""
SPREAD_TIMES: Final = (10.0, 100.0)
SEVERITY: Final = (0.8, 1.25)
DELAY_MIN: Final = 10.0
"""A path's event begins up to so much later: no policy can be tuned to a minute."""
JUMP_BRANCHING: Final = 0.9
JUMP_DECAY_PER_MIN: Final = 1.0
JUMPS_PER_MIN: Final = 0.3
JUMP_BP: Final = 15.0
CALMING_MIN: Final = 12.0
"""Half-life of what remains of a cascade after its end."""
COLLAPSE_LOG: Final = math.log(0.01)
FUNDING_CAP_BP_PER_DAY: Final = 225.0
"""0.75 % in eight hours: what shorts pay longs when everybody is short the outside venues."""


class Weather(NamedTuple):
    """Columns, a number a cell; `levels` one more: before the first cell and after each."""

    levels: Floats  # price over starting price
    volatilities_bp: Floats  # truly, per root day: for reports, no policy sees it
    cascade: Floats  # 0..1: how much of the flow is forced
    depth: Floats  # outside, of calm
    outside: Floats  # half-spread there, of calm
    lag_cells: Integers  # how old the oracle is
    funding_bp_per_day: Floats  # a long of the hedge receives it


@dataclass(frozen=True, slots=True)
class Clock:
    """The grid of a path: its cells and what comes before the event."""

    cell_s: float
    lead_min: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.cell_s) and self.cell_s > 0.0):
            raise ValueError(f"cell_s must be a positive number of seconds, not {self.cell_s!r}")
        if not (math.isfinite(self.lead_min) and self.lead_min >= 0.0):
            raise ValueError(f"lead_min must be minutes not below zero, not {self.lead_min!r}")

    def cell_at(self, minute: float) -> int:
        """The cell that begins at a minute of the event without its delay."""
        return round((self.lead_min + minute) * 60.0 / self.cell_s)

    def cells_of(self, event: Event) -> int:
        """How many cells a path of this event has."""
        return self.cell_at(event.horizon_min + DELAY_MIN)


def weather_of(
    event: Event, clock: Clock, volatility_bp: float, stale_s: float, seed: int, path: int
) -> Weather:
    """One path's columns. `volatility_bp` is calm volatility per root day, `stale_s` how old the
    oracle becomes while the event's cascade runs, on the paths where it does.
    """
    cells = clock.cells_of(event)
    drawn = generator(seed, path, Stream.CRASH).random(8)
    severity = SEVERITY[0] * (SEVERITY[1] / SEVERITY[0]) ** drawn[0]
    delay_min = DELAY_MIN * drawn[1]
    nodes = np.array([clock.cell_at(minute + delay_min) for minute, _ in event.anchors])
    logs = severity * np.log([price / event.anchors[0][1] for _, price in event.anchors])
    spans = np.array(
        [
            [clock.cell_at(first + delay_min), clock.cell_at(last + delay_min)]
            for first, last in event.cascades
        ],
        dtype=np.int64,
    ).reshape(-1, 2)
    drop = cells + 1
    if event.collapse is not None:
        first, last = event.collapse
        drop = clock.cell_at(first + (last - first) * float(drawn[2]))
    worst = min(1.0, max(DEPTH_LEAST, event.depth_least * 0.5 ** (2.0 * drawn[3] - 1.0)))
    if event.depth_least == 1.0:
        worst = 1.0
    spread = SPREAD_TIMES[0] * (SPREAD_TIMES[1] / SPREAD_TIMES[0]) ** drawn[4]
    cell_min = clock.cell_s / 60.0
    cascade = np.empty(cells)
    _cascade(spans, 0.5 ** (cell_min / CALMING_MIN), cascade)
    volatilities = volatility_bp * (1.0 + (event.volatility_times - 1.0) * cascade)
    jumps = np.empty(cells)
    draws = generator(seed, path, Stream.JUMPS)
    _jump(cascade, cell_min, draws.random(cells), draws.standard_exponential(cells), jumps)
    levels = np.empty(cells + 1)
    normals = generator(seed, path, Stream.PRICE).standard_normal(cells)
    _bridge(nodes, logs, volatilities, jumps, normals, cell_min / MINUTES_A_DAY, drop, levels)
    depth, outside = np.empty(cells), np.empty(cells)
    recovery = 0.0 if math.isinf(event.recovery_min) else cell_min / event.recovery_min
    eat(cascade, jumps, 0.5**recovery, worst, spread, depth, outside)
    late = 1 if drawn[5] >= event.venues.stale else max(1, round(stale_s / clock.cell_s))
    return Weather(
        levels=levels,
        volatilities_bp=volatilities,
        cascade=cascade,
        depth=depth,
        outside=outside,
        lag_cells=lags_of(cascade, late),
        funding_bp_per_day=FUNDING_CAP_BP_PER_DAY * cascade,
    )


@compiled
def lags_of(cascade: Floats, late: int) -> Integers:
    """How old the oracle is: one cell, `late` in a cascade. It stops until it is so late: a price
    once published is never taken back.
    """
    lags = np.ones(len(cascade), np.int64)
    for cell in range(1, len(cascade)):
        if cascade[cell] > 0.5:
            lags[cell] = min(late, lags[cell - 1] + 1)
    return lags


@compiled
def _cascade(spans: Integers, kept: float, cascade: Floats) -> None:
    """One inside a span, fading after it."""
    value = 0.0
    for cell in range(len(cascade)):
        value *= kept
        for span in range(len(spans)):
            if spans[span, 0] <= cell < spans[span, 1]:
                value = 1.0
        cascade[cell] = value


@compiled
def _jump(cascade: Floats, cell_min: float, uniforms: Floats, sizes: Floats, jumps: Floats) -> None:
    """Down-jumps in bp: at most one a cell; each brings .9 others within minutes."""
    excited = 0.0
    kept = math.exp(-JUMP_DECAY_PER_MIN * cell_min)
    for cell in range(len(jumps)):
        intensity = JUMPS_PER_MIN * cascade[cell] + excited
        excited *= kept
        jumps[cell] = 0.0
        if uniforms[cell] < -math.expm1(-intensity * cell_min):
            jumps[cell] = -JUMP_BP * sizes[cell]
            excited += JUMP_BRANCHING * JUMP_DECAY_PER_MIN * cascade[cell]


@compiled
def _bridge(
    nodes: Integers,
    logs: Floats,
    volatilities: Floats,
    jumps: Floats,
    normals: Floats,
    cell_day: float,
    drop: int,
    levels: Floats,
) -> None:
    """Levels through the anchors: between two of them what the noise and the jumps missed is given
    back in proportion to variance; before the first and after the last the path is free, jumps
    apart.
    """
    cells = len(normals)
    steps = np.empty(cells)
    for cell in range(cells):
        steps[cell] = volatilities[cell] * math.sqrt(cell_day) * normals[cell] / BP_ONE
    for node in range(len(nodes) - 1):
        first, last = nodes[node], min(nodes[node + 1], cells)
        missing = logs[node + 1] - logs[node]
        total = 0.0
        for cell in range(first, last):
            steps[cell] += jumps[cell] / BP_ONE
            missing -= steps[cell]
            total += volatilities[cell] * volatilities[cell]
        for cell in range(first, last):
            steps[cell] += missing * volatilities[cell] * volatilities[cell] / total
    log = 0.0
    levels[0] = 1.0
    for cell in range(cells):
        log += steps[cell]
        if cell == drop:
            log += COLLAPSE_LOG
        levels[cell + 1] = math.exp(log)


@compiled
def eat(
    cascade: Floats,
    jumps: Floats,
    kept: float,
    worst: float,
    spread: float,
    depth: Floats,
    outside: Floats,
) -> None:
    """Depth and outside spread from what cascades and jumps have eaten, deepest at `worst`."""
    eaten = 0.0
    most = 0.0
    for cell in range(len(depth)):
        eaten = eaten * kept + (cascade[cell] if cascade[cell] > 0.5 else 0.0)
        eaten -= 2.0 * jumps[cell] / JUMP_BP
        depth[cell] = eaten
        most = max(most, eaten)
    power = math.log(spread) / math.log(1.0 / DEPTH_LEAST)
    rate = math.log(1.0 / worst) / most if most > 0.0 else 0.0
    for cell in range(len(depth)):
        depth[cell] = math.exp(-rate * depth[cell])
        outside[cell] = depth[cell] ** -power
