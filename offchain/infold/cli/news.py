# SPDX-License-Identifier: Apache-2.0
"""Which of a running keeper's looks are worth a word: it looks every second, for days."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from infold.errors import without_numbers

DEEDS: Final = ("liquidations", "folds", "exits", "exits_ended", "fees_collected")
HEARTBEAT_S: Final = 600.0
"""So often it says that it is there, where nothing changes: by its own clock, since a chain's
stands still where no block comes.
"""


class News:
    """What was said last, to be compared with what there is now."""

    def __init__(self, now_s: Callable[[], float] = time.monotonic) -> None:
        self._now_s = now_s
        self._standing: object = None
        self._trouble = ""
        self._block = -1
        now = now_s()
        self._moved_s, self._spoke_s, self._failed_s = now, now, now

    def of(self, found: Mapping[str, Any]) -> tuple[bool, str]:
        """Whether a look's object is to be printed, and the line about it, empty if there is
        none: it did something, what it cannot do changed, or it has been silent for long.
        """
        now = self._now_s()
        standing, open_ends = _standing(found)
        changed, self._standing = standing != self._standing, standing
        did = any(found[name] for name in DEEDS)
        recovered, self._trouble = bool(self._trouble), ""
        if found["block"] != self._block:
            self._block, self._moved_s = found["block"], now
        if not (did or changed or recovered or now - self._spoke_s >= HEARTBEAT_S):
            return False, ""
        self._spoke_s = now
        line = _line(found)
        if now - self._moved_s >= HEARTBEAT_S:
            line += f", no new block for {_minutes(now - self._moved_s)}: see that the node follows"
            line += " its chain"
        return did or (changed and open_ends), line

    def of_trouble(self, said: str) -> str:
        """The line about a look that failed, empty while it is the same as before but for numbers
        in it, and was said not long ago.
        """
        now, before = self._now_s(), self._trouble
        self._trouble = said
        if without_numbers(said) != without_numbers(before):
            self._failed_s = self._spoke_s = now
            return said
        if now - self._spoke_s < HEARTBEAT_S:
            return ""
        self._spoke_s = now
        return f"for {_minutes(now - self._failed_s)}: {said}"


def _minutes(elapsed_s: float) -> str:
    return f"{int(elapsed_s // 60):,} min"


def _standing(found: Mapping[str, Any]) -> tuple[object, bool]:
    """What a keeper faces without being able to change it, and whether there is any of it."""
    waiting = [(one["account"], one["index"], one["overdue"]) for one in found["exits_waiting"]]
    refused = [(one["account"], one["index"], one["reason"]) for one in found["refused"]]
    unjudged = [(one["account"], one["reason"]) for one in found["unjudged"]]
    left = [(one["market"], without_numbers(one["reason"])) for one in found["fees_left"]]
    open_ends = bool(waiting or refused or unjudged or left)
    return (waiting, refused, unjudged, left, found["vector_ms"] > 0), open_ends


def _line(found: Mapping[str, Any]) -> str:
    parts = [f"block {found['block']:,}: holders {found['holders']:,}"]
    for name, words in (
        ("liquidations", "liquidated"),
        ("folds", "folded"),
        ("exits", "let out"),
        ("exits_ended", "requests ended"),
        ("fees_collected", "collections of fees"),
        ("exits_waiting", "exits waiting"),
        ("fees_left", "fees left"),
        ("refused", "refused"),
        ("unjudged", "not judged"),
    ):
        if found[name]:
            parts.append(f"{words} {len(found[name]):,}")
    if not found["vector_ms"]:
        parts.append("no batch has landed yet")
    return ", ".join(parts)
