# SPDX-License-Identifier: Apache-2.0
"""Recovery.deleverage and fold: the other side of a market takes over what the pool cannot."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import permutations

import pytest
from tests.support.books import Books
from tests.support.evm import Receipt, a_key, refuses
from tests.support.venue import DOLLAR, LOT, PRICE_E8

from infold.words import (
    PositionWord,
    unpack_account,
    unpack_deleveraged,
    unpack_ledger,
    unpack_position,
    unpack_transit,
)

from .conftest import INSURANCE, KEEPER, LONG, Crowd

LOW = 57_000 * 10**8
"""Equity is 970 dollars, maintenance 1,425."""
BROKE = 55_000 * 10**8
"""The long owes 1,030 dollars."""
SECOND = a_key("second short")


@dataclass(frozen=True)
class Full:
    """The crowd with a second, smaller long against a second short, and a pool without room."""

    crowd: Crowd
    other: int
    second: int

    def deleverage(self, price_e8: int, keeper: int = 0, account: int | None = None) -> Receipt:
        venue = self.crowd.venue
        vector = venue.presented(venue.a_vector({1: price_e8}))
        who = self.crowd.long if account is None else account
        receipt: Receipt = venue.recovery.deleverage(*vector, who, 0, keeper, sender=KEEPER)
        return receipt

    def fold(self, account: int) -> Receipt:
        receipt: Receipt = self.crowd.venue.recovery.fold(account, 0, sender=KEEPER)
        return receipt

    def position(self, account: int) -> PositionWord:
        return unpack_position(self.crowd.venue.clearing.positions(account * 16))

    def equity(self, account: int, price_e8: int) -> int:
        return self.crowd.health(account, price_e8)[0]


@pytest.fixture
def full(crowd: Crowd) -> Full:
    venue = crowd.venue
    other = venue.open_account(a_key("other long"), 1_000_000 * DOLLAR)
    second = venue.open_account(SECOND, 1_000_000 * DOLLAR)
    venue.trade(other, second, size_e8=LOT // 3)
    venue.list_market(1, position_cap_e8=2 * LOT)
    return Full(crowd, other, second)


def fill_pool(full: Full) -> None:
    """Leave the pool no room: its cap falls to one lot, and it holds that of a liquidation."""
    venue = full.crowd.venue
    venue.recovery.force_reduce(full.other, 0, 10, sender=a_key("other long"))
    venue.world.travel(60)
    vector = venue.presented(venue.a_vector({1: PRICE_E8}))
    venue.recovery.execute_exit(*vector, full.other, 0, sender=KEEPER)
    venue.list_market(1, position_cap_e8=10)


def test_nobody_is_deleveraged_while_the_pool_has_room_and_insurance_the_money(full: Full) -> None:
    world = full.crowd.venue.world
    with refuses(world, "recovery: pool has room"):
        full.deleverage(LOW)
    full.crowd.insure(1_057_500_000 - 1)
    with world.anchored():
        full.deleverage(BROKE)
    full.crowd.insure(1)
    with refuses(world, "recovery: pool has room"):
        full.deleverage(BROKE)
    fill_pool(full)
    with refuses(world, "recovery: account is healthy"):
        full.deleverage(PRICE_E8)
    with refuses(world, "recovery: nothing to fold"):
        full.fold(full.crowd.short)


def test_room_for_one_lot_is_room(full: Full) -> None:
    fill_pool(full)
    full.crowd.venue.list_market(1, position_cap_e8=11)
    with refuses(full.crowd.venue.world, "recovery: pool has room"):
        full.deleverage(LOW)


def test_an_account_worth_nothing_owes_nothing_and_is_the_pools(full: Full) -> None:
    """At 56,030 the long has exactly lost what it had."""
    price = 56_030 * 10**8
    assert full.equity(full.crowd.long, price) == 0
    with refuses(full.crowd.venue.world, "recovery: pool has room"):
        full.deleverage(price)
    full.deleverage(price - 100 * 10**8)


def test_E08_the_other_side_is_better_off_while_the_account_has_equity(full: Full) -> None:
    """Pro rata, at O less h_min, and nobody's equity at the mark falls."""
    fill_pool(full)
    crowd = full.crowd
    before = {it: full.equity(it, LOW) for it in (crowd.short, full.second)}
    held = {it: full.position(it).base_e8 for it in before}
    size = -full.position(crowd.long).base_e8
    receipt = full.deleverage(LOW, crowd.keeper)
    size += full.position(crowd.long).base_e8
    assert receipt.only("Deleveraged")["number"] == 2
    with refuses(crowd.venue.world, "recovery: fold first"):
        full.equity(crowd.short, LOW)
    for account, was in held.items():
        full.fold(account)
        part = full.position(account).base_e8 - was
        assert abs(part * sum(held.values()) + size * was) <= 3 * abs(sum(held.values()))
        gained = full.equity(account, LOW) - before[account]
        assert abs(gained - part * LOW * 500 // 10**16) <= 2 and part > 0
    Books(crowd.venue).check()
    assert full.equity(crowd.long, LOW) >= 0


@pytest.mark.parametrize("insured", [0, 400 * DOLLAR, 1_030 * DOLLAR, 2_000 * DOLLAR])
def test_E07_equity_then_insurance_then_the_other_side_then_the_pool(
    full: Full, insured: int
) -> None:
    fill_pool(full)
    crowd = full.crowd
    if insured:
        crowd.insure(insured)
    holders = (crowd.short, full.second)
    before = {it: full.equity(it, BROKE) for it in holders}
    receipt = full.deleverage(BROKE)
    price = receipt.only("Deleveraged")["deleveraging"] >> 64 & 2**64 - 1
    assert price == BROKE + 100 * max(0, 1_030 * DOLLAR - insured)
    for account in holders:
        full.fold(account)
    lost = sum(before[it] - full.equity(it, BROKE) for it in holders)
    paid = [event["insurance_e6"] for event in receipt.all("Covered")]
    socialised = [event["pool_e6"] for event in receipt.all("Covered")]
    debt = 1_030 * DOLLAR
    assert crowd.cash(crowd.long) >= 0 and full.position(crowd.long).base_e8 == 0
    assert sum(paid) <= min(debt, insured) and sum(paid) >= min(debt, insured) - 10
    assert abs(lost + sum(paid) - debt) <= 20
    assert sum(socialised) == 0
    Books(crowd.venue).check()


def test_E08_nobody_bears_more_than_the_maintenance_margin_of_what_it_gives_up(full: Full) -> None:
    """At 50,000 the long owes 6,030 dollars: a fortieth of 50,000 is the other side's, the rest is
    the pool's. Whoever was healthy still is."""
    fill_pool(full)
    crowd, price = full.crowd, 50_000 * 10**8
    holders = (crowd.short, full.second)
    before = {it: full.equity(it, price) for it in holders}
    receipt = full.deleverage(price)
    for account in holders:
        full.fold(account)
        equity, margin = crowd.health(account, price)
        assert equity >= margin
    lost = sum(before[it] - full.equity(it, price) for it in holders)
    assert abs(lost - 1_250 * DOLLAR) <= 20
    assert abs(receipt.only("Covered")["pool_e6"] - 4_780 * DOLLAR) <= 20
    Books(crowd.venue).check()


def test_D15_whoever_folds_first_the_sums_are_the_same_to_the_unit(full: Full) -> None:
    fill_pool(full)
    crowd = full.crowd
    world = crowd.venue.world
    full.deleverage(LOW)
    full.deleverage(BROKE)
    found = set()
    for order in permutations((crowd.short, full.second)):
        with world.anchored():
            for account in order:
                full.fold(account)
                Books(crowd.venue).check()
            words = [crowd.venue.clearing.positions(it * 16) for it in order]
            transit = unpack_transit(crowd.venue.clearing.market_words(8 + 5))
            assert abs(transit.base_e8) <= 4 and abs(transit.quote_e6) <= 10**6
            found.add((tuple(sorted(words)), transit))
    assert len(found) == 1


def test_D15_many_holders_in_random_orders_leave_only_roundings_in_transit(crowd: Crowd) -> None:
    venue, dice = crowd.venue, random.Random(15)
    sizes = [dice.randrange(1, LOT // 10) for _ in range(6)]
    rich = venue.open_account(a_key("rich long"), 1_000_000 * DOLLAR)
    shorts = [crowd.short]
    for number, size in enumerate(sizes):
        shorts.append(venue.open_account(a_key(f"short {number}"), 100_000 * DOLLAR))
        venue.trade(rich, shorts[-1], size_e8=size)
    venue.list_market(1, position_cap_e8=1)
    full = Full(crowd, rich, crowd.short)
    vector = venue.presented(venue.a_vector({1: LOW}))
    crowd.venue.recovery.liquidate(*vector, crowd.long, 0, 0, sender=KEEPER)
    for price in (LOW, BROKE):
        full.deleverage(price)
    dice.shuffle(shorts)
    for account in shorts:
        full.fold(account)
        Books(venue).check()
    transit = unpack_transit(venue.clearing.market_words(8 + 5))
    assert -2 * len(shorts) <= transit.base_e8 <= 0
    assert abs(transit.quote_e6) <= 2 * len(shorts) * (1 + LOW // 10**10)


def test_C13_only_orders_on_a_position_that_is_behind_are_skipped_until_it_is_folded(
    full: Full,
) -> None:
    """The longs' side owes nothing: it trades on, and nobody need fold for it."""
    fill_pool(full)
    crowd = full.crowd
    venue = crowd.venue
    full.deleverage(LOW)
    venue.back(1_000_000 * DOLLAR)
    fresh = venue.open_account(a_key("fresh"), 1_000_000 * DOLLAR)

    def attempt(slot: int) -> list[tuple[int, int]]:
        venue.world.travel(1)
        plans = [
            venue.a_fill(venue.an_order(crowd.short, buy=True, size_e8=100, slot=slot)),
            venue.a_fill(venue.an_order(full.other, buy=False, size_e8=100, slot=slot)),
            venue.a_fill(venue.an_order(fresh, buy=True, size_e8=100, slot=slot)),
            venue.a_fill(venue.an_order(full.second, buy=False, size_e8=100, slot=slot)),
        ]
        receipt = venue.settle(venue.a_batch(plans, oracle={1: LOW}))
        Books(venue).check()
        return [(event["account"], event["reason"]) for event in receipt.all("Skipped")]

    assert sorted(attempt(1)) == [(crowd.short, 23), (full.second, 23)]
    full.fold(crowd.short)
    full.fold(full.second)
    assert attempt(2) == []


def test_a_claim_waits_for_the_fold(full: Full) -> None:
    fill_pool(full)
    crowd = full.crowd
    venue = crowd.venue
    venue.clearing.request_withdrawal(full.second, DOLLAR, sender=SECOND)
    full.deleverage(LOW)
    venue.world.travel(20)
    vector = venue.presented(venue.a_vector({1: LOW}))
    with refuses(venue.world, "clearing: fold first"):
        venue.clearing.claim_withdrawal(full.second, *vector, sender=SECOND)
    full.fold(full.second)
    paid = venue.clearing.claim_withdrawal(full.second, *vector, sender=SECOND).value
    assert paid == DOLLAR


def test_an_exit_that_the_pool_cannot_take_goes_to_the_other_side(full: Full) -> None:
    fill_pool(full)
    crowd = full.crowd
    venue = crowd.venue
    venue.recovery.force_reduce(crowd.long, 0, LOT, sender=LONG)
    q = venue.world.now_ms
    venue.world.travel(60)
    vector = venue.presented(venue.a_vector({1: PRICE_E8}, time_ms=q + 60_000))
    before = full.position(crowd.long)
    venue.recovery.execute_exit(*vector, crowd.long, 0, sender=KEEPER)
    got = PRICE_E8 * 998 // 1000 // 100
    word = unpack_account(venue.clearing.accounts(crowd.long))
    assert (word.mask, word.collateral_e6) == (0, 4_000 * DOLLAR + before.quote_e6 + got)
    Books(venue).check()
    full.fold(crowd.short)
    with refuses(venue.world, "recovery: nothing to fold"):
        full.fold(crowd.short)


def test_a_long_of_one_lot_folds_with_the_longs(full: Full) -> None:
    venue = full.crowd.venue
    one = venue.open_account(a_key("long of one"), 10 * DOLLAR)
    venue.trade(one, full.crowd.short, size_e8=1)
    fill_pool(full)
    venue.recovery.force_reduce(full.second, 0, LOT // 3, sender=SECOND)
    q = venue.world.now_ms
    venue.world.travel(60)
    vector = venue.presented(venue.a_vector({1: PRICE_E8}, time_ms=q + 60_000))
    venue.recovery.execute_exit(*vector, full.second, 0, sender=KEEPER)
    full.fold(one)
    assert full.position(one).event in (0, 2)
    with refuses(venue.world, "recovery: nothing to fold"):
        full.fold(one)
    Books(venue).check()


def test_whoever_is_folded_away_owes_nothing_of_what_came_later(crowd: Crowd) -> None:
    """The only short gives up all it has; then another comes, and gives up its own."""
    venue, full = crowd.venue, Full(crowd, crowd.long, crowd.short)
    full.deleverage(BROKE)
    poor = venue.open_account(a_key("poor long"), 4_000 * DOLLAR)
    fresh = venue.open_account(SECOND, 1_000_000 * DOLLAR)
    venue.trade(poor, fresh, price_e8=BROKE)
    full.deleverage(50_000 * 10**8, account=poor)
    assert unpack_deleveraged(venue.clearing.market_words(8 + 6)).shorts == 4
    assert len(full.fold(crowd.short).all("Applied")) == 1
    assert venue.clearing.positions(crowd.short * 16) == 0
    full.fold(fresh)
    Books(venue).check()


def test_a_fold_is_of_a_traders_place(full: Full) -> None:
    world = full.crowd.venue.world
    for account in (0, 1, 16, 2**32):
        with refuses(world, "recovery: not a trader"):
            full.crowd.venue.recovery.fold(account, 0, sender=KEEPER)
    with refuses(world, "recovery: index out of range"):
        full.crowd.venue.recovery.fold(full.crowd.short, 16, sender=KEEPER)


def test_the_backstop_is_deleveraged_at_once_and_liquidated_like_anyone(full: Full) -> None:
    crowd = full.crowd
    venue = crowd.venue
    venue.back(6_000 * DOLLAR)
    venue.world.travel(1)
    plans = [
        venue.a_fill(venue.an_order(full.other, buy=True, size_e8=LOT, slot=3)),
        venue.a_fill(venue.an_order(full.second, buy=False, size_e8=LOT, slot=3, epoch=9)),
    ]
    assert len(venue.settle(venue.a_batch(plans, oracle={1: PRICE_E8})).all("Skipped")) == 1
    short = unpack_position(venue.clearing.positions(16 + 1))
    assert short.base_e8 == -LOT
    fill_pool(full)
    full.deleverage(LOW)
    after = unpack_position(venue.clearing.positions(16 + 1))
    assert -LOT < after.base_e8 < 0 and after.event == 2
    high = 69_000 * 10**8
    venue.list_market(1, position_cap_e8=4 * LOT)
    vector = venue.presented(venue.a_vector({1: high}))
    equity, margin = venue.recovery.health(*vector, 1)
    assert equity < margin
    venue.recovery.liquidate(*vector, 1, 1, crowd.keeper, sender=KEEPER)
    assert unpack_position(venue.clearing.positions(16 + 1)).base_e8 == 0
    assert unpack_account(venue.clearing.accounts(1)).collateral_e6 >= 0
    assert venue.clearing.backstop_markets() == 0
    assert unpack_deleveraged(venue.clearing.market_words(8 + 6)).shorts == 2


def test_a_wind_down_waits_for_folds_which_need_no_price(full: Full) -> None:
    """What everybody is worth then adds up to what the vault holds, but for what is in transit."""
    fill_pool(full)
    crowd = full.crowd
    recovery, world = crowd.venue.recovery, crowd.venue.world
    crowd.venue.settle(crowd.venue.a_batch(oracle={1: LOW}))
    full.deleverage(LOW)
    world.travel(8 * 86_400)
    recovery.wind_down(sender=KEEPER)
    with refuses(world, "recovery: fold first"):
        recovery.final_equity(crowd.short)
    world.travel(8 * 86_400)
    with refuses(world, "recovery: fold first"):
        recovery.claim(crowd.short, sender=KEEPER)
    full.fold(crowd.short)
    full.fold(full.second)
    everybody = (0, 1, crowd.long, crowd.short, full.other, full.second, crowd.keeper)
    worth = sum(recovery.final_equity(it) for it in everybody)
    held = crowd.venue.vault.accounted_e6() - crowd.cash(INSURANCE) - crowd.cash(3)
    fees = unpack_ledger(crowd.venue.clearing.market_words(8 + 3)).fees_e6
    assert abs(held - fees - worth) <= 2_000
    assert recovery.claim(crowd.short, sender=KEEPER).value > 0
    with refuses(world, "recovery: nothing to fold"):
        full.fold(crowd.short)


def test_who_is_behind_is_folded_before_anything_else_is_done_to_it(full: Full) -> None:
    """State stands as it was after each refusal; the fold needs no price and no key."""
    fill_pool(full)
    crowd = full.crowd
    venue = crowd.venue
    full.deleverage(LOW)
    venue.recovery.force_reduce(full.second, 0, 100, sender=SECOND)
    q = venue.world.now_ms
    venue.world.travel(1)
    venue.settle(venue.a_batch(oracle={1: LOW}))
    venue.world.travel(59)
    before = Books(venue).state()
    vector = venue.presented(venue.a_vector({1: LOW}, time_ms=q + 60_000))
    with refuses(venue.world, "recovery: fold first"):
        venue.recovery.execute_exit(*vector, full.second, 0, sender=KEEPER)
    for door in (venue.recovery.liquidate, venue.recovery.deleverage):
        with refuses(venue.world, "recovery: fold first"):
            door(*vector, full.second, 0, 0, sender=KEEPER)
    assert Books(venue).state() == before
    full.fold(full.second)
    assert full.position(full.second).event == 3
    venue.recovery.execute_exit(*vector, full.second, 0, sender=KEEPER)
    assert full.position(full.second).event & 1 == 0
    Books(venue).check()


def test_many_deleveragings_of_the_other_side_are_passed_by(full: Full) -> None:
    """66 of the longs' side stand before the shorts' one: two folds of 64 numbers at most."""
    crowd = full.crowd
    venue = crowd.venue
    owner = a_key("short of little")
    little = [venue.open_account(owner, 10 * DOLLAR) for _ in range(66)]
    order = {"size_e8": 1_000, "slot": 9}
    plans = [venue.a_fill(venue.an_order(it, buy=False, **order)) for it in little]
    order["size_e8"] *= len(little)
    plans.append(venue.a_fill(venue.an_order(full.other, **order)))
    venue.world.travel(1)
    venue.settle(venue.a_batch(plans, oracle={1: PRICE_E8}))
    fill_pool(full)
    for account in little:
        venue.recovery.force_reduce(account, 0, 1_000, sender=owner)
    q = venue.world.now_ms
    venue.world.travel(60)
    vector = venue.presented(venue.a_vector({1: PRICE_E8}, time_ms=q + 60_000))
    for account in little:
        venue.recovery.execute_exit(*vector, account, 0, sender=KEEPER)
    most = full.fold(crowd.long).gas
    assert most < 4_000_000, most  # 64 folds
    full.fold(crowd.long)
    full.deleverage(BROKE)
    events = unpack_deleveraged(venue.clearing.market_words(8 + 6))
    assert events.longs >= 2 * 64 and events.shorts == events.last == events.longs + 2
    venue.recovery.force_reduce(full.second, 0, 100, sender=SECOND)
    full.fold(full.second)
    assert full.position(full.second).event == 2 * 64 | 1, "it still wants to be let out"
    full.fold(full.second)
    assert full.position(full.second).event == events.last | 1
    with refuses(venue.world, "recovery: nothing to fold"):
        full.fold(full.second)
    Books(venue).check()
