# SPDX-License-Identifier: Apache-2.0
"""Deposits by permit that nobody can spoil, and nobody else can use (C4)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import ZERO, a_key, refuses
from tests.support.permits import permit_of
from tests.support.venue import DOLLAR, Venue, a_venue

from infold.words import unpack_account

PAYER, THIEF = a_key("payer"), a_key("thief")
AMOUNT_E6 = 50 * DOLLAR
ODD = ROOT / "tests" / "support" / "contracts" / "OddToken.vy"
CARRIER = ROOT / "tests" / "support" / "contracts" / "Carrier.vy"


def permit(venue: Venue, amount_e6: int = AMOUNT_E6, after_s: int = 60) -> tuple[Any, ...]:
    """The payer's permit for the teller, as the token takes it."""
    venue.dollar.mint(PAYER.address, amount_e6, sender=PAYER)
    deadline_s = venue.world.timestamp_s + after_s
    return permit_of(venue.dollar, PAYER, venue.teller.address, amount_e6, deadline_s)


def held(venue: Venue, account: int) -> int:
    return unpack_account(venue.clearing.accounts(account)).collateral_e6


def test_one_transaction_opens_an_account_and_another_pays_into_it(venue: Venue) -> None:
    given = permit(venue)[2:]
    account = venue.teller.open_account_with_permit(*given, sender=PAYER).value
    assert unpack_account(venue.clearing.accounts(account)).owner == PAYER.number
    venue.teller.deposit_with_permit(account, *permit(venue)[2:], sender=PAYER)
    assert held(venue, account) == 2 * AMOUNT_E6 == venue.vault.accounted_e6()
    assert venue.dollar.balanceOf(venue.teller.address) == 0
    assert venue.dollar.allowance(venue.teller.address, venue.vault.address) == 0
    assert venue.dollar.allowance(PAYER.address, venue.teller.address) == 0


def test_a_permit_that_a_stranger_has_used_up_first_does_no_harm(venue: Venue) -> None:
    given = permit(venue)
    venue.dollar.permit(*given, sender=THIEF)
    account = venue.teller.open_account_with_permit(*given[2:], sender=PAYER).value
    assert held(venue, account) == AMOUNT_E6


def test_nobody_deposits_with_anothers_permit(venue: Venue) -> None:
    """Neither with the permit in hand nor with the allowance it left."""
    account = venue.open_account(THIEF, AMOUNT_E6)
    given = permit(venue)
    for used in (False, True):
        if used:
            venue.dollar.permit(*given, sender=THIEF)
        with refuses(venue.world, "erc20: insufficient allowance"):
            venue.teller.deposit_with_permit(account, *given[2:], sender=THIEF)
        with refuses(venue.world, "erc20: insufficient allowance"):
            venue.teller.open_account_with_permit(*given[2:], sender=THIEF)
    assert venue.dollar.balanceOf(PAYER.address) == AMOUNT_E6


@pytest.mark.parametrize("place", range(5))
def test_a_permit_that_says_something_else_pays_nothing(venue: Venue, place: int) -> None:
    given = list(permit(venue)[2:])
    given[place] = bytes(32) if isinstance(given[place], bytes) else given[place] - 1
    with refuses(venue.world, "erc20: insufficient allowance"):
        venue.teller.open_account_with_permit(*given, sender=PAYER)


def test_a_permit_serves_once_and_to_its_deadline(venue: Venue) -> None:
    given = permit(venue)[2:]
    venue.teller.open_account_with_permit(*given, sender=PAYER)
    venue.dollar.mint(PAYER.address, AMOUNT_E6, sender=PAYER)
    with refuses(venue.world, "erc20: insufficient allowance"):
        venue.teller.open_account_with_permit(*given, sender=PAYER)
    late = permit(venue, after_s=10)[2:]
    venue.world.travel(11)
    with refuses(venue.world, "erc20: insufficient allowance"):
        venue.teller.open_account_with_permit(*late, sender=PAYER)


def test_the_rules_of_a_deposit_stay_what_they_are(venue: Venue) -> None:
    given = permit(venue)[2:]
    with refuses(venue.world, "clearing: unknown account"):
        venue.teller.deposit_with_permit(0, *given, sender=PAYER)
    small = permit(venue, DOLLAR)[2:]
    with refuses(venue.world, "clearing: deposit too small"):
        venue.teller.open_account_with_permit(*small, sender=PAYER)


def test_the_teller_answers_nobody_while_it_takes_a_deposit() -> None:
    venue = a_venue(token=compiled_at(ODD))
    venue.dollar.mint(PAYER.address, AMOUNT_E6, sender=PAYER)
    given = (AMOUNT_E6, 0, 27, bytes(32), bytes(32))
    carrier = venue.world.deploy(compiled_at(CARRIER), sender=PAYER)
    venue.dollar.mint(venue.dollar.address, 2 * AMOUNT_E6, sender=PAYER)
    quiet = venue.dollar.calldata("misbehave", False, 0, ZERO, b"")
    inner = venue.teller.calldata("open_account_with_permit", *given)
    calls = (
        venue.dollar.address,
        quiet,
        venue.dollar.calldata("call", venue.teller.address, inner),
    )
    carrier.carry(*calls, sender=PAYER)
    message = carrier.calldata("carry", *calls)
    venue.dollar.misbehave(False, 0, carrier.address, message, sender=PAYER)
    with refuses(venue.world, ""):
        venue.teller.open_account_with_permit(*given, sender=PAYER)
    assert venue.dollar.balanceOf(PAYER.address) == AMOUNT_E6


def test_a_token_without_permits_needs_an_approval_and_one_that_refuses_is_refused() -> None:
    """The odd token knows no permit; everybody may spend everything of it."""
    venue = a_venue(token=compiled_at(ODD))
    venue.dollar.mint(PAYER.address, 2 * AMOUNT_E6, sender=PAYER)
    given = (AMOUNT_E6, 0, 27, bytes(32), bytes(32))
    assert venue.teller.open_account_with_permit(*given, sender=PAYER).value == 17
    venue.dollar.misbehave(True, 0, ZERO, b"", sender=PAYER)
    with refuses(venue.world, "teller: token refused"):
        venue.teller.deposit_with_permit(17, *given, sender=PAYER)
    venue.dollar.misbehave(False, 0, ZERO, b"", sender=PAYER)
    venue.dollar.shun(True, sender=PAYER)
    with refuses(venue.world, "teller: token refused"):
        venue.teller.deposit_with_permit(17, *given, sender=PAYER)
    venue.dollar.shun(False, sender=PAYER)
    venue.teller.deposit_with_permit(17, *given, sender=PAYER)
    assert held(venue, 17) == 2 * AMOUNT_E6
