# SPDX-License-Identifier: Apache-2.0
"""How a call that fails leaves no trace: every write remembers what stood there."""

from __future__ import annotations


class Undo:
    """What stood at every key written since the call began."""

    def __init__(self) -> None:
        self._written: list[tuple[dict[object, object], object, object]] = []

    def begin(self) -> None:
        """Open a call: nothing to take back."""
        self._written.clear()

    def remember(self, table: object, key: object) -> None:
        """Note what stands at a key that is about to be written."""
        assert isinstance(table, dict)
        self._written.append((table, key, table.get(key)))

    def take_back(self) -> None:
        """Make every table what it was when the call began."""
        for table, key, old in reversed(self._written):
            if old is None:
                table.pop(key, None)
            else:
                table[key] = old
        self._written.clear()

    def written(self) -> list[tuple[int, object]]:
        """Identity of the table and key of every write since the call began, in order."""
        return [(id(table), key) for table, key, _ in self._written]
