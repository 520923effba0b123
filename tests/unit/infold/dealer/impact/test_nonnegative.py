# SPDX-License-Identifier: Apache-2.0
"""Least squares not below zero, and their prior, against scipy and against algebra."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import nnls

from infold.dealer.impact.nonnegative import nonnegative, posterior


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("size", [1, 3, 6])
def test_nonnegative_least_squares_are_scipys(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    table, wanted = random.standard_normal((20, size)), random.standard_normal(20)
    found = nonnegative(table.T @ table, table.T @ wanted)
    assert found == pytest.approx(nnls(table, wanted)[0], abs=1e-10)


def test_dependent_columns_do_not_break_the_fit() -> None:
    column = np.array([1.0, 2.0, 3.0])
    table = np.stack([column, column, 2.0 * column], axis=1)
    found = nonnegative(table.T @ table, table.T @ column)
    assert table @ found == pytest.approx(column)


@pytest.mark.parametrize("seed", range(5))
def test_a_posterior_is_the_regression_with_the_prior_as_rows(seed: int) -> None:
    random = np.random.default_rng(seed)
    table, wanted = random.standard_normal((9, 3)), random.standard_normal(9)
    prior, spread, variance = np.array([2.0, 1.0, 0.5]), np.array([0.1, 0.5, 2.0]), 0.3
    gains, errors = posterior(table.T @ table, table.T @ wanted, variance, prior, spread)
    noise = variance**0.5
    rows = np.vstack([table, np.diag(noise / spread)])
    expected, _ = nnls(rows, np.concatenate([wanted, noise * prior / spread]))
    assert gains == pytest.approx(expected, abs=1e-10)
    assert errors == pytest.approx(np.sqrt(variance * np.diag(np.linalg.inv(rows.T @ rows))))


def test_without_data_the_prior_is_all_there_is() -> None:
    prior, spread = np.array([0.3, 0.0]), np.array([0.2, 0.1])
    gains, errors = posterior(np.zeros((2, 2)), np.zeros(2), 5.0, prior, spread)
    assert gains == pytest.approx(prior) and errors == pytest.approx(spread)
