# SPDX-License-Identifier: Apache-2.0
"""What people read of a check that holds, and of one that does not: what failed is named."""

from __future__ import annotations

from typing import Any

from tests.support.pages import HASH, finished

from infold.cli.pages.checks import of_audit, of_reconcile, of_verify
from infold.cli.terminal import Exit

TIME_MS = 1_800_000_000_123


def an_audit(**changes: Any) -> dict[str, Any]:
    return {
        "chain_id": 31_337,
        "blocks": [0, 1_150],
        "clearing": HASH[:42],
        "batches": 79,
        "records": 5_219,
        "transactions": 1_024,
        "signatures": {"mode": "sample", "orders": 5_219, "orders_checked": 1_000},
        "pool": {"worst_day_loss_e6": "1500000", "daily_loss_bound_e6": "200000000000"},
        "head": {"number": 79, "time_ms": TIME_MS},
        "invariants": {"C1": {"held": True, "checked": 79, "detail": []}},
        "state_hash": HASH,
        "mismatches": [],
        "seconds": 1.5,
        "ok": True,
    } | changes


def test_an_audit_that_holds_says_what_it_looked_at() -> None:
    text, code = finished(an_audit(), of_audit)
    assert code == Exit.OK
    for part in (
        "31337, blocks 0 to 1,150",
        "79 batches, 5,219 records, 1,024 transactions",
        "79, 2027-01-15 08:00:00.123 UTC",
        "1,000 of 5,219 orders (sample)",
        "worst day lost $1.50, the rules allow $200,000.00",
        "1 of 1 held",
        "faults      none",
        "ok          yes, in 1.5 s",
        HASH,
    ):
        assert part in text, part


def test_an_audit_names_every_fault_and_of_which_invariant() -> None:
    broken = {"held": False, "checked": 4, "detail": ["batch 3 follows 1", "batch 9 repeats"]}
    text, code = finished(
        an_audit(
            invariants={"C1": broken, "C2": {"held": True, "checked": 0, "detail": []}},
            mismatches=["accounts[17]: chain 5, replayed 6"],
            head={"number": 0, "time_ms": 0},
            ok=False,
        ),
        of_audit,
    )
    assert code == Exit.CHECK_FAILED
    assert "C1 4 BROKEN  C2 UNCHECKED" in text and "0 of 2 held" in text
    assert "last batch  none yet" in text
    assert text.endswith(
        "faults      accounts[17]: chain 5, replayed 6\n"
        "            C1: batch 3 follows 1\n"
        "            C1: batch 9 repeats\n"
        "ok          NO, in 1.5 s"
    )


def a_reconciliation(**changes: Any) -> dict[str, Any]:
    return {
        "block": 1_150,
        "words": 4_321,
        "accounts": 219,
        "accounted_e6": "7000000000",
        "claims_e6": "7000000000",
        "balance_e6": "7000000001",
        "journal": {"seq": 1_251, "hash": HASH[2:]},
        "differences": [],
        "seconds": 0.04,
        "ok": True,
    } | changes


def test_a_journal_that_is_the_chains_says_how_much_was_compared() -> None:
    text, code = finished(a_reconciliation(), of_reconcile)
    assert code == Exit.OK
    assert "4,321 words, 219 accounts, at block 1,150" in text
    assert "journal      1,251 groups, hash\n             " + HASH[2:] in text
    assert text.endswith("differences  none\nok           yes, in 0.0 s")


def test_a_journal_that_is_not_the_chains_names_each_word() -> None:
    differences = ["accounts[17]: engine 5, chain 6", "head: engine 1, chain 2"]
    text, code = finished(a_reconciliation(differences=differences, ok=False), of_reconcile)
    assert code == Exit.CHECK_FAILED
    assert text.endswith(
        "differences  accounts[17]: engine 5, chain 6\n"
        "             head: engine 1, chain 2\n"
        "ok           NO, in 0.0 s"
    )


def test_a_deployment_is_as_planned_or_says_where_it_is_not() -> None:
    found = {"contracts": {"Vault": 4_321, "Clearing": 22_998}, "checked": 512, "seconds": 9.99}
    text, code = finished({**found, "differences": [], "ok": True}, of_verify)
    assert code == Exit.OK
    assert "Vault 4,321  Clearing 22,998" in text and "differences  none" in text
    wrong = {"where": "Oracle.threshold", "planned": "3", "found": "2"}
    text, code = finished({**found, "differences": [wrong], "ok": False}, of_verify)
    assert code == Exit.CHECK_FAILED
    assert "differences  Oracle.threshold: planned 3, found 2\nok           NO, in 10.0 s" in text
