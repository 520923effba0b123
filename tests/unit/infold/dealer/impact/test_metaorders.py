# SPDX-License-Identifier: Apache-2.0
"""The square-root law, recovered from parents the price hardly noticed one by one."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infold.dealer.impact.metaorders import fit_parents
from infold.dealer.impact.parent import ParentLaw

TRUE = ParentLaw(prefactor=0.9, exponent=0.5)


def parents(count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shares over four decades, worked at 30 % of the volume: moves in daily volatilities, and the
    root of the time each took.
    """
    random = np.random.default_rng(seed)
    share = 10.0 ** random.uniform(-4.5, -0.5, count)
    took = np.sqrt(share / 0.3)
    peaks = np.array([TRUE.peak_bp(size, 1.0, 1.0) for size in share.tolist()])
    return share, peaks + took * random.standard_normal(count), took


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_hundred_thousand_parents_give_the_exponent_and_the_prefactor(seed: int) -> None:
    share, moves, took = parents(100_000, seed)
    found = fit_parents(share, moves, took)
    assert 0.48 <= found.law.exponent <= 0.52
    assert found.law.prefactor == pytest.approx(0.9, rel=0.05)
    assert abs(found.law.exponent - 0.5) < 4.0 * found.exponent_error < 0.04
    assert abs(found.law.prefactor - 0.9) < 4.0 * found.prefactor_error < 0.2


def test_single_parents_tell_next_to_nothing() -> None:
    """The whole point of pooling: the law explains a few percent of any one move."""
    share, moves, took = parents(20_000, 4)
    law = fit_parents(share, moves, took).law
    model = np.array([law.peak_bp(size, 1.0, 1.0) for size in share.tolist()])
    left = np.sum(((moves - model) / took) ** 2) / np.sum((moves / took) ** 2)
    assert 0.01 < 1.0 - left < 0.25


def test_binned_means_lie_on_the_fit() -> None:
    share, moves, took = parents(100_000, 5)
    law = fit_parents(share, moves, took).law
    for low, high in ((-3.0, -2.5), (-2.5, -2.0), (-2.0, -1.5), (-1.5, -0.5)):
        inside = (share > 10.0**low) & (share <= 10.0**high)
        model = np.mean([law.peak_bp(size, 1.0, 1.0) for size in share[inside].tolist()])
        assert float(np.mean(moves[inside])) / float(model) == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (0, 0.0, r"share\[1\] must be a positive number"),
        (1, math.nan, r"relative_move\[1\] must be a number"),
        (2, -1.0, r"noise\[1\] must be a positive number"),
    ],
)
def test_the_first_wrong_parent_is_named(column: int, value: float, said: str) -> None:
    columns = list(parents(50, 1))
    columns[column][1] = value
    with pytest.raises(ValueError, match=said):
        fit_parents(*columns)


def test_what_cannot_be_fitted_is_refused() -> None:
    share, moves, _ = parents(50, 1)
    with pytest.raises(ValueError, match="at least three parents"):
        fit_parents(share[:2], moves[:2])
    with pytest.raises(ValueError, match="relative_move must be 50 numbers"):
        fit_parents(share, moves[:3])
    with pytest.raises(ValueError, match="goes against the parents"):
        fit_parents(share, -np.sqrt(share))
