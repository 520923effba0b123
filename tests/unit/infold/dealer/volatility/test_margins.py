# SPDX-License-Identifier: Apache-2.0
"""Margins and caps proposed from a forecast: monotone, bounded, quick to rise and slow to fall."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infold.dealer.volatility import (
    MarginBounds,
    MarginProposal,
    MarginRule,
    propose_margins,
)

BOUNDS, RULE = MarginBounds(), MarginRule()
WIDE = MarginBounds(
    initial_e6=(1, 10**6), maintenance_e6=(1, 10**6), position_cap_m=(1e-9, 1e9), fall_e6_max=10**6
)
VOLATILITIES = st.floats(min_value=0.1, max_value=1e5)


def test_maintenance_covers_the_tail_until_liquidation_and_a_jump() -> None:
    found = propose_margins(288.0, WIDE, MarginRule(tail=6.0, liquidation_s=864.0, jump_bp=100.0))
    assert found.maintenance_e6 == math.ceil((6.0 * 288.0 * 0.1 + 100.0) * 100)
    assert found.initial_e6 == math.ceil((6.0 * 288.0 * 0.1 + 100.0) * 100 * 5 / 3)
    assert found.position_cap_m == pytest.approx(1e4 / (6.0 * 288.0 + 100.0))
    assert found.bound_by == ()


@given(VOLATILITIES, VOLATILITIES)
def test_more_volatility_never_asks_for_less(one: float, other: float) -> None:
    low, high = sorted((one, other))
    calm, wild = (propose_margins(bp, BOUNDS, RULE) for bp in (low, high))
    assert calm.initial_e6 <= wild.initial_e6
    assert calm.maintenance_e6 <= wild.maintenance_e6
    assert calm.position_cap_m >= wild.position_cap_m


@given(
    VOLATILITIES,
    st.integers(1, 10**6),
    st.integers(1, 10**6),
    st.floats(0.01, 1e4),
    st.integers(1, 10**6),
)
def test_every_proposal_lies_inside_the_declared_bounds(
    volatility_bp: float, least_e6: int, most_e6: int, cap_m: float, standing_e6: int
) -> None:
    low, high = sorted((least_e6, most_e6))
    bounds = MarginBounds(
        initial_e6=(low, high), maintenance_e6=(1, low), position_cap_m=(0.01, max(cap_m, 0.01))
    )
    standing = MarginProposal(standing_e6, standing_e6, 1.0, ())
    found = propose_margins(volatility_bp, bounds, RULE, standing)
    assert low <= found.initial_e6 <= high
    assert 1 <= found.maintenance_e6 <= min(low, found.initial_e6)
    assert 0.01 <= found.position_cap_m <= max(cap_m, 0.01)


def test_margins_rise_at_once_and_fall_by_steps() -> None:
    calm, wild = propose_margins(200.0, BOUNDS, RULE), propose_margins(2_000.0, BOUNDS, RULE)
    assert propose_margins(2_000.0, BOUNDS, RULE, calm) == wild
    falling = propose_margins(200.0, BOUNDS, RULE, wild)
    assert falling.initial_e6 == wild.initial_e6 - BOUNDS.fall_e6_max
    assert falling.maintenance_e6 >= calm.maintenance_e6
    assert falling.bound_by == ("fall_e6_max",)


def test_what_cut_a_proposal_is_named() -> None:
    assert propose_margins(1e5, BOUNDS, RULE).bound_by == ("maintenance_e6", "initial_e6")
    tiny = MarginRule(capital_m=1e-6)
    assert propose_margins(300.0, BOUNDS, tiny).bound_by == ("position_cap_m",)
    shallow = MarginRule(capital_m=1e6, depth_m=5.0)
    assert propose_margins(300.0, BOUNDS, shallow).position_cap_m == 5.0


@pytest.mark.parametrize("volatility_bp", [0.0, -1.0, math.nan, math.inf])
def test_a_forecast_that_is_none_is_refused(volatility_bp: float) -> None:
    with pytest.raises(ValueError, match=r"volatility_bp \(bp per square root of a day\)"):
        propose_margins(volatility_bp, BOUNDS, RULE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("tail", 0.0),
        ("liquidation_s", -1.0),
        ("jump_bp", math.nan),
        ("initial_over_maintenance", 0.9),
        ("capital_m", 0.0),
        ("depth_m", math.inf),
    ],
)
def test_a_rule_without_sense_is_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=name):
        MarginRule(**{name: value})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"initial_e6": (5, 4)}, r"initial_e6 \(1e-6 of notional\)"),
        ({"initial_e6": (20_000, 2_000_000)}, "whole notional"),
        ({"maintenance_e6": (0, 10)}, "maintenance_e6"),
        ({"maintenance_e6": (30_000, 300_000)}, "must not exceed initial_e6"),
        ({"position_cap_m": (1.0, math.inf)}, r"position_cap_m \(M\)"),
        ({"fall_e6_max": 0}, "fall_e6_max"),
    ],
)
def test_bounds_that_bound_nothing_are_refused(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        MarginBounds(**changes)  # type: ignore[arg-type]
