# SPDX-License-Identifier: Apache-2.0
"""Every reason code with the nearest order that fills (docs/protocol.md §5.3)."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.twin import BTC, ETH, FIRST, PRICES_E8, RATES, Key, Venue

from infold.reference.faults import Reason
from infold.reference.words import Fill

BUYER, SELLER, OTHER = FIRST, FIRST + 1, FIRST + 2
LOT = 10**8


@pytest.fixture
def venue() -> Venue:
    return Venue()


def reason_of(venue: Venue, price_e8: int | None = None, **order: Any) -> Reason:
    """The reason of one buy of BUYER that SELLER's sale would cross in full."""
    venue.now_s += 1
    size = order.get("fill_e8", order.get("size_e8", LOT))
    records = [venue.order(BUYER, **order)]
    if size:
        records.append(venue.order(SELLER, buy=not order.get("buy", True), size_e8=size))
    prices = venue.listing()
    if price_e8 is not None:
        prices[BTC] = price_e8
    first, *others = venue.submit(venue.batch(records, prices))
    assert set(others) <= {Reason.NONE, first}
    return first


def test_a_plain_order_fills(venue: Venue) -> None:
    assert reason_of(venue) == Reason.NONE


def test_an_account_that_nobody_opened(venue: Venue) -> None:
    venue.now_s += 1
    orders = [venue.order(5_000, key=Key(3)), venue.order(SELLER, buy=False)]
    assert venue.submit(venue.batch(orders)) == [Reason.NONE, Reason.ACCOUNT]


@pytest.mark.parametrize(
    "order",
    [
        {"size_e8": 0, "fill_e8": 1},
        {"size_e8": 2**62, "fill_e8": 1},
        {"limit_e8": 0},
        {"seq": 0},
        {"time_in_force": 3},
        {"trigger_kind": 3},
        {"extra_flags": 1 << 9},
        {"extra_flags": 1 << 11},
    ],
)
def test_values_out_of_range(venue: Venue, order: dict[str, Any]) -> None:
    assert reason_of(venue, **order) == Reason.RANGE


def test_reserved_bits_of_both_words_are_out_of_range(venue: Venue) -> None:
    venue.now_s += 1
    order, terms, r, vs = venue.order(BUYER, size_e8=LOT)
    for changed in ((order | 1, terms), (order, terms | 1 << 15)):
        with_seller = [(*changed, r, vs), venue.order(SELLER, buy=False)]
        assert venue.submit(venue.batch(with_seller))[0] == Reason.RANGE
        venue.now_s += 1


def test_the_largest_size_is_in_range(venue: Venue) -> None:
    assert reason_of(venue, size_e8=2**62 - 1, fill_e8=LOT) == Reason.NONE


@pytest.mark.parametrize(("late_ms", "reason"), [(0, Reason.NONE), (-1, Reason.EXPIRY)])
def test_expiry_is_the_last_time_that_fills(venue: Venue, late_ms: int, reason: Reason) -> None:
    assert reason_of(venue, expiry_ms=venue.now_ms + 1_000 + late_ms) == reason


@pytest.mark.parametrize(("early_ms", "reason"), [(0, Reason.NONE), (1, Reason.GOOD_AFTER)])
def test_good_after_is_the_first_time_that_fills(
    venue: Venue, early_ms: int, reason: Reason
) -> None:
    assert reason_of(venue, good_after_ms=venue.now_ms + 1_000 + early_ms) == reason


@pytest.mark.parametrize(
    ("kind", "offset", "reason"),
    [
        (1, 0, Reason.NONE),
        (1, 1, Reason.TRIGGER),
        (2, 0, Reason.NONE),
        (2, -1, Reason.TRIGGER),
        (0, 1, Reason.NONE),
    ],
)
def test_triggers_read_the_oracle(venue: Venue, kind: int, offset: int, reason: Reason) -> None:
    trigger = PRICES_E8[BTC] + offset
    assert reason_of(venue, trigger_kind=kind, trigger_e8=trigger) == reason


@pytest.mark.parametrize(
    ("buy", "offset", "reason"),
    [
        (True, 0, Reason.NONE),
        (True, -1, Reason.LIMIT),
        (False, 0, Reason.NONE),
        (False, 1, Reason.LIMIT),
    ],
)
def test_a_limit_holds_to_the_last_tick(
    venue: Venue, buy: bool, offset: int, reason: Reason
) -> None:
    assert reason_of(venue, buy=buy, limit_e8=PRICES_E8[BTC] + offset) == reason


@pytest.mark.parametrize(
    ("buy", "offset", "reason"),
    [
        (True, 0, Reason.NONE),
        (True, 1, Reason.POST_ONLY),
        (False, 0, Reason.NONE),
        (False, -1, Reason.POST_ONLY),
    ],
)
def test_post_only_never_pays_the_oracles_far_side(
    venue: Venue, buy: bool, offset: int, reason: Reason
) -> None:
    assert reason_of(venue, PRICES_E8[BTC] + offset, buy=buy, post_only=True) == reason


@pytest.mark.parametrize(("over", "reason"), [(0, Reason.NONE), (-1, Reason.FEE)])
def test_the_markets_fee_stays_within_the_signed_one(
    venue: Venue, over: int, reason: Reason
) -> None:
    assert reason_of(venue, max_fee_e6=RATES.fee_e6 + over) == reason


@pytest.mark.parametrize(
    ("later_ms", "epoch", "reason"),
    [
        (3_000, 0, Reason.NONE),
        (4_000, 0, Reason.EPOCH),
        (3_000, 1, Reason.NONE),
        (4_000, 1, Reason.NONE),
        (3_000, 2, Reason.EPOCH),
    ],
)
def test_an_old_epoch_fills_up_to_the_barrier(
    venue: Venue, later_ms: int, epoch: int, reason: Reason
) -> None:
    venue.protocol.cancel_all(BUYER, sender=venue.keys[BUYER].address, now_s=venue.now_s)
    venue.now_s += later_ms // 1000 - 1
    assert reason_of(venue, epoch=epoch) == reason


def test_another_key_does_not_sign(venue: Venue) -> None:
    assert reason_of(venue, key=Key(9)) == Reason.SIGNER


def test_garbage_signs_for_nobody(venue: Venue) -> None:
    venue.now_s += 1
    order, terms, _, _ = venue.order(BUYER)
    records = [(order, terms, 0, 0), venue.order(SELLER, buy=False)]
    assert venue.submit(venue.batch(records))[0] == Reason.SIGNER


def granted(venue: Venue, **changes: int) -> Key:
    """A delegate of BUYER for BTC, with some terms changed."""
    key = Key(123)
    terms = {
        "markets": BTC << 32,
        "notional_e6": 70_000 * 10**6,
        "expiry_ms": venue.now_ms + 60_000,
    } | changes
    sender = venue.keys[BUYER].address
    venue.protocol.grant(BUYER, key.address, **terms, sender=sender, now_s=venue.now_s)
    return key


def test_a_delegate_signs_within_its_terms(venue: Venue) -> None:
    key = granted(venue)
    assert reason_of(venue, key=key, delegated=True) == Reason.NONE


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"markets": ETH}, Reason.SIGNER),
        ({"notional_e6": 61_200 * 10**6}, Reason.NONE),
        ({"notional_e6": 61_200 * 10**6 - 1}, Reason.SIGNER),
        ({"expiry_ms": 0}, Reason.SIGNER),
    ],
)
def test_a_delegates_terms_bind(venue: Venue, changes: dict[str, int], reason: Reason) -> None:
    if "expiry_ms" in changes:
        changes = {"expiry_ms": venue.now_ms + 999}
    key = granted(venue, **changes)
    assert reason_of(venue, key=key, delegated=True) == reason


def test_a_key_without_a_grant_and_an_owner_in_a_delegates_place_do_not_sign(
    venue: Venue,
) -> None:
    assert reason_of(venue, key=Key(123), delegated=True) == Reason.SIGNER
    assert reason_of(venue, delegated=True) == Reason.SIGNER


def test_an_approved_order_serves_up_to_its_revocations_barrier(venue: Venue) -> None:
    who = {"sender": venue.keys[BUYER].address, "now_s": venue.now_s}
    unapproved, approved, late = (venue.order(BUYER, extra_flags=256, slot=n) for n in range(3))
    for record in (approved, late):
        venue.protocol.approve(BUYER, venue.hash_of(record), **who)
    sell = venue.order(SELLER, buy=False, size_e8=2 * 10**8)
    assert venue.settle([unapproved, approved, sell])[:2] == [Reason.SIGNER, Reason.NONE]
    who["now_s"] = venue.now_s
    venue.protocol.disapprove(BUYER, venue.hash_of(late), **who)
    both = venue.order(BUYER, extra_flags=256 | 128, slot=3)
    venue.protocol.approve(BUYER, venue.hash_of(both), **who)
    sell = venue.order(SELLER, buy=False, size_e8=2 * 10**8)
    assert venue.settle([late, both, sell], after_s=3)[:2] == [Reason.NONE, Reason.SIGNER]
    again = venue.order(BUYER, extra_flags=256, slot=4)
    venue.protocol.approve(BUYER, venue.hash_of(again), **who)
    venue.protocol.disapprove(BUYER, venue.hash_of(again), **who)
    assert venue.settle([again, venue.order(SELLER, buy=False)], after_s=1)[0] == Reason.SIGNER


def test_a_delegate_signs_up_to_the_revokes_barrier(venue: Venue) -> None:
    key = granted(venue)
    sender = venue.keys[BUYER].address
    venue.protocol.revoke(BUYER, key.address, sender=sender, now_s=venue.now_s)
    venue.now_s += 2
    assert reason_of(venue, key=key, delegated=True) == Reason.NONE
    assert reason_of(venue, key=key, delegated=True) == Reason.SIGNER


def test_an_older_order_of_a_slot_is_refused(venue: Venue) -> None:
    assert reason_of(venue, seq=7) == Reason.NONE
    assert reason_of(venue, seq=6) == Reason.SLOT


def test_another_order_with_the_same_slot_and_seq_is_refused(venue: Venue) -> None:
    assert reason_of(venue, seq=7, size_e8=2 * LOT, fill_e8=LOT) == Reason.NONE
    assert reason_of(venue, seq=7, size_e8=3 * LOT, fill_e8=LOT) == Reason.SLOT


def test_the_same_order_fills_in_parts_until_its_size(venue: Venue) -> None:
    expiry = venue.now_ms + 60_000
    part = {"seq": 7, "size_e8": 3 * LOT, "fill_e8": LOT, "expiry_ms": expiry}
    for filled in (LOT, 2 * LOT, 3 * LOT):
        assert reason_of(venue, **part) == Reason.NONE
        assert Fill.of(venue.protocol.state.fills[BUYER << 8]).filled_e8 == filled
    assert reason_of(venue, **part) == Reason.SIZE


def test_a_fill_of_nothing_is_no_fill(venue: Venue) -> None:
    assert reason_of(venue, fill_e8=0) == Reason.SIZE


@pytest.mark.parametrize(
    ("after_s", "seq", "reason"),
    [
        (3, 5, Reason.NONE),
        (4, 5, Reason.CANCELLED),
        (4, 6, Reason.NONE),
    ],
)
def test_a_cancel_kills_behind_its_barrier(
    venue: Venue, after_s: int, seq: int, reason: Reason
) -> None:
    sender = venue.keys[BUYER].address
    venue.protocol.cancel(BUYER, 0, 5, sender=sender, now_s=venue.now_s)
    venue.now_s += after_s - 1
    assert reason_of(venue, seq=seq) == reason


def test_fill_or_kill_takes_all_or_nothing(venue: Venue) -> None:
    assert reason_of(venue, time_in_force=2, size_e8=2 * LOT, fill_e8=LOT) == Reason.FOK
    assert reason_of(venue, time_in_force=2, size_e8=2 * LOT) == Reason.NONE


def test_immediate_or_cancel_fills_once(venue: Venue) -> None:
    expiry = venue.now_ms + 60_000
    part = {"seq": 7, "size_e8": 3 * LOT, "fill_e8": LOT, "expiry_ms": expiry, "time_in_force": 1}
    assert reason_of(venue, **part) == Reason.NONE
    assert reason_of(venue, **part) == Reason.IOC


def test_a_market_has_one_place_and_a_place_one_market(venue: Venue) -> None:
    assert reason_of(venue, place=4) == Reason.NONE
    assert reason_of(venue, place=5) == Reason.POSITION
    assert reason_of(venue, place=4) == Reason.NONE
    venue.now_s += 1
    orders = [
        venue.order(BUYER, market=ETH, place=4),
        venue.order(SELLER, market=ETH, buy=False),
    ]
    assert venue.submit(venue.batch(orders))[0] == Reason.POSITION


def test_two_places_for_one_market_are_refused_within_a_batch_too(venue: Venue) -> None:
    orders = [
        venue.order(BUYER, slot=0, place=4),
        venue.order(BUYER, slot=1, place=5),
        venue.order(SELLER, buy=False, size_e8=2 * LOT),
    ]
    assert venue.settle(orders) == [Reason.NONE, Reason.POSITION, Reason.NONE]


def test_position_comes_before_the_checks_behind_it(venue: Venue) -> None:
    assert reason_of(venue, place=4) == Reason.NONE
    assert reason_of(venue, place=5, reduce_only=True) == Reason.POSITION


@pytest.mark.parametrize(
    ("size_e8", "buy", "reason"),
    [
        (LOT, False, Reason.NONE),
        (LOT + 1, False, Reason.REDUCE_ONLY),
        (1, True, Reason.REDUCE_ONLY),
    ],
)
def test_reduce_only_shrinks_and_never_crosses_zero(
    venue: Venue, size_e8: int, buy: bool, reason: Reason
) -> None:
    venue.cross(BUYER, SELLER)
    order = {"size_e8": size_e8, "buy": buy, "reduce_only": True, "slot": 1}
    assert reason_of(venue, **order) == reason


def test_reduce_only_reads_the_running_position(venue: Venue) -> None:
    orders = [
        venue.order(BUYER, slot=0),
        venue.order(BUYER, slot=1, buy=False, reduce_only=True),
        venue.order(BUYER, slot=2, buy=False, reduce_only=True, size_e8=1),
        venue.order(OTHER, size_e8=1),
    ]
    assert venue.settle(orders) == [Reason.NONE, Reason.NONE, Reason.REDUCE_ONLY, Reason.NONE]


def test_a_market_that_only_shrinks_refuses_to_grow(venue: Venue) -> None:
    venue.cross(BUYER, SELLER)
    venue.now_s += 20
    venue.set_market(BTC, RATES._replace(status=2))
    venue.now_s += 3
    order = {"size_e8": LOT // 2, "slot": 1}
    venue.now_s += 1
    shrinking = [
        venue.order(BUYER, buy=False, **order),  # type: ignore[arg-type]
        venue.order(SELLER, **order),  # type: ignore[arg-type]
    ]
    assert venue.submit(venue.batch(shrinking)) == [Reason.NONE, Reason.NONE]
    growing = [venue.order(BUYER, slot=2), venue.order(SELLER, buy=False, slot=2)]
    assert venue.settle(growing) == [Reason.MARKET_LIMIT, Reason.MARKET_LIMIT]


def test_a_jump_beyond_the_move_bound_only_shrinks(venue: Venue) -> None:
    # 2 % and 0.05 % a second for the one second since the last batch.
    price = PRICES_E8[BTC]
    for jump_e6, reason in ((20_500, Reason.NONE), (20_501, Reason.MARKET_LIMIT)):
        fresh = Venue()
        fresh.settle([])
        fresh.prices_e8[BTC] = price + price * jump_e6 // 10**6
        assert reason_of(fresh) == reason
    assert venue.protocol.state.scalar("head")


def test_open_interest_and_gross_stay_within_the_cap() -> None:
    for gross, reason in ((500 * LOT, Reason.NONE), (500 * LOT + 1, Reason.MARKET_LIMIT)):
        venue = Venue()
        venue.now_s += 1
        orders = [venue.order(BUYER), venue.order(SELLER, buy=False)]
        assert venue.submit(venue.batch(orders, gross_e8=gross))[0] == reason


def test_a_position_beyond_its_fields_is_refused() -> None:
    venue = Venue()
    from infold.reference.words import Caps

    venue.now_s += 20
    caps = Caps(0, 2**62, 2**62, 15, 2**60 - 1)
    venue.set_market(BTC, RATES._replace(im_e6=0, mm_e6=0, fee_e6=0), caps)
    venue.now_s += 4
    # |quote| reaches 2^60 where price * size / 1e10 does.
    size = 2**60 * 10**10 // PRICES_E8[BTC] + 1
    orders = [venue.order(BUYER, size_e8=size), venue.order(SELLER, buy=False, size_e8=size)]
    assert venue.settle(orders) == [Reason.OVERFLOW, Reason.OVERFLOW]
    orders = [
        venue.order(BUYER, size_e8=size - 2, slot=1),
        venue.order(SELLER, buy=False, size_e8=size - 2, slot=1),
    ]
    assert venue.settle(orders) == [Reason.NONE, Reason.NONE]


def test_an_account_that_holds_an_unpriced_market_is_skipped_whole(venue: Venue) -> None:
    venue.cross(BUYER, SELLER, market=ETH)
    del venue.prices_e8[ETH]
    venue.now_s += 1
    orders = [venue.order(BUYER, slot=1), venue.order(OTHER, buy=False)]
    assert venue.submit(venue.batch(orders)) == [Reason.NO_PRICE, Reason.NONE]


def test_an_account_without_margin_is_skipped_whole(venue: Venue) -> None:
    # 100,000 of collateral carry 1,000,000 at 10 %: 16.6 BTC at 60,000, fees apart.
    orders = [
        venue.order(BUYER, slot=0, size_e8=LOT),
        venue.order(BUYER, slot=1, size_e8=17 * LOT),
        venue.order(SELLER, buy=False, size_e8=9 * LOT),
        venue.order(OTHER, buy=False, size_e8=9 * LOT),
    ]
    assert venue.settle(orders) == [Reason.MARGIN, Reason.MARGIN, Reason.NONE, Reason.NONE]
    assert BUYER << 4 not in venue.protocol.state.positions
    assert BUYER << 8 not in venue.protocol.state.fills
