# SPDX-License-Identifier: Apache-2.0
"""Obizhaeva and Wang: the closed form against the quadratic programme and against other plans."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infold.dealer.hedging.schedule import TradingCosts, schedule
from infold.dealer.hedging.transient import BlockPlan, unwind

SIZE_M, DAY, IMPACT, RESILIENCE = 100.0, 0.01, 0.005, 1_000.0


def paid_bp_m(plan: BlockPlan, state_bp: float, slices: int = 20_000) -> float:
    """The plan's cost by stepping the impact state along it."""
    state = state_bp * math.exp(-RESILIENCE * plan.start_day)
    cost = (state + 0.5 * IMPACT * plan.first_m) * plan.first_m
    state += IMPACT * plan.first_m
    step = (plan.horizon_day - plan.start_day) / slices
    for _ in range(slices):
        child = plan.rate_m_per_day * step
        state *= math.exp(-0.5 * RESILIENCE * step)
        cost += (state + 0.5 * IMPACT * child) * child
        state = (state + IMPACT * child) * math.exp(-0.5 * RESILIENCE * step)
    return cost + (state + 0.5 * IMPACT * plan.last_m) * plan.last_m


def test_ow_closed_form_has_equal_blocks_and_the_known_cost() -> None:
    plan = unwind(SIZE_M, DAY, IMPACT, RESILIENCE)
    block = SIZE_M / (RESILIENCE * DAY + 2.0)
    assert plan.first_m == pytest.approx(block, rel=1e-14)
    assert plan.last_m == pytest.approx(block, rel=1e-13)
    assert plan.rate_m_per_day == pytest.approx(RESILIENCE * block, rel=1e-14)
    assert plan.cost_bp_m == pytest.approx(IMPACT * SIZE_M**2 / (RESILIENCE * DAY + 2.0), rel=1e-13)
    assert paid_bp_m(plan, 0.0) == pytest.approx(plan.cost_bp_m, rel=1e-6)


def test_ow_closed_vs_qp() -> None:
    """200 slices come within half a percent of the continuous optimum, from above."""
    times = np.linspace(0.0, DAY, 200)
    costs = TradingCosts(impact_bp_per_m=IMPACT, resilience_per_day=RESILIENCE)
    found = schedule(SIZE_M, times, costs)
    plan = unwind(SIZE_M, DAY, IMPACT, RESILIENCE)
    assert plan.cost_bp_m <= found.cost_bp_m <= plan.cost_bp_m * 1.005
    children = np.array(found.children_m)
    assert children[0] == pytest.approx(plan.first_m, rel=0.03)
    assert children[-1] == pytest.approx(plan.last_m, rel=0.03)
    inner = children[1:-1]
    assert inner == pytest.approx(np.full(198, plan.rate_m_per_day * DAY / 199), rel=0.03)
    assert math.fsum(found.children_m) == pytest.approx(SIZE_M, rel=1e-12)


@pytest.mark.parametrize("state_bp", [-0.2, 0.0, 0.03, 0.2, 0.6])
def test_ow_with_leftover_impact_is_the_one_sided_optimum(state_bp: float) -> None:
    times = np.linspace(0.0, DAY, 160)
    costs = TradingCosts(impact_bp_per_m=IMPACT, resilience_per_day=RESILIENCE)
    found = schedule(SIZE_M, times, costs, state_bp=state_bp)
    plan = unwind(SIZE_M, DAY, IMPACT, RESILIENCE, state_bp)
    assert plan.cost_bp_m - 1e-12 <= found.cost_bp_m <= plan.cost_bp_m + 0.005 * abs(plan.cost_bp_m)
    assert paid_bp_m(plan, state_bp) == pytest.approx(plan.cost_bp_m, rel=1e-5)
    assert plan.first_m >= 0.0 <= plan.rate_m_per_day
    assert min(found.children_m) >= 0.0


def test_leftover_impact_is_waited_out_and_never_traded_against() -> None:
    plan = unwind(10.0, DAY, IMPACT, RESILIENCE, 0.6)
    assert plan.start_day > 0.0 == plan.first_m
    faded = 0.6 * math.exp(-RESILIENCE * plan.start_day)
    assert plan.level_bp == pytest.approx(faded, rel=1e-9)
    hopeless = unwind(1.0, 1e-5, IMPACT, RESILIENCE, 50.0)
    assert (hopeless.start_day, hopeless.first_m, hopeless.last_m) == (1e-5, 0.0, 1.0)


def test_plan_is_odd_in_size_and_state() -> None:
    bought, sold = (
        unwind(7.0, DAY, IMPACT, RESILIENCE, 0.1),
        unwind(-7.0, DAY, IMPACT, RESILIENCE, -0.1),
    )
    assert (bought.first_m, bought.last_m) == (-sold.first_m, -sold.last_m)
    assert bought.cost_bp_m == sold.cost_bp_m


def test_limits_of_resilience() -> None:
    """Permanent impact: timing does not matter. Resilience beyond bounds: an even rate for free."""
    lasting = unwind(SIZE_M, DAY, IMPACT, 0.0)
    assert lasting.cost_bp_m == pytest.approx(0.5 * IMPACT * SIZE_M**2, rel=1e-14)
    fleeting = unwind(SIZE_M, DAY, IMPACT, 1e12)
    assert fleeting.rate_m_per_day * DAY == pytest.approx(SIZE_M, rel=1e-9)
    assert fleeting.cost_bp_m < 1e-7
    at_once = unwind(SIZE_M, 0.0, IMPACT, RESILIENCE)
    assert at_once.first_m + at_once.last_m == pytest.approx(SIZE_M)
    assert at_once.cost_bp_m == pytest.approx(0.5 * IMPACT * SIZE_M**2, rel=1e-14)


def test_traded_by_a_time_runs_from_nothing_to_all() -> None:
    plan = unwind(SIZE_M, DAY, IMPACT, RESILIENCE)
    assert plan.traded_m(0.0) == plan.first_m
    assert plan.traded_m(DAY / 2) == pytest.approx(SIZE_M / 2)
    assert plan.traded_m(2 * DAY) == pytest.approx(SIZE_M)
    assert unwind(SIZE_M, DAY, IMPACT, RESILIENCE, 5.0).traded_m(0.0) == 0.0
    assert unwind(0.0, DAY, IMPACT, RESILIENCE).traded_m(DAY) == 0.0


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((math.nan, DAY, IMPACT, RESILIENCE), "size_m"),
        ((1.0, -1.0, IMPACT, RESILIENCE), "horizon_day"),
        ((1.0, DAY, 0.0, RESILIENCE), "impact_bp_per_m"),
        ((1.0, DAY, IMPACT, -1.0), "resilience_per_day"),
        ((1.0, DAY, IMPACT, RESILIENCE, math.inf), "state_bp"),
    ],
)
def test_unwind_names_what_makes_no_sense(arguments: tuple[float, ...], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        unwind(*arguments)


@pytest.mark.parametrize(
    ("times", "message"),
    [((), "1 to 2000"), ((0.0, 0.0), "rise"), ((0.0, math.nan), "rise"), (range(2_001), "2000")],
)
def test_schedule_refuses_times_that_do_not_rise(times: tuple[float, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        schedule(1.0, times, TradingCosts(quadratic_bp_day_per_m=1.0))


@pytest.mark.parametrize(
    ("costs", "named"),
    [
        ({}, "either every"),
        ({"impact_bp_per_m": -1.0}, "impact_bp_per_m"),
        ({"impact_bp_per_m": 1.0, "resilience_per_day": math.nan}, "resilience_per_day"),
        ({"quadratic_bp_day_per_m": math.inf}, "quadratic_bp_day_per_m"),
        ({"impact_bp_per_m": 1.0, "volatility_bp": -2.0}, "volatility_bp"),
        ({"impact_bp_per_m": 1.0, "risk_aversion": math.nan}, "risk_aversion"),
    ],
)
def test_costs_name_what_makes_no_sense(costs: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        TradingCosts(**costs)
