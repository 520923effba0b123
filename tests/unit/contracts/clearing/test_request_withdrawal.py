# SPDX-License-Identifier: Apache-2.0
"""Clearing.request_withdrawal."""

from __future__ import annotations

from tests.support.evm import refuses
from tests.support.stage import BUYER, RICH_E6, SELLER, Stage
from tests.support.venue import DOLLAR

from infold.words import WithdrawalWord, unpack_withdrawal


def test_request_withdrawal_takes_the_amount_out_of_collateral(stage: Stage) -> None:
    clearing = stage.venue.clearing
    receipt = clearing.request_withdrawal(stage.buyer, 5 * DOLLAR, sender=BUYER)
    barrier_ms = stage.venue.world.now_ms + 3_000
    word = clearing.withdrawals(stage.buyer)
    assert unpack_withdrawal(word) == WithdrawalWord(5 * DOLLAR, barrier_ms)
    assert stage.account(stage.buyer).collateral_e6 == RICH_E6 - 5 * DOLLAR
    assert receipt.only("WithdrawalSet") == {
        "account": stage.buyer,
        "word": clearing.accounts(stage.buyer),
        "withdrawal": word,
    }
    stage.books.check()


def test_request_withdrawal_is_the_owners(stage: Stage) -> None:
    for account in (stage.buyer, 0, 1, 2, 500):
        with refuses(stage.venue.world, "clearing: not the owner"):
            stage.venue.clearing.request_withdrawal(account, 1, sender=SELLER)


def test_request_withdrawal_takes_one_at_a_time(stage: Stage) -> None:
    clearing = stage.venue.clearing
    clearing.request_withdrawal(stage.buyer, 1, sender=BUYER)
    with refuses(stage.venue.world, "clearing: withdrawal pending"):
        clearing.request_withdrawal(stage.buyer, 1, sender=BUYER)
    stage.venue.world.travel(19)
    with refuses(stage.venue.world, "clearing: withdrawal pending"):
        clearing.request_withdrawal(stage.buyer, 1, sender=BUYER)
    clearing.claim_withdrawal(stage.buyer, 0, [], [], sender=SELLER)
    clearing.request_withdrawal(stage.buyer, 1, sender=BUYER)


def test_request_withdrawal_takes_up_to_all_collateral(stage: Stage) -> None:
    clearing = stage.venue.clearing
    for amount_e6 in (0, RICH_E6 + 1, 2**63, 2**256 - 1):
        with refuses(stage.venue.world, "clearing: not enough collateral"):
            clearing.request_withdrawal(stage.buyer, amount_e6, sender=BUYER)
    clearing.request_withdrawal(stage.buyer, RICH_E6, sender=BUYER)
    assert stage.account(stage.buyer).collateral_e6 == 0


def test_request_withdrawal_finds_nothing_in_negative_collateral(stage: Stage) -> None:
    """A loss realised beyond collateral, carried by the profit of another position."""
    clearing, world = stage.venue.clearing, stage.venue.world
    stage.settle([stage.buy(), stage.sell()])
    both = {1: 30_000 * 10**8 + 1, 2: 3_000 * 10**8}
    stage.settle([stage.buy(market=2), stage.sell(market=2)])
    clearing.request_withdrawal(stage.buyer, RICH_E6, sender=BUYER)
    world.travel(1)
    closing = [stage.sell(stage.buyer, slot=1), stage.buy(stage.seller, slot=1)]
    rich = both | {2: 60_000 * 10**8}
    receipt = stage.venue.settle(stage.batch(closing, oracle=rich))
    stage.books.check()
    assert receipt.all("Skipped") == []
    assert stage.account(stage.buyer).collateral_e6 < 0
    world.travel(20)
    vector = stage.venue.presented(stage.venue.a_vector(rich))
    clearing.claim_withdrawal(stage.buyer, *vector, sender=BUYER)
    with world.anchored(), refuses(world, "clearing: not enough collateral"):
        assert stage.account(stage.buyer).collateral_e6 < 0
        clearing.request_withdrawal(stage.buyer, 1, sender=BUYER)
