# SPDX-License-Identifier: Apache-2.0
"""Clearing.deposit."""

from __future__ import annotations

import pytest
from tests.support.evm import a_key, refuses
from tests.support.stage import RICH_E6, Stage

from infold.words import pack_account

STRANGER = a_key("stranger")


def test_anyone_may_deposit_for_a_trader_and_for_the_backstop(stage: Stage) -> None:
    venue = stage.venue
    venue.fund(STRANGER, 100)
    for account in (stage.buyer, 1):
        receipt = venue.clearing.deposit(account, 7, sender=STRANGER)
        assert receipt.only("CollateralMoved") == {
            "account": account,
            "amount_e6": 7,
            "word": venue.clearing.accounts(account),
        }
        assert stage.account(account).collateral_e6 == RICH_E6 + 7
    assert venue.dollar.balanceOf(STRANGER.address) == 86
    stage.books.check()


@pytest.mark.parametrize("account", [0, 4, 16, 20, 2**32, 2**256 - 1])
def test_deposit_rejects_the_pool_and_accounts_nobody_opened(stage: Stage, account: int) -> None:
    """A gift to the pool between two strikes would move its share price."""
    stage.venue.fund(STRANGER, 100)
    with refuses(stage.venue.world, "clearing: unknown account"):
        stage.venue.clearing.deposit(account, 7, sender=STRANGER)


def test_deposit_takes_no_more_than_the_account_word_holds(stage: Stage) -> None:
    stage.venue.fund(STRANGER, 2**64)
    for amount_e6 in (2**63 - RICH_E6, 2**64, 2**255, 2**256 - 1):
        with refuses(stage.venue.world, "clearing: amount too large"):
            stage.venue.clearing.deposit(stage.buyer, amount_e6, sender=STRANGER)
    stage.venue.clearing.deposit(stage.buyer, 2**63 - 1 - RICH_E6, sender=STRANGER)
    assert stage.account(stage.buyer).collateral_e6 == 2**63 - 1


def test_a_deposit_that_pays_a_debt_may_be_as_much_larger(stage: Stage) -> None:
    """Two units are owed: what is left then is the most that the word holds."""
    stage.venue.fund(STRANGER, 2**64)
    account = pack_account(stage.account(stage.buyer)._replace(collateral_e6=-2))
    stage.books.put("accounts", stage.buyer, account)
    with refuses(stage.venue.world, "clearing: amount too large"):
        stage.venue.clearing.deposit(stage.buyer, 2**63 + 2, sender=STRANGER)
    stage.venue.clearing.deposit(stage.buyer, 2**63 + 1, sender=STRANGER)
    assert stage.account(stage.buyer).collateral_e6 == 2**63 - 1
