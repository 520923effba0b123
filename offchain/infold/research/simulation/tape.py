# SPDX-License-Identifier: Apache-2.0
"""The tape: every client of a path, drawn before any policy acts.

A mark is a client who asks for a quote: when, which side, how much, and the highest half-spread it
would pay. It trades if the quote is no dearer. Two policies on one tape therefore meet the very
same clients, however differently they fare with them, and their difference carries the noise of
what they did differently and nothing else.

Units: time in days, size in M, markups in bp against the price S at the mark. `side` is the
client's: +1 buys (from the dealer, at the ask), -1 sells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np

from infold.dealer.params import DealerParameters
from infold.research.simulation.compiled import Floats, Ids, Small, Word, Words, compiled, inlined
from infold.research.simulation.draws import UNIT, Stream, checked_seed, philox

UNINFORMED: Final = 0
INFORMED: Final = 1
_RUNGS_MAX: Final = 127
_MARKS: Final = np.uint64(Stream.MARKS)
_LOW: Final = np.uint64(2**32 - 1)
_HIGH: Final = np.uint64(32)
_ONE: Final = np.uint64(1)


class Tape(NamedTuple):
    """Marks in order of time, a column each; all of one length.

    `rung` is the size's place in the ladder, -1 if it is none of the ladder's. `informed` is the
    truth about the client, for scoring and for policies that are told; no other may read it.
    """

    time_day: Floats
    side: Small
    rung: Small
    size_m: Floats
    reservation_bp: Floats
    client: Ids
    informed: Small


@dataclass(frozen=True, slots=True)
class Demand:
    """Clients ask for `sizes_m[n]` at `requests_per_day[n]` a side, independently of each other.

    The markup a client would pay at most is (L - shift) / slope with L standard logistic, so that
    a quote d is taken with probability 1 / (1 + exp(shift + slope d)) (Barzykin 2026, section 2).
    Ids run from 0 to `clients - 1`, all equally active.
    """

    sizes_m: tuple[float, ...]
    requests_per_day: tuple[float, ...]
    shift: float
    slope_per_bp: float
    clients: int = 1

    def __post_init__(self) -> None:
        if not 0 < len(self.sizes_m) == len(self.requests_per_day) <= _RUNGS_MAX:
            raise ValueError("give one request rate for each ladder size, 1 to 127 of them")
        for name, values in (
            ("sizes_m", self.sizes_m),
            ("requests_per_day", self.requests_per_day),
        ):
            if not all(math.isfinite(value) and value > 0.0 for value in values):
                raise ValueError(f"{name} must be positive numbers, not {values!r}")
        if not math.isfinite(self.shift):
            raise ValueError(f"the demand shift must be a number, not {self.shift!r}")
        if not (math.isfinite(self.slope_per_bp) and self.slope_per_bp > 0.0):
            raise ValueError(f"slope_per_bp must be a positive number, not {self.slope_per_bp!r}")
        if not 1 <= self.clients < 2**31:
            raise ValueError(f"clients must lie in 1..2^31-1, not {self.clients!r}")

    @property
    def rate_per_day(self) -> float:
        """Marks a day, both sides."""
        return 2.0 * math.fsum(self.requests_per_day)


def demand_of(parameters: DealerParameters, clients: int = 1) -> Demand:
    """The demand a dealer's parameters describe."""
    return Demand(
        sizes_m=parameters.sizes_m,
        requests_per_day=parameters.requests_per_day,
        shift=parameters.demand_shift,
        slope_per_bp=parameters.demand_slope_per_bp,
        clients=clients,
    )


def poisson_tape(demand: Demand, horizon_day: float, seed: int, path: int) -> Tape:
    """Poisson arrivals over the horizon; mark i is Philox block i of (seed, path). `ValueError`
    unless the horizon is above zero.
    """
    checked_seed(seed, path)
    if not (math.isfinite(horizon_day) and horizon_day > 0.0):
        raise ValueError(f"horizon_day must be a positive number of days, not {horizon_day!r}")
    expected = demand.rate_per_day * horizon_day
    thresholds, sizes_m = rung_thresholds(demand.requests_per_day), np.array(demand.sizes_m)
    return filled_tape(
        int(expected + 8.0 * math.sqrt(expected)) + 64,
        lambda tape: _draw_poisson(
            np.uint64(seed),
            np.uint64(path),
            demand.rate_per_day,
            horizon_day,
            thresholds,
            sizes_m,
            demand.shift,
            demand.slope_per_bp,
            np.uint64(demand.clients),
            tape,
        ),
    )


def filled_tape(room: int, draw: Callable[[Tape], int]) -> Tape:
    """What `draw` writes into a tape of `room` marks, or of twice as many as often as it says, by a
    count below zero, that there are more.
    """
    while True:
        tape = empty_tape(room)
        count = draw(tape)
        if count >= 0:
            return Tape._make(column[:count] for column in tape)
        room *= 2


def empty_tape(count: int) -> Tape:
    """Columns of this length, their content undefined but for the labels: all uninformed."""
    return Tape(
        time_day=np.empty(count),
        side=np.empty(count, dtype=np.int8),
        rung=np.empty(count, dtype=np.int8),
        size_m=np.empty(count),
        reservation_bp=np.empty(count),
        client=np.empty(count, dtype=np.int32),
        informed=np.zeros(count, dtype=np.int8),
    )


def rung_thresholds(weights: Sequence[float]) -> Words:
    """Where a 31-bit word passes from one rung to the next, so that rungs fall by these weights."""
    total = math.fsum(weights)
    return np.array(
        [min(round(sum_ / total * 2.0**31), 2**31) for sum_ in accumulate(weights)][:-1],
        dtype=np.uint64,
    )


def merged(tapes: Sequence[Tape]) -> Tape:
    """All marks of several tapes in order of time; at equal times the earlier tape's come first.
    `ValueError` for no tape.
    """
    if not tapes:
        raise ValueError("there is nothing to merge: give at least one tape")
    joined = Tape._make(np.concatenate(columns) for columns in zip(*tapes, strict=True))
    order = np.argsort(joined.time_day, kind="stable")
    return Tape._make(column[order] for column in joined)


def checked_tape(tape: Tape, rungs: int) -> Tape:
    """The tape itself, if a loop may run it: `ValueError` names the first mark that is wrong."""
    if len({len(column) for column in tape}) != 1:
        raise ValueError("a tape's columns must be of one length")
    tests = (
        ("time_day must be finite and not below zero", ~(tape.time_day >= 0.0)),
        ("time_day must be finite and not below zero", ~np.isfinite(tape.time_day)),
        ("side must be +1 or -1", np.abs(tape.side) != 1),
        ("size_m must be a positive number", ~(tape.size_m > 0.0) | ~np.isfinite(tape.size_m)),
        ("reservation_bp must be a number", np.isnan(tape.reservation_bp)),
        (f"rung must lie in -1..{rungs - 1}", (tape.rung < -1) | (tape.rung >= rungs)),
    )
    for said, wrong in tests:
        if wrong.any():
            raise ValueError(f"mark {int(np.argmax(wrong))}: {said}")
    falls = np.flatnonzero(np.diff(tape.time_day) < 0.0)
    if len(falls):
        raise ValueError(f"mark {int(falls[0]) + 1} comes before its predecessor: sort by time")
    return tape


@inlined
def rung_of(choice: Word, thresholds: Words) -> int:
    """The rung that the upper 31 bits of a 32-bit word fall on; see `rung_thresholds`."""
    part = choice >> _ONE
    rung = 0
    for threshold in thresholds:
        rung += part >= threshold
    return rung


@inlined
def logit_of(will: Word) -> float:
    """The standard logistic number of a 32-bit word; never infinite."""
    return math.log((will + 0.5) / (2.0**32 - 0.5 - will))


@compiled
def _draw_poisson(
    seed: Word,
    path: Word,
    rate_per_day: float,
    horizon_day: float,
    thresholds: Words,
    sizes_m: Floats,
    shift: float,
    slope_per_bp: float,
    clients: Word,
    tape: Tape,
) -> int:
    """Fill the columns; how many marks there are, or -1 if the columns are too short."""
    key_0 = seed & _LOW
    key_1 = seed >> _HIGH
    gap_day = 1.0 / rate_per_day
    time_day = 0.0
    for index in range(len(tape.time_day)):
        gap, choice, will, who = philox(
            np.uint64(index), _MARKS, path & _LOW, path >> _HIGH, key_0, key_1
        )
        time_day -= gap_day * math.log((gap + 0.5) * UNIT)
        if time_day >= horizon_day:
            return index
        rung = rung_of(choice, thresholds)
        tape.time_day[index] = time_day
        tape.side[index] = 1 - 2 * np.int8(choice & _ONE)
        tape.rung[index] = rung
        tape.size_m[index] = sizes_m[rung]
        tape.reservation_bp[index] = (logit_of(will) - shift) / slope_per_bp
        tape.client[index] = (who * clients) >> _HIGH
    return -1
