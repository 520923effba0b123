# SPDX-License-Identifier: Apache-2.0
"""What people read after a change: from when it counts, and what comes next."""

from __future__ import annotations

from typing import Any

import pytest

from infold.cli.pages.governing import of_change

NOW_MS = 1_800_000_000_000


def change_of(**changes: Any) -> dict[str, Any]:
    found = {"change": "set_matcher", "operation": "0x12", "state": "made", "ready_s": 0}
    found |= {"contract": "Governance", "made_earlier": False, "sealed": True, "at_once": False}
    return found | changes


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("set_market", "it counts for price vectors from 3 s after that"),
        ("set_matcher", "it counts for batches from 3 s after that"),
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
    assert "--execute it from 2027-01-15 08:00:00 UTC" in of_change(waits)[1]
    assert len(of_change(waits)) == 3, "of a sealed venue no more is said"


@pytest.mark.parametrize(
    ("contract", "at_once", "said"),
    [
        ("Governance", True, "not sealed: acts at once, no delay"),
        ("Governance", False, "its deployer's key makes this at once"),
        ("Vault", False, "not sealed, but Vault obeys the timelock alone: this waits all the same"),
    ],
)
def test_a_venue_that_is_not_sealed_says_what_waits(
    contract: str, at_once: bool, said: str
) -> None:
    found = change_of(contract=contract, at_once=at_once, sealed=False)
    assert said in of_change(found)[2]
    earlier = of_change(found | {"made_earlier": True})[1]
    assert ("the deployer makes it once more with --again" in earlier) is at_once


def test_money_that_moves_at_once_moves_again_each_time() -> None:
    for change in ("spend", "pass_on"):
        found = change_of(change=change, sealed=False, at_once=True)
        assert "the same command makes it once more" in of_change(found)[1]
        assert of_change(change_of(change=change))[1].endswith("made")
