# SPDX-License-Identifier: Apache-2.0
"""Amounts of a whole group read in one compiled pass.

`units.parse_decimal` says what an amount may look like. This reads the ordinary ones among many and
leaves every other text to it, so a text is never taken here that would be refused there; a property
test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from infold.core.compiled import Bytes, Int64s, compiled

UNREAD: Final = -1
_DIGITS_MAX: Final = 18
"""Digits that always fit 63 bits, places after the point included."""
_END, _POINT, _ZERO, _NINE = (np.uint8(ord(letter)) for letter in "\n.09")


def read_decimals(texts: Sequence[str], decimals: int) -> list[int]:
    """Each text's value times 10**decimals, or `UNREAD`: then ask `units.parse_decimal`."""
    count = len(texts)
    values = np.empty(count, np.int64)
    letters = np.frombuffer(("\n".join(texts) + "\n").encode(), np.uint8)
    if _read_lines(letters, decimals, values) != count:
        return [UNREAD] * count  # some text holds the end of a line
    read: list[int] = values.tolist()
    return read


@compiled
def _read_lines(letters: Bytes, decimals: int, values: Int64s) -> int:
    """Values of the lines that hold a canonical decimal of at most 18 digits; how many lines there
    are.
    """
    lines = 0
    value, digits, places = 0, 0, -1  # places: digits since the point, -1 before it
    first = last = _END
    plain = True
    for letter in letters:
        if _ZERO <= letter <= _NINE:
            value = 10 * value + int(letter - _ZERO)
            if not digits:
                first = letter
            digits += 1
            if places >= 0:
                places += 1
            if digits > _DIGITS_MAX:
                plain, value = False, 0
            last = letter
        elif letter == _POINT and places < 0 and digits:
            if digits > 1 and first == _ZERO:
                plain = False
            places = 0
            last = letter
        elif letter == _END:
            if places < 0:
                places = 0
                if not digits or (digits > 1 and first == _ZERO):
                    plain = False
            elif last == _POINT or last == _ZERO:
                plain = False
            left = decimals - places
            if left < 0 or digits + left > _DIGITS_MAX:
                plain = False
            if lines < values.size:
                values[lines] = value * 10**left if plain else UNREAD
            lines += 1
            value, digits, places = 0, 0, -1
            plain = True
        else:
            plain = False
    return lines
