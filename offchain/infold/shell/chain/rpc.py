# SPDX-License-Identifier: Apache-2.0
"""JSON-RPC: questions to a node, and the three ways they can fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import httpx
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from infold.errors import InfoldError, Unavailable, printable

RPC_TIMEOUT_S = 60.0  # a settle of 16 Mgas took 2 s on a loaded machine; the rest is room
RPC_BATCH_MAX = 500  # requests in one HTTP body: a few hundred KB of JSON

NO_GAS = "insufficient funds"  # what every node says of a sender that cannot pay
NONCE_TOO_LOW = "nonce too low"  # and of one whose key has sent something else meanwhile

Json = Any  # what json.loads gives


class Reverted(InfoldError):
    """A contract refused. `reason` is its literal string ("clearing: ..."), "" if it gave none;
    `mend` what to do next, "" where nobody has said yet.
    """

    def __init__(self, reason: str, doing: str, mend: str = "") -> None:
        said = f"{doing} reverted: {reason or 'no reason given'}"
        super().__init__(f"{said}; {mend}" if mend else said)
        self.reason = reason
        self.doing = doing
        self.mend = mend

    def __reduce__(self) -> tuple[type[Reverted], tuple[str, str, str]]:
        return Reverted, (self.reason, self.doing, self.mend)


class Unanswered(Unavailable):
    """A node was asked and its answer is lost: it may have done what it was asked."""


class Rpc:
    """JSON-RPC over one kept-alive HTTP connection.

    Raises `Unavailable` when the node does not answer or answers with an error of its own
    (`Unanswered`, which is one, when it may have done what it was asked), `Reverted` when a
    contract refused. `explain_silence`, if given, is called when a connection fails: it may take a
    moment and raise a better-informed error.
    """

    def __init__(self, url: str, explain_silence: Callable[[], None] | None = None) -> None:
        self.url = url
        self._explain_silence = explain_silence
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
        """Many requests in few round trips; their results in order. `Unavailable` if the node does
        not answer them all.
        """
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
            if self._explain_silence is not None and isinstance(error, httpx.TransportError):
                self._explain_silence()
            raise (Unavailable if _is_refused(error) else Unanswered)(
                f"node at {self.url} did not answer {doing} ({type(error).__name__}: {error}); "
                "check that it runs"
            ) from error
        except ValueError as error:
            raise Unanswered(
                f"node at {self.url} answered {doing} with something that is not JSON"
            ) from error

    def _result(self, answer: Json, method: str) -> Json:
        if not isinstance(answer, dict):
            raise Unanswered(f"node at {self.url} gave no answer to {method}")
        if "error" not in answer:
            return answer.get("result")
        fault = answer["error"]
        message = printable(str(fault.get("message", fault)))
        if fault.get("code") == 3 or "revert" in message.lower():
            raise Reverted(revert_reason(fault.get("data"), message), method)
        mend = "; send its key ether for gas" if NO_GAS in message.lower() else ""
        raise Unavailable(f"node at {self.url} refused {method}: {message}{mend}")

    def close(self) -> None:
        """Close the connection."""
        self._client.close()


def _is_refused(error: httpx.HTTPError) -> bool:
    """Whether a request reached nobody who would act on it."""
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return 400 <= status < 500 and status != httpx.codes.REQUEST_TIMEOUT
    return isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)


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
    try:
        return Block(
            int(found["number"], 16),
            bytes.fromhex(found["hash"][2:]),
            bytes.fromhex(found["parentHash"][2:]),
            int(found["timestamp"], 16),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            f"node at {rpc.url} answered block {which} with none; ask a node of an Ethereum chain"
        ) from error


def mine(rpc: Rpc, timestamp_s: int | None = None) -> Block:
    """Mine one block of pending transactions on a development node, at a timestamp if given."""
    if timestamp_s is not None:
        rpc.call("evm_setNextBlockTimestamp", timestamp_s)
    rpc.call("evm_mine")
    return block(rpc)
