# SPDX-License-Identifier: Apache-2.0
"""A deposit by permit, a withdrawal beyond what an hour lets out, and its ticket: by commands on a
node, and as an audit follows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.devnet.test_governing import Console, Office

from infold.reference.audit import Auditor, judged
from infold.reference.history import fetch
from infold.reference.replay import Sampling
from infold.reference.rpc import Node
from infold.shell.anvil import Anvil
from infold.utc import moment

pytestmark = pytest.mark.devnet

WEEK_S = 7 * 86_400
MILLION = 1_000_000


@pytest.fixture
def console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Console]:
    with Anvil(automine=True) as anvil:
        office = Office(anvil, tmp_path, sealed=True)
        yield Console(office, capsys)
        office.rpc.close()


def done(console: Console, *words: str) -> dict[str, Any]:
    code, found, said = console.run("owner", *words)
    assert code == 0, said
    return found


def audited(console: Console) -> int:
    """What waits in the vault's queue by its logs alone, in a history that is found honest."""
    node = Node(console.office.options[1])
    history = fetch(node, None, 0, int(node.call("eth_blockNumber"), 16))
    sampling = Sampling("all", 0)
    auditor = Auditor(history, sampling)
    auditor.run()
    result = judged(node, auditor, sampling)
    assert result["ok"], (result["mismatches"], result["invariants"])
    return sum(auditor.tickets.values())


def test_what_an_hour_does_not_let_out_is_a_ticket_that_is_pulled(console: Console) -> None:
    office = console.office
    opened = done(console, "account", "open", "1000", "--mint", "--permit")
    account = str(opened["account"])
    paid = done(console, "deposit", account, str(3 * MILLION), "--mint", "--permit")
    assert paid["amount_e6"] == str(3 * MILLION * 10**6)
    office.travel(3_600)
    done(console, "withdraw", account, str(2 * MILLION))
    office.travel(19)
    claimed = done(console, "withdraw", account, "--claim")
    code, _, said = console.run("owner", "withdraw", account, "--claim")
    assert code == 3 and f"no withdrawal of account {account} is pending" in said
    assert claimed["paid_e6"] == str((MILLION + 10_000) * 10**6)
    (ticket,) = claimed["tickets"]
    assert ticket["amount_e6"] == str((MILLION - 10_000) * 10**6)
    assert audited(console) == int(ticket["amount_e6"])
    number = str(ticket["ticket"])
    looked = done(console, "ticket", number)
    assert (looked["state"], looked["waits_for_e6"]) == ("waiting", ticket["amount_e6"])
    assert "at the latest" in console.page("owner", "ticket", number)
    code, _, said = console.run("owner", "ticket", number, "--pull")
    assert code == 7 and f"at the latest {moment(looked['due_s'] * 1000)}" in said
    office.travel(WEEK_S)
    pulled = done(console, "ticket", number, "--pull")
    assert (pulled["state"], pulled["amount_e6"]) == ("paid", ticket["amount_e6"])
    assert int(office.venue["Vault"].call("waiting_e6")) == audited(console) == 0
