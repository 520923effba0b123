# SPDX-License-Identifier: Apache-2.0
"""What a client would have paid elsewhere: the named reference that improvement is measured by.

The model is a taker at a venue with a half-spread, a fee, and an impact that grows linearly with
size, in the dealer's own units; its default is what the dealer itself believes hedging costs
(`DealerParameters`: psi, eta at one trade a minute, k). A reference is only as good as its figures,
so it carries its name into every report that uses it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from infold.dealer.params import E6_PER_M, PERPETUAL, DealerParameters


@dataclass(frozen=True, slots=True)
class OutsideReference:
    """Costs at the reference: half-spread and fee in bp, impact in bp a million of quote."""

    name: str
    half_spread_bp: float
    fee_bp: float
    impact_bp_per_m: float

    def __post_init__(self) -> None:
        for name in ("half_spread_bp", "fee_bp", "impact_bp_per_m"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0.0):
                raise ValueError(f"{name} must be a number of bp not below zero, not {value!r}")

    def spread_bp(self) -> float:
        """What a first unit costs against the mid, fee included."""
        return self.half_spread_bp + self.fee_bp

    def size_bp(self, notional_e6: float) -> float:
        """What a trade of this notional costs more than that, on average over its units."""
        return self.impact_bp_per_m * notional_e6 / E6_PER_M


def believed(parameters: DealerParameters = PERPETUAL, fee_bp: float = 0.0) -> OutsideReference:
    """The dealer's own belief: psi, and k / 2 a million, the mean of a permanent push."""
    return OutsideReference(
        name=(
            f"taker outside as the dealer believes: {parameters.hedge_spread_bp:g} bp and"
            f" {parameters.impact_bp_per_m / 2:g} bp a million"
        ),
        half_spread_bp=parameters.hedge_spread_bp,
        fee_bp=fee_bp,
        impact_bp_per_m=parameters.impact_bp_per_m / 2.0,
    )
