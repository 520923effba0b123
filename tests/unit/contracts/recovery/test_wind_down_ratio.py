# SPDX-License-Identifier: Apache-2.0
"""What the first claim of a venue that winds down takes for payable and for owed (C12)."""

from __future__ import annotations

import pytest
from tests.support.evm import a_key
from tests.support.venue import DOLLAR, LOT, PRICE_E8

from infold.words import unpack_ledger

from .conftest import KEEPER, LONG, SHORT, Crowd
from .test_wind_down import WEEK_S, claim, register, stop


def test_what_positions_realised_is_no_part_of_the_fees(crowd: Crowd) -> None:
    """An odd sum: its lowest bit is the next above those of the fees."""
    venue = crowd.venue
    venue.recovery.force_reduce(crowd.long, 0, LOT, sender=LONG)
    venue.world.travel(60)
    vector = venue.presented(venue.a_vector({1: PRICE_E8 + 200}))
    venue.recovery.execute_exit(*vector, crowd.long, 0, sender=KEEPER)
    assert unpack_ledger(venue.clearing.market_words(8 + 3)).realised_e6 % 2 == 1
    stop(venue)
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, crowd.keeper) == 10 * DOLLAR
    assert venue.recovery.payable_e6() == 1_004_010 * DOLLAR
    assert venue.recovery.claims_e6() == (1_004_010 - 60) * DOLLAR


@pytest.mark.parametrize("told", [True, False])
def test_where_debts_are_more_than_all_claims_nothing_is_payable(crowd: Crowd, told: bool) -> None:
    """The short leaves with what it gained, paid with what a provider has just asked to put in."""
    venue = crowd.venue
    low = 1_000 * 10**8
    venue.world.travel(60)
    venue.settle(venue.a_batch(oracle={1: low}))
    venue.recovery.force_reduce(crowd.short, 0, LOT, sender=SHORT)
    venue.world.travel(60)
    vector = venue.presented(venue.a_vector({1: low}))
    venue.recovery.execute_exit(*vector, crowd.short, 0, sender=KEEPER)
    venue.clearing.request_withdrawal(crowd.short, crowd.cash(crowd.short), sender=SHORT)
    venue.fund(a_key("provider"), 100_000 * DOLLAR)
    venue.ask_in(a_key("provider"), 100_000 * DOLLAR)
    venue.world.travel(19)
    assert venue.clearing.claim_withdrawal(crowd.short, 0, [], [], sender=SHORT).value > 10**12
    stop(venue)
    if told:
        assert register(venue, crowd.long).only("DebtRegistered")["debt_e6"] == 55_030 * DOLLAR
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, crowd.keeper) == venue.recovery.payable_e6() == 0
    assert (venue.recovery.claims_e6() == 1) is not told


def test_a_single_unit_is_claimed_and_paid(crowd: Crowd) -> None:
    venue = crowd.venue
    venue.clearing.request_withdrawal(crowd.keeper, 10 * DOLLAR - 1, sender=KEEPER)
    venue.world.travel(19)
    venue.clearing.claim_withdrawal(crowd.keeper, 0, [], [], sender=KEEPER)
    stop(venue)
    venue.world.travel(WEEK_S + 1)
    assert claim(venue, crowd.keeper) == 1
