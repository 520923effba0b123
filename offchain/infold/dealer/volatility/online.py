# SPDX-License-Identifier: Apache-2.0
"""One market's volatility as prices come in: what the spread goes by, and what limits go by.

Quotes go by the mean variance of the half-lives; limits and margins by the largest, so that they
tighten within minutes of a move and loosen over a day. Both stay within a declared range around the
standing parameter: a price that stood still for an hour has not become riskless, and one bad print
must not close a market. Until `warm_s` of prices were seen the standing parameter holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from infold.dealer.volatility.ewma import Ewma
from infold.dealer.volatility.returns import one_above_zero

WARM_S: Final = 60.0
LEAST_SHARE: Final = 0.5
MOST_SHARE: Final = 20.0
"""Of the standing volatility. The wildest hours on record were some ten times the usual."""


@dataclass(frozen=True, slots=True)
class Forecaster:
    """`standing_bp` per square root of a day; `seen` gives the next state.

    `ValueError` names a figure that makes no sense, and its unit.
    """

    standing_bp: float
    averages: Ewma = field(default_factory=Ewma)
    began_s: float | None = None
    warm_s: float = WARM_S
    least_share: float = LEAST_SHARE
    most_share: float = MOST_SHARE

    def __post_init__(self) -> None:
        one_above_zero("standing_bp", self.standing_bp, "bp per square root of a day")
        if not self.warm_s >= 0.0:
            raise ValueError(f"warm_s (seconds) must not be below zero, not {self.warm_s}")
        one_above_zero("least_share", self.least_share, "shares of the standing volatility")
        if not self.least_share <= 1.0 <= self.most_share:
            raise ValueError(
                "least_share and most_share (shares of the standing volatility) must enclose 1,"
                f" not {self.least_share} and {self.most_share}"
            )

    def seen(self, time_s: float, price: float) -> Forecaster:
        """The state after a price; no faster than a second apart (see `Ewma`)."""
        began_s = time_s if self.began_s is None else self.began_s
        return replace(self, averages=self.averages.seen(time_s, price), began_s=began_s)

    @property
    def quoting_bp(self) -> float:
        """What `Desk.commit` takes as `volatility_bp`."""
        return self._within(self.averages.forecast_bp())

    @property
    def limiting_bp(self) -> float:
        """What `propose_margins` and the capital rule take."""
        return self._within(self.averages.largest_bp())

    def _within(self, found_bp: float | None) -> float:
        last_s, began_s = self.averages.time_s, self.began_s
        if found_bp is None or last_s is None or began_s is None or last_s - began_s < self.warm_s:
            return self.standing_bp
        low, high = self.least_share * self.standing_bp, self.most_share * self.standing_bp
        return min(max(found_bp, low), high)
