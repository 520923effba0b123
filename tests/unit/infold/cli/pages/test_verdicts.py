# SPDX-License-Identifier: Apache-2.0
"""What a run or a check came to: a no stands out, and so does what nobody looked at."""

from __future__ import annotations

from tests.support.pages import HASH

from infold.cli.pages.verdicts import invariants, journal, outcome, verdict


def test_all_is_well_in_so_many_seconds_or_it_is_not() -> None:
    assert outcome({"ok": True, "seconds": 3.14159}) == "yes, in 3.1 s"
    assert verdict({"ok": False, "seconds": 0}) == ["ok NO, in 0.0 s"]


def test_invariants_that_are_broken_or_were_never_checked_stand_out() -> None:
    found = {
        "C1": {"held": True, "checked": 1_234},
        "C2": {"held": False, "checked": 5},
        "C3": {"held": True, "checked": 0},
    }
    assert invariants(found) == [
        "1 of 3 held; times checked:",
        "C1 1,234  C2 5 BROKEN  C3 UNCHECKED",
    ]


def test_a_journal_is_told_by_its_groups_and_its_whole_hash() -> None:
    assert journal({"seq": 1_251, "hash": HASH[2:]}) == ["1,251 groups, hash", HASH[2:]]
