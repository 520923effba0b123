# SPDX-License-Identifier: Apache-2.0
"""Funding over ten years at the cap: contract, engine and twin keep one index, and nothing stops.

Gaps from a second to a year, prices from the least to the largest a limit may have, the rate's cap
and velocity at what Governance admits, at the smallest, a usual and the largest scale. After each
batch the contract's words are the engine's and the twin's, from the words before it; in the end
everybody leaves, and what payers paid is what receivers and the pool got and the pot holds.
"""

from __future__ import annotations

import random

import pytest
from tests.support.evm import a_key
from tests.support.stage import ETHER_E8, ORACLE, Stage, set_up
from tests.support.venue import DOLLAR, LOT, PRICE_E8, a_venue

from infold.core import funding
from infold.reference.margin import credit as twin_credit
from infold.reference.margin import funded_index
from infold.reference.words import Clock as TwinClock
from infold.reference.words import Rates as TwinRates
from infold.units import GUARD_MS
from infold.words import (
    ClockWord,
    pack_clock,
    pack_rates,
    unpack_caps,
    unpack_clock,
    unpack_rates,
)

SEED = 17
YEAR_S = 31_557_600
TEN_YEARS_S = 10 * YEAR_S
GAPS_S = (1, 59, 3_600, 86_400, 30 * 86_400, YEAR_S)
PRICE_E8_MAX = 2**53
I64_MAX = 2**63 - 1
MARKET = 3
"""A market of its own, so that its scale can be chosen."""


def a_market_at_the_cap(shift: int) -> Stage:
    """Ten per cent a day, reached within hours at a full pool."""
    stage = set_up(a_venue(epoch_ms=2 * TEN_YEARS_S * 1000))
    stage.venue.list_market(
        MARKET,
        name="TEN-YEARS",
        shift=shift,
        rate_max_e9=10**8,
        velocity_e9=10**9,
        position_cap_e8=LOT,
        residual_cap_e8=LOT,
        slope_e20=0,
    )
    stage.fund_pool()
    return stage


def clock_of(stage: Stage) -> ClockWord:
    return unpack_clock(stage.venue.clearing.market_words(MARKET * 8))


@pytest.mark.parametrize("side", [1, -1], ids=["longs pay", "shorts pay"])
@pytest.mark.parametrize("shift", [20, 40, 90])
def test_ten_years_at_the_cap_are_the_same_three_times_and_end_for_everybody(
    shift: int, side: int
) -> None:
    stage = a_market_at_the_cap(shift)
    venue, world = stage.venue, stage.venue.world
    lean_e8 = side * -(-PRICE_E8 * 500 // 10**6)
    oracle = ORACLE | {MARKET: PRICE_E8}
    stage.settle(
        [stage.fill(stage.buyer, side > 0, LOT, market=MARKET)],
        oracle=oracle,
        prices={MARKET: PRICE_E8 + lean_e8},
        priced=(MARKET,),
    )
    rng = random.Random(SEED)
    rates = unpack_rates(venue.clearing.parameter_words(MARKET * 8 + 4 * clock_of(stage).version))
    caps = unpack_caps(venue.clearing.parameter_words(MARKET * 8 + 4 * clock_of(stage).version + 1))
    start_s, still = world.timestamp_s, 0
    while world.timestamp_s < start_s + TEN_YEARS_S:
        before, pool = clock_of(stage), stage.pool(MARKET)
        pot_e6 = stage.ledger(MARKET).pot_e6
        world.travel(rng.choice(GAPS_S))
        price_e8 = rng.choice((1, PRICE_E8 // 3, PRICE_E8, PRICE_E8 * 5, PRICE_E8_MAX))
        venue.settle(stage.batch(oracle=oracle | {MARKET: price_e8}, priced=(MARKET,)))
        after = clock_of(stage)
        said = f"seed {SEED}: {before} -> {after} at {price_e8}"

        index = funding.index_at(before, price_e8, world.now_ms, shift)
        twin = TwinClock.of(pack_clock(before))
        assert index == funded_index(
            twin, TwinRates.of(pack_rates(rates)), price_e8, world.now_ms
        ), said
        assert after.funding_index == index, said
        dt_ms = funding.since_ms(before, world.now_ms)
        assert after.rate_e9 == funding.next_rate(
            before.rate_e9, pool.base_e8, dt_ms, rates, caps
        ), said
        assert abs(after.rate_e9) <= rates.rate_max_e9
        due_e6 = funding.credit(pool.base_e8, index - before.funding_index, shift)
        assert due_e6 == twin_credit(pool.base_e8, index - before.funding_index, shift), said
        assert stage.pool(MARKET).quote_e6 - pool.quote_e6 == due_e6, said
        assert stage.ledger(MARKET).pot_e6 == pot_e6 - due_e6, said
        still += index == before.funding_index
        assert (index - before.funding_index) * side >= 0, said
    assert clock_of(stage).rate_e9 == side * 10**8
    if shift == 90:
        assert abs(clock_of(stage).funding_index) >= I64_MAX, "the end of the field was not reached"
        assert still > 0
    stage.books.check()
    everybody_leaves(stage, oracle)


def everybody_leaves(stage: Stage, oracle: dict[int, int]) -> None:
    """A claim of somebody flat, the payer's liquidation, and what is left closed to the unit."""
    venue, world = stage.venue, stage.venue.world
    venue.clearing.request_withdrawal(stage.third, 1_000 * DOLLAR, sender=a_key("third"))
    world.travel(GUARD_MS // 1000 + 16)
    shown = venue.presented(venue.a_vector({MARKET: PRICE_E8, 2: ETHER_E8}))
    paid = venue.clearing.claim_withdrawal(stage.third, *shown, sender=a_key("keeper")).value
    assert paid == 1_000 * DOLLAR
    equity_e6, margin_e6 = venue.recovery.health(*shown, stage.buyer)
    if equity_e6 < margin_e6:
        venue.recovery.liquidate(*shown, stage.buyer, 0, 0, sender=a_key("keeper"))
    else:
        base_e8 = stage.position(stage.buyer).base_e8
        side = -1 if base_e8 > 0 else 1
        stage.settle(
            [stage.fill(stage.buyer, side > 0, abs(base_e8), market=MARKET)],
            oracle=oracle,
            prices={MARKET: PRICE_E8 + side * -(-PRICE_E8 * 500 // 10**6)},
            priced=(MARKET,),
        )
    assert stage.account(stage.buyer).mask == 0
    stage.settle(oracle=oracle, priced=(MARKET,))
    assert stage.pool(MARKET).base_e8 == 0
    assert 0 <= stage.ledger(MARKET).pot_e6 <= 400, "less than a unit a batch"
