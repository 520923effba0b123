# SPDX-License-Identifier: Apache-2.0
"""What a chain says of the venue: its contracts, transactions and logs, and how the contracts were
made.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from .abi import TOPIC_OF, Argument, decode_log, encode_call
from .rpc import Node, NodeError, Transaction

_PEERS = ("VAULT", "ORACLE", "SEALS", "DELEGATES", "POOL", "GOVERNANCE")


class SeveralVenues(NodeError):
    """The chain holds more venues than one and none was named; the message says which."""


class Event(NamedTuple):
    """A decoded log."""

    address: int
    name: str
    arguments: tuple[Argument, ...]


class Entry(NamedTuple):
    """A transaction and what the venue's contracts logged in it."""

    transaction: Transaction
    events: list[Event]


class Contracts(NamedTuple):
    """Addresses, as integers."""

    clearing: int
    vault: int
    oracle: int
    seals: int
    delegates: int
    pool: int
    recovery: int
    governance: int
    token: int

    @property
    def watched(self) -> list[int]:
        """Contracts whose logs an audit reads."""
        return [
            self.clearing,
            self.vault,
            self.oracle,
            self.seals,
            self.delegates,
            self.pool,
            self.recovery,
        ]

    @property
    def kept(self) -> list[int]:
        """Contracts whose storage the twin keeps."""
        return [self.clearing, self.delegates, self.pool, self.oracle, self.recovery]


class Origin(NamedTuple):
    """What the contracts were constructed with."""

    deployed_s: int
    epoch_ms: int
    matcher: int
    oracle_signers: list[int]
    oracle_threshold: int


class History(NamedTuple):
    """Everything an audit replays."""

    chain_id: int
    first: int
    last: int
    contracts: Contracts
    origin: Origin
    entries: list[Entry]


def find_clearing(node: Node, first: int, last: int) -> int:
    """The one contract that lists markets; raises NodeError if there is none, and its kind
    SeveralVenues if there is more than one.
    """
    found = node.emitters(TOPIC_OF["MarketSet"], first, last)
    if not found:
        raise NodeError(
            f"no contract lists a market between blocks {first} and {last}: there is no venue on"
            f" the chain at {node.url}, or not yet; give the URL of the venue's own chain, or name"
            " its Clearing with --clearing ADDRESS"
        )
    if len(found) > 1:
        raise SeveralVenues(
            f"{len(found)} contracts list markets between blocks {first} and {last}: name the one"
            f" to audit with --clearing ADDRESS, of {', '.join(f'0x{one:040x}' for one in found)}"
        )
    return found[0]


def read_contracts(node: Node, clearing: int, block: int) -> Contracts:
    """The parts that `Clearing` was built with; its vault says which token and which `Recovery`."""
    calls = [encode_call(f"{name}()") for name in _PEERS]
    peers = node.read_words(clearing, calls, block)
    vault, oracle, seals, delegates, pool, governance = peers
    said = [encode_call("token()"), encode_call("recovery()")]
    token, recovery = node.read_words(vault, said, block)
    return Contracts(clearing, vault, oracle, seals, delegates, pool, recovery, governance, token)


def fetch(node: Node, clearing: int | None, first: int, last: int) -> History:
    """Read blocks `first` to `last`; they must hold the creation of the contracts."""
    clearing = find_clearing(node, first, last) if clearing is None else clearing
    contracts = read_contracts(node, clearing, last)
    transactions = node.transactions(first, last)
    by_transaction: dict[bytes, list[Event]] = defaultdict(list)
    for log in node.logs(contracts.watched, first, last):
        decoded = decode_log(log.topics, log.data)
        if decoded is not None:
            by_transaction[log.transaction].append(Event(log.address, *decoded))
    entries = [
        Entry(transaction, by_transaction.get(transaction.hash, []))
        for transaction in transactions
        if transaction.hash in by_transaction or transaction.to == clearing
    ]
    origin = _origin(node, contracts, transactions)
    chain_id = int(node.call("eth_chainId"), 16)
    return History(chain_id, first, last, contracts, origin, entries)


def _origin(node: Node, contracts: Contracts, transactions: list[Transaction]) -> Origin:
    creations = [one for one in transactions if one.to is None]
    receipts = node.call_many(
        "eth_getTransactionReceipt", [("0x" + one.hash.hex(),) for one in creations]
    )
    made: dict[int, Transaction] = {
        int(receipt["contractAddress"], 16): one
        for one, receipt in zip(creations, receipts, strict=True)
        if receipt.get("contractAddress")
    }
    clearing = _creation(made, contracts.clearing, "Clearing")
    (epoch_ms,) = _tail(clearing, 1)
    (_, matcher) = _tail(_creation(made, contracts.seals, "Seals"), 2)
    signers, threshold = _oracle_arguments(_creation(made, contracts.oracle, "Oracle"))
    return Origin(clearing.time_s, epoch_ms, matcher, signers, threshold)


def _creation(made: Mapping[int, Transaction], address: int, name: str) -> Transaction:
    if address not in made:
        raise NodeError(
            f"the creation of {name} at 0x{address:040x} is not among the blocks read: "
            "start the audit at or before the deployment with --from-block"
        )
    return made[address]


def _tail(transaction: Transaction, count: int) -> list[int]:
    """The last words of a creation's data: its constructor's arguments."""
    data = transaction.data[-32 * count :]
    return [int.from_bytes(data[at : at + 32], "big") for at in range(0, len(data), 32)]


def _oracle_arguments(transaction: Transaction) -> tuple[list[int], int]:
    """`(governance, signers[], threshold)` at the end of the Oracle's creation."""
    for count in range(17):
        words = _tail(transaction, 4 + count)
        if words[1] == 96 and words[3] == count:
            return words[4:], words[2]
    raise NodeError("the constructor's arguments of Oracle cannot be read from its creation")
