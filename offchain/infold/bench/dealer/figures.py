# SPDX-License-Identifier: Apache-2.0
"""One measured figure, its 95 % interval, its limit, and whether it kept it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from infold.research.simulation.ledger import estimate

STANDARD_ERRORS: Final = 1.959963984540054
"""Half of a 95 % interval of a normal mean, in standard errors."""


@dataclass(frozen=True, slots=True)
class Figure:
    """`limit` is a bound on `value`, or None where a figure is only reported.

    `low` and `high` bound the 95 % interval; a figure computed without chance has all three equal.
    `paths` counts simulated paths or samples behind it, `seconds` is what it took.
    """

    id: str
    value: float
    low: float
    high: float
    limit: float | None
    ok: bool
    paths: int
    seconds: float


class Sample(NamedTuple):
    """A value, its 95 % interval and how many paths it rests on."""

    value: float
    low: float
    high: float
    paths: int


@dataclass(frozen=True, slots=True)
class Bench:
    """What a group needs to know. Every group is a function of this alone."""

    seed: int
    workers: int
    data: Path | None  # INFOLD_DATA, for the groups on recorded markets
    say: Callable[[str], None]


class Stopwatch:
    """Seconds of the block it was opened with, readable while it runs and after."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._ended: float | None = None

    @property
    def seconds(self) -> float:
        return (self._ended or time.perf_counter()) - self._began

    def stop(self) -> None:
        self._ended = time.perf_counter()


@contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Time one computation: `with stopwatch() as watch: ...`, then `watch.seconds`."""
    watch = Stopwatch()
    try:
        yield watch
    finally:
        watch.stop()


def exact(value: float) -> Sample:
    """A figure no chance entered."""
    return Sample(value, value, value, 0)


def mean_of(values: list[float]) -> Sample:
    """The mean of independent paths with its normal 95 % interval; at least two paths."""
    found = estimate(values)
    half = STANDARD_ERRORS * found.error
    return Sample(found.mean, found.mean - half, found.mean + half, len(values))


def at_least(name: str, sample: Sample, limit: float, seconds: float) -> Figure:
    """Good if the value itself reaches the limit."""
    return _figure(name, sample, limit, sample.value >= limit, seconds)


def at_most(name: str, sample: Sample, limit: float, seconds: float) -> Figure:
    """Good if the value itself stays under the limit."""
    return _figure(name, sample, limit, sample.value <= limit, seconds)


def within(name: str, sample: Sample, target: float, tolerance: float, seconds: float) -> Figure:
    """Good if the value is no further than `tolerance` from `target`, which becomes its limit."""
    return _figure(name, sample, target, abs(sample.value - target) <= tolerance, seconds)


def surely_at_most(name: str, sample: Sample, limit: float, seconds: float) -> Figure:
    """Good if even the upper end of the interval stays under the limit."""
    return _figure(name, sample, limit, sample.high <= limit, seconds)


def reported(name: str, sample: Sample, seconds: float) -> Figure:
    """A figure without a limit: nothing was promised, and readers want it."""
    return _figure(name, sample, None, True, seconds)


def _figure(name: str, sample: Sample, limit: float | None, ok: bool, seconds: float) -> Figure:
    finite = all(math.isfinite(number) for number in sample)
    return Figure(
        id=name,
        value=float(sample.value),
        low=float(sample.low),
        high=float(sample.high),
        limit=None if limit is None else float(limit),
        ok=bool(ok and finite),
        paths=int(sample.paths),
        seconds=round(seconds, 4),
    )
