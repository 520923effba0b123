# SPDX-License-Identifier: Apache-2.0
"""What `Rules.check_price` says of a market's bounds, a price and a residual."""

from __future__ import annotations

from infold.core.curve import CurveBounds
from infold.words import CapsWord, RatesWord, pack_caps, pack_rates
from tests.support.evm import Contract, Refused


def verdict(
    rules: Contract,
    bounds: CurveBounds,
    price_e8: int,
    residual_e8: int,
    rebate: int = 0,
    earned_e6: int = 0,
) -> str | None:
    """The words of the refusal; None if there is none."""
    rates = RatesWord(
        h_min_e6=bounds.h_min_e6, h0_e6=bounds.h0_e6, band_e6=bounds.band_e6, rebate=rebate
    )
    caps = CapsWord(
        slope_e20=bounds.slope_e20,
        residual_cap_e8=bounds.residual_cap_e8,
        position_cap_e8=bounds.position_cap_e8,
    )
    try:
        rules.check_price(
            bounds.oracle_price_e8,
            price_e8,
            residual_e8,
            bounds.pool_base_e8,
            pack_rates(rates),
            pack_caps(caps),
            bounds.must_shrink,
            earned_e6,
        )
    except Refused as refused:
        return refused.reason
    return None
