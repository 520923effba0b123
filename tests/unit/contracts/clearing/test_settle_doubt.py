# SPDX-License-Identifier: Apache-2.0
"""settle where a second source contradicts the vector: the market only shrinks, and no more (C9,
C12, C13).
"""

from __future__ import annotations

import pytest
from tests.support.evm import Contract, Receipt
from tests.support.stage import BUYER, ETHER_E8, ORACLE, Stage
from tests.support.venue import DEPLOYER, DOLLAR, GUARD_MS, LOT, PRICE_E8, WINDOW_MS

from infold.core.plan import Reason

FAR_E8 = PRICE_E8 * 98 // 100


@pytest.fixture
def source(stage: Stage) -> Contract:
    """The first market's second source; 1 % is its bound. Buyer and seller hold the market."""
    stage.cross()
    world = stage.venue.world
    source = world.deploy("dev/Source", PRICE_E8, sender=DEPLOYER)
    stage.venue.governance.set_price_source(1, source.address, 100, 60, False, sender=DEPLOYER)
    world.travel(GUARD_MS // 1000 + WINDOW_MS // 1000 + 1)
    return source


def doubt(stage: Stage, source: Contract) -> None:
    """Let the source contradict the vector, and wait until that serves."""
    source.say(FAR_E8, stage.venue.world.timestamp_s, sender=BUYER)
    stage.venue.oracle.refresh(1, sender=BUYER)
    stage.venue.world.travel(GUARD_MS // 1000 + 1)


def skipped(receipt: Receipt) -> list[int]:
    return [log["reason"] for log in receipt.all("Skipped")]


def test_a_doubtful_market_only_shrinks(stage: Stage, source: Contract) -> None:
    doubt(stage, source)
    opening = stage.settle([stage.buy(), stage.sell()], priced=(1,))
    assert skipped(opening) == [Reason.MARKET_LIMIT, Reason.MARKET_LIMIT]
    closing = stage.settle(
        [stage.sell(stage.buyer, LOT), stage.buy(stage.seller, LOT)], priced=(1,)
    )
    assert not skipped(closing)
    assert stage.position(stage.buyer).base_e8 == 0


def test_its_neighbours_trade_on(stage: Stage, source: Contract) -> None:
    doubt(stage, source)
    fills = [stage.buy(market=2, slot=2), stage.sell(market=2, slot=2)]
    receipt = stage.settle([*fills, stage.buy(stage.third), stage.sell(stage.third, slot=1)])
    assert [log["account"] for log in receipt.all("Skipped")] == [stage.third] * 2
    assert stage.position(stage.buyer, 1).base_e8 == LOT


def test_a_source_that_agrees_again_opens_the_market(stage: Stage, source: Contract) -> None:
    doubt(stage, source)
    stage.venue.world.travel(WINDOW_MS // 1000)
    source.say(PRICE_E8, stage.venue.world.timestamp_s, sender=BUYER)
    stage.venue.oracle.refresh(1, sender=BUYER)
    activation_s = stage.venue.world.timestamp_s + GUARD_MS // 1000
    stage.venue.world.at(activation_s - 1)
    assert skipped(stage.settle([stage.buy(), stage.sell()], priced=(1,)))
    assert not skipped(stage.settle([stage.buy(), stage.sell()], priced=(1,)))


def test_doubt_never_stops_a_withdrawal(stage: Stage, source: Contract) -> None:
    doubt(stage, source)
    clearing, world = stage.venue.clearing, stage.venue.world
    clearing.request_withdrawal(stage.buyer, 1_000 * DOLLAR, sender=BUYER)
    world.travel(GUARD_MS // 1000 + WINDOW_MS // 1000 + 1)
    vector = stage.venue.a_vector({1: PRICE_E8, 2: ETHER_E8})
    assert stage.venue.oracle.verify(*stage.venue.presented(vector))[2] == 1 << 1
    paid = clearing.claim_withdrawal(
        stage.buyer, *stage.venue.presented(vector), sender=BUYER
    ).value
    assert paid == 1_000 * DOLLAR


@pytest.mark.parametrize("landed_s", [0, 3, 15])
def test_a_refresh_changes_no_batch_that_is_signed(
    stage: Stage, source: Contract, landed_s: int
) -> None:
    world = stage.venue.world
    batch = stage.batch([stage.buy(), stage.sell()], priced=(1,), oracle=ORACLE)
    source.say(FAR_E8, world.timestamp_s, sender=BUYER)
    stage.venue.oracle.refresh(1, sender=BUYER)
    world.travel(landed_s)
    assert not skipped(stage.venue.settle(batch))
