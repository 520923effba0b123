# SPDX-License-Identifier: Apache-2.0
"""A transaction is sent and its answer is lost: money must not move twice for it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.office import KEYS, Console

from infold.shell.chain import Rpc, Unanswered
from infold.signing import address_of

pytestmark = pytest.mark.devnet

SPEND = ("govern", "spend", "2", "0")


def lose(monkeypatch: pytest.MonkeyPatch, *methods: str) -> None:
    """The node does what these methods ask, and its answers get lost."""
    asked = Rpc.call

    def call(rpc: Rpc, method: str, *params: Any) -> Any:
        found = asked(rpc, method, *params)
        if method in methods:
            raise Unanswered(f"node at {rpc.url} did not answer {method}; check that it runs")
        return found

    monkeypatch.setattr(Rpc, "call", call)


def sent_by_the_deployer(console: Console) -> int:
    whose = "0x" + address_of(KEYS["deployer"]).hex()
    return int(console.office.rpc.call("eth_getTransactionCount", whose, "latest"), 16)


def test_what_was_sent_though_its_answer_is_lost_is_found(
    open_console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sent_by_the_deployer(open_console)
    lose(monkeypatch, "eth_sendRawTransaction")
    code, made, _ = open_console.run("deployer", *SPEND)
    assert (code, made["state"]) == (0, "made") and "CollateralMoved" in made["events"]
    assert sent_by_the_deployer(open_console) == before + 1


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (("eth_sendRawTransaction", "eth_getTransactionByHash"), "may have been sent as 0x"),
        (("eth_getTransactionReceipt",), "Governance.spend was sent as 0x"),
    ],
)
def test_what_may_be_sent_is_not_called_worth_a_retry(
    open_console: Console, monkeypatch: pytest.MonkeyPatch, lost: tuple[str, ...], said: str
) -> None:
    before = sent_by_the_deployer(open_console)
    lose(monkeypatch, *lost)
    code, _, heard = open_console.run("deployer", *SPEND)
    assert code == 6 and said in heard and "look for" in heard
    assert '"retryable":false' in heard
    assert sent_by_the_deployer(open_console) == before + 1
