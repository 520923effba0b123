# SPDX-License-Identifier: Apache-2.0
"""What people read of what they have in the pool: which request stands where, and what to run."""

from __future__ import annotations

from typing import Any

from tests.support.pages import HASH, text_of

from infold.cli.pages.liquidity import of_holding

NOW_MS = 1_800_000_000_000


def request_of(epoch: int, state: str, **amounts: str) -> dict[str, Any]:
    nothing = dict.fromkeys(("deposit_e6", "redeem_e12", "returned_e6", "returned_e12"), "0")
    return {"epoch": epoch, "state": state, **nothing, **amounts}


def holding_of(*requests: dict[str, Any], **changes: str) -> str:
    found = {
        "owner": HASH[:42],
        "shares_e12": "600500000000000",
        "worth_e6": "601250000",
        "supply_e12": "270000000000000000000",
        "capital_e6": "270337000000000",
        "epoch": 7,
        "epoch_end_ms": NOW_MS,
        "claimable_shares_e12": "0",
        "claimable_e6": "0",
        "requests": list(requests),
    }
    return text_of(of_holding(found | changes))


def test_shares_come_with_their_worth_and_the_pool() -> None:
    text = holding_of()
    assert "600.5, worth $601.25" in text and "270,000,000 shares" in text
    assert "7, until 2027-01-15 08:00:00.000 UTC" in text and text.endswith("no requests")


def test_a_pending_request_waits_for_a_batch_and_is_not_claimed() -> None:
    text = holding_of(request_of(7, "pending", deposit_e6="1000000000"))
    assert "$1,000.00" in text and "by the first batch after its epoch's end" in text
    assert "infold lp claim" not in text


def test_what_was_struck_names_the_command_that_collects_it() -> None:
    struck = (
        request_of(5, "claimable", deposit_e6="1000000000"),
        request_of(6, "claimable", redeem_e12="400000000000000"),
    )
    gains = {"claimable_shares_e12": "998500000000000", "claimable_e6": "400100000"}
    text = holding_of(*struck, **gains)
    assert text.endswith("`infold lp claim` collects 998.5 shares and $400.10")


def test_what_was_given_back_is_collected_too() -> None:
    struck = (
        request_of(5, "claimable", returned_e6="1000000000"),
        request_of(6, "claimable", returned_e12="400000000000000"),
    )
    text = holding_of(*struck, request_of(7, "pending", redeem_e12="1"))
    assert "$1,000.00" in text and "400 shares" in text
    assert "`infold lp claim` collects what was given back" in text
    assert text.endswith("epoch's end")
