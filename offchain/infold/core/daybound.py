# SPDX-License-Identifier: Apache-2.0
"""What a day of hindsight may take from a pool, and which caps suit which capital.

A matcher that holds a batch for the whole window F knows the prices of its end. The loss meter
takes back what it sees of that; until it has seen a move, only the caps stand in the way
(docs/decisions/0150, 0153). So the bound has two parts: the meter's capacity and a day's leak, and
what one window takes unseen, in all markets at once. No contract holds caps against capital:
whoever sets caps looks here.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from infold.core.pool import METER_DAILY_E6
from infold.units import FRACTION_ONE_E6, QUOTE_DIVISOR, WINDOW_MS

YEAR_S: Final = 31_557_600
WINDOW_S: Final = WINDOW_MS // 1000
LIMIT_SHARE: Final = 0.005
"""Of the pool's capital a day, with everything in (docs/decisions/0150)."""
FORGETS: Final = 8 / 7
"""What a move of the window's end weighs in the meter, where every second is marked: 7/8."""
METER_SHARE: Final = 2 * METER_DAILY_E6 / FRACTION_ONE_E6 * FORGETS
"""The meter's part of the bound: capacity and leak of a day, as it forgets."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How prices move: a volatility a year, and jumps of one size at random seconds."""

    name: str
    volatility: float
    jumps: int = 0
    jump: float = 0.0

    def move(self, h_min_e6: int) -> float:
        """The largest move of one window that the bound counts, less the half-spread: four
        deviations and a jump.
        """
        sigma = self.volatility * math.sqrt(WINDOW_S / YEAR_S)
        return max(0.0, 4 * sigma + self.jump - h_min_e6 / FRACTION_ONE_E6)


CALM: Final = Weather("calm", 0.5)
STORM: Final = Weather("storm", 2.5)
"""Half a year's calm volatility five times over: moves of a window up to 0.7 %."""
JUMPY: Final = Weather("jumps", 0.5, 96, 0.01)
"""One jump of 1 % a quarter of an hour and market, on a calm day."""
WEATHERS: Final = (CALM, STORM, JUMPY)
"""What the promise is made for."""


class Caps(NamedTuple):
    """What a batch and a position may come to in one market, in money e6, and its half-spread."""

    residual_e6: int
    position_e6: int
    h_min_e6: int

    @classmethod
    def at(cls, price_e8: int, residual_cap_e8: int, position_cap_e8: int, h_min_e6: int) -> Caps:
        """Caps in lots, at a price."""
        residual_e6, position_e6 = (
            lots * price_e8 // QUOTE_DIVISOR for lots in (residual_cap_e8, position_cap_e8)
        )
        return cls(residual_e6, position_e6, h_min_e6)

    @property
    def turn_e6(self) -> int:
        """What one window can trade here: the whole turn from one position cap to the other, as
        far as a window's batches reach, and what shrinks afterwards, which a full meter admits.
        """
        return min(WINDOW_S * self.residual_e6, 2 * self.position_e6) + self.position_e6


def window_e6(markets: Iterable[Caps], weather: Weather) -> float:
    """What one window may take before the meter has seen it, all markets moving at once."""
    return sum(caps.turn_e6 * weather.move(caps.h_min_e6) for caps in markets)


def bound_share(markets: Iterable[Caps], capital_e6: int, weather: Weather) -> float:
    """What a day of this weather may take without luck, of the pool's capital (above zero)."""
    return METER_SHARE + window_e6(markets, weather) / capital_e6


def worst_share(markets: Iterable[Caps], capital_e6: int) -> float:
    """`bound_share` of the worst weather the promise is made for."""
    held = tuple(markets)
    return max(bound_share(held, capital_e6, weather) for weather in WEATHERS)


def capital_e6_min(markets: Iterable[Caps]) -> int:
    """The least capital at which these markets' caps hold a day to `LIMIT_SHARE`."""
    held = tuple(markets)
    most = max(window_e6(held, weather) for weather in WEATHERS)
    return math.ceil(most / (LIMIT_SHARE - METER_SHARE))
