# SPDX-License-Identifier: Apache-2.0
"""From one's own files to the parameters a desk takes.

orders     trades joined to taker orders, the size ladder, the slope of demand
outside    spread, depth, the book's slope, a walk through its levels
market     one market's calibration: what was estimated, from what, and what was assumed
"""
