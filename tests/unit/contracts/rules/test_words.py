# SPDX-License-Identifier: Apache-2.0
"""Rules.close, shrink and pool_value on words at random and at the bounds of their fields, against
arithmetic in fractions that shares no code with them."""

from __future__ import annotations

import math
import random
from fractions import Fraction
from typing import Any

import pytest
from tests.support.evm import Contract, refuses

from infold.words import (
    CapsWord,
    ClockWord,
    LedgerWord,
    MeterWord,
    PoolWord,
    PositionWord,
    RatesWord,
    pack_caps,
    pack_clock,
    pack_ledger,
    pack_meter,
    pack_pool,
    pack_position,
    pack_rates,
    unpack_clock,
    unpack_ledger,
    unpack_meter,
    unpack_pool,
    unpack_position,
)

SEED = 20_261_124
EXAMPLES = 250
DAY_MS = 86_400_000
SHIFT = 40
Market = tuple[int, int, int, int, int, int, int]


def a_market(
    *,
    clock: ClockWord = ClockWord(),
    pool: PoolWord = PoolWord(),
    meter: MeterWord = MeterWord(),
    ledger: LedgerWord = LedgerWord(),
    incoming: PoolWord = PoolWord(),
    rates: RatesWord = RatesWord(h0_e6=1_000, band_e6=100_000, shift=SHIFT),
    caps: CapsWord = CapsWord(0, 2**60 - 1, 2**60 - 1, 15, 2**60 - 1),
) -> Market:
    """`IRules.Market`; nothing stands in the way unless told otherwise."""
    return (
        pack_clock(clock),
        pack_pool(pool),
        pack_meter(meter),
        pack_ledger(ledger),
        pack_pool(incoming),
        pack_rates(rates),
        pack_caps(caps),
    )


def a_mark(oracle: int, index: int = 0, shift: int = SHIFT, market: int = 3) -> int:
    """A mark with a market, a price and a funding index, as `shrink` reads it."""
    return market << 240 | oracle << 144 | (index & 2**64 - 1) << 80 | shift << 12


def sums(interest: int, credits: int, realised: int) -> int:
    """A deal's ledger entries in one word."""
    return (interest << 192) + (credits << 96) + realised


def a_plan(**changes: int) -> tuple[int, ...]:
    """`IRules.Plan`, nothing traded."""
    fields = {
        "time": 10**9,
        "oracle": 10**10,
        "price": 10**10,
        "index": 0,
        "gross": 2**60,
        "volume": 0,
        "quote": 0,
        "fees": 0,
        "ledger": 0,
        "capacity": 10**15,
        "level": 0,
    }
    assert changes.keys() <= fields.keys()
    return tuple((fields | changes).values())


def test_close_does_what_the_page_says_at_random(rules: Contract) -> None:
    """Every field of every word after a batch, section 5.6, rounded as the page says."""
    rng = random.Random(SEED)
    for _ in range(EXAMPLES):
        stamp = rng.choice((0, 10**9 - rng.randrange(1, 5 * 10**6)))
        flagged = rng.random() < 0.4
        clock = ClockWord(
            funding_index=rng.randrange(-(2**50), 2**50),
            rate_e9=rng.randrange(-(10**7), 10**7),
            price_e8=rng.choice((0, rng.randrange(9 * 10**9, 11 * 10**9))),
            time_ms=stamp,
            activation_s=rng.randrange(2**32),
            version=rng.randrange(2),
            flags=int(flagged),
        )
        pool = PoolWord(
            rng.choice((0, rng.randrange(-(10**12), 10**12))), rng.randrange(-(10**15), 10**15)
        )
        incoming = PoolWord(
            rng.choice((0, rng.randrange(-(10**12), 10**12))), rng.randrange(-(10**15), 10**15)
        )
        meter = MeterWord(
            rng.randrange(10**12),
            rng.randrange(-(10**12), 10**12),
            rng.randrange(10**12, 10**13),
            rng.choice((0, rng.randrange(10**12), 2**64 - 1)),
        )
        ledger = LedgerWord(
            rng.randrange(-(10**15), 10**15),
            rng.randrange(10**15),
            rng.randrange(-(10**15), 10**15),
        )
        velocity, bound, cap = rng.randrange(10**9), rng.randrange(1, 10**8), 10**12
        rates = RatesWord(
            h0_e6=100_000,
            band_e6=100_000,
            shift=SHIFT,
            rate_max_e9=bound,
            velocity_e9=velocity,
            rebate=rng.choice((0, 8)),
        )
        caps = CapsWord(0, 2**60 - 1, cap, 15, 2**60 - 1)
        residual = rng.choice((0, pool.base_e8, rng.randrange(-(10**11), 10**11)))
        if abs(pool.base_e8 - residual) > cap:
            residual = pool.base_e8
        sold = rng.randrange(10**12)
        bought = sold + residual
        if bought < 0:
            sold, bought = -residual, 0
        oracle = rng.randrange(95 * 10**8, 105 * 10**8)
        lean = rng.randrange(0, oracle // 20) * ((residual > 0) - (residual < 0))
        index = clock.funding_index + rng.randrange(-(2**45), 2**45)
        quote = rng.randrange(-(10**14), 10**14)
        fees, capacity, level = rng.randrange(10**12), 10**15, rng.randrange(10**12)
        entries = (rng.randrange(-(10**11), 10**11), rng.randrange(-(10**12), 10**12),
                   rng.randrange(-(10**12), 10**12))  # fmt: skip
        plan = a_plan(
            oracle=oracle,
            price=oracle + lean,
            index=index,
            gross=bought,
            volume=bought << 128 | sold,
            quote=quote,
            fees=fees,
            ledger=sums(*entries),
            capacity=capacity,
            level=level,
        )
        market = a_market(
            clock=clock, pool=pool, meter=meter, ledger=ledger, incoming=incoming, rates=rates,
            caps=caps,
        )  # fmt: skip
        words, level_after, cashed = rules.close(market, plan)

        dt = 10**9 - stamp if stamp else 0
        taken = residual * -lean + (meter.recent_e8 * (oracle - clock.price_e8)
                                    if clock.price_e8 else 0)  # fmt: skip
        loss = math.trunc(Fraction(taken, 10**10))
        bucket = max(0, meter.bucket_e6 - capacity * dt // (4 * DAY_MS) + loss)
        recent = math.trunc(Fraction(meter.recent_e8 * max(0, 120_000 - dt), 120_000)) + residual
        earning = pool.base_e8 + (incoming.base_e8 if flagged else 0)
        credit = math.floor(Fraction(-earning * (index - clock.funding_index), 2**SHIFT))
        base, held = pool.base_e8 - residual, pool.quote_e6 + credit - quote
        drift = Fraction(max(-cap, min(cap, -base)) * velocity * min(dt, 3_600_000), cap * DAY_MS)
        rate = max(-bound, min(bound, clock.rate_e9 + math.trunc(drift)))
        if flagged:
            base, held = base + incoming.base_e8, held + incoming.quote_e6
        gained = 0
        if base == 0 and (pool.base_e8 != 0 or flagged):
            gained, held = held, 0
        said = f"seed {SEED}: {clock} {pool} {incoming} {plan}"
        assert unpack_clock(words[0]) == clock._replace(
            funding_index=index, rate_e9=rate, price_e8=oracle, time_ms=10**9, flags=0
        ), said
        assert unpack_pool(words[1]) == (base, held), said
        interest = meter.open_interest_e8 + entries[0]
        spread = math.floor(Fraction(residual * lean, 10**10))
        earned = min(2**64 - 1, max(0, meter.earned_e6 + spread))
        assert unpack_meter(words[2]) == (bucket, recent, interest, earned), said
        assert unpack_ledger(words[3]) == (
            ledger.realised_e6 + entries[2] + gained,
            ledger.fees_e6 + fees,
            ledger.pot_e6 - entries[1] - credit,
        ), said
        assert words[4] == 0 and tuple(words[5:]) == market[5:], said
        assert (level_after, cashed) == (max(0, level + loss), gained), said


def test_a_flat_pool_keeps_its_dust_until_it_next_closes(rules: Contract) -> None:
    dusty = a_market(pool=PoolWord(0, 3))
    words, _, cashed = rules.close(dusty, a_plan(quote=-1))
    assert (unpack_pool(words[1]), cashed) == (PoolWord(0, 4), 0)
    flagged = a_market(pool=PoolWord(0, 3), clock=ClockWord(flags=1), incoming=PoolWord(0, 5))
    words, _, cashed = rules.close(flagged, a_plan())
    assert (words[1], cashed) == (0, 8)


@pytest.mark.parametrize(
    ("market", "plan"),
    [
        ({"pool": PoolWord(0, 2**87 - 1)}, {"quote": -1}),
        ({"pool": PoolWord(0, -(2**87))}, {"quote": 1}),
        ({"ledger": LedgerWord(2**87 - 1, 0, 0)}, {"ledger": 1}),
        ({"ledger": LedgerWord(0, 2**80 - 1, 0)}, {"fees": 1}),
        ({"ledger": LedgerWord(0, 0, 2**87 - 1)}, {"ledger": sums(0, -1, 0)}),
        ({"meter": MeterWord(0, 0, 2**64 - 1)}, {"ledger": sums(1, 0, 0)}),
    ],
    ids=["pool up", "pool down", "realised", "fees", "pot", "open interest"],
)
def test_close_reverts_where_a_sum_outgrows_its_field(
    rules: Contract, market: dict[str, Any], plan: dict[str, int]
) -> None:
    rules.close(a_market(**market), a_plan())
    with refuses(rules.world, "packing: field overflow"):
        rules.close(a_market(**market), a_plan(**plan))


def test_shrink_does_what_the_page_says_at_random_and_at_the_bounds(rules: Contract) -> None:
    """Section 7: funding to the mark's index, floor for the owner, the opposite for incoming, which
    gives back what the next batch will pay it for the time before."""
    rng = random.Random(SEED)
    for _ in range(EXAMPLES):
        base = rng.choice((1, -1, 2**62 - 1, 1 - 2**62, rng.randrange(-(2**60), 2**60) or 5))
        size = rng.choice((1, abs(base), rng.randrange(1, abs(base) + 1)))
        change = -size if base > 0 else size
        quote = rng.choice((0, 2**60 - 1, 1 - 2**60, rng.randrange(-(2**59), 2**59)))
        entered, index = (rng.randrange(-(2**60), 2**60) for _ in range(2))
        stored = rng.choice((index, rng.randrange(-(2**60), 2**60)))
        oracle = rng.randrange(1, 10**13)
        position = PositionWord(rng.randrange(1, 256), base, quote, entered, 0)
        incoming = PoolWord(rng.randrange(-(10**12), 10**12), rng.randrange(-(10**15), 10**15))
        interest = 2**63
        ledger = LedgerWord(0, 7, 0)
        clock = ClockWord(funding_index=stored, flags=1, time_ms=5, price_e8=9)
        market = a_market(
            clock=clock,
            meter=MeterWord(3, -4, interest, 5),
            ledger=ledger,
            incoming=incoming if abs(base) < 2**61 else PoolWord(),
            rates=RatesWord(shift=60, mm_e6=25_000),
            caps=CapsWord(position_cap_e8=2**62),
        )
        given = incoming if abs(base) < 2**61 else PoolWord()
        lean, mm = rng.choice((0, 1, 50_000)), 25_000
        charge = rng.randrange(min(2**64, -(-size * oracle * mm // 10**16)) + 1)
        terms = lean << 160 | charge << 32 | 17
        mark = a_mark(oracle, index, 60, position.market)
        words, after, realised, *_ = rules.shrink(
            market, pack_position(position), mark, change, terms, 0, 0
        )
        credit = math.floor(Fraction(-base * (index - entered), 2**60))
        moved = math.floor(Fraction(-change * oracle, 10**10))
        moved -= math.ceil(Fraction(size * oracle * lean, 10**16))
        money = quote + credit + moved - charge
        said = f"seed {SEED}: {position} {change} {oracle}"
        if base + change == 0:
            assert (after, realised) == (0, money), said
        else:
            assert realised == 0, said
            assert unpack_position(after) == (position.market, base + change, money, index, 0), said
        early = math.floor(Fraction(-change * (index - stored), 2**60))
        waiting = given.quote_e6 - moved + early
        assert unpack_pool(words[4]) == (given.base_e8 - change, waiting), said
        assert unpack_ledger(words[3]) == (realised + charge, 7, -credit - early), said
        less = max(base, 0) - max(base + change, 0)
        assert unpack_meter(words[2]) == (3, -4, interest - less, 5), said
        assert unpack_clock(words[0]) == clock, said


def test_shrink_refuses_what_does_not_shrink_and_what_has_no_price(rules: Contract) -> None:
    for base, changes in ((5, (0, 1, -6)), (-5, (0, -1, 6))):
        word = pack_position(PositionWord(1, base, 0, 0, 0))
        market = a_market(meter=MeterWord(0, 0, 100))
        for change in changes:
            with refuses(rules.world, "clearing: apply must shrink"):
                rules.shrink(market, word, a_mark(10), change, 0, 0, 0)
        good = -1 if base > 0 else 1
        with refuses(rules.world, "clearing: no price"):
            rules.shrink(market, word, a_mark(0), good, 0, 0, 0)
        rules.shrink(market, word, a_mark(10), good, 0, 0, 0)


def test_shrink_sets_the_flag_of_a_market_that_had_nothing_coming(rules: Contract) -> None:
    word = pack_position(PositionWord(1, 5, 0, 0, 0))
    words, *_ = rules.shrink(a_market(meter=MeterWord(0, 0, 9)), word, a_mark(10**10), -5, 0, 0, 0)
    assert unpack_clock(words[0]).flags == 1
    assert unpack_pool(words[4]) == (5, -5)


def test_pool_value_is_position_funding_and_incoming_at_the_mark(rules: Contract) -> None:
    rng = random.Random(SEED)
    for _ in range(EXAMPLES):
        pool = PoolWord(rng.randrange(-(2**61), 2**61), rng.randrange(-(2**80), 2**80))
        incoming = PoolWord(rng.randrange(-(2**61), 2**61), rng.randrange(-(2**80), 2**80))
        flagged = rng.random() < 0.5
        stored, index = (rng.randrange(-(2**62), 2**62) for _ in range(2))
        price, shift = rng.randrange(1, 10**14), rng.randrange(20, 91)
        im_e6, interest = rng.randrange(2**20), rng.randrange(2**62)
        mark = price << 144 | (index & (2**64 - 1)) << 80 | im_e6 << 60
        mark |= shift << 12 | rng.randrange(2**12)
        market = a_market(
            clock=ClockWord(funding_index=stored, flags=int(flagged)),
            pool=pool,
            incoming=incoming,
            meter=MeterWord(open_interest_e8=interest),
        )
        base, quote = pool.base_e8, pool.quote_e6
        if flagged:
            base, quote = base + incoming.base_e8, quote + incoming.quote_e6
        quote += math.floor(Fraction(-base * (index - stored), 2**shift))
        value = math.floor(Fraction(base * price, 10**10)) + quote
        whole = interest + max(base, 0)
        locked = math.ceil(Fraction(whole * price * im_e6, 10**16))
        assert rules.pool_value(market, mark) == (value, locked), (
            f"seed {SEED}: {pool} {incoming} {mark}"
        )


def test_shrink_refuses_terms_beyond_what_recovery_may_ask(rules: Contract) -> None:
    """1 unit at 100: notional 100, maintenance 2.5, a fee of 5 cents; 5 % to the pool at most."""
    word = pack_position(PositionWord(1, 10**8, 0, 0, 0))
    market = a_market(
        meter=MeterWord(0, 0, 10**9), rates=RatesWord(mm_e6=25_000, fee_e6=500, shift=SHIFT)
    )
    mark = a_mark(100 * 10**8)
    good = 50_000 << 160 | 50_000 << 96 | 2_500_000 << 32
    rules.shrink(market, word, mark, -(10**8), good, 0, 0)
    for more in (1 << 160, 1 << 96, 1 << 32):
        with refuses(rules.world, "clearing: terms too harsh"):
            rules.shrink(market, word, mark, -(10**8), good + more, 0, 0)


@pytest.mark.parametrize(("pool", "waiting"), [(70, 0), (30, 40), (-90, 0), (-90, 20)])
def test_shrink_keeps_the_pool_inside_its_cap_with_what_waits(
    rules: Contract, pool: int, waiting: int
) -> None:
    """A cap of 100 lots: a pool long 70 takes 30 more of a long; one short 90 takes 190."""
    word = pack_position(PositionWord(1, 1_000, 0, 0, 0))
    market = a_market(
        clock=ClockWord(flags=1),
        meter=MeterWord(0, 0, 1_000),
        pool=PoolWord(pool),
        incoming=PoolWord(waiting),
        caps=CapsWord(position_cap_e8=100),
    )
    room = 100 - pool - waiting
    words, *_ = rules.shrink(market, word, a_mark(10), -room, 0, 0, 0)
    assert unpack_pool(words[4]).base_e8 == waiting + room
    with refuses(rules.world, "clearing: pool cap"):
        rules.shrink(market, word, a_mark(10), -room - 1, 0, 0, 0)


def owed(closed: int, total: int, price: int, index: int = 0, long: bool = True) -> int:
    """A deleveraging's word."""
    return closed << 192 | long << 191 | total << 128 | price << 64 | index & 2**64 - 1


def test_fold_does_what_the_page_says_at_random_and_at_the_bounds(rules: Contract) -> None:
    rng = random.Random(SEED)
    for _ in range(EXAMPLES):
        base = rng.choice([1, -1]) * rng.choice([1, 2**62 - 1, rng.randrange(1, 2**62)])
        total = rng.choice([abs(base), rng.randrange(abs(base), 2**62 + 1)])
        closed = rng.choice([1, total, rng.randrange(1, total + 1)])
        price, entered, index = rng.randrange(1, 2**58), *(rng.randrange(2**61) for _ in range(2))
        quote, bit = rng.randrange(-(2**59), 2**59), rng.randrange(2)
        position = PositionWord(5, base, quote, entered, 6 | bit)
        transit = PoolWord(rng.randrange(-(2**61), 2**61), rng.randrange(-(2**80), 2**80))
        market = a_market(rates=RatesWord(shift=60), ledger=LedgerWord(0, 7, 0))
        words, after, realised, left, events, nothing = rules.shrink(
            market,
            pack_position(position),
            0,
            owed(closed, total, price, index, base > 0),
            1 << 254 | 8 << 96,
            pack_pool(transit),
            99,
        )
        side = 1 if base > 0 else -1
        part = min(abs(base), math.ceil(Fraction(abs(base) * closed, total)))
        credit = math.floor(Fraction(-base * (index - entered), 2**60))
        moved = math.floor(Fraction(side * part * price, 10**10))
        said = f"seed {SEED}: {position} {closed} of {total} at {price}"
        if part == abs(base):
            assert (after, realised) == (0, quote + credit + moved), said
        else:
            expected = (5, base - side * part, quote + credit + moved, index, 8 | bit)
            assert (unpack_position(after), realised) == (expected, 0), said
        assert unpack_pool(left) == (transit.base_e8 + side * part, transit.quote_e6 - moved), said
        assert unpack_ledger(words[3]) == (realised, 7, -credit), said
        assert (events, nothing) == (99, 0)


def test_fold_is_of_the_positions_own_side_and_writes_a_field_alone(rules: Contract) -> None:
    fold = 1 << 254 | 9 << 96
    for base in (5, -5, 0):
        word = pack_position(PositionWord(1, base, 3, 4, 2))
        with refuses(rules.world, "clearing: not of this side"):
            rules.shrink(a_market(), word, 0, owed(1, 5, 10, long=base <= 0), fold, 0, 0)
        words, after, *rest = rules.shrink(a_market(), word, 0, 0, fold, 7, 8)
        assert unpack_position(after) == (1, base, 3, 4, 9)
        assert (tuple(words), rest) == (a_market(), [0, 7, 8, 0])


def test_a_spread_is_at_a_price_within_maintenance_margin(rules: Contract) -> None:
    word = pack_position(PositionWord(1, 1_000, 0, 0, 0))
    market = a_market(meter=MeterWord(0, 0, 1_000), rates=RatesWord(mm_e6=25_000, shift=SHIFT))
    for price, fits in ((975, True), (1_025, True), (974, False), (1_026, False)):
        terms = 1 << 253 | price << 160
        if fits:
            *_, event, left = rules.shrink(market, word, a_mark(1_000), -10, terms, 0, 0)
            assert (event, left) == (2 << 48 | 2, owed(10, 1_000, price, long=False))
        else:
            with refuses(rules.world, "clearing: terms too harsh"):
                rules.shrink(market, word, a_mark(1_000), -10, terms, 0, 0)


def test_what_interest_locks_is_rounded_up_from_nothing_but_a_part(rules: Contract) -> None:
    """5 % of 100 lots at 100 dollars are 5 units exactly; a lot more is a part of the sixth."""
    mark = a_mark(10**10) | 50_000 << 60
    for interest, locked in ((100, 5), (101, 6), (120, 6)):
        market = a_market(meter=MeterWord(open_interest_e8=interest))
        assert rules.pool_value(market, mark) == (0, locked)


@pytest.mark.parametrize("bucket_e6", [1, 2**63, 2**64 - 1])
def test_buckets_keep_their_last_unit_in_all_of_their_bits(rules: Contract, bucket_e6: int) -> None:
    market = a_market(meter=MeterWord(bucket_e6=bucket_e6))
    words, level, _ = rules.close(market, a_plan(level=bucket_e6))
    assert (unpack_meter(words[2]).bucket_e6, level) == (bucket_e6, bucket_e6)


def test_the_loss_meter_is_full_at_its_capacity(rules: Contract) -> None:
    """Of all markets together, or a quarter of it in one."""
    for bucket, level in ((249, 999), (250, 0), (0, 1_000)):
        market = a_market(meter=MeterWord(bucket_e6=bucket))
        plan = a_plan(volume=1 << 128, capacity=1_000, level=level)
        if bucket < 250 and level < 1_000:
            rules.close(market, plan)
        else:
            with refuses(rules.world, "clearing: loss meter"):
                rules.close(market, plan)


def test_what_joins_the_pool_leaves_transit_and_events_and_nothing_to_fold(rules: Contract) -> None:
    word = pack_position(PositionWord(1, 5, 0, 0, 0))
    market = a_market(meter=MeterWord(0, 0, 9))
    _, _, _, transit, events, left = rules.shrink(market, word, a_mark(10**10), -5, 0, 7, 8)
    assert (transit, events, left) == (7, 8, 0)


def test_deleveragings_are_counted_in_24_bits(rules: Contract) -> None:
    word = pack_position(PositionWord(1, 1_000, 0, 0, 0))
    market = a_market(meter=MeterWord(0, 0, 1_000), rates=RatesWord(mm_e6=25_000, shift=SHIFT))
    terms = 1 << 253 | 1_000 << 160
    for last in (2**23 - 2, 2**23, 2**24 - 4):
        *_, events, _ = rules.shrink(market, word, a_mark(1_000), -10, terms, 0, last << 24 | last)
        assert events == (last + 2) << 48 | last << 24 | last + 2
    with refuses(rules.world, "packing: field overflow"):
        rules.shrink(market, word, a_mark(1_000), -10, terms, 0, 2**24 - 2)
    _, after, *_ = rules.shrink(market, word, 0, 0, 1 << 254 | 2**24 - 1 << 96, 0, 0)
    assert unpack_position(after).event == 2**24 - 1


@pytest.mark.parametrize(
    ("base", "after"), [(1, 8 << 48 | 4 << 24 | 8), (-1, 6 << 48 | 8 << 24 | 8)]
)
def test_a_deleveraging_is_the_last_of_its_side_and_leaves_the_other_its_own(
    rules: Contract, base: int, after: int
) -> None:
    word = pack_position(PositionWord(1, base, 0, 0, 0))
    market = a_market(meter=MeterWord(0, 0, 1_000), rates=RatesWord(mm_e6=25_000, shift=SHIFT))
    terms, before = 1 << 253 | 1_000 << 160, 6 << 48 | 4 << 24 | 6
    *_, events, _ = rules.shrink(market, word, a_mark(1_000), -base, terms, 0, before)
    assert events == after


@pytest.mark.parametrize("side", [1, -1])
def test_a_pool_gives_up_its_part_of_a_side_and_who_folds_the_rest(
    rules: Contract, side: int
) -> None:
    """It holds 500 of the 1,500 on the other side of a position that closes 30."""
    word = pack_position(PositionWord(1, side * 1_000, 0, 0, 0))
    market = a_market(
        pool=PoolWord(-side * 500),
        meter=MeterWord(0, 0, 1_500 if side > 0 else 1_000),
        rates=RatesWord(mm_e6=25_000, shift=SHIFT),
    )
    terms = 1 << 253 | 1_000 << 160
    words, *_, left = rules.shrink(market, word, a_mark(1_000), -side * 30, terms, 0, 0)
    assert left == owed(20, 1_000, 1_000, long=side < 0)
    assert unpack_pool(words[4]).base_e8 == side * 10


def test_a_pool_beyond_its_cap_may_be_turned_as_far_the_other_way(rules: Contract) -> None:
    word = pack_position(PositionWord(1, 1_000, 0, 0, 0))
    market = a_market(
        meter=MeterWord(0, 0, 1_000), pool=PoolWord(-150), caps=CapsWord(position_cap_e8=100)
    )
    rules.shrink(market, word, a_mark(10), -300, 0, 0, 0)
    with refuses(rules.world, "clearing: pool cap"):
        rules.shrink(market, word, a_mark(10), -301, 0, 0, 0)


def test_close_holds_a_batch_to_the_gross_it_names(rules: Contract) -> None:
    rules.close(a_market(), a_plan(gross=10, volume=10 << 128 | 10))
    with refuses(rules.world, "clearing: gross exceeded"):
        rules.close(a_market(), a_plan(gross=10, volume=11 << 128 | 11))


def test_close_holds_a_price_to_the_whole_slope_of_its_curve(rules: Contract) -> None:
    """1 % for ten lots: half of the slope is the marginal lot's, for the mean of all."""
    market = a_market(
        rates=RatesWord(band_e6=100_000, shift=SHIFT),
        caps=CapsWord(2 * 10**9, 2**60 - 1, 2**60 - 1, 15, 2**60 - 1),
    )
    bought = 10**9 << 128
    rules.close(market, a_plan(volume=bought, price=10**10 + 10**8))
    with refuses(rules.world, "clearing: price beyond curve"):
        rules.close(market, a_plan(volume=bought, price=10**10 + 10**8 + 1))


@pytest.mark.parametrize("side", [1, -1])
def test_a_rate_follows_a_skew_of_one_lot_where_that_is_the_cap(rules: Contract, side: int) -> None:
    market = a_market(
        clock=ClockWord(time_ms=10**9 - 3_600_000),
        pool=PoolWord(side * 5),
        rates=RatesWord(h0_e6=1_000, band_e6=100_000, rate_max_e9=10**9, velocity_e9=10**9),
        caps=CapsWord(0, 2**60 - 1, 1, 15, 2**60 - 1),
    )
    words, *_ = rules.close(market, a_plan())
    assert unpack_clock(words[0]).rate_e9 == -side * (10**9 * 3_600_000 // DAY_MS)


@pytest.mark.parametrize(("base", "funding"), [(1, -1), (-1, 0), (2**SHIFT, -1), (-(2**SHIFT), 1)])
def test_the_smallest_part_of_funding_is_paid_and_not_received(
    rules: Contract, base: int, funding: int
) -> None:
    market = a_market(pool=PoolWord(base))
    value, _ = rules.pool_value(market, a_mark(10**10, index=1))
    assert value == base + funding
