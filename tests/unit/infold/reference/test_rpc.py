# SPDX-License-Identifier: Apache-2.0
"""A node that is away, silent or refuses gives a message and exit code 6, never a traceback."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from infold.reference.audit import main
from infold.reference.rpc import Node, NodeError


@contextmanager
def a_node(answer: Any) -> Iterator[str]:
    """A server on loopback that answers each call of a batch by `answer(method, params)`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            calls = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = [{"id": it["id"], **answer(it["method"], it["params"])} for it in calls]
            encoded = json.dumps(body[::-1]).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(encoded)))
            self.end_headers()
            self.wfile.write(encoded)

        def log_message(self, *arguments: Any) -> None:
            del arguments

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_results_come_in_the_order_asked() -> None:
    def echo(method: str, params: list[Any]) -> dict[str, Any]:
        return {"result": f"{method} {params[0]}"}

    with a_node(echo) as url:
        found = Node(url).call_many("m", [(it,) for it in range(1_001)])
    assert found == [f"m {it}" for it in range(1_001)]


def test_words_of_empty_answers_are_zero() -> None:
    with a_node(lambda method, params: {"result": "0x"}) as url:
        assert Node(url).read_words(5, [b"1234"], 7) == [0]


def test_a_refusal_names_the_call() -> None:
    with a_node(lambda method, params: {"error": {"message": "no such thing"}}) as url:
        with pytest.raises(NodeError, match="eth_nothing: no such thing"):
            Node(url).call("eth_nothing")


def test_logs_are_asked_for_in_halves_where_the_node_refuses_the_whole() -> None:
    def answer(method: str, params: list[Any]) -> dict[str, Any]:
        first, last = int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16)
        if last - first > 2:
            return {"error": {"message": "range too wide"}}
        log = {
            "address": "0x01",
            "topics": ["0x" + "00" * 32],
            "data": f"0x{first:064x}",
            "transactionHash": "0x" + "00" * 32,
        }
        return {"result": [log]}

    with a_node(answer) as url:
        found = Node(url).logs([1], 0, 7)
    assert [int.from_bytes(log.data, "big") for log in found] == [0, 2, 4, 6]


@pytest.mark.parametrize("url", ["ftp://somewhere", "http://127.0.0.1:1"])
def test_an_unreachable_node_ends_with_exit_code_6(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--rpc", url, "--json"]) == 6
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("audit: ")


def test_a_chain_without_a_venue_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    answers = {"eth_blockNumber": "0x1", "eth_getLogs": []}
    with a_node(lambda method, params: {"result": answers[method]}) as url:
        assert main(["--rpc", url]) == 6
    assert "--clearing" in capsys.readouterr().err
