# SPDX-License-Identifier: Apache-2.0
"""Contracts by their ABI: calls and logs. Integers as the contracts use them, addresses and hashes
raw bytes.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any, NamedTuple

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError

from infold.errors import InvariantBroken, Misconfigured, Unavailable
from infold.shell.chain.rpc import Json, Rpc
from infold.signing import keccak


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
                # Vyper lists a function with defaults once per arity: the full one wins.
                held = self.functions.get(entry["name"])
                if held is not None and len(held.inputs) > len(inputs):
                    continue
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
        """A call's result: the value itself if there is one, else a tuple. `Unavailable` if the
        data do not fit.
        """
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
        return self.reads([(function, *one) for one in many], at)

    def reads(self, many: Sequence[tuple[Any, ...]], at: int | str = "latest") -> list[Any]:
        """Many reads, each a function and its arguments, in few round trips."""
        requests = [
            (method, params)
            for method, *params in (
                self._request(function, arguments, at) for function, *arguments in many
            )
        ]
        return [
            self.abi.result(function, self._read(data, function))
            for (function, *_), data in zip(many, self.rpc.batch(requests), strict=True)
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
                f"no {self.name} contract at 0x{self.address.hex()} on the chain at {self.rpc.url};"
                " name the node of the chain that the address book is of, or the book of this one"
            )
        try:
            return bytes.fromhex(data[2:])
        except (TypeError, ValueError) as error:
            raise Unavailable(
                f"node at {self.rpc.url} answered {self.name}.{function} with no bytes"
                f" ({str(data)[:40]!r}); ask a node of an Ethereum chain"
            ) from error

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
