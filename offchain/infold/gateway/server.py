# SPDX-License-Identifier: Apache-2.0
"""The gateway on a loopback port, from a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import uvicorn

from infold.closable import Closable
from infold.errors import Misconfigured, Unavailable
from infold.gateway.rest import Gateway

START_DEADLINE_S = 10.0


class Server(Closable):
    """The gateway served on a loopback port from a thread of its own, from construction to `close`.

    Port 0 takes a free one. Raises `Misconfigured` if the port is in use.
    """

    def __init__(self, gateway: Gateway, port: int = 0, host: str = "127.0.0.1") -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
        except OSError as error:
            self._socket.close()
            raise Misconfigured(
                f"port {port} on {host} cannot be used ({error.strerror}); choose another"
            ) from error
        self.url = f"http://{host}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            gateway.app,
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="none",
            timeout_keep_alive=30,
            timeout_graceful_shutdown=3,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="infold-gateway", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                self.close()
                raise Unavailable("the gateway did not start; see the log")
            time.sleep(0.01)  # a bounded wait for our own thread

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def close(self) -> None:
        """Stop serving and end the thread. Safe to call twice."""
        self._server.should_exit = True
        self._thread.join(START_DEADLINE_S)
        self._socket.close()
