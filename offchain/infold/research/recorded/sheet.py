# SPDX-License-Identifier: Apache-2.0
"""One file's columns, checked: the checks every layout shares. Each raises `DataFault`, which names
the first cell that fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from infold.research.faults import DataFault
from infold.research.recorded.flags import (
    GAP_MS_MIN,
    GAP_PACES,
    KINDS,
    LEAP_TIMES,
    Flag,
    Flags,
    iso_time,
)
from infold.research.recorded.names import market_of
from infold.research.recorded.streams import Booleans, FileFacts, Floats, Integers

# A recorder may interleave two streams within a second; more than that means rows were moved.
JITTER_MS_MAX = 1_000

# Columns a row's time is told from when something is wrong with that row, the best first.
_TIME_COLUMNS = (
    "tx_ts_ms trade_ts_ms exch_ts_ms time_ms transaction_time transact_time event_time timestamp"
    " time t ts_utc ts_utc_minute local_ts_ns"
).split()

# 1e11 ms is 1973, 1e14 ms the year 5138: each unit has three decades of its own, then the next.
_TIME_UNITS = ((1, 10**11, 10**14), (10**3, 10**14, 10**17), (10**6, 10**17, 10**19))


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file's table and the checks every layout shares."""

    path: Path
    frame: pl.DataFrame
    first_row: int
    facts: FileFacts
    override: str | None
    _found: list[Flag] = field(default_factory=list)

    @property
    def flags(self) -> Flags:
        """What was flagged so far."""
        return Flags(tuple(self._found))

    def flag(self, kind: str, count: int, index: int, time_ms: int | None = None) -> None:
        """Note `count` places of a kind, the first at a row given by its index; none for zero."""
        KINDS[kind]
        if count:
            self._found.append(Flag(kind, count, self.first_row + index, time_ms))

    @property
    def market(self) -> str:
        """The override, else what the file's name says."""
        return self.override or market_of(self.path)

    def fault(self, problem: str, mend: str, index: int, column: str) -> DataFault:
        """A fault at a row given by its index in the table."""
        return DataFault(
            self.path,
            problem,
            mend,
            row=self.first_row + index,
            column=column,
            time=self._time_at(index),
        )

    def _time_at(self, index: int) -> str:
        """What a row says of its own time, empty if it says nothing readable."""
        row = self.frame.row(index, named=True)
        cells = [row[name] for name in _TIME_COLUMNS if name in row] or list(row.values())
        for cell in cells:
            if hasattr(cell, "isoformat"):
                return str(cell.isoformat())
            digits = str(cell).strip()
            if digits.isdigit():
                for scale, low, high in _TIME_UNITS:
                    if low <= int(digits) < high:
                        return iso_time(int(digits) // scale)
        return ""

    def cells(self, column: str, kind: str) -> pl.Series:
        """A column of plain cells: numbers, words or truths. `DataFault` for lists and the like."""
        stored = self.frame[column]
        if stored.dtype.is_nested() or stored.dtype.is_temporal() or stored.dtype == pl.Binary:
            raise self._of_another_kind(stored, kind, column)
        return stored

    def lists(self, column: str) -> pl.Series:
        """A column whose cells are lists of numbers. `DataFault` if they are anything else."""
        stored = self.frame[column]
        inner = stored.dtype.inner if isinstance(stored.dtype, pl.List) else None
        if inner is None or not (pl.Series([], dtype=inner).dtype.is_numeric()):
            raise self._of_another_kind(stored, "lists of numbers", column)
        return stored

    def _of_another_kind(self, stored: pl.Series, kind: str, column: str) -> DataFault:
        return DataFault(
            self.path,
            f"the cells are {stored.dtype}, not {kind}",
            "write the column as its layout has it, or fetch the file again",
            column=column,
        )

    def _whole(self, column: str, dtype: type[pl.DataType], kind: str) -> pl.Series:
        stored = self.cells(column, kind)
        values = (
            stored.str.strip_chars().cast(dtype, strict=False)
            if stored.dtype == pl.String
            else stored
        )
        if values.dtype != dtype:
            whole = values.cast(dtype, strict=False)
            # A fraction is no whole number: cutting it off would be a guess.
            cut = (whole.cast(values.dtype, strict=False) != values).fill_null(False)
            values = whole.set(cut, None) if values.dtype.is_float() else whole
        empty = values.is_null().arg_true()
        if len(empty):
            index = int(empty[0])
            shown = stored[index]
            problem = "the cell is empty" if shown in (None, "") else f"{shown!r} is not {kind}"
            raise self.fault(problem, "the row is damaged; fetch the file again", index, column)
        return values

    def integers(self, column: str) -> Integers:
        """A column of whole numbers."""
        return self._whole(column, pl.Int64, "a whole number").to_numpy().astype(np.int64)

    def amounts(self, column: str) -> Floats:
        """A column of finite, positive numbers: prices and sizes."""
        values = self._whole(column, pl.Float64, "a number").to_numpy().astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(values) | (values <= 0))
        if bad.size:
            index = int(bad[0])
            raise self.fault(
                f"{values[index]} is not a positive number",
                "a price or size must be above zero; the row is damaged",
                index,
                column,
            )
        return values

    def sizes(self, column: str) -> Floats:
        """A column of finite numbers not below zero: sizes of a book, where zero clears a level."""
        values = self._whole(column, pl.Float64, "a number").to_numpy().astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(values) | (values < 0))
        if bad.size:
            index = int(bad[0])
            raise self.fault(f"{values[index]} is not a size", "the row is damaged", index, column)
        return values

    def _odd(self, stored: pl.Series, index: int, expected: str, column: str) -> DataFault:
        """A cell that is none of the words it may be."""
        shown = stored[index]
        problem = "the cell is empty" if shown in (None, "") else f"{shown!r} is {expected}"
        return self.fault(problem, "the row is damaged; fetch the file again", index, column)

    def booleans(self, column: str) -> NDArray[np.bool_]:
        """A column of true and false, in any of the spellings the dumps use."""
        stored = self.cells(column, "true or false")
        if stored.dtype == pl.Boolean:
            if stored.null_count():
                raise self.fault(
                    "the cell is empty", "fetch the file again", first_null(stored), column
                )
            return stored.to_numpy().astype(np.bool_)
        text = stored.cast(pl.String).str.strip_chars().str.to_lowercase()
        values = text.replace_strict(
            {"true": True, "1": True, "false": False, "0": False},
            default=None,
            return_dtype=pl.Boolean,
        )
        if values.null_count():
            index = first_null(values)
            raise self._odd(stored, index, "neither true nor false", column)
        return values.to_numpy().astype(np.bool_)

    def sides(self, column: str) -> Integers:
        """A column of +1 and -1, or of buy and sell."""
        stored = self.cells(column, "buy or sell")
        if stored.dtype == pl.String:
            values = stored.str.to_lowercase().replace_strict(
                {"buy": 1, "b": 1, "1": 1, "+1": 1, "sell": -1, "a": -1, "s": -1, "-1": -1},
                default=None,
                return_dtype=pl.Int64,
            )
        else:
            values = stored.cast(pl.Int64, strict=False)
            values = values.to_frame("s").select(pl.when(pl.col("s").abs() == 1).then(pl.col("s")))[
                "s"
            ]
        if values.null_count():
            index = first_null(values)
            raise self._odd(stored, index, "neither buy nor sell", column)
        return values.to_numpy().astype(np.int64)

    def labels(self, column: str) -> tuple[tuple[str, ...], Integers]:
        """A column of names as sorted distinct names and their indices."""
        stored = self.cells(column, "names").cast(pl.String)
        empty = stored.is_null() | (stored == "")
        if empty.any():
            raise self.fault(
                "the cell is empty", "fetch the file again", int(empty.arg_true()[0]), column
            )
        names, codes = np.unique(stored.to_numpy().astype(str), return_inverse=True)
        return tuple(str(name) for name in names), codes.astype(np.int64)

    def times_ms(self, column: str) -> Integers:
        """A column of times in milliseconds; micro- and nanoseconds are told by their magnitude."""
        stored = self.frame[column]
        if isinstance(stored.dtype, pl.Datetime):
            if stored.null_count():
                raise self.fault(
                    "the time is empty", "fetch the file again", first_null(stored), column
                )
            return stored.dt.epoch("ms").to_numpy().astype(np.int64)
        raw = self.integers(column)
        for scale, low, high in _TIME_UNITS:
            if low <= int(raw[0]) < high:
                bad = np.flatnonzero((raw < low) | (raw >= min(high, 2**63 - 1)))
                if bad.size:
                    index = int(bad[0])
                    raise self.fault(
                        f"{raw[index]} is not a time like the first row's",
                        "the row is damaged",
                        index,
                        column,
                    )
                return raw // scale
        raise self.fault(
            f"{raw[0]} is not a time since 1970 in ms, us or ns", "fetch the file again", 0, column
        )

    def order_of(self, time_ms: Integers, column: str) -> Integers:
        """Row indices by rising time, equal times in file order; refuses rows that were moved."""
        latest = np.maximum.accumulate(time_ms)
        late = np.flatnonzero(latest - time_ms > JITTER_MS_MAX)
        if late.size:
            index = int(late[0])
            raise self.fault(
                f"{int((latest - time_ms)[index])} ms earlier than a row before it",
                "rows are out of order; sort the file by time or fetch it again",
                index,
                column,
            )
        moved = np.flatnonzero(latest > time_ms)
        if moved.size:
            self.flag("disorder", int(moved.size), int(moved[0]), int(time_ms[moved[0]]))
        return np.argsort(time_ms, kind="stable").astype(np.int64)

    def find_gaps(self, time_ms: Integers) -> None:
        """Flag silences far longer than the stream's pace; `time_ms` in file order."""
        steps = np.diff(time_ms)
        if steps.size == 0:
            return
        longest = max(float(GAP_MS_MIN), GAP_PACES * float(np.median(steps)))
        gaps = np.flatnonzero(steps > longest)
        if gaps.size:
            self.flag("gap", int(gaps.size), int(gaps[0]) + 1, int(time_ms[gaps[0]]))

    def find_leaps(self, price: Floats, time_ms: Integers) -> None:
        """Flag prices far from the one before: a shifted point, a foreign row. File order."""
        leaps = np.flatnonzero(far_from_before(price))
        if leaps.size:
            self.flag("leap", int(leaps.size), int(leaps[0]) + 1, int(time_ms[leaps[0] + 1]))

    def find_missing(self, column: str) -> None:
        """Flag ids the file skips; ids that repeat or fall are damage."""
        step = np.diff(self.integers(column))
        bad = np.flatnonzero(step <= 0)
        if bad.size:
            index = int(bad[0]) + 1
            problem = (
                "the id repeats" if step[index - 1] == 0 else "the id is lower than the one before"
            )
            raise self.fault(
                problem, "rows are doubled or out of order; fetch the file again", index, column
            )
        skipped = np.flatnonzero(step > 1)
        if skipped.size:
            self.flag("missing_id", int((step - 1).sum()), int(skipped[0]) + 1)


def far_from_before(price: Floats) -> Booleans:
    """For each price but the first whether it leaps from the one before."""
    far: Booleans = np.abs(np.diff(np.log(price))) > np.log(LEAP_TIMES)
    return far


def first_null(values: pl.Series) -> int:
    return int(values.is_null().arg_true()[0])
