# SPDX-License-Identifier: Apache-2.0
"""Prices of a day, second by second: what the adversary knows a window ahead."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DAY_S: Final = 86_400
YEAR_S: Final = 31_557_600
START_E8: Final = {1: 60_000 * 10**8, 2: 2_500 * 10**8, 3: 150 * 10**8, 4: 550 * 10**8}


@dataclass(frozen=True, slots=True)
class Weather:
    """How prices move: a volatility a year, and jumps of one size at random seconds."""

    name: str
    volatility: float
    jumps: int = 0
    jump: float = 0.0


CALM: Final = Weather("calm", 0.5)
STORM: Final = Weather("storm", 2.5)
"""Half a year's calm volatility five times over: moves of a window up to 0.7 %."""
JUMPY: Final = Weather("jumps", 0.5, 96, 0.01)
"""One jump of 1 % a quarter of an hour and market, on a calm day."""


def paths(
    weather: Weather, seed: int, ahead_s: int, day_s: int = DAY_S
) -> dict[int, NDArray[np.int64]]:
    """Oracle prices e8 of every market at each second of a day and `ahead_s` beyond it."""
    draw = np.random.default_rng([seed, round(weather.volatility * 1000), weather.jumps])
    count = day_s + ahead_s
    found = {}
    for market, start_e8 in START_E8.items():
        steps = draw.normal(0.0, weather.volatility / math.sqrt(YEAR_S), count)
        jumps = round(weather.jumps * count / DAY_S)
        at = draw.integers(0, count, jumps)
        steps[at] += weather.jump * draw.choice([-1.0, 1.0], jumps)
        found[market] = np.rint(start_e8 * np.exp(np.cumsum(steps))).astype(np.int64)
    return found
