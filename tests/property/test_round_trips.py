# SPDX-License-Identifier: Apache-2.0
"""No round trip profits, whatever the admissible parameters and however it is traded."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from infold.dealer.impact.kernels import (
    POWER_EXPONENT_MIN,
    ExponentialKernel,
    Kernel,
    PowerKernel,
    bochner_floor,
    require_admissible,
)
from infold.dealer.impact.quadratic import PriceImpact
from infold.dealer.impact.schedule import cost_bp_m
from infold.dealer.impact.state import (
    Conditions,
    ImpactParameters,
    ImpactState,
    block_cost_bp_m,
    pushed,
    rested,
)

SEED = 20_260_803
NO_PROFIT = -1e-12
gains = st.floats(0.0, 1.0)
rates = st.floats(1.0, 1e4)


@st.composite
def linear_kernels(draw: st.DrawFn) -> Kernel:
    """Exponential sums with a lasting part, or any integrable power law."""
    if draw(st.booleans()):
        count = draw(st.integers(1, 4))
        return ExponentialKernel(
            tuple(draw(gains) for _ in range(count)),
            tuple(draw(rates) for _ in range(count)),
            draw(gains),
        )
    return PowerKernel(draw(gains), draw(st.floats(0.01, 0.99)), draw(st.floats(1e-5, 1.0)))


@st.composite
def round_trips(draw: st.DrawFn) -> np.ndarray:
    """Rates in 2 to 24 cells that add up to nothing, at most 1 M in any cell."""
    first = draw(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=23))
    trips = np.array([*first, -math.fsum(first)])
    return trips / max(1.0, float(np.abs(trips).max()))


@seed(SEED)
@settings(max_examples=500, deadline=None)
@given(kernel=linear_kernels(), trip=round_trips(), cell_day=st.sampled_from([1e-4, 1e-2, 1.0]))
def test_no_round_trip_earns_against_an_admissible_linear_kernel(
    kernel: Kernel, trip: np.ndarray, cell_day: float
) -> None:
    require_admissible(kernel)
    assert cost_bp_m(kernel, trip / cell_day, cell_day) >= NO_PROFIT


@seed(SEED)
@settings(max_examples=500, deadline=None)
@given(
    exponent=st.floats(POWER_EXPONENT_MIN, 0.99),
    concavity=st.floats(0.05, 1.0),
    slow=st.floats(1e-3, 1.0),
    share=st.floats(0.01, 0.99),
)
def test_buying_at_one_rate_and_selling_at_another_does_not_earn_where_the_power_law_is_admissible(
    exponent: float, concavity: float, slow: float, share: float
) -> None:
    """The schedules behind the conditions on exponents: two phases, in either order."""
    kernel = PowerKernel(1.0, exponent, 1.0)
    if exponent + concavity < 1.0:
        concavity = 1.0 - exponent
    require_admissible(kernel, concavity)
    cells = 64
    fast_cells = max(1, round(cells * share))
    slow_cells = cells - fast_cells
    if slow_cells < 1:
        return
    trip = np.concatenate(
        [np.full(fast_cells, slow), np.full(slow_cells, -slow * fast_cells / slow_cells)]
    )
    for schedule in (trip, trip[::-1].copy()):
        assert cost_bp_m(kernel, schedule, 1.0 / cells, concavity) >= NO_PROFIT


@seed(SEED)
@settings(max_examples=200, deadline=None)
@given(kernel=linear_kernels())
def test_admissible_linear_kernels_are_positive_definite(kernel: Kernel) -> None:
    weights = kernel.cell_weights(64, 1e-3)
    # Twice the triangle's weight stands on the diagonal of the symmetric cost.
    weights[0] *= 2.0
    if weights[0] > 0.0:
        assert bochner_floor(weights) > -1e-9


markets = st.builds(
    Conditions,
    volatility_bp=st.floats(10.0, 1_000.0),
    depth_m=st.floats(0.1, 100.0),
    liquidations=st.floats(0.0, 10.0),
)
parameters = st.builds(
    ImpactParameters,
    gains_bp_per_m=st.tuples(gains, gains, gains),
    permanent_bp_per_m=gains,
    volatility_bp=st.floats(10.0, 1_000.0),
    depth_m=st.floats(0.1, 100.0),
    crowding=st.floats(0.0, 5.0),
)


@seed(SEED)
@settings(max_examples=500, deadline=None)
@given(
    parameters=parameters,
    trades=st.lists(
        st.tuples(st.floats(0.0, 0.2), st.floats(-1.0, 1.0), markets), min_size=1, max_size=12
    ),
    last=markets,
)
def test_no_round_trip_earns_while_volatility_and_depth_change(
    parameters: ImpactParameters,
    trades: list[tuple[float, float, Conditions]],
    last: Conditions,
) -> None:
    closing = (0.0, -math.fsum(size for _, size, _ in trades), last)
    state, cost, gross = ImpactState(), 0.0, 0.0
    for days, size_m, now in [*trades, closing]:
        before = rested(parameters, state, days)
        state = pushed(parameters, before, size_m, now)
        paid = block_cost_bp_m(before, state, size_m)
        cost += paid
        gross += abs(paid)
    assert cost >= NO_PROFIT * max(1.0, gross)


imbalances = st.floats(-1e3, 1e3)


@st.composite
def impacts(draw: st.DrawFn) -> PriceImpact:
    factor = draw(st.floats(0.0, 1.0))
    return PriceImpact(factor, factor * draw(st.floats(0.0, 1.0)), draw(st.floats(1.0, 3.0)))


@seed(SEED)
@settings(max_examples=500, deadline=None)
@given(impact=impacts(), path=st.lists(imbalances, min_size=1, max_size=6))
def test_moving_a_venue_s_imbalance_round_and_back_never_earns(
    impact: PriceImpact, path: list[float]
) -> None:
    stops = [*path, path[0]]
    steps = [impact.income(a, b) for a, b in pairwise(stops)]
    size = max(map(abs, steps), default=0.0)
    assert math.fsum(steps) <= 1e-12 * max(1.0, size)


@seed(SEED)
@settings(max_examples=500, deadline=None)
@given(impact=impacts(), start=imbalances, end=imbalances, share=st.floats(0.0, 1.0))
def test_splitting_a_trade_gains_nothing(
    impact: PriceImpact, start: float, end: float, share: float
) -> None:
    middle = start + share * (end - start)
    whole = impact.income(start, end)
    parts = impact.income(start, middle) + impact.income(middle, end)
    assert parts == pytest.approx(whole, rel=1e-9, abs=1e-9 * max(1.0, abs(start), abs(end)) ** 2)
