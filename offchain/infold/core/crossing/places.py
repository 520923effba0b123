# SPDX-License-Identifier: Apache-2.0
"""A market's row of int64 rules, by place, and the classes of its orders."""

from __future__ import annotations

from typing import Final

# -- a market's row of int64 rules -----------------------------------------------------------------

ORACLE: Final = 0  # price e8
TICK: Final = 1  # price e8
FIRST: Final = 2  # first tick that may clear; ticks are prices divided by TICK
LAST: Final = 3
CENTRE: Final = 4  # largest tick at or below the oracle price
CENTRE_UP: Final = 5  # smallest tick at or above it
FREE_FIRST: Final = 6  # ticks where a residual of zero is admissible
FREE_LAST: Final = 7
NEAR_FIRST: Final = 8  # ticks within the curve bound for every residual of their side
NEAR_LAST: Final = 9
SELL_FROM: Final = 10  # price e8
BUY_TO: Final = 11  # price e8
SALE_MIN: Final = 12  # lots
SALE_MAX: Final = 13
POOL_TWICE: Final = 14  # twice the pool's base
KNOT: Final = 15  # index of the first knot
KNOTS: Final = 16
ROW: Final = 17  # index of the market's first bin
BINS: Final = 18  # bins of each of its four classes
MIDDLE: Final = 19  # bin of CENTRE
RULES: Final = 20

# -- classes of orders: the two low bits of their flags --------------------------------------------

BUY: Final = 1
POST_ONLY: Final = 2
CLASSES: Final = 4

NEVER: Final = 2**62
"""A limit nobody has."""
