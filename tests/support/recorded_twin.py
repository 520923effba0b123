# SPDX-License-Identifier: Apache-2.0
"""A history as a node would serve it, recorded from calls to the twin; a test may then forge parts
of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from infold.reference.abi import DOORS, encode_call
from infold.reference.audit import Auditor, judged
from infold.reference.history import Contracts, Entry, Event, History, Origin
from infold.reference.outflow import Ticket
from infold.reference.replay import Sampling
from infold.reference.rpc import Node, Transaction
from infold.reference.settlement import SettleCall
from infold.reference.state import State
from tests.support.twin import (
    CHAIN_ID,
    CLEARING,
    DEPLOYED_S,
    EPOCH_MS,
    GOVERNANCE,
    MATCHER,
    ORACLE,
    POOL,
    RECOVERY,
    SIGNERS,
    Venue,
    encode,
)

VAULT, SEALS, DELEGATES, TOKEN = 0xA1, 0xA2, 0xA3, 0xA4
CONTRACTS = Contracts(CLEARING, VAULT, ORACLE, SEALS, DELEGATES, POOL, RECOVERY, GOVERNANCE, TOKEN)
_POOL_EVENTS = {
    "DepositRequest",
    "RedeemRequest",
    "LiquidityRequested",
    "Claimed",
    "Deposit",
    "Withdraw",
    "CancelDepositClaim",
    "CancelRedeemClaim",
    "OperatorSet",
}


class RecordedVenue(Venue):
    """A venue whose every call is also kept as a transaction with its logs."""

    def __init__(self, **options: Any) -> None:
        self.entries: list[Entry] = []
        self._tickets: dict[int, Ticket] = {}
        super().__init__(**options)

    def _record(self, sender: int, to: int, data: bytes, accounted_before: int) -> None:
        number = len(self.entries) + 1
        transaction = Transaction(number.to_bytes(32, "big"), number, self.now_s, sender, to, data)
        events = [Event(_emitter(name), name, arguments) for name, arguments in self.events]  # type: ignore[arg-type]
        accounted = self.protocol.accounted_e6
        if accounted != accounted_before:
            moved = abs(accounted - accounted_before)
            name = "Received" if accounted > accounted_before else "Released"
            events.append(Event(VAULT, name, (sender, moved, accounted)))
        events += [*self._queue(), *self._transfers()]
        self.entries.append(Entry(transaction, events))

    def _queue(self) -> list[Event]:
        """What the vault logs of tickets that are new, or gone."""
        before, now = self._tickets, dict(self.protocol.outflow.tickets)
        self._tickets = now
        made = [Event(VAULT, "Queued", (it, *now[it])) for it in now if it not in before]
        return made + [Event(VAULT, "Pulled", (it,)) for it in before if it not in now]

    def _transfers(self) -> list[Event]:
        """What an ERC-20 logs of minted and burnt shares."""
        found = []
        names = {name for name, _ in self.events}
        for name, arguments in self.events:
            if name == "Deposit" and arguments[3]:
                found.append(Event(POOL, "Transfer", (0, arguments[1], arguments[3])))  # type: ignore[arg-type]
            elif name == "CancelRedeemClaim":
                found.append(Event(POOL, "Transfer", (0, arguments[1], arguments[4])))  # type: ignore[arg-type]
            elif name == "RedeemRequest":
                found.append(Event(POOL, "Transfer", (arguments[1], 0, arguments[4])))  # type: ignore[arg-type]
            elif name == "Withdraw" and "Claimed" not in names:  # `leave`, which claims no request
                found.append(Event(POOL, "Transfer", (arguments[2], 0, arguments[4])))  # type: ignore[arg-type]
        return found

    def door(self, contract: str, name: str, *arguments: Any, sender: int = 9) -> Any:
        """Call a door of the twin and keep it."""
        before = self.protocol.accounted_e6
        result = getattr(self.protocol, name)(*arguments, sender=sender, now_s=self.now_s)
        called = DOORS[contract, name]
        to = getattr(CONTRACTS, contract.lower())
        self._record(sender, to, called.selector + encode(called.shape, arguments), before)
        return result

    # -- the venue's own calls, kept ----------------------------------------------

    def open(self, key: Any, amount_e6: int = 100_000 * 10**6) -> int:
        account = self.door("Clearing", "open_account", key.address, amount_e6, sender=key.address)
        assert isinstance(account, int)
        self.keys[account] = key
        return account

    def deposit(self, account: int, amount_e6: int) -> None:
        self.door("Clearing", "deposit", account, amount_e6)

    def provide(self, provider: int, amount_e6: int) -> None:
        self.door("Pool", "request_deposit", amount_e6, provider, provider, sender=provider)

    def set_market(self, market: int, *words: Any) -> None:
        super().set_market(market, *words)
        self._record(GOVERNANCE, GOVERNANCE, b"", self.protocol.accounted_e6)

    def withdraw_backstop(self, amount_e6: int) -> None:
        self.protocol.request_withdrawal(1, amount_e6, sender=GOVERNANCE, now_s=self.now_s)
        self._record(GOVERNANCE, GOVERNANCE, b"", self.protocol.accounted_e6)

    def set_source(self, market: int, source: int, answer: tuple[int, int]) -> None:
        given = (market, source, 100, 60, False, answer)
        self.protocol.set_source(*given, sender=GOVERNANCE, now_s=self.now_s)
        self._record(GOVERNANCE, GOVERNANCE, b"", self.protocol.accounted_e6)

    def refresh(self, market: int, answer: tuple[int, int]) -> None:
        self.protocol.refresh(market, answer, sender=9, now_s=self.now_s)
        self._record(9, ORACLE, b"", self.protocol.accounted_e6)

    def submit(self, call: SettleCall) -> Any:
        before = self.protocol.accounted_e6
        result = super().submit(call)
        settle = DOORS["Clearing", "settle"]
        words = list(call)
        words[5] = int.from_bytes(call.accepted_root, "big")
        self._record(1, CLEARING, settle.selector + encode(settle.shape, words), before)
        return result

    def history(self) -> History:
        """Everything recorded so far."""
        origin = Origin(
            DEPLOYED_S,
            EPOCH_MS,
            MATCHER.address,
            [signer.address for signer in SIGNERS],
            2,
        )
        last = len(self.entries)
        return History(CHAIN_ID, 0, last, CONTRACTS, origin, list(self.entries))


def _emitter(name: str) -> int:
    if name in _POOL_EVENTS:
        return POOL
    if name in ("SourceSet", "SourceRead"):
        return ORACLE
    ends = ("WoundDown", "DebtRegistered", "RatioFixed", "ClaimPaid")
    emitters = dict.fromkeys(("Liquidated", "ExitSet", *ends), RECOVERY)
    emitters |= dict.fromkeys(("DelegateSet", "ApprovalSet"), DELEGATES)
    return emitters.get(name, CLEARING)


class ServedState(Node):
    """A node that serves the getters from a state, which a test may forge."""

    def __init__(
        self, state: State, accounted_e6: int, balance_e6: int, waiting_e6: int = 0
    ) -> None:
        super().__init__("http://127.0.0.1:1")
        self._words: dict[tuple[int, bytes], int] = {
            (VAULT, encode_call("accounted_e6()")): accounted_e6,
            (VAULT, encode_call("waiting_e6()")): waiting_e6,
            (TOKEN, encode_call("balanceOf(address)", VAULT)): balance_e6,
        }
        for table, key, word in state.words():
            self._words[_getter(table, key)] = word

    def read_words(self, to: int, calls: Sequence[bytes], block: int) -> list[int]:
        return [self._words.get((to, call), 0) for call in calls]


def audited(
    venue: RecordedVenue,
    history: History | None = None,
    *,
    state: State | None = None,
    accounted_e6: int | None = None,
    balance_e6: int | None = None,
    mode: str = "all",
) -> dict[str, Any]:
    """The audit of what was recorded, but for what is given in its place."""
    sampling = Sampling(mode, 10)
    auditor = Auditor(history or venue.history(), sampling)
    auditor.run()
    twin = venue.protocol
    accounted = twin.accounted_e6 if accounted_e6 is None else accounted_e6
    balance = twin.accounted_e6 if balance_e6 is None else balance_e6
    node = ServedState(state or twin.state, accounted, balance, twin.outflow.waiting_e6)
    return judged(node, auditor, sampling)


def _getter(table: str, key: int | str) -> tuple[int, bytes]:
    if isinstance(key, str):
        return CLEARING, encode_call(f"{key}()")
    if table == "delegates":
        call = encode_call("delegates(uint256,address)", key >> 160, key & 2**160 - 1)
        return DELEGATES, call
    if table == "approvals":
        call = encode_call("approvals(uint256,bytes32)", key >> 256, key & 2**256 - 1)
        return DELEGATES, call
    if table == "holder_requests":
        return POOL, encode_call("requests(address,uint256)", key >> 32, key & 2**32 - 1)
    if table == "claims":
        return POOL, encode_call("claims(address,uint256)", key >> 33, key & 2**33 - 1)
    if table == "operators":
        return POOL, encode_call("isOperator(address,address)", key >> 160, key & 2**160 - 1)
    if table == "shares":
        return POOL, encode_call("balanceOf(address)", key)
    if table in ("sources", "readings"):
        getter = "source_of" if table == "sources" else table
        return ORACLE, encode_call(f"{getter}(uint256)", key)
    contract = {"lp_requests": POOL, "liquidated_ms": RECOVERY, "exits": RECOVERY}.get(
        table, CLEARING
    )
    return contract, encode_call(f"{table}(uint256)", key)
