# SPDX-License-Identifier: Apache-2.0
"""What people read of money that waits: when it comes."""

from __future__ import annotations

from infold.cli.pages.payments import of_payment, of_ticket

NOW_MS = 1_800_000_000_000


def test_what_waits_in_the_queue_says_how_to_look_at_it() -> None:
    found = {"account": 17_000, "paid_e6": "5000000", "tickets": []}
    assert of_payment(found) == ["account  17000", "paid     $5.00"]
    ticket = {"ticket": 1_000, "amount_e6": "7000000", "due_s": NOW_MS // 1000}
    text = " ".join(" ".join(of_payment({**found, "tickets": [ticket]})).split())
    assert "ticket 1000 $7.00 waits in the vault's queue, until 2027-01-15 08:00:00" in text
    assert "`infold ticket 1000`" in text


def test_a_ticket_says_what_lets_the_queue_go_on() -> None:
    found = {
        "ticket": 3,
        "owner": "0x01",
        "amount_e6": "25490000000000",
        "waits_for_e6": "25490000000000",
        "let_go_e6": "3600000000000",
        "hour_e6": "3600000000000",
        "hours": 7,
        "due_s": NOW_MS // 1000,
        "wound_down": False,
        "state": "waiting",
    }
    text = " ".join(" ".join(of_ticket(found)).split())
    assert "let go now $3,600,000.00 as soon as anybody pays in or out" in text
    assert "`infold ticket 3 --pull` now and once an hour, about 7 times more" in text
    assert "due: `infold ticket 3 --pull`" in " ".join(of_ticket({**found, "state": "due"}))
    ended = " ".join(" ".join(of_ticket({**found, "wound_down": True})).split())
    assert "the venue has ended: only payments out do" in ended and "--pull" not in ended
