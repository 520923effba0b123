# SPDX-License-Identifier: Apache-2.0
"""What people read after a change: from when it counts, and what comes next."""

from __future__ import annotations

from typing import Any

import pytest

from infold.cli.pages.governing import of_change

NOW_MS = 1_800_000_000_000


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
