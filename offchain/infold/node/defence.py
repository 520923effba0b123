# SPDX-License-Identifier: Apache-2.0
"""What a journal holds against a claim on the matcher's bond: traders' signed cancels, and orders
that replaced others (docs/protocol.md section 12).
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from infold.core.events import OrderAccepted, decode_events
from infold.messages import BatchRecord, SignedCancel, SignedOrder
from infold.node.memory import CANCELLED, read_entry
from infold.node.provenance import after
from infold.shell.journal import Journal
from infold.shell.origin import Origin
from infold.words import pack_record


class Answer(NamedTuple):
    """One of `Bond`'s answers, and what it takes."""

    function: str
    arguments: tuple[Any, ...]


class Signatures:
    """The orders and cancels of traders that were taken, by slot; `origin` is their journal's."""

    def __init__(self) -> None:
        self._orders: dict[bytes, SignedOrder] = {}
        self._in_slot: defaultdict[tuple[int, int], list[SignedOrder]] = defaultdict(list)
        self._cancels: defaultdict[tuple[int, int], list[SignedCancel]] = defaultdict(list)
        self.origin = Origin(b"")

    def add_order(self, signed: SignedOrder) -> None:
        """One that was accepted."""
        self._orders[signed.order_hash] = signed
        self._in_slot[signed.order.account, signed.order.slot].append(signed)

    def add_cancel(self, signed: SignedCancel) -> None:
        """One that was taken."""
        self._cancels[signed.cancel.account, signed.cancel.slot].append(signed)

    def answer(self, order_hash: bytes) -> Answer | None:
        """The answer to a claim for an order; None if no signature speaks against it."""
        claimed = self._orders.get(order_hash)
        if claimed is None:
            return None
        order, words = claimed.order, _record(claimed)
        slot = order.account, order.slot
        for one in self._cancels[slot]:
            if one.cancel.seq >= order.seq:
                seal = one.cancel.seq, one.r, one.vs
                return Answer("answer_with_cancel", (words.order, words.terms, *seal))
        for other in self._in_slot[slot]:
            if other.order.seq >= order.seq and other.order_hash != order_hash:
                shown = words.order, words.terms, _record(other).words
                return Answer("answer_with_order", shown)
        return None


def read_signatures(path: Path) -> Signatures:
    """What the journal at a path holds, in use or not. Raises `Misconfigured` on damage."""
    found = Signatures()

    def fold(_seq: int, line: bytes) -> None:
        entry = read_entry(line)
        if CANCELLED in entry:
            found.add_cancel(msgspec.json.decode(entry[CANCELLED], type=SignedCancel))
        for event in decode_events(bytes(entry["events"])) if "events" in entry else ():
            if isinstance(event, OrderAccepted):
                found.add_order(event.signed)
            found.origin = after(found.origin, event)

    with Journal.copied(path) as journal:
        journal.replay(fold)
        found.origin = found.origin._replace(identity=journal.identity)
    return found


def _record(signed: SignedOrder) -> BatchRecord:
    """An order's words as `Bond` takes them."""
    return pack_record(signed.order, 0, 0, False, signed.r, signed.vs)
