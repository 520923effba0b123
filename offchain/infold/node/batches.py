# SPDX-License-Identifier: Apache-2.0
"""Batches: from the dealer's curves and a price vector to a settled call.

One number, one seal (docs/decisions/0144): a batch is tried without a seal, sealed once the trial
has passed, journalled, and only then leaves the process. A seal in the journal may be anywhere: its
number is sealed anew only for a T more than F later, after a final block has shown that it lapsed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from infold.core.closing import check_running
from infold.core.curve import Curve
from infold.core.engine import decide
from infold.core.events import BatchClosed, CloseBatch, LapseBatch, SkippedOnChain, encode_entry
from infold.core.netting import material_of
from infold.core.plan import Reason
from infold.core.refunds import TiersFixed
from infold.core.state import State
from infold.dealer.desk import SignalsLike
from infold.dealer.guarding import CapitalGuard
from infold.errors import InvariantBroken, Unavailable, Unpriced
from infold.messages import Batch, Fill, PriceVector
from infold.node.following import Follower
from infold.node.memory import Memory
from infold.node.postponement import Unsigned
from infold.shell.chain import settle_calldata
from infold.shell.poster import BatchRefused, Intent, Landed, Lapsed, Poster
from infold.signing import Domain, address_of, batch_digest, sign
from infold.units import GUARD_MS, WINDOW_MS
from infold.vectors import vector_openings
from infold.words import STATUS_UNLISTED

REFUSALS_MAX: Final = 3
"""In a row: one may be a race with an owner's act, three are a fault of ours."""
TIERS_MS: Final = 3_600_000
"""How long fee tiers hold: an hour by UTC. Longer, and a fresh name pays the lowest tier for a day;
shorter, and a trader does not know what it will pay."""

_log = logging.getLogger("infold.node")


class Dealer(Protocol):
    """Commits a curve a market before the prices of the batch are known; sees no orders.

    `signals`, if it goes by any, are told what has happened (`memory.py`), and `guard`, if capital
    limits it, what is hedged outside (`local.py`).
    """

    @property
    def signals(self) -> SignalsLike | None: ...

    @property
    def guard(self) -> CapitalGuard | None: ...

    def curves(self, state: State, time_ms: int) -> dict[int, Curve]:
        """The curve of each market it wants to trade in, for the batch at T."""


class Oracle(Protocol):
    """Collects signed price vectors."""

    def collect(self, time_ms: int, required: Sequence[int] = ()) -> PriceVector:
        """The vector of T, pricing every required market. Raises `Unavailable`."""


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


class Batches:
    """Closes, seals, posts and finishes batches, one at a time.

    `mine`, on a chain of our own, stamps a block for a time in ms; `tiers_ms` is how long fee tiers
    hold.
    """

    def __init__(
        self,
        *,
        memory: Memory,
        follower: Follower,
        poster: Poster,
        oracle: Oracle,
        dealer: Dealer,
        domain: Domain,
        matcher_key: bytes,
        mine: Callable[[int], None] | None,
        tiers_ms: int = TIERS_MS,
    ) -> None:
        self._memory = memory
        self._state = memory.state
        self._follower = follower
        self._poster = poster
        self._oracle = oracle
        self._dealer = dealer
        self._domain = domain
        self._matcher_key = matcher_key
        self._mine = mine
        self._tiers_ms = tiers_ms
        self._refusals = 0
        self._silent: set[int] = set()
        self._faults: dict[tuple[int, str], int] = {}
        self._cuts: dict[tuple[int, str], int] = {}

    def close(self, time_ms: int) -> BatchOutcome:
        """Match what waits at the vector of T and settle it.

        Raises `Unavailable` if the oracle, the chain or the disk cannot serve; nothing is lost, and
        a later T may be tried.
        """
        self.finish_under_way()
        self._follower.observe()
        check_running(self._state)
        self.require_apart(time_ms)
        self._poster.require_matcher(time_ms, address_of(self._matcher_key))
        if self._mine is not None and self._state.block_ms < time_ms - GUARD_MS:
            self._mine(time_ms - GUARD_MS)
            self._follower.observe()
        self.fix_tiers(time_ms)
        curves = self._dealer.curves(self._state, time_ms)
        self.say_faults()
        self._memory.commit(curves, time_ms, self._dealer.guard)
        vector = self._priced(time_ms)
        command = CloseBatch(
            time_ms=time_ms,
            prices_e8=vector.prices,
            chunks=vector.chunks,
            root=vector.root,
            curves=curves,
        )
        decided = decide(self._state, command)
        closed = next((event for event in decided if isinstance(event, BatchClosed)), None)
        entries = [encode_entry(command, decided)]
        intent = None
        refused = ""
        if closed is not None:
            batch = self._unsealed(closed, vector)
            digest = batch_digest(batch.number, batch.time_ms, batch.contents, self._domain)
            try:
                self._poster.rehearse(batch, digest)
                intent = self._seal(batch, digest)
                entries.append(msgspec.json.encode({"intent": intent}))
            except BatchRefused as refusal:
                refused = refusal.reason or "no reason given"
        self._memory.journal.append(entries)
        self._memory.take(decided)
        if closed is None:
            return BatchOutcome(time_ms)
        if intent is None:
            return self._give_up(closed, refused)
        self._memory.intent = intent
        self._refusals = 0
        landed = self._land(intent)
        return (
            self._outcome(closed, landed)
            if landed is not None
            else BatchOutcome(time_ms, refused="lapsed")
        )

    def fix_tiers(self, time_ms: int) -> None:
        """Fix every account's fee tier at the first batch of a period, by what was seen before it.

        What a model cannot say leaves the tiers as they are.
        """
        signals, held = self._dealer.signals, self._memory.refunds.tiers
        period = time_ms // self._tiers_ms
        if signals is None or period <= held.time_ms // self._tiers_ms:
            return
        try:
            found = signals.tiers(time_ms)
        except (ValueError, ArithmeticError):
            signals.refuse(0, "tiers")
            return
        self._memory.fix_tiers(
            TiersFixed(
                time_ms=time_ms,
                top_e6=found.top_e6,
                lowest_e6=found.lowest_e6,
                raised_e6=dict(found.raised_e6),
            )
        )

    def say_faults(self) -> None:
        """Say what signals were refused and which curves capital cut since the last batch: at 1, 2,
        4, 8 ... of a kind.
        """
        signals, guard = self._dealer.signals, self._dealer.guard
        if signals is not None:
            for market, name, count in doubled(signals.faults, self._faults):
                _log.warning(
                    "SIGNAL_REFUSED seq=%d market=%d signal=%s count=%d",
                    self._memory.journal.seq,
                    market,
                    name,
                    count,
                )
        if guard is not None:
            for market, name, count in doubled(guard.cuts, self._cuts):
                _log.info(
                    "CURVE_CUT seq=%d market=%d reason=%s cut_m=%.6f count=%d",
                    self._memory.journal.seq,
                    market,
                    name,
                    guard.last[market].cut_m,
                    count,
                )

    def _priced(self, time_ms: int) -> PriceVector:
        """The vector of T. A market that falls silent is waited for once, and then the others go on
        without it: its orders rest, and who holds it cannot be judged. What a due strike needs is
        `core.closing`'s to ask for.
        """
        live = self._live_markets(time_ms)
        try:
            vector = self._oracle.collect(
                time_ms, [market for market in live if market not in self._silent]
            )
        except Unpriced as unpriced:
            self._silent |= set(unpriced.markets)
            seq, silent = self._memory.journal.seq, sorted(self._silent)
            _log.warning("MARKET_SILENT seq=%d markets=%s", seq, silent)
            raise
        except Unavailable as silence:
            raise Unsigned(str(silence)) from silence
        back = self._silent & vector.prices.keys()
        if back:
            _log.info("MARKET_PRICED seq=%d markets=%s", self._memory.journal.seq, sorted(back))
            self._silent -= back
        return vector

    def _live_markets(self, time_ms: int) -> list[int]:
        return sorted(
            number
            for number, market in self._state.markets.items()
            if market.at(time_ms).rates.status != STATUS_UNLISTED
        )

    def require_apart(self, time_ms: int) -> None:
        """Raise `Unavailable` while a seal at T could be one of two for a number that count against
        the matcher: at most F after the T of one that was journalled and lapsed.
        """
        sealed = self._memory.intent
        if sealed is None or sealed.number <= self._state.head.number:
            return
        if time_ms <= sealed.time_ms + WINDOW_MS:
            raise Unavailable(
                f"batch {sealed.number} was sealed for {sealed.time_ms} and lapsed; it is sealed"
                f" anew only for a time after {sealed.time_ms + WINDOW_MS}, not {time_ms}"
            )

    def _unsealed(self, closed: BatchClosed, vector: PriceVector) -> Batch:
        """The call of a closed batch, without a seal. The vector is presented with the chunks the
        batch opens, and no others.
        """
        material = material_of(self._state, closed)
        return Batch(
            number=closed.number,
            time_ms=closed.time_ms,
            head=material.head,
            vector=reopened(vector, closed.opened),
            price_words=material.price_words,
            records=material.records,
            accepted_root=closed.accepted_root,
            contents=material.contents,
            seals=[],
        )

    def _seal(self, batch: Batch, digest: bytes) -> Intent:
        """The signed call of a batch: in the journal before it is anywhere else."""
        sealed = msgspec.structs.replace(batch, seals=[sign(digest, self._matcher_key)])
        return Intent(
            number=sealed.number,
            time_ms=sealed.time_ms,
            contents=sealed.contents,
            calldata=settle_calldata(sealed),
        )

    def _give_up(self, closed: BatchClosed, reason: str) -> BatchOutcome:
        """A batch the contract would refuse was never sealed: its fills are void, its orders wait
        for the next one.
        """
        self._memory.do(LapseBatch(number=closed.number, reason=reason, signed=False))
        self._refusals += 1
        _log.warning(
            "BATCH_REFUSED seq=%d number=%d reason=%r",
            self._memory.journal.seq,
            closed.number,
            reason,
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
            self._follower.observe()
            if self._state.in_flight is not None:
                self._memory.do(LapseBatch(number=intent.number, reason=str(lapsed)))
            return None
        except BatchRefused as refusal:
            raise InvariantBroken(
                f"batch {intent.number} reverted on chain with {refusal.reason!r}, though nothing"
                " was wrong when it was sealed; run infold reconcile, and start again once its T"
                f" is {WINDOW_MS // 1000} s old: its orders wait"
            ) from refusal
        self._follower.observe()
        if self._state.in_flight is not None:
            raise InvariantBroken(
                f"batch {intent.number} landed in block {landed.block}, but its log was not found"
            )
        return landed

    def finish_under_way(self) -> None:
        """Bring a batch that an earlier run or an earlier error left under way to its end."""
        under_way = self._state.in_flight
        if under_way is None:
            return
        intent = self._memory.intent
        if (
            intent is None
            or intent.number != under_way.number
            or intent.time_ms != under_way.time_ms
        ):
            self._memory.do(
                LapseBatch(number=under_way.number, reason="it was never signed", signed=False)
            )
            return
        self._land(intent)

    def _outcome(self, closed: BatchClosed, landed: Landed) -> BatchOutcome:
        memory = self._memory
        row = memory.batch_row(closed.number)
        fills = memory.fill_rows[len(memory.fill_rows) - row.fills :]
        skips = []
        for record in closed.records:
            skipped = memory.by_hash[record.order_hash]
            if skipped.ended == "skipped":
                order = skipped.signed.order
                reason = Reason[skipped.reason].value
                skips.append(SkippedOnChain(order.account, order.slot, reason))
        return BatchOutcome(
            time_ms=closed.time_ms,
            number=closed.number,
            fills=tuple(fills),
            skips=tuple(skips),
            gas_used=landed.gas_used,
            block=landed.block,
            transaction=landed.transaction,
        )


def doubled(
    counts: Mapping[tuple[int, str], int], known: dict[tuple[int, str], int]
) -> Iterator[tuple[int, str, int]]:
    """Counts by market and name that have passed a power of two since they were last `known`."""
    for (market, name), count in counts.items():
        before = known.get((market, name), 0)
        known[market, name] = count
        if count.bit_length() > before.bit_length():
            yield market, name, count


def reopened(vector: PriceVector, opened: int) -> PriceVector:
    """The same vector presented with other chunks open. The chunks to be opened must be open in it
    already.
    """
    openings = vector_openings(vector.prices, vector.chunks, opened)
    return msgspec.structs.replace(vector, opened=opened, openings=openings)
