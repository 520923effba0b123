# SPDX-License-Identifier: Apache-2.0
"""Policies as numbers: the closed forms' quotes, tables that interpolate."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms, markups_bp
from infold.dealer.zone import zone_m
from infold.research.simulation import policy as policies
from infold.research.simulation.policy import (
    NO_QUOTE_BP,
    Grid,
    Policy,
    exact_markup,
    externalise_all,
    linear_policy,
    permanent_closed_form,
    skew_only,
    table_policy,
    transient_closed_form,
)


def markup_bp(policy: Policy, side: int, rung: int, held: float, state: float) -> float:
    return policies.markup_bp(policy.rules, policy.lines_bp, policy.slopes, side, rung, held, state)


def hedge_rate_m_per_day(policy: Policy, held: float, state: float) -> float:
    return policies.hedge_rate_m_per_day(policy.rules, policy.hedges, held, state)


@pytest.mark.parametrize("inventory_m", [-40.0, 0.0, 3.0])
@pytest.mark.parametrize("impact_bp", [0.0, 0.05])
def test_the_transient_form_quotes_equation_18(inventory_m: float, impact_bp: float) -> None:
    policy = transient_closed_form(SPOT_FX)
    for rung, (bid, ask) in enumerate(markups_bp(SPOT_FX, inventory_m, impact_bp)):
        assert markup_bp(policy, -1, rung, inventory_m, impact_bp) == pytest.approx(bid, abs=1e-13)
        assert markup_bp(policy, 1, rung, inventory_m, impact_bp) == pytest.approx(ask, abs=1e-13)


def test_the_exact_markup_is_the_best_one() -> None:
    policy = exact_markup(SPOT_FX)
    forms = closed_forms(SPOT_FX)
    price = forms.risk_bp_per_m * (10.0 - 2.0 * 7.0) - forms.impact_share * 0.03
    quoted = markup_bp(policy, 1, 3, 7.0, 0.03)

    def gain(markup: float) -> float:
        odds = math.exp(SPOT_FX.demand_shift + SPOT_FX.demand_slope_per_bp * markup)
        return (markup - price) / (1.0 + odds)

    assert all(gain(quoted) >= gain(quoted + nudge) for nudge in (-1e-3, -1e-5, 1e-5, 1e-3))


def test_hedging_starts_at_the_zones_edge_and_shrinks_inventory() -> None:
    for policy, width in (
        (transient_closed_form(SPOT_FX), zone_m(SPOT_FX)),
        (permanent_closed_form(SPOT_FX), zone_m(SPOT_FX, permanent=True)),
    ):
        assert hedge_rate_m_per_day(policy, width * 0.999, 0.0) == 0.0
        assert hedge_rate_m_per_day(policy, width * 1.01, 0.0) < 0.0
        assert hedge_rate_m_per_day(policy, -width * 1.01, 0.0) > 0.0
    assert hedge_rate_m_per_day(skew_only(SPOT_FX), 1e4, 1.0) == 0.0
    assert hedge_rate_m_per_day(externalise_all(SPOT_FX, 30.0), 1.0, 0.0) == -2880.0


def test_a_table_of_a_linear_policy_quotes_the_same_everywhere() -> None:
    linear = transient_closed_form(SPOT_FX)
    inventory, impact = Grid(-40.0, 1.0, 81), Grid(-0.1, 0.01, 21)
    points = [
        (inventory.first + inventory.step * i, impact.first + impact.step * j)
        for i in range(81)
        for j in range(21)
    ]
    markups = np.array(
        [
            [[markup_bp(linear, side, rung, q, x) for q, x in points] for rung in range(6)]
            for side in (-1, 1)
        ]
    ).reshape(2, 6, 81, 21)
    rates = np.array([hedge_rate_m_per_day(linear, q, x) for q, x in points]).reshape(81, 21)
    table = table_policy(inventory, impact, markups, rates)
    for held, state in ((0.25, 0.003), (-39.9, 0.0999), (17.0, -0.1), (33.3, 0.05)):
        for side in (-1, 1):
            assert markup_bp(table, side, 4, held, state) == pytest.approx(
                markup_bp(linear, side, 4, held, state), abs=1e-12
            )
        # Rates bend at the zone's edge, so they agree off the edge only.
        assert hedge_rate_m_per_day(table, held, state) == pytest.approx(
            hedge_rate_m_per_day(linear, held, state), abs=400.0
        )
    assert markup_bp(table, 1, 0, 1e9, 0.0) == markup_bp(table, 1, 0, 40.0, 0.0)
    assert hedge_rate_m_per_day(table, -1e9, 9.0) == hedge_rate_m_per_day(table, -40.0, 0.1)


def test_a_grid_of_one_point_is_the_same_everywhere_and_infinity_is_no_quote() -> None:
    markups = np.full((2, 1, 1, 1), math.inf)
    table = table_policy(Grid(0.0, 1.0, 1), Grid(0.0, 1.0, 1), markups, np.full((1, 1), 5.0))
    assert markup_bp(table, 1, 0, 12.0, 3.0) == NO_QUOTE_BP
    assert hedge_rate_m_per_day(table, -12.0, 3.0) == 5.0


def test_a_table_of_indifference_prices_takes_the_impact_state_and_the_exact_markup() -> None:
    linear = exact_markup(SPOT_FX)
    inventory = Grid(-40.0, 1.0, 81)
    held = inventory.first + inventory.step * np.arange(inventory.count)
    forms = closed_forms(SPOT_FX)
    unit = forms.risk_bp_per_m
    lines = np.array(
        [
            [[unit * (size - 2.0 * side * q) for q in held] for size in SPOT_FX.sizes_m]
            for side in (-1, 1)
        ]
    )[..., None]
    table = table_policy(
        inventory,
        Grid(0.0, 1.0, 1),
        lines,
        np.zeros((81, 1)),
        price_slope_bp_per_m=linear.rules.price_slope_bp_per_m,
        signal=forms.impact_share,
        exact=(SPOT_FX.demand_shift, SPOT_FX.demand_slope_per_bp),
        price_signal=linear.rules.price_signal,
        zone_bp=SPOT_FX.hedge_spread_bp,
        steepness_m_per_bp_day=0.5 / SPOT_FX.hedge_impact_bp_day_per_m,
    )
    for q, x in ((0.0, 0.0), (-33.3, 0.04), (12.5, -0.2), (25.0, 0.01)):
        for rung in range(6):
            for side in (-1, 1):
                assert markup_bp(table, side, rung, q, x) == pytest.approx(
                    markup_bp(linear, side, rung, q, x), abs=1e-12
                )
        assert hedge_rate_m_per_day(table, q, x) == pytest.approx(
            hedge_rate_m_per_day(linear, q, x), abs=1e-6
        )


def test_impossible_policies_are_refused_by_name() -> None:
    two = np.zeros((2, 1))
    with pytest.raises(ValueError, match="base_bp must be"):
        linear_policy(np.zeros(2), two, two)
    with pytest.raises(ValueError, match="signal must have the shape"):
        linear_policy(two, two, np.zeros((2, 2)))
    with pytest.raises(ValueError, match="skew_bp_per_m must be numbers"):
        linear_policy(two, two * math.nan, two)
    with pytest.raises(ValueError, match="zone_bp"):
        linear_policy(two, two, two, zone_bp=-1.0)
    with pytest.raises(ValueError, match="drain_per_day"):
        linear_policy(two, two, two, drain_per_day=math.inf)
    with pytest.raises(ValueError, match="limit_m"):
        linear_policy(two, two, two, limit_m=math.nan)
    with pytest.raises(ValueError, match="exact must be"):
        linear_policy(two, two, two, exact=(0.0, 0.0))
    with pytest.raises(ValueError, match="time_s"):
        externalise_all(SPOT_FX, 0.0)
    grid = Grid(0.0, 1.0, 2)
    with pytest.raises(ValueError, match="lines_bp must be"):
        table_policy(grid, grid, np.zeros((2, 1, 2, 3)), np.zeros((2, 2)))
    with pytest.raises(ValueError, match="must be numbers"):
        table_policy(grid, grid, np.zeros((2, 1, 2, 2)), np.full((2, 2), math.nan))
    with pytest.raises(ValueError, match="positive step"):
        Grid(0.0, 0.0, 2)
