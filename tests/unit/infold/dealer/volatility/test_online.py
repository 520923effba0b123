# SPDX-License-Identifier: Apache-2.0
"""One market's volatility as prices come in."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infold.dealer.volatility import Forecaster, MarginBounds, MarginRule, propose_margins

STANDING = 250.0


def fed(step_bp: float, seconds: int, state: Forecaster, begin: int = 0) -> Forecaster:
    """A price that moves by `step_bp` up and down every second."""
    for second in range(begin, begin + seconds):
        state = state.seen(float(second), 100.0 * math.exp(step_bp * 1e-4 * (second % 2)))
    return state


def test_the_standing_figure_holds_until_it_is_warm() -> None:
    cold = fed(5.0, 60, Forecaster(STANDING))
    assert cold.quoting_bp == cold.limiting_bp == STANDING
    warm = fed(5.0, 1, cold, 60)
    assert warm.quoting_bp == pytest.approx(5.0 * math.sqrt(86_400.0), rel=1e-6)


def test_limits_tighten_within_minutes_and_loosen_over_a_day() -> None:
    calm = fed(1.0, 3_600, Forecaster(STANDING))
    wild = fed(10.0, 180, calm, 3_600)
    assert wild.limiting_bp > 2.5 * calm.limiting_bp
    assert wild.limiting_bp > wild.quoting_bp > calm.quoting_bp
    after = fed(1.0, 1_800, wild, 3_780)
    assert after.limiting_bp > 1.5 * calm.limiting_bp, "half an hour is not enough to forget"
    margins = [
        propose_margins(state.limiting_bp, MarginBounds(), MarginRule()).initial_e6
        for state in (calm, wild)
    ]
    assert margins[0] < margins[1]


def test_a_price_that_stands_still_has_not_become_riskless() -> None:
    still = fed(0.0, 600, Forecaster(STANDING))
    assert still.quoting_bp == still.limiting_bp == 0.5 * STANDING


@given(st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=40))
def test_no_print_leaves_the_declared_range(prices: list[float]) -> None:
    state = Forecaster(STANDING, warm_s=0.0)
    for second, price in enumerate(prices):
        state = state.seen(float(second), price)
        for found in (state.quoting_bp, state.limiting_bp):
            assert 0.5 * STANDING <= found <= 20.0 * STANDING


def test_a_forecast_knows_nothing_of_what_comes_after() -> None:
    before = fed(2.0, 200, Forecaster(STANDING))
    told = before.quoting_bp
    fed(50.0, 200, before, 200)
    assert before.quoting_bp == told, "states are never changed in place"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"standing_bp": 0.0}, r"standing_bp \(bp per square root of a day\)"),
        ({"standing_bp": math.nan}, "standing_bp"),
        ({"warm_s": -1.0}, r"warm_s \(seconds\)"),
        ({"least_share": 0.0}, "least_share"),
        ({"most_share": 0.9}, "must enclose 1"),
        ({"least_share": 1.5}, "must enclose 1"),
    ],
)
def test_a_forecaster_without_sense_is_refused(changes: dict[str, float], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Forecaster(**({"standing_bp": STANDING} | changes))  # type: ignore[arg-type]
