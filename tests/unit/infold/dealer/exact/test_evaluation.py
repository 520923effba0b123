# SPDX-License-Identifier: Apache-2.0
"""One linear solve for any conduct, against the whole system written out point by point."""

from __future__ import annotations

import math
from itertools import product

import msgspec
import numpy as np
import pytest

from infold.dealer.exact.elimination import invert, solve_banded
from infold.dealer.exact.evaluation import Conduct, evaluate
from infold.dealer.exact.lattice import Lattice
from infold.dealer.params import SPOT_FX, DealerParameters

MARKET = msgspec.structs.replace(SPOT_FX, sizes_m=(1.0, 3.0), requests_per_day=(900.0, 200.0))
SMALL = Lattice(5.0, impact_bp_max=0.02, impact_points=5)


def a_conduct(lattice: Lattice, seed: int = 4) -> Conduct:
    source = np.random.default_rng(seed)
    grid = (lattice.inventory_points, lattice.impact_points)
    markups = source.uniform(0.1, 0.5, (2, 2, *grid))
    markups[0, 1, 3] = np.inf
    return Conduct(lattice, markups, source.normal(0.0, 3_000.0, grid))


def written_out(parameters: DealerParameters, conduct: Conduct) -> tuple[float, np.ndarray]:
    """theta and value from a dense system built one move at a time."""
    lattice = conduct.lattice
    held, states = lattice.inventory_m, lattice.impact_bp
    rows, columns = len(held), len(states)
    system = np.zeros((rows * columns + 1, rows * columns + 1))
    wanted = np.zeros(rows * columns + 1)
    k, beta = parameters.impact_bp_per_m, parameters.resilience_per_day

    def move(row: int, column: int, up: int, across: int, rate: float) -> None:
        if 0 <= column + across < columns:
            here, there = row * columns + column, (row + up) * columns + column + across
            system[here, here] -= rate
            system[here, there] += rate

    for row, column in product(range(rows), range(columns)):
        here = row * columns + column
        q, x = held[row], states[column]
        wanted[here] += 0.5 * parameters.risk_aversion * parameters.volatility_bp**2 * q * q
        wanted[here] += beta * x * q
        move(row, column, 0, -int(np.sign(x)), beta * abs(x) / lattice.impact_step_bp)
        v = float(conduct.rates_m_per_day[row, column])
        if 0 <= row + int(np.sign(v)) < rows:
            psi, eta = parameters.hedge_spread_bp, parameters.hedge_impact_bp_day_per_m
            wanted[here] -= k * v * q - psi * abs(v) - eta * v * v
            move(row, column, int(np.sign(v)), 0, abs(v) / lattice.inventory_step_m)
            if k:
                move(row, column, 0, int(np.sign(v)), k * abs(v) / lattice.impact_step_bp)
        for side, rung in product((-1, 1), range(len(parameters.sizes_m))):
            size = round(parameters.sizes_m[rung])
            markup = conduct.markups_bp[(side + 1) // 2, rung, row, column]
            if 0 <= row - side * size < rows and math.isfinite(markup):
                odds = math.exp(parameters.demand_shift + parameters.demand_slope_per_bp * markup)
                rate = parameters.requests_per_day[rung] / (1.0 + odds)
                wanted[here] -= size * rate * markup
                move(row, column, -side * size, 0, rate)
    system[:-1, -1] = -1.0
    system[-1, (rows // 2) * columns + columns // 2] = 1.0
    found = np.linalg.solve(system, wanted)
    return float(found[-1]), found[:-1].reshape(rows, columns)


@pytest.mark.parametrize("lattice", [SMALL, Lattice(5.0)], ids=["transient", "permanent"])
@pytest.mark.parametrize("k", [0.0, 0.005])
def test_block_elimination_solves_the_whole_system(lattice: Lattice, k: float) -> None:
    parameters = msgspec.structs.replace(MARKET, impact_bp_per_m=k)
    found = evaluate(parameters, a_conduct(lattice))
    theta, value = written_out(parameters, a_conduct(lattice))
    assert found.theta_bp_m_per_day == pytest.approx(theta, rel=1e-10)
    assert np.max(np.abs(found.value_bp_m - value)) < 1e-9 * (1.0 + np.max(np.abs(value)))
    assert found.value_bp_m[lattice.centre] == 0.0


def test_quotes_nobody_takes_leave_only_the_risk_of_wandering() -> None:
    grid = (SMALL.inventory_points, SMALL.impact_points)
    # Not infinite: inventories that cannot reach each other have no common long run.
    found = evaluate(MARKET, Conduct(SMALL, np.full((2, 2, *grid), 4.0), np.zeros(grid)))
    # At 4 bp either side fills as often from any inventory, so all are as likely in the long run.
    risk = 5.0 * np.mean(SMALL.inventory_m**2)
    assert found.theta_bp_m_per_day == pytest.approx(-risk, rel=1e-3)


def test_elimination_is_numpys() -> None:
    source = np.random.default_rng(1)
    for count, band in ((1, 1), (7, 2), (40, 39)):
        matrix = -source.uniform(0.0, 1.0, (count, count))
        near = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) <= band
        matrix[~near] = 0.0
        np.fill_diagonal(matrix, 0.0)
        np.fill_diagonal(matrix, 0.3 - matrix.sum(axis=1))
        right = source.normal(size=(count, 2))
        solved, inverse = right.copy(), matrix.copy()
        invert(inverse)
        solve_banded(matrix.copy(), solved, band)
        assert np.allclose(inverse @ matrix, np.eye(count), atol=1e-11)
        assert np.allclose(solved, np.linalg.solve(matrix, right), rtol=1e-10, atol=1e-12)


def test_what_cannot_be_evaluated_is_refused_by_name() -> None:
    conduct = a_conduct(SMALL)
    grid = (SMALL.inventory_points, SMALL.impact_points)
    for wrong, said in (
        (Conduct(SMALL, np.zeros((2, 1, *grid)), np.zeros(grid)), "markups_bp must be"),
        (Conduct(SMALL, conduct.markups_bp, np.zeros(3)), "rates_m_per_day must be"),
        (Conduct(SMALL, conduct.markups_bp * np.nan, np.zeros(grid)), r"numbers \(bp\)"),
        (Conduct(SMALL, conduct.markups_bp, np.full(grid, np.nan)), r"numbers \(M a day\)"),
    ):
        with pytest.raises(ValueError, match=said):
            evaluate(MARKET, wrong)
    lasting = msgspec.structs.replace(MARKET, resilience_per_day=0.0)
    with pytest.raises(ValueError, match=r"resilience_per_day .* \(per day\)"):
        evaluate(lasting, conduct)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"inventory_m_max": math.nan}, r"inventory_m_max .* \(M\)"),
        ({"inventory_m_max": 5.0, "inventory_step_m": 0.0}, r"inventory_step_m .* \(M\)"),
        ({"inventory_m_max": 5.0, "inventory_step_m": 2.0}, "whole number of inventory_step_m"),
        ({"inventory_m_max": 5.0, "impact_points": 0}, "impact_points .* at least 1"),
        ({"inventory_m_max": 5.0, "impact_points": 4, "impact_bp_max": 1.0}, "must be odd"),
        ({"inventory_m_max": 5.0, "impact_points": 3}, r"impact_bp_max .* \(bp\)"),
        ({"inventory_m_max": 1e5}, "at most 40000"),
    ],
)
def test_impossible_lattices_are_refused_by_name(arguments: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Lattice(**arguments)  # type: ignore[arg-type]


def test_a_lattice_must_carry_the_ladder() -> None:
    assert Lattice(5.0, 0.5).strides(MARKET) == [2, 6]
    with pytest.raises(ValueError, match=r"inventory_step_m 0.3 \(M\) does not divide"):
        Lattice(6.0, 0.3).strides(MARKET)
    with pytest.raises(ValueError, match=r"inventory_m_max 1.0 \(M\) cannot hold"):
        Lattice(1.0).strides(MARKET)
