# SPDX-License-Identifier: Apache-2.0
"""Group B: the matcher is the adversary. It holds the matcher's key and a friend's account, and
seals whatever it likes; the oracle's keys and the victims' are not its own.

`test_operator_search.py` lets it try at random; the test of the third fragile rule lets it know the
next price (B12, tests/unit/contracts/clearing/test_fragile_hindsight.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest
from tests.support.evm import Key, Receipt, a_key, refuses
from tests.support.stage import BUYER, ORACLE, SELLER, THIRD, Stage
from tests.support.venue import (
    DEPLOYER,
    DOLLAR,
    GUARD_MS,
    LOT,
    MATCHER,
    ORACLE_SIGNERS,
    PRICE_E8,
    WINDOW_MS,
    parameters,
)
from tests.support.verdicts import assert_settled, assert_skipped

ACCOUNT, LIMIT, FEE, SIGNER, SIZE = 1, 6, 8, 10, 13
H0_E6, H_MIN_E6, BAND_E6 = 500, 500, 50_000
POOR, KEEPER = a_key("poor"), a_key("keeper")
FLAT: tuple[int, list[int], list[tuple[int, int]]] = (0, [], [])
"""No vector: an account without positions needs none."""


# -- what an order says --------


@pytest.mark.parametrize("buy", [True, False])
def test_B01_fill_beyond_limit(stage: Stage, buy: bool) -> None:
    """One unit of the eighth decimal beyond its limit an order is not filled; at it, it is."""
    stage.venue.world.travel(1)
    side = 1 if buy else -1
    limit_e8 = PRICE_E8 + side * 100
    plan = stage.fill(stage.buyer, buy, LOT, limit_price_e8=limit_e8)
    with stage.venue.world.anchored():
        assert_skipped(stage, plan, LIMIT, prices={1: limit_e8 + side})
    assert_settled(stage, plan, prices={1: limit_e8})


@pytest.mark.parametrize("buy", [True, False])
def test_B02_worse_price_within_the_band(stage: Stage, buy: bool) -> None:
    """The oracle's own price is no excuse: the limit is the owner's, whatever the market says."""
    stage.venue.world.travel(1)
    side = 1 if buy else -1
    plan = stage.fill(stage.buyer, buy, LOT, limit_price_e8=PRICE_E8 - side)
    edge_e8 = PRICE_E8 * H0_E6 // 10**6
    for price_e8 in (PRICE_E8, PRICE_E8 + side, PRICE_E8 + side * edge_e8):
        with stage.venue.world.anchored():
            assert_skipped(stage, plan, LIMIT, prices={1: price_e8})


def test_B03_overfill(stage: Stage) -> None:
    """Over a dozen batches, in parts that would add up to twice the size, and at the extremes."""
    order = stage.venue.an_order(stage.buyer, size_e8=LOT, limit_price_e8=PRICE_E8)
    filled = 0
    for part in (1, LOT // 3, LOT // 2, LOT // 2, LOT // 6, LOT // 7, 1, LOT, 3, LOT // 100, 1, 1):
        receipt = stage.settle([stage.venue.a_fill(order, part), stage.sell(size_e8=part)])
        if receipt.all("Skipped"):
            assert receipt.only("Skipped")["reason"] == SIZE
            assert filled + part > LOT
        else:
            filled += part
        assert stage.filled(stage.buyer).filled_e8 == filled <= LOT
        assert stage.position(stage.buyer).base_e8 == filled
    stage.venue.world.travel(1)
    assert_skipped(stage, stage.venue.a_fill(order, LOT - filled + 1), SIZE)
    nothing = stage.venue.a_fill(order, 0)
    assert stage.settle([nothing]).only("Skipped")["reason"] == SIZE
    world = stage.venue.world
    world.travel(1)
    for fill_e8 in (2**62, 2**63, 2**64 - 1):
        batch = stage.batch([stage.venue.a_fill(order, fill_e8)], prices={1: PRICE_E8})
        with refuses(world, "clearing: backstop margin"):
            stage.venue.settle(batch)


def test_B04_wrong_side(stage: Stage) -> None:
    """A sell made of a buy is signed by nobody, and there is no negative fill to make one of."""
    stage.venue.world.travel(1)
    bought = stage.buy()
    record = stage.venue._record(bought)
    sale = stage.venue.a_fill(msgspec.structs.replace(bought.order, buy=False, limit_price_e8=1))
    flipped = replace(sale, signature=(record.r, record.vs))
    assert_skipped(stage, flipped, SIGNER)
    stage.venue.world.travel(1)
    minus = stage.batch([replace(bought, fill_e8=2**64 - LOT)])
    with refuses(stage.venue.world, "clearing: backstop margin"):
        stage.venue.settle(minus)


# -- who is in a batch --------


def test_B07_fabricated_account(stage: Stage) -> None:
    """Nobody is netted who did not sign: not by another's key, not without one, and no account that
    belongs to no trader.
    """
    venue = stage.venue
    venue.world.travel(1)
    for key in (THIRD, MATCHER, SELLER):
        with venue.world.anchored():
            assert_skipped(stage, stage.buy(key=key), SIGNER)
    for claims in ({"delegated": True}, {"approved": True}, {"delegated": True, "approved": True}):
        with venue.world.anchored():
            assert_skipped(stage, stage.buy(key=MATCHER, **claims), SIGNER)
    with venue.world.anchored():
        unopened = stage.fill(venue.clearing.account_count(), True, LOT, key=MATCHER, place=0)
        assert_skipped(stage, unopened, ACCOUNT)
    for account in (0, 1, 2, 3, 4, 16):
        batch = stage.batch([stage.fill(account, True, LOT, key=MATCHER, place=0), stage.sell()])
        with refuses(venue.world, "clearing: records not ascending"):
            venue.settle(batch)


def test_B07_a_price_list_moves_nobody(stage: Stage) -> None:
    """Buys that a price word announces and no record makes change no account."""
    before = stage.books.state()
    stage.settle(gross={1: 5 * LOT, 2: LOT})
    after = stage.books.state()
    moved = {name.split(" ")[0] for name in after if after[name] != before[name]}
    assert moved == {"head", "market"}


@pytest.mark.parametrize("side", [1, -1])
def test_B08_price_outside_the_band(stage: Stage, side: int) -> None:
    """Two who sign any price at all meet within h0 of the oracle, or the batch reverts."""
    venue = stage.venue
    venue.world.travel(1)
    edge_e8 = PRICE_E8 * H0_E6 // 10**6
    band_e8 = PRICE_E8 * BAND_E6 // 10**6
    for away_e8, reason in (
        (edge_e8, ""),
        (edge_e8 + 1, "clearing: price beyond curve"),
        (band_e8, "clearing: price beyond curve"),
        (band_e8 + 1, "clearing: price outside band"),
        (PRICE_E8 - 1, "clearing: price outside band"),
    ):
        batch = stage.batch([stage.buy(), stage.sell()], prices={1: PRICE_E8 + side * away_e8})
        with venue.world.anchored():
            if reason:
                with refuses(venue.world, reason):
                    venue.settle(batch)
            else:
                assert venue.settle(batch).all("Skipped") == []


# -- which batch --------


def test_B09_batch_replay(stage: Stage) -> None:
    """The same calldata again, at once and later, by the matcher and by a stranger."""
    venue = stage.venue
    venue.world.travel(1)
    landed = stage.batch([stage.buy(), stage.sell()])
    venue.settle(landed)
    for sender in (MATCHER, POOR):
        with refuses(venue.world, "clearing: wrong batch number"):
            venue.settle(landed, sender=sender)
    venue.world.travel(1)
    with refuses(venue.world, "clearing: wrong batch number"):
        venue.settle(landed)
    stage.settle()
    with refuses(venue.world, "clearing: wrong batch number"):
        venue.settle(landed)


def test_B10_skipped_number(stage: Stage) -> None:
    """C1: only the next number lands; high bits are no second way to write it."""
    venue = stage.venue
    stage.settle()
    venue.world.travel(1)
    for number in (0, 1, 3, 4, 2**64 - 1):
        with refuses(venue.world, "clearing: wrong batch number"):
            venue.settle(stage.batch(number=number))
    batch = stage.batch(number=2)
    for high in (1 << 128, 1 << 255):
        with refuses(venue.world, "clearing: wrong batch number"):
            venue.settle(msgspec.structs.replace(batch, head=batch.head | high))
    venue.settle(batch)


@pytest.mark.parametrize("first", [0, 1])
def test_B11_number_reused_after_a_reorganisation(stage: Stage, first: int) -> None:
    """Two batches are signed for one number; whichever is mined first is the one, and an order in
    both fills once. What the poster does about it is tests/devnet/test_poster.py.
    """
    venue = stage.venue
    venue.world.travel(1)
    order = stage.buy(fill_e8=LOT * 6 // 10)
    twins = [
        stage.batch([order, stage.sell(size_e8=order.fill_e8)]),
        stage.batch([order, stage.sell(stage.third, order.fill_e8)]),
    ]
    with venue.world.anchored():
        venue.settle(twins[1 - first])  # mined, and then gone with its block
    venue.settle(twins[first])
    with refuses(venue.world, "clearing: wrong batch number"):
        venue.settle(twins[1 - first])
    rebuilt = stage.settle([order, stage.sell(stage.third, order.fill_e8)])
    assert rebuilt.only("Skipped")["reason"] == SIZE
    assert stage.filled(stage.buyer).filled_e8 == order.fill_e8


@pytest.mark.parametrize("moved_e6", [-90_000, 90_000])
def test_B16_stale_batch_hold(stage: Stage, moved_e6: int) -> None:
    """Held while the oracle moves, a batch lands at its own vector's prices and within F, or never;
    once a later one landed it is gone. What holding for F is worth is B12's.
    """
    venue = stage.venue
    venue.world.travel(60)
    signed_ms = venue.world.now_ms
    held = stage.batch([stage.buy(), stage.sell()])
    with venue.world.anchored():
        venue.settle(held)
        at_once = stage.books.state()
    venue.world.at_ms(signed_ms + WINDOW_MS)
    with venue.world.anchored():
        venue.settle(held)
        assert stage.books.state() == at_once
    with venue.world.anchored():
        later_e8 = PRICE_E8 + PRICE_E8 * moved_e6 // 10**6
        venue.settle(stage.batch(oracle=ORACLE | {1: later_e8}))
        with refuses(venue.world, "clearing: wrong batch number"):
            venue.settle(held)
        with refuses(venue.world, "clearing: batch time must rise"):
            venue.settle(stage.batch([stage.buy(), stage.sell()], time_ms=signed_ms))
    venue.world.at_ms(signed_ms + WINDOW_MS + 1)
    with refuses(venue.world, "clearing: batch time outside window"):
        venue.settle(held)
    for time_ms in (venue.world.now_ms - WINDOW_MS - 1, venue.world.now_ms + 1_001, 2**48 - 1):
        with refuses(venue.world, "clearing: batch time outside window"):
            venue.settle(stage.batch([stage.buy(), stage.sell()], time_ms=time_ms))
    for time_ms in (venue.world.now_ms - WINDOW_MS, venue.world.now_ms + 1_000):
        plans = [stage.buy(expiry_ms=2**48 - 1), stage.sell(expiry_ms=2**48 - 1)]
        with venue.world.anchored():
            assert venue.settle(stage.batch(plans, time_ms=time_ms)).all("Skipped") == []


# -- what a batch says of money --------


def test_B13_net_against_gross(stage: Stage) -> None:
    """A batch names no net: the pool takes what the records leave. The one sum it names is a bound,
    and a wrong one reverts or says nothing.
    """
    venue = stage.venue
    stage.fund_pool()
    venue.world.travel(1)
    plans = [stage.buy(size_e8=3 * LOT), stage.sell(size_e8=LOT)]
    lean = {1: PRICE_E8 + PRICE_E8 * H_MIN_E6 // 10**6}
    for gross_e8 in (0, 1, 3 * LOT - 1):
        with refuses(venue.world, "clearing: gross exceeded"):
            venue.settle(stage.batch(plans, prices=lean, gross={1: gross_e8}))
    outcomes = []
    for gross_e8 in (3 * LOT, 3 * LOT + 1, 1_000 * LOT):
        with venue.world.anchored():
            venue.settle(stage.batch(plans, prices=lean, gross={1: gross_e8}))
            stage.books.check()
            outcomes.append(stage.books.state())
            assert stage.pool().base_e8 == -2 * LOT
    assert outcomes[0] == outcomes[1] == outcomes[2]


def test_B14_fee_gouging(stage: Stage) -> None:
    """The market's fee, to the unit, if the owner signed for as much; no batch names a fee, and
    governance has a bound.
    """
    venue = stage.venue
    venue.world.travel(1)
    with venue.world.anchored():
        assert_skipped(stage, stage.buy(max_fee_e6=499), FEE)
    before = stage.account(stage.buyer).collateral_e6
    stage.settle([stage.buy(max_fee_e6=65_535), stage.sell(max_fee_e6=500)])
    stage.settle([stage.sell(stage.buyer), stage.buy(stage.seller)])
    paid = before - stage.account(stage.buyer).collateral_e6
    assert paid == 2 * PRICE_E8 * LOT * 500 // 10**16
    with refuses(venue.world, "governance: fee out of range"):
        venue.governance.set_market(1, parameters(fee_e6=10_001), sender=DEPLOYER)


# -- what it leaves out --------


def test_B06_censor(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """The matcher drops the buyer for good. It is out of its position and paid without any batch,
    by whoever carries the oracle's vectors, in 80 seconds: 40 blocks of two.
    """
    venue, world = stage.venue, stage.venue.world
    stage.fund_pool()
    stage.cross()
    batches = venue.clearing.head() >> 192
    start_s, block_s = world.timestamp_s, 2
    venue.recovery.force_reduce(stage.buyer, 0, LOT, sender=BUYER)
    world.travel(60)
    vector = venue.presented(venue.a_vector(ORACLE))
    venue.recovery.execute_exit(*vector, stage.buyer, 0, sender=POOR)
    assert stage.account(stage.buyer).mask == 0
    free_e6 = stage.account(stage.buyer).collateral_e6
    venue.clearing.request_withdrawal(stage.buyer, free_e6, sender=BUYER)
    world.travel((GUARD_MS + WINDOW_MS) // 1000 + 1)
    before = venue.dollar.balanceOf(BUYER.address)
    assert venue.clearing.claim_withdrawal(stage.buyer, *FLAT, sender=POOR).value == free_e6
    assert venue.dollar.balanceOf(BUYER.address) == before + free_e6
    took_s = world.timestamp_s - start_s
    with capsys.disabled():
        print(
            f"\nB06: out and paid after {took_s} s, {-(-took_s // block_s)} blocks of {block_s} s"
        )
    assert took_s <= 80
    assert venue.clearing.head() >> 192 == batches


# -- whom it liquidates --------


def test_B18_liquidation_of_a_healthy_account(stage: Stage) -> None:
    """The matcher has no say: prices are the oracle's, the size is the rule's, and of two prices in
    one block it cannot use the worse one after the other.
    """
    venue, world = stage.venue, stage.venue.world
    stage.fund_pool()
    poor = venue.open_account(POOR, 4_000 * DOLLAR)
    stage.settle([stage.buy(poor), stage.sell()])
    world.travel(10)
    low_e8 = PRICE_E8 * 955 // 1000

    def liquidate(price_e8: int, back_ms: int = 0, **rest: Any) -> Receipt:
        vector = venue.a_vector(ORACLE | {1: price_e8}, time_ms=world.now_ms - back_ms, **rest)
        receipt: Receipt = venue.recovery.liquidate(
            *venue.presented(vector), poor, 0, 0, sender=MATCHER
        )
        return receipt

    with refuses(world, "recovery: account is healthy"):
        liquidate(PRICE_E8)
    with refuses(world, "signers: not a signer"):
        liquidate(low_e8, signers=ascending(MATCHER, THIRD))
    with refuses(world, "signers: too few"):
        liquidate(low_e8, signers=ORACLE_SIGNERS[:1])
    with refuses(world, "clearing: vector too old"):
        liquidate(low_e8, back_ms=WINDOW_MS + 1)
    with world.anchored():
        # a batch whose vector says it is healthy takes the dip before it away, but for the guard
        stage.settle()
        with refuses(world, "clearing: vector too old"):
            liquidate(low_e8, back_ms=GUARD_MS + 1)
    first = liquidate(low_e8).only("Liquidated")["size_e8"]
    assert 0 < first < LOT
    with refuses(world, "recovery: account is healthy"):
        liquidate(low_e8)
    with refuses(world, "recovery: account is healthy"):
        liquidate(PRICE_E8)
    with refuses(world, "recovery: vector before the last liquidation"):
        liquidate(low_e8 * 9 // 10, back_ms=1)


def ascending(*keys: Key) -> list[Key]:
    return sorted(keys, key=lambda key: key.number)
