# SPDX-License-Identifier: Apache-2.0
"""Clearing.collect_fees and spend: fees become insurance and treasury, and only one door leaves."""

from __future__ import annotations

import pytest
from tests.support.evm import a_key, refuses
from tests.support.stage import RICH_E6, Stage
from tests.support.venue import DEPLOYER, DOLLAR

from infold.units import INSURANCE_ACCOUNT, TREASURY_ACCOUNT
from infold.words import pack_ledger

STRANGER = a_key("stranger")


def held_e6(stage: Stage, account: int) -> int:
    return stage.account(account).collateral_e6


@pytest.mark.parametrize("share", [0, 3, 15])
def test_fees_go_to_insurance_and_treasury_by_the_listings_share(stage: Stage, share: int) -> None:
    venue = stage.venue
    stage.cross()
    venue.list_market(1, insurance_share=share)
    before = stage.ledger()
    assert before.fees_e6 == 2 * 30 * DOLLAR
    receipt = venue.clearing.collect_fees(1, sender=STRANGER)
    insured_e6 = before.fees_e6 * share // 16
    assert held_e6(stage, INSURANCE_ACCOUNT) == insured_e6
    assert held_e6(stage, TREASURY_ACCOUNT) == before.fees_e6 - insured_e6
    after = before._replace(realised_e6=before.realised_e6 + before.fees_e6, fees_e6=0)
    assert stage.ledger() == after
    assert receipt.only("FeesCollected") == {"market": 1, "ledger": pack_ledger(after)}
    moved = [(event["account"], event["amount_e6"]) for event in receipt.all("CollateralMoved")]
    assert moved == [(2, insured_e6), (3, before.fees_e6 - insured_e6)]
    stage.books.check()


def test_collecting_again_and_from_a_market_without_fees_moves_nothing(stage: Stage) -> None:
    stage.cross()
    for market in (1, 1, 2, 255):
        stage.venue.clearing.collect_fees(market, sender=STRANGER)
        stage.books.check()
    assert held_e6(stage, INSURANCE_ACCOUNT) == held_e6(stage, TREASURY_ACCOUNT) == 30 * DOLLAR


@pytest.mark.parametrize("market", [256, 2**253, 2**256 - 1])
def test_collect_fees_knows_no_market_above_255(stage: Stage, market: int) -> None:
    with refuses(stage.venue.world, "clearing: out of range"):
        stage.venue.clearing.collect_fees(market, sender=STRANGER)


def test_batches_go_on_after_fees_were_collected_in_their_window(stage: Stage) -> None:
    """Collecting between signing and landing changes nothing of the batch's outcome."""
    venue = stage.venue
    stage.cross()
    venue.world.travel(1)
    batch = stage.batch([stage.buy(slot=1), stage.sell(slot=1)])
    venue.clearing.collect_fees(1, sender=STRANGER)
    assert venue.settle(batch).all("Skipped") == []
    assert stage.ledger().fees_e6 == 2 * 30 * DOLLAR
    stage.books.check()


@pytest.mark.parametrize("account", [1, 2, 17])
def test_the_treasury_is_spent_into_an_account_by_governance(stage: Stage, account: int) -> None:
    venue = stage.venue
    stage.cross()
    venue.clearing.collect_fees(1, sender=STRANGER)
    before_e6 = held_e6(stage, account)
    venue.governance.spend(account, 30 * DOLLAR, sender=DEPLOYER)
    assert held_e6(stage, account) == before_e6 + 30 * DOLLAR
    assert held_e6(stage, TREASURY_ACCOUNT) == 0
    stage.books.check()


def test_spend_refuses_all_others_and_more_than_there_is(stage: Stage) -> None:
    venue = stage.venue
    venue.fund(STRANGER, 100)
    venue.clearing.deposit(TREASURY_ACCOUNT, 100, sender=STRANGER)
    with refuses(venue.world, "clearing: not governance"):
        venue.clearing.spend(17, 1, sender=STRANGER)
    for amount_e6 in (101, 2**255 - 1, 2**255, 2**256 - 1):
        with refuses(venue.world, "clearing: not enough collateral"):
            venue.governance.spend(17, amount_e6, sender=DEPLOYER)
    for account in (0, 4, 16, 20):
        with refuses(venue.world, "clearing: unknown account"):
            venue.governance.spend(account, 1, sender=DEPLOYER)
    venue.governance.spend(17, 100, sender=DEPLOYER)
    assert held_e6(stage, 17) == RICH_E6 + 100


def test_nobody_owns_insurance_and_treasury(stage: Stage) -> None:
    venue = stage.venue
    for account in (INSURANCE_ACCOUNT, TREASURY_ACCOUNT):
        venue.fund(STRANGER, 100)
        venue.clearing.deposit(account, 100, sender=STRANGER)
        with refuses(venue.world, "clearing: not the owner"):
            venue.clearing.request_withdrawal(account, 1, sender=STRANGER)
        venue.world.travel(1)
        with refuses(venue.world, "clearing: records not ascending"):
            venue.settle(stage.batch([stage.fill(account, True, 1, key=STRANGER)]))
    stage.books.check()
