# SPDX-License-Identifier: Apache-2.0
"""What a file has that is odd but readable: counted, with the first place, never repaired.

A fault (`DataFault`) makes a file unusable: NaN, prices that cross, ids that repeat, rows minutes
out of order, an update lost from a book. A flag is what a careful reader mentions: rows a recorder
interleaved, a silence, a locked quote, a clock that had to be inferred. Rows stay as they were
recorded either way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "disorder": "rows a recorder interleaved, put in order",
    "gap": "silences far longer than the stream's own pace",
    "leap": "prices over twice the one before, or under half of it",
    "locked": "quotes whose bid equals the ask",
    "missing_id": "ids the file skips",
    "inferred_time": "rows whose exchange time is inferred from another stream",
    "before_snapshot": "book updates older than the snapshot, which already holds them",
    "unproven": "book updates whose ids do not say whether one is missing between them",
    "reconnect": "rows at which the recorder had reconnected",
    "crooked_bar": "bars whose open or close lies outside low..high",
    "repeated_book": "snapshots that repeat the one before",
}
"""Every kind of flag, and what it counts."""

GAP_MS_MIN: Final = 5_000
GAP_PACES: Final = 20.0
"""A silence is a gap if it is longer than both: five seconds, and twenty of the file's median step.
A stream printed every 20 s is silent for 20 s by nature."""

LEAP_TIMES: Final = 2.0
"""A market hardly doubles or halves between two rows; a price that lost its decimal point does."""


@dataclass(frozen=True, slots=True)
class Flag:
    """`count` places of one kind; the first at file row `row` (a CSV's line) and `time_ms`."""

    kind: str
    count: int
    row: int
    time_ms: int | None

    def __str__(self) -> str:
        when = f", {iso_time(self.time_ms)}" if self.time_ms is not None else ""
        return f"{self.count} × {self.kind} ({KINDS[self.kind]}), first at row {self.row}{when}"


@dataclass(frozen=True, slots=True)
class Flags:
    """A file's flags, one a kind, in the order they were found."""

    found: tuple[Flag, ...] = ()

    def count(self, kind: str) -> int:
        """How many places of this kind; `KeyError` for a kind nobody raises."""
        KINDS[kind]
        return sum(flag.count for flag in self.found if flag.kind == kind)

    def __iter__(self) -> Iterator[Flag]:
        return iter(self.found)

    def __bool__(self) -> bool:
        return bool(self.found)


NO_FLAGS: Final = Flags()


def iso_time(time_ms: int) -> str:
    """A time as people read it: 2024-08-08T23:54:16.322Z."""
    moment = datetime.fromtimestamp(time_ms / 1_000, tz=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{time_ms % 1_000:03d}Z"
