# SPDX-License-Identifier: Apache-2.0
"""Our own anvil comes up, says what is wrong, and never outlives us."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from infold.errors import Misconfigured, Unavailable
from infold.shell.anvil import Anvil
from infold.shell.chain import Reverted, Rpc, Sender, block, mine, receipt
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
        rpc = Rpc(anvil.url, anvil.require_alive)
        assert block(rpc).timestamp_s == START_S
        assert mine(rpc, START_S + 5).timestamp_s == START_S + 5
        assert mine(rpc, START_S + 5).number == 2  # blocks may share a second
        with pytest.raises(Unavailable, match="lower than previous block"):
            mine(rpc, START_S + 4)
        rpc.close()


def test_transactions_are_sent_mined_and_counted() -> None:
    with Anvil(timestamp_s=START_S) as anvil:
        rpc = Rpc(anvil.url, anvil.require_alive)
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
        rpc = Rpc(anvil.url, anvil.require_alive)
        os.kill(anvil.pid, signal.SIGKILL)
        with pytest.raises(Unavailable, match=r"ended by itself \(exit code -9\)"):
            for _ in range(1_000):  # the kill may take a moment to be seen
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
        rpc = Rpc(anvil.url, anvil.require_alive)
        with pytest.raises(Reverted):
            rpc.call("eth_call", {"data": "0x60006000fd"}, "latest")
        rpc.close()
