# SPDX-License-Identifier: Apache-2.0
"""The one file where decimals and floats become money.

Money, sizes and prices are integers with their scale in the name (docs/protocol.md section 1).
Every function here names its rounding. Nothing else in the package converts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from fractions import Fraction
from typing import Final

from infold.errors import Rejected

AMOUNT_DECIMALS: Final = 6
SIZE_DECIMALS: Final = 8
PRICE_DECIMALS: Final = 8
FRACTION_DECIMALS: Final = 6
SHARE_DECIMALS: Final = 12

FRACTION_ONE_E6: Final = 10**6
BOUND_ONE_E4: Final = 10_000
"""Of the bound within which a second source agrees."""
PRICE_ONE_E8: Final = 10**8
QUOTE_DIVISOR: Final = 10**10
"""price_e8 * size_e8 is scale e16; dividing by this leaves e6."""
MARGIN_DIVISOR: Final = QUOTE_DIVISOR * FRACTION_ONE_E6
"""The same after a share in e6, a margin or a fee."""

WINDOW_MS: Final = 15_000
"""F: how late a vector may be settled."""
GUARD_MS: Final = 3_000
"""G: how far ahead an owner's act binds."""
LEAD_MS: Final = 1_000
"""How far a vector may be ahead of its block, whose stamp is in whole seconds."""
DAY_MS: Final = 86_400_000
EXIT_DELAY_MS: Final = 60_000
"""D: a forced exit's appointed times are so far apart."""

PLACES: Final = 16
"""Where an account may hold a position, a market each: its mask has 16 bits."""
SLOTS: Final = 256
POOL_ACCOUNT: Final = 0
BACKSTOP_ACCOUNT: Final = 1
INSURANCE_ACCOUNT: Final = 2
TREASURY_ACCOUNT: Final = 3
FIRST_TRADER: Final = 17
"""Accounts 2..16 are left out: the backstop's positions lie where theirs would."""

SIZE_E8_MAX: Final = 2**53
"""Largest order the venue takes. The contract takes up to 2**62; this
keeps every size exact in a float and the sum of a batch's 640 fills inside 63 bits."""
PRICE_E8_MAX: Final = 2**53
"""Largest limit the venue takes, for the same reasons; listings keep prices within 1e-4 and 1e6."""
NOTIONAL_E6_MAX: Final = 2**53
"""Largest size times limit, so that the quotes of a batch's 640 fills add up inside 63 bits."""


class Rounding(Enum):
    """Which way a value between two integers goes."""

    DOWN = "toward minus infinity"
    UP = "toward plus infinity"
    TRUNC = "toward zero"
    NEAREST = "to the nearest, ties to even"


# -- integer arithmetic ----------------------------------------------------------------------------


def div_up(numerator: int, denominator: int) -> int:
    """Quotient toward plus infinity; `denominator` > 0."""
    return -(-numerator // denominator)


def div_trunc(numerator: int, denominator: int) -> int:
    """Quotient toward zero; `denominator` > 0. Python's `//` floors, Vyper's truncates."""
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


def mul_div_down(first: int, second: int, denominator: int) -> int:
    """first * second / denominator toward minus infinity; `denominator` > 0."""
    return first * second // denominator


def mul_div_up(first: int, second: int, denominator: int) -> int:
    """first * second / denominator toward plus infinity; `denominator` > 0."""
    return -(-(first * second) // denominator)


def quote_down(price_e8: int, size_e8: int) -> int:
    """Quote in e6 of signed lots, toward minus infinity: a seller's or a position's."""
    return price_e8 * size_e8 // QUOTE_DIVISOR


def quote_up(price_e8: int, size_e8: int) -> int:
    """Quote in e6 of signed lots, toward plus infinity: what a buyer pays."""
    return -(-(price_e8 * size_e8) // QUOTE_DIVISOR)


def fee_up(price_e8: int, size_e8: int, fee_e6: int) -> int:
    """Fee in e6 on `size_e8` >= 0 lots, up: ceil(price * size * fee / 1e16), rounded once."""
    return -(-(price_e8 * size_e8 * fee_e6) // (QUOTE_DIVISOR * FRACTION_ONE_E6))


WHOLE_DIGITS_MAX: Final = 30
"""More than any amount needs, and far below the length at which `int` of a text becomes slow."""
_POWERS: Final[tuple[int, ...]] = tuple(int("1" + "0" * exponent) for exponent in range(31))


# -- decimal strings -------------------------------------------------------------------------------


def parse_decimal(text: str, decimals: int, param: str | None = None) -> int:
    """The integer `text` stands for, times 10**decimals.

    Only the canonical form is taken: ASCII digits, at most one point, no sign, exponent, blank,
    leading zero or trailing zero after the point, at most 30 digits before it and `decimals` after.
    Anything else raises `Rejected("NUMBER_NOT_CANONICAL", param)`, so two texts never mean one
    signed number.
    """
    whole, point, fraction = text.partition(".")
    if (
        whole.isdigit()
        and text.isascii()
        and (whole[0] != "0" or whole == "0")
        and len(whole) <= WHOLE_DIGITS_MAX
    ):
        if not point:
            return int(whole) * _POWERS[decimals]
        places = len(fraction)
        if places <= decimals and fraction.isdigit() and fraction[-1] != "0":
            return int(whole + fraction) * _POWERS[decimals - places]
    raise Rejected("NUMBER_NOT_CANONICAL", param, f"{_shown(text)} has no canonical form here")


def format_decimal(value: int, decimals: int) -> str:
    """The canonical decimal string of `value` / 10**decimals; a minus sign marks negative values.

    `parse_decimal` reads every non-negative result back to `value`.
    """
    sign = "-" if value < 0 else ""
    digits = str(abs(value)).rjust(decimals + 1, "0")
    if decimals == 0:
        return sign + digits
    fraction = digits[-decimals:].rstrip("0")
    whole = digits[:-decimals]
    return f"{sign}{whole}.{fraction}" if fraction else f"{sign}{whole}"


def _shown(text: object) -> str:
    """At most 40 printable characters of what was sent, for a message."""
    return ascii(text)[:40]


# -- floats ----------------------------------------------------------------------------------------


_WHOLE: Final[Mapping[Rounding, Callable[[float], int]]] = {
    Rounding.DOWN: math.floor,
    Rounding.UP: math.ceil,
    Rounding.TRUNC: math.trunc,
    Rounding.NEAREST: round,
}


def from_float(value: float, decimals: int, rounding: Rounding, bits: int = 63) -> int:
    """A model's float as an integer scaled by 10**decimals, rounded the way the caller names.

    The float is taken at its exact binary value, so the result does not depend on how it prints.
    NaN and infinity raise `ValueError`; a result of `2**bits` or more in size raises
    `OverflowError`.
    """
    if not math.isfinite(value):
        raise ValueError(f"a model produced {value!r}; money must be finite")
    # A float's own floor is exact; only a scale needs more digits than it has.
    exact = Fraction(value) * _POWERS[decimals] if decimals else value
    if rounding is Rounding.DOWN:
        result = math.floor(exact)
    elif rounding is Rounding.UP:
        result = math.ceil(exact)
    elif rounding is Rounding.TRUNC:
        result = math.trunc(exact)
    else:
        result = round(exact)
    if abs(result) >= 1 << bits:
        raise OverflowError(f"{value!r} at scale 1e{decimals} does not fit {bits} bits")
    return result


def from_floats(values: Sequence[float], rounding: Rounding, bits: int = 63) -> list[int]:
    """`from_float` of many values at scale one, which a curve's corners are; it raises the same."""
    whole = _WHOLE[rounding]
    if all(map(math.isfinite, values)):
        results = list(map(whole, values))
        if not results or max(max(results), -min(results)) < 1 << bits:
            return results
    return [from_float(value, 0, rounding, bits) for value in values]
