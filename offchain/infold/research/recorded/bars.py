# SPDX-License-Identifier: Apache-2.0
"""Layouts of bars: open, high, low and close of equal stretches of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import polars as pl

from infold.research.faults import DataFault
from infold.research.recorded.flags import LEAP_TIMES, Flag, Flags
from infold.research.recorded.sheet import Sheet, far_from_before
from infold.research.recorded.streams import Bars, Floats, Integers

BarLayout = Callable[[Sheet], tuple[Bars, ...]]

_KLINE_COLUMNS = 12
_PRICES = ("open", "high", "low", "close")


def bar_layout(columns: Iterable[str]) -> BarLayout | None:
    """The layout of bars these columns have, if any."""
    present = set(columns)
    if not set(_PRICES) <= present:
        return None
    return next((_bars_at(time) for time in ("ts_utc", "open_time") if time in present), None)


def numbered_bar_layout(frame: pl.DataFrame) -> BarLayout | None:
    """The public dump's klines without a header: twelve columns, opening and closing time of a row
    in the first and seventh.
    """
    names = frame.columns
    if len(names) != _KLINE_COLUMNS or frame.height == 0:
        return None
    opened, closed = str(frame[names[0]][0]).strip(), str(frame[names[6]][0]).strip()
    if not (opened.isdigit() and closed.isdigit() and 0 < int(closed) - int(opened)):
        return None
    return _bars_at(names[0], tuple(names[1:5]))


def _bars_at(time: str, prices: tuple[str, ...] = _PRICES) -> BarLayout:
    def reader(sheet: Sheet) -> tuple[Bars, ...]:
        if "symbol" in sheet.frame.columns:
            markets, market = sheet.labels("symbol")
        else:
            markets, market = (sheet.market,), np.zeros(sheet.frame.height, np.int64)
        time_ms = sheet.times_ms(time)
        columns = [sheet.amounts(name) for name in prices]
        return tuple(
            _of_market(sheet, name, np.flatnonzero(market == code), time_ms, columns, time)
            for code, name in enumerate(markets)
        )

    return reader


def _of_market(
    sheet: Sheet, market: str, rows: Integers, time_ms: Integers, columns: list[Floats], time: str
) -> Bars:
    times = time_ms[rows]
    steps = np.diff(times)
    bad = np.flatnonzero(steps <= 0)
    if bad.size:
        problem = "the bar stands twice" if steps[bad[0]] == 0 else "earlier than the bar before"
        raise sheet.fault(
            problem, "rows are doubled or out of order; fetch the file again",
            int(rows[bad[0] + 1]), time,
        )  # fmt: skip
    if len(times) < 2:
        raise DataFault(sheet.path, f"it holds one bar of {market}", "give at least two")
    step_ms = int(np.median(steps))
    off = np.flatnonzero(steps % step_ms)
    if off.size:
        raise sheet.fault(
            f"it opens {int(steps[off[0]])} ms after the bar before, where bars last {step_ms} ms",
            "bars of one length only; the row is damaged or the file joins two",
            int(rows[off[0] + 1]),
            time,
        )
    opened, high, low, close = (column[rows] for column in columns)
    crooked = (high < np.maximum(opened, close)) | (low > np.minimum(opened, close))
    leaps = high > LEAP_TIMES * low
    leaps[1:] |= far_from_before(close)
    found = [
        Flag(kind, len(places), sheet.first_row + int(rows[places[0]]), int(times[places[0]]))
        for kind, places in (
            ("gap", np.flatnonzero(steps > step_ms) + 1),
            ("leap", np.flatnonzero(leaps)),
            ("crooked_bar", np.flatnonzero(crooked)),
        )
        if places.size
    ]
    flags = Flags(tuple(found))
    return Bars(sheet.facts, market, step_ms, times, opened, high, low, close, flags)
