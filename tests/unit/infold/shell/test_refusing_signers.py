# SPDX-License-Identifier: Apache-2.0
"""What a signer answers instead of a price is told on, and steers neither terminal nor log."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.support.signer_sets import SignerSet

from infold.errors import Unavailable
from infold.shell.oracle import Collector
from infold.signing import Domain, address_of

SIGNER = address_of(b"\1" * 32)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        body = json.dumps({"reason": "\x1b[2Jbusy\n2026 INFO all is well"}).encode()
        self.send_response(409)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


def test_a_signer_s_reason_is_told_as_letters_alone() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    urls = {SIGNER: f"http://127.0.0.1:{server.server_port}"}
    collector = Collector(urls, SignerSet([SIGNER], 1), Domain(1, b"\1" * 20))
    try:
        with pytest.raises(Unavailable, match="2026 INFO all is well") as told:
            collector.collect(5)
    finally:
        collector.close()
        server.shutdown()
        server.server_close()
        thread.join()
    assert str(told.value).isprintable()
