# SPDX-License-Identifier: Apache-2.0
"""Least squares with an intercept, scored on rows that were not fitted.

R^2 out of sample is 1 - sum (y - forecast)^2 / sum (y - mean of the fitted rows)^2: whoever
forecasts gets no use of the scored rows' own mean (Campbell and Thompson 2008). On the fitted rows
themselves it is the usual R^2.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from infold.research.recorded import Floats


@dataclass(frozen=True, slots=True)
class Line:
    """Intercept first, then one weight a feature; `mean` is the fitted target's."""

    weights: Floats
    mean: float

    def predict(self, features: Floats) -> Floats:
        """Forecasts (rows,) from features (rows, features)."""
        forecast: Floats = self.weights[0] + _matrix(features) @ self.weights[1:]
        return forecast


def fit(features: Floats, target: Floats) -> Line:
    """Least squares; `ValueError` for rows that do not match, too few, or not finite."""
    matrix = _matrix(features)
    if len(matrix) != len(target):
        raise ValueError(f"{len(matrix)} rows of features do not match {len(target)} of target")
    if len(target) < matrix.shape[1] + 2:
        raise ValueError(f"{len(target)} rows are too few for {matrix.shape[1]} features")
    if not (np.isfinite(matrix).all() and np.isfinite(target).all()):
        raise ValueError("features and target must be finite numbers")
    design = np.column_stack([np.ones(len(target)), matrix])
    weights, *_ = np.linalg.lstsq(design, target, rcond=None)
    return Line(weights, float(target.mean()))


def errors(line: Line, features: Floats, target: Floats) -> tuple[Floats, Floats]:
    """Squared errors of the line, and of the fitted rows' mean, for each row."""
    missed = (target - line.predict(features)) ** 2
    plain = (target - line.mean) ** 2
    return missed, plain


def r_squared(line: Line, features: Floats, target: Floats) -> float:
    """The share of squared errors the line saves against the mean of the rows it was fitted to.
    `ValueError` if the target never moves.
    """
    missed, plain = errors(line, features, target)
    whole = float(plain.sum())
    if whole == 0.0:
        raise ValueError("the target never moves: there is nothing to explain")
    return 1.0 - float(missed.sum()) / whole


def halves(features: Floats, target: Floats) -> float:
    """R^2 of the second half under a fit of the first."""
    half = len(target) // 2
    matrix = _matrix(features)
    return r_squared(fit(matrix[:half], target[:half]), matrix[half:], target[half:])


def walk_forward(features: Floats, target: Floats, folds: int, purge: int) -> float:
    """R^2 over the folds after the first, each scored under a fit of all rows before it.

    `purge` rows before a fold are left out of its fit: their targets overlap the fold's. The plain
    forecast is the mean of the fitted rows. `ValueError` for fewer than two folds or a purge below
    zero.
    """
    if folds < 2 or purge < 0:
        raise ValueError(f"walk forward over two folds or more, purging none or more: {folds=}")
    matrix = _matrix(features)
    edges = np.linspace(0, len(target), folds + 1).astype(np.int64)
    missed = plain = 0.0
    for begin, end in pairwise(edges[1:].tolist()):
        line = fit(matrix[: begin - purge], target[: begin - purge])
        wrong, mean = errors(line, matrix[begin:end], target[begin:end])
        missed += float(wrong.sum())
        plain += float(mean.sum())
    return 1.0 - missed / plain


def _matrix(features: Floats) -> Floats:
    return features[:, None] if features.ndim == 1 else features
