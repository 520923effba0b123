# SPDX-License-Identifier: Apache-2.0
"""The calibrator: gains of given decays, not below zero, in one pass over trades and moves.

A trade of Q at multiplier m adds m Q to each unit state u_i, which then fades at its rate. Between
one trade and the next the mid moves by

    dp = sum of k_i du_i + noise,   variance of the noise = sigma^2 gap

so weighted least squares on the three du_i is efficient, its normal equations are sums that can be
kept and added to, and gains not below zero make it a convex problem of three unknowns whose answer
leaves no round trip a profit (`kernels.py`). The best of the eight sets of positive gains is found
by trying all: exact, and free at this size.

A prior (gains and how sure of them) enters as three more observations: with few trades of our own
the fit stays at what was believed, with many it forgets it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats, compiled
from infold.dealer.impact.nonnegative import UNKNOWNS_MAX, nonnegative, posterior
from infold.dealer.impact.state import DECAYS_S
from infold.dealer.params import DAY_S

NOISE_FLOOR_S: Final = 0.1
"""Within a tenth of a second a recorded mid flickers more than it moves, and without a floor the
shortest gaps would outweigh all others."""


@dataclass(frozen=True, slots=True)
class Prior:
    """What was believed: gains in bp a M, each known to about `spread_bp_per_m`."""

    gains_bp_per_m: tuple[float, ...]
    spread_bp_per_m: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.gains_bp_per_m) != len(self.spread_bp_per_m):
            raise ValueError("give one spread_bp_per_m for each of gains_bp_per_m")
        if not all(math.isfinite(gain) and gain >= 0.0 for gain in self.gains_bp_per_m):
            raise ValueError("gains_bp_per_m must be numbers not below zero (bp per M)")
        if not all(math.isfinite(wide) and wide > 0.0 for wide in self.spread_bp_per_m):
            raise ValueError("spread_bp_per_m must be positive numbers (bp per M)")


@dataclass(frozen=True, slots=True)
class DecayFit:
    """Gains with standard errors, the noise, and how much is told.

    An error is zero where the bound holds and no prior was given; with a prior it says how far the
    truth may be from the gain, belief and data together.
    `explained` is the share of the weighted squares of moves that the fit accounts for, in sample.
    """

    gains_bp_per_m: tuple[float, ...]
    errors_bp_per_m: tuple[float, ...]
    decays_s: tuple[float, ...]
    volatility_bp: float  # of what is left, per square root of a day
    explained: float
    count: int


@dataclass(frozen=True, slots=True)
class DecaySums:
    """Normal equations so far, and the unit states at their end: all a fit needs to remember."""

    decays_s: tuple[float, ...]
    noise_floor_s: float
    normal: Floats  # (decays, decays): sum of du du' over gap
    moment: Floats  # sum of du dp over gap
    square: float  # sum of dp^2 over gap
    exposure: float  # sum of gap over gap and floor: what noise of variance one would add to square
    count: int
    units_m: Floats
    multipliers: Floats

    def added(
        self,
        gap_day: Floats,
        signed_m: Floats,
        move_bp: Floats,
        multiplier: Floats | None = None,
    ) -> DecaySums:
        """These and more observations: one an event, in order.

        Event n trades `signed_m[n]` at `multiplier[n]` times the calibrated impact (one, if not
        given), and `move_bp[n]` is the mid's move from just before it till `gap_day[n]` days later,
        where the next begins. `ValueError` names the first that makes no sense.
        """
        columns = {"gap_day": gap_day, "signed_m": signed_m, "move_bp": move_bp}
        if multiplier is not None:
            columns["multiplier"] = multiplier
        _checked(columns)
        normal, moment = self.normal.copy(), self.moment.copy()
        units, kept = self.units_m.copy(), self.multipliers.copy()
        square, exposure = _accumulate(
            np.ascontiguousarray(gap_day, dtype=np.float64),
            np.ascontiguousarray(signed_m, dtype=np.float64),
            np.ascontiguousarray(move_bp, dtype=np.float64),
            np.ones(1) if multiplier is None else np.asarray(multiplier, dtype=np.float64),
            DAY_S / np.array(self.decays_s),
            self.noise_floor_s / DAY_S,
            normal,
            moment,
            units,
            kept,
        )
        return DecaySums(
            self.decays_s,
            self.noise_floor_s,
            normal,
            moment,
            self.square + square,
            self.exposure + exposure,
            self.count + len(gap_day),
            units,
            kept,
        )

    def fit(self, prior: Prior | None = None) -> DecayFit:
        """The gains not below zero that fit best. `ValueError` with fewer observations than gains
        and no prior.
        """
        size = len(self.decays_s)
        if self.count <= size and prior is None:
            raise ValueError(
                f"{self.count} observations cannot fit {size} decays: give more, or a prior"
            )
        if prior is not None and len(prior.gains_bp_per_m) != size:
            raise ValueError(f"the prior must have {size} gains, one for each decay")
        gains = nonnegative(self.normal, self.moment)
        variance = self._variance(gains)
        if prior is None:
            free = np.flatnonzero(gains > 0.0)
            errors = np.zeros(size)
            if len(free):
                inverse = np.linalg.pinv(self.normal[np.ix_(free, free)], hermitian=True)
                errors[free] = np.sqrt(np.maximum(variance * np.diag(inverse), 0.0))
        else:
            # How much the prior weighs depends on the noise, which hardly depends on the gains.
            gains, errors = posterior(
                self.normal,
                self.moment,
                max(variance, float(np.finfo(float).tiny)),
                np.array(prior.gains_bp_per_m),
                np.array(prior.spread_bp_per_m),
            )
            variance = self._variance(gains)
        return DecayFit(
            gains_bp_per_m=tuple(gains.tolist()),
            errors_bp_per_m=tuple(errors.tolist()),
            decays_s=self.decays_s,
            volatility_bp=math.sqrt(variance),
            explained=1.0 - self._left(gains) / self.square if self.square > 0.0 else 0.0,
            count=self.count,
        )

    def _left(self, gains: Floats) -> float:
        left = self.square - 2.0 * gains @ self.moment + gains @ self.normal @ gains
        return max(float(left), 0.0)

    def _variance(self, gains: Floats) -> float:
        free = self.exposure * (1.0 - np.count_nonzero(gains) / max(self.count, 1))
        return self._left(gains) / free if free > 0.0 else 0.0


def no_sums(
    decays_s: tuple[float, ...] = DECAYS_S, noise_floor_s: float = NOISE_FLOOR_S
) -> DecaySums:
    """Nothing seen yet.

    `noise_floor_s` is the time after which the price's own moves outweigh the mid's flicker: gaps
    count as that much longer. `ValueError` names what makes no sense.
    """
    size = len(decays_s)
    if not 1 <= size <= UNKNOWNS_MAX:
        raise ValueError(f"decays_s must be 1 to {UNKNOWNS_MAX} time constants, not {size}")
    if not all(math.isfinite(decay_s) and decay_s > 0.0 for decay_s in decays_s):
        raise ValueError(f"decays_s must be positive numbers of seconds, not {decays_s!r}")
    if len(set(decays_s)) != size:
        raise ValueError(f"decays_s must differ from each other, not {decays_s!r}")
    checks.not_negative("noise_floor_s", noise_floor_s, "s")
    return DecaySums(
        decays_s,
        noise_floor_s,
        np.zeros((size, size)),
        np.zeros(size),
        0.0,
        0.0,
        0,
        np.zeros(size),
        np.zeros(size),
    )


def fit_decays(
    gap_day: Floats,
    signed_m: Floats,
    move_bp: Floats,
    decays_s: tuple[float, ...] = DECAYS_S,
    multiplier: Floats | None = None,
    prior: Prior | None = None,
    noise_floor_s: float = NOISE_FLOOR_S,
) -> DecayFit:
    """One pass over a whole sample; see `DecaySums.added` for the columns."""
    sums = no_sums(decays_s, noise_floor_s)
    return sums.added(gap_day, signed_m, move_bp, multiplier).fit(prior)


def predicted_bp(
    gains_bp_per_m: tuple[float, ...],
    decays_s: tuple[float, ...],
    gap_day: Floats,
    signed_m: Floats,
    multiplier: Floats | None = None,
) -> Floats:
    """What the fit says each event's move is, from no earlier impact. `ValueError` if gains and
    decays differ in number, or a figure is none.
    """
    columns = {"gap_day": gap_day, "signed_m": signed_m}
    if multiplier is not None:
        columns["multiplier"] = multiplier
    _checked(columns)
    no_sums(decays_s)
    if len(gains_bp_per_m) != len(decays_s):
        raise ValueError(f"gains_bp_per_m must be one gain (bp per M) for each of {decays_s!r} s")
    for number, gain in enumerate(gains_bp_per_m):
        checks.number(f"gains_bp_per_m[{number}]", gain, "bp per M")
    found = np.empty(len(gap_day))
    _predict(
        np.ascontiguousarray(gap_day, dtype=np.float64),
        np.ascontiguousarray(signed_m, dtype=np.float64),
        np.ones(1) if multiplier is None else np.asarray(multiplier, dtype=np.float64),
        DAY_S / np.array(decays_s),
        np.array(gains_bp_per_m),
        found,
    )
    return found


def _checked(columns: dict[str, Floats]) -> None:
    count = len(columns["gap_day"])
    units = {"gap_day": "days", "signed_m": "M", "move_bp": "bp", "multiplier": "of k0"}
    for name, column in columns.items():
        if column.shape != (count,):
            raise ValueError(f"{name} must be {count} numbers like gap_day, not {column.shape}")
        if not np.isfinite(np.dot(column, np.zeros(count))):
            index = int(np.argmin(np.isfinite(column)))
            raise ValueError(f"{name}[{index}] must be a number ({units[name]})")
        if count and max(column.max(), -column.min()) > checks.FIGURE_MAX:
            index = int(np.argmax(np.abs(column)))
            raise ValueError(
                f"{name}[{index}] must be at most {checks.FIGURE_MAX:g} ({units[name]}),"
                f" not {float(column[index])!r}"
            )
    for name in ("gap_day", "multiplier"):
        if name in columns and count and columns[name].min() <= 0.0:
            index = int(np.argmax(columns[name] <= 0.0))
            found = float(columns[name][index])
            raise ValueError(f"{name}[{index}] must be above zero ({units[name]}), not {found!r}")


@compiled
def _accumulate(
    gap_day: Floats,
    signed_m: Floats,
    move_bp: Floats,
    multiplier: Floats,
    rates_per_day: Floats,
    floor_day: float,
    normal: Floats,
    moment: Floats,
    units: Floats,
    kept: Floats,
) -> tuple[float, float]:
    """Add the events' squares and products to the arrays, move the states on; what the events add
    to `square` and `exposure`.
    """
    size = len(rates_per_day)
    scaled = len(multiplier) > 1
    changes = np.empty(size)
    square = exposure = 0.0
    for event in range(len(gap_day)):
        weight = 1.0 / (gap_day[event] + floor_day)
        asked = multiplier[event] if scaled else multiplier[0]
        move = move_bp[event]
        for part in range(size):
            fade = math.exp(-rates_per_day[part] * gap_day[event])
            kept[part] = max(asked, kept[part])
            after = fade * (units[part] + kept[part] * signed_m[event])
            kept[part] *= fade * fade
            changes[part] = after - units[part]
            units[part] = after
        for row in range(size):
            heavy = weight * changes[row]
            moment[row] += heavy * move
            for column in range(row + 1):
                normal[row, column] += heavy * changes[column]
        square += weight * move * move
        exposure += weight * gap_day[event]
    for row in range(size):
        for column in range(row):
            normal[column, row] = normal[row, column]
    return square, exposure


@compiled
def _predict(
    gap_day: Floats,
    signed_m: Floats,
    multiplier: Floats,
    rates_per_day: Floats,
    gains: Floats,
    found: Floats,
) -> None:
    size = len(rates_per_day)
    scaled = len(multiplier) > 1
    units = np.zeros(size)
    kept = np.zeros(size)
    for event in range(len(gap_day)):
        asked = multiplier[event] if scaled else multiplier[0]
        total = 0.0
        for part in range(size):
            fade = math.exp(-rates_per_day[part] * gap_day[event])
            kept[part] = max(asked, kept[part])
            after = fade * (units[part] + kept[part] * signed_m[event])
            kept[part] *= fade * fade
            total += gains[part] * (after - units[part])
            units[part] = after
        found[event] = total
