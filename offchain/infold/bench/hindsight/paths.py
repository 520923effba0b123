# SPDX-License-Identifier: Apache-2.0
"""Prices of a day, second by second: what the adversary knows a window ahead."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infold.core.daybound import YEAR_S, Weather

DAY_S: Final = 86_400
START_E8: Final = {1: 60_000 * 10**8, 2: 2_500 * 10**8, 3: 150 * 10**8, 4: 550 * 10**8}
EIGHT_E8: Final = {**START_E8, 5: 55 * 10**6, 6: 12 * 10**6, 7: 25 * 10**8, 8: 11 * 10**8}


def paths(
    weather: Weather,
    seed: int,
    ahead_s: int,
    day_s: int = DAY_S,
    start_e8: Mapping[int, int] = START_E8,
) -> dict[int, NDArray[np.int64]]:
    """Oracle prices e8 of every market at each second of a day and `ahead_s` beyond it."""
    draw = np.random.default_rng([seed, round(weather.volatility * 1000), weather.jumps])
    count = day_s + ahead_s
    found = {}
    for market, first_e8 in start_e8.items():
        steps = draw.normal(0.0, weather.volatility / math.sqrt(YEAR_S), count)
        jumps = round(weather.jumps * count / DAY_S)
        at = draw.integers(0, count, jumps)
        steps[at] += weather.jump * draw.choice([-1.0, 1.0], jumps)
        found[market] = np.rint(first_e8 * np.exp(np.cumsum(steps))).astype(np.int64)
    return found
