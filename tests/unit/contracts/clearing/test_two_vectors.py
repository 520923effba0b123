# SPDX-License-Identifier: Apache-2.0
"""Two vectors in one transaction: each call is judged by its own, whatever the other laid out."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Contract, a_key, refuses
from tests.support.stage import BUYER, ETHER_E8, SELLER, Stage
from tests.support.venue import DOLLAR, LOT, PRICE_E8

STRANGER = a_key("stranger")
LATER = {1: PRICE_E8 + 100 * LOT, 2: ETHER_E8}
"""Bitcoin a hundred dollars dearer."""
BLIND = {2: ETHER_E8}


@pytest.fixture
def carrier(stage: Stage) -> Contract:
    artifact = compiled_at(ROOT / "tests" / "support" / "contracts" / "Carrier.vy")
    return stage.venue.world.deploy(artifact, sender=STRANGER)


@pytest.fixture
def claiming(stage: Stage) -> Stage:
    """Buyer and seller hold 10 bitcoins against each other and ask for all they have."""
    stage.cross(10 * LOT)
    for key, account in ((BUYER, stage.buyer), (SELLER, stage.seller)):
        asked_e6 = stage.account(account).collateral_e6
        stage.venue.clearing.request_withdrawal(account, asked_e6, sender=key)
    stage.venue.world.travel(19)
    return stage


def claim(stage: Stage, account: int, prices_e8: dict[int, int], **rest: Any) -> bytes:
    given = stage.venue.presented(stage.venue.a_vector(prices_e8, **rest))
    return stage.venue.clearing.calldata("claim_withdrawal", account, *given)


def paid_e6(stage: Stage, account: int) -> int:
    key = BUYER if account == stage.buyer else SELLER
    return int(stage.venue.dollar.balanceOf(key.address))


def test_each_claim_pays_by_its_own_prices(claiming: Stage, carrier: Contract) -> None:
    """10 bitcoins' initial margin is 30,000, and 30,050 at the second price, where the seller has
    lost a thousand besides.
    """
    stage = claiming
    before = {account: paid_e6(stage, account) for account in (stage.buyer, stage.seller)}
    first = claim(stage, stage.buyer, {1: PRICE_E8, 2: ETHER_E8}, chunks=2)
    second = claim(stage, stage.seller, LATER)
    with stage.venue.world.anchored():
        stage.venue.world.raw(STRANGER.address, stage.venue.clearing.address, second)
        alone_e6 = paid_e6(stage, stage.seller) - before[stage.seller]
    target = stage.venue.clearing.address
    carrier.carry(target, first, second, sender=STRANGER)
    fee_e6 = 300 * DOLLAR
    free_e6 = 1_000_000 * DOLLAR - fee_e6 - 30_000 * DOLLAR
    assert paid_e6(stage, stage.buyer) - before[stage.buyer] == free_e6
    assert paid_e6(stage, stage.seller) - before[stage.seller] == alone_e6
    assert alone_e6 == free_e6 - 1_050 * DOLLAR


def test_a_price_that_the_second_vector_lacks_is_not_taken_from_the_first(
    claiming: Stage, carrier: Contract
) -> None:
    stage = claiming
    first = claim(stage, stage.buyer, {1: PRICE_E8, 2: ETHER_E8})
    second = claim(stage, stage.seller, BLIND)
    with refuses(stage.venue.world, "clearing: no price"):
        carrier.carry(stage.venue.clearing.address, first, second, sender=STRANGER)


def test_a_chunk_that_the_second_vector_lacks_is_not_the_firsts(
    stage: Stage, carrier: Contract
) -> None:
    venue, far = stage.venue, {40: ETHER_E8}
    venue.list_market(40, name="SOL-USD")
    stage.settle([stage.buy(market=40), stage.sell(market=40)], oracle=far, priced=(40,))
    for key, account in ((BUYER, stage.buyer), (SELLER, stage.seller)):
        venue.clearing.request_withdrawal(account, DOLLAR, sender=key)
    venue.world.travel(19)
    first = claim(stage, stage.buyer, far)
    carrier.carry(venue.clearing.address, first, first, sender=STRANGER)
    second = claim(stage, stage.seller, {1: PRICE_E8})
    with refuses(venue.world, "clearing: no price"):
        carrier.carry(venue.clearing.address, first, second, sender=STRANGER)


def test_a_price_that_only_the_second_vector_has_is_found(
    claiming: Stage, carrier: Contract
) -> None:
    """Where the first had a zero, which a transaction's first vector need not write."""
    stage = claiming
    venue = stage.venue
    rich_e6 = stage.account(stage.third).collateral_e6
    stage.settle([stage.buy(stage.third, market=2), stage.sell(market=2, place=1)])
    venue.clearing.request_withdrawal(stage.third, rich_e6 // 2, sender=venue.owners[stage.third])
    venue.world.travel(19)
    first = claim(stage, stage.third, BLIND)
    second = claim(stage, stage.buyer, {1: PRICE_E8})
    carrier.carry(venue.clearing.address, first, second, sender=STRANGER)
    assert venue.clearing.withdrawals(stage.third) == venue.clearing.withdrawals(stage.buyer) == 0
