# SPDX-License-Identifier: Apache-2.0
"""Structural faults of docs/protocol.md section 5.1: the batch reverts with its string and leaves
no trace, and the nearest batch without the fault lands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from tests.support.evm import Refused, a_key, refuses
from tests.support.stage import ETHER_E8, ORACLE, RICH_E6, SELLER, THIRD, Stage
from tests.support.venue import (
    DEPLOYER,
    LOT,
    MATCHER,
    ORACLE_SIGNERS,
    PRICE_E8,
    FillPlan,
    parameters,
)

from infold.messages import Batch
from infold.signing import batch_contents, batch_digest, sign
from infold.words import PriceWord, SettleHead, pack_price, pack_settle_head

ATTESTERS = tuple(sorted((a_key(f"attester {n}") for n in range(3)), key=lambda key: key.number))


def assert_refused(stage: Stage, batch: Batch, reason: str) -> None:
    """The batch reverts with this string; nothing is written, not even a word of its state."""
    before = stage.books.state()
    with refuses(stage.venue.world, reason):
        stage.venue.settle(batch)
    assert stage.books.state() == before


def assert_lands(stage: Stage, batch: Batch, skipped: int = 0) -> None:
    receipt = stage.venue.settle(batch)
    assert len(receipt.all("Skipped")) == skipped
    stage.books.check()


def pair(stage: Stage, size_e8: int = LOT) -> list[FillPlan]:
    return [stage.buy(size_e8=size_e8), stage.sell(size_e8=size_e8)]


def sealed_anew(stage: Stage, batch: Batch, **changes: Any) -> Batch:
    """A batch with parts exchanged and a fresh seal: what a mad matcher might send."""
    batch = msgspec.structs.replace(batch, **changes)
    contents = batch_contents(
        batch.head, batch.vector.root, batch.accepted_root, batch.price_words, batch.records
    )
    digest = batch_digest(batch.head >> 64, batch.time_ms, contents, stage.venue.domain)
    return msgspec.structs.replace(batch, seals=[sign(digest, MATCHER.private)])


# -- time; numbers and the window are group B of tests/attacks --------


def test_settle_takes_strictly_rising_times_only(stage: Stage) -> None:
    stage.cross()
    now_ms = stage.venue.world.now_ms
    for time_ms in (now_ms, now_ms - 1):
        assert_refused(stage, stage.batch(time_ms=time_ms), "clearing: batch time must rise")
    assert_lands(stage, stage.batch(time_ms=now_ms + 1))


# -- the price list --------


def words_of(*prices: tuple[int, int, int]) -> list[int]:
    return [pack_price(PriceWord(*price)) for price in prices]


@pytest.mark.parametrize("order", [(2, 1), (1, 1)], ids=["falling", "twice"])
def test_settle_takes_an_ascending_price_list_only(stage: Stage, order: tuple[int, int]) -> None:
    stage.venue.world.travel(1)
    batch = stage.batch()
    assert_refused(
        stage,
        sealed_anew(stage, batch, price_words=words_of(*((m, ORACLE[m], 0) for m in order))),
        "clearing: prices not ascending",
    )
    assert_lands(stage, batch)


def test_settle_knows_no_market_zero_and_none_above_255(stage: Stage) -> None:
    stage.venue.world.travel(1)
    batch = stage.batch()
    zero = sealed_anew(stage, batch, price_words=words_of((0, 1, 0), (1, PRICE_E8, 0)))
    assert_refused(stage, zero, "clearing: prices not ascending")
    for market in (256, 65_535):
        far = sealed_anew(stage, batch, price_words=words_of((1, PRICE_E8, 0), (market, 1, 0)))
        assert_refused(stage, far, "")


def test_settle_prices_64_markets_also_where_something_is_skipped(stage: Stage) -> None:
    """The backstop, the pool and the log come by each of them; 62 have the words of the first."""
    stage.venue.world.travel(1)
    markets = range(1, 65)
    for market in markets[2:]:
        for words in ("market_words", "parameter_words"):
            for place in range(8):
                stage.books.put(words, market * 8 + place, stage.books.word(words, 8 + place))
    oracle = dict.fromkeys(markets, PRICE_E8)
    plans = [
        stage.buy(market=64, limit_price_e8=1),
        stage.sell(market=64),
    ]
    receipt = stage.venue.settle(stage.batch(plans, oracle=oracle, priced=markets))
    assert receipt.only("BackstopSettled")["market"] == 64
    assert [event["market"] for event in receipt.all("MarketSettled")] == list(markets)


def test_settle_rejects_a_market_until_its_parameters_serve(stage: Stage) -> None:
    venue = stage.venue
    oracle = {**ORACLE, 3: PRICE_E8}
    venue.world.travel(1)
    assert_refused(stage, stage.batch(oracle=oracle, priced=(1, 3)), "clearing: market not live")
    venue.governance.set_market(3, parameters(name="SOL-USD"), sender=DEPLOYER)
    activation_ms = venue.world.now_ms + 3_000
    venue.world.travel(4)
    early = stage.batch(oracle=oracle, priced=(1, 3), time_ms=activation_ms)
    assert_refused(stage, early, "clearing: market not live")
    assert_lands(stage, stage.batch(oracle=oracle, priced=(1, 3), time_ms=activation_ms + 1))


def test_settle_rejects_a_market_without_oracle_or_clearing_price(stage: Stage) -> None:
    stage.venue.world.travel(1)
    assert_refused(stage, stage.batch(prices={1: 0}), "clearing: no price")
    most = stage.batch(prices={1: 0}, gross={1: 2**64 - 1})
    assert_refused(stage, most, "clearing: no price")
    batch = stage.batch(oracle={2: ETHER_E8}, priced=(2,))
    blind = sealed_anew(stage, batch, price_words=words_of((1, PRICE_E8, 0)))
    assert_refused(stage, blind, "clearing: no price")
    # the chunk was not opened: its prices are as good as none
    vector = stage.venue.a_vector(ORACLE, opened=0)
    assert_refused(stage, stage.batch(vector=vector), "clearing: no price")
    assert_lands(stage, batch)


def test_settle_rejects_a_market_in_a_chunk_the_vector_does_not_have(stage: Stage) -> None:
    stage.venue.list_market(40, name="SOL-USD")
    vector = stage.venue.a_vector(ORACLE)
    batch = stage.batch(vector=vector)
    far = sealed_anew(stage, batch, price_words=words_of((1, PRICE_E8, 0), (40, 5, 0)))
    assert_refused(stage, far, "clearing: no price")


# -- records --------


def test_settle_takes_strictly_ascending_records_only(stage: Stage) -> None:
    stage.venue.world.travel(1)
    plans = [stage.buy(slot=0), stage.buy(slot=1), stage.sell(size_e8=2 * LOT)]
    batch = stage.batch(plans)
    first, second, third = batch.records
    for records in (
        [second, first, third],
        [third, first, second],
        [first, first, second],
        [first, third, second],
    ):
        assert_refused(
            stage, sealed_anew(stage, batch, records=records), "clearing: records not ascending"
        )
    assert_lands(stage, batch)


@pytest.mark.parametrize("account", [0, 1, 2, 16])
def test_settle_lets_no_record_name_the_pool_the_backstop_or_nobody(
    stage: Stage, account: int
) -> None:
    stage.venue.world.travel(1)
    plans = [stage.fill(account, True, LOT, key=SELLER, place=0), stage.sell()]
    assert_refused(stage, stage.batch(plans), "clearing: records not ascending")


def test_the_64_fills_of_an_account_may_stand_between_others(stage: Stage) -> None:
    """The bound counts an account's records, not what stands before or behind them."""
    stage.venue.world.travel(1)
    plans = [
        stage.buy(size_e8=10),
        *(stage.sell(size_e8=10, slot=slot) for slot in range(64)),
        *(stage.buy(stage.third, size_e8=10, slot=slot) for slot in range(63)),
    ]
    assert_lands(stage, stage.batch(plans))


@pytest.mark.parametrize(
    ("place", "most"),
    [(1, 64), (2, 16), (3, 64), (4, 256), (6, 16)],
    ids=["openings", "signatures", "prices", "records", "seals"],
)
def test_settle_reads_lists_up_to_their_bounds_and_no_longer_ones(
    stage: Stage, place: int, most: int
) -> None:
    """A longer one is refused before anything is read, a number that no batch has now included."""
    stage.venue.world.travel(1)
    arguments = stage.venue.arguments(stage.batch(pair(stage), number=99))
    for count, reason in ((most, "clearing: wrong batch number"), (most + 1, "")):
        many = [arguments[place][0]] * count
        longer = (*arguments[:place], many, *arguments[place + 1 :])
        with pytest.raises(Refused) as refused:
            stage.venue.clearing.settle(*longer, sender=MATCHER)
        assert refused.value.reason == reason


def test_settle_rejects_a_record_of_a_market_it_does_not_price(stage: Stage) -> None:
    stage.venue.world.travel(1)
    plans = [*pair(stage), stage.buy(market=2, slot=5, place=1)]
    batch = stage.batch(plans, priced=(1, 2))
    lacking = sealed_anew(stage, batch, price_words=batch.price_words[:1])
    assert_refused(stage, lacking, "clearing: market not priced")
    # held and valued, but not in the list: still not priced
    stage.cross(market=2)
    stage.venue.world.travel(1)
    batch = stage.batch([*pair(stage), stage.buy(market=2, slot=5)], priced=(1, 2))
    lacking = sealed_anew(stage, batch, price_words=batch.price_words[:1])
    assert_refused(stage, lacking, "clearing: market not priced")


def test_settle_rejects_a_record_of_a_market_no_vector_has(stage: Stage) -> None:
    stage.venue.world.travel(1)
    for market in (256, 65_535):
        plan = stage.buy(market=market, place=0)
        batch = stage.batch([plan])
        priced = [word for word in batch.price_words if word >> 240 < 256]
        assert_refused(stage, sealed_anew(stage, batch, price_words=priced), "")


def test_skipped_buys_count_for_gross_too(stage: Stage) -> None:
    stage.venue.world.travel(1)
    plans = [stage.buy(limit_price_e8=1), stage.sell()]
    assert_refused(stage, stage.batch(plans, gross={1: LOT - 1}), "clearing: gross exceeded")
    assert_lands(stage, stage.batch(plans), skipped=1)


# -- the vector and its signers --------


def test_settle_rejects_a_vector_that_is_not_signed_by_enough(stage: Stage) -> None:
    stage.venue.world.travel(1)
    first, second, third = ORACLE_SIGNERS
    for signers, reason in (
        ((first,), "signers: too few"),
        ((second, first), "signers: not ascending"),
        ((first, first), "signers: not ascending"),
        (
            (first, MATCHER) if MATCHER.number > first.number else (MATCHER, first),
            "signers: not a signer",
        ),
    ):
        vector = stage.venue.a_vector(ORACLE, signers=signers)
        assert_refused(stage, stage.batch(vector=vector), reason)
    for signers in ((first, third), (second, third), ORACLE_SIGNERS):
        with stage.venue.world.anchored():
            vector = stage.venue.a_vector(ORACLE, signers=signers)
            assert_lands(stage, stage.batch(vector=vector))


def test_settle_rejects_an_opened_price_that_was_not_signed(stage: Stage) -> None:
    stage.venue.world.travel(1)
    good = stage.venue.a_vector(ORACLE)
    other = stage.venue.a_vector(ORACLE | {1: PRICE_E8 + 1})
    forged = msgspec.structs.replace(good, openings=other.openings)
    # another root: the signatures recover keys nobody knows
    with pytest.raises(Refused, match="signers: not"):
        stage.venue.settle(stage.batch(vector=forged))
    longer = msgspec.structs.replace(good, openings=[*good.openings, 0])
    assert_refused(stage, stage.batch(vector=longer), "vector: wrong length")
    shorter = msgspec.structs.replace(good, openings=good.openings[:-1])
    assert_refused(stage, stage.batch(vector=shorter), "vector: wrong length")
    assert_lands(stage, stage.batch(vector=good))


@pytest.mark.parametrize(
    ("chunks", "opened", "reason"),
    [
        (0, 0, "vector: bad chunk count"),
        (9, 1, "vector: bad chunk count"),
        (1, 2, "vector: opened beyond chunks"),
    ],
)
def test_settle_rejects_a_head_that_describes_no_vector(
    stage: Stage, chunks: int, opened: int, reason: str
) -> None:
    stage.venue.world.travel(1)
    batch = stage.batch()
    head = pack_settle_head(SettleHead(batch.number, batch.time_ms, chunks, opened))
    assert_refused(stage, sealed_anew(stage, batch, head=head), reason)


# -- seals --------


def test_settle_rejects_a_batch_the_matcher_did_not_seal(stage: Stage) -> None:
    stage.venue.world.travel(1)
    plans = pair(stage)
    assert_refused(stage, stage.batch(plans, sealers=()), "seals: not the matcher")
    assert_refused(stage, stage.batch(plans, sealers=(SELLER,)), "seals: not the matcher")
    assert_refused(stage, stage.batch(plans, sealers=(SELLER, MATCHER)), "seals: not the matcher")
    assert_lands(stage, stage.batch(plans))


def test_anyone_may_carry_a_batch_and_nobody_may_change_what_is_sealed(stage: Stage) -> None:
    stage.venue.world.travel(1)
    sealed = stage.batch(pair(stage), prices={1: PRICE_E8 + 2})
    other = stage.batch(pair(stage), prices={1: PRICE_E8 + 3})
    for part in ("price_words", "records"):
        mixed = msgspec.structs.replace(sealed, **{part: getattr(other, part)})
        assert_refused(stage, mixed, "seals: not the matcher")
    rooted = msgspec.structs.replace(sealed, accepted_root=b"\1" * 32)
    assert_refused(stage, rooted, "seals: not the matcher")
    receipt = stage.venue.settle(sealed, sender=a_key("stranger"))
    settled = receipt.only("BatchSettled")
    assert settled["contents"] == sealed.contents
    assert settled["head"] == stage.venue.clearing.head()


def with_attesters(stage: Stage, threshold: int) -> None:
    governance = stage.venue.governance
    for key in ATTESTERS:
        governance.set_attester(key.address, True, sender=DEPLOYER)
    governance.set_attester_threshold(threshold, sender=DEPLOYER)
    stage.venue.world.travel(19)


def test_settle_wants_as_many_attesters_as_the_threshold_says(stage: Stage) -> None:
    with_attesters(stage, 2)
    first, second, third = ATTESTERS
    for attesters, reason in (
        ((), "signers: too few"),
        ((first,), "signers: too few"),
        ((second, first), "signers: not ascending"),
        ((first, first), "signers: not ascending"),
        (
            (first, SELLER) if SELLER.number > first.number else (SELLER, first),
            "signers: not a signer",
        ),
    ):
        batch = stage.batch(sealers=(MATCHER, *attesters))
        assert_refused(stage, batch, reason)
    assert_refused(stage, stage.batch(sealers=(first, second)), "seals: not the matcher")
    for attesters in ((first, second), (first, third), ATTESTERS):
        with stage.venue.world.anchored():
            assert_lands(stage, stage.batch(sealers=(MATCHER, *attesters)))


# -- the backstop --------


def test_settle_reverts_where_the_backstop_has_no_margin_for_what_was_skipped(
    stage: Stage,
) -> None:
    """5 % margin and 0.05 % fee of as many lots as its million dollars carry; one lot more is too
    much."""
    venue = stage.venue
    collateral_e6 = stage.account(1).collateral_e6
    most = collateral_e6 * 10**16 // (PRICE_E8 * 50_500)
    while -(-PRICE_E8 * most * 50_000 // 10**16) - (-PRICE_E8 * most * 500 // 10**16) > (
        collateral_e6
    ):
        most -= 1
    venue.fund(SELLER, RICH_E6)
    venue.clearing.deposit(stage.seller, RICH_E6, sender=SELLER)
    venue.world.travel(1)
    for size_e8 in (most, most + 1):
        plans = [stage.buy(size_e8=size_e8, limit_price_e8=1), stage.sell(size_e8=size_e8)]
        with venue.world.anchored():
            if size_e8 == most:
                assert_lands(stage, stage.batch(plans), skipped=1)
                assert stage.backstop().base_e8 == most
            else:
                assert_refused(stage, stage.batch(plans), "clearing: backstop margin")


def a_backstop_of_300(stage: Stage) -> None:
    """It holds 300 units long, bought for the buyer at 60,000 with a million dollars."""
    venue = stage.venue
    venue.fund(SELLER, 2 * RICH_E6)
    venue.clearing.deposit(stage.seller, 2 * RICH_E6, sender=SELLER)
    size_e8 = 300 * LOT
    stage.settle([stage.buy(size_e8=size_e8, limit_price_e8=1), stage.sell(size_e8=size_e8)])
    assert stage.backstop().base_e8 == size_e8


def test_a_backstop_below_its_margin_may_still_take_what_shrinks_it(stage: Stage) -> None:
    """The same rule as a trader's: it sheds risk, equity not below zero and not thinner."""
    venue, size_e8 = stage.venue, 300 * LOT
    a_backstop_of_300(stage)
    low = ORACLE | {1: PRICE_E8 * 98 // 100}
    venue.world.travel(1)
    grow = [stage.buy(size_e8=1, limit_price_e8=1), stage.sell(size_e8=1)]
    assert_refused(stage, stage.batch(grow, oracle=low), "clearing: backstop margin")
    turn = [
        stage.sell(stage.third, size_e8=2 * size_e8, limit_price_e8=10**15),
        stage.buy(stage.seller, size_e8=2 * size_e8),
    ]
    assert_refused(stage, stage.batch(turn, oracle=low), "clearing: backstop margin")
    nothing = [
        stage.buy(size_e8=1, limit_price_e8=1),
        stage.sell(stage.third, size_e8=1, limit_price_e8=10**15),
    ]
    with venue.world.anchored():
        assert_lands(stage, stage.batch(nothing, oracle=low), skipped=2)
    shrink = [
        stage.sell(stage.third, size_e8=50 * LOT, limit_price_e8=10**15),
        stage.buy(stage.seller, size_e8=50 * LOT),
    ]
    assert_lands(stage, stage.batch(shrink, oracle=low), skipped=1)
    assert stage.backstop().base_e8 == 250 * LOT
    venue.world.travel(1)
    grow = [stage.buy(size_e8=1, limit_price_e8=1), stage.sell(size_e8=1)]
    assert_refused(stage, stage.batch(grow, oracle=low), "clearing: backstop margin")


def test_a_backstop_below_its_margin_takes_nothing_that_grows_beside_what_shrinks(
    stage: Stage,
) -> None:
    a_backstop_of_300(stage)
    stage.venue.world.travel(1)
    shrink = [
        stage.sell(stage.third, size_e8=50 * LOT, limit_price_e8=10**15),
        stage.buy(stage.seller, size_e8=50 * LOT),
    ]
    grow = [
        stage.buy(size_e8=1, market=2, limit_price_e8=1),
        stage.sell(size_e8=1, market=2, slot=1, place=1),
    ]
    low = ORACLE | {1: PRICE_E8 * 98 // 100}
    assert_refused(stage, stage.batch([*shrink, *grow], oracle=low), "clearing: backstop margin")
    assert_lands(stage, stage.batch(shrink, oracle=low), skipped=1)


def test_a_backstop_below_its_margin_does_not_thin_what_is_left(stage: Stage) -> None:
    """It sheds 50 of 300 units at 0.05 % below the oracle's price and a fee of 0.05 %: that costs
    2,838 dollars, a sixth of 17,000. It has 19,000 left, or 13,000."""
    a_backstop_of_300(stage)
    stage.venue.world.travel(1)
    for price, lands in ((56_760, True), (56_740, False)):
        price_e8 = price * 10**8
        plans = [
            stage.sell(stage.third, size_e8=50 * LOT, limit_price_e8=10**15),
            stage.buy(stage.seller, size_e8=50 * LOT),
        ]
        batch = stage.batch(
            plans, oracle=ORACLE | {1: price_e8}, prices={1: price_e8 - price_e8 * 5 // 10**4}
        )
        with stage.venue.world.anchored():
            if lands:
                assert_lands(stage, batch, skipped=1)
            else:
                assert_refused(stage, batch, "clearing: backstop margin")


def test_settle_reverts_where_a_position_of_the_backstop_has_no_price(stage: Stage) -> None:
    stage.settle([stage.buy(market=2, limit_price_e8=1), stage.sell(market=2)])
    assert stage.backstop(2).base_e8 == LOT
    stage.venue.world.travel(1)
    blind: Mapping[int, int] = {1: PRICE_E8}
    skipping = stage.batch(
        [stage.buy(limit_price_e8=1), stage.sell(stage.third)], oracle=blind, priced=(1,)
    )
    assert_refused(stage, skipping, "clearing: no price")
    # nothing skipped: nobody asks
    plans = [stage.buy(), stage.sell(stage.third)]
    with stage.venue.world.anchored():
        assert_lands(stage, stage.batch(plans, oracle=blind, priced=(1,)))
    # priced by the vector, though not settled: enough
    skipping = stage.batch([stage.buy(limit_price_e8=1), stage.sell(stage.third)], priced=(1,))
    assert_lands(stage, skipping, skipped=1)


def test_a_fill_beyond_a_words_lots_is_skipped_even_in_a_batch_that_lies_about_its_gross(
    stage: Stage,
) -> None:
    """|base| < 2^62. Gross within the cap keeps every fill that lands far below it, but is compared
    with the fills last: before, what was skipped is offered to the backstop, whose word is as full.
    """
    venue, held = stage.venue, 10**6
    venue.list_market(3, name="DUST-USD", tick_e8=1, slope_e20=0, interest_cap_e8=2**60 - 1)
    oracle = {**ORACLE, 3: 10}
    small = [
        stage.buy(size_e8=held, market=3),
        stage.buy(stage.third, size_e8=held, market=3, limit_price_e8=1),
        stage.sell(size_e8=2 * held, market=3),
    ]
    stage.settle(small, oracle=oracle, priced=(3,))
    assert stage.backstop(3).base_e8 == stage.position(stage.buyer).base_e8 == held
    edge = 2**62 - held
    for size_e8, reason in ((edge, "backstop margin"), (edge - 1, "gross exceeded")):
        venue.world.travel(1)
        sell = stage.sell(stage.third, size_e8=size_e8, market=3)
        plans = [stage.buy(size_e8=size_e8, market=3), sell]
        batch = stage.batch(plans, oracle=oracle, priced=(3,), gross={3: 0})
        assert_refused(stage, batch, f"clearing: {reason}")
    for size_e8, limit, reason in (
        (2**62 - 1, 10**15, "gross exceeded"),  # the third takes it, or nobody could
        (edge - 1, 1, "gross exceeded"),  # the backstop takes it
        (edge, 1, "backstop margin"),
    ):
        plans = [stage.buy(stage.third, size_e8=size_e8, market=3, limit_price_e8=limit)]
        batch = stage.batch(plans, oracle=oracle, priced=(3,), gross={3: 0})
        assert_refused(stage, batch, f"clearing: {reason}")


@pytest.mark.parametrize("buys", [True, False])
def test_settle_reverts_where_the_backstops_money_outgrows_its_word(
    stage: Stage, buys: bool
) -> None:
    cap = 2**60 - 1
    venue = stage.venue
    venue.list_market(
        3, name="GOLD-USD", interest_cap_e8=cap, slope_e20=0, fee_e6=0, im_e6=2_501, mm_e6=2_500
    )
    whole = 2 * 10**18  # so large a position is margined with all of its notional
    for key, account in ((MATCHER, 1), (SELLER, stage.seller), (THIRD, stage.third)):
        venue.fund(key, whole)
        venue.clearing.deposit(account, whole, sender=key)
    for price_e8, size_e8, lands in (
        (3 * 10**10, (2**60 - 1) // 3, True),
        (2 * 10**10, 2**59, False),
    ):
        with venue.world.anchored():
            venue.world.travel(1)
            never = 1 if buys else 10**15
            plans = [
                stage.fill(stage.buyer, buys, size_e8, market=3, limit_price_e8=never),
                stage.fill(stage.seller, not buys, size_e8 // 2, market=3),
                stage.fill(stage.third, not buys, size_e8 - size_e8 // 2, market=3),
            ]
            batch = stage.batch(plans, oracle={**ORACLE, 3: price_e8}, priced=(3,))
            if lands:
                assert_lands(stage, batch, skipped=1)
                assert abs(stage.backstop(3).quote_e6) == 2**60 - 1
            else:
                assert_refused(stage, batch, "clearing: backstop margin")


# -- price, curve, caps, meter --------

H_MIN, H0 = 500, 500
SLOPE_E20 = 10**8


def on_price(stage: Stage, lean_e8: int, size_e8: int, **rest: Any) -> Batch:
    """A batch in which the pool sells `size_e8` (buys, if negative) at O + lean."""
    plans = []
    if size_e8 > 0:
        plans = [stage.buy(size_e8=size_e8)]
    elif size_e8 < 0:
        plans = [stage.sell(size_e8=-size_e8)]
    return stage.batch(plans, prices={1: PRICE_E8 + lean_e8}, **rest)


def judged(stage: Stage, batch: Batch, reason: str) -> None:
    with stage.venue.world.anchored():
        if reason:
            assert_refused(stage, batch, reason)
        else:
            assert_lands(stage, batch)


@pytest.mark.parametrize("side", [1, -1])
def test_settle_holds_the_pools_price_between_half_spread_and_curve(
    stage: Stage, side: int
) -> None:
    """h_min <= s (P - O) / O <= h_min + h0 + slope * R / 2, to the last unit of price."""
    stage.fund_pool()
    stage.venue.world.travel(1)
    low = PRICE_E8 * H_MIN // 10**6
    size = 12_345 * LOT // 100
    high = PRICE_E8 * ((H_MIN + H0) * 10**14 + SLOPE_E20 * size // 2) // 10**20
    for lean, reason in (
        (0, "clearing: price on the wrong side"),
        (low - 1, "clearing: price on the wrong side"),
        (low, ""),
        (high, ""),
        (high + 1, "clearing: price beyond curve"),
    ):
        judged(stage, on_price(stage, side * lean, side * size), reason)
    judged(stage, on_price(stage, -side * low, side * size), "clearing: price on the wrong side")


@pytest.mark.parametrize("side", [1, -1])
def test_a_pool_that_is_short_may_ask_more_and_one_that_is_long_less(
    stage: Stage, side: int
) -> None:
    """The curve's tilt is R - 2q, not below zero."""
    stage.fund_pool()
    low = PRICE_E8 * H_MIN // 10**6
    held = 100 * LOT
    stage.venue.world.travel(1)
    assert_lands(stage, on_price(stage, side * low, side * held))
    assert stage.pool().base_e8 == -side * held
    stage.venue.world.travel(1)
    size = 7 * LOT
    for same, tilt in ((side, size + 2 * held), (-side, 0)):
        high = PRICE_E8 * ((H_MIN + H0) * 10**14 + SLOPE_E20 * tilt // 2) // 10**20
        judged(stage, on_price(stage, same * high, same * size), "")
        judged(
            stage, on_price(stage, same * (high + 1), same * size), "clearing: price beyond curve"
        )


@pytest.mark.parametrize("side", [1, -1])
def test_settle_holds_every_price_inside_the_band(stage: Stage, side: int) -> None:
    """5 %; the band comes first, whatever the curve would say."""
    stage.venue.world.travel(1)
    edge = PRICE_E8 * 50_000 // 10**6
    judged(stage, on_price(stage, side * edge, 0), "clearing: price beyond curve")
    judged(stage, on_price(stage, side * (edge + 1), 0), "clearing: price outside band")
    cap = 100 * LOT
    steep = 2 * 10**20 // (3 * cap)
    stage.venue.list_market(1, slope_e20=steep, residual_cap_e8=cap, position_cap_e8=cap)
    stage.fund_pool()
    stage.venue.world.travel(1)
    size = 50 * LOT
    judged(stage, on_price(stage, side * edge, side * size), "")
    judged(stage, on_price(stage, side * (edge + 1), side * size), "clearing: price outside band")


@pytest.mark.parametrize("side", [1, -1])
def test_settle_holds_the_residual_inside_its_cap(stage: Stage, side: int) -> None:
    stage.fund_pool()
    stage.venue.list_market(1, residual_cap_e8=5 * LOT)
    stage.venue.world.travel(1)
    low = PRICE_E8 * H_MIN // 10**6
    judged(stage, on_price(stage, side * low, side * 5 * LOT), "")
    judged(stage, on_price(stage, side * low, side * (5 * LOT + 1)), "clearing: residual cap")


@pytest.mark.parametrize("side", [1, -1])
def test_settle_holds_the_pool_inside_its_cap_unless_it_shrinks(stage: Stage, side: int) -> None:
    stage.fund_pool()
    stage.venue.list_market(1, position_cap_e8=5 * LOT)
    stage.venue.world.travel(1)
    low = PRICE_E8 * H_MIN // 10**6
    judged(stage, on_price(stage, side * low, side * (5 * LOT + 1)), "clearing: pool cap")
    assert_lands(stage, on_price(stage, side * low, side * 5 * LOT))
    # the cap falls below what it holds: it need not trade, may shrink, and may turn no farther
    stage.venue.list_market(1, position_cap_e8=2 * LOT)
    stage.venue.world.travel(1)
    judged(stage, on_price(stage, 0, 0), "")
    judged(stage, on_price(stage, side * low, side), "clearing: pool cap")
    judged(stage, on_price(stage, -side * low, -side), "")
    judged(stage, on_price(stage, -side * low, -side * 10 * LOT), "")
    judged(stage, on_price(stage, -side * low, -side * (10 * LOT + 1)), "clearing: pool cap")


def test_settle_strikes_only_with_every_market_of_the_pool_priced(stage: Stage) -> None:
    """Priced by the vector is enough, and a market the pool does not hold is not asked for."""
    low = ETHER_E8 * H_MIN // 10**6
    stage.fund_pool()
    stage.venue.world.travel(1)
    assert_lands(stage, stage.batch([stage.buy(market=2)], prices={2: ETHER_E8 + low}))
    assert stage.venue.clearing.pool_markets() == 1 << 2
    stage.books.put_index(2, -1)  # it stands beside the price in a mark
    stage.venue.world.travel(86_500)
    late: dict[str, Any] = {"priced": (1,)}
    blind = stage.batch(oracle={1: PRICE_E8}, **late)
    assert_refused(stage, blind, "clearing: strike misses a market")
    for price_e8 in (1, ETHER_E8):
        with stage.venue.world.anchored():
            batch = stage.batch(oracle=ORACLE | {2: price_e8}, **late)
            assert stage.venue.settle(batch).only("PoolStruck")["epoch"] == 2
            stage.books.check()
    stage.books.check()


def test_settle_lets_a_pool_without_capital_take_no_residual(stage: Stage) -> None:
    """Nothing to lose is nothing to trade with: the meter of no capital is always full."""
    lean = PRICE_E8 * H_MIN // 10**6
    stage.venue.world.travel(1)
    batch = stage.batch([stage.buy()], prices={1: PRICE_E8 + lean})
    assert_refused(stage, batch, "clearing: loss meter")
    stage.fund_pool()
    stage.venue.world.travel(1)
    assert_lands(stage, stage.batch([stage.buy()], prices={1: PRICE_E8 + lean}))


# -- fields --------


def test_settle_lets_a_funding_index_stand_still_at_the_end_of_its_field(stage: Stage) -> None:
    """A scale of 2^56 is too fine for a price of 60,000: two days at 10 % fill the index. Funding
    stops there; positions, withdrawals and strikes go on.
    """
    venue = stage.venue
    venue.list_market(
        3, name="FAST-USD", shift=56, rate_max_e9=10**8, velocity_e9=10**9, position_cap_e8=1000
    )
    oracle = {**ORACLE, 3: PRICE_E8}
    lean = PRICE_E8 * H_MIN // 10**6
    stage.fund_pool()
    venue.world.travel(1)
    plan = stage.buy(size_e8=1000, market=3)
    assert_lands(
        stage, stage.batch([plan], oracle=oracle, priced=(3,), prices={3: PRICE_E8 + lean})
    )
    for _ in range(5):
        venue.world.travel(3_600)
        assert_lands(stage, stage.batch(oracle=oracle, priced=(3,)))
    venue.world.travel(86_400)
    assert_lands(stage, stage.batch(oracle=oracle, priced=(3,)))
    venue.world.travel(86_000)
    oracle[3] = 2 * PRICE_E8
    assert_lands(stage, stage.batch(oracle=oracle, priced=(3,)))
    assert abs(venue.clearing.market_words(3 << 3) >> 192) == 2**63 - 1
    venue.world.travel(86_000)
    assert_lands(stage, stage.batch(oracle=oracle, priced=(3,)))
    stage.books.check()


def test_settle_reverts_on_a_plan_beyond_any_field(stage: Stage) -> None:
    """Fills of 2^64 - 1 lots are skipped for their size; the backstop cannot take them."""
    stage.venue.world.travel(1)
    plans = [
        stage.sell(size_e8=2**62 - 1, fill_e8=2**64 - 1),
        stage.sell(stage.third, size_e8=2**62 - 1, fill_e8=2**64 - 1),
    ]
    lean = -(PRICE_E8 * 50_000 // 10**6)
    batch = stage.batch(plans, prices={1: PRICE_E8 + lean})
    assert_refused(stage, batch, "clearing: backstop margin")
