# SPDX-License-Identifier: Apache-2.0
"""What people read of money that waits: when it comes."""

from __future__ import annotations

from infold.cli.pages.payments import of_payment

NOW_MS = 1_800_000_000_000


def test_what_waits_in_the_queue_says_how_to_look_at_it() -> None:
    found = {"account": 17_000, "paid_e6": "5000000", "tickets": []}
    assert of_payment(found) == ["account  17000", "paid     $5.00"]
    ticket = {"ticket": 1_000, "amount_e6": "7000000", "due_s": NOW_MS // 1000}
    text = " ".join(" ".join(of_payment({**found, "tickets": [ticket]})).split())
    assert "ticket 1000 $7.00 waits in the vault's queue, until 2027-01-15 08:00:00" in text
    assert "`infold ticket 1000`" in text
