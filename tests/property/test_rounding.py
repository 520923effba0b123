# SPDX-License-Identifier: Apache-2.0
"""Roundings at every size up to the largest the protocol can hold, against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

from hypothesis import example, given, seed, settings
from hypothesis import strategies as st

from infold import units
from infold.errors import Rejected
from infold.units import Rounding, format_decimal, from_float, parse_decimal

SEED = 20_260_803
prices = st.integers(0, 2**64 - 1)
sizes = st.integers(-(2**62), 2**62)


@seed(SEED)
@settings(max_examples=400, deadline=None)
@given(prices, sizes)
@example(2**64 - 1, 2**62)
@example(2**64 - 1, -(2**62))
def test_quotes_are_floor_and_ceiling(price_e8: int, size_e8: int) -> None:
    exact = Fraction(price_e8 * size_e8, 10**10)
    assert units.quote_down(price_e8, size_e8) == math.floor(exact)
    assert units.quote_up(price_e8, size_e8) == math.ceil(exact)
    assert units.quote_up(price_e8, size_e8) == -units.quote_down(price_e8, -size_e8)


@seed(SEED)
@settings(max_examples=400, deadline=None)
@given(prices, st.integers(0, 2**62), st.integers(0, 65_535))
@example(2**64 - 1, 2**62, 65_535)
def test_a_fee_is_the_ceiling_of_the_exact_product(price: int, size: int, fee: int) -> None:
    assert units.fee_up(price, size, fee) == math.ceil(Fraction(price * size * fee, 10**16))


@seed(SEED)
@settings(max_examples=400, deadline=None)
@given(st.integers(-(2**200), 2**200), st.integers(-(2**64), 2**64), st.integers(1, 2**128))
def test_products_divide_as_named(first: int, second: int, denominator: int) -> None:
    exact = Fraction(first * second, denominator)
    assert units.mul_div_down(first, second, denominator) == math.floor(exact)
    assert units.mul_div_up(first, second, denominator) == math.ceil(exact)
    assert units.div_trunc(first * second, denominator) == math.trunc(exact)


@seed(SEED)
@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**38 - 1), st.integers(0, 8))
def test_what_is_written_is_read_back(value: int, decimals: int) -> None:
    text = format_decimal(value, decimals)
    if len(text.partition(".")[0]) <= units.WHOLE_DIGITS_MAX:
        assert parse_decimal(text, decimals) == value


@seed(SEED)
@settings(max_examples=600, deadline=None)
@given(st.one_of(st.text(max_size=12), st.text("0123456789.+-eE_ ", max_size=12)))
def test_a_text_is_read_only_if_it_is_what_would_be_written(text: str) -> None:
    try:
        value = parse_decimal(text, 8)
    except Rejected as refusal:
        assert refusal.code == "NUMBER_NOT_CANONICAL"
    else:
        assert format_decimal(value, 8) == text


@seed(SEED)
@settings(max_examples=400, deadline=None)
@given(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from((0, 6, 8)),
    st.sampled_from(tuple(Rounding)),
)
def test_a_float_becomes_its_exact_value_rounded_or_nothing(
    value: float, decimals: int, rounding: Rounding
) -> None:
    if not math.isfinite(value):
        try:
            from_float(value, decimals, rounding)
        except ValueError:
            return
        raise AssertionError(f"{value!r} became money")
    exact = Fraction(value) * 10**decimals
    expected = {
        Rounding.DOWN: math.floor,
        Rounding.UP: math.ceil,
        Rounding.TRUNC: math.trunc,
        Rounding.NEAREST: round,
    }[rounding](exact)
    try:
        assert from_float(value, decimals, rounding) == expected
        assert abs(expected) < 2**63
    except OverflowError:
        assert abs(expected) >= 2**63
