# SPDX-License-Identifier: Apache-2.0
"""How good forecasts of variance are, and whether one is better than another by more than chance.

QLIKE (Patton 2011) ranks forecasts rightly even though realised variance is only an estimate.
Diebold and Mariano 1995 compares two, with the small-sample correction of Harvey, Leybourne and
Newbold 1997.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr

from infold.dealer.volatility.returns import Floats, above_zero, numbers


class DieboldMariano(NamedTuple):
    """`mean` is the first's loss less the second's: positive where the second is better.

    `p_value` is one-sided: how likely so large a statistic is if the second is no better.
    """

    mean: float
    statistic: float
    p_value: float


def qlike(realised_bp2: Floats, forecast_bp2: Floats) -> Floats:
    """r - ln r - 1 with r = realised / forecast: zero for a perfect forecast, never below.
    `ValueError` unless both are above zero and equally long.
    """
    realised = above_zero("realised_bp2", realised_bp2, "bp^2 a period")
    forecast = above_zero("forecast_bp2", forecast_bp2, "bp^2 a period")
    if len(realised) != len(forecast):
        raise ValueError("realised_bp2 and forecast_bp2 (bp^2 a period) must be of one length")
    ratio = realised / forecast
    losses: Floats = ratio - np.log(ratio) - 1.0
    return losses


def diebold_mariano(first: Floats, second: Floats, lags: int | None = None) -> DieboldMariano:
    """Compare two columns of losses for the same periods.

    `lags` of Bartlett weights allow for losses that hang together; by default n^(1/3). `ValueError`
    for fewer than eight periods, unequal columns or as many lags as periods.
    """
    losses = numbers("first", first, "a loss", 8)
    others = numbers("second", second, "a loss", 8)
    if len(losses) != len(others):
        raise ValueError("first and second (losses) must be of one length")
    count = len(losses)
    reach = round(count ** (1.0 / 3.0)) if lags is None else lags
    if not 0 <= reach < count:
        raise ValueError(f"lags (periods) must lie within 0..{count - 1}, not {reach}")
    gain = losses - others
    mean = float(gain.mean())
    rest = gain - mean
    variance = float(rest @ rest) / count
    for lag in range(1, reach + 1):
        variance += 2.0 * (1.0 - lag / (reach + 1)) * float(rest[lag:] @ rest[:-lag]) / count
    if variance <= 0.0:
        return DieboldMariano(mean, 0.0, 0.5)
    steps = reach + 1
    correction = (count + 1 - 2 * steps + steps * (steps - 1) / count) / count
    statistic = mean / math.sqrt(variance / count) * math.sqrt(max(correction, 0.0))
    return DieboldMariano(mean, statistic, float(stdtr(count - 1, -statistic)))
