# SPDX-License-Identifier: Apache-2.0
"""Plain text for people: names and values, columns, money, shares and times; at most 100 columns.

Nothing is ever shortened: what does not fit a line goes on in the next one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

WIDTH = 100
GAP = "  "
HEAD = ("command", "version", "seed")  # for programs; the title says it to people
IDS = frozenset({"account", "chain_id", "epoch", "index", "seq", "slot", "ticket"})
TIMES = frozenset({"expiry", "goodAfter", "ts"})  # ms since 1970, as the HTTP surface tells them
LARGE_S, LARGE_MS = 10**9, 10**12  # from here on a time; below, a length of time
Row = Sequence[str]


# -- values --------------------------------------------------------------------


def count(value: int) -> str:
    """A count with separators."""
    return f"{value:,}"


def dollars(value_e6: int | str) -> str:
    """Money of scale 1e6 to the cent, separators and sign in front: -$1,234.50."""
    cents = (abs(int(value_e6)) + 5_000) // 10_000
    sign = "-" if int(value_e6) < 0 and cents else ""
    return f"{sign}${cents // 100:,}.{cents % 100:02}"


def decimal_dollars(text: str) -> str:
    """Money given as a decimal of at most six places."""
    whole, _, part = text.removeprefix("-").partition(".")
    value_e6 = int(whole) * 10**6 + int(part.ljust(6, "0") or 0)
    return dollars(-value_e6 if text.startswith("-") else value_e6)


def percent(share: float | str, places: int = 1) -> str:
    """A share as percent."""
    return f"{float(share) * 100:.{places}f}%"


def exact_percent(share: str) -> str:
    """A decimal share as percent with as many places as it takes: 2.5%, 3%."""
    return f"{(Decimal(share) * 100).normalize():f}%"


def grouped(text: str | None) -> str:
    """A decimal as it is, its whole part with separators; a dash for none."""
    if text is None:
        return "-"
    sign = "-" if text.startswith("-") else ""
    whole, point, part = text.removeprefix("-").partition(".")
    return f"{sign}{int(whole):,}{point}{part}"


def scaled(value: int | str, decimals: int) -> str:
    """An integer of a scale as a decimal without trailing zeros, with separators."""
    whole, part = divmod(abs(int(value)), 10**decimals)
    sign = "-" if int(value) < 0 else ""
    return f"{sign}{whole:,}.{part:0{decimals}}".rstrip("0").rstrip(".")


def clock(time_ms: int) -> str:
    """A time in ms since 1970 as UTC."""
    second = datetime.fromtimestamp(time_ms // 1000, UTC)
    return f"{second:%Y-%m-%d %H:%M:%S}.{time_ms % 1000:03} UTC"


def span(time_ms: int) -> str:
    """A length of time in its two largest units, rounded down; below a minute, in seconds."""
    seconds = time_ms // 1000
    for (name, large), (part, small) in (
        (("d", 86_400), ("h", 3_600)),
        (("h", 3_600), ("min", 60)),
        (("min", 60), ("s", 1)),
    ):
        if seconds >= large:
            return f"{seconds // large} {name} {seconds % large // small} {part}"
    return f"{seconds} s"


def yes(value: bool) -> str:
    """Yes or no to a check: a no stands out."""
    return "yes" if value else "NO"


# -- lines -----------------------------------------------------------------------


def table(headers: Row, rows: Iterable[Row], left: int = 1) -> list[str]:
    """Columns under their names, the first `left` of them flush left and the others right.

    Rows too wide for a line are told one by one, a name and a value a line.
    """
    cells = [list(row) for row in rows]
    widths = [max(len(row[place]) for row in [headers, *cells]) for place in range(len(headers))]
    if sum(widths) + len(GAP) * (len(widths) - 1) > WIDTH:
        blocks = [pairs(list(zip(headers, row, strict=True))) for row in cells]
        return [line for block in blocks for line in [*block, ""]][:-1]

    def laid(row: Row) -> str:
        return GAP.join(
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()

    return [laid(headers), *(laid(row) for row in cells)]


def pairs(items: Sequence[tuple[str, str | Sequence[str]]]) -> list[str]:
    """Names and values side by side; a value of several lines stays in its column."""
    indent = max((len(name) for name, _ in items), default=0) + len(GAP)
    lines = []
    for name, value in items:
        parts = [value] if isinstance(value, str) else list(value)
        broken = [piece for part in parts for piece in folded(part, WIDTH - indent)]
        for place, piece in enumerate(broken or ["-"]):
            lines.append(f"{name if place == 0 else '':<{indent}}{piece}".rstrip())
    return lines


def folded(text: str, width: int) -> Iterator[str]:
    """A text in lines of at most `width`, broken at spaces where there are any."""
    while len(text) > width:
        cut = text.rfind(" ", 0, width + 1)
        yield text[: cut if cut > 0 else width].rstrip()
        text = text[cut if cut > 0 else width :].lstrip()
    yield text


def cells(texts: Iterable[str], columns: int) -> list[str]:
    """Short texts in so many columns, row by row."""
    found = list(texts)
    widths = [max(map(len, found[place::columns]), default=0) for place in range(columns)]
    return [
        GAP.join(
            text.ljust(width)
            for text, width in zip(found[first : first + columns], widths, strict=False)
        ).rstrip()
        for first in range(0, len(found), columns)
    ]


# -- any object --------------------------------------------------------------------


def plain(document: Mapping[str, Any]) -> list[str]:
    """An object without a page of its own: every figure, a name and a value a line."""
    figures = {name: value for name, value in document.items() if name not in HEAD}
    return pairs(list(_figures(figures)))


def _figures(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, value in document.items():
        label = prefix + _spaced(name)
        if isinstance(value, Mapping):
            yield from _figures(value, f"{label} ")
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for place, item in enumerate(value, 1):
                yield from _figures(item, f"{label} {place} ")
        else:
            yield _named(label, name, value)


def _spaced(name: str) -> str:
    """A key as words: amount_paid and amountPaid are both an amount paid."""
    return re.sub(r"(?<=[a-z0-9])[A-Z]", lambda it: f" {it[0].lower()}", name).replace("_", " ")


def _named(label: str, name: str, value: object) -> tuple[str, str]:
    """A scale in a name moves into the value; what is a name itself has no separators."""
    if isinstance(value, int | str) and not isinstance(value, bool):
        if name in IDS:
            return label, str(value)
        if name in TIMES:
            return label, clock(int(value)) if int(value) else "-"
        if name.endswith("_e6"):
            return label.removesuffix(" e6"), dollars(value)
        for decimals in (8, 12):
            if name.endswith(f"_e{decimals}"):
                return label.removesuffix(f" e{decimals}"), scaled(value, decimals)
        if name.endswith("_ms") and int(value) > LARGE_MS:
            return label.removesuffix(" ms"), clock(int(value))
        if name.endswith("_s"):
            time_ms = int(value) * 1000
            told = clock(time_ms) if int(value) > LARGE_S else span(time_ms)
            return label.removesuffix(" s"), told
    if name == "ok":
        return label, yes(bool(value))
    if isinstance(value, float) and name.endswith("share"):
        return label, percent(value)
    return label, spelled(value)


def spelled(value: object) -> str:
    """A value by its type alone."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return count(value)
    if isinstance(value, float):
        return f"{value:,.4f}".rstrip("0").rstrip(".")
    if isinstance(value, list):
        return ", ".join(spelled(item) for item in value) or "none"
    return "none" if value is None else str(value)
