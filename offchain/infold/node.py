# SPDX-License-Identifier: Apache-2.0
"""The venue's node: the one place where core, dealer and shell meet.

Theory of operation. A request becomes a command, the engine decides events, the journal takes both,
then the state evolves and only then is anything said or sent: nothing acknowledged is lost, and a
restart folds the same events to the same state. A batch at T goes: observe the chain; commit the
dealer's curves (their hash is journalled); ask the oracle signers for T; close; try the call;
journal events and intent in one group; post; observe the logs, which confirm it. A crash between
any two of these steps leaves either no batch, or an intent that is posted again, byte for byte.

The node is synchronous and single-threaded, and time comes from its callers. An error that is
nobody's turn but ours halts it: from then on it refuses everything, because a state that broke one
rule cannot be trusted with the next.
"""

from __future__ import annotations

import bisect
import contextlib
import functools
import itertools
import logging
import math
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Concatenate, Final, NamedTuple, ParamSpec, Protocol, TypeVar

import msgspec

from infold.core.admission import (
    Context,
    check,
    check_cancel,
    decode_cancel,
    decode_order,
    decode_orders,
    read_order,
)
from infold.core.curve import Curve
from infold.core.engine import decide, evolve
from infold.core.events import (
    AnyCommand,
    AnyEvent,
    BatchClosed,
    BatchConfirmed,
    BatchLapsed,
    CancelOrders,
    ChainFact,
    CloseBatch,
    ConfirmBatch,
    Deployed,
    LapseBatch,
    ObserveChain,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderRejected,
    SkippedOnChain,
    SubmitOrders,
    decode_events,
    encode_entry,
    fact_from_log,
    to_word,
)
from infold.core.netting import material_of
from infold.core.plan import Reason
from infold.core.state import State, chain_words
from infold.core.view import AdmissionView
from infold.dealer.desk import Desk
from infold.errors import InfoldError, InvariantBroken, Misconfigured, Rejected, Unavailable
from infold.gateway.rest import Gateway, Server
from infold.messages import (
    TIME_IN_FORCE_WORDS,
    TRIGGER_KIND_WORDS,
    Batch,
    Fill,
    Order,
    PriceVector,
    Receipt,
    SignedOrder,
)
from infold.shell.chain import Log, Venue, block, settle_calldata
from infold.shell.devnet import DEFAULT_PRICES, Devnet, DevnetConfig
from infold.shell.files import Files
from infold.shell.journal import Journal
from infold.shell.poster import BatchRefused, Intent, Landed, Lapsed, Poster
from infold.shell.reconcile import Reconciliation, reconcile
from infold.signing import (
    DOMAIN_TYPE,
    NAME,
    TYPES,
    VERSION,
    Domain,
    address_of,
    batch_digest,
    checksum_address,
    keccak,
    order_hash,
    order_message,
    receipt_digest,
    sign,
    signature_hex,
    typed_data,
    vector_openings,
)
from infold.units import GUARD_MS, WINDOW_MS, format_decimal
from infold.words import STATUS_LIVE, STATUS_SHRINK_ONLY, STATUS_UNLISTED

GROUP_ORDERS_MAX: Final = 500
REFUSALS_MAX: Final = (
    3  # in a row: one may be a race with an owner's act, three are a fault of ours
)
CREATION_BLOCKS_MAX: Final = (
    256  # a deployment creates nine contracts; this many blocks are searched for Clearing's
)
FACT_CONTRACTS: Final = frozenset({"Clearing", "Delegates", "Pool"})
NO_SIGNATURE: Final = b'"0x' + b"0" * 128 + b'"'
STATUS_WORDS: Final = {
    STATUS_UNLISTED: "unlisted",
    STATUS_LIVE: "live",
    STATUS_SHRINK_ONLY: "shrinkOnly",
}

_log = logging.getLogger("infold.node")
P = ParamSpec("P")
T = TypeVar("T")
Json = dict[str, Any]


class Dealer(Protocol):
    """Commits a curve a market before the prices of the batch are known; sees no orders."""

    def curves(self, state: State, time_ms: int) -> dict[int, Curve]:
        """The curve of each market it wants to trade in, for the batch at T."""


class Oracle(Protocol):
    """Collects signed price vectors."""

    def collect(self, time_ms: int, required: Sequence[int] = ()) -> PriceVector:
        """The vector of T, pricing every required market. Raises `Unavailable`."""


class DuplicateReceipt(Receipt, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The receipt of an order that was accepted before: the same words again."""


class Admitted(NamedTuple):
    """What became of a group: per body the hash of an accepted order or why it was refused, and
    which of the hashes were accepted now.
    """

    outcomes: list[bytes | Rejected]
    fresh: set[bytes]


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """What came of a vector. `number` is None if nobody crossed; `refused` says why a batch was
    given up before it was sent.
    """

    time_ms: int
    number: int | None = None
    fills: tuple[Fill, ...] = ()
    skips: tuple[SkippedOnChain, ...] = ()
    gas_used: int = 0
    block: int = 0
    transaction: bytes = b""
    refused: str = ""


class _OrderRow(msgspec.Struct, gc=False):
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
class _BatchRow:
    """A batch as clients read it."""

    closed: BatchClosed
    status: str = "posted"
    fills: int = 0
    skips: int = 0
    notional_e6: int = 0
    block: int = 0
    transaction: bytes = b""
    reason: str = ""


def guarded(method: Callable[Concatenate[Node, P], T]) -> Callable[Concatenate[Node, P], T]:
    """Refuse when halted; halt on what is our fault. The one blanket handler of the program stands
    here.
    """

    @functools.wraps(method)
    def run(self: Node, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if self.halted:
            raise InvariantBroken(f"the venue has halted: {self.halted}")
        try:
            return method(self, *args, **kwargs)
        except InvariantBroken as error:
            self.halt(str(error))
            raise
        except InfoldError:
            raise
        except Exception as error:
            self.halt(f"{type(error).__name__}: {error}")
            raise InvariantBroken(
                f"the venue has halted: {type(error).__name__}: {error}"
            ) from error

    return run


class Node:
    """One venue's node. Opens or recovers the journal on construction; `close` gives it back.

    `mine`, on a chain of our own, stamps a block for a time in ms; `now_ms` is the venue's clock
    for requests.
    """

    def __init__(
        self,
        *,
        venue: Venue,
        journal_path: Path,
        matcher_key: bytes,
        poster: Poster,
        oracle: Oracle,
        dealer: Dealer,
        now_ms: Callable[[], int],
        mine: Callable[[int], None] | None = None,
        files: Files | None = None,
        meta: Json | None = None,
    ) -> None:
        clearing = venue.book.address("Clearing")
        self.venue = venue
        self.state = State()
        self.domain = Domain(venue.book.chain_id, clearing)
        self.matcher = address_of(matcher_key)
        self.halted = ""
        self.fill_rows: list[Fill] = []
        self.order_rows: list[_OrderRow] = []
        self.batch_rows: list[_BatchRow] = []
        self.rejects: dict[str, int] = {}
        self._matcher_key = matcher_key
        self._poster = poster
        self._oracle = oracle
        self._dealer = dealer
        self._now_ms = now_ms
        self._mine = mine
        self._meta = meta or {}
        self._by_hash: dict[bytes, _OrderRow] = {}
        self._batch_numbers: list[int] = []
        self._intent: Intent | None = None
        self._refusals = 0
        self._names: dict[int, str] = {}
        identity = f"{venue.book.chain_id}:{checksum_address(clearing)}".encode()
        self.journal = Journal(journal_path, identity, files)
        try:
            self._recover()
        except BaseException:
            self.journal.close()
            raise

    def close(self) -> None:
        """Close the journal."""
        self.journal.close()

    def halt(self, reason: str) -> None:
        """Refuse everything from here on."""
        self.halted = reason
        _log.error("HALTED seq=%d reason=%r", self.journal.seq, reason)

    def now_ms(self) -> int:
        """The venue's time."""
        return self._now_ms()

    # -- journal and state -------------------------------------------------------------------------

    def _recover(self) -> None:
        """Fold the journal, learn what the chain did meanwhile, and finish the batch that was under
        way.
        """
        self.journal.replay(self._fold_entry)
        if not self.journal.seq:
            self._begin()
        self.observe()
        self._finish_under_way()
        _log.info(
            "RECOVERED seq=%d block=%d orders=%d",
            self.journal.seq,
            self.state.block,
            len(self.state.orders),
        )

    def _fold_entry(self, _seq: int, line: bytes) -> None:
        entry = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        if "events" in entry:
            for event in decode_events(bytes(entry["events"])):
                self._evolve(event)
        elif "intent" in entry:
            self._intent = msgspec.json.decode(entry["intent"], type=Intent)

    def _begin(self) -> None:
        """The first entry: the words a deployment starts with, read at the block that created
        Clearing.
        """
        clearing = self.venue["Clearing"]
        first = self.venue.book.first_block
        for number in range(first, first + CREATION_BLOCKS_MAX):
            if (
                self.venue.rpc.call("eth_getCode", "0x" + clearing.address.hex(), hex(number))
                != "0x"
            ):
                break
        else:
            raise Misconfigured(
                f"Clearing was not created within {CREATION_BLOCKS_MAX} blocks of the book's "
                "first block"
            )
        deployed = Deployed(
            pool=to_word(clearing.call("accounts", 0, at=number)),
            backstop=to_word(clearing.call("accounts", 1, at=number)),
            head=to_word(clearing.call("head", at=number)),
            epoch_ms=self._epoch_ms(number),
        )
        stamp_ms = block(self.venue.rpc, number).timestamp_s * 1000
        self._do(ObserveChain(facts=[deployed], block=number - 1, block_ms=stamp_ms))

    def _epoch_ms(self, number: int) -> int:
        clearing = self.venue["Clearing"]
        if "EPOCH_MS" in clearing.abi.functions:
            return int(clearing.call("EPOCH_MS", at=number))
        head = int(clearing.call("head", at=number))
        return (head >> 64 & (1 << 48) - 1) - block(self.venue.rpc, number).timestamp_s * 1000

    def _do(self, command: AnyCommand, *more: bytes) -> list[AnyEvent]:
        """Decide, journal with whatever belongs to the same group, evolve."""
        decided = decide(self.state, command)
        self.journal.append([encode_entry(command, decided), *more])
        for event in decided:
            self._evolve(event)
        return decided

    def _evolve(self, event: AnyEvent) -> None:
        """Fold an event into the state and into what clients read."""
        match event:
            case OrderAccepted():
                signed = event.signed
                batch_ms = self.state.head.time_ms
                row = _OrderRow(signed, event.sequence, event.accepted_ms, batch_ms)
                self.order_rows.append(row)
                self._by_hash[signed.order_hash] = row
            case OrderRejected():
                self.rejects[event.code] = self.rejects.get(event.code, 0) + 1
            case OrderCancelled():
                self._note(event.order_hash, "cancelled", event.reason)
            case OrderExpired():
                self._note(event.order_hash, "expired", "")
            case BatchClosed():
                self.batch_rows.append(_BatchRow(event))
                self._batch_numbers.append(event.number)
            case BatchConfirmed():
                self._note_confirmed(event)
            case BatchLapsed():
                row_of = self._batch_row(event.number)
                row_of.status, row_of.reason = "lapsed", event.reason
                for record in row_of.closed.records:
                    self._note(record.order_hash, "lapsed", event.reason)
        evolve(self.state, event)

    def _note(self, digest: bytes, ended: str, reason: str) -> None:
        row = self._by_hash[digest]
        row.ended, row.reason = ended, reason

    def _note_confirmed(self, event: BatchConfirmed) -> None:
        row = self._batch_row(event.number)
        row.status, row.block, row.transaction = "confirmed", event.block, event.tx_hash
        row.fills, row.skips = len(event.fills), len(event.skips)
        for fill in event.fills:
            filled = self._by_hash[fill.order_hash]
            filled.filled_e8 += fill.size_e8
            filled.fee_e6 += fill.fee_e6
            filled.value_e16 += fill.size_e8 * fill.price_e8
            row.notional_e6 += fill.size_e8 * fill.price_e8 // 10**10
            self.fill_rows.append(fill)
        places = {(skip.account, skip.slot): skip.reason for skip in event.skips}
        for record in row.closed.records if places else ():
            order = self._by_hash[record.order_hash].signed.order
            reason = places.get((order.account, order.slot))
            if reason is not None:
                self._note(record.order_hash, "skipped", Reason(reason).name)

    def _batch_row(self, number: int) -> _BatchRow:
        # A number that lapsed is used again: the last row of a number is the one under way.
        return self.batch_rows[bisect.bisect_right(self._batch_numbers, number) - 1]

    # -- requests ----------------------------------------------------------------------------------

    def context(self) -> Context:
        """What decoding an order needs."""
        markets = {
            market.parameters[market.clock.version].listing.name: number
            for number, market in self.state.markets.items()
        }
        return Context(self.domain, markets, self.state.settings.limits)

    @guarded
    def submit(self, raw_orders: Sequence[bytes], received_ms: int) -> list[Receipt | Rejected]:
        """Admit, journal, acknowledge: per order a signed receipt, or why it was refused. One sync
        a group of 500.
        """
        results: list[Receipt | Rejected] = []
        for first in range(0, len(raw_orders), GROUP_ORDERS_MAX):
            group = raw_orders[first : first + GROUP_ORDERS_MAX]
            results += self.receipts(self.admit(group, received_ms))
        return results

    def admit(self, raw_orders: Sequence[bytes], received_ms: int) -> Admitted:
        """Admit one group of bodies and journal it: what is accepted here is on disk, and only its
        receipts are not signed yet.
        """
        by_hash = self._by_hash
        outcomes: list[bytes | Rejected] = []
        fresh: dict[bytes, SignedOrder] = {}
        for signed in decode_orders(raw_orders, self.context()):
            if isinstance(signed, Rejected):
                self.rejects[signed.code] = self.rejects.get(signed.code, 0) + 1
                outcomes.append(signed)
                continue
            digest = signed.order_hash
            if digest not in by_hash:
                fresh.setdefault(digest, signed)
            outcomes.append(digest)
        if not fresh:
            return Admitted(outcomes, set())
        command = SubmitOrders(orders=list(fresh.values()), received_ms=received_ms)
        refused = {
            event.order_hash: _rejection(event)
            for event in self._do(command)
            if isinstance(event, OrderRejected)
        }
        if refused:
            outcomes = [
                refused.get(outcome, outcome) if isinstance(outcome, bytes) else outcome
                for outcome in outcomes
            ]
        return Admitted(outcomes, fresh.keys() - refused.keys())

    def receipts(self, admitted: Admitted) -> list[Receipt | Rejected]:
        """A signed receipt for each order taken; a second one for the same order says so."""
        unsaid = admitted.fresh
        answers: list[Receipt | Rejected] = []
        for outcome in admitted.outcomes:
            if isinstance(outcome, Rejected):
                answers.append(outcome)
            else:
                answers.append(self._receipt(outcome, outcome not in unsaid))
                unsaid.discard(outcome)
        return answers

    def _receipt(self, digest: bytes, duplicate: bool) -> Receipt:
        row = self._by_hash[digest]
        r, vs = sign(
            receipt_digest(digest, row.sequence, row.accepted_ms, row.batch_ms, self.domain),
            self._matcher_key,
        )
        kind = DuplicateReceipt if duplicate else Receipt
        return kind(
            order_hash=digest,
            sequence=row.sequence,
            accepted_ms=row.accepted_ms,
            batch_ms=row.batch_ms,
            r=r,
            vs=vs,
        )

    @guarded
    def cancel(self, raw: bytes, received_ms: int) -> Json:
        """Take an order back off chain, for its signer. Raises `Rejected`."""
        signed = decode_cancel(raw, self.context())
        check_cancel(signed, AdmissionView(self.state, received_ms), received_ms)
        decided = self._do(CancelOrders(cancels=[signed.cancel], received_ms=received_ms))
        hashes = [event.order_hash for event in decided if isinstance(event, OrderCancelled)]
        if not hashes:
            raise Rejected("NOT_OPEN", "seq", "the order is leaving already")
        return {"cancelled": ["0x" + digest.hex() for digest in hashes], "ts": received_ms}

    @guarded
    def preview(self, raw: bytes) -> Json:
        """An order's digest and typed data, and what admission would say; `signature` may be left
        out.
        """
        unsigned = b'"signature"' not in raw and raw.rstrip().endswith(b"}")
        text = raw.rstrip()[:-1] + b',"signature":' + NO_SIGNATURE + b"}" if unsigned else raw
        context = self.context()
        request, order = read_order(text, context)
        digest = order_hash(order, self.domain)
        now_ms = self.now_ms()
        error: Rejected | None = None
        try:
            view = AdmissionView(self.state, now_ms)
            holder = view.holder(order.account)
            if unsigned:
                signed = SignedOrder(
                    order=order,
                    signature=bytes(64),
                    delegated=False,
                    order_hash=digest,
                    signer=holder.owner if holder is not None else bytes(20),
                )
            else:
                signed = decode_order(text, context)
            check(signed, view, now_ms, context.limits)
        except Rejected as rejected:
            error = rejected
        return {
            "orderHash": "0x" + digest.hex(),
            "typedData": typed_data("Order", order_message(order), self.domain),
            "market": request.market,
            "accepted": error is None,
            "error": None
            if error is None
            else {"code": error.code, "param": error.param, "detail": error.message},
        }

    # -- batches -----------------------------------------------------------------------------------

    @guarded
    def observe(self) -> None:
        """Fold what the chain's logs say since the last look; a batch's own logs confirm it."""
        head = self._poster.final_block()
        if head.number <= self.state.block:
            if head.number < self.state.block:
                raise InvariantBroken(
                    f"the chain's head went back from block {self.state.block} to {head.number}; "
                    "ask another node, or "
                    "start a new journal if the chain was begun anew"
                )
            return
        self._poster.check_reorganisation()
        found = [
            log
            for log in self.venue.logs(self.state.block + 1, head.number)
            if log.contract in FACT_CONTRACTS
        ]
        facts: list[ChainFact] = []
        skips: list[SkippedOnChain] = []
        entries: list[bytes] = []
        for log, following in itertools.zip_longest(found, found[1:]):
            if log.name == "Skipped":
                place = log.arguments
                skips.append(SkippedOnChain(place["account"], place["slot"], place["reason"]))
            elif log.name == "BatchSettled":
                if facts:
                    # The block is not whole yet: what is known is everything before it.
                    before = ObserveChain(
                        facts=facts, block=log.block - 1, block_ms=self.state.block_ms
                    )
                    entries.append(self._fold(before))
                    facts = []
                entries.append(self._fold(self._confirmation(log, skips)))
                skips = []
            else:
                fact = fact_from_log(
                    log.name,
                    {name: _plain(value) for name, value in log.arguments.items()},
                    following.name if following and following.block == log.block else None,
                )
                if fact is not None:
                    facts.append(fact)
        last = ObserveChain(facts=facts, block=head.number, block_ms=head.timestamp_s * 1000)
        entries.append(self._fold(last))
        # One group: half a block is never in the journal. The state has moved already, so a disk
        # that refuses leaves it ahead of the journal, and only a restart may go on from there.
        try:
            self.journal.append(entries)
        except Unavailable as error:
            raise InvariantBroken(f"what the chain did could not be journalled: {error}") from error

    def _fold(self, command: AnyCommand) -> bytes:
        """Decide and evolve at once; the entry to be journalled."""
        decided = decide(self.state, command)
        for event in decided:
            self._evolve(event)
        return encode_entry(command, decided)

    def _confirmation(self, log: Log, skips: list[SkippedOnChain]) -> ConfirmBatch:
        number = int(log.arguments["number"])
        under_way = self.state.in_flight
        if under_way is None or under_way.number != number:
            raise InvariantBroken(
                f"batch {number} landed and this journal did not send it: somebody else signs as "
                "the matcher"
            )
        if self._intent is not None and log.arguments["contents"] != self._intent.contents:
            raise InvariantBroken(f"batch {number} landed with contents this journal did not sign")
        return ConfirmBatch(number=number, skips=skips, block=log.block, tx_hash=log.transaction)

    @guarded
    def close_batch(self, time_ms: int) -> BatchOutcome:
        """Match what waits at the vector of T and settle it.

        Raises `Unavailable` if the oracle, the chain or the disk cannot serve; nothing is lost, and
        a later T may be tried.
        """
        self._finish_under_way()
        self.observe()
        if self._mine is not None and self.state.block_ms < time_ms - GUARD_MS:
            self._mine(time_ms - GUARD_MS)
            self.observe()
        curves = self._dealer.curves(self.state, time_ms)
        committed = keccak(msgspec.json.encode(sorted(curves.items())))
        self.journal.append([msgspec.json.encode({"curves": committed.hex(), "time_ms": time_ms})])
        vector = self._oracle.collect(time_ms, self._live_markets(time_ms))
        command = CloseBatch(
            time_ms=time_ms,
            prices_e8=vector.prices,
            chunks=vector.chunks,
            root=vector.root,
            curves=curves,
        )
        decided = decide(self.state, command)
        closed = next((event for event in decided if isinstance(event, BatchClosed)), None)
        entries = [encode_entry(command, decided)]
        intent = None
        refused = ""
        if closed is not None:
            intent = self._seal(closed, vector)
            try:
                self._poster.simulate(intent)
                entries.append(msgspec.json.encode({"intent": intent}))
            except BatchRefused as refusal:
                refused = refusal.reason or "no reason given"
        self.journal.append(entries)
        for event in decided:
            self._evolve(event)
        if closed is None or intent is None:
            return BatchOutcome(time_ms)
        if refused:
            return self._give_up(closed, refused)
        self._intent = intent
        self._refusals = 0
        landed = self._land(intent)
        return (
            self._outcome(closed, landed)
            if landed is not None
            else BatchOutcome(time_ms, refused="lapsed")
        )

    def _live_markets(self, time_ms: int) -> list[int]:
        return sorted(
            number
            for number, market in self.state.markets.items()
            if market.at(time_ms).rates.status != STATUS_UNLISTED
        )

    def _seal(self, closed: BatchClosed, vector: PriceVector) -> Intent:
        """The signed call of a closed batch. The vector is presented with the chunks the batch
        opens, and no others.
        """
        material = material_of(self.state, closed)
        seal = sign(
            batch_digest(closed.number, closed.time_ms, material.contents, self.domain),
            self._matcher_key,
        )
        batch = Batch(
            number=closed.number,
            time_ms=closed.time_ms,
            head=material.head,
            vector=reopened(vector, closed.opened),
            price_words=material.price_words,
            records=material.records,
            accepted_root=closed.accepted_root,
            contents=material.contents,
            seals=[seal],
        )
        return Intent(
            number=batch.number,
            time_ms=batch.time_ms,
            contents=batch.contents,
            calldata=settle_calldata(batch),
        )

    def _give_up(self, closed: BatchClosed, reason: str) -> BatchOutcome:
        """A batch the contract would refuse was never sent: its fills are void, its orders wait for
        the next one.
        """
        self._do(LapseBatch(number=closed.number, reason=reason, signed=False))
        self._refusals += 1
        _log.warning(
            "BATCH_REFUSED seq=%d number=%d reason=%r", self.journal.seq, closed.number, reason
        )
        if self._refusals >= REFUSALS_MAX:
            raise InvariantBroken(
                f"{self._refusals} batches in a row would revert, the last with {reason!r}; run "
                "infold reconcile"
            )
        return BatchOutcome(closed.time_ms, refused=reason)

    def _land(self, intent: Intent) -> Landed | None:
        """Post and observe; None if the batch lapsed."""
        try:
            landed = self._poster.post(intent)
        except Lapsed as lapsed:
            self.observe()
            if self.state.in_flight is not None:
                self._do(LapseBatch(number=intent.number, reason=str(lapsed)))
            return None
        self.observe()
        if self.state.in_flight is not None:
            raise InvariantBroken(
                f"batch {intent.number} landed in block {landed.block}, but its log was not found"
            )
        return landed

    def _finish_under_way(self) -> None:
        """Bring a batch that an earlier run or an earlier error left under way to its end."""
        under_way = self.state.in_flight
        if under_way is None:
            return
        if (
            self._intent is None
            or self._intent.number != under_way.number
            or self._intent.time_ms != under_way.time_ms
        ):
            self._do(
                LapseBatch(number=under_way.number, reason="it was never signed", signed=False)
            )
            return
        self._land(self._intent)

    def _outcome(self, closed: BatchClosed, landed: Landed) -> BatchOutcome:
        row = self._batch_row(closed.number)
        fills = self.fill_rows[len(self.fill_rows) - row.fills :]
        skipped = [
            SkippedOnChain(order.account, order.slot, Reason[self._by_hash[digest].reason].value)
            for digest in (record.order_hash for record in closed.records)
            if self._by_hash[digest].ended == "skipped"
            for order in [self._by_hash[digest].signed.order]
        ]
        return BatchOutcome(
            time_ms=closed.time_ms,
            number=closed.number,
            fills=tuple(fills),
            skips=tuple(skipped),
            gas_used=landed.gas_used,
            block=landed.block,
            transaction=landed.transaction,
        )

    @guarded
    def reconcile(self) -> Reconciliation:
        """Engine against chain, at the block the engine has seen."""
        self.observe()
        return reconcile(self.venue, chain_words(self.state), self.state.block)

    # -- what clients read -------------------------------------------------------------------------

    def receipt_view(self, receipt: Receipt) -> Json:
        """A receipt as clients read it."""
        return {
            "orderHash": "0x" + receipt.order_hash.hex(),
            "status": self._status(self._by_hash[receipt.order_hash]),
            "receipt": {
                "sequence": receipt.sequence,
                "acceptedTime": receipt.accepted_ms,
                "batchTime": receipt.batch_ms,
                "signature": signature_hex(receipt.r, receipt.vs),
            },
            "duplicate": isinstance(receipt, DuplicateReceipt),
        }

    @guarded
    def meta(self) -> Json:
        """Chain, contracts, signing domain and types, scales and limits."""
        book = self.venue.book
        limits = self.state.settings.limits
        return {
            "apiVersion": "1",
            "chainId": book.chain_id,
            "contracts": {
                name: checksum_address(address) for name, address in book.addresses.items()
            },
            "firstBlock": book.first_block,
            "domain": {
                "name": NAME,
                "version": VERSION,
                "chainId": book.chain_id,
                "verifyingContract": checksum_address(self.domain.verifying_contract),
            },
            "types": {
                "EIP712Domain": [{"name": member, "type": kind} for member, kind in DOMAIN_TYPE],
                **{
                    name: [{"name": member, "type": kind} for member, kind in members]
                    for name, members in TYPES.items()
                },
            },
            "scales": {"price": 8, "size": 8, "money": 6, "fraction": 6},
            "matcher": checksum_address(self.matcher),
            "windowMs": WINDOW_MS,
            "guardMs": GUARD_MS,
            "limits": {
                "orderBytes": limits.body_bytes_max,
                "expiryAheadMs": limits.expiry_ahead_ms_max,
            },
            "ts": self.now_ms(),
            "seq": self.journal.seq,
        } | self._meta

    @guarded
    def markets(self) -> list[Json]:
        """Trading rules of every market; fractions as decimals."""
        rows = []
        for number, market in sorted(self.state.markets.items()):
            rates, caps, listing = market.at(max(self.state.block_ms, self.now_ms()))
            if not listing.tick_e8:
                continue
            rows.append(
                {
                    "id": number,
                    "name": listing.name,
                    "status": STATUS_WORDS[rates.status],
                    "tick": format_decimal(listing.tick_e8, 8),
                    "sizeStep": format_decimal(1, 8),
                    "fee": format_decimal(rates.fee_e6, 6),
                    "initialMargin": format_decimal(rates.im_e6, 6),
                    "maintenanceMargin": format_decimal(rates.mm_e6, 6),
                    "band": format_decimal(rates.band_e6, 6),
                    "minSpread": format_decimal(rates.h_min_e6, 6),
                    "residualCap": format_decimal(caps.residual_cap_e8, 8),
                    "positionCap": format_decimal(caps.position_cap_e8, 8),
                    "interestCap": format_decimal(caps.interest_cap_e8, 8),
                    "oraclePrice": _price(self.state.prices_e8.get(number, 0)),
                    "openInterest": format_decimal(market.meter.open_interest_e8, 8),
                    "poolSize": _signed(market.pool.base_e8, 8),
                    "fundingRateE9": market.clock.rate_e9,
                }
            )
        return rows

    def _market_name(self, market: int) -> str:
        name = self._names.get(market)
        if name is None:
            held = self.state.markets[market]
            name = self._names[market] = held.parameters[held.clock.version].listing.name
        return name

    def _status(self, row: _OrderRow) -> str:
        digest = row.signed.order_hash
        if digest in self.state.in_flight_e8:
            return "matched"
        if digest in self.state.orders:
            return "partiallyFilled" if row.filled_e8 else "open"
        return "filled" if row.filled_e8 else row.ended

    def _order_view(self, row: _OrderRow) -> Json:
        order: Order = row.signed.order
        mean_e8 = row.value_e16 // row.filled_e8 if row.filled_e8 else 0
        return {
            "seq": row.sequence,
            "orderHash": "0x" + row.signed.order_hash.hex(),
            "account": order.account,
            "market": self._market_name(order.market),
            "side": "buy" if order.buy else "sell",
            "size": format_decimal(order.size_e8, 8),
            "price": format_decimal(order.limit_price_e8, 8),
            "timeInForce": TIME_IN_FORCE_WORDS[order.time_in_force],
            "postOnly": order.post_only,
            "reduceOnly": order.reduce_only,
            "maxFee": format_decimal(order.max_fee_e6, 6),
            "triggerKind": TRIGGER_KIND_WORDS[order.trigger_kind],
            "triggerPrice": format_decimal(order.trigger_price_e8, 8),
            "goodAfter": order.good_after_ms,
            "expiry": order.expiry_ms,
            "epoch": order.epoch,
            "slot": order.slot,
            "orderSeq": order.seq,
            "status": self._status(row),
            "open": row.signed.order_hash in self.state.orders,
            "reason": row.reason or None,
            "filled": format_decimal(row.filled_e8, 8),
            "averagePrice": _price(mean_e8),
            "fee": format_decimal(row.fee_e6, 6),
            "ts": row.accepted_ms,
        }

    @guarded
    def orders(self, query: Mapping[str, str], after: int, limit: int) -> list[Json]:
        """Orders above a sequence, oldest first; `account`, `market`, `status` (also `open`),
        `since`, `until` narrow.
        """
        account = int(query["account"]) if "account" in query else None
        since, until = int(query.get("since", 0)), int(query.get("until", 1 << 48))
        wanted = query.get("status")
        rows: list[Json] = []
        for row in self.order_rows[
            bisect.bisect_right(self.order_rows, after, key=lambda row: row.sequence) :
        ]:
            order = row.signed.order
            if account not in (None, order.account) or not since <= row.accepted_ms <= until:
                continue
            if query.get("market") not in (None, self._market_name(order.market)):
                continue
            if wanted == "open":
                if row.signed.order_hash not in self.state.orders:
                    continue
            elif wanted is not None and wanted != self._status(row):
                continue
            rows.append(self._order_view(row))
            if len(rows) == limit:
                break
        return rows

    @guarded
    def order(self, digest: bytes) -> Json:
        """One order. Raises `Rejected` NOT_FOUND."""
        row = self._by_hash.get(digest)
        if row is None:
            raise Rejected("NOT_FOUND", "hash", f"no order 0x{digest.hex()}")
        return self._order_view(row)

    @guarded
    def account(self, account: int) -> Json:
        """One account: money, positions at the latest prices, slots. Raises `Rejected`
        UNKNOWN_ACCOUNT.
        """
        held = self.state.accounts.get(account)
        if held is None:
            raise Rejected("UNKNOWN_ACCOUNT", "account", f"account {account} is not open")
        positions = []
        equity_e6 = held.word.collateral_e6
        for index, position in sorted(held.positions.items()):
            price_e8 = self.state.prices_e8.get(
                position.market, self.state.markets[position.market].clock.price_e8
            )
            value_e6 = position.base_e8 * price_e8 // 10**10 + position.quote_e6
            equity_e6 += value_e6
            positions.append(
                {
                    "market": self._market_name(position.market),
                    "index": index,
                    "size": _signed(position.base_e8, 8),
                    "quote": _signed(position.quote_e6, 6),
                    "oraclePrice": _price(price_e8),
                    "unrealizedPnl": _signed(value_e6, 6),
                }
            )
        return {
            "account": account,
            "owner": checksum_address(held.word.owner.to_bytes(20, "big")),
            "epoch": held.word.epoch,
            "collateral": _signed(held.word.collateral_e6, 6),
            "equity": _signed(equity_e6, 6),
            "pendingWithdrawal": format_decimal(held.withdrawal.amount_e6, 6),
            "withdrawalBarrier": held.withdrawal.barrier_ms,
            "positions": positions,
            "openOrders": len(held.orders),
            "slots": {
                str(slot): {"seq": seen.seq, "open": seen.open}
                for slot, seen in sorted(held.slots.items())
            },
            "ts": self.now_ms(),
            "seq": self.journal.seq,
        }

    @guarded
    def fills(self, query: Mapping[str, str], after: int, limit: int) -> list[Json]:
        """Fills above a number, oldest first; `account`, `market`, `since`, `until` narrow."""
        account = int(query["account"]) if "account" in query else None
        since, until = int(query.get("since", 0)), int(query.get("until", 1 << 48))
        rows: list[Json] = []
        for place in range(after, len(self.fill_rows)):
            fill = self.fill_rows[place]
            if account not in (None, fill.account) or not since <= fill.time_ms <= until:
                continue
            if query.get("market") not in (None, self._market_name(fill.market)):
                continue
            rows.append(self._fill_view(place + 1, fill))
            if len(rows) == limit:
                break
        return rows

    def _fill_view(self, seq: int, fill: Fill) -> Json:
        batch = self._batch_row(fill.batch)
        away_e8 = fill.price_e8 - fill.oracle_price_e8
        return {
            "seq": seq,
            "orderHash": "0x" + fill.order_hash.hex(),
            "account": fill.account,
            "market": self._market_name(fill.market),
            "side": "buy" if fill.buy else "sell",
            "size": format_decimal(fill.size_e8, 8),
            "price": format_decimal(fill.price_e8, 8),
            "oraclePrice": format_decimal(fill.oracle_price_e8, 8),
            "spreadBps": _signed(
                (away_e8 if fill.buy else -away_e8) * 10**8 // fill.oracle_price_e8, 4
            ),
            "fee": format_decimal(fill.fee_e6, 6),
            "batch": fill.batch,
            "settlement": "confirmed",
            "txHash": "0x" + batch.transaction.hex(),
            "ts": fill.time_ms,
        }

    @guarded
    def batches(self, after: int, limit: int) -> list[Json]:
        """Batches above a number, oldest first."""
        first = bisect.bisect_right(self._batch_numbers, after)
        return [self._batch_view(row) for row in self.batch_rows[first : first + limit]]

    @guarded
    def batch(self, number: int) -> Json:
        """One batch with its prices and records. Raises `Rejected` NOT_FOUND."""
        if (
            not self._batch_numbers
            or self._batch_numbers[bisect.bisect_right(self._batch_numbers, number) - 1] != number
        ):
            raise Rejected("NOT_FOUND", "number", f"no batch {number}")
        row = self._batch_row(number)
        closed = row.closed
        return self._batch_view(row) | {
            "root": "0x" + closed.root.hex(),
            "acceptedRoot": "0x" + closed.accepted_root.hex(),
            "prices": [
                {
                    "market": self._market_name(one.market),
                    "price": format_decimal(one.price_e8, 8),
                    "oraclePrice": _price(closed.prices_e8.get(one.market, 0)),
                }
                for one in closed.clearing
            ],
            "records": [
                {"orderHash": "0x" + one.order_hash.hex(), "fill": format_decimal(one.fill_e8, 8)}
                for one in closed.records
            ],
        }

    def _batch_view(self, row: _BatchRow) -> Json:
        return {
            "number": row.closed.number,
            "ts": row.closed.time_ms,
            "status": row.status,
            "orders": len(row.closed.records),
            "fills": row.fills,
            "skips": row.skips,
            "notional": format_decimal(row.notional_e6, 6),
            "block": row.block or None,
            "txHash": "0x" + row.transaction.hex() if row.transaction else None,
            "reason": row.reason or None,
        }


def reopened(vector: PriceVector, opened: int) -> PriceVector:
    """The same vector presented with other chunks open. The chunks to be opened must be open in it
    already.
    """
    openings = vector_openings(vector.prices, vector.chunks, opened)
    return msgspec.structs.replace(vector, opened=opened, openings=openings)


def _rejection(event: OrderRejected) -> Rejected:
    """A journalled rejection as the error it was."""
    rejected = Rejected(event.code, event.param)
    rejected.args = (event.code, event.param, event.message)
    rejected.message = event.message
    return rejected


def _plain(value: Any) -> Any:
    return int.from_bytes(value, "big") if isinstance(value, bytes) else value


def _price(price_e8: int) -> str | None:
    return format_decimal(price_e8, 8) if price_e8 else None


def _signed(value: int, decimals: int) -> str:
    text = format_decimal(abs(value), decimals)
    return "-" + text if value < 0 else text


def replay_state(path: Path) -> tuple[State, int, str]:
    """The state a journal folds to, with its sequence and hash; needs no chain. Raises
    `Misconfigured` on damage.
    """
    state = State()

    def fold(_seq: int, line: bytes) -> None:
        entry = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        if "events" in entry:
            for event in decode_events(bytes(entry["events"])):
                evolve(state, event)

    with Journal.existing(path) as journal:
        journal.replay(fold)
        return state, journal.seq, journal.hash.hex()


# -- a whole venue on this machine -----------------------------------------------------------------


class LocalVenue:
    """A devnet with its node and its HTTP door, from construction to `close`; without a dealer
    given, the venue's own desk.

    Time is stepped by the caller (`step`), or follows the wall clock while `run_live` runs.
    `api_port` None serves no HTTP.
    """

    def __init__(
        self,
        config: DevnetConfig,
        dealer: Dealer | None = None,
        *,
        api_port: int | None = None,
        batch_interval_ms: int = 1_000,
        progress: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.config = config
        self.batch_interval_ms = batch_interval_ms
        self.clock_ms = config.start_ms
        self.server: Server | None = None
        self._ends = contextlib.ExitStack()
        try:
            self.devnet = self._ends.enter_context(Devnet(config, progress))
            progress("starting the node")
            self.node = self._open_node(dealer or Desk(Curve, batch_interval_ms / 1000))
            self._ends.callback(lambda: self.node.close())
            self.gateway = Gateway(self.node)
            self._ends.callback(self.gateway.close)
            if api_port is not None:
                self.server = self._ends.enter_context(Server(self.gateway, api_port))
        except BaseException:
            self.close()
            raise

    def _open_node(self, dealer: Dealer) -> Node:
        devnet = self.devnet
        poster = Poster(devnet.venue, devnet.sender(devnet.matcher), mine=devnet.mine)
        return Node(
            venue=devnet.venue,
            journal_path=devnet.directory / "journal",
            matcher_key=devnet.matcher.private_key,
            poster=poster,
            oracle=devnet.collector,
            dealer=dealer,
            now_ms=lambda: self.clock_ms,
            mine=devnet.mine,
            meta={
                "batchIntervalMs": self.batch_interval_ms,
                "oracle": {
                    "signers": [
                        checksum_address(wallet.address) for wallet in devnet.oracle_wallets
                    ],
                    "k": self.config.threshold,
                },
            },
        )

    def restart_node(self, dealer: Dealer) -> None:
        """Close the node and recover another from its journal, as after a crash. The HTTP door
        keeps the old one: use without.
        """
        self.node.close()
        self.node = self._open_node(dealer)

    def step(
        self, time_ms: int, prices_e8: dict[int, int], noise: random.Random | None = None
    ) -> BatchOutcome:
        """Publish prices for a time and close a batch at it. Times must rise."""
        self.clock_ms = max(self.clock_ms, time_ms)
        self.devnet.write_prices(time_ms, prices_e8, noise)
        return self.node.close_batch(time_ms)

    def view(self) -> dict[str, Any]:
        """What `infold devnet --json` prints."""
        return self.devnet.view(self.server.url if self.server else "")

    def run_live(self, stopped: threading.Event) -> None:
        """Serve with the wall clock until told to stop: a synthetic price walk, a batch every
        interval, blocks for everybody.

        Raises what halted the node, or `Unavailable` when the chain is gone.
        """
        walk = PriceWalk(self.config.seed, live_prices(self.config))
        noise = random.Random(self.config.seed + 1)
        step_s = self.batch_interval_ms / 1000
        upcoming = time.monotonic()
        while not stopped.is_set():
            self.gateway.run(lambda: self._live_batch(walk, noise))
            upcoming = max(upcoming + step_s, time.monotonic())
            stopped.wait(upcoming - time.monotonic())

    def _live_batch(self, walk: PriceWalk, noise: random.Random) -> None:
        time_ms = max(time.time_ns() // 1_000_000, self.clock_ms + 1)
        self.clock_ms = time_ms
        try:
            outcome = self.step(time_ms, walk.next(self.batch_interval_ms), noise)
        except Unavailable as error:
            self.devnet.anvil.require_alive()
            _log.warning("BATCH_POSTPONED seq=%d reason=%r", self.node.journal.seq, str(error))
            outcome = BatchOutcome(time_ms)
        if outcome.number is None:
            self.devnet.mine(time_ms)  # whoever else sends transactions waits for a block
            self.node.observe()

    def close(self) -> None:
        """End everything, last started first. Safe to call twice."""
        self._ends.close()

    def __enter__(self) -> LocalVenue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def live_prices(config: DevnetConfig) -> dict[int, int]:
    """Where the synthetic walk starts: given prices, else the default ones by name, else 100."""
    return {
        market.market: config.prices_e8.get(
            market.market, round(DEFAULT_PRICES.get(market.listing.name, 100.0) * 1e8)
        )
        for market in config.markets
    }


class PriceWalk:
    """Seeded geometric random walks, 60% volatility a year, for a devnet's live feed. price_e8 by
    market.
    """

    def __init__(self, seed: int, prices_e8: dict[int, int]) -> None:
        self._dice = random.Random(seed)
        self._prices = {market: float(price) for market, price in prices_e8.items()}

    def next(self, elapsed_ms: int) -> dict[int, int]:
        """The prices one step later."""
        deviation = 0.6 * math.sqrt(elapsed_ms / (365 * 86_400_000))
        for market in self._prices:
            self._prices[market] *= math.exp(self._dice.gauss(0.0, deviation))
        return {market: max(1, round(price)) for market, price in self._prices.items()}
