# SPDX-License-Identifier: Apache-2.0
"""Calibration error, ranking power and the monotone repair, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest

from infold.dealer.toxicity.calibration import calibration_error, isotonic, ranking_power


def test_honest_probabilities_have_hardly_any_error() -> None:
    draws = np.random.Generator(np.random.Philox(21))
    said = draws.random(200_000)
    came = (draws.random(200_000) < said).astype(float)
    assert calibration_error(said, came) < 0.005
    assert calibration_error(said**2, came) > 0.1


def test_the_error_is_the_mean_distance_over_bins() -> None:
    said = np.array([0.1, 0.1, 0.9, 0.9])
    assert calibration_error(said, np.array([0.0, 1.0, 1.0, 1.0]), bins=2) == pytest.approx(0.25)


def test_ranking_power_counts_pairs() -> None:
    draws = np.random.Generator(np.random.Philox(22))
    scores = draws.integers(0, 9, 300).astype(float)
    came = (draws.random(300) < 0.1 + 0.08 * scores).astype(float)
    toxic, benign = scores[came == 1.0], scores[came == 0.0]
    wins = (toxic[:, None] > benign).sum() + 0.5 * (toxic[:, None] == benign).sum()
    assert ranking_power(scores, came) == pytest.approx(wins / (len(toxic) * len(benign)))


def test_isotonic_is_monotone_and_pools_what_falls() -> None:
    repair = isotonic(np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.0, 1.0, 0.0, 1.0]))
    assert [repair(p) for p in (0.0, 0.1, 0.25, 0.3, 0.4, 1.0)] == [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]


def test_isotonic_repairs_a_probability_that_overstates() -> None:
    draws = np.random.Generator(np.random.Philox(23))
    truth = draws.random(40_000)
    came = (draws.random(40_000) < truth).astype(float)
    said = np.sqrt(truth)
    repair = isotonic(said[:20_000], came[:20_000])
    assert list(repair.values) == sorted(repair.values)
    repaired = np.array([repair(p) for p in said[20_000:].tolist()])
    assert calibration_error(repaired, came[20_000:]) < 0.02
    assert calibration_error(said[20_000:], came[20_000:]) > 0.1


def test_impossible_columns_are_refused() -> None:
    ones = np.ones(3)
    for call, said in (
        (lambda: calibration_error(ones, np.ones(2)), "one length"),
        (lambda: calibration_error(ones, ones, bins=4), "bins must lie in 1..3"),
        (lambda: calibration_error(ones * np.nan, ones), "must be numbers"),
        (lambda: ranking_power(ones, ones / 2), "outcomes must be 0 or 1"),
        (lambda: ranking_power(ones, ones), "all alike"),
        (lambda: isotonic(np.array([]), np.array([])), "not empty"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
