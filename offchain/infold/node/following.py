# SPDX-License-Identifier: Apache-2.0
"""Following the chain: what its logs say becomes facts of the journal."""

from __future__ import annotations

import itertools
from typing import Any, Final

from infold.core.events import (
    ChainFact,
    ConfirmBatch,
    Deployed,
    ObserveChain,
    SkippedOnChain,
    fact_from_log,
    to_word,
)
from infold.core.refunds import RefundPaid
from infold.core.state import chain_words
from infold.errors import InvariantBroken, Misconfigured, Unavailable
from infold.node.memory import Memory
from infold.shell.chain import Log, Venue, block
from infold.shell.poster import Poster
from infold.shell.reconcile import Reconciliation, reconcile
from infold.shell.refunds import deposits_of
from infold.words import unpack_head

CREATION_BLOCKS_MAX: Final = 256
"""So many are searched for Clearing's: a deployment's contracts come in few blocks each."""
FACT_CONTRACTS: Final = frozenset({"Clearing", "Recovery", "Delegates", "Pool", "Oracle"})


class Follower:
    """Folds the logs of final blocks into the memory, and compares both sides when asked.

    Deposits by `refund_payer` are refunds paid.
    """

    def __init__(
        self, memory: Memory, venue: Venue, poster: Poster, refund_payer: bytes | None = None
    ) -> None:
        self._refund_payer = refund_payer
        self._memory = memory
        self._state = memory.state
        self._venue = venue
        self._poster = poster

    def begin(self) -> None:
        """The first entry: the words a deployment starts with, read at the block that created
        Clearing. `Misconfigured` if that is not near the book's first block.
        """
        clearing = self._venue["Clearing"]
        first = self._venue.book.first_block
        for number in range(first, first + CREATION_BLOCKS_MAX):
            if (
                self._venue.rpc.call("eth_getCode", "0x" + clearing.address.hex(), hex(number))
                != "0x"
            ):
                break
        else:
            raise Misconfigured(
                f"Clearing was not created within {CREATION_BLOCKS_MAX} blocks of the book's "
                "first block"
            )
        head = clearing.call("head", at=number)
        stamp_ms = block(self._venue.rpc, number).timestamp_s * 1000
        deployed = Deployed(
            pool=to_word(clearing.call("accounts", 0, at=number)),
            backstop=to_word(clearing.call("accounts", 1, at=number)),
            head=to_word(head),
            epoch_ms=unpack_head(int(head)).epoch_end_ms - stamp_ms,
        )
        self._memory.do(ObserveChain(facts=[deployed], block=number - 1, block_ms=stamp_ms))

    def observe(self) -> None:
        """Fold what the chain's logs say since the last look; a batch's own logs confirm it. Raises
        `InvariantBroken` if the chain's head went back or the journal takes nothing.
        """
        head = self._poster.final_block()
        if head.number <= self._state.block:
            if head.number < self._state.block:
                raise InvariantBroken(
                    f"the chain's head went back from block {self._state.block} to {head.number}; "
                    "ask another node, or "
                    "start a new journal if the chain was begun anew"
                )
            return
        self._poster.check_reorganisation()
        logs = self._venue.logs(self._state.block + 1, head.number)
        found = [log for log in logs if log.contract in FACT_CONTRACTS]
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
                        facts=facts, block=log.block - 1, block_ms=self._state.block_ms
                    )
                    entries.append(self._memory.fold(before))
                    facts = []
                entries.append(self._memory.fold(self._confirmation(log, skips)))
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
        entries.append(self._memory.fold(last))
        entries += self._refunds_paid(logs)
        # One group: half a block is never in the journal. The state has moved already, so a disk
        # that refuses leaves it ahead of the journal, and only a restart may go on from there.
        try:
            self._memory.journal.append(entries)
        except Unavailable as error:
            raise InvariantBroken(f"what the chain did could not be journalled: {error}") from error

    def _refunds_paid(self, logs: list[Log]) -> list[bytes]:
        """The entry of refunds that were paid, if any were."""
        if self._refund_payer is None:
            return []
        payments = [
            RefundPaid(
                account=one.account,
                amount_e6=one.amount_e6,
                block=one.block,
                tx_hash=one.transaction,
            )
            for one in deposits_of(self._refund_payer, logs)
        ]
        return [self._memory.fold_paid(payments)] if payments else []

    def _confirmation(self, log: Log, skips: list[SkippedOnChain]) -> ConfirmBatch:
        number = int(log.arguments["number"])
        under_way = self._state.in_flight
        if under_way is None or under_way.number != number:
            raise InvariantBroken(
                f"batch {number} landed and this journal did not send it: somebody else signs as "
                "the matcher"
            )
        intent = self._memory.intent
        if intent is not None and log.arguments["contents"] != intent.contents:
            raise InvariantBroken(f"batch {number} landed with contents this journal did not sign")
        return ConfirmBatch(number=number, skips=skips, block=log.block, tx_hash=log.transaction)

    def reconcile(self) -> Reconciliation:
        """Engine against chain, at the block the engine has seen."""
        self.observe()
        return reconcile(self._venue, chain_words(self._state), self._state.block)


def _plain(value: Any) -> Any:
    return int.from_bytes(value, "big") if isinstance(value, bytes) else value
