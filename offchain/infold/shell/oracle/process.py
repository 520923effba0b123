# SPDX-License-Identifier: Apache-2.0
"""The signer as a process of its own, answering on a port of this machine.

python -m infold.shell.oracle --key-file KEY --record FILE --source A --source B
    --listen 127.0.0.1:0 --rpc-url URL --chain-id 31337 --oracle 0x...
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec

from infold.errors import Misconfigured, Unavailable
from infold.shell.chain import Contract, Rpc, load_abi
from infold.shell.oracle.record import Record
from infold.shell.oracle.roster import ChainRoster
from infold.shell.oracle.signer import (
    BLOCK_MS,
    STALE_MS,
    TOLERANCE_E6,
    Signer,
    SignRequest,
)
from infold.shell.oracle.sources import Source
from infold.shell.oracle.views import Abstains, SignedOther, TooEarly
from infold.signing import Domain, address_of

BODY_BYTES_MAX = 1 << 20  # 16 signers' views of 255 markets are about 100 KB


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = (
        1 << 16
    )  # header and body leave in one packet, else each answer waits for a delayed acknowledgement
    disable_nagle_algorithm = True
    timeout = 60
    signer: Signer
    lock: threading.Lock

    def do_POST(self) -> None:
        """`/view` and `/sign`."""
        try:
            length = int(self.headers.get("content-length", ""))
        except ValueError:
            self.close_connection = True
            return self._answer(411, {"reason": "send a content-length"})
        if not 0 < length <= BODY_BYTES_MAX:
            self.close_connection = True
            return self._answer(413, {"reason": f"send at most {BODY_BYTES_MAX} bytes"})
        body = self.rfile.read(length)
        try:
            with self.lock:
                if self.path == "/view":
                    request = msgspec.json.decode(body, type=dict[str, int])
                    return self._answer(
                        200, msgspec.to_builtins(self.signer.view(request.get("time_ms", 0)))
                    )
                if self.path == "/sign":
                    root, r, vs = self.signer.sign(msgspec.json.decode(body, type=SignRequest))
                    return self._answer(200, {"root": root.hex(), "r": hex(r), "vs": hex(vs)})
        except msgspec.MsgspecError as error:
            return self._answer(400, {"reason": f"malformed request: {error}"})
        except TooEarly as error:
            return self._answer(425, {"reason": str(error), "wait_ms": error.wait_ms})
        except SignedOther as error:
            said = msgspec.to_builtins({"signed": error.signed, "views": error.views})
            return self._answer(409, {"reason": str(error)} | said)
        except Abstains as error:
            return self._answer(409, {"reason": str(error)})
        return self._answer(404, {"reason": "post to /view or /sign"})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: the record is what matters."""


def read_key_file(path: Path) -> bytes:
    """A hexadecimal private key from a file only its owner may read. Raises `Misconfigured`, never
    showing the content.
    """
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"key file {path} cannot be read; name a file with one hexadecimal private key"
        ) from error
    if mode & 0o077:
        raise Misconfigured(
            f"key file {path} is open to others (mode {mode:o}); run: chmod 600 {path}"
        )
    try:
        key = bytes.fromhex(text.removeprefix("0x"))
        address_of(key)
    except ValueError as error:
        raise Misconfigured(
            f"key file {path} does not hold one hexadecimal private key of 32 bytes"
        ) from error
    return key


def server_of(signer: Signer, host: str, port: int) -> ThreadingHTTPServer:
    """What answers for a signer, one question at a time. Raises OSError if the port is taken."""
    handler = type("Handler", (_Handler,), {"signer": signer, "lock": threading.Lock()})
    server = ThreadingHTTPServer((host, port), handler)
    server.daemon_threads = True
    return server


def _address(text: str) -> bytes:
    address = bytes.fromhex(text.removeprefix("0x"))
    if len(address) != 20:
        raise ValueError("an address has 20 bytes")
    return address


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one signer until it is told to stop or its standard input closes. Prints one line when it
    listens.
    """
    parser = argparse.ArgumentParser(prog="python -m infold.shell.oracle", description=main.__doc__)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--source", type=Path, action="append", required=True)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--rpc-url", required=True)
    parser.add_argument("--chain-id", type=int, required=True)
    parser.add_argument("--oracle", type=_address, required=True)
    parser.add_argument("--tolerance-e6", type=int, default=TOLERANCE_E6)
    parser.add_argument("--stale-ms", type=int, default=STALE_MS)
    parser.add_argument("--skew-ms", type=int)
    parser.add_argument("--k-min", type=int, default=1)
    parser.add_argument("--block-ms", type=int, default=BLOCK_MS)
    given = parser.parse_args(arguments)
    host, _, port = given.listen.rpartition(":")
    if host != "127.0.0.1" or not port.isdigit():
        parser.error(
            "--listen takes 127.0.0.1:PORT; put a proxy in front to be reached from elsewhere"
        )
    try:
        signer = Signer(
            private_key=read_key_file(given.key_file),
            sources=[Source(path) for path in given.source],
            record=Record(given.record),
            domain=Domain(given.chain_id, given.oracle),
            roster=_roster(given.rpc_url, given.chain_id, given.oracle),
            tolerance_e6=given.tolerance_e6,
            stale_ms=given.stale_ms,
            skew_ms=given.skew_ms,
            k_min=given.k_min,
            block_ms=given.block_ms,
        )
        server = server_of(signer, host, int(port))
    except Misconfigured as error:
        print(error, file=sys.stderr)
        return 3
    except Unavailable as error:
        print(error, file=sys.stderr)
        return 6
    except OSError as error:
        print(
            f"port {port} cannot be used ({error.strerror}); choose another with --listen",
            file=sys.stderr,
        )
        return 3
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: threading.Thread(target=server.shutdown).start())
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    print(
        json.dumps({"address": "0x" + signer.address.hex(), "port": server.server_address[1]}),
        flush=True,
    )
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    return 0


def _roster(rpc_url: str, chain_id: int, oracle: bytes) -> ChainRoster:
    """Who serves, by the chain. Raises `Misconfigured` if it is another one or has no such
    Oracle, `Unavailable` if its node does not answer.
    """
    rpc = Rpc(rpc_url)
    found = int(rpc.call("eth_chainId"), 16)
    if found != chain_id:
        raise Misconfigured(
            f"node at {rpc_url} serves chain {found}, not {chain_id}; give its --rpc-url"
        )
    roster = ChainRoster(Contract(rpc, load_abi("Oracle"), oracle))
    roster.at(0, ())
    return roster


def _end_with_parent(server: ThreadingHTTPServer) -> None:
    """Whoever started us holds our standard input; when it is gone, so are we."""
    while os.read(0, 4096):
        pass
    server.shutdown()
