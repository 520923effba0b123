# SPDX-License-Identifier: Apache-2.0
"""Funding: how a market's index moves, what a position is due, and how the rate follows the skew.

The same integers as `Clearing`, docs/protocol.md sections 5.2, 5.4 and 5.6. The index is quote e6
per lot times 2**shift; the rate is a fraction of notional a day, e9, positive when longs pay.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from infold.units import DAY_MS, div_trunc
from infold.words import CapsWord, ClockWord, RatesWord

STEP_MS_MAX: Final = 3_600_000
"""A rate moves by at most an hour's velocity in one batch, however long the gap before it."""

INDEX_DIVISOR: Final = 10**19 * DAY_MS


class Mark(NamedTuple):
    """What a position of one market is judged by at one vector."""

    price_e8: int
    funding_index: int
    shift: int
    im_e6: int
    mm_e6: int
    haircut_e6: int
    tier: int


def since_ms(clock: ClockWord, time_ms: int) -> int:
    """Milliseconds since the market was last settled; 0 before the first time and for earlier
    vectors.
    """
    return time_ms - clock.time_ms if 0 < clock.time_ms < time_ms else 0


def index_change(rate_e9: int, oracle_price_e8: int, dt_ms: int, shift: int) -> int:
    """How far the funding index moves in `dt_ms`, toward zero."""
    return div_trunc((rate_e9 * oracle_price_e8 * dt_ms) << shift, INDEX_DIVISOR)


def index_at(clock: ClockWord, oracle_price_e8: int, time_ms: int, shift: int) -> int:
    """The market's funding index integrated to `time_ms` at that vector's price; stores nothing.

    At the end of its i64 field the index stands still: funding stops and nothing else does.
    """
    dt_ms = since_ms(clock, time_ms)
    index = clock.funding_index + index_change(clock.rate_e9, oracle_price_e8, dt_ms, shift)
    return max(-(2**63), min(2**63 - 1, index))


def credit(base_e8: int, change: int, shift: int) -> int:
    """Funding due to a position for an index change, e6: payers pay up, receivers receive down."""
    return (-base_e8 * change) >> shift


def next_rate(rate_e9: int, pool_base_e8: int, dt_ms: int, rates: RatesWord, caps: CapsWord) -> int:
    """The rate after a batch that leaves the pool `pool_base_e8`: it follows the traders' skew."""
    cap_e8 = caps.position_cap_e8
    skew_e8 = max(-cap_e8, min(cap_e8, -pool_base_e8))
    drift = div_trunc(skew_e8 * rates.velocity_e9 * min(dt_ms, STEP_MS_MAX), cap_e8 * DAY_MS)
    return max(-rates.rate_max_e9, min(rates.rate_max_e9, rate_e9 + drift))
