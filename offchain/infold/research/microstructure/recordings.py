# SPDX-License-Identifier: Apache-2.0
"""Recordings under a folder, found by the layouts of files and never by a list of names.

A recording is one market's quotes and trades over one stretch of time, with the books beside them;
where no quotes are recorded the books' best level stands for them.
Its name is the day it began, the kind of market as the file's name tells it, and the market:
`2024-08-08.usdm.BTCUSDT`. Files of a layout nobody knows are passed over and listed; damage in a
file of a known layout is a fault, as everywhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from infold.research.faults import DataFault
from infold.research.recorded import (
    Bars,
    Books,
    Floats,
    Integers,
    Quotes,
    Trades,
    holds_books,
    read,
    read_bars,
    read_books,
    span_of_books,
    stream_of,
)
from infold.research.recorded.flags import iso_time
from infold.research.recorded.names import market_of

SUFFIXES: Final = (".parquet", ".csv", ".csv.gz", ".gz", ".zip")
PACE_SHARE: Final = 4
"""A stream is fine enough for steps of a length if four of its median pauses fit into one."""

_KINDS: Final = (("usdm", r"usdm|um"), ("coinm", r"coinm|cm"), ("spot", r"spot"))


@dataclass(frozen=True, slots=True)
class Recording:
    """`kind` is usdm, coinm, spot, or empty where the file's name does not say; `books` are files
    that may hold its book.
    """

    name: str
    date: str
    kind: str
    market: str
    quotes: Quotes
    trades: Trades | None
    books: tuple[Path, ...]

    def fine_enough(self, horizon_ms: int) -> bool:
        """Whether quotes come often enough for steps of this length."""
        pause_ms = float(np.median(np.diff(self.quotes.time_ms)))
        return self.quotes.bid_size is not None and PACE_SHARE * pause_ms <= horizon_ms

    def book(self, levels: int) -> Books | None:
        """The best `levels` of its book, from the first file that overlaps it in time."""
        for path in self.books:
            found = read_books(path, self.market, levels)
            if _overlap(found.span_ms, self.quotes.span_ms):
                return found
        return None


@dataclass(frozen=True, slots=True)
class Found:
    """`flows` are fills by account, `tapes` trades without quotes; `passed_over` names the rest."""

    recordings: tuple[Recording, ...]
    flows: tuple[Trades, ...]
    tapes: tuple[Trades, ...]
    bars: tuple[Bars, ...]
    passed_over: tuple[str, ...]


def discover(root: Path) -> Found:
    """Read every file of a known layout under a folder, in the order of their paths."""
    quotes: list[tuple[Path, Quotes]] = []
    trades: list[tuple[Path, Trades]] = []
    flows: list[Trades] = []
    bars: list[Bars] = []
    books: list[Path] = []
    passed_over: list[str] = []
    for path in sorted(root.rglob("*")):
        if not path.is_file() or not path.name.lower().endswith(SUFFIXES):
            continue
        try:
            stream = stream_of(path)
        except DataFault:
            # Text is told by its cells: what does not read as a table is of no layout of ours. A
            # Parquet file that does not read is damaged.
            if path.name.lower().endswith(".parquet"):
                raise
            stream = None
        if stream in ("flow", "books") and holds_books(path):
            books.append(path)
        if stream == "bars":
            bars += read_bars(path, _market(path))
        elif stream == "flow":
            found = read(path, _market(path))
            if isinstance(found, Quotes):
                quotes.append((path, found))
            elif found.accounts is not None:
                flows.append(found)
            else:
                trades.append((path, found))
        elif stream is None:
            passed_over.append(path.relative_to(root).as_posix())
    quotes += _of_books(quotes, books)
    recordings, used = _recordings(quotes, trades, books)
    tapes = tuple(file for path, file in trades if path not in used)
    return Found(recordings, tuple(flows), tapes, tuple(bars), tuple(passed_over))


def kind_of(path: Path) -> str:
    """usdm, coinm or spot, if a word of the file's name says so; else empty."""
    words = set(re.split(r"[^a-z0-9]+", path.name.lower()))
    for kind, pattern in _KINDS:
        if any(re.fullmatch(pattern, word) for word in words):
            return kind
    return ""


def mids(quotes: Quotes, time_ms: Integers) -> Floats:
    """The mid at each time: the last quote at or before it, NaN before the first."""
    place = np.searchsorted(quotes.time_ms, time_ms, side="right") - 1
    middle = (quotes.bid + quotes.ask) / 2.0
    found: Floats = np.where(place >= 0, middle[np.maximum(place, 0)], np.nan)
    return found


def _market(path: Path) -> str | None:
    """None where the file's name tells its market; else the name itself stands for it."""
    try:
        market_of(path)
    except DataFault:
        return path.name.partition(".")[0].upper()[:20]
    return None


def _of_books(quotes: list[tuple[Path, Quotes]], books: list[Path]) -> list[tuple[Path, Quotes]]:
    """The best level of books beside which no quotes of the same market and time lie."""
    found = []
    for path in books:
        if stream_of(path) == "flow":
            continue  # it was read as quotes already
        market = _market(path) or market_of(path)
        alike = [q for place, q in quotes if q.market == market and kind_of(place) == kind_of(path)]
        span_ms = span_of_books(path) if alike else (0, 0)
        if not any(_overlap(one.span_ms, span_ms) for one in alike):
            found.append((path, read_books(path, market, 1).quotes()))
    return found


def _recordings(
    quotes: list[tuple[Path, Quotes]], trades: list[tuple[Path, Trades]], books: list[Path]
) -> tuple[tuple[Recording, ...], set[Path]]:
    found: list[Recording] = []
    used: set[Path] = set()
    names: dict[str, int] = {}
    for path, one in sorted(quotes, key=lambda pair: (pair[1].span_ms[0], str(pair[0]))):
        kind = kind_of(path)
        date = iso_time(one.span_ms[0])[:10]
        name = ".".join(part for part in (date, kind, one.market) if part)
        names[name] = names.get(name, 0) + 1
        if names[name] > 1:
            name = f"{name}.{names[name]}"
        tape = None
        for place, other in trades:
            same = kind_of(place) == kind and other.markets == (one.market,)
            if same and place not in used and _overlap(other.span_ms, one.span_ms):
                tape = other
                used.add(place)
                break
        beside = tuple(
            book
            for book in sorted(books, key=lambda book: -_common(book.name, path.name))
            if kind_of(book) == kind and (_market(book) or market_of(book)) == one.market
        )
        found.append(Recording(name, date, kind, one.market, one, tape, beside))
    return tuple(found), used


def _common(one: str, other: str) -> int:
    """How many characters two names begin with in common: the likeliest book is tried first."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))


def _overlap(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]
