# SPDX-License-Identifier: Apache-2.0
"""Clearing.open_account."""

from __future__ import annotations

from tests.support.evm import ZERO, a_key, refuses
from tests.support.stage import Stage
from tests.support.venue import DOLLAR

from infold.words import AccountWord

OWNER, PAYER = a_key("owner"), a_key("payer")


def test_open_account_gives_the_next_id_to_the_owner_named(stage: Stage) -> None:
    venue = stage.venue
    venue.fund(PAYER, 30 * DOLLAR)
    count = venue.clearing.account_count()
    for step in range(2):
        receipt = venue.clearing.open_account(OWNER.address, 10 * DOLLAR, sender=PAYER)
        assert receipt.value == count + step
        opened = receipt.only("AccountOpened")
        assert opened == {"account": count + step, "owner": OWNER.address.lower()}
        moved = receipt.only("CollateralMoved")
        assert moved["amount_e6"] == 10 * DOLLAR
        assert moved["word"] == venue.clearing.accounts(count + step)
        assert stage.account(count + step) == AccountWord(OWNER.number, 10 * DOLLAR, 0, 0)
    assert venue.dollar.balanceOf(PAYER.address) == 10 * DOLLAR
    stage.books.check()


def test_the_first_accounts_are_the_pools_and_governances_and_fifteen_that_nobody_owns(
    stage: Stage,
) -> None:
    venue = stage.venue
    owners = [stage.account(account).owner for account in range(17)]
    assert owners == [int(venue.pool.address, 16), int(venue.governance.address, 16), *[0] * 15]


def test_open_account_rejects_a_deposit_below_ten_dollars(stage: Stage) -> None:
    stage.venue.fund(PAYER, 30 * DOLLAR)
    for amount_e6 in (0, 10 * DOLLAR - 1):
        with refuses(stage.venue.world, "clearing: deposit too small"):
            stage.venue.clearing.open_account(OWNER.address, amount_e6, sender=PAYER)


def test_open_account_rejects_the_zero_owner(stage: Stage) -> None:
    stage.venue.fund(PAYER, 30 * DOLLAR)
    with refuses(stage.venue.world, "clearing: owner is zero"):
        stage.venue.clearing.open_account(ZERO, 10 * DOLLAR, sender=PAYER)


def test_open_account_takes_no_more_than_its_word_holds(stage: Stage) -> None:
    stage.venue.fund(PAYER, 2**64)
    with refuses(stage.venue.world, "clearing: amount too large"):
        stage.venue.clearing.open_account(OWNER.address, 2**63, sender=PAYER)
    with stage.venue.world.anchored():
        stage.venue.clearing.open_account(OWNER.address, 2**63 - 1, sender=PAYER)
        stage.books.check()


def test_open_account_opens_nothing_that_is_not_paid(stage: Stage) -> None:
    stage.venue.dollar.mint(PAYER.address, 10 * DOLLAR - 1, sender=PAYER)
    stage.venue.dollar.approve(stage.venue.vault.address, 2**256 - 1, sender=PAYER)
    count = stage.venue.clearing.account_count()
    try:
        stage.venue.clearing.open_account(OWNER.address, 10 * DOLLAR, sender=PAYER)
    except AssertionError:
        assert stage.venue.clearing.account_count() == count
    else:
        raise AssertionError("an account was opened on credit")
