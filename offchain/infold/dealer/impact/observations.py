# SPDX-License-Identifier: Apache-2.0
"""Recorded trades against a recorded mid: the columns `fitting` wants, without a look ahead.

An event is everything traded between two quotes: trades that no quote tells apart have one effect.
Its move is taken from the last quote strictly before it to the last quote strictly before the next,
so the quote a trade itself caused counts as its effect and never as its cause. What cannot be
observed is refused or counted, never filled in.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from infold.dealer.compiled import Floats
from infold.dealer.impact.columns import require_numbers
from infold.dealer.params import BP_PER_ONE, DAY_S

GAP_S_MAX: Final = 3_600.0
"""A silence longer than the slowest decay says more about the recording than about the market."""


class Observations(NamedTuple):
    """A column each, by event: see `fitting.DecaySums.added`."""

    time_s: Floats
    gap_day: Floats
    signed_m: Floats
    move_bp: Floats
    multiplier: Floats
    unquoted: int  # trades before the first quote, left out
    unfinished: int  # trades of the last event, whose move nobody saw the end of

    def part(self, rows: slice) -> Observations:
        """Some of the events, the counts as they are."""
        return Observations(
            self.time_s[rows],
            self.gap_day[rows],
            self.signed_m[rows],
            self.move_bp[rows],
            self.multiplier[rows],
            self.unquoted,
            self.unfinished,
        )


def observed(
    trade_time_s: Floats,
    signed_m: Floats,
    quote_time_s: Floats,
    mid: Floats,
    depth_m: Floats | None = None,
    volatility_bp: Floats | None = None,
    gap_s_max: float = GAP_S_MAX,
) -> Observations:
    """Events from trades (signed M of quote, buys positive) and quotes (mid in any currency).

    `depth_m` and `volatility_bp` are columns of the quotes; the multiplier is volatility over its
    median times the median depth over depth, at the last quote before the trade (one without them).
    `ValueError` names the first disordered time, silence beyond `gap_s_max`, mid or depth that is
    no positive number, or size that is none.
    """
    _ordered("trade_time_s", trade_time_s, gap_s_max)
    _ordered("quote_time_s", quote_time_s, math.inf)
    require_numbers("signed_m", signed_m, "M", len(trade_time_s), positive=False)
    require_numbers("mid", mid, "price", len(quote_time_s), positive=True)
    factor = np.ones(len(quote_time_s))
    if depth_m is not None:
        require_numbers("depth_m", depth_m, "M", len(quote_time_s), positive=True)
        factor *= float(np.median(depth_m)) / depth_m
    if volatility_bp is not None:
        require_numbers(
            "volatility_bp", volatility_bp, "bp per root day", len(quote_time_s), positive=True
        )
        factor *= volatility_bp / float(np.median(volatility_bp))
    before = np.searchsorted(quote_time_s, trade_time_s, side="left") - 1
    unquoted = int(np.searchsorted(before, 0))
    before, first = np.unique(before[unquoted:], return_index=True)
    if len(before) < 2:
        raise ValueError(
            "quote_time_s must begin before the trades and come between them (s): no move is seen"
        )
    times = trade_time_s[unquoted:][first]
    sizes = np.add.reduceat(signed_m[unquoted:], first)
    price = np.log(mid[before]) * BP_PER_ONE
    return Observations(
        time_s=times[:-1],
        gap_day=np.diff(times) / DAY_S,
        signed_m=sizes[:-1],
        move_bp=np.diff(price),
        multiplier=factor[before][:-1],
        unquoted=unquoted,
        unfinished=len(trade_time_s) - unquoted - int(first[-1]),
    )


def _ordered(name: str, times_s: Floats, gap_s_max: float) -> None:
    if times_s.ndim != 1 or len(times_s) == 0:
        raise ValueError(f"{name} must be one row of times (s)")
    if not np.isfinite(times_s).all():
        raise ValueError(f"{name}[{int(np.argmin(np.isfinite(times_s)))}] must be a number (s)")
    gaps = np.diff(times_s)
    if (gaps < 0.0).any():
        index = int(np.argmax(gaps < 0.0)) + 1
        raise ValueError(
            f"{name}[{index}] = {float(times_s[index])!r} s lies before its predecessor: sort by"
            " time"
        )
    if (gaps > gap_s_max).any():
        index = int(np.argmax(gaps > gap_s_max))
        raise ValueError(
            f"{name}[{index + 1}] = {float(times_s[index + 1])!r} s comes"
            f" {float(gaps[index]):.0f} s after its predecessor: fit the parts apart, or raise"
            f" gap_s_max ({gap_s_max:.0f} s)"
        )
