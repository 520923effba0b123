# SPDX-License-Identifier: Apache-2.0
"""Which of a running keeper's looks are worth a word: it looks every second, for days."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

DEEDS: Final = ("liquidations", "folds", "exits", "exits_ended", "fees_collected")
HEARTBEAT_MS: Final = 600_000
"""By the chain's clock: so often it says that it is there, where nothing changes."""


class News:
    """What was said last, to be compared with what there is now."""

    def __init__(self) -> None:
        self._standing: object = None
        self._trouble = ""
        self._spoke_ms = 0

    def of(self, found: Mapping[str, Any]) -> tuple[bool, str]:
        """Whether a look's object is to be printed, and the line about it, empty if there is
        none: it did something, what it cannot do changed, or it has been silent for long.
        """
        standing, open_ends = _standing(found)
        changed, self._standing = standing != self._standing, standing
        did = any(found[name] for name in DEEDS)
        silent_ms = found["block_ms"] - self._spoke_ms
        recovered, self._trouble = bool(self._trouble), ""
        if not (did or changed or recovered or silent_ms >= HEARTBEAT_MS):
            return False, ""
        self._spoke_ms = found["block_ms"]
        return did or (changed and open_ends), _line(found)

    def of_trouble(self, said: str) -> str:
        """The line about a look that failed, empty while it is the same as before."""
        before, self._trouble = self._trouble, said
        return "" if said == before else said


def _standing(found: Mapping[str, Any]) -> tuple[object, bool]:
    """What a keeper faces without being able to change it, and whether there is any of it."""
    waiting = [(one["account"], one["index"], one["overdue"]) for one in found["exits_waiting"]]
    refused = [(one["account"], one["index"], one["reason"]) for one in found["refused"]]
    unjudged = [(one["account"], one["reason"]) for one in found["unjudged"]]
    open_ends = bool(waiting or refused or unjudged)
    return (waiting, refused, unjudged, found["vector_ms"] > 0), open_ends


def _line(found: Mapping[str, Any]) -> str:
    parts = [f"block {found['block']:,}: holders {found['holders']:,}"]
    for name, words in (
        ("liquidations", "liquidated"),
        ("folds", "folded"),
        ("exits", "let out"),
        ("exits_ended", "requests ended"),
        ("fees_collected", "collections of fees"),
        ("exits_waiting", "exits waiting"),
        ("refused", "refused"),
        ("unjudged", "not judged"),
    ):
        if found[name]:
            parts.append(f"{words} {len(found[name]):,}")
    if not found["vector_ms"]:
        parts.append("no batch has landed yet")
    return ", ".join(parts)
