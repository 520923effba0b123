# SPDX-License-Identifier: Apache-2.0
"""Unwinding flow that goes on: against the plan of a known parent, and against brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infold.dealer.hedging.inflow import (
    persistence_of,
    persistent_inflow_m,
    skewed_inflow_m,
    unwind_flow,
)
from infold.dealer.hedging.transient import unwind

DAY, IMPACT, RESILIENCE = 0.01, 0.005, 1_000.0


@pytest.mark.parametrize("state_bp", [0.0, 0.01, -0.1])
def test_martingale_flow_is_met_with_the_plan_of_a_known_parent(state_bp: float) -> None:
    plan = unwind_flow(40.0, 0.0, DAY, IMPACT, RESILIENCE, state_bp)
    known = unwind(40.0, DAY, IMPACT, RESILIENCE, state_bp)
    assert plan.block_m == pytest.approx(known.first_m, rel=1e-12)
    assert plan.rate_m_per_day == pytest.approx(known.rate_m_per_day, rel=1e-12)
    assert plan.projected_m == 0.0 and not plan.warehouses


def test_leftover_impact_is_waited_out() -> None:
    plan = unwind_flow(40.0, 0.0, DAY, IMPACT, RESILIENCE, 0.03)
    assert (plan.block_m, plan.rate_m_per_day, plan.level_bp) == (0.0, 0.0, 0.03)
    assert unwind(40.0, DAY, IMPACT, RESILIENCE, 0.03).start_day > 0.0


def test_flow_that_reverts_is_warehoused_and_momentum_is_traded_ahead() -> None:
    still = unwind_flow(40.0, 0.0, DAY, IMPACT, RESILIENCE)
    melting = unwind_flow(40.0, -25.0, DAY, IMPACT, RESILIENCE)
    growing = unwind_flow(40.0, 25.0, DAY, IMPACT, RESILIENCE)
    assert melting.block_m < still.block_m < growing.block_m
    assert melting.rate_m_per_day < still.rate_m_per_day < growing.rate_m_per_day
    assert melting.warehouses and not growing.warehouses
    assert growing.projected_m == pytest.approx(-melting.projected_m)


def test_deterministic_flow_is_the_plan_with_a_shifted_target() -> None:
    """Only the total to come matters, not when it comes."""
    plan = unwind_flow(40.0, 25.0, DAY, IMPACT, RESILIENCE)
    known = unwind(65.0, DAY, IMPACT, RESILIENCE)
    assert plan.block_m == pytest.approx(known.first_m, rel=1e-12)
    assert plan.rate_m_per_day == pytest.approx(known.rate_m_per_day, rel=1e-12)


def cost_of(gains: np.ndarray, starts: np.ndarray, shocks: np.ndarray, persistence: float) -> float:
    """Mean cost of trading `gains`-linear in (remaining, impact state, last flow), over paths.

    Flow follows an autoregression; what is left at the end is traded at once.
    """
    steps = shocks.shape[1]
    step = DAY / steps
    fade = math.exp(-RESILIENCE * step)
    left, state, flow = starts.copy(), np.zeros(len(starts)), np.zeros(len(starts))
    cost = np.zeros(len(starts))
    for number in range(steps):
        if number:
            flow = persistence * flow + shocks[:, number]
            left += flow
        row = gains[number]
        child = left if number == steps - 1 else row[0] * left + row[1] * state + row[2] * flow
        cost += (state + 0.5 * IMPACT * child) * child
        state = (state + IMPACT * child) * fade
        left = left - child
    return float(cost.mean())


@pytest.mark.parametrize("persistence", [-0.5, 0.0, 0.6])
def test_no_other_linear_rule_is_cheaper_on_autoregressive_flow(persistence: float) -> None:
    """The rule run on a grid, against the same rule with its in-flow term changed either way."""
    dice = np.random.default_rng(7)
    steps = 40
    starts, shocks = dice.normal(0.0, 5.0, 8_000), dice.normal(0.0, 2.0, (8_000, steps))

    def gains(weight: float) -> np.ndarray:
        rows = []
        for number in range(steps):
            to_go = DAY * (steps - 1 - number) / steps
            # Children are a step apart: the continuous rule's beta T becomes N (1 - a) / (1 + a).
            fade = math.exp(-RESILIENCE * DAY / steps)
            waits = 2.0 + 2.0 * (steps - 2 - number) * (1 - fade) / (1 + fade) if to_go else 1.0
            waits = max(waits, 1.0)
            ahead = persistent_inflow_m(1.0, persistence, steps - 1 - number)
            rows.append((1.0 / waits, (1.0 / waits - 1.0) / IMPACT, weight * ahead / waits))
        return np.array(rows)

    def cost(weight: float) -> float:
        return cost_of(gains(weight), starts, shocks, persistence)

    best = cost(1.0)
    if persistence == 0.0:
        assert cost(0.0) == best
    else:
        assert best < min(cost(0.0), cost(0.5), cost(1.5), cost(2.0), cost(-1.0))


def test_it_never_trades_against_what_remains_nor_beyond_it() -> None:
    reverting = unwind_flow(1.0, -50.0, DAY, IMPACT, RESILIENCE)
    assert (reverting.block_m, reverting.rate_m_per_day) == (0.0, 0.0)
    assert reverting.warehouses
    assert unwind_flow(1.0, 500.0, DAY, IMPACT, RESILIENCE).block_m == 1.0
    assert unwind_flow(0.0, 30.0, DAY, IMPACT, RESILIENCE).block_m == 0.0
    assert unwind_flow(-4.0, 0.0, 0.0, IMPACT, RESILIENCE).block_m == -4.0


def test_expected_inflow_of_an_autoregression_is_the_sum_of_its_forecasts() -> None:
    for persistence in (-0.7, 0.0, 0.4, 0.95):
        summed = sum(3.0 * persistence**ahead for ahead in range(1, 13))
        assert persistent_inflow_m(3.0, persistence, 12) == pytest.approx(summed)
    assert persistent_inflow_m(3.0, 0.5, 0) == 0.0


def test_skew_takes_inventory_off_at_its_rate() -> None:
    assert skewed_inflow_m(10.0, 558.13, math.log(2.0) / 558.13) == pytest.approx(-5.0)
    assert skewed_inflow_m(10.0, 0.0, 1.0) == 0.0


def test_persistence_is_recovered_drawn_to_zero_and_silent_on_little() -> None:
    dice = np.random.default_rng(3)
    flows = [0.0]
    for noise in dice.normal(size=20_000):
        flows.append(0.4 * flows[-1] + float(noise))
    assert persistence_of(flows) == pytest.approx(0.4, abs=0.02)
    assert 0.0 < persistence_of(flows[:30], prior=1e9) < 1e-6
    assert persistence_of([1.0] * 7) == persistence_of([0.0] * 50) == 0.0
    assert persistence_of([1.0] * 10_000, prior=0.0) == 0.99
    assert persistence_of([1.0, -1.0] * 5_000, prior=0.0) == -0.99


def test_what_makes_no_sense_is_named() -> None:
    for place, named in enumerate(
        ("remaining_m", "expected_inflow_m", "to_go_day", "impact_bp_per_m", "resilience_per_day")
    ):
        arguments = [1.0, 1.0, 1.0, 1.0, 1.0]
        arguments[place] = math.nan
        with pytest.raises(ValueError, match=named):
            unwind_flow(*arguments)
    with pytest.raises(ValueError, match="state_bp"):
        unwind_flow(1.0, 0.0, 1.0, 1.0, 1.0, math.inf)
    with pytest.raises(ValueError, match="persistence"):
        persistent_inflow_m(1.0, 1.0, 3)
    with pytest.raises(ValueError, match="batches"):
        persistent_inflow_m(1.0, 0.5, -1)
    with pytest.raises(ValueError, match="relaxation_per_day"):
        skewed_inflow_m(1.0, -1.0, 1.0)
    with pytest.raises(ValueError, match=r"flows_m\[1\]"):
        persistence_of([0.0, math.nan])
    with pytest.raises(ValueError, match="prior"):
        persistence_of([], prior=-1.0)
