# SPDX-License-Identifier: Apache-2.0
"""dev/Amm: `swap` and `preview`."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.evm import World, a_key, refuses

from .conftest import BASE_E8, FEE_E6, QUOTE_E6, TRADER, Ground

LOTS = 10**8
NO_LIMIT = 2**256 - 1


def an_id(number: int = 1) -> bytes:
    return number.to_bytes(32, "big")


def test_a_buyer_pays_the_curve_and_the_fee(ground: Ground) -> None:
    paid, fee = ground.amm.preview(10 * LOTS)
    curve = -(-QUOTE_E6 * 10 * LOTS // (BASE_E8 - 10 * LOTS))
    assert fee == -(-curve * FEE_E6 // 10**6) and paid == curve + fee
    before = [token.balanceOf(TRADER.address) for token in (ground.base, ground.quote)]
    receipt = ground.amm.swap(an_id(), 10 * LOTS, paid, sender=TRADER)
    assert receipt.only("Swapped") == {
        "owner": TRADER.address.lower(),
        "order": an_id(),
        "base_e8": 10 * LOTS,
        "quote_e6": paid,
        "fee_e6": fee,
    }
    after = [token.balanceOf(TRADER.address) for token in (ground.base, ground.quote)]
    assert (after[0] - before[0], before[1] - after[1]) == (10 * LOTS, paid)
    assert ground.amm.base_reserve_e8() == BASE_E8 - 10 * LOTS
    assert ground.amm.quote_reserve_e6() == QUOTE_E6 + paid
    assert ground.amm.execution_of(TRADER.address, an_id()) == (10 * LOTS, paid, fee)


def test_a_seller_receives_the_curve_less_the_fee(ground: Ground) -> None:
    received, fee = ground.amm.preview(-10 * LOTS)
    curve = QUOTE_E6 * 10 * LOTS // (BASE_E8 + 10 * LOTS)
    assert received == curve - fee
    before = ground.quote.balanceOf(TRADER.address)
    ground.amm.swap(an_id(), -10 * LOTS, received, sender=TRADER)
    assert ground.quote.balanceOf(TRADER.address) - before == received
    assert ground.amm.quote_reserve_e6() == QUOTE_E6 - received


def test_an_order_is_executed_once_for_each_sender(ground: Ground) -> None:
    ground.amm.swap(an_id(), LOTS, NO_LIMIT, sender=TRADER)
    with refuses(ground.world, "amm: order known"):
        ground.amm.swap(an_id(), LOTS, NO_LIMIT, sender=TRADER)
    ground.amm.swap(an_id(2), LOTS, NO_LIMIT, sender=TRADER)
    stranger = a_key("stranger")
    with refuses(ground.world, "erc20: insufficient allowance"):
        ground.amm.swap(an_id(), LOTS, NO_LIMIT, sender=stranger)


@pytest.mark.parametrize("size", [5 * LOTS, -5 * LOTS])
def test_a_limit_is_kept_to_the_last_unit(ground: Ground, size: int) -> None:
    quote, _ = ground.amm.preview(size)
    worse = quote - 1 if size > 0 else quote + 1
    with refuses(ground.world, "amm: limit"):
        ground.amm.swap(an_id(), size, worse, sender=TRADER)
    ground.amm.swap(an_id(), size, quote, sender=TRADER)


def test_more_than_there_is_and_nothing_are_refused(ground: Ground) -> None:
    for size, reason in (
        (0, "amm: no size"),
        (BASE_E8, "amm: pool too small"),
        (2**96, "amm: size too large"),
        (-(2**96), "amm: size too large"),
        (-(2**96) + 1, "amm: pool too large"),
    ):
        limit = NO_LIMIT if size > 0 else 0
        with refuses(ground.world, reason):
            ground.amm.swap(an_id(), size, limit, sender=TRADER)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(-200 * LOTS, 200 * LOTS).filter(bool), min_size=1, max_size=5))
def test_no_sequence_lowers_the_product_or_leaves_reserves_uncovered(
    pool_ground: Ground, sizes: list[int]
) -> None:
    amm = pool_ground.amm
    with pool_ground.world.anchored():
        for number, size in enumerate(sizes):
            product = amm.base_reserve_e8() * amm.quote_reserve_e6()
            limit = NO_LIMIT if size > 0 else 0
            amm.swap(an_id(number), size, limit, sender=TRADER)
            assert amm.base_reserve_e8() * amm.quote_reserve_e6() >= product
        assert pool_ground.base.balanceOf(amm.address) == amm.base_reserve_e8()
        assert pool_ground.quote.balanceOf(amm.address) == amm.quote_reserve_e6()


def test_an_empty_pool_trades_nothing() -> None:
    world = World()
    base, quote = (world.deploy("dev/Dollar", sender=TRADER) for _ in range(2))
    amm = world.deploy("dev/Amm", base.address, quote.address, FEE_E6, sender=TRADER)
    with refuses(world, "amm: pool empty"):
        amm.swap(an_id(), -LOTS, 0, sender=TRADER)
