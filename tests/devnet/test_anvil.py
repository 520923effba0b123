# SPDX-License-Identifier: Apache-2.0
"""Our own anvil comes up, says what is wrong, and never outlives us."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from infold.errors import Misconfigured, Unavailable
from infold.shell.anvil import Anvil
from infold.shell.chain import Json, Reverted, Rpc, Sender, block, mine, receipt, why_it_failed
from infold.signing import keccak

pytestmark = pytest.mark.devnet

KEY = keccak(b"a devnet test")
START_S = 1_700_000_000


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_time_and_blocks_are_the_callers() -> None:
    with Anvil(timestamp_s=START_S) as anvil:
        rpc = Rpc(anvil.url, anvil.explain_silence)
        assert block(rpc).timestamp_s == START_S
        assert mine(rpc, START_S + 5).timestamp_s == START_S + 5
        assert mine(rpc, START_S + 5).number == 2  # blocks may share a second
        with pytest.raises(Unavailable, match="lower than previous block"):
            mine(rpc, START_S + 4)
        rpc.close()


def test_transactions_are_sent_mined_and_counted() -> None:
    with Anvil(timestamp_s=START_S) as anvil:
        rpc = Rpc(anvil.url, anvil.explain_silence)
        sender = Sender(rpc, KEY, 31337)
        rpc.call("anvil_setBalance", "0x" + sender.address.hex(), hex(10**20))
        sent = sender.send_many([(b"\x01" * 20, b"")] * 300, gas=21_000)
        assert receipt(rpc, sent[0]) is None
        mine(rpc)
        found = [receipt(rpc, one) for one in sent]
        assert all(one is not None and one.ok and one.gas_used == 21_000 for one in found)
        rpc.close()


def test_a_second_anvil_on_the_same_port_is_refused() -> None:
    with Anvil(timestamp_s=START_S) as anvil, pytest.raises(Misconfigured, match="is in use"):
        Anvil(port=anvil.port)


def test_death_in_the_middle_is_told_as_such() -> None:
    with Anvil(timestamp_s=START_S) as anvil:
        rpc = Rpc(anvil.url, anvil.explain_silence)
        assert rpc.call("eth_blockNumber") == "0x0"
        # stopped first, for a running one may still answer between the kill and its death
        os.kill(anvil.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, anvil.pid, os.WSTOPPED | os.WNOWAIT)
        os.kill(anvil.pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match=r"ended by itself \(exit code -9\)"):
            rpc.call("eth_blockNumber")
        rpc.close()


HASTY = """#!{python}
import http.server, json

class Hasty(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if request["method"] != "eth_chainId":
            self.server.socket.close()
            self.connection.close()
            self.rfile.close()
            raise SystemExit(9)
        answer = json.dumps({{"id": request["id"], "result": hex(31337)}}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

port = int(__import__("sys").argv[4])
http.server.HTTPServer(("127.0.0.1", port), Hasty).serve_forever()
"""


def test_a_death_that_follows_the_lost_connection_is_told_too(tmp_path: Path) -> None:
    program = tmp_path / "anvil"  # hangs up at once and takes its milliseconds to end
    program.write_text(HASTY.format(python=sys.executable))
    program.chmod(0o700)
    with Anvil(program=program) as anvil:
        rpc = Rpc(anvil.url, anvil.explain_silence)
        assert rpc.call("eth_chainId") == "0x7a69"
        with pytest.raises(Unavailable, match=r"ended by itself \(exit code 9\)"):
            rpc.call("eth_blockNumber")
        rpc.close()


def test_the_process_ends_with_its_context() -> None:
    with pytest.raises(RuntimeError), Anvil(timestamp_s=START_S) as anvil:
        pid = anvil.pid
        assert alive(pid)
        raise RuntimeError("whatever happens")
    assert not alive(pid)


def test_a_program_that_is_not_anvil_is_named(tmp_path: Path) -> None:
    program = tmp_path / "anvil"
    program.write_text("#!/bin/sh\necho not today >&2\nexit 7\n")
    program.chmod(0o700)
    with pytest.raises(Unavailable, match=r"exit code 7.*not today"):
        Anvil(program=program)


def test_a_refusal_carries_the_contracts_words() -> None:
    with Anvil(timestamp_s=START_S) as anvil:
        rpc = Rpc(anvil.url, anvil.explain_silence)
        with pytest.raises(Reverted):
            rpc.call("eth_call", {"data": "0x60006000fd"}, "latest")
        rpc.close()


PARENT = """
import sys, time
from infold.shell.anvil import Anvil
anvil = Anvil()
print(anvil.pid, flush=True)
time.sleep(600)
"""


def test_anvil_dies_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        watch = os.pidfd_open(pid)  # readable once the process has ended, reaped or not
        assert alive(pid)
        parent.kill()
    try:
        assert select.select([watch], [], [], 10)[0], "anvil lives on without its parent"
    finally:
        os.close(watch)


# -- why a transaction failed --------------------------------------------------

GATE = b"\x11" * 20


def error_of(text: str) -> bytes:
    """Revert data of `Error(string)` with a short text."""
    return bytes.fromhex(f"08c379a0{32:064x}{len(text):064x}") + text.encode().ljust(32, b"\0")


def gate_that_closes_at(time_s: int) -> bytes:
    """Runtime code: reverts "too early" up to a time and "too late" beyond it."""
    jump_to, data = 23, 37  # after ten bytes of comparison, each revert takes thirteen
    revert = "606461{:04x}60003960646000fd"  # copies 100 bytes of this code and reverts with them
    compare = f"63{time_s:08x}421160{jump_to:02x}57"
    code = compare + revert.format(data) + "5b" + revert.format(data + 100)
    return bytes.fromhex(code) + error_of("too early") + error_of("too late")


def without_traces(rpc: Rpc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A node that refuses to trace, as public ones do."""
    real = rpc.call

    def call(method: str, *params: Json) -> Json:
        if method.startswith("debug_"):
            raise Unavailable(f"node refused {method}")
        return real(method, *params)

    monkeypatch.setattr(rpc, "call", call)


@pytest.mark.parametrize("traced", [True, False])
def test_a_failure_is_named_as_of_its_own_block(
    traced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Anvil(timestamp_s=START_S) as anvil:
        rpc = Rpc(anvil.url, anvil.explain_silence)
        sender = Sender(rpc, KEY, 31337)
        rpc.call("anvil_setBalance", "0x" + sender.address.hex(), hex(10**20))
        rpc.call("anvil_setCode", "0x" + GATE.hex(), "0x" + gate_that_closes_at(START_S + 50).hex())
        if not traced:
            without_traces(rpc, monkeypatch)
        for time_s, reason in ((START_S + 50, "too early"), (START_S + 51, "too late")):
            sent = sender.send(GATE, b"", gas=100_000)
            mine(rpc, time_s)
            found = receipt(rpc, sent)
            assert found is not None and not found.ok
            assert why_it_failed(rpc, sent) == reason
        rpc.close()
