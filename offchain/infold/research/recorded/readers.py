# SPDX-License-Identifier: Apache-2.0
"""One file in, its typed stream out, whatever its layout."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from infold.research.faults import DataFault
from infold.research.recorded.content import content_of, csv, parquet
from infold.research.recorded.layouts import named_layout, numbered_layout
from infold.research.recorded.sheet import Sheet
from infold.research.recorded.streams import FileFacts, Quotes, Trades


def read(path: Path, market: str | None = None) -> Trades | Quotes:
    """Read one file of any known layout; ``market`` overrides the name told by the file's name."""
    content, sha256 = content_of(path)
    if path.name.lower().endswith(".parquet"):
        frame, first_row = parquet(path, content), 1
        layout = named_layout(frame.columns)
    else:
        frame, first_row = csv(path, content)
        layout = named_layout(frame.columns) or numbered_layout(frame)
    if layout is None:
        columns = ", ".join(frame.columns[:12]) or "none"
        raise DataFault(
            path,
            f"no known layout has the columns {columns}",
            "trades need a time, price, size and side, quotes a time, bid and ask;"
            " `infold replay --help` lists the layouts",
        )
    if frame.height == 0:
        raise DataFault(path, "it holds no rows", "fetch it again or leave it out")
    facts = FileFacts(str(path), frame.height, sha256)
    return layout(Sheet(path, frame, first_row, facts, market))


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
