# SPDX-License-Identifier: Apache-2.0
"""HAR: tomorrow's log realised variance from the averages of the last day, week and month.

Corsi 2009, on logarithms and a calendar without weekends: ln RV[t+1] = c + sum_k b_k mean of the
last lags[k] of ln RV, by ordinary least squares. The forecast of RV itself adds half the residual
variance, as for a lognormal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.dealer import checks
from infold.dealer.volatility.returns import Floats, above_zero, numbers

LAGS_24_7: Final = (1, 7, 30)
"""A day, a week, a month of days."""


@dataclass(frozen=True, slots=True)
class Har:
    """A fitted model. `coefficients` are the intercept, then one a lag; ln of bp^2 a period."""

    lags: tuple[int, ...]
    coefficients: tuple[float, ...]
    residual_variance: float
    rows: int

    def forecast(self, variances_bp2: Floats) -> float:
        """The next period's expected variance, bp^2; from the last max(lags) periods alone."""
        logs = _logs(variances_bp2, max(self.lags))
        level = self.coefficients[0] + sum(
            weight * float(logs[-lag:].mean())
            for lag, weight in zip(self.lags, self.coefficients[1:], strict=True)
        )
        return math.exp(level + self.residual_variance / 2.0)


def fit_har(variances_bp2: Floats, lags: tuple[int, ...] = LAGS_24_7) -> Har:
    """Least squares over every period that has a whole past. `ValueError` for too few periods."""
    needed = _needed(lags)
    design, target = har_design(_logs(variances_bp2, needed), lags)
    weights, *_ = np.linalg.lstsq(design, target, rcond=None)
    rest = target - design @ weights
    freedom = len(target) - design.shape[1]
    return Har(lags, tuple(weights.tolist()), float(rest @ rest) / freedom, len(target))


def har_design(logs: Floats, lags: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Regressors (rows, 1 + lags), a one first, and the target: rows from max(lags) on."""
    _needed(lags)
    numbers("logs", logs, "ln of bp^2 a period", max(lags) + 1)
    sums = np.concatenate([[0.0], np.cumsum(logs)])
    row = np.arange(max(lags), len(logs))
    means = [(sums[row] - sums[row - lag]) / lag for lag in lags]
    return np.column_stack([np.ones(len(row)), *means]), logs[row]


def har_forecasts(
    variances_bp2: Floats,
    first: int,
    lags: tuple[int, ...] = LAGS_24_7,
    window: int | None = None,
) -> Floats:
    """For each period from `first` on its forecast, refitted on what lies before it; else NaN.

    `window` bounds how many periods a fit looks back; None takes all. Nothing of a period or after
    it enters its forecast. `ValueError` if `first` leaves too few periods before it or none to
    forecast.
    """
    logs = _logs(variances_bp2, _needed(lags))
    checks.count("first (periods)", first, _needed(lags))
    if first > len(logs):
        raise ValueError(f"first (periods) must be at most {len(logs)}, their number, not {first}")
    if window is not None:
        checks.count("window (periods)", window, 1)
    design, target = har_design(logs, lags)
    # Sums over the rows before each: a fit of any stretch is a difference of two of them.
    squares = _running(design[:, :, None] * design[:, None, :])
    products = _running(design * target[:, None])
    totals = _running(target * target)
    row = np.arange(first, len(logs)) - max(lags)  # the row whose target is this period
    begin = np.zeros_like(row) if window is None else np.maximum(row - window, 0)
    moments = products[row] - products[begin]
    inverse = np.linalg.pinv(squares[row] - squares[begin], hermitian=True)
    weights = (inverse @ moments[:, :, None])[:, :, 0]
    rest = totals[row] - totals[begin] - (weights * moments).sum(axis=1)
    spread = np.maximum(rest, 0.0) / np.maximum(row - begin - design.shape[1], 1)
    forecasts = np.full(len(logs), np.nan)
    forecasts[first:] = np.exp((design[row] * weights).sum(axis=1) + spread / 2.0)
    return forecasts


def _running(rows: Floats) -> Floats:
    """Sums of all rows before each, and of all: one row more."""
    return np.concatenate([np.zeros((1, *rows.shape[1:])), np.cumsum(rows, axis=0)])


def _needed(lags: tuple[int, ...]) -> int:
    if not lags or any(not isinstance(lag, int) or lag < 1 for lag in lags):
        raise ValueError(f"lags (periods) must be whole numbers from 1 on, not {lags}")
    return max(lags) + 2 * (len(lags) + 1)


def _logs(variances_bp2: Floats, least: int) -> Floats:
    logs: Floats = np.log(above_zero("variances_bp2", variances_bp2, "bp^2 a period", least))
    return logs
