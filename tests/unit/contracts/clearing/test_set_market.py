# SPDX-License-Identifier: Apache-2.0
"""Clearing.set_market, through the Governance that alone may call it (C14)."""

from __future__ import annotations

from tests.support.evm import a_key, refuses
from tests.support.stage import BUYER, Stage
from tests.support.venue import DEPLOYER, LOT, MATCHER, a_venue, parameters

from infold.words import unpack_clock


def change(stage: Stage, **changes: object) -> dict[str, int]:
    receipt = stage.venue.governance.set_market(1, parameters(**changes), sender=DEPLOYER)
    event: dict[str, int] = receipt.only("MarketSet")
    return event


def test_set_market_keeps_the_old_parameters_beside_the_new(stage: Stage) -> None:
    clearing = stage.venue.clearing
    before = unpack_clock(clearing.market_words(8))
    old = [clearing.parameter_words(8 + before.version * 4 + k) for k in range(3)]
    event = change(stage, fee_e6=700)
    after = unpack_clock(clearing.market_words(8))
    new = [clearing.parameter_words(8 + after.version * 4 + k) for k in range(3)]
    assert after == before._replace(
        version=1 - before.version, activation_s=stage.venue.world.timestamp_s + 3
    )
    assert [clearing.parameter_words(8 + before.version * 4 + k) for k in range(3)] == old
    assert new == list(stage.venue.governance.words(parameters(fee_e6=700)))
    assert event == {
        "market": 1,
        "clock": clearing.market_words(8),
        "rates": new[0],
        "caps": new[1],
        "listing": new[2],
    }


def test_the_old_parameters_serve_up_to_the_activation_and_the_new_after_it(stage: Stage) -> None:
    """The fee says which set served: 0.05 % or 0.07 % of 60,000 dollars."""
    venue = stage.venue
    change(stage, fee_e6=700)
    activation_ms = venue.world.now_ms + 3_000
    venue.world.travel(4)
    for time_ms, fee_e6 in ((activation_ms, 500), (activation_ms + 1, 700)):
        with venue.world.anchored():
            venue.settle(stage.batch([stage.buy(), stage.sell()], time_ms=time_ms))
            stage.books.check()
            assert stage.ledger().fees_e6 == 2 * 60_000 * fee_e6


def test_a_second_change_waits_until_no_batch_in_flight_needs_the_old_one(stage: Stage) -> None:
    change(stage, fee_e6=700)
    start_s = stage.venue.world.timestamp_s
    for wait_s in (0, 3, 4, 18):
        stage.venue.world.at(start_s + wait_s)
        with refuses(stage.venue.world, "clearing: change pending"):
            change(stage, fee_e6=800)
    stage.venue.world.at(start_s + 19)
    change(stage, fee_e6=800)


def test_a_change_leaves_the_market_as_it_stands(stage: Stage) -> None:
    stage.cross(3 * LOT)
    words = [stage.venue.clearing.market_words(8 + k) for k in range(1, 8)]
    change(stage, fee_e6=700)
    assert [stage.venue.clearing.market_words(8 + k) for k in range(1, 8)] == words
    stage.settle([stage.sell(stage.buyer, 3 * LOT), stage.buy(stage.seller, 3 * LOT)])
    assert stage.account(stage.buyer).mask == 0


def test_set_market_is_governances(stage: Stage) -> None:
    words = stage.venue.governance.words(parameters())
    for sender in (BUYER, MATCHER, DEPLOYER):
        with refuses(stage.venue.world, "clearing: not governance"):
            stage.venue.clearing.set_market(1, *words, sender=sender)


def test_set_market_knows_256_markets() -> None:
    governance = a_key("governance")
    venue = a_venue(stand_ins={"governance": governance})
    words = venue.governance.words(parameters())
    for market in (256, 65_535):
        with refuses(venue.world, ""):
            venue.clearing.set_market(market, *words, sender=governance)
    venue.clearing.set_market(255, *words, sender=governance)
    assert unpack_clock(venue.clearing.market_words(255 * 8)).version == 1
