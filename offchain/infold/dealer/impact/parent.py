# SPDX-License-Identifier: Apache-2.0
"""Before a large parent order is worked: the square-root law, and how its move fades afterwards.

`I(Q) = Y sigma (Q / V)^delta` with delta near a half, over four decades of size (Toth and others
2011; Donier and Bonart 2015 on bitcoin; Sato and Kanazawa 2025, mean delta .489 over all of Tokyo's
stocks), and linear below a share of about a thousandth (Bucci and others 2019). An estimate for a
whole parent alone: as a law of rates with decay it could be pumped (`kernels.py`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from infold.dealer import checks


@dataclass(frozen=True, slots=True)
class ParentLaw:
    """Y, delta and the share of daily volume below which impact is linear. `ValueError` names what
    makes no sense.
    """

    prefactor: float = 1.0  # Y, in daily volatilities
    exponent: float = 0.5  # delta
    linear_share: float = 1e-3

    def __post_init__(self) -> None:
        checks.positive("prefactor", self.prefactor, "daily volatilities")
        if not 0.0 < self.exponent <= 1.0:
            raise ValueError(f"exponent must lie in 0..1, above zero, not {self.exponent!r}")
        if not 0.0 <= self.linear_share < 1.0:
            raise ValueError(
                f"linear_share must be a share of daily volume in 0..1, not {self.linear_share!r}"
            )

    def peak_bp(self, size_m: float, volatility_bp: float, volume_m_per_day: float) -> float:
        """Where the price stands when a parent of `size_m` (signed) is done; volatility per root
        day.
        """
        share = _share(size_m, volatility_bp, volume_m_per_day)
        kept = max(share, self.linear_share)
        if kept == 0.0:
            return 0.0
        # Below the crossover the line from the origin to it: share * kept^(delta - 1).
        relative = self.prefactor * share * math.pow(kept, self.exponent - 1.0)
        return math.copysign(relative * volatility_bp, size_m)

    def cost_bp_m(self, size_m: float, volatility_bp: float, volume_m_per_day: float) -> float:
        """Bp * M paid for it beyond the price before it began: the law holds along the whole path,
        so each part pays the peak of what was done till then.
        """
        share = _share(size_m, volatility_bp, volume_m_per_day)
        peak = abs(self.peak_bp(size_m, volatility_bp, volume_m_per_day))
        if share <= self.linear_share:
            return 0.5 * peak * abs(size_m)
        edge_m = self.linear_share * volume_m_per_day
        edge = abs(self.peak_bp(edge_m, volatility_bp, volume_m_per_day)) * edge_m
        return 0.5 * edge + (peak * abs(size_m) - edge) / (1.0 + self.exponent)

    def faded_bp(
        self,
        size_m: float,
        volatility_bp: float,
        volume_m_per_day: float,
        worked_s: float,
        since_s: float,
    ) -> float:
        """The move `since_s` after a parent worked evenly over `worked_s` was done.

        For a propagator t^-(1 - delta) at a steady rate: z^delta - (z - 1)^delta of the peak, z the
        time since its beginning over the time it took (Bouchaud 2010).
        """
        checks.positive("worked_s", worked_s, "s")
        checks.not_negative("since_s", since_s, "s")
        after = since_s / worked_s
        left = math.pow(1.0 + after, self.exponent) - math.pow(after, self.exponent)
        return self.peak_bp(size_m, volatility_bp, volume_m_per_day) * left


def _share(size_m: float, volatility_bp: float, volume_m_per_day: float) -> float:
    checks.number("size_m", size_m, "M")
    checks.not_negative("volatility_bp", volatility_bp, "bp per root day")
    checks.positive("volume_m_per_day", volume_m_per_day, "M a day")
    return abs(size_m) / volume_m_per_day
