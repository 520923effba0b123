# SPDX-License-Identifier: Apache-2.0
"""What the node remembers: facts in the journal, the state they fold to, rows for its clients."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from infold.core.curve import Curve
from infold.core.engine import decide, evolve
from infold.core.events import (
    AnyCommand,
    AnyEvent,
    BatchClosed,
    BatchConfirmed,
    BatchLapsed,
    NothingMatched,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    decode_events,
    encode_entry,
)
from infold.core.plan import Reason
from infold.core.refunds import RefundPaid, Refunds, TiersFixed
from infold.core.state import State
from infold.dealer.desk import SignalsLike
from infold.dealer.guarding import CapitalGuard
from infold.errors import Misconfigured, Unavailable
from infold.messages import Fill, SignedOrder
from infold.node.commitments import Commitment, commitment_entry, commitment_of, curves_hash
from infold.node.provenance import after
from infold.shell.files import Files
from infold.shell.journal import Journal
from infold.shell.origin import Origin
from infold.shell.poster import Intent


class OrderRow(msgspec.Struct, gc=False):
    """An accepted order as clients read it."""

    signed: SignedOrder
    sequence: int
    accepted_ms: int
    batch_ms: int
    filled_e8: int = 0
    fee_e6: int = 0
    value_e16: int = 0
    ended: str = ""
    reason: str = ""


@dataclass(slots=True)
class BatchRow:
    """A batch as clients read it."""

    closed: BatchClosed
    status: str = "posted"
    fills: int = 0
    skips: int = 0
    notional_e6: int = 0
    block: int = 0
    transaction: bytes = b""
    reason: str = ""


CLOSINGS: Final = (BatchClosed, NothingMatched)
"""The events that close a batch; one command has one of them at most."""
CANCELLED: Final = "cancelled"
"""The journal's key for a cancel as it was signed: what answers a claim on the bond."""


class Memory:
    """The state, the journal it is folded from, and the rows that clients read.

    Everything that happened is in the journal before it is in the state, but for `fold`, whose
    caller journals a whole group afterwards. `signals` are told of each vector and each settled
    batch when it is folded, at a restart as when it happened.
    """

    def __init__(
        self,
        journal_path: Path,
        identity: bytes,
        files: Files | None,
        signals: SignalsLike | None = None,
    ) -> None:
        self.state = State()
        self._signals = signals
        self.intent: Intent | None = None
        self.fill_rows: list[Fill] = []
        self.order_rows: list[OrderRow] = []
        self.batch_rows: list[BatchRow] = []
        self.batch_numbers: list[int] = []
        self.by_hash: dict[bytes, OrderRow] = {}
        self.refunds = Refunds()
        self._commitment = Commitment()
        self.journal = Journal(journal_path, identity, files)

    def replay(self) -> None:
        """Fold the journal. Raises `Misconfigured` if it is damaged."""
        self.journal.replay(self._fold_entry)

    def _fold_entry(self, _seq: int, line: bytes) -> None:
        entry = read_entry(line)
        self.take(_events_of(entry))
        if "intent" in entry:
            self.intent = msgspec.json.decode(entry["intent"], type=Intent)
        self._commitment = commitment_of(entry) or self._commitment
        if "tiers" in entry:
            self.refunds.fix(msgspec.json.decode(entry["tiers"], type=TiersFixed))
        if "paid" in entry:
            for payment in msgspec.json.decode(entry["paid"], type=list[RefundPaid]):
                self.refunds.pay(payment)

    def commit(self, curves: Mapping[int, Curve], time_ms: int, guard: CapitalGuard | None) -> None:
        """Journal the hash of the dealer's curves for the batch at T, and which of them capital
        cut, before prices are asked for. Raises `Unavailable` where that would take an earlier
        commitment back, whose prices may be known: at a later T it may be done.
        """
        committed, earlier = curves_hash(curves), self._commitment
        commitment = Commitment(committed.hex(), time_ms)
        if commitment.withdraws(earlier):
            raise Unavailable(
                f"curves were committed to for a batch at {earlier.time_ms}, whose prices may be"
                f" known: others are committed to only for a time after it, not {time_ms}"
            )
        self.journal.append([commitment_entry(committed, time_ms, guard)])
        self._commitment = commitment

    def fix_tiers(self, tiers: TiersFixed) -> None:
        """Journal the tiers of the batches to come, then go by them."""
        self.journal.append([msgspec.json.encode({"tiers": tiers})])
        self.refunds.fix(tiers)

    def fold_paid(self, payments: list[RefundPaid]) -> bytes:
        """Take in payments at once; the entry to be journalled."""
        for payment in payments:
            self.refunds.pay(payment)
        return msgspec.json.encode({"paid": payments})

    def do(self, command: AnyCommand, *more: bytes) -> list[AnyEvent]:
        """Decide, journal with whatever belongs to the same group, evolve."""
        decided = decide(self.state, command)
        self.journal.append([encode_entry(command, decided), *more])
        self.take(decided)
        return decided

    def fold(self, command: AnyCommand) -> bytes:
        """Decide and evolve at once; the entry to be journalled."""
        decided = decide(self.state, command)
        self.take(decided)
        return encode_entry(command, decided)

    def take(self, decided: Sequence[AnyEvent]) -> None:
        """Fold the events of one command into the state and into what clients read."""
        batch_ms = next((event.time_ms for event in decided if isinstance(event, CLOSINGS)), 0)
        before_ms = self.state.vector_ms
        for event in decided:
            if isinstance(event, OrderExpired):
                row = self.by_hash[event.order_hash]
                row.ended, row.reason = "expired", why_expired(row, before_ms, batch_ms)
            self._evolve(event)

    def _evolve(self, event: AnyEvent) -> None:
        match event:
            case OrderAccepted():
                signed = event.signed
                batch_ms = self.state.head.time_ms
                row = OrderRow(signed, event.sequence, event.accepted_ms, batch_ms)
                self.order_rows.append(row)
                self.by_hash[signed.order_hash] = row
            case OrderCancelled():
                self._note(event.order_hash, "cancelled", event.reason)
            case BatchClosed():
                self.batch_rows.append(BatchRow(event))
                self.batch_numbers.append(event.number)
            case BatchConfirmed():
                self._note_confirmed(event)
            case BatchLapsed():
                row_of = self.batch_row(event.number)
                row_of.status, row_of.reason = "lapsed", event.reason
                for record in row_of.closed.records:
                    self._note(record.order_hash, "lapsed", event.reason)
        evolve(self.state, event)
        if self._signals is not None:
            tell(self._signals, event)

    def _note(self, digest: bytes, ended: str, reason: str) -> None:
        row = self.by_hash[digest]
        row.ended, row.reason = ended, reason

    def _note_confirmed(self, event: BatchConfirmed) -> None:
        row = self.batch_row(event.number)
        row.status, row.block, row.transaction = "confirmed", event.block, event.tx_hash
        row.fills, row.skips = len(event.fills), len(event.skips)
        for fill in event.fills:
            filled = self.by_hash[fill.order_hash]
            filled.filled_e8 += fill.size_e8
            filled.fee_e6 += fill.fee_e6
            filled.value_e16 += fill.size_e8 * fill.price_e8
            row.notional_e6 += fill.size_e8 * fill.price_e8 // 10**10
            self.fill_rows.append(fill)
            self.refunds.settled(fill)
        places = {(skip.account, skip.slot): skip.reason for skip in event.skips}
        for record in row.closed.records if places else ():
            order = self.by_hash[record.order_hash].signed.order
            reason = places.get((order.account, order.slot))
            if reason is not None:
                self._note(record.order_hash, "skipped", Reason(reason).name)

    def batch_row(self, number: int) -> BatchRow:
        """The last batch of a number."""
        # A number that lapsed is used again: the last row of a number is the one under way.
        return self.batch_rows[bisect.bisect_right(self.batch_numbers, number) - 1]


def why_expired(row: OrderRow, before_ms: int, batch_ms: int) -> str:
    """Why an order's time was over when the batch of `batch_ms` was closed, the one before it at
    `before_ms`. `UNFILLED`: that batch was its own, and had nothing for an IOC or FOK order.
    `BATCH_LATE`: its expiry passed before any batch came. `EXPIRY`: its expiry passed.
    """
    if batch_ms <= row.signed.order.expiry_ms:
        return "UNFILLED"
    return "BATCH_LATE" if before_ms <= row.accepted_ms else "EXPIRY"


def tell(signals: SignalsLike, event: AnyEvent) -> None:
    """What an event says that a dealer may know once it has happened: prices, and fills that stand.

    A batch that lapses traded nothing.
    """
    match event:
        case BatchClosed() | NothingMatched():
            signals.priced(event.time_ms, event.prices_e8)
        case BatchConfirmed():
            signals.traded(event.time_ms, event.fills)


def read_entry(line: bytes) -> dict[str, msgspec.Raw]:
    """One journalled entry by its parts: a command with its events, a commitment, an intent, fee
    tiers, refunds paid, a cancel's signature.

    `Misconfigured` if it is none: another program's journal is as sound as ours.
    """
    try:
        return msgspec.json.decode(line, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise Misconfigured(
            f"an entry of the journal is not one of a venue ({error}); name a venue's own directory"
        ) from None


def _events_of(entry: dict[str, msgspec.Raw]) -> list[AnyEvent]:
    """The events of an entry; a commitment and an intent have none."""
    return decode_events(bytes(entry["events"])) if "events" in entry else []


class Replayed(NamedTuple):
    """The state a journal folds to, its sequence and hash, and where it comes from."""

    state: State
    seq: int
    digest: str
    origin: Origin


def replay_state(
    path: Path, watch: Callable[[Mapping[str, msgspec.Raw], list[AnyEvent]], None] | None = None
) -> Replayed:
    """Fold a journal, in use or not; needs no chain. `watch` hears every entry by its parts, and
    its events. Raises `Misconfigured` on damage.
    """
    state, origin = State(), Origin(b"")

    def fold(_seq: int, line: bytes) -> None:
        nonlocal origin
        entry = read_entry(line)
        events = _events_of(entry)
        if watch is not None:
            watch(entry, events)
        for event in events:
            evolve(state, event)
            origin = after(origin, event)

    with Journal.copied(path) as journal:
        journal.replay(fold)
        origin = origin._replace(identity=journal.identity)
        return Replayed(state, journal.seq, journal.hash.hex(), origin)
