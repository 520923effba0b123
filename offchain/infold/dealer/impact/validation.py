# SPDX-License-Identifier: Apache-2.0
"""Does the fit hold on what it has not seen: walk-forward with purging, and intervals that cover.

A label known a horizon after its event overlaps the next fold's first events; purging leaves out of
the training part whatever was not over a horizon before the test part begins (Lopez de Prado 2018,
chapter 7). Intervals are split conformal (Lei and others 2018): the quantile of the calibration
part's scaled errors, which covers new events of the same kind as often as said, whatever the
distribution. Errors are scaled by the root of the gap, so that a quiet hour does not set the width
of a busy one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats
from infold.dealer.impact.fitting import NOISE_FLOOR_S, fit_decays, predicted_bp
from infold.dealer.impact.observations import Observations
from infold.dealer.impact.state import DECAYS_S
from infold.dealer.params import DAY_S


class Fold(NamedTuple):
    """Rows to learn from and rows to be judged on, all training before all test."""

    train: slice
    test: slice


@dataclass(frozen=True, slots=True)
class Validation:
    """By fold: gains, share of weighted squares explained out of sample, and how often the interval
    held the move.
    """

    gains_bp_per_m: tuple[tuple[float, ...], ...]
    explained: tuple[float, ...]
    covered: tuple[float, ...]


def purged(time_s: Floats, folds: int, horizon_s: float) -> list[Fold]:
    """Equal test parts in order of time, each after a training part that began with the sample.

    The first of `folds + 1` parts only trains. `ValueError` on times out of order, a negative
    horizon, or a fold that purging leaves without a row to learn from.
    """
    count = len(time_s)
    if not isinstance(folds, int) or folds < 1 or count < 2 * (folds + 1):
        raise ValueError(f"folds must be at least 1 and leave two events in each, not {folds!r}")
    checks.not_negative("horizon_s", horizon_s, "s")
    if not np.isfinite(time_s).all() or (np.diff(time_s) < 0.0).any():
        raise ValueError("time_s must be in order (s), finite numbers")
    edges = [count * part // (folds + 1) for part in range(folds + 2)]
    found = []
    for start, end in pairwise(edges[1:]):
        known = int(np.searchsorted(time_s, float(time_s[start]) - horizon_s, side="left"))
        known = min(known, start)
        if known == 0:
            raise ValueError(
                f"horizon_s {horizon_s!r} leaves nothing to learn from before event {start}"
            )
        found.append(Fold(slice(0, known), slice(start, end)))
    return found


def conformal(errors: Floats, coverage: float = 0.9) -> float:
    """The half-width that holds this share of new errors: the ceil((n + 1) c)-th smallest |error|.

    `ValueError` if there are too few errors to say.
    """
    if not 0.0 < coverage < 1.0:
        raise ValueError(f"coverage must lie between 0 and 1, not {coverage!r}")
    if errors.ndim != 1 or not np.isfinite(errors).all():
        raise ValueError("errors must be one row of finite numbers, in the unit of the interval")
    rank = math.ceil((len(errors) + 1) * coverage)
    if rank > len(errors):
        raise ValueError(f"{len(errors)} errors are too few for a coverage of {coverage!r}")
    return float(np.partition(np.abs(errors), rank - 1)[rank - 1])


def walk_forward(
    events: Observations,
    folds: int = 5,
    horizon_s: float = 60.0,
    decays_s: tuple[float, ...] = DECAYS_S,
    coverage: float = 0.9,
    noise_floor_s: float = NOISE_FLOOR_S,
) -> Validation:
    """Fit on each training part, judge on the test part after it.

    The last third of a training part calibrates the interval and does not fit. States run on
    through the test part, for trades are known when they happen; gains do not change in it. An
    event's move ends where the next event begins, so none reaches into the part after its own.
    """
    gains, explained, covered = [], [], []
    for train, test in purged(events.time_s, folds, horizon_s):
        fitted = slice(0, max(1, train.stop * 2 // 3))
        fit = fit_decays(
            events.gap_day[fitted],
            events.signed_m[fitted],
            events.move_bp[fitted],
            decays_s,
            events.multiplier[fitted],
            noise_floor_s=noise_floor_s,
        )
        known = slice(0, test.stop)
        model = predicted_bp(
            fit.gains_bp_per_m,
            decays_s,
            events.gap_day[known],
            events.signed_m[known],
            events.multiplier[known],
        )
        scale = np.sqrt(events.gap_day[known] + noise_floor_s / DAY_S)
        errors = (events.move_bp[known] - model) / scale
        half = conformal(errors[fitted.stop : train.stop], coverage)
        moves = events.move_bp[test] / scale[test]
        gains.append(fit.gains_bp_per_m)
        square = float(np.sum(moves**2))
        left = float(np.sum(errors[test] ** 2))
        explained.append(1.0 - left / square if square > 0.0 else 0.0)
        covered.append(float(np.mean(np.abs(errors[test]) <= half)))
    return Validation(tuple(gains), tuple(explained), tuple(covered))
