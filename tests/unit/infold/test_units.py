# SPDX-License-Identifier: Apache-2.0
"""Conversions: each rounding, each refused text, each float that is no money."""

from __future__ import annotations

import math

import pytest

from infold import units
from infold.errors import Rejected
from infold.units import Rounding, format_decimal, from_float, from_floats, parse_decimal


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1", 10**8),
        ("0.5", 5 * 10**7),
        ("60000.00000001", 6_000_000_000_001),
        ("9" * 30, (10**30 - 1) * 10**8),
    ],
)
def test_a_canonical_text_is_read(text: str, value: int) -> None:
    assert parse_decimal(text, 8) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", ".", "1.", ".5", "00", "01", "-1", "-0", "+1", "1e3", "1E3", "0x10", "1_000"),
        *(" 1", "1 ", "1\n", "1\t", "NaN", "Infinity", "inf", "1,5", "1.2.3", "0.0", "1.10"),
        *("\u0661\u0662", "\uff11", "\u00b2", "1\u00a0", "1\x00", "\ud800", "0.000000001"),
        *("9" * 31, "9" * 400, "9" * 5_000),
    ],
)
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(Rejected) as refusal:
        parse_decimal(text, 8, "size")
    assert refusal.value.code == "NUMBER_NOT_CANONICAL"
    assert refusal.value.param == "size"
    assert len(str(refusal.value)) < 400
    assert str(refusal.value).isascii()


def test_decimals_beyond_the_scale_are_refused_and_at_it_taken() -> None:
    assert parse_decimal("0.000001", 6) == 1
    with pytest.raises(Rejected):
        parse_decimal("0.0000001", 6)
    assert parse_decimal("7", 0) == 7
    with pytest.raises(Rejected):
        parse_decimal("7.1", 0)


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 8, "0"),
        (1, 8, "0.00000001"),
        (10**8, 8, "1"),
        (150_000_000, 8, "1.5"),
        (-1_500_000, 6, "-1.5"),
        (12, 0, "12"),
    ],
)
def test_a_number_is_written_canonically(value: int, decimals: int, text: str) -> None:
    assert format_decimal(value, decimals) == text


def test_quotes_round_against_whoever_asks() -> None:
    assert units.quote_up(1, 1) == 1
    assert units.quote_down(1, 1) == 0
    assert units.quote_down(1, -1) == -1
    assert units.quote_up(1, -1) == 0
    assert units.quote_up(10**10, 3) == units.quote_down(10**10, 3) == 3


def test_a_fee_is_rounded_once() -> None:
    assert units.fee_up(1, 1, 1) == 1
    assert units.fee_up(6_000_000_000_000, 100_000_000, 500) == 30_000_000
    assert units.fee_up(6_000_000_000_000, 100_000_000, 0) == 0
    # Rounding the quote first would give 2 here.
    assert units.fee_up(10**10 + 1, 1, 10**6 - 1) == 1


@pytest.mark.parametrize(
    ("numerator", "down", "trunc", "up"), [(7, 3, 3, 4), (-7, -4, -3, -3), (8, 4, 4, 4)]
)
def test_division_rounds_as_named(numerator: int, down: int, trunc: int, up: int) -> None:
    assert units.mul_div_down(numerator, 1, 2) == down
    assert units.div_trunc(numerator, 2) == trunc
    assert units.mul_div_up(numerator, 1, 2) == units.div_up(numerator, 2) == up


@pytest.mark.parametrize(
    ("rounding", "expected"),
    [(Rounding.DOWN, -3), (Rounding.UP, -2), (Rounding.TRUNC, -2), (Rounding.NEAREST, -2)],
)
def test_a_float_becomes_money_as_the_caller_says(rounding: Rounding, expected: int) -> None:
    assert from_float(-2.5, 0, rounding) == expected


def test_a_float_is_taken_at_its_exact_value() -> None:
    # 0.1 is a little more than a tenth: rounding up must notice.
    assert from_float(0.1, 8, Rounding.DOWN) == 10_000_000
    assert from_float(0.1, 8, Rounding.UP) == 10_000_001
    assert from_float(60_000.0, 8, Rounding.UP) == 6_000_000_000_000


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_float_that_is_no_number_is_no_money(value: float) -> None:
    with pytest.raises(ValueError, match="finite"):
        from_float(value, 8, Rounding.DOWN)


def test_a_float_too_large_for_its_place_overflows() -> None:
    assert from_float(2.0**62, 0, Rounding.DOWN) == 2**62
    with pytest.raises(OverflowError, match="63 bits"):
        from_float(2.0**63, 0, Rounding.DOWN)
    with pytest.raises(OverflowError):
        from_float(1e300, 8, Rounding.UP)
    with pytest.raises(OverflowError, match="16 bits"):
        from_float(65_536.0, 0, Rounding.DOWN, bits=16)


@pytest.mark.parametrize("rounding", list(Rounding))
def test_many_floats_round_as_each_does_and_are_refused_as_each_is(rounding: Rounding) -> None:
    values = [0.0, -0.5, 0.5, 1.5, 2.5, -2.5, 1e15 + 0.5, -(2.0**62)]
    assert from_floats(values, rounding) == [from_float(value, 0, rounding) for value in values]
    assert from_floats([], rounding) == []
    with pytest.raises(ValueError, match="finite"):
        from_floats([1.0, math.nan], rounding)
    with pytest.raises(OverflowError, match="does not fit 63 bits"):
        from_floats([1.0, -(2.0**63)], rounding)
