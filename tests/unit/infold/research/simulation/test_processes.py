# SPDX-License-Identifier: Apache-2.0
"""Stochastic variance and jumps: martingales, moments, characteristic functions."""

from __future__ import annotations

import cmath
import math
from dataclasses import replace

import numpy as np
import pytest

from infold.dealer.params import SPOT_FX
from infold.research.simulation.heston import (
    BITCOIN,
    Heston,
    expected_variance_bp2,
    heston_characteristic,
    heston_columns,
)
from infold.research.simulation.jumps import BITCOIN as JUMPY
from infold.research.simulation.jumps import (
    Jumps,
    Kou,
    Merton,
    compound_characteristic,
    jump_moves_bp,
    rough_scene,
)
from infold.research.simulation.ledger import Sum
from infold.research.simulation.policy import transient_closed_form
from infold.research.simulation.quotes import paper_world

SEED = 20260101
CELLS = 200
CELL_DAY = 1.0 / CELLS
PATHS = 4_000
# Far from its level, wild enough for both branches of the scheme, and leaning.
WILD = Heston(
    level_bp2_per_day=300.0**2,
    reversion_per_day=3.0,
    wildness_bp_per_day=900.0,
    correlation=-0.6,
    start_bp2_per_day=500.0**2,
)
MERTON = Merton(rate_per_day=3.0, mean_bp=-20.0, deviation_bp=50.0)


@pytest.fixture(scope="module")
def ends() -> tuple[np.ndarray, np.ndarray]:
    """(S at the end, v at the beginning of the last cell), by path."""
    columns = [heston_columns(WILD, CELLS, CELL_DAY, SEED, path) for path in range(PATHS)]
    return (
        np.array([moves.sum() for moves, _ in columns]),
        np.array([variances[-1] for _, variances in columns]),
    )


def test_the_price_is_a_martingale_with_the_expected_variance(
    ends: tuple[np.ndarray, np.ndarray],
) -> None:
    price, _ = ends
    assert abs(price.mean()) < 3.0 * price.std() / math.sqrt(PATHS)
    expected = expected_variance_bp2(WILD, 1.0)
    squares = price**2
    assert abs(squares.mean() - expected) < 3.0 * squares.std() / math.sqrt(PATHS)


def test_the_variance_has_its_own_two_moments(ends: tuple[np.ndarray, np.ndarray]) -> None:
    _, variance = ends
    time, kappa, xi = (CELLS - 1) * CELL_DAY, WILD.reversion_per_day, WILD.wildness_bp_per_day
    fade = math.exp(-kappa * time)
    start, level = WILD.start_bp2_per_day, WILD.level_bp2_per_day
    mean = level + (start - level) * fade
    spread = xi**2 / kappa * (start * fade * (1 - fade) + 0.5 * level * (1 - fade) ** 2)
    assert (variance >= 0.0).all()
    assert abs(variance.mean() - mean) < 3.0 * math.sqrt(spread / PATHS)
    squares = (variance - mean) ** 2
    assert abs(squares.mean() - spread) < 4.0 * squares.std() / math.sqrt(PATHS)


@pytest.mark.parametrize("frequency", [5e-4, 1.5e-3, 3e-3])
def test_the_price_has_hestons_characteristic_function(
    ends: tuple[np.ndarray, np.ndarray], frequency: float
) -> None:
    price, _ = ends
    found = complex(np.mean(np.exp(1j * frequency * price)))
    expected = heston_characteristic(WILD, 1.0, frequency)
    assert abs(found - expected) < 3.5 / math.sqrt(PATHS)
    gaussian = cmath.exp(-0.5 * frequency**2 * expected_variance_bp2(WILD, 1.0))
    assert frequency < 1e-3 or abs(gaussian - expected) > 0.02


def test_a_leaning_variance_skews_the_price(ends: tuple[np.ndarray, np.ndarray]) -> None:
    price, _ = ends
    assert np.mean(((price - price.mean()) / price.std()) ** 3) < -0.1


@pytest.mark.parametrize("jumps", [MERTON, JUMPY], ids=["merton", "kou"])
def test_jumps_are_a_martingale_with_their_moments(jumps: Jumps) -> None:
    ends = np.array([jump_moves_bp(jumps, 50, 0.02, SEED, path).sum() for path in range(PATHS)])
    assert abs(ends.mean()) < 3.0 * ends.std() / math.sqrt(PATHS)
    expected, squares = jumps.rate_per_day * jumps.square_bp2, ends**2
    assert abs(squares.mean() - expected) < 3.0 * squares.std() / math.sqrt(PATHS)
    for frequency in (2e-3, 1e-2):
        found = complex(np.mean(np.exp(1j * frequency * ends)))
        assert abs(found - compound_characteristic(jumps, 1.0, frequency)) < 3.5 / math.sqrt(PATHS)


def test_a_rough_scene_runs_the_quotes_world() -> None:
    world = paper_world(horizon_day=0.02)
    policy = transient_closed_form(SPOT_FX)
    heston = replace(BITCOIN, level_bp2_per_day=1e4, start_bp2_per_day=1e4)
    scene = rough_scene(heston, JUMPY, world.cells, world.cell_day, SEED, 1)
    sums, hash_ = world.run_on(policy, world.tape(SEED, 1), scene)
    again, same = world.run_on(policy, world.tape(SEED, 1), scene)
    assert hash_ == same and np.array_equal(sums, again)
    assert sums[Sum.MARTINGALE] != 0.0
    risk = 0.5 * SPOT_FX.risk_aversion * sums[Sum.SQUARE]
    assert sums[Sum.RISK] > risk * scene.variances.min()


def test_the_same_seed_gives_the_same_columns() -> None:
    one = heston_columns(BITCOIN, 64, 1e-3, SEED, 7)
    two = heston_columns(BITCOIN, 64, 1e-3, SEED, 7)
    other = heston_columns(BITCOIN, 64, 1e-3, SEED, 8)
    assert np.array_equal(one[0], two[0]) and np.array_equal(one[1], two[1])
    assert not np.array_equal(one[0], other[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"level_bp2_per_day": -1.0}, "level_bp2_per_day"),
        ({"wildness_bp_per_day": math.nan}, "wildness_bp_per_day"),
        ({"correlation": 1.5}, "correlation"),
    ],
)
def test_a_variance_that_cannot_be_is_refused(change: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(BITCOIN, **change)


def test_jumps_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="rate_per_day"):
        Merton(-1.0, 0.0, 1.0)
    with pytest.raises(ValueError, match="mean_bp"):
        Merton(1.0, math.inf, 1.0)
    with pytest.raises(ValueError, match="up_share"):
        Kou(1.0, 1.1, 1.0, 1.0)
    with pytest.raises(ValueError, match="down_bp"):
        Kou(1.0, 0.5, 1.0, -1.0)
    with pytest.raises(ValueError, match="cells"):
        jump_moves_bp(MERTON, 0, 1.0, SEED, 0)
    with pytest.raises(ValueError, match="cell_day"):
        heston_columns(BITCOIN, 4, 0.0, SEED, 0)
