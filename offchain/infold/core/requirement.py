# SPDX-License-Identifier: Apache-2.0
"""What a market asks of a position by its notional, in the contract's integers (protocol.md 5.4).

Both margins are a rate of notional up to the market's tier. Beyond it the rate grows with notional,
as the loss of closing a position does, up to the whole of it: convex, without a step that splitting
a position in two could avoid.
"""

from __future__ import annotations

from typing import Final

from infold.units import FRACTION_ONE_E6, MARGIN_DIVISOR, QUOTE_DIVISOR

TIER_BITS: Final = 68
"""Tier 0 ends at 2**68 of base e8 times price e8, $29,515; each tier is twice the one before."""
STEEP_BITS: Final = 20
"""How finely a rate grows: the ratio of notional to its tier is cut to this many bits."""


def requirement_e6(size_e16: int, rate_e6: int, tier: int) -> int:
    """Initial or maintenance margin of a notional (lots times price, not negative), rounded up."""
    weight = size_e16 * rate_e6
    if size_e16 >> TIER_BITS + tier:
        steep = size_e16 >> TIER_BITS - STEEP_BITS + tier
        weight = min(-(-weight * steep >> STEEP_BITS), size_e16 * FRACTION_ONE_E6)
    return -(-weight // MARGIN_DIVISOR)


def tier_lots_e8(price_e8: int, tier: int) -> int:
    """Lots up to which a market asks its plain rate at a price; no bound before any price."""
    bound_e16 = 1 << TIER_BITS + tier
    return bound_e16 // price_e8 if price_e8 else bound_e16


def plain_notional_e6(tier: int) -> int:
    """Notional up to which a market asks its plain rate, rounded down."""
    return (1 << TIER_BITS + tier) // QUOTE_DIVISOR
