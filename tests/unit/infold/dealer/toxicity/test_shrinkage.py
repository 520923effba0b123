# SPDX-License-Identifier: Apache-2.0
"""Shrinkage: the posterior of the normal-normal model, and its population found again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infold.dealer.toxicity.shrinkage import Population, Tally, fitted, shrunk

POPULATION = Population(centre_bp=0.4, spread_bp=0.8, noise_bp=2.5)


def test_a_client_never_seen_is_its_population() -> None:
    assert shrunk(POPULATION, Tally()) == (pytest.approx(0.4), pytest.approx(0.8))


def test_a_client_seen_often_is_itself() -> None:
    mean, error = shrunk(POPULATION, Tally(1e8, 3e8))
    assert mean == pytest.approx(3.0, abs=1e-6) and error < 1e-3


def test_the_posterior_is_bayes_rule_on_a_grid() -> None:
    grid = np.linspace(-12.0, 12.0, 200_001)
    markouts = (1.0, -2.0, 4.0)
    logs = -((grid - 0.4) ** 2) / (2 * 0.64)
    tally = Tally()
    for markout in markouts:
        logs = logs - (grid - markout) ** 2 / (2 * 2.5**2)
        tally = tally.after(markout)
    weights = np.exp(logs - logs.max())
    mean = float((weights * grid).sum() / weights.sum())
    deviation = math.sqrt(float((weights * (grid - mean) ** 2).sum() / weights.sum()))
    assert shrunk(POPULATION, tally) == (pytest.approx(mean), pytest.approx(deviation))


def test_forgetting_keeps_a_share_of_the_evidence() -> None:
    assert Tally(10.0, 5.0).after(2.0, kept=0.5) == Tally(6.0, 4.5)


def test_the_population_is_recovered_from_its_clients() -> None:
    draws = np.random.Generator(np.random.Philox(7))
    means = draws.normal(0.4, 0.8, 2_000)
    counts = draws.integers(1, 80, 2_000)
    sums = counts * means + draws.normal(0.0, 2.5, 2_000) * np.sqrt(counts)
    found = fitted(
        [Tally(float(n), float(s)) for n, s in zip(counts, sums, strict=True)], noise_bp=2.5
    )
    assert found.centre_bp == pytest.approx(0.4, abs=0.08)
    assert found.spread_bp == pytest.approx(0.8, abs=0.08)


def test_shrunk_means_miss_the_truth_by_less_than_plain_means() -> None:
    draws = np.random.Generator(np.random.Philox(8))
    means = draws.normal(0.4, 0.8, 500)
    sums = 4 * means + draws.normal(0.0, 2.5, 500) * 2.0
    shrunken = np.array([shrunk(POPULATION, Tally(4.0, s))[0] for s in sums])
    assert np.mean((shrunken - means) ** 2) < 0.4 * np.mean((sums / 4 - means) ** 2)


def test_clients_alike_shrink_all_the_way() -> None:
    found = fitted([Tally(100.0, 40.0), Tally(50.0, 20.0)], noise_bp=2.5)
    assert found.spread_bp == 0.0
    assert shrunk(found, Tally(9.0, 99.0)) == (found.centre_bp, 0.0)


def test_impossible_figures_are_refused_by_name() -> None:
    for call, said in (
        (lambda: Population(math.nan, 1.0, 1.0), "centre_bp"),
        (lambda: Population(0.0, -1.0, 1.0), "spread_bp"),
        (lambda: Population(0.0, 1.0, 0.0), "noise_bp"),
        (lambda: Tally().after(math.inf), "markout_bp"),
        (lambda: Tally().after(1.0, kept=0.0), "kept"),
        (lambda: fitted([Tally(3.0, 1.0), Tally()], 1.0), "two clients"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
