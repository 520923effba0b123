# SPDX-License-Identifier: Apache-2.0
"""Margin by notional: the twin's numbers, no cliff, and nothing to be won by splitting."""

from __future__ import annotations

from hypothesis import example, given, settings
from hypothesis import strategies as st

from infold.core.requirement import requirement_e6, tier_lots_e8
from infold.reference.margin import requirement

SIZES = st.integers(0, 2**126 - 1) | st.integers(0, 126).flatmap(
    lambda bits: st.integers(max(0, 2**bits - 3), 2**bits)
)
RATES = st.integers(0, 2**20 - 1)
TIERS = st.integers(0, 15)
DOLLAR_E16 = 10**16


@settings(max_examples=300, deadline=None)
@given(SIZES, RATES, TIERS)
@example(2**68, 50_000, 0)
@example(2**83 - 1, 2**20 - 1, 15)
def test_the_twin_asks_the_same(size_e16: int, rate_e6: int, tier: int) -> None:
    assert requirement_e6(size_e16, rate_e6, tier) == requirement(size_e16, rate_e6, tier)


@settings(max_examples=300, deadline=None)
@given(SIZES, SIZES, st.integers(0, 10**6), TIERS)
def test_more_is_never_asked_less_and_two_halves_no_more_than_the_whole(
    one_e16: int, other_e16: int, rate_e6: int, tier: int
) -> None:
    small, large = sorted((one_e16, other_e16))
    asked = requirement_e6(large, rate_e6, tier)
    assert requirement_e6(small, rate_e6, tier) <= asked
    apart = requirement_e6(small, rate_e6, tier) + requirement_e6(large, rate_e6, tier)
    assert apart <= requirement_e6(small + large, rate_e6, tier) + 1  # a unit of rounding


@settings(max_examples=300, deadline=None)
@given(SIZES, st.integers(2_500, 10**6), TIERS)
def test_it_lies_between_the_plain_rate_and_the_whole_notional(
    size_e16: int, rate_e6: int, tier: int
) -> None:
    asked = requirement_e6(size_e16, rate_e6, tier)
    assert -(-size_e16 * rate_e6 // 10**16) <= asked <= -(-size_e16 // 10**10)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 126).flatmap(lambda bits: st.integers(0, 2**bits)), RATES, TIERS)
def test_one_lot_more_never_asks_for_a_step(size_e16: int, rate_e6: int, tier: int) -> None:
    """The rate is graded by a millionth: so much of the margin may come at once, and rounding."""
    step = requirement_e6(size_e16 + 1, rate_e6, tier) - requirement_e6(size_e16, rate_e6, tier)
    assert 0 <= step <= requirement_e6(size_e16, rate_e6, tier) // 2**20 + 2


def test_the_rate_is_plain_to_the_tier_and_doubles_at_twice_it() -> None:
    for tier in (0, 8, 15):
        bound_e16 = 2 ** (68 + tier)
        plain_e6 = -(-bound_e16 * 50_000 // 10**16)
        assert requirement_e6(bound_e16, 50_000, tier) == plain_e6
        assert requirement_e6(2 * bound_e16, 50_000, tier) == -(-bound_e16 * 200_000 // 10**16)
        assert requirement_e6(20 * bound_e16, 50_000, tier) == -(-20 * bound_e16 // 10**10)
    assert 2**68 // DOLLAR_E16 == 29_514 and 2**83 // DOLLAR_E16 == 967_140_655


def test_lots_up_to_the_tier_are_what_the_plain_rate_serves() -> None:
    for price_e8 in (1, 7, 6 * 10**12, 2**63):
        lots = tier_lots_e8(price_e8, 3)
        assert lots * price_e8 <= 2**71 < (lots + 1) * price_e8
    assert tier_lots_e8(0, 3) == 2**71
