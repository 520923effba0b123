# SPDX-License-Identifier: Apache-2.0
"""Products beyond 64 bits, and what they leave when divided."""

from __future__ import annotations

from typing import Final

import numpy as np

from infold.core.compiled import compiled

_HALF: Final = np.uint64(32)
_LOW: Final = np.uint64(0xFFFFFFFF)
_ONE: Final = np.uint64(1)
_TOP: Final = np.uint64(63)


@compiled
def multiply(first: np.uint64, second: np.uint64) -> tuple[np.uint64, np.uint64]:
    """High and low word of a product."""
    first_high, first_low = first >> _HALF, first & _LOW
    second_high, second_low = second >> _HALF, second & _LOW
    low = first_low * second_low
    middle = first_high * second_low + (low >> _HALF)
    cross = first_low * second_high + (middle & _LOW)
    high = first_high * second_high + (middle >> _HALF) + (cross >> _HALF)
    return high, (cross << _HALF) | (low & _LOW)


@compiled
def divide_product(first: int, second: int, divisor: int) -> tuple[int, int]:
    """Quotient and remainder of first * second / divisor.

    All non-negative, divisor positive, and the quotient below 2**63.
    """
    if np.float64(first) * np.float64(second) < 9.0e18:
        product = np.uint64(first) * np.uint64(second)
        whole = product // np.uint64(divisor)
        return int(np.int64(whole)), int(np.int64(product - whole * np.uint64(divisor)))
    rest, low = multiply(np.uint64(first), np.uint64(second))
    by = np.uint64(divisor)
    quotient = np.uint64(0)
    for _ in range(64):
        rest = (rest << _ONE) | (low >> _TOP)
        low = low << _ONE
        quotient = quotient << _ONE
        if rest >= by:
            rest = rest - by
            quotient = quotient | _ONE
    return int(np.int64(quotient)), int(np.int64(rest))
