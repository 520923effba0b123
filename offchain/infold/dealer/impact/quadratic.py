# SPDX-License-Identifier: Apache-2.0
"""A venue's price impact on its imbalance, and the dealer's skew: one function.

Perpetual venues charge `f (d0^e - d1^e)` for moving the imbalance between longs and shorts from d0
to d1, and pay it to whoever brings it back, at a smaller factor. Integrate the dealer's skew over a
fill and the same stands there with e = 2: at markup h + (A0/c) (D - 2 q) a client's buy of D pays,
beyond h D, `(A0/c) (D^2 - 2 q D) = f ((q - D)^2 - q^2)` with f = A0/c (Barzykin 2026, equation 7).
So skew charges for the imbalance a fill leaves, and depends on its two ends alone.

Every quote is made from this function (`quoting.ClosedForms.indifference` and `quoted`): a ladder
asks its `asked_bp`, a committed line has its slope and its skew.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from infold.dealer.compiled import compiled


@dataclass(frozen=True, slots=True)
class PriceImpact:
    """What moving the imbalance earns or costs a trader. `ValueError` names what makes no sense.

    Factors in money per size^exponent. Positive ones above negative ones are refused: going out and
    back would earn. So is an exponent below one: the next unit out would cost less than the last.
    """

    factor: float  # for trades that widen the imbalance
    factor_back: float  # for trades that narrow it
    exponent: float = 2.0

    @classmethod
    def even(cls, factor: float) -> PriceImpact:
        """The quadratic one that pays back what it charged; factor in money per size^2."""
        return cls(factor, factor)

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
        `ValueError` for an imbalance that is no number.
        """
        for name, value in (("before", imbalance_before), ("after", imbalance_after)):
            if not math.isfinite(value):
                raise ValueError(f"imbalance_{name} must be a number (size), not {value!r}")
        before = math.pow(abs(imbalance_before), self.exponent)
        after = math.pow(abs(imbalance_after), self.exponent)
        if imbalance_before * imbalance_after < 0.0:
            return self.factor_back * before - self.factor * after
        return (self.factor if after > before else self.factor_back) * (before - after)

    @property
    def slope_bp_per_m(self) -> float:
        """How the price of a fill rises with its own size: the factor. As `skew_bp_per_m`."""
        self._must_be_a_line()
        return self.factor

    @property
    def skew_bp_per_m(self) -> float:
        """How it moves with the imbalance before: twice the factor, in bp * M a M^2.

        `ValueError` unless the impact is quadratic and even: any other is no straight line.
        """
        self._must_be_a_line()
        return 2.0 * self.factor

    def asked_bp(self, size_m: float, along_m: float) -> float:
        """What each M of a trade pays: -income / size, of `size_m` not below zero from an imbalance
        of `along_m`, positive where the trade widens it. `ValueError` as for `skew_bp_per_m`.
        """
        self._must_be_a_line()
        return float(asked_bp(self.factor, size_m, along_m))

    def _must_be_a_line(self) -> None:
        if self.exponent != 2.0 or self.factor_back != self.factor:
            raise ValueError(
                f"exponent {self.exponent!r} must be 2 and factor_back {self.factor_back!r} the"
                f" factor {self.factor!r} (money per size^2): no other price impact is a skew"
            )


@compiled
def asked_bp(factor: float, size_m: float, along_m: float) -> float:
    """f ((a + D)^2 - a^2) / D: the even quadratic impact for each M, `PriceImpact.asked_bp`."""
    return factor * (size_m + 2.0 * along_m)
