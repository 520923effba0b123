# SPDX-License-Identifier: Apache-2.0
"""A chain's history run through the protocol model, transaction by transaction, and compared with
its logs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from .abi import DOOR_OF, DOORS, SETTLE, Argument, decode, decode_settle
from .digests import Contents, Record, batch_contents, order_hashes
from .faults import Fault, Reason
from .history import Entry, Event, History
from .keccak import keccak_256_many
from .protocol import APPROVED, Protocol
from .rpc import Transaction
from .secp256k1 import recover
from .settlement import (
    BACKSTOP_ACCOUNT,
    TREASURY_ACCOUNT,
    Prepared,
    SettleCall,
    contents_of,
    vector_of,
)
from .sources import Readings, Source
from .words import Account, Delegate, Limits, Withdrawal

_MISMATCHES_MAX = 200
_APART = ("Transfer", "SignerSet", "ThresholdSet")
"""Logs that are followed by themselves, or say nothing that is kept."""


@dataclass(slots=True)
class Batch:
    """A landed `settle` call with what depends on its calldata alone, and what the chain logged of
    it.
    """

    call: SettleCall
    prepared: Prepared
    skipped: dict[tuple[int, int], int] = field(default_factory=dict)
    reasons: list[Reason] = field(default_factory=list)
    signers: Callable[[int], int | None] = lambda place: None


@dataclass(slots=True)
class Step:
    """One transaction of the history."""

    entry: Entry
    batch: Batch | None = None


@dataclass(slots=True)
class Sampling:
    """Which order signatures are recovered: all, about `sample` of them evenly spread, or none.

    Always recovered: those of delegated orders (only the key tells which delegate signed), those
    the chain found bad, and all of matcher, attesters and oracle signers.
    """

    mode: str
    sample: int
    records: int = 0
    checked: int = 0

    def wants(self, ordinal: int) -> bool:
        """Whether order record number `ordinal` of the history is checked."""
        if self.mode == "all":
            return True
        if self.mode == "none" or not self.sample:
            return False
        every = max(1, -(-self.records // self.sample))
        return ordinal % every == 0


class Replay:
    """The model beside a history; `take` each of its `steps` in turn."""

    def __init__(self, history: History, sampling: Sampling) -> None:
        self.history = history
        self.sampling = sampling
        self.mismatches: list[str] = []
        contracts, origin = history.contracts, history.origin
        self.protocol = Protocol(
            chain_id=history.chain_id,
            clearing=contracts.clearing,
            oracle=contracts.oracle,
            recovery=contracts.recovery,
            pool=contracts.pool,
            governance=contracts.governance,
            oracle_signers=origin.oracle_signers,
            oracle_threshold=origin.oracle_threshold,
            matcher=origin.matcher,
            epoch_ms=origin.epoch_ms,
            deployed_s=origin.deployed_s,
        )
        self.protocol.spenders_allowed = True
        self._batches = self._prepare()
        self._ordinal = 0

    def disagree(self, message: str) -> None:
        """Note a difference; the first few hundred are enough to find the cause."""
        if len(self.mismatches) < _MISMATCHES_MAX:
            self.mismatches.append(message)

    # -- before the run ---------------------------------------------------------

    def _prepare(self) -> dict[bytes, Batch]:
        """Decode and hash every landed batch, all of them side by side."""
        domain = self.protocol.crypto.domain
        calls: list[tuple[bytes, SettleCall]] = []
        for entry in self.history.entries:
            if any(event.name == "BatchSettled" for event in entry.events):
                data = embedded(entry.transaction.data, SETTLE.selector)
                if data is not None:
                    calls.append((entry.transaction.hash, decode_settle(data)))
        vectors = [vector_of(call, keccak_256_many) for _, call in calls]
        contents: list[Contents] = [
            contents_of(call, vector) for (_, call), vector in zip(calls, vectors, strict=True)
        ]
        contents_hashes = batch_contents(contents, keccak_256_many)
        records = [[Record.of(*words) for words in call.records] for _, call in calls]
        flat = [record for of_batch in records for record in of_batch]
        hashes = order_hashes(flat, domain, keccak_256_many)
        self.sampling.records = len(flat)
        batches: dict[bytes, Batch] = {}
        at = 0
        for (key, call), vector, mine, hashed in zip(
            calls, vectors, records, contents_hashes, strict=True
        ):
            prepared = Prepared(vector, mine, hashes[at : at + len(mine)], hashed)
            batches[key] = Batch(call, prepared)
            at += len(mine)
        return batches

    # -- the run ------------------------------------------------------------------

    def steps(self) -> Iterator[Step]:
        """Every transaction, in order."""
        for entry in self.history.entries:
            yield Step(entry, self._batches.get(entry.transaction.hash))

    def take(self, step: Step) -> None:
        """Run one transaction through the model and compare what it logged."""
        contracts = self.history.contracts
        transaction, events = step.entry
        ours = [
            event
            for event in events
            if event.address in contracts.kept and event.name not in _APART
        ]
        for event in events:
            if event.address in (contracts.oracle, contracts.seals):
                self._keys(event, transaction)
            elif event.address == contracts.vault:
                self._vault(event, transaction)
        if step.batch is not None:
            self._settle(step.batch, ours, transaction)
        elif self._direct(ours, transaction):
            return
        else:
            self._derived(ours, transaction)
            for event in events:
                if event.address == contracts.pool and event.name == "Transfer":
                    self._transfer(event)

    def _vault(self, event: Event, transaction: Transaction) -> None:
        """A ticket pulled, or other limits: whoever asked, the log says all there is to it."""
        protocol, words = self.protocol, [_integer(word) for word in event.arguments]
        runs: dict[str, Callable[..., object]] = {
            "Pulled": protocol.pull,
            "OutflowSet": protocol.set_outflow,
        }
        run = runs.get(event.name)
        if run is not None:
            where = f"block {transaction.block} {event.name}"
            self._attempt(_bound(run, words, 0, transaction.time_s), where)

    def _transfer(self, event: Event) -> None:
        """Shares that change hands by themselves; minting and burning come with requests."""
        sender, receiver, shares = event.arguments
        assert isinstance(sender, int) and isinstance(receiver, int) and isinstance(shares, int)
        if sender and receiver:
            self.protocol.transfer(receiver, shares, sender=sender, now_s=0)

    def _compare(
        self, expected: Sequence[tuple[str, tuple[object, ...]]], ours: Sequence[Event], where: str
    ) -> None:
        logged = [(event.name, event.arguments) for event in ours]
        if list(expected) == logged:
            return
        for at in range(max(len(expected), len(logged))):
            one = expected[at] if at < len(expected) else None
            other = logged[at] if at < len(logged) else None
            if one != other:
                self.disagree(f"{where}: event {at}: twin {one}, chain {other}")

    def _attempt(self, run: Callable[[], object], where: str) -> bool:
        try:
            run()
        except Fault as fault:
            self.disagree(f"{where}: landed, but the twin says {fault.reason}")
            return False
        return True

    # -- batches ----------------------------------------------------------------

    def _settle(self, batch: Batch, ours: list[Event], transaction: Transaction) -> None:
        where = f"block {transaction.block} settle"
        batch.skipped = skipped_of(ours)
        batch.signers = self._signers(batch)

        def run() -> None:
            batch.reasons = self.protocol.settle(
                batch.call,
                sender=transaction.sender,
                now_s=transaction.time_s,
                prepared=batch.prepared,
                signer_of=batch.signers,
            )

        if self._attempt(run, where):
            self._compare(self.protocol.state.events, ours, where)

    def _signers(self, batch: Batch) -> Callable[[int], int | None]:
        """The signer of each record: recovered where the sampling wants it, else taken to be the
        owner.
        """
        first = self._ordinal
        self._ordinal += len(batch.prepared.records)
        known: dict[int, int | None] = {}

        def signer_of(place: int) -> int | None:
            if place not in known:
                record = batch.prepared.records[place]
                found_bad = batch.skipped.get((record.account, record.slot)) == Reason.SIGNER
                if record.delegated or found_bad or self.sampling.wants(first + place):
                    self.sampling.checked += 1
                    digest = batch.prepared.hashes[place]
                    known[place] = recover(digest, record.r, record.vs)
                else:
                    word = self.protocol.state.accounts.get(record.account, 0)
                    known[place] = Account.of(word).owner
            return known[place]

        return signer_of

    # -- other doors --------------------------------------------------------------

    def _direct(self, ours: list[Event], transaction: Transaction) -> bool:
        """A call straight to a door, if the transaction is one.

        A call without logs failed. Why is not on chain, so only a failed `settle` is tried: nothing
        but the state and its calldata decides it, and the twin must refuse it as well.
        """
        contract, name = DOOR_OF.get(transaction.data[:4], ("", ""))
        if not name or transaction.to != self._address_of(contract):
            return False
        where = f"block {transaction.block} {name}"
        try:
            arguments = arguments_of((contract, name), transaction.data[4:])
        except ValueError:
            if ours:
                self.disagree(f"{where}: landed with calldata that does not decode")
            return True
        run = _bound(
            getattr(self.protocol, name), arguments, transaction.sender, transaction.time_s
        )
        if ours:
            self._attempt(run, where)
            self._compare(self.protocol.state.events, ours, where)
        elif name == "settle":
            self._must_fail(run, where)
        return True

    def _address_of(self, contract: str) -> int:
        address = getattr(self.history.contracts, contract.lower())
        assert isinstance(address, int)
        return address

    def _must_fail(self, run: Callable[[], object], where: str) -> None:
        try:
            run()
        except Fault:
            return
        self.protocol.state.undo()
        self.disagree(f"{where}: failed on chain, but the twin would have settled it")

    def _keys(self, event: Event, transaction: Transaction) -> None:
        """A change of signers, attesters, thresholds or matcher."""
        oracle = event.address == self.history.contracts.oracle
        protocol = self.protocol
        keys = protocol.oracle.signers if oracle else protocol.seals.attesters
        runs: dict[str, Callable[..., tuple[str, tuple[object, ...]]]] = {
            "SignerSet": keys.set,
            "ThresholdSet": keys.set_threshold,
            "MatcherSet": protocol.seals.set_matcher,
        }
        run = runs.get(event.name)
        if run is None or event.arguments in self._initial_keys(event):
            return
        where = f"block {transaction.block} {event.name}"
        made: list[tuple[str, tuple[object, ...]]] = []
        if self._attempt(
            lambda: made.append(run(*event.arguments[:-1], now_s=transaction.time_s)), where
        ):
            self._compare(made, [event], where)

    @staticmethod
    def _initial_keys(event: Event) -> list[tuple[Argument, ...]]:
        """Keys that serve from construction are logged, if at all, with an activation of zero."""
        return [event.arguments] if event.arguments[-1] in (0, 1) else []

    def _derived(self, ours: list[Event], transaction: Transaction) -> None:
        """Calls that reach a door through another contract: each is rebuilt from what it logged."""
        at = 0
        while at < len(ours):
            event = ours[at]
            where = f"block {transaction.block} {event.name} through another contract"
            run = self._derive(event, ours[at:], transaction)
            if run is None:
                self.disagree(f"{where}: the call behind it is not in the transaction's calldata")
                return
            if not self._attempt(run, where):
                return
            made = self.protocol.state.events
            self._compare(made, ours[at : at + len(made)], where)
            at += len(made)

    def _derive(
        self, event: Event, ours: list[Event], transaction: Transaction
    ) -> Callable[[], object] | None:
        """The call behind an event that another contract caused, if logs or calldata tell it."""
        protocol = self.protocol
        now_s = transaction.time_s
        words = event.arguments
        governance = self.history.contracts.governance
        if event.name == "MarketSet":
            market, _, *parameters = words
            return _bound(protocol.set_market, [market, *parameters], governance, now_s)
        if event.name == "HaltSet":
            limits = Limits.of(_integer(words[0]))
            bounds = [limits.halted_from_ms, limits.halted_until_ms]
            return _bound(protocol.set_halt, bounds, governance, now_s)
        if event.name == "ApprovalSet":
            account, digest, approval = words
            if approval == APPROVED:
                return _bound(protocol.prove, [account, digest, True], 0, now_s)
            owner = protocol.state.accounts.get(_integer(account), 0) >> 96
            return _bound(protocol.disapprove, [account, digest], owner, now_s)
        if event.name == "DelegateSet":
            return self._derive_delegate(event, transaction)
        if event.name == "FeesCollected":
            return _bound(protocol.collect_fees, [words[0]], 0, now_s)
        if event.name == "CollateralMoved" and words[0] == TREASURY_ACCOUNT and len(ours) > 1:
            if _integer(words[1]) >> 255:
                spent = [ours[1].arguments[0], 2**256 - _integer(words[1])]
                return _bound(protocol.spend, spent, governance, now_s)
        if event.name == "WithdrawalSet" and words[0] == BACKSTOP_ACCOUNT and words[2]:
            asked = [BACKSTOP_ACCOUNT, Withdrawal.of(_integer(words[2])).amount_e6]
            return _bound(protocol.request_withdrawal, asked, governance, now_s)
        if event.name == "AccountOpened":
            return _bound(protocol.open_account, [words[1], ours[1].arguments[1]], 0, now_s)
        if event.address == self.history.contracts.pool:
            return self._derive_shares(event, ours, transaction)
        if event.name == "SourceSet":
            source = Source.of(_integer(words[1]))
            answer = _answer(ours[1], source)
            given = [words[0], source.address, source.bound_e4, source.age_s, source.strict, answer]
            return _bound(protocol.set_source, given, governance, now_s)
        if event.name == "SourceRead":
            source = Source.of(protocol.state.sources.get(_integer(words[0]), 0))
            return _bound(protocol.refresh, [words[0], _answer(event, source)], 0, now_s)
        return self._embedded_door(event, transaction)

    def _derive_delegate(self, event: Event, transaction: Transaction) -> Callable[[], object]:
        """A grant or a revocation by an owner that is a contract: what the word became tells it."""
        account, key, word = (_integer(argument) for argument in event.arguments)
        owner = self.protocol.state.accounts.get(account, 0) >> 96
        held = Delegate.of(self.protocol.state.delegates.get(account << 160 | key, 0))
        given = Delegate.of(word)
        if held.expiry_ms > given.expiry_ms:
            return _bound(self.protocol.revoke, [account, key], owner, transaction.time_s)
        terms = [account, key, *given]
        return _bound(self.protocol.grant, terms, owner, transaction.time_s)

    def _derive_shares(
        self, event: Event, ours: list[Event], transaction: Transaction
    ) -> Callable[[], object] | None:
        """The call of `Pool` behind an event: a request from its own log, which comes second, a
        claim from calldata carried along.
        """
        protocol, now_s = self.protocol, transaction.time_s
        if event.name == "OperatorSet":
            controller, *rest = event.arguments
            return _bound(protocol.set_operator, rest, _integer(controller), now_s)
        if event.name == "LiquidityRequested":
            request = ours[1]
            controller, owner, _, sender, amount = request.arguments
            deposits = request.name == "DepositRequest"
            run = protocol.request_deposit if deposits else protocol.request_redeem
            return _bound(run, [amount, controller, owner], _integer(sender), now_s)
        for (contract, name), called in DOORS.items():
            data = embedded(transaction.data, called.selector) if contract == "Pool" else None
            if data is not None and name.startswith(("claim_", "take_back_")):
                arguments = arguments_of((contract, name), data)
                return _bound(getattr(protocol, name), arguments, _claimer(ours), now_s)
        return None

    def _embedded_door(self, event: Event, transaction: Transaction) -> Callable[[], object] | None:
        """A door's own calldata carried inside a forwarder's; of a deposit the log says all."""
        doors = {
            "Liquidated": ("Recovery", "liquidate"),
            "WithdrawalSet": ("Clearing", "claim_withdrawal"),
            "Cancelled": ("Clearing", "cancel"),
            "CancelledAll": ("Clearing", "cancel_all"),
        }
        if event.name == "WithdrawalSet" and event.arguments[2]:
            doors["WithdrawalSet"] = ("Clearing", "request_withdrawal")
        if event.name == "ExitSet":
            executed = embedded(transaction.data, DOORS["Recovery", "execute_exit"].selector)
            doors["ExitSet"] = ("Recovery", "execute_exit" if executed else "force_reduce")
        recovery = {"Liquidated": "deleverage", "Applied": "fold", "CollateralMoved": "fold"}
        other = recovery.get(event.name)
        if other and embedded(transaction.data, DOORS["Recovery", other].selector) is not None:
            doors[event.name] = ("Recovery", other)
        door = doors.get(event.name)
        if door is None and event.name == "CollateralMoved":
            paid_in = list(event.arguments[:2])
            return _bound(self.protocol.deposit, paid_in, 0, transaction.time_s)
        data = embedded(transaction.data, DOORS[door].selector) if door else None
        if door is None or data is None:
            return None
        account = _integer(event.arguments[0])
        owner = self.protocol.state.accounts.get(account, 0) >> 96
        run = getattr(self.protocol, door[1])
        return _bound(run, arguments_of(door, data), owner, transaction.time_s)


def _claimer(ours: Sequence[Event]) -> int:
    """Who called a claim: told by all logs but `Deposit`, where the controller serves as well."""
    for event in ours:
        if event.name == "Withdraw":
            return _integer(event.arguments[0])
        if event.name in ("CancelDepositClaim", "CancelRedeemClaim"):
            return _integer(event.arguments[3])
        if event.name == "Deposit":
            break
    return _integer(ours[0].arguments[0])


def _answer(read: Event, source: Source) -> tuple[int, int]:
    """What a source must have said for `SourceRead` to log this."""
    after = Readings.of(_integer(read.arguments[1])).after
    return after.price_e8, after.until_s - source.age_s


def _integer(argument: Argument) -> int:
    assert isinstance(argument, int)
    return argument


def _bound(
    run: Callable[..., object], arguments: Sequence[object], sender: int, now_s: int
) -> Callable[[], object]:
    return lambda: run(*arguments, sender=sender, now_s=now_s)


def embedded(data: bytes, selector: bytes) -> bytes | None:
    """The arguments behind a selector that opens `data` or is carried inside it; None if it is not
    there.
    """
    at = 0 if data[:4] == selector else data.find(selector)
    return data[at + 4 :] if at >= 0 else None


def arguments_of(door: tuple[str, str], data: bytes) -> list[object]:
    """The arguments of a door."""
    if door == ("Clearing", "settle"):
        return [decode_settle(data)]
    return list(decode(DOORS[door].shape, data))


def skipped_of(events: Sequence[Event]) -> dict[tuple[int, int], int]:
    """Reason code by (account, slot) of the records a batch skipped."""
    skipped: dict[tuple[int, int], int] = {}
    for event in events:
        if event.name == "Skipped":
            account, slot, _, _, reason = event.arguments
            assert isinstance(account, int) and isinstance(slot, int) and isinstance(reason, int)
            skipped[account, slot] = reason
    return skipped
