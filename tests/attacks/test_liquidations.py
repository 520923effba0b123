# SPDX-License-Identifier: Apache-2.0
"""Group E: grief and farms around liquidation, and the way down from equity to the pool."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import permutations

import pytest
from tests.support.books import Books
from tests.support.evm import Key, Receipt, Refused, a_key, refuses
from tests.support.venue import DOLLAR, LOT, MATCHER, PRICE_E8, Venue, a_venue

from infold.words import unpack_account, unpack_position

KEEPER, FRIEND, FOE, STRANGER = (a_key(name) for name in ("keeper", "friend", "foe", "stranger"))
INSURANCE, POOL = 2, 0
TRANSACTION_GAS = 16_777_216  # EIP-7825, stricter than half of a block of 36 million


@pytest.fixture(scope="module")
def kept() -> Venue:
    venue = a_venue()
    venue.list_market(1)
    venue.provide(a_key("provider"), 1_000_000 * DOLLAR, {1: PRICE_E8})
    return venue


@pytest.fixture
def venue(kept: Venue) -> Iterator[Venue]:
    with kept.world.anchored():
        yield kept


def cash(venue: Venue, *accounts: int) -> int:
    return sum(unpack_account(venue.clearing.accounts(it)).collateral_e6 for it in accounts)


def base(venue: Venue, account: int, place: int = 0) -> int:
    return unpack_position(venue.clearing.positions(account * 16 + place)).base_e8


def liquidate(
    venue: Venue, account: int, price_e8: int, keeper: int = 0, *, place: int = 0, by: Key = KEEPER
) -> Receipt:
    vector = venue.presented(venue.a_vector({1: price_e8}))
    receipt: Receipt = venue.recovery.liquidate(*vector, account, place, keeper, sender=by)
    return receipt


def insure(venue: Venue, amount_e6: int) -> None:
    venue.fund(MATCHER, amount_e6)
    venue.clearing.deposit(INSURANCE, amount_e6, sender=MATCHER)


def borrowed(venue: Venue, against: int, collateral: int = 4_000, lots: int = LOT) -> int:
    account = venue.open_account(a_key(f"poor {venue.world.now_ms}"), collateral * DOLLAR)
    venue.trade(account, against, size_e8=lots)
    return account


def test_E04_nobody_can_take_one_lot_and_use_the_vector_up(venue: Venue) -> None:
    """The size is not the caller's: whoever comes first does what the keeper would have done."""
    rich = venue.open_account(FRIEND, 1_000_000 * DOLLAR)
    poor = borrowed(venue, rich)
    low = PRICE_E8 * 955 // 1000
    venue.world.travel(1)
    with venue.world.anchored():
        expected = liquidate(venue, poor, low).only("Liquidated")["size_e8"]
    found = liquidate(venue, poor, low, by=STRANGER).only("Liquidated")["size_e8"]
    assert found == expected > LOT // 10
    with refuses(venue.world, "recovery: account is healthy"):
        liquidate(venue, poor, low)


def test_E04_dust_in_every_place_cannot_shield_the_large_position(venue: Venue) -> None:
    """The same vector serves every place, in any order."""
    for market in range(2, 8):
        venue.list_market(market, name=f"M{market}")
    prices = dict.fromkeys(range(1, 8), PRICE_E8)
    rich = venue.open_account(FRIEND, 1_000_000 * DOLLAR)
    poor = borrowed(venue, rich)
    for market in range(2, 8):
        venue.trade(poor, rich, market=market, size_e8=1_000, oracle=prices)
    venue.world.travel(1)
    vector = venue.presented(venue.a_vector(prices | {1: PRICE_E8 * 952 // 1000}))
    for place in range(1, 7):
        venue.recovery.liquidate(*vector, poor, place, 0, sender=STRANGER)
        assert base(venue, poor, place) == 0
    venue.recovery.liquidate(*vector, poor, 0, 0, sender=KEEPER)
    assert 0 < base(venue, poor) < LOT * 3 // 4


def test_E04_a_top_up_in_front_only_makes_the_liquidation_smaller(venue: Venue) -> None:
    rich = venue.open_account(FRIEND, 1_000_000 * DOLLAR)
    poor = borrowed(venue, rich)
    low = PRICE_E8 * 955 // 1000
    venue.world.travel(1)
    with venue.world.anchored():
        whole = liquidate(venue, poor, low).only("Liquidated")["size_e8"]
    venue.fund(FOE, 10**12)
    venue.clearing.deposit(poor, DOLLAR, sender=FOE)
    assert 0 < liquidate(venue, poor, low).only("Liquidated")["size_e8"] < whole
    venue.world.travel(1)
    venue.clearing.deposit(poor, 1_000 * DOLLAR, sender=FOE)
    with refuses(venue.world, "recovery: account is healthy"):
        liquidate(venue, poor, low)


def test_E04_each_partial_liquidation_improves_the_account(venue: Venue) -> None:
    """Down a slow fall: after every step equity is at least 5/4 of maintenance, or all is gone."""
    rich = venue.open_account(FRIEND, 10_000_000 * DOLLAR)
    poor = borrowed(venue, rich)
    price, steps = PRICE_E8, 0
    while base(venue, poor) and price > PRICE_E8 // 2:
        price = price * 998 // 1000
        venue.world.travel(1)
        try:
            liquidate(venue, poor, price)
        except Refused as refused:
            assert refused.reason == "recovery: account is healthy"
            continue
        steps += 1
        vector = venue.presented(venue.a_vector({1: price}))
        equity, margin = venue.recovery.health(*vector, poor)
        assert equity >= 0 and 4 * equity - 5 * margin > -10, "but for what is rounded"
    assert steps > 3


def test_E07_a_fall_of_60_percent_goes_from_equity_to_insurance_to_the_pool(venue: Venue) -> None:
    """1 unit at 24,000, less h_min 12: 4,000 - 30 - 36,012 owed; every unit is somebody's."""
    rich = venue.open_account(FRIEND, 1_000_000 * DOLLAR)
    poor = borrowed(venue, rich)
    insure(venue, 10_000 * DOLLAR)
    before = cash(venue, POOL, INSURANCE)
    receipt = liquidate(venue, poor, PRICE_E8 * 4 // 10)
    debt = 32_042 * DOLLAR
    covered = receipt.only("Covered")
    assert covered == {"account": poor, "insurance_e6": 10_000 * DOLLAR, "pool_e6": 22_042 * DOLLAR}
    assert cash(venue, poor, INSURANCE) == 0
    assert before - cash(venue, POOL, INSURANCE) == debt
    venue.world.travel(1)
    venue.settle(venue.a_batch(oracle={1: PRICE_E8 * 4 // 10}))
    Books(venue).check()


def test_E07_the_order_of_bankruptcies_changes_nobody_s_total(venue: Venue) -> None:
    """Insurance pays whom it can; what insurance and pool pay together is the sum of the debts."""
    rich = venue.open_account(FRIEND, 10_000_000 * DOLLAR)
    poor = [
        borrowed(venue, rich, cash, lots)
        for cash, lots in ((400, LOT // 10), (900, LOT // 5), (2_000, LOT // 2))
    ]
    insure(venue, 2_500 * DOLLAR)
    venue.world.travel(1)
    totals = set()
    for order in permutations(poor):
        with venue.world.anchored():
            before = cash(venue, POOL), cash(venue, INSURANCE)
            covered = [liquidate(venue, it, PRICE_E8 * 9 // 10).only("Covered") for it in order]
            paid = before[0] - cash(venue, POOL), before[1] - cash(venue, INSURANCE)
            assert paid == tuple(
                sum(it[name] for it in covered) for name in ("pool_e6", "insurance_e6")
            )
            totals.add(paid)
    assert len(totals) == 1


def test_E11_sixteen_positions_cost_a_liquidation_a_tenth_of_a_transaction(venue: Venue) -> None:
    """The margin loop is bounded by the places an account has, and prices come in one chunk."""
    markets = range(1, 17)
    for market in markets[1:]:
        venue.list_market(market, name=f"M{market}")
    prices = dict.fromkeys(markets, PRICE_E8)
    rich = venue.open_account(FRIEND, 10_000_000 * DOLLAR)
    poor = venue.open_account(FOE, 6_000 * DOLLAR)
    for market in markets:
        venue.trade(poor, rich, market=market, size_e8=LOT // 10, oracle=prices)
    venue.world.travel(1)
    low = dict.fromkeys(markets, PRICE_E8 * 96 // 100)
    vector = venue.presented(venue.a_vector(low))
    receipt = venue.recovery.liquidate(*vector, poor, 15, 0, sender=KEEPER)
    assert receipt.only("Liquidated")["index"] == 15
    assert receipt.gas < TRANSACTION_GAS // 10, receipt.gas


def test_E12_without_any_reward_the_liquidation_still_works(venue: Venue) -> None:
    """Nobody needs to bid: the pool takes the position at the oracle's price less h_min."""
    rich = venue.open_account(FRIEND, 1_000_000 * DOLLAR)
    poor = borrowed(venue, rich)
    liquidate(venue, poor, PRICE_E8 * 955 // 1000, by=STRANGER)
    assert base(venue, poor) < LOT


@pytest.mark.parametrize("seed", range(4))
def test_the_bounty_cannot_be_farmed_by_who_owns_both_sides(venue: Venue, seed: int) -> None:
    """A hundred thousand dollars of insurance, a friend across, the keeper's account, and gaps of
    up to three quarters: what the three get as bounty is less than the fees they paid, and without
    the gap itself they only lose.
    """
    draw = random.Random(seed)
    insure(venue, 100_000 * DOLLAR)
    friend = venue.open_account(FRIEND, 10_000_000 * DOLLAR)
    keeper = venue.open_account(KEEPER, 10 * DOLLAR)
    before = cash(venue, keeper)
    fees = 0
    for _ in range(3):
        lots = draw.randrange(LOT // 1000, LOT)
        long = draw.random() < 0.5
        worth = lots * PRICE_E8 // 10**10
        poor = venue.open_account(FOE, worth // 15 + 10 * DOLLAR)
        sides = (poor, friend) if long else (friend, poor)
        venue.trade(*sides, size_e8=lots)
        fees += 2 * worth * 500 // 10**6
        gap = draw.uniform(0.25, 0.75)
        price = int(PRICE_E8 * (1 - gap if long else 1 + gap))
        venue.world.travel(1)
        receipt = liquidate(venue, poor, price, keeper)
        covered = receipt.only("Covered")
        debt = covered["insurance_e6"] + covered["pool_e6"]
        assert cash(venue, poor) == 0 < debt
    assert 0 < cash(venue, keeper) - before < fees
    Books(venue).check(None)


def test_liquidating_oneself_is_no_cheaper_way_into_the_pool(venue: Venue) -> None:
    """Adversary: the account, its keeper, and the moment. An order pays the pool h_min too."""
    rich = venue.open_account(FRIEND, 1_000_000 * DOLLAR)
    keeper = venue.open_account(KEEPER, 10 * DOLLAR)
    poor = borrowed(venue, rich)
    low = PRICE_E8 * 955 // 1000
    venue.world.travel(1)
    vector = venue.presented(venue.a_vector({1: low}))
    before, _ = venue.recovery.health(*vector, poor)
    own = before + cash(venue, keeper)
    size = liquidate(venue, poor, low, keeper).only("Liquidated")["size_e8"]
    after, _ = venue.recovery.health(*vector, poor)
    lost = own - after - cash(venue, keeper)
    assert lost > size * low * 500 // 10**16
