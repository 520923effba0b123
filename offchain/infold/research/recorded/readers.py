# SPDX-License-Identifier: Apache-2.0
"""One file in, its typed stream out, whatever its layout; `DataFault` says why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from infold.research.faults import DataFault
from infold.research.recorded.bars import bar_layout, numbered_bar_layout
from infold.research.recorded.content import schema, table
from infold.research.recorded.depths import book_layout, depths_of
from infold.research.recorded.layouts import named_layout, numbered_layout
from infold.research.recorded.sheet import Sheet
from infold.research.recorded.streams import Bars, Books, Depths, FileFacts, Quotes, Trades


def read(path: Path, market: str | None = None) -> Trades | Quotes:
    """Read one file of trades or quotes; ``market`` overrides the name told by the file's name."""
    sheet = _sheet(path, market)
    columns = sheet.frame.columns
    layout = named_layout(columns)
    if layout is None and not path.name.lower().endswith(".parquet"):
        layout = numbered_layout(sheet.frame)
    if layout is None and (bar_layout(columns) or numbered_bar_layout(sheet.frame)):
        raise DataFault(path, "it holds bars, not trades or quotes", "pass it as --bars")
    if layout is None and book_layout(columns) is not None:
        raise DataFault(
            path, "it holds a book's updates, not trades or quotes", "pass a file of quotes"
        )
    if layout is None:
        raise _unknown(path, columns)
    return layout(_filled(sheet))


def _sheet(path: Path, market: str | None) -> Sheet:
    frame, first_row, sha256 = table(path)
    return Sheet(path, frame, first_row, FileFacts(str(path), frame.height, sha256), market)


def _filled(sheet: Sheet) -> Sheet:
    if sheet.frame.height == 0:
        raise DataFault(sheet.path, "it holds no rows", "fetch it again or leave it out")
    return sheet


def _unknown(path: Path, columns: Sequence[str]) -> DataFault:
    return DataFault(
        path,
        f"no known layout has the columns {', '.join(columns[:12]) or 'none'}",
        "trades need a time, price, size and side, quotes a time, bid and ask;"
        " `infold replay --help` lists the layouts",
    )


def read_trades(path: Path, market: str | None = None) -> Trades:
    """Read a file that must hold trades."""
    found = read(path, market)
    if isinstance(found, Quotes):
        raise DataFault(path, "it holds quotes, not trades", "pass it with --quotes")
    return found


def read_quotes(path: Path, market: str | None = None) -> Quotes:
    """Read a file that must hold quotes."""
    found = read(path, market)
    if isinstance(found, Trades):
        raise DataFault(path, "it holds trades, not quotes", "pass it without --quotes")
    return found


def read_books(path: Path, market: str | None = None, levels: int = 20) -> Books:
    """Read a file of books, rebuilt from updates if need be; the best ``levels`` a side.
    `ValueError` for fewer than one.
    """
    if levels < 1:
        raise ValueError(f"a book has at least one level, not {levels}")
    sheet = _sheet(path, market)
    layout = book_layout(sheet.frame.columns)
    if layout is None:
        if named_layout(sheet.frame.columns) is not None:
            raise DataFault(
                path, "it holds no book", "books come as ..._l2diff, ..._l2snap or depth files"
            )
        raise _unknown(path, sheet.frame.columns)
    return layout(_filled(sheet), levels)


def read_depths(path: Path, market: str | None = None) -> Depths:
    """Read a file of best quotes with summed depth at five and ten levels."""
    return depths_of(_filled(_sheet(path, market)))


def stream_of(path: Path) -> str | None:
    """What a file holds, told by its columns alone: "flow" (trades or quotes), "books", "bars" or
    None for a layout nobody here knows. A file that is both flow and books is flow.
    """
    parquet = path.name.lower().endswith(".parquet")
    if parquet:
        columns, frame = list(schema(path)), None
    else:
        frame, _, _ = table(path)
        columns = frame.columns
    if named_layout(columns) or (frame is not None and numbered_layout(frame)):
        return "flow"
    if book_layout(columns):
        return "books"
    if bar_layout(columns) or (frame is not None and numbered_bar_layout(frame)):
        return "bars"
    return None


def holds_books(path: Path) -> bool:
    """Whether `read_books` knows its layout."""
    if path.name.lower().endswith(".parquet"):
        return book_layout(list(schema(path))) is not None
    return book_layout(table(path)[0].columns) is not None


def span_of_books(path: Path) -> tuple[int, int]:
    """First and last time of a file of books, by its time column alone where it is Parquet."""
    column = next((name for name in ("tx_ts_ms", "exch_ts_ms") if name in _columns(path)), None)
    if column is None:
        return read_books(path, levels=1).span_ms
    times = pl.scan_parquet(path).select(
        pl.col(column).min().alias("first"), pl.col(column).max().alias("last")
    )
    first, last = times.collect().row(0)
    if first is None:
        raise DataFault(path, "it holds no times", "fetch it again", column=column)
    return int(first), int(last)


def _columns(path: Path) -> tuple[str, ...]:
    return schema(path) if path.name.lower().endswith(".parquet") else ()


def read_bars(path: Path, market: str | None = None) -> tuple[Bars, ...]:
    """Read a file of bars, one result a market in the order of their names."""
    sheet = _sheet(path, market)
    layout = bar_layout(sheet.frame.columns)
    if layout is None and not path.name.lower().endswith(".parquet"):
        layout = numbered_bar_layout(sheet.frame)
    if layout is None:
        raise DataFault(
            path,
            f"no layout of bars has the columns {', '.join(sheet.frame.columns[:12]) or 'none'}",
            "bars need ts_utc or open_time, open, high, low and close, or a kline dump's twelve"
            " columns",
        )
    return layout(_filled(sheet))


def runs_of(files: Sequence[Trades]) -> list[list[Trades]]:
    """Group files whose spans overlap, directly or through others; each group is one run."""
    groups: list[list[Trades]] = []
    latest_ms = 0
    for file in sorted(files, key=lambda trades: (trades.span_ms, trades.facts.path)):
        first_ms, last_ms = file.span_ms
        if groups and first_ms <= latest_ms:
            groups[-1].append(file)
            latest_ms = max(latest_ms, last_ms)
        else:
            groups.append([file])
            latest_ms = last_ms
    return groups
