# SPDX-License-Identifier: Apache-2.0
"""Whether the batches of a journal were closed with the curves that had been committed to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from infold.core.events import AnyEvent, BatchClosed, CloseBatch, NothingMatched
from infold.node.commitments import Commitment, commitment_of, curves_hash
from infold.node.memory import CLOSINGS


class _Command(msgspec.Struct):
    """Which command it is, without reading the rest."""

    type: str


class Commitments:
    """Whether every batch was closed with the curves that the dealer had committed to for it, and
    at the vector it was closed with.

    A batch that could not be priced is committed to again at a later T: the last word counts, it
    must be for the T at which the batch closed, and none takes an earlier one back. No batch is
    matched again here: that its fills lie on those curves is the engine's word.
    """

    def __init__(self) -> None:
        self.batches = 0
        self.kept = 0
        self.faults: list[str] = []
        self._last = Commitment()
        self._withdrawn = False  # whether the last one takes another back, or is for the T of such

    def watch(self, entry: Mapping[str, msgspec.Raw], events: Sequence[AnyEvent]) -> None:
        """Take in a journalled entry by its parts and its events, in the journal's order."""
        commitment = commitment_of(entry)
        if commitment is not None:
            self._commit(commitment)
        closings = [event for event in events if isinstance(event, CLOSINGS)]
        if "command" in entry:
            kind = msgspec.json.decode(entry["command"], type=_Command).type
            if kind == CloseBatch.__name__:
                command = msgspec.json.decode(entry["command"], type=CloseBatch)
                self._judge([*self._broken(command), *_differing(command, closings)])
                return
        for closing in closings:
            self._judge([f"the batch at {closing.time_ms} ms closed without a command"])

    def _commit(self, commitment: Commitment) -> None:
        self._withdrawn &= commitment.time_ms == self._last.time_ms
        if commitment.withdraws(self._last):
            self._withdrawn = True
            self.faults.append(
                f"curves of hash {commitment.curves} were committed to for {commitment.time_ms} ms"
                f" after those of {self._last.curves} for {self._last.time_ms} ms, whose prices may"
                " have been known"
            )
        self._last = commitment

    def _judge(self, faults: Sequence[str]) -> None:
        """Count a batch."""
        self.batches += 1
        self.kept += not faults and not self._withdrawn
        self.faults += faults

    def _broken(self, command: CloseBatch) -> Iterator[str]:
        """What a batch's curves have against the last commitment."""
        committed, found = self._last.curves, curves_hash(command.curves).hex()
        if self._last.time_ms != command.time_ms:
            yield f"the batch at {command.time_ms} ms closed on curves not committed to before it"
        elif committed != found:
            yield (
                f"the batch at {command.time_ms} ms closed on curves of hash {found}, committed"
                f" were those of {committed}"
            )


def _differing(
    command: CloseBatch, closings: Sequence[BatchClosed | NothingMatched]
) -> Iterator[str]:
    """What the events of a batch have against the command they were decided for: they are what is
    folded, and a command that shows the right curves says nothing of them.
    """
    if len(closings) != 1:
        yield (
            f"the command that closed the batch at {command.time_ms} ms has {len(closings)} closing"
            " events, not one"
        )
    for closing in closings:
        same = (closing.time_ms, closing.prices_e8) == (command.time_ms, command.prices_e8)
        if isinstance(closing, BatchClosed):
            same &= (closing.chunks, closing.root) == (command.chunks, command.root)
        if not same:
            yield (
                f"the batch at {closing.time_ms} ms has another vector than the command that closed"
                f" it, at {command.time_ms} ms"
            )
