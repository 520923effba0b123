# SPDX-License-Identifier: Apache-2.0
"""Batches to the chain, once each, whatever fails between.

The caller journals a batch before it gives it to `post`, so a crash at any later point finds the
same bytes again and `post` sends them again: the contract takes number n once, and a number that
has landed with equal contents is a success. One nonce holds one batch: a replacement pays more and
carries the same calldata. The chain's word counts, not ours: a batch is confirmed when its receipt
is `confirmations` deep, and blocks are remembered by hash, so a reorganisation is seen. Up to
`confirmations` deep it heals (the same bytes go out again); deeper it halts, because what was
called final was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import msgspec

from infold.errors import InvariantBroken, Misconfigured, Unavailable
from infold.messages import Batch
from infold.shell.chain import (
    TRANSACTION_GAS_MAX,
    Block,
    Receipt,
    Reverted,
    Sender,
    Transaction,
    Venue,
    block,
    receipt,
    settle_calldata,
    why_it_failed,
)
from infold.signing import checksum_address
from infold.units import WINDOW_MS
from infold.words import unpack_head

REPLACEMENTS_MAX = (
    8  # 12.5 % each: together 2.5 times the first fee, beyond which a person should look
)
POLL_S = 0.05
BUMP_PER_MILLE = 1_126  # nodes refuse a replacement that pays less than 12.5 % more


class Lapsed(Unavailable):
    """Batch n can no longer land: a final block is stamped later than T + F. Its fills are void."""


class BatchRefused(Reverted):
    """The contract reverts the batch: it was wrong when signed, or the chain moved under it."""


class Intent(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A sealed batch as it goes out and into the journal: what identifies it, and the exact
    calldata.
    """

    number: int
    time_ms: int
    contents: bytes
    calldata: bytes


class Landed(NamedTuple):
    """A batch on chain."""

    number: int
    transaction: bytes
    block: int
    block_hash: bytes
    gas_used: int


@dataclass(slots=True)
class _Pending:
    intent: Intent
    transaction: Transaction
    hashes: list[bytes]
    replaced: int = 0


class Poster:
    """Posts batches with one key. `mine`, if given, is called with T after a send: a development
    node mines on demand.

    `confirmations` 0 calls a mined batch final, as on a chain of our own.
    """

    def __init__(
        self,
        venue: Venue,
        sender: Sender,
        *,
        confirmations: int = 0,
        mine: Callable[[int], None] | None = None,
        replace_after_s: float = 4.0,
        fee_wei_max: int = 10**12,
    ) -> None:
        self.venue = venue
        self.sender = sender
        self.confirmations = confirmations
        self.posted = 0
        self.landed = 0
        self._mine = mine
        self._replace_after_s = replace_after_s
        self._fee_wei_max = fee_wei_max
        self._final: Block | None = None

    def settled_number(self, at: int | str = "latest") -> int:
        """The number of the last batch on chain."""
        return unpack_head(int(self.venue["Clearing"].call("head", at=at))).number

    def landed_before(self, intent: Intent) -> Landed | None:
        """The batch on chain under this number, if its contents are these.

        Raises `InvariantBroken` if others stand there: another poster has our matcher's key, or our
        journal is not the one.
        """
        if self.settled_number() < intent.number:
            return None
        latest = block(self.venue.rpc).number
        for log in reversed(self.venue.logs(self.venue.book.first_block, latest)):
            if log.name == "BatchSettled" and log.arguments["number"] == intent.number:
                if log.arguments["contents"] != intent.contents:
                    raise InvariantBroken(
                        f"batch {intent.number} is on chain with other contents than the "
                        "journal's; "
                        "stop: somebody else signs as this matcher, or this is another venue's "
                        "journal"
                    )
                found = receipt(self.venue.rpc, log.transaction)
                gas = found.gas_used if found else 0
                return Landed(intent.number, log.transaction, log.block, log.block_hash, gas)
        raise Unavailable(
            f"batch {intent.number} is on chain but its log was not found; ask a node that keeps "
            "all logs"
        )

    def require_matcher(self, time_ms: int, matcher: bytes) -> None:
        """Raise `Unavailable` unless this key seals batches of T by the chain: governance may name
        another at any time, and name this one again.
        """
        old, new = self.venue["Seals"].calls("matcher_words", [[0], [1]])
        named = (new if time_ms > old >> 160 else old) & (1 << 160) - 1
        if named != int.from_bytes(matcher, "big"):
            raise Unavailable(
                f"the matcher of this venue is {checksum_address(named.to_bytes(20, 'big'))} now,"
                f" and this node seals as {checksum_address(matcher)}: start it with the new key,"
                " or name the old one again (infold govern matcher ADDRESS)"
            )

    def rehearse(self, batch: Batch, digest: bytes) -> None:
        """Ask the node what the contract would say to a batch that nobody has sealed yet, in a
        block stamped just after T: in this call alone, `Seals` says yes to this digest.

        Raises `BatchRefused` with the contract's string, `Misconfigured` if the node cannot do it.
        """
        time_s = None if self._mine is None else -(-batch.time_ms // 1000)
        try:
            self.sender.call(
                self.venue["Clearing"].address,
                settle_calldata(batch),
                TRANSACTION_GAS_MAX,
                time_s,
                {self.venue["Seals"].address: _seal_of_nobody(digest)},
            )
        except Reverted as error:
            if error.reason == "seals: not the matcher":
                raise Misconfigured(
                    "the node takes no account overrides in eth_call, and a batch is tried before"
                    " it is sealed; name one that does (anvil, geth, reth)"
                ) from error
            reason = error.reason or "the contract hashes the batch to another digest"
            raise BatchRefused(reason, f"batch {batch.number}") from error

    def post(self, intent: Intent, deadline_s: float = 60.0) -> Landed:
        """Land a journalled batch and wait for its receipt. Safe to call again for the same batch,
        also after a crash.

        Raises `BatchRefused`, `Lapsed`, or `Unavailable` when the deadline passed without an answer
        (call again).
        """
        self.check_reorganisation()
        earlier = self.landed_before(intent)
        if earlier is not None:
            return earlier
        self.require_live(intent)
        self.sender.nonce = self.sender.chain_nonce(
            "latest"
        )  # what waits under this nonce is this batch, or nothing of ours
        transaction = self.sender.transaction(
            self.venue["Clearing"].address, intent.calldata, gas=TRANSACTION_GAS_MAX
        )
        pending = _Pending(intent, transaction, [])
        self._send(pending)
        return self._wait(pending, time.monotonic() + deadline_s)

    def _send(self, pending: _Pending) -> None:
        raw = self.sender.sign(pending.transaction)
        try:
            found = self.sender.send_raw(raw)
        except Unavailable as error:
            if "underpriced" not in str(error) and "nonce too low" not in str(error):
                raise
            if "underpriced" in str(error):
                self._raise_fee(pending)
                return self._send(pending)
            return  # mined meanwhile: the wait finds it
        pending.hashes.append(found)
        self.posted += 1
        if self._mine is not None:
            self._mine(pending.intent.time_ms)

    def _raise_fee(self, pending: _Pending) -> None:
        pending.replaced += 1
        tip = pending.transaction.tip_wei * BUMP_PER_MILLE // 1000 + 1
        fee = max(
            pending.transaction.fee_wei_max * BUMP_PER_MILLE // 1000 + 1, self.sender.fees_wei()[1]
        )
        if pending.replaced > REPLACEMENTS_MAX or fee > self._fee_wei_max:
            raise Unavailable(
                f"batch {pending.intent.number} was not mined after {pending.replaced - 1} "
                "raises of its fee; "
                "check the node and the fee cap, then retry"
            )
        pending.transaction = replace(pending.transaction, tip_wei=tip, fee_wei_max=fee)

    def _wait(self, pending: _Pending, deadline: float) -> Landed:
        """Until one of the sent transactions has a receipt and is deep enough; a bounded wait for
        the chain.
        """
        raise_at = time.monotonic() + self._replace_after_s
        while True:
            for found in map(self._receipt, pending.hashes):
                if found is not None and self._deep(found):
                    return self._account(pending, found)
            now = time.monotonic()
            if now > deadline:
                raise Unavailable(
                    f"batch {pending.intent.number} has no receipt yet; retry: it is sent only once"
                )
            if now > raise_at:
                self.require_live(pending.intent)
                self._raise_fee(pending)
                self._send(pending)
                raise_at = time.monotonic() + self._replace_after_s
            time.sleep(POLL_S)

    def _receipt(self, transaction: bytes) -> Receipt | None:
        return receipt(self.venue.rpc, transaction)

    def _deep(self, found: Receipt) -> bool:
        if not self.confirmations:
            return True
        return block(self.venue.rpc).number - found.block >= self.confirmations

    def _account(self, pending: _Pending, found: Receipt) -> Landed:
        intent = pending.intent
        if not found.ok:
            earlier = self.landed_before(intent)
            if earlier is not None:
                return earlier
            raise BatchRefused(why_it_failed(self.venue.rpc, found.hash), f"batch {intent.number}")
        if self.settled_number() < intent.number:
            raise InvariantBroken(
                f"batch {intent.number} has a good receipt and is not on chain; the node "
                "contradicts itself"
            )
        self.landed += 1
        self._remember()
        return Landed(intent.number, found.hash, found.block, found.block_hash, found.gas_used)

    # -- time and reorganisations ------------------------------------------------------------------

    def require_live(self, intent: Intent) -> None:
        """Raise `Lapsed` once a final block is stamped later than T + F."""
        final = self.final_block()
        if final.timestamp_s * 1000 > intent.time_ms + WINDOW_MS:
            raise Lapsed(
                f"batch {intent.number} of {intent.time_ms} lapsed: final block {final.number} "
                f"is stamped {final.timestamp_s} s"
            )

    def final_block(self) -> Block:
        """The last block that is deep enough to be called final."""
        latest = block(self.venue.rpc)
        if not self.confirmations:
            return latest
        return block(self.venue.rpc, max(0, latest.number - self.confirmations))

    def _remember(self) -> None:
        """Keep the last final block by hash."""
        final = self.final_block()
        if self._final is None or final.number >= self._final.number:
            self._final = final

    def check_reorganisation(self) -> None:
        """Raise `InvariantBroken` if a block that was called final is gone."""
        if self._final is None:
            return
        try:
            now = block(self.venue.rpc, self._final.number)
        except Unavailable:
            now = None
        if now is None or now.hash != self._final.hash:
            raise InvariantBroken(
                f"block {self._final.number} was final and is gone: the chain reorganised deeper "
                "than "
                f"{self.confirmations} blocks. The venue halts; compare chain and journal "
                "(infold reconcile) before restarting"
            )


def _seal_of_nobody(digest: bytes) -> bytes:
    """Code that answers `Seals.check` with true for this digest and else reverts without a word."""
    asked = bytes.fromhex("6024 35")  # the digest is the call's second word
    equal = bytes.fromhex("7f") + digest + bytes.fromhex("14 80 6000 52")
    answer = bytes.fromhex("6030 57 6000 80 fd 5b 6020 6000 f3")
    return asked + equal + answer
