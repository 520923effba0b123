# SPDX-License-Identifier: Apache-2.0
"""The dealer's curves as they are committed to: hashed into the journal before the prices of their
batch are asked for, and held beside what the batch was closed with.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from infold.core.curve import Curve
from infold.core.events import CloseBatch
from infold.dealer.guarding import CapitalGuard
from infold.signing import keccak


def curves_hash(curves: Mapping[int, Curve]) -> bytes:
    """Of all curves of a batch, whatever the order they came in."""
    return keccak(msgspec.json.encode(sorted(curves.items())))


def commitment_entry(committed: bytes, time_ms: int, guard: CapitalGuard | None) -> bytes:
    """The hash of a batch's curves as it is journalled, and which of them capital cut, why."""
    entry: dict[str, object] = {"curves": committed.hex(), "time_ms": time_ms}
    if guard is not None:
        cuts = {market: one.reason for market, one in sorted(guard.last.items()) if one.reason}
        if cuts:
            entry["cuts"] = cuts
    return msgspec.json.encode(entry)


class _Commitment(msgspec.Struct):
    curves: str
    time_ms: int


class _Command(msgspec.Struct):
    """Which command it is, without reading the rest."""

    type: str


class Commitments:
    """Whether every batch was closed with the curves that the dealer had committed to for it.

    A batch that could not be priced is committed to again at a later T: the last word counts, and
    it must be for the T at which the batch closed.
    """

    def __init__(self) -> None:
        self.batches = 0
        self.faults: list[str] = []
        self._last = _Commitment("", -1)

    def watch(self, entry: Mapping[str, msgspec.Raw]) -> None:
        """Take in a journalled entry by its parts, in the journal's order."""
        if "curves" in entry:
            self._last = msgspec.convert(
                {name: msgspec.json.decode(entry[name]) for name in ("curves", "time_ms")},
                type=_Commitment,
            )
        elif "command" in entry:
            kind = msgspec.json.decode(entry["command"], type=_Command).type
            if kind == CloseBatch.__name__:
                self._closed(msgspec.json.decode(entry["command"], type=CloseBatch))

    def _closed(self, command: CloseBatch) -> None:
        self.batches += 1
        committed, found = self._last.curves, curves_hash(command.curves).hex()
        if self._last.time_ms != command.time_ms:
            self.faults.append(
                f"the batch at {command.time_ms} ms closed on curves not committed to before it"
            )
        elif committed != found:
            self.faults.append(
                f"the batch at {command.time_ms} ms closed on curves of hash {found}, committed"
                f" were those of {committed}"
            )
