# SPDX-License-Identifier: Apache-2.0
"""What people read of a venue's end: what is fixed, and what is not yet."""

from __future__ import annotations

from infold.cli.pages.winding import of_winding

NOW_MS = 1_800_000_000_000
DAY_MS = 86_400_000


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
