# SPDX-License-Identifier: Apache-2.0
"""A venue that winds down while payments wait in its vault's queue (C4, C12)."""

from __future__ import annotations

from tests.support.evm import a_key
from tests.support.venue import DOLLAR, Venue

from .test_wind_down import WEEK_S, claim, purse, stop

WHALE, SMALL = a_key("whale"), a_key("small")
MILLION_E6 = 1_000_000 * DOLLAR
QUOTA_E6 = 10_000 * DOLLAR


def test_what_waits_is_no_ones_claim_and_all_are_paid(venue: Venue) -> None:
    """Nobody owes anything, so everyone gets all of theirs: the ticket its owner's, the rest by
    claims, of which the larger parts wait once more.
    """
    whale, small = venue.open_account(WHALE, 4 * MILLION_E6), venue.open_account(SMALL)
    venue.world.travel(3_600)
    venue.clearing.request_withdrawal(whale, 2 * MILLION_E6, sender=WHALE)
    venue.world.travel(19)
    venue.clearing.claim_withdrawal(whale, 0, [], [], sender=WHALE)
    waiting_e6 = venue.vault.waiting_e6()
    assert waiting_e6 == MILLION_E6 - QUOTA_E6

    stop(venue)
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, small) == 100_000 * DOLLAR
    assert venue.recovery.payable_e6() == venue.recovery.claims_e6() == 21 * MILLION_E6 // 10
    assert claim(venue, whale) == 2 * MILLION_E6
    venue.world.travel(WEEK_S)
    for ticket in range(venue.vault.ticket_count()):
        venue.vault.pull(ticket, sender=SMALL)
    assert purse(venue, SMALL) == 100_000 * DOLLAR
    assert purse(venue, WHALE) == 4 * MILLION_E6
    assert venue.vault.accounted_e6() == venue.vault.waiting_e6() == 0
