# SPDX-License-Identifier: Apache-2.0
"""A deposit by permit, a withdrawal beyond what an hour lets out, and its ticket: by commands on a
node, and as an audit follows them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.office import Console, Office

from infold.reference.audit import Auditor, judged
from infold.reference.history import fetch
from infold.reference.replay import Sampling
from infold.reference.rpc import Node
from infold.shell.anvil import Anvil
from infold.utc import moment

pytestmark = pytest.mark.devnet

WEEK_S = 7 * 86_400
MILLION = 1_000_000


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    with Anvil(automine=True) as anvil:
        office = Office(anvil, tmp_path_factory.mktemp("office"), sealed=True)
        yield office
        office.rpc.close()


@pytest.fixture
def console(office: Office, capsys: pytest.CaptureFixture[str]) -> Iterator[Console]:
    mark = office.rpc.call("evm_snapshot")
    yield Console(office, capsys)
    office.rpc.call("evm_revert", mark)


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


def test_a_ticket_alone_in_its_queue_is_moved_by_the_command_that_pulls_it(
    console: Console,
) -> None:
    """Nobody else pays in or out: a refused pull alone would have it wait for its last day."""
    office = console.office
    account = str(done(console, "account", "open", str(4 * MILLION), "--mint")["account"])
    office.travel(3_600)
    done(console, "withdraw", account, str(4 * MILLION))
    office.travel(19)
    (ticket,) = done(console, "withdraw", account, "--claim")["tickets"]
    number = str(ticket["ticket"])
    office.travel(86_400)
    looked = done(console, "ticket", number)
    assert (looked["state"], looked["let_go_e6"]) == ("waiting", str(MILLION * 10**6))
    assert (looked["waits_for_e6"], looked["hours"]) == (ticket["amount_e6"], 2)
    code, _, said = console.run("owner", "ticket", number, "--pull")
    assert code == 7 and "the queue went on by $1,000,000.00" in said and "2 times" in said
    left_e6 = int(ticket["amount_e6"]) - MILLION * 10**6
    looked = done(console, "ticket", number)
    assert (looked["waits_for_e6"], looked["let_go_e6"]) == (str(left_e6), "0")
    assert f"`infold ticket {number} --pull`" in console.page("owner", "ticket", number)
    office.travel(3_600)
    assert console.run("owner", "ticket", number, "--pull")[0] == 7
    assert "due" not in console.page("owner", "ticket", number)
    office.travel(3_600)
    assert done(console, "ticket", number)["state"] == "due"
    assert "--pull` has it paid" in console.page("owner", "ticket", number)
    assert done(console, "ticket", number, "--pull")["amount_e6"] == ticket["amount_e6"]
    assert int(office.venue["Vault"].call("waiting_e6")) == audited(console) == 0


def test_a_ticket_whose_last_day_has_come_is_due_without_its_turn(console: Console) -> None:
    office = console.office
    account = str(done(console, "account", "open", str(3 * MILLION), "--mint")["account"])
    office.travel(3_600)
    done(console, "withdraw", account, str(3 * MILLION))
    office.travel(19)
    (ticket,) = done(console, "withdraw", account, "--claim")["tickets"]
    office.travel(WEEK_S)
    assert done(console, "ticket", str(ticket["ticket"]))["state"] == "due"


def test_a_ticket_of_a_venue_that_has_ended_says_that_only_payments_move_it(
    console: Console,
) -> None:
    office = console.office
    account = str(done(console, "account", "open", str(3 * MILLION), "--mint")["account"])
    office.travel(2 * WEEK_S)
    done(console, "wind-down", "start")
    office.travel(WEEK_S + 1)
    (ticket,) = done(console, "wind-down", "claim", account)["tickets"]
    number = str(ticket["ticket"])
    office.travel(3_600)
    assert "only payments out do" in console.page("owner", "ticket", number)
    code, _, said = console.run("owner", "ticket", number, "--pull")
    assert code == 7 and "only payments let the queue go on" in said
