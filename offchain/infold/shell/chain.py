# SPDX-License-Identifier: Apache-2.0
"""The chain as the venue sees it: JSON-RPC, calls and logs by ABI, signed transactions, and
`settle` calldata.

Nothing here decides anything. Amounts are integers as the contracts use them, addresses and hashes
raw bytes.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from coincurve import PrivateKey
from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError

from infold.errors import InfoldError, InvariantBroken, Misconfigured, Unavailable
from infold.messages import Batch
from infold.signing import address_of, checksum_address, keccak

RPC_TIMEOUT_S = 60.0  # a settle of 16 Mgas took 2 s on a loaded machine; the rest is room
RPC_BATCH_MAX = 500  # requests in one HTTP body: a few hundred KB of JSON
TRANSACTION_GAS_MAX = 16_777_216  # EIP-7825

Json = Any  # what json.loads gives


class Reverted(InfoldError):
    """A contract refused. `reason` is its literal string ("clearing: ..."), "" if it gave none."""

    def __init__(self, reason: str, doing: str) -> None:
        super().__init__(f"{doing} reverted: {reason or 'no reason given'}")
        self.reason = reason

    def __reduce__(self) -> tuple[type[Reverted], tuple[str, str]]:
        return Reverted, (self.reason, str(self).split(" reverted: ")[0])


# -- JSON-RPC --------------------------------------------------------------------------------------


class Rpc:
    """JSON-RPC over one kept-alive HTTP connection.

    Raises `Unavailable` when the node does not answer or answers with an error of its own,
    `Reverted` when a contract refused. `alive`, if given, is asked when a connection fails: it may
    raise a better-informed error.
    """

    def __init__(self, url: str, alive: Callable[[], None] | None = None) -> None:
        self.url = url
        self._alive = alive
        self._client = httpx.Client(timeout=RPC_TIMEOUT_S, trust_env=False)
        self._id = 0

    def call(self, method: str, *params: Json) -> Json:
        """One request; its result."""
        self._id += 1
        answer = self._post(
            {"jsonrpc": "2.0", "id": self._id, "method": method, "params": list(params)}, method
        )
        return self._result(answer, method)

    def batch(self, requests: Sequence[tuple[str, Sequence[Json]]]) -> list[Json]:
        """Many requests in few round trips; their results in order."""
        results: list[Json] = []
        for first in range(0, len(requests), RPC_BATCH_MAX):
            part = requests[first : first + RPC_BATCH_MAX]
            body = []
            for method, params in part:
                self._id += 1
                body.append(
                    {"jsonrpc": "2.0", "id": self._id, "method": method, "params": list(params)}
                )
            answers = self._post(body, f"{len(part)} requests")
            if not isinstance(answers, list) or len(answers) != len(part):
                raise Unavailable(
                    f"node at {self.url} answered a batch of {len(part)} with something else"
                )
            by_id = {answer.get("id"): answer for answer in answers}
            for request in body:
                results.append(self._result(by_id.get(request["id"]), str(request["method"])))
        return results

    def _post(self, body: Json, doing: str) -> Json:
        try:
            response = self._client.post(self.url, json=body)
            response.raise_for_status()
            return response.json()
        except httpx.HTTPError as error:
            if self._alive is not None:
                self._alive()
            raise Unavailable(
                f"node at {self.url} did not answer {doing} ({type(error).__name__}: {error}); "
                "check that it runs"
            ) from error
        except ValueError as error:
            raise Unavailable(
                f"node at {self.url} answered {doing} with something that is not JSON"
            ) from error

    def _result(self, answer: Json, method: str) -> Json:
        if not isinstance(answer, dict):
            raise Unavailable(f"node at {self.url} gave no answer to {method}")
        if "error" not in answer:
            return answer.get("result")
        fault = answer["error"]
        message = str(fault.get("message", fault))
        if fault.get("code") == 3 or "revert" in message.lower():
            raise Reverted(revert_reason(fault.get("data"), message), method)
        raise Unavailable(f"node at {self.url} refused {method}: {message}")

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def revert_reason(data: Json, message: str = "") -> str:
    """The literal string of a revert: `Error(string)` data if there is any, else what the node's
    message quotes.
    """
    if isinstance(data, str) and data.startswith("0x08c379a0"):
        try:
            return str(decode(["string"], bytes.fromhex(data[10:]))[0])
        except (DecodingError, ValueError):
            return data
    if isinstance(data, str) and len(data) > 2:
        return data
    _, found, reason = message.partition("execution reverted: ")
    return reason.split(", data:")[0] if found else ""


class Block(NamedTuple):
    """What identifies a block; timestamp in seconds."""

    number: int
    hash: bytes
    parent: bytes
    timestamp_s: int


def block(rpc: Rpc, which: int | str = "latest") -> Block:
    """A block by number or tag. Raises `Unavailable` if the node does not have it."""
    found = rpc.call("eth_getBlockByNumber", which if isinstance(which, str) else hex(which), False)
    if found is None:
        raise Unavailable(f"node at {rpc.url} has no block {which}")
    return Block(
        int(found["number"], 16),
        bytes.fromhex(found["hash"][2:]),
        bytes.fromhex(found["parentHash"][2:]),
        int(found["timestamp"], 16),
    )


def mine(rpc: Rpc, timestamp_s: int | None = None) -> Block:
    """Mine one block of pending transactions on a development node, at a timestamp if given."""
    if timestamp_s is not None:
        rpc.call("evm_setNextBlockTimestamp", timestamp_s)
    rpc.call("evm_mine")
    return block(rpc)


# -- contracts by ABI ------------------------------------------------------------------------------


def type_of(parameter: Json) -> str:
    """The canonical type of an ABI parameter, tuples spelled out."""
    kind = str(parameter["type"])
    if kind.startswith("tuple"):
        return "(" + ",".join(type_of(part) for part in parameter["components"]) + ")" + kind[5:]
    return kind


class _Function(NamedTuple):
    selector: bytes
    inputs: list[str]
    outputs: list[str]


class _Event(NamedTuple):
    name: str
    indexed: list[tuple[str, str]]
    plain: list[tuple[str, str]]


class Log(NamedTuple):
    """One decoded event. Words are ints, addresses and hashes bytes, word lists lists."""

    contract: str
    name: str
    arguments: dict[str, Any]
    block: int
    block_hash: bytes
    transaction: bytes
    place: int


class Abi:
    """What a contract's ABI says, ready to encode calls and decode logs."""

    def __init__(self, name: str, entries: Json) -> None:
        self.name = name
        self.entries = entries
        self.functions: dict[str, _Function] = {}
        self.events: dict[bytes, _Event] = {}
        self.constructor: list[str] = []
        for entry in entries:
            inputs = [type_of(parameter) for parameter in entry.get("inputs", [])]
            signature = f"{entry.get('name', '')}({','.join(inputs)})".encode()
            if entry["type"] == "function":
                # Vyper lists a function with defaults once per arity, shortest first: the full one
                # wins.
                outputs = [type_of(parameter) for parameter in entry["outputs"]]
                self.functions[entry["name"]] = _Function(keccak(signature)[:4], inputs, outputs)
            elif entry["type"] == "event":
                fields = [
                    (parameter["name"], type_of(parameter), parameter["indexed"])
                    for parameter in entry["inputs"]
                ]
                self.events[keccak(signature)] = _Event(
                    entry["name"],
                    [(name, kind) for name, kind, indexed in fields if indexed],
                    [(name, kind) for name, kind, indexed in fields if not indexed],
                )
            elif entry["type"] == "constructor":
                self.constructor = inputs

    def calldata(self, function: str, *arguments: Any) -> bytes:
        """Selector and encoded arguments. Raises `InvariantBroken` on arguments that do not fit the
        ABI.
        """
        found = self.functions.get(function)
        if found is None:
            raise InvariantBroken(
                f"{self.name} has no function {function}; regenerate the ABIs with `make abi`"
            )
        try:
            return found.selector + encode(found.inputs, arguments)
        except (EncodingError, TypeError, ValueError) as error:
            raise InvariantBroken(
                f"{self.name}.{function}: arguments do not fit ({error})"
            ) from error

    def result(self, function: str, data: bytes) -> Any:
        """A call's result: the value itself if there is one, else a tuple."""
        try:
            values = decode(self.functions[function].outputs, data)
        except DecodingError as error:
            raise Unavailable(
                f"{self.name}.{function} answered {len(data)} bytes that do not fit its ABI"
            ) from error
        return values[0] if len(values) == 1 else values


def load_abi(name: str) -> Abi:
    """A contract's ABI from package data. Raises `Misconfigured` if it was not generated."""
    return _abi_of(name)


@functools.cache
def _abi_of(name: str) -> Abi:
    try:
        text = (resources.files("infold.abi") / f"{name}.json").read_text("utf-8")
    except (FileNotFoundError, ModuleNotFoundError) as error:
        raise Misconfigured(
            f"the ABI of {name} is missing from infold/abi; run `make abi`"
        ) from error
    content = json.loads(text)
    return Abi(name, content["abi"] if isinstance(content, dict) else content)


def _word_value(kind: str, word: bytes) -> Any:
    if kind == "address":
        return word[12:]
    if kind.startswith("bytes"):
        return word[: int(kind[5:])]
    if kind == "bool":
        return word[-1] == 1
    return int.from_bytes(word, "big", signed=kind.startswith("int"))


class Contract:
    """One deployed contract: calls and logs."""

    def __init__(self, rpc: Rpc, abi: Abi, address: bytes) -> None:
        self.rpc = rpc
        self.abi = abi
        self.address = address

    @property
    def name(self) -> str:
        """The contract's name."""
        return self.abi.name

    def call(self, function: str, *arguments: Any, at: int | str = "latest") -> Any:
        """Read at a block."""
        return self.abi.result(
            function, self._read(self.rpc.call(*self._request(function, arguments, at)), function)
        )

    def calls(
        self, function: str, many: Iterable[Sequence[Any]], at: int | str = "latest"
    ) -> list[Any]:
        """The same read for many arguments, in few round trips."""
        requests = [
            (method, params)
            for method, *params in (self._request(function, one, at) for one in many)
        ]
        return [
            self.abi.result(function, self._read(data, function))
            for data in self.rpc.batch(requests)
        ]

    def _request(
        self, function: str, arguments: Sequence[Any], at: int | str
    ) -> tuple[str, Json, Json]:
        data = "0x" + self.abi.calldata(function, *arguments).hex()
        return (
            "eth_call",
            {"to": "0x" + self.address.hex(), "data": data},
            at if isinstance(at, str) else hex(at),
        )

    def _read(self, data: Json, function: str) -> bytes:
        if data == "0x" and self.abi.functions[function].outputs:
            raise Misconfigured(
                f"no {self.name} contract at 0x{self.address.hex()}; check the address book and "
                "the chain"
            )
        return bytes.fromhex(data[2:])

    def decode_log(self, log: Json) -> Log | None:
        """One raw log of this contract; None for an event its ABI does not name."""
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        event = self.abi.events.get(topics[0]) if topics else None
        if event is None:
            return None
        data = bytes.fromhex(log["data"][2:])
        arguments = {
            name: _word_value(kind, topic)
            for (name, kind), topic in zip(event.indexed, topics[1:], strict=True)
        }
        for place, (name, kind) in enumerate(event.plain):
            word = data[32 * place : 32 * place + 32]
            if kind == "uint256[]":
                start = int.from_bytes(word, "big")
                count = int.from_bytes(data[start : start + 32], "big")
                arguments[name] = [
                    int.from_bytes(data[at : at + 32], "big")
                    for at in range(start + 32, start + 32 + 32 * count, 32)
                ]
            elif kind in ("string", "bytes") or kind.endswith(("]", ")")):
                arguments[name] = decode([one for _, one in event.plain], data)[place]
            else:
                arguments[name] = _word_value(kind, word)
        return Log(
            self.name,
            event.name,
            arguments,
            int(log["blockNumber"], 16),
            bytes.fromhex(log["blockHash"][2:]),
            bytes.fromhex(log["transactionHash"][2:]),
            int(log["logIndex"], 16),
        )


def logs(contracts: Sequence[Contract], first_block: int, last_block: int) -> list[Log]:
    """All logs of some contracts in a range of blocks, in chain order."""
    if last_block < first_block or not contracts:
        return []
    by_address = {contract.address: contract for contract in contracts}
    raw = contracts[0].rpc.call(
        "eth_getLogs",
        {
            "fromBlock": hex(first_block),
            "toBlock": hex(last_block),
            "address": ["0x" + address.hex() for address in by_address],
        },
    )
    decoded = (by_address[bytes.fromhex(log["address"][2:])].decode_log(log) for log in raw)
    return sorted(
        (log for log in decoded if log is not None), key=lambda log: (log.block, log.place)
    )


# -- transactions ----------------------------------------------------------------------------------


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

    def call(self, to: bytes, data: bytes, gas: int, block_time_s: int | None = None) -> None:
        """Try a transaction without sending it, as if its block were so stamped; or `Reverted`."""
        request = {
            "from": "0x" + self.address.hex(),
            "to": "0x" + to.hex(),
            "data": "0x" + data.hex(),
            "gas": hex(gas),
        }
        overrides: list[Json] = [] if block_time_s is None else [{}, {"time": hex(block_time_s)}]
        self.rpc.call("eth_call", request, "latest", *overrides)

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
        """Send signed bytes; sending what the node has already is no error."""
        try:
            self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        except Unavailable as error:
            if "already" not in str(error).lower():
                raise
        return keccak(raw)


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


# -- settle ----------------------------------------------------------------------------------------

SETTLE = (
    "settle(uint256,uint256[],(uint256,uint256)[],uint256[],"
    "(uint256,uint256,uint256,uint256)[],bytes32,(uint256,uint256)[])"
)
SETTLE_SELECTOR = keccak(SETTLE.encode())[:4]


def settle_calldata(batch: Batch) -> bytes:
    """Calldata of `Clearing.settle`, laid out directly: every element is whole words, so an array
    is its length and a join.

    A test holds it equal to eth-abi. Hundreds of times faster for 640 records.
    """
    columns = (
        (batch.vector.openings, 1),
        ([word for pair in batch.vector.signatures for word in pair], 2),
        (batch.price_words, 1),
        (
            [
                word
                for record in batch.records
                for word in (record.order, record.terms, record.r, record.vs)
            ],
            4,
        ),
        ([word for pair in batch.seals for word in pair], 2),
    )
    tails = [_words([len(words) // width, *words]) for words, width in columns]
    offsets = []
    offset = 7 * 32
    for tail in tails:
        offsets.append(offset)
        offset += len(tail)
    heads = [batch.head, *offsets[:4], int.from_bytes(batch.accepted_root, "big"), offsets[4]]
    return SETTLE_SELECTOR + _words(heads) + b"".join(tails)


def _words(numbers: Iterable[int]) -> bytes:
    return b"".join([number.to_bytes(32, "big") for number in numbers])


# -- addresses -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AddressBook:
    """Where a venue's contracts are, as `deploy` wrote it."""

    chain_id: int
    first_block: int
    addresses: dict[str, bytes]

    def address(self, name: str) -> bytes:
        """A contract's address. Raises `Misconfigured` if the book does not name it."""
        try:
            return self.addresses[name]
        except KeyError:
            raise Misconfigured(
                f"the address book names no {name}; deploy anew or give the right book"
            ) from None

    def to_json(self) -> str:
        """The book as a JSON document."""
        contracts = {name: checksum_address(address) for name, address in self.addresses.items()}
        content = {
            "chain_id": self.chain_id,
            "first_block": self.first_block,
            "contracts": contracts,
        }
        return json.dumps(content, indent=2) + "\n"

    def write(self, path: Path) -> None:
        """Write the book; a reader never sees half of it."""
        draft = path.with_name(path.name + ".new")
        draft.write_text(self.to_json(), "utf-8")
        draft.replace(path)

    @classmethod
    def read(cls, path: Path) -> AddressBook:
        """Read a book. Raises `Misconfigured` if it is missing or damaged."""
        try:
            content = json.loads(path.read_text("utf-8"))
            addresses = {
                name: bytes.fromhex(text[2:]) for name, text in content["contracts"].items()
            }
            if any(len(address) != 20 for address in addresses.values()):
                raise ValueError("an address is not 20 bytes")
            return cls(int(content["chain_id"]), int(content["first_block"]), addresses)
        except FileNotFoundError as error:
            raise Misconfigured(
                f"no address book at {path}; run `infold deploy`, which writes one"
            ) from error
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise Misconfigured(
                f"address book {path} is damaged ({error}); run `infold deploy` again"
            ) from error


class Venue:
    """The contracts of one deployment, at the end of one connection.

    Raises `Misconfigured` if the node serves another chain than the book was written for.
    """

    def __init__(self, rpc: Rpc, book: AddressBook) -> None:
        self.rpc = rpc
        self.book = book
        found = int(rpc.call("eth_chainId"), 16)
        if found != book.chain_id:
            raise Misconfigured(
                f"node at {rpc.url} serves chain {found}, the address book is of chain "
                f"{book.chain_id}"
            )
        self.contracts = {
            name: Contract(rpc, load_abi(name), address) for name, address in book.addresses.items()
        }

    def __getitem__(self, name: str) -> Contract:
        return self.contracts[name]

    def logs(self, first_block: int, last_block: int, only: str | None = None) -> list[Log]:
        """All logs of the venue's contracts (not of its token), or of one, in a range of blocks, in
        chain order.
        """
        watched = [
            contract
            for name, contract in self.contracts.items()
            if name == only or (only is None and name != "Dollar")
        ]
        return logs(watched, first_block, last_block)
