# SPDX-License-Identifier: Apache-2.0
"""A local chain of our own: one anvil process, started on a free loopback port and ended by its
process id.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import httpx

from infold.closable import Closable
from infold.errors import Misconfigured, Unavailable

READY_DEADLINE_S = 30.0  # a cold start on a loaded two-core machine was seen to take 4 s
STOP_DEADLINE_S = 5.0
DEATH_DEADLINE_S = 2.0  # from a lost connection to its process's end: microseconds, unless loaded
PR_SET_PDEATHSIG = 1  # linux/prctl.h
PORT_TRIES_MAX = 5  # another process may take a free port between our look and anvil's bind


def find_anvil() -> Path:
    """The anvil program: on PATH, or beside the running Python. Raises `Misconfigured` with the
    mend.
    """
    found = shutil.which("anvil")
    beside = Path(sys.executable).parent / "anvil"
    if found:
        return Path(found)
    if beside.exists():
        return beside
    raise Misconfigured(
        "anvil is not on PATH; run `make setup`, which puts anvil 1.7.1 into .venv/bin"
    )


def free_port() -> int:
    """A loopback port nobody listens on at this moment."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def port_is_free(port: int) -> bool:
    """Whether the loopback port can be bound now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _die_with(parent: int) -> Callable[[], None] | None:
    """What a child runs before it becomes anvil, so that the kernel ends it when `parent` is gone,
    even by kill -9. None where that cannot be asked for.

    Linux alone offers it, and means the thread that starts the child: from another thread than the
    main one, which may end long before the process, we do not ask.
    """
    if not sys.platform.startswith("linux"):
        return None
    if threading.current_thread() is not threading.main_thread():
        return None
    libc = ctypes.CDLL(None, use_errno=True)

    def bind() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it went before we asked
            os._exit(1)

    return bind


class Anvil(Closable):
    """One anvil process, running from construction to `close`.

    `timestamp_s` is the genesis block's time. Mining is by hand (`evm_mine`) unless `automine`:
    with automine, blocks within one second push the chain's clock ahead of the wall's, and queued
    transactions have been seen to get stuck. Transactions are limited to 2^24 gas, as on mainnet.
    Raises `Misconfigured` if the program is missing or the port is taken, `Unavailable` if it does
    not come up.
    """

    def __init__(
        self,
        *,
        chain_id: int = 31337,
        timestamp_s: int | None = None,
        port: int | None = None,
        automine: bool = False,
        gas_limit: int = 60_000_000,
        program: Path | None = None,
    ) -> None:
        self.chain_id = chain_id
        self._program = program or find_anvil()
        self._options = [
            "--chain-id",
            str(chain_id),
            "--gas-limit",
            str(gas_limit),
            "--order",
            "fifo",
        ]
        if timestamp_s is not None:
            self._options += ["--timestamp", str(timestamp_s)]
        if not automine:
            self._options.append("--no-mining")
        if port is not None and not port_is_free(port):
            raise Misconfigured(
                f"port {port} is in use; choose another, or let one be found by naming none"
            )
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] | None = None
        tries = 1 if port is not None else PORT_TRIES_MAX
        for attempt in range(tries):
            self.port = port if port is not None else free_port()
            try:
                self._start()
                return
            except Unavailable:
                self.close()
                if attempt == tries - 1:
                    raise

    @property
    def url(self) -> str:
        """Where its JSON-RPC listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Its process id. `Unavailable` once it has ended."""
        if self._process is None:
            raise Unavailable("anvil is not running")
        return self._process.pid

    def _start(self) -> None:
        self._output = tempfile.TemporaryFile(prefix="infold-anvil-")
        self._process = subprocess.Popen(
            [
                str(self._program),
                "--host",
                "127.0.0.1",
                "--port",
                str(self.port),
                "--enable-tx-gas-limit",
                # else every request adds a line for as long as we serve; failures are printed all
                # the same
                "--silent",
                *self._options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            # an interrupt at the keyboard is for us; we end anvil when we are done
            start_new_session=True,
            preexec_fn=_die_with(os.getpid()),
            env={
                "PATH": os.environ.get("PATH", ""),
                "HOME": os.environ.get("HOME", "/"),
                "NO_COLOR": "1",
            },
        )
        deadline = time.monotonic() + READY_DEADLINE_S
        while time.monotonic() < deadline:
            self.require_alive()
            if self._answers():
                return
            time.sleep(0.02)  # a bounded wait for another process, not for a duration
        raise Unavailable(
            f"anvil did not answer on port {self.port} within {READY_DEADLINE_S:.0f} s: "
            f"{self.last_words()}"
        )

    def _answers(self) -> bool:
        question = {"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}
        try:
            answer = httpx.post(self.url, json=question, timeout=READY_DEADLINE_S, trust_env=False)
        except httpx.TransportError:
            return False
        return bool(answer.json().get("result") == hex(self.chain_id))

    def _tail(self) -> bytes:
        if self._output is None:
            return b""
        size = os.fstat(self._output.fileno()).st_size
        return os.pread(self._output.fileno(), 4096, max(0, size - 4096))

    def last_words(self) -> str:
        """The end of what anvil printed, on one line."""
        return " ".join(self._tail().decode(errors="replace").split())[-400:]

    def require_alive(self) -> None:
        """Raise `Unavailable` if the process has ended."""
        if self._process is None:
            raise Unavailable("anvil is not running")
        code = self._process.poll()
        if code is not None:
            raise Unavailable(
                f"anvil ended by itself (exit code {code}): {self.last_words() or 'no message'}; "
                "its chain is gone, start anew"
            )

    def explain_silence(self) -> None:
        """After a lost connection: raise `Unavailable` if the process has ended, or ends now.

        A process that is killed loses its connections before anyone can see that it has ended.
        """
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(DEATH_DEADLINE_S)
        self.require_alive()

    def close(self) -> None:
        """End the process and wait for it. Safe to call twice."""
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(STOP_DEADLINE_S)
                except subprocess.TimeoutExpired:
                    process.kill()
            process.wait()
        if self._output is not None:
            self._output.close()
            self._output = None
