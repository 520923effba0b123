# SPDX-License-Identifier: Apache-2.0
"""A venue's price impact on its imbalance, and the dealer's skew: one function.

Perpetual venues charge `f (d0^e - d1^e)` for moving the imbalance between longs and shorts from d0
to d1, and pay it to whoever brings it back, at a smaller factor. Integrate the dealer's skew over a
fill and the same stands there with e = 2: at markup h + (A0/c) (D - 2 q) a client's buy of D pays,
beyond h D, `(A0/c) (D^2 - 2 q D) = f ((q - D)^2 - q^2)` with f = A0/c (Barzykin 2026, equation 7).
So skew charges for the imbalance a fill leaves, and depends on its two ends alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from infold.dealer.lines import Line


@dataclass(frozen=True, slots=True)
class PriceImpact:
    """What moving the imbalance earns or costs a trader. `ValueError` names what makes no sense.

    Factors in money per size^exponent. Positive ones above negative ones are refused: going out and
    back would earn. So is an exponent below one: the next unit out would cost less than the last.
    """

    factor: float  # for trades that widen the imbalance
    factor_back: float  # for trades that narrow it
    exponent: float = 2.0

    def __post_init__(self) -> None:
        for name in ("factor", "factor_back"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(
                    f"{name} must be a number not below zero (money per size^exponent), not"
                    f" {value!r}"
                )
        if self.factor_back > self.factor:
            raise ValueError(
                f"factor_back {self.factor_back!r} must not exceed factor {self.factor!r} (money"
                " per size^exponent): a round trip would earn"
            )
        if not (math.isfinite(self.exponent) and self.exponent >= 1.0):
            raise ValueError(f"exponent must be at least 1, not {self.exponent!r}")

    def income(self, imbalance_before: float, imbalance_after: float) -> float:
        """What the trader receives (below zero: pays) for moving the signed imbalance.

        A trade that crosses zero narrows first and widens then, and is paid and charged for each.
        """
        for name, value in (("before", imbalance_before), ("after", imbalance_after)):
            if not math.isfinite(value):
                raise ValueError(f"imbalance_{name} must be a number (size), not {value!r}")
        before = math.pow(abs(imbalance_before), self.exponent)
        after = math.pow(abs(imbalance_after), self.exponent)
        if imbalance_before * imbalance_after < 0.0:
            return self.factor_back * before - self.factor * after
        return (self.factor if after > before else self.factor_back) * (before - after)


def of_skew(line: Line) -> PriceImpact:
    """The price impact that a line's skew is, money in bp * M, imbalance the dealer's inventory.

    `ValueError` unless the line is straight and its skew twice the slope, as in the linearised
    ladder: with another one what a fill pays depends on more than where it starts and ends.
    """
    if len(line.prices_bp) > 1:
        raise ValueError("a bent line's markup depends on its price: only a straight one is a skew")
    if not math.isclose(line.skew_bp_per_m, 2.0 * line.slope_bp_per_m, rel_tol=1e-12):
        raise ValueError(
            f"skew_bp_per_m {line.skew_bp_per_m!r} is not twice slope_bp_per_m"
            f" {line.slope_bp_per_m!r} (bp per M): this line is no function of the imbalance alone"
        )
    return PriceImpact(line.slope_bp_per_m, line.slope_bp_per_m)
