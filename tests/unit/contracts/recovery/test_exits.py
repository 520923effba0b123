# SPDX-License-Identifier: Apache-2.0
"""Recovery.force_reduce and execute_exit: leaving a position without the matcher (C12)."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from tests.support.books import Books
from tests.support.evm import Key, Receipt, a_key, refuses
from tests.support.venue import DOLLAR, LOT, PRICE_E8

from infold.words import pack_exit, unpack_account, unpack_exit, unpack_incoming, unpack_position

from .conftest import KEEPER, LONG, SHORT, Crowd

D_S = 60


def ask(crowd: Crowd, size_e8: int = LOT, *, by: Key = LONG, **changes: int) -> int:
    """A request of the long's; the block's time, ms."""
    account = changes.get("account", crowd.long)
    crowd.venue.recovery.force_reduce(account, changes.get("index", 0), size_e8, sender=by)
    return crowd.venue.world.now_ms


def execute(
    crowd: Crowd, time_ms: int, price_e8: int = PRICE_E8, account: int | None = None, index: int = 0
) -> Receipt:
    vector = crowd.venue.a_vector({1: price_e8}, time_ms=time_ms)
    receipt: Receipt = crowd.venue.recovery.execute_exit(
        *crowd.venue.presented(vector),
        crowd.long if account is None else account,
        index,
        sender=KEEPER,
    )
    return receipt


def base(crowd: Crowd, account: int) -> int:
    return unpack_position(crowd.venue.clearing.positions(account * 16)).base_e8


def test_an_owner_gets_out_a_minute_later_at_20_bp_from_the_oracle(crowd: Crowd) -> None:
    q = ask(crowd)
    crowd.venue.world.travel(D_S)
    price = PRICE_E8 + 7 * 10**8
    execute(crowd, q + 60_000, price)
    account = unpack_account(crowd.venue.clearing.accounts(crowd.long))
    got = price // 100 - math.ceil(Fraction(price * 2_000, 10**8))
    assert account.mask == 0
    assert account.collateral_e6 == 4_000 * 10**6 - 30 * 10**6 + got - PRICE_E8 // 100
    incoming = unpack_incoming(crowd.venue.clearing.market_words(8 + 4))
    assert incoming == (LOT, -got)
    assert crowd.venue.recovery.exits(crowd.long * 16) == 0
    Books(crowd.venue).check()


def test_an_owner_gets_out_of_a_single_lot(crowd: Crowd) -> None:
    owner = a_key("long of one")
    one = crowd.venue.open_account(owner, 10 * DOLLAR)
    crowd.venue.trade(one, crowd.short, size_e8=1)
    q = ask(crowd, 1, by=owner, account=one)
    crowd.venue.world.travel(D_S)
    receipt = execute(crowd, q + 60_000, account=one)
    assert receipt.all("Applied")[-1]["position"] == 0
    assert base(crowd, one) == 0
    assert unpack_incoming(crowd.venue.clearing.market_words(8 + 4)).base_e8 == 1
    Books(crowd.venue).check()


@pytest.mark.parametrize(("h_min_e6", "paid"), [(500, 60), (2_001, 60.03), (5_000, 150)])
def test_a_short_pays_20_bp_above_or_h_min_if_that_is_more(
    crowd: Crowd, h_min_e6: int, paid: float
) -> None:
    crowd.venue.list_market(1, h_min_e6=h_min_e6)
    q = ask(crowd, LOT // 2, by=SHORT, account=crowd.short)
    crowd.venue.world.travel(D_S)
    before = unpack_position(crowd.venue.clearing.positions(crowd.short * 16))
    execute(crowd, q + 60_000, account=crowd.short)
    after = unpack_position(crowd.venue.clearing.positions(crowd.short * 16))
    assert after.base_e8 == -LOT // 2
    assert before.quote_e6 - after.quote_e6 == (30_000 + paid) * 10**6


def test_no_later_batch_passes_an_appointed_vector_by(crowd: Crowd) -> None:
    """A liquidation at that vector would be too old: a batch 13 seconds later has landed."""
    venue = crowd.venue
    q = ask(crowd)
    venue.world.travel(D_S + 13)
    venue.settle(venue.a_batch(oracle={1: PRICE_E8}))
    vector = venue.presented(venue.a_vector({1: PRICE_E8 // 2}, time_ms=q + 60_000))
    with refuses(venue.world, "clearing: vector too old"):
        venue.recovery.liquidate(*vector, crowd.long, 0, 0, sender=KEEPER)
    execute(crowd, q + 60_000)
    assert base(crowd, crowd.long) == 0


@pytest.mark.parametrize("offset_ms", [-60_000, 0, 1, 59_999, 60_001, 61_000, 119_000])
def test_only_appointed_times_serve(crowd: Crowd, offset_ms: int) -> None:
    q = ask(crowd)
    crowd.venue.world.travel(D_S + 59)
    with refuses(crowd.venue.world, "recovery: not the time of the exit"):
        execute(crowd, q + offset_ms)


def test_a_round_that_was_missed_is_gone_and_the_next_one_serves(crowd: Crowd) -> None:
    world = crowd.venue.world
    q = ask(crowd)
    world.travel(D_S + 16)
    with refuses(world, "clearing: vector too old"):
        execute(crowd, q + 60_000)
    world.travel(D_S - 16)
    execute(crowd, q + 120_000)
    assert base(crowd, crowd.long) == 0


@pytest.mark.parametrize(
    ("fee_e6", "h_min_e6", "lean_e6"), [(0, 500, 2_000), (500, 30_000, 25_000)]
)
def test_the_pool_takes_what_it_has_room_for_and_the_other_side_the_rest(
    crowd: Crowd, fee_e6: int, h_min_e6: int, lean_e6: int
) -> None:
    """Nobody is paid for it, so a market without fees, which bound what a keeper gets, will do. The
    other side gets no more than mm.
    """
    venue = crowd.venue
    venue.list_market(1, position_cap_e8=LOT // 4, fee_e6=fee_e6, h_min_e6=h_min_e6)
    q = ask(crowd)
    venue.world.travel(D_S)
    receipt = execute(crowd, q + 60_000)
    assert base(crowd, crowd.long) == 0
    assert unpack_incoming(venue.clearing.market_words(8 + 4)).base_e8 == LOT // 4
    deleveraging = receipt.only("Deleveraged")["deleveraging"]
    assert deleveraging >> 192 == LOT - LOT // 4
    assert deleveraging >> 64 & 2**64 - 1 == PRICE_E8 - PRICE_E8 * lean_e6 // 10**6
    assert venue.recovery.exits(crowd.long * 16) == 0
    Books(venue).check()
    venue.recovery.fold(crowd.short, 0, sender=KEEPER)
    assert base(crowd, crowd.short) == -LOT // 4
    Books(venue).check()


@pytest.mark.parametrize(
    ("size_e8", "spread"), [(1, 0), (LOT // 2 - 1, 0), (LOT // 2, LOT // 4), (LOT, 3 * LOT // 4)]
)
def test_less_than_half_of_a_position_is_no_business_of_the_other_side(
    crowd: Crowd, size_e8: int, spread: int
) -> None:
    """What the pool has no room for stays where it is, and nobody has anything to fold."""
    venue = crowd.venue
    venue.list_market(1, position_cap_e8=LOT // 4)
    q = ask(crowd, size_e8)
    venue.world.travel(D_S)
    receipt = execute(crowd, q + 60_000)
    pooled = min(size_e8, LOT // 4)
    assert base(crowd, crowd.long) == LOT - pooled - spread
    given = [event["deleveraging"] >> 192 for event in receipt.all("Deleveraged")]
    assert given == ([spread] if spread else [])
    assert venue.recovery.exits(crowd.long * 16) == 0
    if not spread:
        with refuses(venue.world, "recovery: nothing to fold"):
            venue.recovery.fold(crowd.short, 0, sender=KEEPER)
    Books(venue).check()


@pytest.mark.parametrize(
    ("late_ms", "size_e8", "reason"),
    [
        (-2_000, LOT // 4, "recovery: not the time of the exit"),
        (-1_000, LOT // 4, ""),
        (15_000, LOT // 4, ""),
        (16_000, LOT // 4, "recovery: not the time of the exit"),
        (16_000, LOT, "clearing: vector too old"),
    ],
)
def test_a_small_part_without_room_ends_at_its_time_and_no_other(
    crowd: Crowd, late_ms: int, size_e8: int, reason: str
) -> None:
    """Clearing, which asks how old a vector is, is not asked then, but where others take it."""
    venue = crowd.venue
    venue.list_market(1, position_cap_e8=1)
    q = ask(crowd, LOT)
    venue.world.at_ms(q + 60_000)
    execute(crowd, q + 60_000)  # the pool takes one lot, and the short has the rest to fold
    venue.trade(crowd.long, venue.open_account(KEEPER, 10**12), size_e8=LOT)
    q = ask(crowd, size_e8)
    venue.world.at_ms(q + 60_000 + late_ms)
    if reason:
        with refuses(venue.world, reason):
            execute(crowd, q + 60_000)
    else:
        assert execute(crowd, q + 60_000).only("ExitSet")["exit"] == 0
        assert base(crowd, crowd.long) == LOT


@pytest.mark.parametrize(
    ("offset_ms", "skipped"),
    [
        (44_000, False),
        (45_000, True),
        (60_000, True),
        (75_000, True),
        (76_000, False),
        (120_000, True),
    ],
)
def test_no_batch_near_an_appointed_time_fills_what_is_being_let_out(
    crowd: Crowd, offset_ms: int, skipped: bool
) -> None:
    venue = crowd.venue
    venue.back(10**12)
    q = ask(crowd, LOT // 2)
    venue.world.at_ms(q + offset_ms)
    plans = [
        venue.a_fill(venue.an_order(crowd.long, buy=False, size_e8=100, slot=1)),
        venue.a_fill(venue.an_order(crowd.short, buy=True, size_e8=100, slot=1)),
    ]
    receipt = venue.settle(venue.a_batch(plans, oracle={1: PRICE_E8}))
    found = [(event["account"], event["reason"]) for event in receipt.all("Skipped")]
    assert found == ([(crowd.long, 18)] if skipped else [])
    Books(venue).check()


def test_an_exit_ends_where_its_position_is_gone(crowd: Crowd) -> None:
    venue = crowd.venue
    q = ask(crowd)
    venue.trade(crowd.short, crowd.long, size_e8=LOT)
    venue.world.at_ms(q + 60_000)
    receipt = execute(crowd, q + 60_000)
    assert receipt.only("ExitSet")["exit"] == 0 and not receipt.all("Applied")
    with refuses(venue.world, "recovery: no exit pending"):
        execute(crowd, q + 60_000)


def test_an_exit_ends_where_its_position_was_closed_and_another_like_it_opened(
    crowd: Crowd,
) -> None:
    venue = crowd.venue
    q = ask(crowd)
    venue.trade(crowd.short, crowd.long, size_e8=LOT)
    venue.trade(crowd.long, crowd.short, size_e8=LOT)
    venue.world.at_ms(q + 60_000)
    receipt = execute(crowd, q + 60_000)
    assert receipt.only("ExitSet")["exit"] == 0 and not receipt.all("Applied")
    assert base(crowd, crowd.long) == LOT


def test_an_exit_takes_no_more_than_is_still_held(crowd: Crowd) -> None:
    venue = crowd.venue
    q = ask(crowd)
    venue.trade(crowd.short, crowd.long, size_e8=LOT // 3)
    venue.world.at_ms(q + 60_000)
    execute(crowd, q + 60_000)
    assert base(crowd, crowd.long) == 0


def test_an_exit_is_irrevocable_and_one_at_a_time(crowd: Crowd) -> None:
    ask(crowd, LOT // 2)
    with refuses(crowd.venue.world, "recovery: exit pending"):
        ask(crowd, LOT)


def test_force_reduce_is_the_owners(crowd: Crowd) -> None:
    for who in (SHORT, KEEPER, a_key("stranger")):
        with refuses(crowd.venue.world, "recovery: not the owner"):
            ask(crowd, by=who)


@pytest.mark.parametrize("size_e8", [0, LOT + 1, 2**255])
def test_force_reduce_rejects_a_size_it_cannot_mean(crowd: Crowd, size_e8: int) -> None:
    with refuses(crowd.venue.world, "recovery: size out of range"):
        ask(crowd, size_e8)


def test_force_reduce_rejects_accounts_and_places_that_cannot_be(crowd: Crowd) -> None:
    for account in (0, 1, 16, 2**32):
        with refuses(crowd.venue.world, "recovery: not a trader"):
            ask(crowd, account=account)
    with refuses(crowd.venue.world, "recovery: index out of range"):
        ask(crowd, index=16)
    with refuses(crowd.venue.world, "recovery: no position"):
        ask(crowd, index=1)


def test_execute_exit_rejects_what_nobody_asked_for(crowd: Crowd) -> None:
    with refuses(crowd.venue.world, "recovery: no exit pending"):
        execute(crowd, crowd.venue.world.now_ms)
    with refuses(crowd.venue.world, "recovery: index out of range"):
        execute(crowd, crowd.venue.world.now_ms, index=16)


def test_a_request_ends_where_the_position_has_crossed_to_the_other_side(crowd: Crowd) -> None:
    """Nobody is let out of a position they have not asked about; its mark goes with the request."""
    venue = crowd.venue
    q = ask(crowd)
    venue.trade(crowd.short, crowd.long, size_e8=2 * LOT)
    held = unpack_position(venue.clearing.positions(crowd.long * 16))
    assert (held.base_e8, held.event) == (-LOT, 1)
    venue.world.travel(D_S - 1)
    receipt = execute(crowd, q + 60_000)
    assert receipt.only("ExitSet")["exit"] == venue.recovery.exits(crowd.long * 16) == 0
    after = unpack_position(venue.clearing.positions(crowd.long * 16))
    assert after == held._replace(event=0)
    assert not venue.trade(crowd.long, crowd.short, size_e8=LOT // 10).all("Skipped")


def test_what_was_to_leave_pays_for_an_exit_and_the_rest_is_collateral_again(crowd: Crowd) -> None:
    """70 dollars stay beside 3,900 that were asked for; a fall of 1,000 and 20 bp come to more."""
    venue = crowd.venue
    venue.clearing.request_withdrawal(crowd.long, 3_900 * DOLLAR, sender=LONG)
    q = ask(crowd)
    venue.world.travel(D_S)
    receipt = execute(crowd, q + 60_000, PRICE_E8 - 1_000 * 10**8)
    assert (
        receipt.only("WithdrawalSet")["withdrawal"] == venue.clearing.withdrawals(crowd.long) == 0
    )
    assert receipt.all("Covered") == []
    assert crowd.cash(crowd.long) == (4_000 - 30 - 1_000 - 118) * DOLLAR
    Books(venue).check()


def test_a_request_is_kept_by_the_millisecond_in_all_of_its_48_bits(crowd: Crowd) -> None:
    """2^47 ms are the year 6429: Recovery's own words do not end before a vector's time does."""
    crowd.venue.world.at(2**47 // 1000 + 1)
    q = ask(crowd)
    assert q >= 2**47
    assert unpack_exit(crowd.venue.recovery.exits(crowd.long * 16)).asked_ms == q


def test_an_exit_reads_a_base_in_all_of_its_64_bits(crowd: Crowd) -> None:
    held = unpack_position(crowd.venue.clearing.positions(crowd.long * 16))
    crowd.put(crowd.long, held._replace(base_e8=2**62))
    q = ask(crowd)
    crowd.venue.world.travel(D_S)
    execute(crowd, q + 60_000)
    assert base(crowd, crowd.long) == 2**62 - LOT


def test_a_time_that_was_kept_is_over_and_the_next_serves(crowd: Crowd) -> None:
    """Its field of the exit word is 0 as long as an exit ends with what it executes."""
    q = ask(crowd)
    world, recovery = crowd.venue.world, crowd.venue.recovery
    word = recovery.exits(crowd.long * 16)
    (slot,) = [at for at, it in world.dump()[recovery.address.lower()].items() if it == word]
    world.store(recovery.address, slot, pack_exit(unpack_exit(word)._replace(done_ms=q + 60_000)))
    world.travel(D_S)
    with refuses(world, "recovery: not the time of the exit"):
        execute(crowd, q + 60_000)
    world.travel(D_S)
    execute(crowd, q + 120_000)
    assert base(crowd, crowd.long) == 0
