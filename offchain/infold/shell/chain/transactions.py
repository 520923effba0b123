# SPDX-License-Identifier: Apache-2.0
"""Signed transactions: one key's sender, receipts, and why a transaction failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from coincurve import PrivateKey

from infold.errors import Misconfigured, Unavailable, Undecided
from infold.shell.chain.rpc import Json, Reverted, Rpc, Unanswered, block, revert_reason
from infold.signing import address_of, keccak

TRANSACTION_GAS_MAX = 16_777_216  # EIP-7825: no transaction on mainnet may ask for more


def rlp(item: Any) -> bytes:
    """Recursive length prefix of bytes or nested lists of bytes."""
    if isinstance(item, bytes):
        if len(item) == 1 and item[0] < 0x80:
            return item
        return _rlp_length(len(item), 0x80) + item
    content = b"".join(rlp(part) for part in item)
    return _rlp_length(len(content), 0xC0) + content


def _rlp_length(length: int, offset: int) -> bytes:
    if length < 56:
        return bytes([offset + length])
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([offset + 55 + len(size)]) + size


def _number(value: int) -> bytes:
    return value.to_bytes((value.bit_length() + 7) // 8, "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """An EIP-1559 transaction before signing; fees in wei a gas. `to` empty creates a contract."""

    chain_id: int
    nonce: int
    tip_wei: int
    fee_wei_max: int
    gas: int
    to: bytes
    data: bytes
    value_wei: int = 0


def sign_transaction(transaction: Transaction, key: PrivateKey) -> bytes:
    """The raw signed bytes; their keccak is the transaction hash."""
    fields: list[Any] = [
        _number(transaction.chain_id),
        _number(transaction.nonce),
        _number(transaction.tip_wei),
        _number(transaction.fee_wei_max),
        _number(transaction.gas),
        transaction.to,
        _number(transaction.value_wei),
        transaction.data,
        [],
    ]
    signature = key.sign_recoverable(keccak(b"\x02" + rlp(fields)), hasher=None)
    r, s, parity = signature[:32].lstrip(b"\0"), signature[32:64].lstrip(b"\0"), signature[64]
    return b"\x02" + rlp([*fields, _number(parity), r, s])


def key_of(private_key: bytes) -> PrivateKey:
    """A coincurve key. Raises `Misconfigured` if the bytes are no key, without repeating them."""
    try:
        return PrivateKey(private_key)
    except ValueError as error:
        raise Misconfigured(
            "a private key must be 32 bytes between 1 and the curve order"
        ) from error


class Receipt(NamedTuple):
    """What became of a transaction."""

    hash: bytes
    ok: bool
    gas_used: int
    block: int
    block_hash: bytes
    contract: bytes | None
    logs: list[Json]


class Sender:
    """One key's transactions, its nonces counted here: a key has one `Sender`, or nonces clash.

    Nothing is mined by sending: see `mine`, or a node that mines by itself.
    """

    def __init__(self, rpc: Rpc, private_key: bytes, chain_id: int) -> None:
        self.rpc = rpc
        self.chain_id = chain_id
        self._key = key_of(private_key)
        self.address = address_of(private_key)
        self.nonce = self.chain_nonce()

    def chain_nonce(self, tag: str = "pending") -> int:
        """The next nonce as the node sees it."""
        return int(self.rpc.call("eth_getTransactionCount", "0x" + self.address.hex(), tag), 16)

    def fees_wei(self) -> tuple[int, int]:
        """Tip and fee cap that survive several full blocks: twice the base fee, and the tip."""
        latest = self.rpc.call("eth_getBlockByNumber", "latest", False)
        tip = 1_000_000_000
        return tip, 2 * int(latest.get("baseFeePerGas", "0x0"), 16) + tip

    def transaction(
        self, to: bytes, data: bytes, *, gas: int | None = None, value_wei: int = 0
    ) -> Transaction:
        """The next transaction of this key. Without `gas` the node estimates it, which also finds
        reverts early.
        """
        if gas is None:
            gas = self.estimate(to, data, value_wei)
        tip, fee = self.fees_wei()
        return Transaction(
            chain_id=self.chain_id,
            nonce=self.nonce,
            tip_wei=tip,
            fee_wei_max=fee,
            gas=gas,
            to=to,
            data=data,
            value_wei=value_wei,
        )

    def call(
        self,
        to: bytes,
        data: bytes,
        gas: int,
        block_time_s: int | None = None,
        codes: Mapping[bytes, bytes] | None = None,
    ) -> None:
        """Try a transaction without sending it, as if its block were so stamped and other code
        stood at some addresses; or `Reverted`.
        """
        request = {
            "from": "0x" + self.address.hex(),
            "to": "0x" + to.hex(),
            "data": "0x" + data.hex(),
            "gas": hex(gas),
        }
        accounts = {
            "0x" + address.hex(): {"code": "0x" + code.hex()}
            for address, code in (codes or {}).items()
        }
        stamp = [] if block_time_s is None else [{"time": hex(block_time_s)}]
        self.rpc.call("eth_call", request, "latest", accounts, *stamp)

    def estimate(self, to: bytes, data: bytes, value_wei: int = 0) -> int:
        """Gas to send with: the node's estimate and a fifth, at most the cap of a transaction.
        Raises `Reverted`.
        """
        request = {
            "from": "0x" + self.address.hex(),
            "data": "0x" + data.hex(),
            "value": hex(value_wei),
        }
        if to:
            request["to"] = "0x" + to.hex()
        estimate = int(self.rpc.call("eth_estimateGas", request, "pending"), 16)
        return min(estimate * 6 // 5, TRANSACTION_GAS_MAX)

    def sign(self, transaction: Transaction) -> bytes:
        """The raw signed bytes."""
        return sign_transaction(transaction, self._key)

    def send(self, to: bytes, data: bytes, *, gas: int | None = None, value_wei: int = 0) -> bytes:
        """Sign and send; the transaction hash."""
        raw = self.sign(self.transaction(to, data, gas=gas, value_wei=value_wei))
        found = self.send_raw(raw)
        self.nonce += 1
        return found

    def send_many(self, calls: Sequence[tuple[bytes, bytes]], gas: int) -> list[bytes]:
        """Sign and send many calls of the same gas limit with consecutive nonces; their hashes.
        Needs a node without automine.

        The caller mines and counts the receipts: a hash is not yet a transaction.
        """
        tip, fee = self.fees_wei()
        raws: list[bytes] = []
        for to, data in calls:
            transaction = Transaction(
                chain_id=self.chain_id,
                nonce=self.nonce + len(raws),
                tip_wei=tip,
                fee_wei_max=fee,
                gas=gas,
                to=to,
                data=data,
            )
            raws.append(self.sign(transaction))
        self.rpc.batch([("eth_sendRawTransaction", ["0x" + raw.hex()]) for raw in raws])
        self.nonce += len(raws)
        return [keccak(raw) for raw in raws]

    def send_raw(self, raw: bytes) -> bytes:
        """Send signed bytes; sending what the node has already is no error. Where it answers
        anything but the hash it is asked for the transaction: some say that time ran out, and have
        it. `Undecided` if the answer is lost and the node does not show it.
        """
        sent = keccak(raw)
        try:
            self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        except Unavailable as error:
            if "already" in str(error).lower() or self._knows(sent):
                return sent
            if not isinstance(error, Unanswered):
                raise
            raise Undecided(
                f"a transaction may have been sent as 0x{sent.hex()}: the node at {self.rpc.url}"
                " did not answer; look for that hash before sending again, or it may be made twice"
            ) from error
        return sent

    def _knows(self, sent: bytes) -> bool:
        try:
            return self.rpc.call("eth_getTransactionByHash", "0x" + sent.hex()) is not None
        except Unavailable:
            return False


def receipt(rpc: Rpc, transaction_hash: bytes) -> Receipt | None:
    """A mined transaction's receipt, or None while there is none."""
    found = rpc.call("eth_getTransactionReceipt", "0x" + transaction_hash.hex())
    return None if found is None else _receipt(found)


def receipts(rpc: Rpc, hashes: Sequence[bytes]) -> list[Receipt]:
    """The receipts of mined transactions, counted: one that is missing raises `Unavailable`."""
    found = rpc.batch([("eth_getTransactionReceipt", ["0x" + one.hex()]) for one in hashes])
    missing = sum(one is None for one in found)
    if missing:
        raise Unavailable(f"{missing} of {len(hashes)} transactions were not mined")
    return [_receipt(one) for one in found]


def _receipt(found: Json) -> Receipt:
    return Receipt(
        bytes.fromhex(found["transactionHash"][2:]),
        found["status"] == "0x1",
        int(found["gasUsed"], 16),
        int(found["blockNumber"], 16),
        bytes.fromhex(found["blockHash"][2:]),
        bytes.fromhex(found["contractAddress"][2:]) if found.get("contractAddress") else None,
        found["logs"],
    )


def calldata_of(rpc: Rpc, transaction_hash: bytes) -> bytes:
    """What a transaction that was mined called with. Raises `Unavailable` if the node has it no
    more: its block was replaced.
    """
    sent = rpc.call("eth_getTransactionByHash", "0x" + transaction_hash.hex())
    if sent is None:
        raise Unavailable(
            f"node at {rpc.url} has no transaction 0x{transaction_hash.hex()} any more: its block"
            " was replaced; look again"
        )
    return bytes.fromhex(sent["input"][2:])


def why_it_failed(rpc: Rpc, transaction_hash: bytes) -> str:
    """The reason of a transaction that was mined and failed.

    The node's own trace says it exactly. A node that does not trace is asked to make the same call
    on the state before its block, at the block's own time: what came earlier in that block is not
    seen.
    """
    name = "0x" + transaction_hash.hex()
    sent = rpc.call("eth_getTransactionByHash", name)
    if sent is None or sent.get("blockNumber") is None:
        return "the transaction is not mined"
    try:
        trace = rpc.call("debug_traceTransaction", name, _OUTER_CALL)
    except Unavailable:
        return _failure_of_a_repeat(rpc, sent)
    error = str(trace.get("error", ""))
    return revert_reason(trace.get("output")) or error or "it did not fail"


_OUTER_CALL = {"tracer": "callTracer", "tracerConfig": {"onlyTopCall": True}}


def _failure_of_a_repeat(rpc: Rpc, sent: Json) -> str:
    number = int(sent["blockNumber"], 16)
    request = {
        key: sent[key]
        for key in ("from", "to", "input", "value", "gas")
        if sent.get(key) is not None
    }
    time_s = hex(block(rpc, number).timestamp_s)
    try:
        rpc.call("eth_call", request, hex(number - 1), {}, {"time": time_s})
    except Reverted as error:
        return error.reason
    return "out of gas, or the state of its own block was different"
