# SPDX-License-Identifier: Apache-2.0
"""Recorded bars to realised variances, and whether HAR forecasts them better than an average does.

A period is the shortest of an hour, four hours and a day that holds at least four bars; its
variance is the sum of its bars' range variances (Garman and Klass). Periods that lack a bar, or in
which a price stood still, are left out and counted: nothing is filled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.dealer.volatility import (
    diebold_mariano,
    ewma_forecasts,
    har_forecasts,
    qlike,
    range_variances,
)
from infold.research.recorded import Bars, Floats

PERIODS_S: Final = {3_600: (1, 6, 24), 14_400: (1, 6, 42), 86_400: (1, 7, 30)}
"""Periods tried, the shortest first, and HAR's lags in each: hours and a day, hours, a day and a
week, or a day, a week and a month."""
BARS_MIN: Final = 4
RISKMETRICS_HALF_LIFE: Final = math.log(0.5) / math.log(0.94)
"""RiskMetrics' .94 a period, 11.2 periods."""
SCORED_MIN: Final = 300
"""Fewer scored periods than these decide nothing."""


@dataclass(frozen=True, slots=True)
class Realised:
    """Variances (periods,) in bp^2 a period, in order; `left_out` periods lack a bar or a move."""

    period_s: int
    variances_bp2: Floats
    left_out: int

    @property
    def lags(self) -> tuple[int, ...]:
        """HAR's lags for periods of this length."""
        return PERIODS_S[self.period_s]


@dataclass(frozen=True, slots=True)
class Contest:
    """Losses of the same scored periods; `gain` is the share of the average's QLIKE that HAR saves,
    `p_value` one-sided (Diebold-Mariano) against its being no better. `r_squared` is HAR's, of the
    log variance, against the mean of the scored periods.
    """

    gain: float
    p_value: float
    r_squared: float
    average_losses: Floats
    har_losses: Floats


def realised(bars: Bars) -> Realised | None:
    """Variances of whole calendar periods; None where no period holds four bars."""
    period_s = next((s for s in PERIODS_S if s * 1_000 >= BARS_MIN * bars.step_ms), None)
    if period_s is None or period_s * 1_000 % bars.step_ms:
        return None
    # A crooked bar's range is widened to what was traded: its own open and close.
    high = np.maximum(bars.high, np.maximum(bars.open, bars.close))
    low = np.minimum(bars.low, np.minimum(bars.open, bars.close))
    variances = range_variances(bars.open, high, low, bars.close)
    period = bars.time_ms // (period_s * 1_000)
    known, place, count = np.unique(period, return_inverse=True, return_counts=True)
    sums = np.bincount(place, weights=variances)
    whole = (count == period_s * 1_000 // bars.step_ms) & (sums > 0.0)
    spanned = int(known[-1] - known[0]) + 1
    return Realised(period_s, sums[whole], spanned - int(whole.sum()))


def contest(found: Realised, half_life_periods: float = RISKMETRICS_HALF_LIFE) -> Contest | None:
    """HAR against the exponential average, each forecasting the next period from those before.

    The first third is for warming up. None where fewer than SCORED_MIN periods are left.
    """
    variances, lags = found.variances_bp2, found.lags
    first = max(len(variances) // 3, 3 * max(lags))
    if len(variances) - first < SCORED_MIN:
        return None
    forecasts = har_forecasts(variances, first, lags)[first:]
    scored = variances[first:]
    har = qlike(scored, forecasts)
    average = qlike(scored, ewma_forecasts(variances, half_life_periods)[first:])
    logs = np.log(scored)
    missed = ((logs - np.log(forecasts)) ** 2).sum() / ((logs - logs.mean()) ** 2).sum()
    return Contest(
        gain=1.0 - float(har.mean() / average.mean()),
        p_value=diebold_mariano(average, har).p_value,
        r_squared=1.0 - float(missed),
        average_losses=average,
        har_losses=har,
    )
