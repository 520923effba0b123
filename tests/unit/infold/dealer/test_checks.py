# SPDX-License-Identifier: Apache-2.0
"""Figures are refused by name and unit."""

from __future__ import annotations

import math

import pytest

from infold.dealer import checks


def test_figures_pass_as_floats() -> None:
    assert checks.number("a", -1, "bp") == -1.0
    assert checks.positive("a", 2, "bp") == 2.0
    assert checks.not_negative("a", 0, "bp") == 0.0
    assert checks.count("a", 3, 3) == 3


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_figure_is_refused(value: float) -> None:
    for check in (checks.number, checks.positive, checks.not_negative):
        with pytest.raises(ValueError, match=r"size must be a (positive )?number \(M\)"):
            check("size", value, "M")


def test_bounds_are_held() -> None:
    with pytest.raises(ValueError, match=r"a must be a positive number \(bp\), not 0.0"):
        checks.positive("a", 0.0, "bp")
    with pytest.raises(ValueError, match=r"a must be a number \(bp\) not below zero, not -1.0"):
        checks.not_negative("a", -1.0, "bp")
    with pytest.raises(ValueError, match="a must be a number, not nan"):
        checks.number("a", math.nan, "")
    for wrong in (1, 2.5):
        with pytest.raises(ValueError, match="a must be a whole number of at least 2"):
            checks.count("a", wrong, 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, "x", "1.0", [1.0], 10**400])
def test_words_and_integers_beyond_any_float_are_refused_by_name(value: object) -> None:
    for check in (checks.number, checks.positive, checks.not_negative):
        with pytest.raises(ValueError, match=r"^size must be .*\(M\).*, not .{1,60}$"):
            check("size", value, "M")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^size must be a share between 0 and 1, not "):
        checks.share("size", value)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, "2", math.nan, math.inf, 10**400])
def test_a_count_that_is_no_number_is_refused_by_name(value: object) -> None:
    with pytest.raises(ValueError, match=r"^paths must be a whole number of at least 1, not "):
        checks.count("paths", value, 1)  # type: ignore[arg-type]
