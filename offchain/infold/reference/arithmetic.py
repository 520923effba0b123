# SPDX-License-Identifier: Apache-2.0
"""Divisions by name of rounding, constants of time and money (docs/protocol.md §1)."""

from __future__ import annotations

WINDOW_MS = 15_000
GUARD_MS = 3_000
DAY_MS = 86_400_000
# price_e8 * size_e8 / QUOTE_SCALE is money in e6.
QUOTE_SCALE = 10**10
# A fraction in e6 of price_e8 * size_e8, as money in e6.
FRACTION_SCALE = 10**16


def ceil_div(numerator: int, denominator: int) -> int:
    """Quotient rounded toward plus infinity; the denominator is positive."""
    return -(-numerator // denominator)


def trunc_div(numerator: int, denominator: int) -> int:
    """Quotient rounded toward zero; the denominator is positive."""
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


def clamp(value: int, bound: int) -> int:
    """`value` moved into -bound .. bound."""
    return max(-bound, min(bound, value))
