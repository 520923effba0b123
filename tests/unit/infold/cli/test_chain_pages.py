# SPDX-License-Identifier: Apache-2.0
"""What people read after acting on chain: from when a change counts, how far the end is, and when
a payment that waits comes.
"""

from __future__ import annotations

from typing import Any

import pytest

from infold.cli.chain_pages import (
    of_change,
    of_deployed,
    of_look,
    of_payment,
    of_winding,
)

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000


def change_of(**changes: Any) -> dict[str, Any]:
    found = {"change": "set_matcher", "operation": "0x12", "state": "made", "ready_s": 0}
    return {**found, "made_earlier": False} | changes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("set_market", "it serves price vectors from 3 s after that"),
        ("set_matcher", "it serves batches from 3 s after that"),
        ("set_guardian", "made, and in force"),
        ("set_outflow", "made, and in force"),
        ("spend", "made"),
        ("announce_withdrawal", "`infold bond withdraw` pays it"),
        ("propose_parts", "from 14 days after that"),
    ],
)
def test_a_change_says_from_when_it_counts(change: str, said: str) -> None:
    assert said in "\n".join(of_change(change_of(change=change)))


def test_what_was_made_earlier_and_what_waits_say_what_comes_next() -> None:
    assert "--again" in of_change(change_of(made_earlier=True))[1]
    waits = change_of(state="waiting", ready_s=NOW_MS // 1000)
    assert "--execute it from 2027-01-15 08:00:00.000 UTC" in of_change(waits)[1]


def test_a_venue_that_runs_says_when_it_may_be_stopped() -> None:
    found = {"now_ms": NOW_MS, "start_after_ms": NOW_MS + 6 * DAY_MS + 5_000}
    assert of_winding({"state": "running", **found}) == [
        "state                 running",
        "may be stopped after  2027-01-21 08:00:05.000 UTC, in 6 d 0 h",
    ]
    passed = {"now_ms": NOW_MS, "start_after_ms": NOW_MS - 1}
    assert of_winding({"state": "silent", **passed})[1].endswith("07:59:59.999 UTC")


def test_a_venue_that_ends_says_what_is_fixed_and_what_is_not_yet() -> None:
    found = {
        "state": "paying",
        "now_ms": NOW_MS,
        "register_until_ms": NOW_MS - DAY_MS,
        "deficit_e6": "1000000",
        "payable_e6": "0",
        "claims_e6": "0",
        "unpaid_e6": "0",
    }
    assert of_winding(found)[2:] == [
        "debts told            $1.00",
        "to be paid in all     fixed by the first claim",
        "for claims of         fixed by the first claim",
        "not yet paid          fixed by the first claim",
    ]
    fixed = {"payable_e6": "2000000000", "claims_e6": "2001000000", "unpaid_e6": "0"}
    assert of_winding(found | fixed)[3:] == [
        "to be paid in all     $2,000.00",
        "for claims of         $2,001.00",
        "not yet paid          $0.00",
    ]


def test_what_waits_in_the_queue_says_how_to_look_at_it() -> None:
    found = {"account": 17_000, "paid_e6": "5000000", "tickets": []}
    assert of_payment(found) == ["account  17000", "paid     $5.00"]
    ticket = {"ticket": 1_000, "amount_e6": "7000000", "due_s": NOW_MS // 1000}
    text = " ".join(" ".join(of_payment({**found, "tickets": [ticket]})).split())
    assert "ticket 1000 $7.00 waits in the vault's queue, until 2027-01-15 08:00:00" in text
    assert "`infold ticket 1000`" in text


def test_what_was_deployed_is_a_table_of_addresses() -> None:
    found = {"chain_id": 31_337, "contracts": {"Vault": "0x12"}, "book": "book.json", "ok": True}
    assert of_deployed(found) == [
        "contract  address",
        "Vault     0x12",
        "",
        "chain id  31337",
        "book      book.json",
    ]


def test_a_keeper_without_a_batch_says_that_there_was_none() -> None:
    assert of_look({"block": 7, "vector_ms": 0})[0] == "vector  none: no batch has landed yet"
    assert of_look({"block": 7, "vector_ms": NOW_MS})[1] == "vector  2027-01-15 08:00:00.000 UTC"
