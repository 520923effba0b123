# SPDX-License-Identifier: Apache-2.0
"""Exponentially weighted variance at several half-lives, for prices at any times.

The weight of a moment is 2^(-age / half-life), and the variance a day is the weighted mean of
squared moves over the weighted time they took. Starting from nothing it needs no first guess: what
has not been seen has no weight. At steps of one size it is RiskMetrics' recursion.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.dealer.params import BP_PER_ONE, DAY_S
from infold.dealer.volatility.returns import Floats, above_zero, one_above_zero

HALF_LIVES_S: Final = (300.0, 3_600.0, 86_400.0)
"""Five minutes, an hour, a day."""


@dataclass(frozen=True, slots=True)
class Ewma:
    """One market's variances; `seen` gives the next state, nothing is changed in place.

    `squares_bp2` and `days` are weighted sums, one a half-life. Feed prices no faster than a second
    apart: below that the bid-ask bounce, not the price, is what moves.
    """

    half_lives_s: tuple[float, ...] = HALF_LIVES_S
    time_s: float | None = None
    price: float = 0.0
    squares_bp2: tuple[float, ...] = ()
    days: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.half_lives_s:
            raise ValueError("half_lives_s (seconds) must hold at least one half-life")
        for half_life in self.half_lives_s:
            one_above_zero("half_lives_s", half_life, "seconds")

    def seen(self, time_s: float, price: float) -> Ewma:
        """The state after a price. `ValueError` if it is not above zero or time runs backward."""
        one_above_zero("price", price, "quote per base unit")
        if not math.isfinite(time_s) or (self.time_s is not None and time_s < self.time_s):
            raise ValueError(f"time_s (seconds) must not fall: {time_s} after {self.time_s}")
        nothing = (0.0,) * len(self.half_lives_s)
        if self.time_s is None:
            return Ewma(self.half_lives_s, time_s, price, nothing, nothing)
        move = BP_PER_ONE * math.log(price / self.price)
        step = (time_s - self.time_s) / DAY_S
        squares, days = [], []
        for half_life, square, day in zip(
            self.half_lives_s, self.squares_bp2, self.days, strict=True
        ):
            rate = math.log(2.0) * DAY_S / half_life
            kept = math.exp(-rate * step)
            share = -math.expm1(-rate * step) / (rate * step) if step > 0.0 else 1.0
            squares.append(kept * square + share * move * move)
            days.append(kept * day + share * step)
        return Ewma(self.half_lives_s, time_s, price, tuple(squares), tuple(days))

    @property
    def volatilities_bp(self) -> tuple[float, ...] | None:
        """Per square root of a day, one a half-life; None before time has passed between prices."""
        if not self.days or self.days[0] <= 0.0:
            return None
        return tuple(
            math.sqrt(square / day) for square, day in zip(self.squares_bp2, self.days, strict=True)
        )

    def forecast_bp(self, weights: Sequence[float] | None = None) -> float | None:
        """The weighted mean variance's root; equal weights by default. None as above. `ValueError`
        unless there is one a span, none below zero and not all zero.
        """
        found = self.volatilities_bp
        if found is None:
            return None
        shares = [1.0] * len(found) if weights is None else list(weights)
        if len(shares) != len(found) or not all(s >= 0.0 for s in shares) or not sum(shares) > 0.0:
            raise ValueError(f"weights (shares) must be {len(found)} numbers not below zero")
        variance = sum(s * v * v for s, v in zip(shares, found, strict=True)) / sum(shares)
        return math.sqrt(variance)

    def largest_bp(self) -> float | None:
        """The largest over half-lives: what limits go by, ahead of the move and slow to forget."""
        found = self.volatilities_bp
        return None if found is None else max(found)


def ewma_forecasts(variances_bp2: Floats, half_life_periods: float) -> Floats:
    """For each period the average of those before it, bp^2 a period; the first is NaN.

    Weights 2^(-age / half_life_periods), which sum to one over what was seen. No period enters its
    own forecast.
    """
    variances = above_zero("variances_bp2", variances_bp2, "bp^2 a period")
    kept = 2.0 ** (-1.0 / one_above_zero("half_life_periods", half_life_periods, "periods"))
    forecasts = np.full(len(variances), np.nan)
    total = weight = 0.0
    for period in range(1, len(variances)):
        total = kept * total + variances[period - 1]
        weight = kept * weight + 1.0
        forecasts[period] = total / weight
    return forecasts
