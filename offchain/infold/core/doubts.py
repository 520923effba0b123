# SPDX-License-Identifier: Apache-2.0
"""Whether a second source contradicts a vector's price: then its market only shrinks
(docs/protocol.md section 9).
"""

from __future__ import annotations

from infold.core.state import State
from infold.units import BOUND_ONE_E4
from infold.words import ReadingsWord


def doubts(state: State, market: int, price_e8: int, time_ms: int) -> bool:
    """Whether the reading that serves `time_ms` contradicts this price, or is too old and strict.

    `price_e8` is a vector's, above 0. A market without a second source doubts nothing.
    """
    readings = state.readings.get(market)
    if readings is None:
        return False
    second_e8, until_s, bound_e4, strict = serving(readings, time_ms)
    if time_ms > until_s * 1000:
        return bool(strict)
    return abs(price_e8 - second_e8) * BOUND_ONE_E4 > second_e8 * bound_e4


def serving(readings: ReadingsWord, time_ms: int) -> tuple[int, int, int, int]:
    """The reading that serves `time_ms`: price_e8, until_s, bound_e4, strict."""
    if time_ms > readings.activation_s * 1000:
        return readings.price_e8, readings.until_s, readings.bound_e4, readings.strict
    return (
        readings.before_price_e8,
        readings.before_until_s,
        readings.before_bound_e4,
        readings.before_strict,
    )
