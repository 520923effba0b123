# SPDX-License-Identifier: Apache-2.0
"""Clients who bring clients: a two-sided Hawkes process, drawn, fitted and tested.

A mark on a side raises that side's intensity by `own * decay` and the other's by `cross * decay`,
and both raises fade at `decay` a day (Hawkes 1971, exponential kernel):

    lambda_s(t) = base + sum over j before t of branching[s, side_j] decay exp(-decay (t - t_j))

so `own` and `cross` are the expected numbers of direct children on either side and `own + cross`
is the branching ratio. Drawn by thinning (Ogata 1981, "On Lewis' simulation method for point
processes"), one counter block a try; the likelihood is a sum over marks with one recursion a side
(Ozaki 1979); times rescaled by the compensator are unit exponentials if the model is true
(Papangelou 1972).

Times in days, rates a day. The path starts in the stationary mean, not in silence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import optimize

from infold.research.simulation.compiled import Floats, Small, Word, Words, compiled
from infold.research.simulation.draws import UNIT, Stream, checked_seed, philox
from infold.research.simulation.tape import (
    Demand,
    Tape,
    filled_tape,
    logit_of,
    rung_of,
    rung_thresholds,
)

_LOW: Final = np.uint64(2**32 - 1)
_HIGH: Final = np.uint64(32)
_TWO: Final = np.uint64(2)
_ONE: Final = np.uint64(1)
_FIT_STEPS_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Hawkes:
    """How marks follow marks. `own` and `cross` are counts, `decay_per_day` a rate."""

    own: float
    cross: float
    decay_per_day: float

    def __post_init__(self) -> None:
        for name in ("own", "cross"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} must be a number of children not below zero: {value!r}")
        if not (math.isfinite(self.decay_per_day) and self.decay_per_day > 0.0):
            raise ValueError(f"decay_per_day must be a positive rate, not {self.decay_per_day!r}")
        if self.branching >= 1.0:
            raise ValueError(
                f"own + cross is {self.branching!r} children a mark: at 1 or more the flow explodes"
            )

    @property
    def branching(self) -> float:
        """Expected direct children of a mark."""
        return self.own + self.cross


CALM: Final = Hawkes(own=0.45, cross=0.15, decay_per_day=1_440.0)
"""E2: a branching ratio of .6 inside the reference's .5 to .8, memory of a minute."""


STEADY: Final = np.ones(1)
"""A profile that never changes."""


def hawkes_tape(
    demand: Demand,
    hawkes: Hawkes,
    horizon_day: float,
    seed: int,
    path: int,
    *,
    profile: Floats = STEADY,
    stream: Stream = Stream.MARKS,
) -> Tape:
    """Marks of the demand's mean rate, sizes and elasticity, arriving in clusters.

    `profile` multiplies the rate of those who come by themselves, one number for each of equal
    parts of the horizon. A second flow of the same path needs another `stream`. `ValueError`
    unless the horizon is above zero and the profile nowhere below.
    """
    checked_seed(seed, path)
    if not (math.isfinite(horizon_day) and horizon_day > 0.0):
        raise ValueError(f"horizon_day must be a positive number of days, not {horizon_day!r}")
    if not len(profile) or not (np.isfinite(profile) & (profile >= 0.0)).all():
        raise ValueError("profile must be multiples of the rate, at least one, none below zero")
    expected = demand.rate_per_day * horizon_day * float(profile.mean())
    thresholds, sizes_m = rung_thresholds(demand.requests_per_day), np.array(demand.sizes_m)
    return filled_tape(
        int(expected + 8.0 * math.sqrt(expected) / (1.0 - hawkes.branching)) + 64,
        lambda tape: _draw(
            np.uint64(seed),
            np.uint64(path),
            np.uint64(stream),
            profile,
            0.5 * demand.rate_per_day,
            hawkes.own,
            hawkes.cross,
            hawkes.decay_per_day,
            horizon_day,
            thresholds,
            sizes_m,
            demand.shift,
            demand.slope_per_bp,
            np.uint64(demand.clients),
            tape,
        ),
    )


@dataclass(frozen=True, slots=True)
class HawkesFit:
    """What maximises the likelihood: marks a day and side in the mean, and who follows whom."""

    rate_per_day: float
    hawkes: Hawkes
    log_likelihood: float


def log_likelihood(
    rate_per_day: float, hawkes: Hawkes, time_day: Floats, side: Small, horizon_day: float
) -> float:
    """Of marks seen over 0..horizon_day; `rate_per_day` is the mean rate of one side."""
    _checked(rate_per_day, time_day, side, horizon_day)
    return float(
        _log_likelihood(
            rate_per_day,
            hawkes.own,
            hawkes.cross,
            hawkes.decay_per_day,
            time_day,
            side,
            horizon_day,
        )
    )


def fit(time_day: Floats, side: Small, horizon_day: float) -> HawkesFit:
    """Maximum likelihood by Nelder and Mead over logarithms; the branching ratio stays below 1.

    `ValueError` with fewer than 100 marks, which cannot tell a child from a stranger.
    """
    if len(time_day) < 100:
        raise ValueError(f"a fit takes at least 100 marks, not {len(time_day)}")
    rate = 0.5 * len(time_day) / horizon_day
    _checked(rate, time_day, side, horizon_day)

    def unpacked(point: Floats) -> tuple[float, float, float, float]:
        branching = 1.0 / (1.0 + math.exp(-point[1]))
        share = 1.0 / (1.0 + math.exp(-point[2]))
        return math.exp(point[0]), branching * share, branching * (1.0 - share), math.exp(point[3])

    def loss(point: Floats) -> float:
        return -float(_log_likelihood(*unpacked(point), time_day, side, horizon_day))

    start = np.array([math.log(rate), 0.0, 0.5, math.log(20.0 * rate / math.sqrt(rate))])
    found = optimize.minimize(
        loss,
        start,
        method="Nelder-Mead",
        options={"maxiter": _FIT_STEPS_MAX, "xatol": 1e-5, "fatol": 1e-6},
    )
    mean, own, cross, decay = unpacked(found.x)
    return HawkesFit(mean, Hawkes(own, cross, decay), -float(found.fun))


def rescaled_gaps(
    rate_per_day: float, hawkes: Hawkes, time_day: Floats, side: Small, horizon_day: float
) -> tuple[Floats, Floats]:
    """Compensator passed between marks of a side, (sells, buys): unit exponentials if true."""
    _checked(rate_per_day, time_day, side, horizon_day)
    gaps = np.empty(len(time_day))
    _rescale(rate_per_day, hawkes.own, hawkes.cross, hawkes.decay_per_day, time_day, side, gaps)
    return gaps[side < 0], gaps[side > 0]


def _checked(rate_per_day: float, time_day: Floats, side: Small, horizon_day: float) -> None:
    if not (math.isfinite(rate_per_day) and rate_per_day > 0.0):
        raise ValueError(f"rate_per_day must be a positive rate, not {rate_per_day!r}")
    if len(time_day) != len(side) or not len(time_day):
        raise ValueError("time_day and side must be of one length, and not empty")
    if not (np.diff(time_day) >= 0.0).all() or not 0.0 <= time_day[0] <= time_day[-1]:
        raise ValueError("time_day must rise from zero")
    if not (math.isfinite(horizon_day) and horizon_day >= time_day[-1]):
        raise ValueError(f"horizon_day must reach the last mark, not {horizon_day!r}")


# -- compiled --------------------------------------------------------------------------------------


@compiled
def _draw(
    seed: Word,
    path: Word,
    stream: Word,
    profile: Floats,
    rate_per_day: float,
    own: float,
    cross: float,
    decay: float,
    horizon_day: float,
    thresholds: Words,
    sizes_m: Floats,
    shift: float,
    slope_per_bp: float,
    clients: Word,
    tape: Tape,
) -> int:
    """Fill the columns; how many marks there are, or -1 if the columns are too short.

    Try i reads blocks 2 i (gap and verdict) and 2 i + 1 (the mark). A try that would pass the end
    of its part of the profile stops there: the next gap has forgotten it, as exponentials do.
    """
    key_0, key_1 = seed & _LOW, seed >> _HIGH
    low, high = path & _LOW, path >> _HIGH
    alone = rate_per_day * (1.0 - own - cross)
    base = alone * profile[0]
    buys = sells = (rate_per_day - alone) * profile[0]
    parts = len(profile)
    part_day = horizon_day / parts
    place = 0
    time_day = 0.0
    index = np.uint64(0)
    count = 0
    while True:
        bound = 2.0 * base + buys + sells
        end_day = part_day * (place + 1) if place < parts - 1 else horizon_day
        step = math.inf
        verdict = np.uint64(0)
        if bound > 0.0:
            gap, verdict, _, _ = philox(index * _TWO, stream, low, high, key_0, key_1)
            step = -math.log((gap + 0.5) * UNIT) / bound
        if time_day + step >= end_day:
            if place == parts - 1:
                return count
            fade = math.exp(-decay * (end_day - time_day))
            buys *= fade
            sells *= fade
            time_day = end_day
            place += 1
            base = alone * profile[place]
            index += _ONE
            continue
        time_day += step
        fade = math.exp(-decay * step)
        buys *= fade
        sells *= fade
        drawn = (verdict + 0.5) * UNIT * bound
        side = 1 if drawn < base + buys else -1
        if drawn < 2.0 * base + buys + sells:
            if count == len(tape.time_day):
                return -1
            choice, will, who, _ = philox(index * _TWO + _ONE, stream, low, high, key_0, key_1)
            rung = rung_of(choice, thresholds)
            tape.time_day[count] = time_day
            tape.side[count] = side
            tape.rung[count] = rung
            tape.size_m[count] = sizes_m[rung]
            tape.reservation_bp[count] = (logit_of(will) - shift) / slope_per_bp
            tape.client[count] = (who * clients) >> _HIGH
            count += 1
            if side > 0:
                buys += own * decay
                sells += cross * decay
            else:
                buys += cross * decay
                sells += own * decay
        index += _ONE


@compiled
def _log_likelihood(
    rate_per_day: float,
    own: float,
    cross: float,
    decay: float,
    time_day: Floats,
    side: Small,
    horizon_day: float,
) -> float:
    base = rate_per_day * (1.0 - own - cross)
    buys = sells = rate_per_day - base
    total = 0.0
    passed = 2.0 * base * horizon_day
    before = 0.0
    for mark in range(len(time_day)):
        step = time_day[mark] - before
        before = time_day[mark]
        fade = math.exp(-decay * step)
        passed += (buys + sells) * (1.0 - fade) / decay
        buys *= fade
        sells *= fade
        if side[mark] > 0:
            total += math.log(base + buys)
            buys += own * decay
            sells += cross * decay
        else:
            total += math.log(base + sells)
            sells += own * decay
            buys += cross * decay
    passed += (buys + sells) * (1.0 - math.exp(-decay * (horizon_day - before))) / decay
    return total - passed


@compiled
def _rescale(
    rate_per_day: float,
    own: float,
    cross: float,
    decay: float,
    time_day: Floats,
    side: Small,
    gaps: Floats,
) -> None:
    base = rate_per_day * (1.0 - own - cross)
    buys = sells = rate_per_day - base
    passed_buys = passed_sells = 0.0
    before = 0.0
    for mark in range(len(time_day)):
        step = time_day[mark] - before
        before = time_day[mark]
        fade = math.exp(-decay * step)
        passed_buys += base * step + buys * (1.0 - fade) / decay
        passed_sells += base * step + sells * (1.0 - fade) / decay
        buys *= fade
        sells *= fade
        if side[mark] > 0:
            gaps[mark] = passed_buys
            passed_buys = 0.0
            buys += own * decay
            sells += cross * decay
        else:
            gaps[mark] = passed_sells
            passed_sells = 0.0
            sells += own * decay
            buys += cross * decay
