# SPDX-License-Identifier: Apache-2.0
"""No schedule beats the plan: any children of a parent, at any times, from any impact state."""

from __future__ import annotations

import math

from hypothesis import example, given
from hypothesis import strategies as st

from infold.dealer.hedging.inflow import unwind_flow
from infold.dealer.hedging.schedule import TradingCosts, schedule
from infold.dealer.hedging.transient import unwind

SIZES = st.floats(0.1, 100.0)
HORIZONS = st.floats(1e-5, 0.1)
IMPACTS = st.floats(1e-4, 0.1)
RESILIENCES = st.floats(0.0, 5_000.0)
STATES = st.floats(-1.0, 1.0)
CHILDREN = st.lists(
    st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)), min_size=1, max_size=8
).filter(lambda rows: sum(weight for _, weight in rows) > 0.01)


def paid_bp_m(
    children: list[tuple[float, float]], impact: float, resilience: float, state: float
) -> float:
    """What children (time, size) in order pay under decaying impact."""
    cost, before = 0.0, 0.0
    for time, size in children:
        state *= math.exp(-resilience * (time - before))
        cost += (state + 0.5 * impact * size) * size
        state += impact * size
        before = time
    return cost


@given(SIZES, HORIZONS, IMPACTS, RESILIENCES, STATES, CHILDREN, st.sampled_from([-1.0, 1.0]))
def test_no_children_of_the_parents_side_are_cheaper(
    size: float,
    horizon: float,
    impact: float,
    resilience: float,
    state: float,
    rows: list[tuple[float, float]],
    side: float,
) -> None:
    plan = unwind(side * size, horizon, impact, resilience, side * state)
    total = sum(weight for _, weight in rows)
    children = sorted((when * horizon, side * size * weight / total) for when, weight in rows)
    cost = paid_bp_m(children, impact, resilience, side * state)
    scale = impact * size * size + abs(state) * size
    assert cost >= plan.cost_bp_m - 1e-9 * scale
    assert side * plan.first_m >= -1e-9 * size and side * plan.rate_m_per_day >= -1e-9
    done = plan.first_m + plan.rate_m_per_day * (horizon - plan.start_day) + plan.last_m
    assert abs(done - side * size) <= 1e-9 * size


@given(SIZES, IMPACTS, RESILIENCES, CHILDREN, st.floats(0.0, 1.0))
def test_a_programme_beats_every_schedule_on_its_own_grid(
    size: float,
    impact: float,
    resilience: float,
    rows: list[tuple[float, float]],
    state: float,
) -> None:
    times = sorted({round(when, 2) for when, _ in rows})
    costs = TradingCosts(impact_bp_per_m=impact, resilience_per_day=resilience)
    found = schedule(size, times, costs, state_bp=state)
    # A programme starts at its first time, with the impact that is left then.
    shifted = [
        (time - times[0], child) for time, child in zip(times, found.children_m, strict=True)
    ]
    own = paid_bp_m(shifted, impact, resilience, state)
    scale = impact * size * size + state * size
    assert abs(own - found.cost_bp_m) <= 1e-9 * scale
    assert min(found.children_m) >= 0.0
    total = sum(weight for _, weight in rows)
    others = sorted((round(when, 2) - times[0], size * weight / total) for when, weight in rows)
    assert paid_bp_m(others, impact, resilience, state) >= own - 1e-7 * scale


@given(st.floats(-50.0, 50.0), st.floats(-200.0, 200.0), HORIZONS, IMPACTS, RESILIENCES, STATES)
@example(5e-324, -1.0, 0.0625, 0.0625, 0.0, 0.0)
@example(-5e-324, 0.0, 0.0625, 0.0625, 0.0, 0.0)
def test_a_flow_plan_never_trades_against_or_beyond_what_remains(
    remaining: float,
    inflow: float,
    to_go: float,
    impact: float,
    resilience: float,
    state: float,
) -> None:
    plan = unwind_flow(remaining, inflow, to_go, impact, resilience, state)
    assert plan.block_m * remaining >= 0.0 and abs(plan.block_m) <= abs(remaining)
    assert plan.rate_m_per_day * remaining >= 0.0
    more = unwind_flow(remaining, inflow + 1.0, to_go, impact, resilience, state)
    assert more.block_m >= plan.block_m
    assert abs(plan.myopic_m + plan.projected_m - plan.block_m) <= 1e-9 * (1.0 + abs(plan.myopic_m))
