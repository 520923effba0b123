# SPDX-License-Identifier: Apache-2.0
"""An audit through a venue's end: tickets that wait, debts that are told, claims and shares paid.
Once claims have a ratio, C4 is that what is promised is in the vault.
"""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.recorded_twin import RecordedVenue, audited
from tests.support.twin import BTC, FIRST, PROVIDER

from infold.reference.history import History

WEEK_S = 7 * 86_400
MILLION_E6 = 10**12
RICH, LONG, SHORT = FIRST, FIRST + 2, FIRST + 3


def c4(result: dict[str, Any]) -> tuple[bool, int]:
    found = result["invariants"]["C4"]
    return found["held"], found["checked"]


def a_venue_with_a_ticket() -> RecordedVenue:
    """Somebody takes out more than an hour lets go, and somebody is left in debt."""
    venue = RecordedVenue()
    venue.deposit(RICH, 3 * MILLION_E6)
    venue.now_s += 3_600
    venue.cross(LONG, SHORT, 14 * 10**8)
    shares = venue.protocol.left(PROVIDER, 1, redeems=False).shares
    venue.door("Pool", "claim_mint", shares, PROVIDER, PROVIDER, sender=PROVIDER)
    owner = venue.keys[RICH].address
    venue.door("Clearing", "request_withdrawal", RICH, 2 * MILLION_E6, sender=owner)
    venue.now_s += 20
    venue.door("Clearing", "claim_withdrawal", RICH, 0, [], [])
    venue.prices_e8[BTC] = venue.prices_e8[BTC] * 87 // 100
    venue.settle([])
    return venue


def stop(venue: RecordedVenue) -> None:
    venue.now_s += WEEK_S + 1
    venue.door("Recovery", "wind_down")


def wind_up(venue: RecordedVenue) -> None:
    """Tell the debt, let the week pass, pay one claim."""
    venue.door("Recovery", "register", LONG)
    venue.now_s += WEEK_S + 1
    venue.door("Recovery", "claim", SHORT)


def test_tickets_that_wait_are_owed_until_they_are_pulled() -> None:
    venue = a_venue_with_a_ticket()
    waiting_e6 = venue.protocol.outflow.waiting_e6
    assert waiting_e6 > 0
    before = audited(venue)
    assert before["ok"] and before["mismatches"] == []
    venue.now_s += WEEK_S
    venue.door("Vault", "pull", 0)
    assert venue.protocol.outflow.waiting_e6 == 0
    after = audited(venue)
    assert after["ok"] and c4(after)[1] == c4(before)[1] + 1


def test_a_venue_is_audited_to_its_last_payment() -> None:
    venue = a_venue_with_a_ticket()
    running = c4(audited(venue))
    assert running[0]
    stop(venue)
    venue.door("Recovery", "register", LONG)
    stopped = audited(venue)
    assert stopped["ok"] and c4(stopped)[1] < running[1] + 2, "nothing is fixed to compare yet"
    venue.now_s += WEEK_S + 1
    for account in (SHORT, 0, 1, RICH, FIRST + 1):
        venue.door("Recovery", "claim", account)
        result = audited(venue)
        assert result["ok"], (account, result["mismatches"], result["invariants"]["C4"])
    shares = venue.protocol.state.shares[PROVIDER]
    for amount in (shares // 3, shares - shares // 3):
        venue.door("Pool", "leave", amount, PROVIDER, PROVIDER, sender=PROVIDER)
        result = audited(venue)
        assert result["ok"], (result["mismatches"], result["invariants"]["C4"])
    venue.now_s += WEEK_S
    for ticket in list(venue.protocol.outflow.tickets):
        venue.door("Vault", "pull", ticket)
    result = audited(venue)
    assert result["ok"] and c4(result)[1] > running[1] + 6
    assert 0 <= venue.protocol.accounted_e6 <= 10


@pytest.mark.parametrize("change_e6", [-1, 1])
def test_a_vault_that_accounts_for_another_sum_than_is_promised_is_noticed(change_e6: int) -> None:
    venue = a_venue_with_a_ticket()
    stop(venue)
    wind_up(venue)
    accounted_e6 = venue.protocol.accounted_e6 + change_e6
    result = audited(venue, accounted_e6=accounted_e6, balance_e6=accounted_e6)
    assert not c4(result)[0] and not result["ok"]
    assert any(f"accounted {accounted_e6}" in line for line in result["invariants"]["C4"]["detail"])


def without(venue: RecordedVenue, name: str) -> History:
    """The history with every log of a name dropped."""
    history = venue.history()
    entries = [
        entry._replace(events=[event for event in entry.events if event.name != name])
        for entry in history.entries
    ]
    return history._replace(entries=entries)


@pytest.mark.parametrize(
    "name", ["WoundDown", "DebtRegistered", "RatioFixed", "ClaimPaid", "WithdrawalSet"]
)
def test_a_log_of_the_end_that_is_missing_is_noticed(name: str) -> None:
    venue = a_venue_with_a_ticket()
    stop(venue)
    wind_up(venue)
    assert audited(venue)["ok"]
    assert audited(venue, without(venue, name))["mismatches"]


def test_a_ticket_that_was_never_logged_breaks_what_is_owed() -> None:
    venue = a_venue_with_a_ticket()
    result = audited(venue, without(venue, "Queued"))
    assert not c4(result)[0]
    assert any("waiting_e6: logs 0" in line for line in result["mismatches"])
