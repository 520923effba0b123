# SPDX-License-Identifier: Apache-2.0
"""Reason codes of docs/protocol.md section 5.3: each order that fails its check, beside the nearest
that passes, in a batch whose other orders settle all the same (C13).

What an attacker would try with a signature or a part of a fill is in tests/attacks/test_orders.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest
from tests.support.curve import HALF_CURVE_ORDER
from tests.support.evm import Receipt, a_key, ecrecover, slot_of
from tests.support.stage import BUYER, ETHER_E8, ORACLE, SELLER, THIRD, Stage
from tests.support.venue import DOLLAR, LOT, MATCHER, PRICE_E8, FillPlan, Venue
from tests.support.verdicts import assert_settled, assert_skipped

from infold.messages import BatchRecord, TimeInForce, TriggerKind
from infold.signing import batch_contents, batch_digest, order_hash, sign
from infold.words import pack_position, unpack_clock

SECOND_MS = 1_000


# -- checks of the order's own fields --------


@dataclass(frozen=True)
class Edge:
    """Changes of an order, relative to T, that just fail and that just pass."""

    reason: int
    bad: Callable[[int], dict[str, Any]]
    good: Callable[[int], dict[str, Any]]
    terms: dict[str, Any] = field(default_factory=dict)


def fixed(**changes: Any) -> Callable[[int], dict[str, Any]]:
    return lambda _: changes


UP = PRICE_E8 * 10_005 // 10_000
DOWN = PRICE_E8 * 9_995 // 10_000
AT_OR_ABOVE, AT_OR_BELOW = TriggerKind.AT_OR_ABOVE, TriggerKind.AT_OR_BELOW

EDGES: dict[str, Edge] = {
    "range limit": Edge(2, fixed(buy=False, limit_price_e8=0), fixed(buy=False, limit_price_e8=1)),
    "range seq": Edge(2, fixed(seq=0), fixed(seq=1)),
    "range size": Edge(2, fixed(size_e8=2**62, fill_e8=LOT), fixed(size_e8=2**62 - 1, fill_e8=LOT)),
    "expiry": Edge(3, lambda t: {"expiry_ms": t - 1}, lambda t: {"expiry_ms": t}),
    "good after": Edge(4, lambda t: {"good_after_ms": t + 1}, lambda t: {"good_after_ms": t}),
    "trigger above": Edge(
        5,
        fixed(trigger_kind=AT_OR_ABOVE, trigger_price_e8=PRICE_E8 + 1),
        fixed(trigger_kind=AT_OR_ABOVE, trigger_price_e8=PRICE_E8),
    ),
    "trigger below": Edge(
        5,
        fixed(trigger_kind=AT_OR_BELOW, trigger_price_e8=PRICE_E8 - 1),
        fixed(trigger_kind=AT_OR_BELOW, trigger_price_e8=PRICE_E8),
    ),
    "limit of a buy": Edge(
        6, fixed(limit_price_e8=UP - 1), fixed(limit_price_e8=UP), {"prices": {1: UP}}
    ),
    "limit of a sell": Edge(
        6,
        fixed(buy=False, limit_price_e8=DOWN + 1),
        fixed(buy=False, limit_price_e8=DOWN),
        {"prices": {1: DOWN}},
    ),
    "post-only buy": Edge(
        7, fixed(post_only=True), fixed(post_only=False), {"prices": {1: PRICE_E8 + 1}}
    ),
    "post-only sell": Edge(
        7,
        fixed(post_only=True, buy=False, limit_price_e8=1),
        fixed(post_only=False, buy=False, limit_price_e8=1),
        {"prices": {1: PRICE_E8 - 1}},
    ),
    "fee": Edge(8, fixed(max_fee_e6=499), fixed(max_fee_e6=500)),
    "epoch ahead": Edge(9, fixed(epoch=1), fixed(epoch=0)),
    "size": Edge(13, fixed(size_e8=LOT, fill_e8=LOT + 1), fixed(size_e8=LOT, fill_e8=LOT)),
    "fill or kill": Edge(
        14,
        fixed(time_in_force=TimeInForce.FOK, fill_e8=LOT - 1),
        fixed(time_in_force=TimeInForce.FOK, fill_e8=LOT),
    ),
    "reduce only": Edge(17, fixed(reduce_only=True), fixed(reduce_only=False)),
}


def plan_of(stage: Stage, changes: dict[str, Any]) -> FillPlan:
    buy = changes.get("buy", True)
    return stage.fill(
        stage.buyer,
        buy,
        changes.get("size_e8", LOT),
        **{name: value for name, value in changes.items() if name not in ("buy", "size_e8")},
    )


@pytest.mark.parametrize("name", EDGES)
def test_settle_skips_just_beyond_the_edge(stage: Stage, name: str) -> None:
    edge = EDGES[name]
    stage.venue.world.travel(1)
    now_ms = stage.venue.world.now_ms
    assert_skipped(stage, plan_of(stage, edge.bad(now_ms)), edge.reason, **edge.terms)


@pytest.mark.parametrize("name", EDGES)
def test_settle_takes_what_lies_on_the_edge(stage: Stage, name: str) -> None:
    edge = EDGES[name]
    stage.venue.world.travel(1)
    now_ms = stage.venue.world.now_ms
    assert_settled(stage, plan_of(stage, edge.good(now_ms)), **edge.terms)


@pytest.mark.parametrize(
    ("buy", "price_e8"), [(True, PRICE_E8), (True, PRICE_E8 - 1), (False, PRICE_E8)]
)
def test_settle_takes_post_only_at_the_oracle_price_or_better(
    stage: Stage, buy: bool, price_e8: int
) -> None:
    stage.venue.world.travel(1)
    plan = stage.fill(stage.buyer, buy, LOT, post_only=True)
    assert_settled(stage, plan, prices={1: price_e8})


# -- 1, 2: accounts and ranges that no builder makes --------


def settle_records(
    stage: Stage, plans: list[FillPlan], mend: Callable[[list[BatchRecord]], list[BatchRecord]]
) -> Receipt:
    """A batch whose packed records are changed before the matcher seals it."""
    batch = stage.batch(plans)
    records = mend(batch.records)
    contents = batch_contents(
        batch.head, batch.vector.root, batch.accepted_root, batch.price_words, records
    )
    digest = batch_digest(batch.number, batch.time_ms, contents, stage.venue.domain)
    batch = msgspec.structs.replace(batch, records=records, seals=[sign(digest, MATCHER.private)])
    receipt = stage.venue.settle(batch)
    stage.books.check()
    return receipt


def test_settle_knows_no_account_without_an_owner_whatever_it_owes(stage: Stage) -> None:
    """Past every rule: a word that has a debt and nobody's name."""
    clearing = stage.venue.clearing
    missing = clearing.account_count()
    slot = slot_of(clearing, "collateral.accounts") + missing
    stage.venue.world.store(clearing.address, slot, 1 << 95)
    assert stage.account(missing).collateral_e6 == -(2**63)
    assert settle_alone(stage, stage.buy(missing, key=BUYER)) == 1


@pytest.mark.parametrize(
    ("s", "reason"),
    [(HALF_CURVE_ORDER, None), (HALF_CURVE_ORDER + 1, 10), (2**255 - 1, 10)],
)
def test_settle_takes_a_signature_up_to_half_the_curve(
    stage: Stage, s: int, reason: int | None
) -> None:
    """Of a key nobody has: the one that these numbers would be a signature of. With the greatest s
    the owner is the address 1.
    """
    venue = stage.venue
    account = venue.clearing.account_count()
    order = venue.an_order(account)
    digest = order_hash(order, venue.domain)
    owner = f"0x{1:040x}" if s == 2**255 - 1 else ecrecover(venue.world, digest, 1, s)
    venue.fund(BUYER, 10_000 * DOLLAR)
    opened = venue.clearing.open_account(owner, 10_000 * DOLLAR, sender=BUYER)
    assert opened.value == account
    plan = replace(venue.a_fill(order, key=BUYER), signature=(1, s))
    assert settle_alone(stage, plan) == reason


def settle_alone(stage: Stage, plan: FillPlan) -> int | None:
    """The reason for which the order is skipped, and the backstop buys from the seller."""
    stage.venue.world.travel(1)
    receipt = stage.venue.settle(stage.batch([plan, stage.sell()]))
    found = {event["account"]: event["reason"] for event in receipt.all("Skipped")}
    assert set(found) <= {plan.order.account}
    return found.get(plan.order.account)


def test_settle_skips_an_account_nobody_opened(stage: Stage) -> None:
    stage.venue.world.travel(1)
    missing = stage.venue.clearing.account_count()
    plan = stage.fill(missing, True, LOT, key=BUYER, place=0)
    assert_skipped(stage, plan, 1)
    opened = stage.venue.open_account(BUYER, 100_000 * DOLLAR)
    assert opened == missing
    stage.venue.world.travel(1)
    receipt = stage.venue.settle(stage.batch([plan, stage.sell(slot=1)]))
    assert receipt.all("Skipped") == []


RESERVED = {
    "time in force 3": (3 << 187, 0),
    "trigger kind 3": (3 << 189, 0),
    "flag 9": (1 << 193, 0),
    "flag 10": (1 << 194, 0),
    "flag 11": (1 << 195, 0),
    "order tail low": (1, 0),
    "order tail high": (1 << 7, 0),
    "terms tail low": (0, 1),
    "terms tail high": (0, 1 << 15),
}


@pytest.mark.parametrize("bits", RESERVED)
def test_settle_skips_a_record_with_a_reserved_bit(stage: Stage, bits: str) -> None:
    order_bits, terms_bits = RESERVED[bits]
    stage.venue.world.travel(1)
    before = stage.books.state()
    plans = [stage.buy(), stage.sell()]

    def mend(records: list[BatchRecord]) -> list[BatchRecord]:
        return [
            msgspec.structs.replace(
                records[0],
                order=records[0].order | order_bits,
                terms=records[0].terms | terms_bits,
            ),
            records[1],
        ]

    with stage.venue.world.anchored():
        receipt = settle_records(stage, plans, mend)
        assert receipt.only("Skipped")["reason"] == 2
        assert stage.books.state()[f"account {stage.buyer}"] == before[f"account {stage.buyer}"]
    assert settle_records(stage, plans, lambda records: records).all("Skipped") == []


def test_settle_skips_size_zero_before_anything_else_of_it(stage: Stage) -> None:
    stage.venue.world.travel(1)
    plan = stage.buy(size_e8=0, fill_e8=LOT)
    assert_skipped(stage, plan, 2)


# -- 9, 12: epochs and cancels --------


def test_settle_skips_an_order_of_an_older_epoch_after_the_barrier(stage: Stage) -> None:
    venue = stage.venue
    plan = stage.buy()
    venue.clearing.cancel_all(stage.buyer, sender=BUYER)
    barrier_ms = venue.world.now_ms + 3 * SECOND_MS
    venue.world.travel(4)
    with venue.world.anchored():
        assert_settled(stage, plan, time_ms=barrier_ms)
    assert_skipped(stage, plan, 9, time_ms=barrier_ms + 1)


def test_settle_takes_the_new_epoch_at_once_and_never_one_two_behind(stage: Stage) -> None:
    venue = stage.venue
    old = stage.buy()
    venue.clearing.cancel_all(stage.buyer, sender=BUYER)
    venue.world.travel(1)
    with venue.world.anchored():
        assert_settled(stage, stage.buy(epoch=1))
    venue.world.travel(18)
    venue.clearing.cancel_all(stage.buyer, sender=BUYER)
    venue.world.travel(1)
    with venue.world.anchored():
        assert_settled(stage, stage.buy(epoch=1))
    assert_skipped(stage, old, 9)


def test_settle_skips_a_cancelled_order_after_the_barrier(stage: Stage) -> None:
    venue = stage.venue
    plan = stage.buy()
    later = stage.buy()
    venue.clearing.cancel(stage.buyer, 0, plan.order.seq, sender=BUYER)
    barrier_ms = venue.world.now_ms + 3 * SECOND_MS
    venue.world.travel(4)
    with venue.world.anchored():
        assert_settled(stage, plan, time_ms=barrier_ms)
        assert stage.filled(stage.buyer).cancel_seq == plan.order.seq
    with venue.world.anchored():
        assert_settled(stage, later, time_ms=barrier_ms + 1)
    assert_skipped(stage, plan, 12, time_ms=barrier_ms + 1)


# -- 10: who signed --------

KEY = a_key("session key")


def grant(stage: Stage, *, markets: int = 1, notional_e6: int | None = None) -> int:
    """Let `KEY` trade for the buyer; returns the expiry."""
    venue = stage.venue
    expiry_ms = venue.world.now_ms + 60 * SECOND_MS
    notional = 10**13 if notional_e6 is None else notional_e6
    venue.delegates.grant(stage.buyer, KEY.address, markets, notional, expiry_ms, sender=BUYER)
    return expiry_ms


def by_key(stage: Stage, **changes: Any) -> FillPlan:
    return stage.buy(key=KEY, delegated=True, **{"limit_price_e8": PRICE_E8, **changes})


def test_settle_skips_an_order_signed_by_somebody_else(stage: Stage) -> None:
    stage.venue.world.travel(1)
    plan = stage.buy()
    for other in (SELLER, MATCHER):
        with stage.venue.world.anchored():
            assert_skipped(stage, replace(plan, key=other), 10)
    assert_settled(stage, plan)


def test_settle_skips_a_signature_that_recovers_nobody(stage: Stage) -> None:
    stage.venue.world.travel(1)
    plan = stage.buy()
    for pair in ((0, 0), (2**256 - 1, 1), (1, 2**255 - 1)):
        for delegated in (False, True):
            with stage.venue.world.anchored():
                assert_skipped(stage, replace(plan, signature=pair, delegated=delegated), 10)
    assert_settled(stage, plan)


def test_settle_skips_a_delegates_order_above_its_notional(stage: Stage) -> None:
    worth_e6 = PRICE_E8 * LOT // 10**10
    grant(stage, notional_e6=worth_e6)
    stage.venue.world.travel(1)
    with stage.venue.world.anchored():
        assert_settled(stage, by_key(stage))
    with stage.venue.world.anchored():
        # a size whose worth is rounded down to the bound is inside it
        assert_settled(stage, by_key(stage, limit_price_e8=PRICE_E8 + 99))
    with stage.venue.world.anchored():
        assert_skipped(stage, by_key(stage, limit_price_e8=PRICE_E8 + 100), 10)
    assert_skipped(stage, by_key(stage, size_e8=2 * LOT, fill_e8=LOT), 10)


@pytest.mark.parametrize("place", range(8))
def test_settle_looks_through_all_of_a_delegates_markets(stage: Stage, place: int) -> None:
    grant(stage, markets=sum((7 if at != place else 1) << 16 * at for at in range(8)))
    stage.venue.world.travel(1)
    assert_settled(stage, by_key(stage))


def test_settle_keeps_owners_and_delegates_orders_apart(stage: Stage) -> None:
    """The flag says whose signature it is; neither passes for the other."""
    grant(stage)
    stage.venue.world.travel(1)
    for plan in (
        replace(by_key(stage), delegated=False),
        replace(by_key(stage), key=BUYER),
        replace(by_key(stage), key=THIRD),
    ):
        with stage.venue.world.anchored():
            assert_skipped(stage, plan, 10)


# -- 11, 13, 15: slots --------


def test_settle_skips_an_older_seq_and_another_order_of_the_same_seq(stage: Stage) -> None:
    order = stage.venue.an_order(stage.buyer, size_e8=LOT, seq=7, limit_price_e8=PRICE_E8)
    stage.settle([stage.venue.a_fill(order, 60), stage.sell(size_e8=60)])
    stage.venue.world.travel(1)
    older = stage.venue.a_fill(msgspec.structs.replace(order, seq=6), 5)
    other = stage.venue.a_fill(msgspec.structs.replace(order, size_e8=LOT + 1), 5)
    same = stage.venue.a_fill(order, 5)
    newer = stage.venue.a_fill(msgspec.structs.replace(order, seq=8), 5)
    with stage.venue.world.anchored():
        assert_skipped(stage, older, 11)
    with stage.venue.world.anchored():
        assert_skipped(stage, other, 11)
    with stage.venue.world.anchored():
        assert_settled(stage, same)
        assert stage.filled(stage.buyer).filled_e8 == 65
    assert_settled(stage, newer)
    assert stage.filled(stage.buyer).filled_e8 == 5


def test_settle_lets_an_immediate_order_fill_once(stage: Stage) -> None:
    order = stage.venue.an_order(
        stage.buyer, size_e8=LOT, time_in_force=TimeInForce.IOC, limit_price_e8=PRICE_E8
    )
    stage.settle([stage.venue.a_fill(order, 60), stage.sell(size_e8=60)])
    stage.venue.world.travel(1)
    with stage.venue.world.anchored():
        assert_settled(
            stage, stage.venue.a_fill(msgspec.structs.replace(order, seq=order.seq + 1), 60)
        )
    assert_skipped(stage, stage.venue.a_fill(order, 60), 15)


def test_settle_skips_a_fill_or_kill_that_was_filled_in_full_already(stage: Stage) -> None:
    order = stage.venue.an_order(
        stage.buyer, size_e8=LOT, time_in_force=TimeInForce.FOK, limit_price_e8=PRICE_E8
    )
    stage.settle([stage.venue.a_fill(order, LOT), stage.sell(size_e8=LOT)])
    stage.venue.world.travel(1)
    assert_skipped(stage, stage.venue.a_fill(order, LOT), 13)


# -- 16, 17, 19, 20: positions --------


def test_settle_skips_an_index_that_holds_another_market(stage: Stage) -> None:
    stage.settle([stage.buy(market=2), stage.sell(market=2)])
    stage.venue.world.travel(1)
    with stage.venue.world.anchored():
        assert_settled(stage, stage.buy(place=5))
        assert stage.position(stage.buyer, 5).market == 1
    assert_skipped(stage, stage.buy(place=0), 16)


def test_settle_skips_a_second_index_for_a_market(stage: Stage) -> None:
    stage.cross()
    stage.venue.world.travel(1)
    assert stage.venue.place_of(stage.buyer, 1) == 0
    with stage.venue.world.anchored():
        assert_settled(stage, stage.buy(place=0))
    assert_skipped(stage, stage.buy(place=15), 16)


@pytest.mark.parametrize("terms", [{"reduce_only": True}, {}], ids=["reduce only", "shrink only"])
def test_settle_names_a_wrong_index_before_what_the_fill_does_to_it(
    stage: Stage, terms: dict[str, Any]
) -> None:
    """16 comes before 17 and 19: the first failing check is the reason."""
    stage.cross()
    if not terms:
        stage.venue.list_market(1, status=2)
    stage.venue.world.travel(1)
    plan = stage.sell(stage.buyer, place=3, **terms)
    receipt = stage.venue.settle(stage.batch([plan, stage.buy(stage.seller, slot=1)]))
    skipped = {event["account"]: event["reason"] for event in receipt.all("Skipped")}
    assert skipped[stage.buyer] == 16
    stage.books.check()


def test_settle_skips_a_second_index_for_a_market_opened_in_the_same_batch(stage: Stage) -> None:
    stage.venue.world.travel(1)
    plans = [
        stage.buy(slot=0, place=2),
        stage.buy(slot=1, place=3),
        stage.sell(size_e8=2 * LOT),
    ]
    receipt = stage.venue.settle(stage.batch(plans))
    stage.books.check()
    assert receipt.only("Skipped")["slot"] == 1 and receipt.only("Skipped")["reason"] == 16
    assert stage.account(stage.buyer).mask == 1 << 2


def test_settle_skips_a_place_another_market_opened_in_the_same_batch(stage: Stage) -> None:
    stage.venue.world.travel(1)
    plans = [
        stage.buy(slot=0, place=0),
        stage.buy(slot=1, place=0, market=2),
        stage.sell(),
        stage.sell(slot=1, market=2, place=1),
    ]
    receipt = stage.venue.settle(stage.batch(plans))
    stage.books.check()
    assert receipt.only("Skipped")["slot"] == 1 and receipt.only("Skipped")["reason"] == 16


def test_settle_takes_a_reduce_only_order_down_to_zero_and_not_beyond(stage: Stage) -> None:
    stage.cross()
    stage.venue.world.travel(1)
    with stage.venue.world.anchored():
        assert_settled(stage, stage.sell(stage.buyer, LOT, reduce_only=True))
        assert stage.account(stage.buyer).mask == 0
    with stage.venue.world.anchored():
        assert_skipped(stage, stage.buy(size_e8=1, reduce_only=True), 17)
    assert_skipped(stage, stage.sell(stage.buyer, LOT + 1, reduce_only=True), 17)


def test_settle_judges_reduce_only_on_the_running_position(stage: Stage) -> None:
    """In record order: after a sell of half, a reduce-only sell of more than the rest fails."""
    stage.cross()
    stage.venue.world.travel(1)
    half = LOT // 2
    plans = [
        stage.sell(stage.buyer, half, slot=1),
        stage.sell(stage.buyer, half + 1, slot=2, reduce_only=True),
        stage.sell(stage.buyer, half, slot=3, reduce_only=True),
        stage.buy(stage.third, 3 * half + 1),
    ]
    receipt = stage.venue.settle(stage.batch(plans))
    stage.books.check()
    assert receipt.only("Skipped")["slot"] == 2 and receipt.only("Skipped")["reason"] == 17
    assert stage.account(stage.buyer).mask == 0


def assert_only_shrinks(stage: Stage, **rest: Any) -> None:
    """Buyer holds a long: growing and turning are skipped, shrinking and closing settle."""
    with stage.venue.world.anchored():
        assert_shrink(stage, stage.buy(size_e8=1, slot=1), False, **rest)
    with stage.venue.world.anchored():
        assert_shrink(stage, stage.sell(stage.buyer, LOT + 1, slot=1), False, **rest)
    with stage.venue.world.anchored():
        assert_shrink(stage, stage.sell(stage.buyer, LOT, slot=1), True, **rest)
    assert_shrink(stage, stage.sell(stage.buyer, 1, slot=1), True, **rest)


def assert_shrink(stage: Stage, plan: FillPlan, passes: bool, **rest: Any) -> None:
    """Against the seller's short, which shrinks if the buyer's long does."""
    against = stage.fill(stage.seller, not plan.order.buy, plan.fill_e8, slot=1)
    receipt = stage.venue.settle(stage.batch([plan, against], **rest))
    stage.books.check()
    codes = {event["account"]: event["reason"] for event in receipt.all("Skipped")}
    assert codes.get(stage.buyer) == (None if passes else 19)


def test_settle_only_shrinks_where_governance_says_so(stage: Stage) -> None:
    stage.cross()
    stage.venue.list_market(1, status=2)
    assert_only_shrinks(stage)


@pytest.mark.parametrize("side", [1, -1])
def test_settle_only_shrinks_after_a_jump_beyond_the_bound(stage: Stage, side: int) -> None:
    """move_e6 10 % and 0.1 % a whole second since the market was last settled."""
    stage.cross()
    stage.venue.world.travel(5)
    edge = PRICE_E8 * 105_000 // 10**6
    at = {1: PRICE_E8 + side * edge, 2: ETHER_E8}
    beyond = {1: PRICE_E8 + side * (edge + 1), 2: ETHER_E8}
    with stage.venue.world.anchored():
        plans = [stage.buy(size_e8=1), stage.sell(size_e8=1)]
        assert stage.venue.settle(stage.batch(plans, oracle=at)).all("Skipped") == []
    with stage.venue.world.anchored():
        assert_only_shrinks(stage, oracle=beyond)
    stage.venue.world.travel(1)
    plans = [stage.buy(size_e8=1), stage.sell(size_e8=1)]
    assert stage.venue.settle(stage.batch(plans, oracle=beyond)).all("Skipped") == []


def test_the_bound_on_jumps_widens_by_whole_seconds(stage: Stage) -> None:
    """4,999 ms after the market was last settled are 4 s: 10.4 %, not 10.5."""
    stage.cross()
    last_ms = stage.venue.world.now_ms
    stage.venue.world.travel(5)
    oracle = {1: PRICE_E8 + PRICE_E8 * 105_000 // 10**6, 2: ETHER_E8}
    plans = [stage.buy(size_e8=1), stage.sell(size_e8=1)]
    for wait_ms, skipped in ((4_999, 2), (5_000, 0)):
        with stage.venue.world.anchored():
            batch = stage.batch(plans, oracle=oracle, time_ms=last_ms + wait_ms)
            assert len(stage.venue.settle(batch).all("Skipped")) == skipped


def test_settle_only_shrinks_where_open_interest_is_used_up(stage: Stage) -> None:
    stage.cross()
    with stage.venue.world.anchored():
        stage.venue.list_market(1, interest_cap_e8=2**59)  # the highest bit of the cap alone
        assert stage.cross().all("Skipped") == []
    stage.venue.list_market(1, interest_cap_e8=LOT + 10)
    with stage.venue.world.anchored():
        plans = [stage.buy(size_e8=10), stage.sell(size_e8=10)]
        assert stage.venue.settle(stage.batch(plans)).all("Skipped") == []
    with stage.venue.world.anchored():
        # what counts is what the matcher says the buys add up to at most
        plans = [stage.buy(size_e8=10), stage.sell(size_e8=10)]
        receipt = stage.venue.settle(stage.batch(plans, gross={1: 11}))
        assert {event["reason"] for event in receipt.all("Skipped")} == {19}
    assert_only_shrinks(stage, gross={1: LOT + 11})


@pytest.mark.parametrize(("share", "room_usd"), [(0, 62_500), (3, 500_000), (6, 4_000_000)])
def test_settle_only_shrinks_where_open_interest_outweighs_its_share_of_capital(
    stage: Stage, share: int, room_usd: int
) -> None:
    """2^(share - 4) times a million dollars, at the batch's oracle price."""
    stage.fund_pool(1_000_000 * DOLLAR)
    stage.cross()
    room_e8 = room_usd * LOT // 60_000 - LOT
    stage.venue.list_market(1, interest_share=share)
    for more_e8, passes in ((room_e8, True), (room_e8 + 2, False)):
        with stage.venue.world.anchored():
            plans = [stage.buy(size_e8=more_e8, slot=1), stage.sell(size_e8=more_e8, slot=1)]
            receipt = stage.settle(plans)
            assert {event["reason"] for event in receipt.all("Skipped")} == (
                set() if passes else {19}
            )
    with stage.venue.world.anchored():
        # the same lots at a higher price are worth more
        dearer = {1: PRICE_E8 + PRICE_E8 // 100, 2: ETHER_E8}
        plans = [stage.buy(size_e8=room_e8, slot=1), stage.sell(size_e8=room_e8, slot=1)]
        assert len(stage.settle(plans, oracle=dearer).all("Skipped")) == 2
    assert_only_shrinks(stage, gross={1: max(LOT + 11, room_e8 + 2)})


def test_open_interest_may_use_its_share_of_capital_up(stage: Stage) -> None:
    """8 units at 62,500 dollars are half a million, which is what share 3 is of one million."""
    stage.fund_pool(1_000_000 * DOLLAR)
    stage.cross()
    stage.venue.list_market(1, interest_share=3)
    oracle = ORACLE | {1: 62_500 * 10**8}
    for more_e8, skipped in ((7 * LOT, 0), (7 * LOT + 1, 2)):
        with stage.venue.world.anchored():
            plans = [stage.buy(size_e8=more_e8, slot=1), stage.sell(size_e8=more_e8, slot=1)]
            assert len(stage.settle(plans, oracle=oracle).all("Skipped")) == skipped


def test_open_interest_of_share_15_asks_for_no_capital(stage: Stage) -> None:
    """At 14 a pool without capital carries nothing; at 15 only the cap is asked."""
    for share, skipped in ((14, 2), (15, 0)):
        with stage.venue.world.anchored():
            stage.venue.list_market(1, interest_share=share)
            assert len(stage.cross().all("Skipped")) == skipped


def test_the_least_price_in_the_last_place_of_its_word_is_a_price(stage: Stage) -> None:
    stage.venue.list_market(3, name="DUST-USD", tick_e8=1)
    stage.settle(oracle={3: 1}, priced=(3,))
    assert unpack_clock(stage.venue.clearing.market_words(24)).price_e8 == 1


def test_settle_skips_a_position_whose_money_outgrows_its_word(stage: Stage) -> None:
    """|quote| < 2^60: a trillion dollars. The caps of Governance keep |base| far below its 2^62."""
    venue = stage.venue
    cap = 2**60 - 1
    venue.list_market(
        3,
        name="GOLD-USD",
        interest_cap_e8=cap,
        slope_e20=0,
        fee_e6=0,
        im_e6=2_501,
        mm_e6=2_500,
    )
    whole = 2 * 10**18  # so large a position is margined with all of its notional
    for key in (BUYER, SELLER):
        venue.fund(key, whole)
    venue.clearing.deposit(stage.buyer, whole, sender=BUYER)
    venue.clearing.deposit(stage.seller, whole, sender=SELLER)
    venue.world.travel(1)
    for price_e8, size_e8, passes in (
        (3 * 10**10, (2**60 - 1) // 3, True),
        (2 * 10**10, 2**59, False),
    ):
        oracle = {**ORACLE, 3: price_e8}
        plans = [stage.buy(size_e8=size_e8, market=3), stage.sell(size_e8=size_e8, market=3)]
        with venue.world.anchored():
            receipt = venue.settle(stage.batch(plans, oracle=oracle, priced=(3,)))
            stage.books.check()
            reasons = [event["reason"] for event in receipt.all("Skipped")]
            if passes:
                assert reasons == []
                assert abs(stage.position(stage.buyer).quote_e6) == 2**60 - 1
            else:
                assert reasons == [20, 20]


@pytest.mark.parametrize(("size_e8", "reason"), [(1, 22), (2, 20)])
def test_settle_skips_a_position_whose_lots_outgrow_its_word(
    stage: Stage, size_e8: int, reason: int
) -> None:
    """|base| < 2^62. No caps let a position come near that, so two are put there by hand."""
    stage.cross()
    for account, side in ((stage.buyer, 1), (stage.seller, -1)):
        full = stage.position(account)._replace(base_e8=side * (2**62 - 2))
        stage.books.put("positions", account << 4, pack_position(full))
    stage.venue.world.travel(1)
    plans = [stage.buy(size_e8=size_e8, slot=1), stage.sell(size_e8=size_e8, slot=1)]
    receipt = stage.venue.settle(stage.batch(plans))
    assert [event["reason"] for event in receipt.all("Skipped")] == [reason, reason]


def test_settle_skips_a_fill_of_nothing(stage: Stage) -> None:
    stage.venue.world.travel(1)
    receipt = stage.venue.settle(stage.batch([stage.buy(fill_e8=0), stage.sell(fill_e8=0)]))
    assert [event["reason"] for event in receipt.all("Skipped")] == [13, 13]
    assert stage.filled(stage.buyer).seq == 0 and stage.backstop().market == 0
    receipt = stage.settle([stage.buy(fill_e8=1), stage.sell(fill_e8=1)])
    assert receipt.all("Skipped") == []


# -- 21, 22: whole accounts --------


def test_settle_skips_all_of_an_account_with_a_position_the_vector_does_not_price(
    stage: Stage,
) -> None:
    venue = stage.venue
    venue.list_market(40, name="SOL-USD")
    oracle = {**ORACLE, 40: PRICE_E8}
    venue.world.travel(1)
    venue.settle(
        stage.batch(
            [stage.buy(market=40), stage.sell(stage.third, market=40)], oracle=oracle, priced=(40,)
        )
    )
    stage.books.put_index(40, -1)  # it stands beside the price in a mark
    venue.world.travel(1)
    plans = [
        stage.buy(slot=1),
        stage.buy(slot=2, market=2, place=3),
        stage.sell(slot=1),
        stage.sell(slot=2, market=2, place=1),
    ]
    with venue.world.anchored():
        receipt = venue.settle(stage.batch(plans))
        assert [(e["account"], e["slot"], e["reason"]) for e in receipt.all("Skipped")] == [
            (stage.buyer, 1, 21),
            (stage.buyer, 2, 21),
        ]
        stage.books.check()
    receipt = venue.settle(stage.batch(plans, oracle=oracle))
    assert receipt.all("Skipped") == []
    stage.books.check()


def test_a_price_of_the_smallest_unit_is_a_price(stage: Stage) -> None:
    """Of a position the account holds in a market that is not in the list."""
    stage.venue.list_market(3, name="DUST-USD", tick_e8=1)
    oracle = {**ORACLE, 3: 1}
    stage.settle(
        [stage.buy(market=3), stage.sell(stage.third, market=3)], oracle=oracle, priced=(3,)
    )
    receipt = stage.settle(
        [stage.buy(slot=1, place=1), stage.sell(slot=1)], oracle=oracle, priced=(1,)
    )
    assert receipt.all("Skipped") == []


def test_an_account_whose_only_fills_failed_is_not_asked_for_a_price(stage: Stage) -> None:
    """21 and 22 speak of admitted fills: the code of the order itself comes first."""
    venue = stage.venue
    venue.list_market(40, name="SOL-USD")
    venue.world.travel(1)
    venue.settle(
        stage.batch(
            [stage.buy(market=40), stage.sell(stage.third, market=40)],
            oracle={**ORACLE, 40: PRICE_E8},
            priced=(40,),
        )
    )
    venue.world.travel(1)
    plan = stage.buy(slot=1, limit_price_e8=PRICE_E8 - 1)
    receipt = venue.settle(stage.batch([plan, stage.sell()]))
    assert receipt.only("Skipped")["reason"] == 6


def poor(stage: Stage, amount_e6: int) -> int:
    venue: Venue = stage.venue
    return venue.open_account(a_key("poor"), amount_e6)


def test_settle_skips_an_account_one_unit_short_of_initial_margin(stage: Stage) -> None:
    """5 % of 60,000 and the fee of 0.05 %: 3,030 dollars exactly."""
    needed = 3_000 * DOLLAR + 30 * DOLLAR
    for amount_e6, passes in ((needed, True), (needed - 1, False)):
        with stage.venue.world.anchored():
            account = poor(stage, amount_e6)
            stage.venue.world.travel(1)
            plan = stage.buy(account)
            if passes:
                assert_settled(stage, plan)
            else:
                assert_skipped(stage, plan, 22)


def test_the_smallest_part_of_a_haircut_is_rounded_up(stage: Stage) -> None:
    """A profit of which 20.0001 % are a whole number of units and a millionth."""
    haircut_e6 = 200_001
    stage.venue.list_market(1, fee_e6=0, haircut_e6=haircut_e6)
    profit_e6 = pow(haircut_e6, -1, 10**6)
    needed = 3_000 * DOLLAR - profit_e6 + profit_e6 * haircut_e6 // 10**6 + 1
    prices = {1: PRICE_E8 - 100 * profit_e6}
    for amount_e6, passes in ((needed, True), (needed - 1, False)):
        with stage.venue.world.anchored():
            account = poor(stage, amount_e6)
            stage.venue.world.travel(1)
            if passes:
                assert_settled(stage, stage.buy(account), prices=prices)
            else:
                assert_skipped(stage, stage.buy(account), 22, prices=prices)


def test_an_accounts_fills_stand_or_fall_together(stage: Stage) -> None:
    """One fill too many takes all of them down, the good ones too, and nobody else's."""
    account = poor(stage, 3_200 * DOLLAR)
    stage.venue.world.travel(1)
    plans = [
        stage.buy(account, slot=0),
        stage.buy(account, slot=1, market=2, size_e8=2 * LOT, place=1),
        stage.sell(),
        stage.sell(slot=1, market=2, size_e8=2 * LOT, place=1),
    ]
    receipt = stage.venue.settle(stage.batch(plans))
    stage.books.check()
    assert [(e["account"], e["slot"], e["reason"]) for e in receipt.all("Skipped")] == [
        (account, 0, 22),
        (account, 1, 22),
    ]
    assert stage.account(account).mask == 0
    assert stage.filled(account, 0).seq == stage.filled(account, 1).seq == 0
    assert (stage.backstop(1).base_e8, stage.backstop(2).base_e8) == (LOT, 2 * LOT)


def test_a_skipped_fill_does_not_count_for_its_accounts_margin(stage: Stage) -> None:
    account = poor(stage, 3_200 * DOLLAR)
    stage.venue.world.travel(1)
    plans = [
        stage.buy(account, slot=0),
        stage.buy(account, slot=1, market=2, size_e8=2 * LOT, place=1, limit_price_e8=1),
        stage.sell(),
        stage.sell(slot=1, market=2, size_e8=2 * LOT, place=1),
    ]
    receipt = stage.venue.settle(stage.batch(plans))
    stage.books.check()
    assert receipt.only("Skipped")["reason"] == 6
    assert stage.position(account).base_e8 == LOT


# -- order of the checks --------


def test_the_first_failing_check_is_the_reason(stage: Stage) -> None:
    """An order with every fault at once loses them one by one, in the order of the page."""
    venue = stage.venue
    stage.settle([stage.buy(seq=50, fill_e8=60), stage.sell(size_e8=60)])
    venue.clearing.cancel(stage.buyer, 0, 55, sender=BUYER)
    venue.world.travel(4)
    now_ms = venue.world.now_ms
    mends: list[tuple[int, dict[str, Any]]] = [
        (2, {"seq": 49}),
        (3, {"expiry_ms": now_ms + 60_000}),
        (4, {"good_after_ms": now_ms}),
        (5, {"trigger_price_e8": PRICE_E8}),
        (6, {"limit_price_e8": PRICE_E8 + 1}),
        (7, {"post_only": False}),
        (8, {"max_fee_e6": 500}),
        (9, {"epoch": 0}),
        (10, {"key": BUYER}),
        (11, {"seq": 51}),
        (12, {"seq": 56}),
        (13, {"fill_e8": LOT - 1}),
        (14, {"time_in_force": TimeInForce.IOC}),
        (16, {"place": 0}),
        (17, {"reduce_only": False}),
    ]
    terms: dict[str, Any] = {
        "seq": 0,
        "expiry_ms": now_ms - 1,
        "good_after_ms": now_ms + 1,
        "trigger_kind": AT_OR_ABOVE,
        "trigger_price_e8": PRICE_E8 + 1,
        "limit_price_e8": PRICE_E8,
        "post_only": True,
        "max_fee_e6": 499,
        "epoch": 3,
        "key": SELLER,
        "fill_e8": LOT + 1,
        "time_in_force": TimeInForce.FOK,
        "place": 9,
        "reduce_only": True,
    }
    for code, mend in mends:
        with venue.world.anchored():
            assert_skipped(stage, stage.buy(**terms), code, prices={1: PRICE_E8 + 1})
        terms |= mend
    assert_settled(stage, stage.buy(**terms), prices={1: PRICE_E8 + 1})
