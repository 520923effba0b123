# SPDX-License-Identifier: Apache-2.0
"""What order flow says of moves: at the same time, a step ahead, and on another day.

Moves at the same time explain, they do not predict: the flow is not known before the move. A claim
to predict is made only where the R^2 out of sample exceeds what 500 circular shifts of the features
reach (their 95th percentile), its bootstrap interval lies above zero, and it does so again when the
record is walked forward.

A day is carried to another by scale: order flow is in units of what the book holds, which differs
by market and year, so flow, queue imbalance and moves are each divided by their own mean absolute
value first (docs/decisions/0070).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.research.microstructure.chance import (
    Interval,
    Shifted,
    circular_shifts,
    correlation_interval,
    saved_share,
)
from infold.research.microstructure.regressions import (
    errors,
    fit,
    halves,
    r_squared,
    walk_forward,
)
from infold.research.microstructure.steps import Steps
from infold.research.recorded import Floats

FOLDS: Final = 5
PURGED: Final = 1
"""A prediction's target is the step after its features: one row overlaps the next fold."""
ROWS_MIN: Final = FOLDS * (4 + PURGED)
"""So that the first fold, purged, fits an intercept and two weights with a row to spare."""


@dataclass(frozen=True, slots=True)
class Explained:
    """R^2 of moves on the flow of the same step: of all rows, of the second half under the first
    half's fit, each with its bootstrap interval, and of trade imbalance in place of order flow
    (None without trades).
    """

    r_squared: float
    interval: Interval
    out_of_sample: float
    out_interval: Interval
    trade_imbalance: float | None
    rows: int


@dataclass(frozen=True, slots=True)
class Predicted:
    """R^2 of the next step's move in the second half under the first half's fit: from order flow,
    from queue imbalance, from both; the last with its bootstrap interval, its shifts, and walked
    forward over five folds with purging.
    """

    flow: float
    queue: float
    both: float
    interval: Interval
    shifted: Shifted
    walked: float
    rows: int

    @property
    def claimed(self) -> bool:
        """Whether this is said to predict; see the module."""
        beyond_chance = self.both > self.shifted.high and self.interval.low > 0.0
        return beyond_chance and self.walked > self.shifted.high


@dataclass(frozen=True, slots=True)
class Carried:
    """One recording's fit scored on another's steps, both to scale: the share it explains of the
    scored moves' own variance, and what it predicts a step ahead.
    """

    explained: float
    interval: Interval
    predicted: float
    predicted_interval: Interval
    shifted: Shifted
    rows: int


def enough(steps: Steps) -> bool:
    """Whether a recording is long and lively enough for every regression here."""
    target = _ahead(steps.flow, steps.queue, steps)[1]
    return len(target) >= ROWS_MIN and all(
        bool(np.ptp(half) > 0.0) for half in np.array_split(target, 2)
    )


def explain(steps: Steps, seed: int) -> Explained:
    """The contemporaneous regression of one recording."""
    flow, move = steps.flow[steps.whole], steps.move[steps.whole]
    traded = None
    if steps.traded is not None:
        found = steps.traded[steps.whole]
        traded = r_squared(fit(found, move), found, move)
    half = len(move) // 2
    missed, plain = errors(fit(flow[:half], move[:half]), flow[half:], move[half:])
    return Explained(
        r_squared=r_squared(fit(flow, move), flow, move),
        interval=correlation_interval(flow, move, seed),
        out_of_sample=1.0 - float(missed.sum() / plain.sum()),
        out_interval=saved_share(missed, plain, seed),
        trade_imbalance=traded,
        rows=len(move),
    )


def predict(steps: Steps, seed: int) -> Predicted:
    """The predictive regressions of one recording."""
    features, target = _ahead(steps.flow, steps.queue, steps)
    half = len(target) // 2
    line = fit(features[:half], target[:half])
    missed, plain = errors(line, features[half:], target[half:])
    return Predicted(
        flow=halves(features[:, 0], target),
        queue=halves(features[:, 1], target),
        both=1.0 - float(missed.sum() / plain.sum()),
        interval=saved_share(missed, plain, seed),
        shifted=circular_shifts(lambda moved: halves(moved, target), features, seed),
        walked=walk_forward(features, target, FOLDS, PURGED),
        rows=len(target) - half,
    )


def carry(fitted: Steps, scored: Steps, seed: int) -> Carried:
    """Fit one recording, score another; explanation and prediction, each to scale."""
    own, other = _to_scale(fitted), _to_scale(scored)
    line = fit(own.flow[own.whole], own.move[own.whole])
    flow, move = other.flow[other.whole], other.move[other.whole]
    missed = errors(line, flow, move)[0]
    spread = (move - move.mean()) ** 2
    past, after = _ahead(own.flow, own.queue, own)
    features, target = _ahead(other.flow, other.queue, other)
    wrong, mean = errors(fit(past, after), features, target)
    rows = len(after)

    def score(both: Floats) -> float:
        return r_squared(fit(both[:rows], after), both[rows:], target)

    return Carried(
        explained=1.0 - float(missed.sum() / spread.sum()),
        interval=saved_share(missed, spread, seed),
        predicted=1.0 - float(wrong.sum() / mean.sum()),
        predicted_interval=saved_share(wrong, mean, seed),
        shifted=circular_shifts(score, np.concatenate([past, features]), seed),
        rows=len(missed),
    )


def to_scale(values: Floats) -> Floats:
    """Divided by their mean absolute value. `ValueError` if they are all zero."""
    scale = float(np.abs(values).mean())
    if scale == 0.0:
        raise ValueError("the values are all zero: they have no scale")
    scaled: Floats = values / scale
    return scaled


def _to_scale(steps: Steps) -> Steps:
    return Steps(
        steps.horizon_ms,
        to_scale(steps.flow),
        to_scale(steps.move),
        to_scale(steps.queue),
        steps.depth,
        steps.traded,
        steps.whole,
    )


def _ahead(flow: Floats, queue: Floats, steps: Steps) -> tuple[Floats, Floats]:
    """Features of each step and the move of the next, where both are whole."""
    kept = steps.whole[:-1] & steps.whole[1:]
    features = np.column_stack([flow[:-1], queue[:-1]])[kept]
    return features, steps.move[1:][kept]
