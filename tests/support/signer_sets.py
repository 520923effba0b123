# SPDX-License-Identifier: Apache-2.0
"""Who signs prices, without a chain: a list to hand over, or a node that answers for `Oracle`."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from infold.closable import Closable
from infold.shell.chain import load_abi
from infold.shell.oracle import Quorum
from infold.words import ServiceWord, ThresholdWord, pack_service, pack_threshold

CHAIN_ID = 31337


class SignerSet:
    """Signers by how long they serve, and how many of them must sign; tests change both."""

    def __init__(self, signers: Collection[bytes], k: int) -> None:
        self.service = dict.fromkeys(signers, ServiceWord(from_ms=1))
        self.threshold = ThresholdWord(new=k, old=k)
        self.block_ms = (1 << 48) - 1
        """What the chain's latest block is stamped, later than any vector."""

    def _serves(self, who: bytes, time_ms: int) -> bool:
        word = self.service.get(who)
        return word is not None and (not word.until_ms or time_ms <= word.until_ms)

    @property
    def live(self) -> int:
        """How many serve and have no end."""
        return sum(not word.until_ms for word in self.service.values())

    def at(self, time_ms: int, whom: Collection[bytes]) -> Quorum:
        """As `Roster` has it; a change of k is long past."""
        serving = frozenset(who for who in whom if self._serves(who, time_ms))
        live = self.live + sum(bool(self.service[who].until_ms) for who in serving)
        return Quorum(serving, self.threshold.new, live, self.block_ms)


class OracleNode(Closable):
    """A node on a free loopback port whose one contract is an Oracle with this set."""

    def __init__(self, signers: SignerSet) -> None:
        abi = load_abi("Oracle")
        service, threshold, live = (
            abi.functions[name].selector for name in ("service", "threshold", "live_count")
        )

        def answered(request: dict[str, Any]) -> dict[str, Any]:
            word = CHAIN_ID
            if request["method"] == "eth_getBlockByNumber":
                stamped = dict.fromkeys(("hash", "parentHash"), "0x00") | {"number": "0x1"}
                stamped["timestamp"] = hex(signers.block_ms // 1_000)
                return {"jsonrpc": "2.0", "id": request["id"], "result": stamped}
            if request["method"] == "eth_call":
                data = bytes.fromhex(request["params"][0]["data"][2:])
                if data[:4] == service:
                    word = pack_service(signers.service.get(data[-20:], ServiceWord()))
                elif data[:4] == live:
                    word = signers.live
                else:
                    assert data[:4] == threshold
                    word = pack_threshold(signers.threshold)
            return {"jsonrpc": "2.0", "id": request["id"], "result": f"0x{word:064x}"}

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
                many = isinstance(asked, list)
                body = json.dumps([answered(one) for one in asked] if many else answered(asked))
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, format: str, *args: Any) -> None:
                """Nothing to tell."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        """Stop answering."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
