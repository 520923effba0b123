# SPDX-License-Identifier: Apache-2.0
"""A node over JSON-RPC, by the standard library: many calls in one request."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import Any, NamedTuple

_CALLS_PER_REQUEST = 500
_TIMEOUT_S = 120


class NodeError(Exception):
    """The node cannot be reached or refuses a call; the message says which."""


class Log(NamedTuple):
    """A log as the chain keeps it."""

    address: int
    topics: tuple[bytes, ...]
    data: bytes
    transaction: bytes


class Transaction(NamedTuple):
    """A transaction with its block's number and stamp."""

    hash: bytes
    block: int
    time_s: int
    sender: int
    to: int | None
    data: bytes


class Node:
    """Reads blocks, logs and storage of one chain. Raises NodeError if its address is not HTTP."""

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise NodeError(f"not an HTTP address of a node: {url}")
        self.url = url

    def call(self, method: str, *params: object) -> Any:
        """The result of one call."""
        return self.call_many(method, [params])[0]

    def call_many(self, method: str, params: Sequence[Sequence[object]]) -> list[Any]:
        """The results of one method for each list of parameters, in order."""
        results: list[Any] = []
        for start in range(0, len(params), _CALLS_PER_REQUEST):
            results += self._request(method, params[start : start + _CALLS_PER_REQUEST])
        return results

    def _request(self, method: str, params: Sequence[Sequence[object]]) -> list[Any]:
        body = [
            {"jsonrpc": "2.0", "id": at, "method": method, "params": list(one)}
            for at, one in enumerate(params)
        ]
        request = urllib.request.Request(
            self.url, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as response:
                answers = json.loads(response.read())
        except (urllib.error.URLError, OSError, ValueError) as error:
            raise NodeError(f"{self.url} does not answer {method}: {error}") from error
        if not isinstance(answers, list) or len(answers) != len(body):
            raise NodeError(f"{self.url} answers {method} with {str(answers)[:200]}")
        answers.sort(key=lambda answer: answer["id"])
        for answer in answers:
            if "error" in answer:
                raise NodeError(f"{method}: {answer['error'].get('message', answer['error'])}")
        return [answer["result"] for answer in answers]

    # -- what an audit reads --------------------------------------------------

    def read_words(self, to: int, calls: Sequence[bytes], block: int) -> list[int]:
        """The first returned word of each view call at a block; zero where nothing is returned."""
        tag = hex(block)
        params = [({"to": f"0x{to:040x}", "data": "0x" + data.hex()}, tag) for data in calls]
        return [int(result[2:66] or "0", 16) for result in self.call_many("eth_call", params)]

    def transactions(self, first: int, last: int) -> list[Transaction]:
        """All transactions of a range of blocks, in order."""
        found: list[Transaction] = []
        for start in range(first, last + 1, 100):
            params = [(hex(block), True) for block in range(start, min(last, start + 99) + 1)]
            for block in self.call_many("eth_getBlockByNumber", params):
                found += [_transaction(one, block) for one in block["transactions"]]
        return found

    def logs(self, addresses: Sequence[int], first: int, last: int) -> list[Log]:
        """All logs of some contracts in a range of blocks, in order; halves the range where a node
        refuses it.
        """
        query = {
            "address": [f"0x{address:040x}" for address in addresses],
            "fromBlock": hex(first),
            "toBlock": hex(last),
        }
        try:
            answers = self.call("eth_getLogs", query)
        except NodeError:
            if first == last:
                raise
            middle = (first + last) // 2
            return self.logs(addresses, first, middle) + self.logs(addresses, middle + 1, last)
        return [_log(answer) for answer in answers]

    def emitters(self, topic: bytes, first: int, last: int) -> list[int]:
        """The contracts that emitted an event, each once, in order of appearance."""
        query = {"topics": ["0x" + topic.hex()], "fromBlock": hex(first), "toBlock": hex(last)}
        answers = self.call("eth_getLogs", query)
        return list(dict.fromkeys(int(answer["address"], 16) for answer in answers))


def _transaction(answer: dict[str, Any], block: dict[str, Any]) -> Transaction:
    return Transaction(
        bytes.fromhex(answer["hash"][2:]),
        int(block["number"], 16),
        int(block["timestamp"], 16),
        int(answer["from"], 16),
        int(answer["to"], 16) if answer["to"] else None,
        bytes.fromhex(answer["input"][2:]),
    )


def _log(answer: dict[str, Any]) -> Log:
    return Log(
        int(answer["address"], 16),
        tuple(bytes.fromhex(topic[2:]) for topic in answer["topics"]),
        bytes.fromhex(answer["data"][2:]),
        bytes.fromhex(answer["transactionHash"][2:]),
    )
