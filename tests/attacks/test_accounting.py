# SPDX-License-Identifier: Apache-2.0
"""Group D, the venue's own sums: decimals, fields, division and funding.

The pool's part of the group is `test_pool.py`, odd tokens' `test_reentrancy.py`. Funding over any
gap is a property of its own; here it meets the doors that it must never brick.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Refused, a_key, refuses
from tests.support.stage import BUYER, ETHER_E8, ORACLE, RICH_E6, SELLER, Stage, set_up
from tests.support.venue import DEPLOYER, DOLLAR, LOT, PRICE_E8, Venue, a_venue, parameters

from infold.words import unpack_clock

PAYER, KEEPER, KEY = a_key("payer"), a_key("keeper"), a_key("session key")
FEE_E6, H_MIN_E6 = 500, 500
YEAR_S = 365 * 86_400
U64, U48 = 2**64 - 1, 2**48 - 1
I64_MAX = 2**63 - 1


# -- D11: decimals --------


def test_D11_nothing_asks_a_token_for_its_decimals() -> None:
    """A token that has no `decimals` at all serves as one of six: units are the token's smallest,
    so every count of decimals gives the same words. Both venues are new: orders of one that other
    tests have used have other numbers.
    """
    odd = compiled_at(ROOT / "tests" / "support" / "contracts" / "OddToken.vy")
    assert "decimals" not in {entry.get("name") for entry in odd.abi}
    usual = set_up(a_venue(epoch_ms=86_400_000))
    other = set_up(a_venue(epoch_ms=86_400_000, token=odd))
    for one in (usual, other):
        one.fund_pool()
        one.settle([one.buy(size_e8=LOT + 7), one.sell(size_e8=LOT)], prices=_up())
        one.venue.clearing.request_withdrawal(one.seller, 123_456_789, sender=SELLER)
        one.venue.world.travel(19)
        vector = one.venue.presented(one.venue.a_vector(ORACLE))
        one.venue.clearing.claim_withdrawal(one.seller, *vector, sender=PAYER)
        one.books.check()
    assert usual.books.state() == other.books.state()


@pytest.mark.parametrize("decimals", [8, 18, 30])
def test_D11_amounts_of_more_decimals_are_refused_before_they_are_cut(
    stage: Stage, decimals: int
) -> None:
    """A fortune in a token of 18 decimals has no room in a word: it is not taken, and not cut."""
    venue = stage.venue
    amount = 10**13 * 10**decimals
    venue.fund(PAYER, amount)
    for act in (
        lambda: venue.clearing.deposit(stage.buyer, amount, sender=PAYER),
        lambda: venue.clearing.open_account(PAYER.address, amount, sender=PAYER),
    ):
        with refuses(venue.world, "clearing: amount too large"):
            act()
    with refuses(venue.world, "pool: amount too large"):
        venue.ask_in(PAYER, amount)


def _up() -> dict[int, int]:
    return {1: PRICE_E8 + PRICE_E8 * H_MIN_E6 // 10**6}


# -- D12: fields --------


def _opened_with(venue: Venue, amount_e6: int) -> None:
    venue.clearing.open_account(PAYER.address, amount_e6, sender=PAYER)


def _grant(venue: Venue, notional_e6: int, expiry_ms: int, markets: int = 1) -> None:
    venue.delegates.grant(17, KEY.address, markets, notional_e6, expiry_ms, sender=BUYER)


def _caps(venue: Venue, cap_e8: int) -> None:
    wide = {"residual_cap_e8": cap_e8, "position_cap_e8": cap_e8, "interest_cap_e8": cap_e8}
    venue.governance.set_market(3, parameters(name="X-USD", slope_e20=0, **wide), sender=DEPLOYER)


FIELDS: dict[str, tuple[Callable[[Venue, int], object], int, str]] = {
    "collateral i64": (_opened_with, I64_MAX, "clearing: amount too large"),
    "cancel slot u8": (
        lambda venue, most: venue.clearing.cancel(17, most, 1, sender=BUYER),
        255,
        "clearing: out of range",
    ),
    "cancel seq u32": (
        lambda venue, most: venue.clearing.cancel(17, 0, most, sender=BUYER),
        2**32 - 1,
        "clearing: out of range",
    ),
    "delegate notional u64": (
        lambda venue, most: _grant(venue, most, U48),
        U64,
        "delegates: out of range",
    ),
    "delegate expiry u48": (
        lambda venue, most: _grant(venue, 1, most),
        U48,
        "delegates: out of range",
    ),
    "delegate markets u128": (
        lambda venue, most: _grant(venue, 1, U48, most),
        2**128 - 1,
        "delegates: out of range",
    ),
    "caps u60": (_caps, 2**60 - 1, "governance: residual_cap out of range"),
    "pool assets u62": (
        lambda venue, most: venue.ask_in(PAYER, most),
        2**62 - 1,
        "pool: amount too large",
    ),
    "market u8": (
        lambda venue, most: venue.governance.set_market(most, parameters(), sender=DEPLOYER),
        255,
        "governance: market out of range",
    ),
}


@pytest.mark.parametrize("name", FIELDS)
def test_D12_overflow_of_packed_fields(stage: Stage, name: str) -> None:
    """Through the doors: a field at its most is taken, one more is refused by name, never cut or
    carried into its neighbour. Packing itself: tests/property/test_contract_packing.py.
    """
    door, most, reason = FIELDS[name]
    stage.venue.fund(PAYER, 2**255 + 2**130)
    for value in (most + 1, 2**128 + most, 2**255 + most):
        try:
            with refuses(stage.venue.world, reason):
                door(stage.venue, value)
        except (OverflowError, Refused) as error:
            assert value >= 2**255, error  # the token itself has no room for so much
    door(stage.venue, most)
    stage.books.check(None)


# -- D14: division --------


@pytest.mark.parametrize("seed", range(3))
def test_D14_signed_division_is_against_the_trader_on_both_sides(stage: Stage, seed: int) -> None:
    """Awkward sizes and prices, either sign: a buyer pays the ceiling, a seller gets the floor, the
    fee is a ceiling, and what is cut off is the pool's. Truncation toward zero would favour one.
    """
    draw = random.Random(seed)
    stage.fund_pool()
    spent, cut = {stage.buyer: Fraction(0), stage.seller: Fraction(0)}, 0
    for _ in range(20):
        oracle_e8 = PRICE_E8 + draw.randrange(-(10**9), 10**9)
        size_e8 = draw.choice((1, 3, 7, 11, draw.randrange(1, LOT)))
        long = draw.random() < 0.5
        stage.venue.world.travel(1)
        plans = [
            stage.fill(stage.buyer, long, size_e8),
            stage.fill(stage.seller, not long, size_e8),
        ]
        stage.venue.settle(stage.batch(plans, oracle=ORACLE | {1: oracle_e8}, priced=(1,)))
        exact = Fraction(oracle_e8 * size_e8, 10**10)
        fee = ceil(exact * FEE_E6 / 10**6)
        bought, sold = (stage.buyer, stage.seller) if long else (stage.seller, stage.buyer)
        spent[bought] += ceil(exact) + fee
        spent[sold] += -floor(exact) + fee
        cut += ceil(exact) - floor(exact)
        stage.books.check()
    for account, cost in spent.items():
        cash = stage.account(account).collateral_e6 - RICH_E6
        quote = stage.position(account).quote_e6 if stage.account(account).mask else 0
        assert cash + quote == -cost, f"seed {seed}"
    assert stage.pool().quote_e6 == cut > 0, f"seed {seed}"


# -- D16, D17: funding --------


def _a_pool_at_its_cap(stage: Stage, side: int, **changes: int) -> None:
    """Traders lean one way as far as the pool takes it; the rate runs to its bound."""
    stage.fund_pool(200_000_000 * DOLLAR)
    caps = {"position_cap_e8": LOT, "residual_cap_e8": LOT, "rate_max_e9": 10**8}
    stage.venue.list_market(1, velocity_e9=10**9, **(caps | changes))
    lean_e8 = side * -(-PRICE_E8 * H_MIN_E6 // 10**6)
    stage.settle(
        [stage.fill(stage.buyer, side > 0, LOT)], prices={1: PRICE_E8 + lean_e8}, priced=(1,)
    )
    for _ in range(5):
        stage.venue.world.travel(3_600)
        stage.settle(priced=(1,))
    assert unpack_clock(stage.venue.clearing.market_words(8)).rate_e9 == side * 10**8


@pytest.mark.parametrize("side", [1, -1])
def test_D16_funding_index_over_ten_years_at_the_cap(stage: Stage, side: int) -> None:
    """A year at a time and then second by second, at 10 % a day and a price that doubles each year:
    the index moves one way only, and batches, claims, exits and liquidation go on.
    """
    _a_pool_at_its_cap(stage, side)
    venue, world = stage.venue, stage.venue.world
    price_e8, index = PRICE_E8, unpack_clock(venue.clearing.market_words(8)).funding_index
    for year in range(10):
        price_e8 *= 2
        world.travel(YEAR_S)
        for wait_s in (0, 1):
            world.travel(wait_s)
            venue.settle(stage.batch(oracle=ORACLE | {1: price_e8}, priced=(1,)))
            moved = unpack_clock(venue.clearing.market_words(8)).funding_index - index
            assert moved * side > 0 or index in (-I64_MAX - 1, I64_MAX), f"year {year}"
            index += moved
    stage.books.check()
    venue.clearing.request_withdrawal(stage.third, RICH_E6, sender=a_key("third"))
    world.travel(19)
    low = venue.presented(venue.a_vector({1: price_e8, 2: ETHER_E8}))
    assert venue.clearing.claim_withdrawal(stage.third, *low, sender=KEEPER).value == RICH_E6
    equity_e6, margin_e6 = venue.recovery.health(*low, stage.buyer)
    assert equity_e6 < margin_e6, "ten years at 10 % a day took more than there was"
    venue.recovery.liquidate(*low, stage.buyer, 0, 0, sender=KEEPER)
    assert stage.account(stage.buyer).mask == 0
    stage.settle(oracle=ORACLE | {1: price_e8}, priced=(1,))


@pytest.mark.parametrize("side", [1, -1])
def test_D17_funding_sum_zero(stage: Stage, side: int) -> None:
    """What payers paid is what receivers and the pool got and dust in the pot, never below zero."""
    stage.fund_pool(200_000_000 * DOLLAR)
    lean_e8 = side * -(-PRICE_E8 * H_MIN_E6 // 10**6)
    crowd = {stage.buyer: side * 777_777_777, stage.seller: -side * 333_333_331}
    crowd[stage.third] = side * 3
    plans = [stage.fill(who, base > 0, abs(base)) for who, base in crowd.items()]
    stage.settle(plans, prices={1: PRICE_E8 + lean_e8}, priced=(1,))
    for wait_s in (3_600, 1, 59, 86_400, 7):
        stage.venue.world.travel(wait_s)
        stage.settle(priced=(1,))
    pot_e6 = stage.ledger().pot_e6
    before = {who: stage.position(who).quote_e6 for who in crowd}
    rate = unpack_clock(stage.venue.clearing.market_words(8)).rate_e9
    assert rate * side > 0
    # everybody is touched by a lot's worth of nothing: a fill there and back between two of them
    closing = [stage.fill(who, base < 0, abs(base)) for who, base in crowd.items()]
    cash = {who: stage.account(who).collateral_e6 for who in crowd}
    stage.settle(closing, prices={1: PRICE_E8 - lean_e8}, priced=(1,))
    assert stage.pool().base_e8 == 0 and pot_e6 != 0
    paid = {}
    for who, base in crowd.items():
        exact = Fraction((PRICE_E8 - lean_e8) * abs(base), 10**10)
        trade = -ceil(exact) if base < 0 else floor(exact)
        fee = ceil(exact * FEE_E6 / 10**6)
        paid[who] = stage.account(who).collateral_e6 - cash[who] - before[who] - trade + fee
    assert paid[stage.buyer] < 0 < paid[stage.seller] and paid[stage.third] <= 0
    assert 0 <= stage.ledger().pot_e6 <= 2 * len(crowd) + 6
