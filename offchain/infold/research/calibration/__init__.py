# SPDX-License-Identifier: Apache-2.0
"""From one's own files to the parameters a desk takes.

notes       what is read, and what is written down on the way
volatility  from bars, mids or trades
orders      trades joined to taker orders, the size ladder, the slope of demand
outside     spread, depth, the book's slope, a walk through its levels
correlation how the prices of several markets move together
response    impact and its decay, from how mids answer flow
market      one market's calibration: what was estimated, from what, and what was assumed
"""
