# SPDX-License-Identifier: Apache-2.0
"""Walk-forward: purged, covering, and blind to the future."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infold.dealer.impact.fitting import predicted_bp
from infold.dealer.impact.observations import Observations
from infold.dealer.impact.state import DECAYS_S
from infold.dealer.impact.validation import conformal, purged, walk_forward

TRUE = (0.4, 0.3, 0.2)


def events(count: int, seed: int = 1, tails: bool = False) -> Observations:
    """Impact and noise, the noise Student's with four degrees of freedom if `tails`."""
    random = np.random.default_rng(seed)
    gap_day = random.exponential(2.0 / 86_400.0, count)
    signed_m = random.standard_normal(count)
    noise = random.standard_t(4, count) if tails else random.standard_normal(count)
    move_bp = predicted_bp(TRUE, DECAYS_S, gap_day, signed_m) + 80.0 * np.sqrt(gap_day) * noise
    time_s = np.concatenate([[0.0], np.cumsum(gap_day[:-1]) * 86_400.0])
    return Observations(time_s, gap_day, signed_m, move_bp, np.ones(count), 0, 0)


def test_nothing_within_the_horizon_of_a_test_part_is_learned_from() -> None:
    times = np.sort(np.random.default_rng(3).uniform(0.0, 1_000.0, 200))
    folds = purged(times, 4, 50.0)
    assert len(folds) == 4
    for train, test in folds:
        assert times[train.stop - 1] < times[test.start] - 50.0 <= times[train.stop]
        assert train.start == 0
    assert [test.start for _, test in folds] == [40, 80, 120, 160]
    assert folds[-1].test.stop == 200
    assert all(train.stop == test.start for train, test in purged(times, 4, 0.0))


@pytest.mark.parametrize("tails", [False, True], ids=["normal", "heavy tails"])
def test_ninety_percent_intervals_hold_88_to_92(tails: bool) -> None:
    found = walk_forward(events(60_000, tails=tails), folds=4)
    assert all(0.88 <= covered <= 0.92 for covered in found.covered), found.covered


def test_the_fit_explains_out_of_sample_nearly_what_the_truth_would() -> None:
    sample = events(60_000)
    found = walk_forward(sample, folds=3)
    model = predicted_bp(TRUE, DECAYS_S, sample.gap_day, sample.signed_m)
    for (_, test), explained in zip(purged(sample.time_s, 3, 60.0), found.explained, strict=True):
        weights = 1.0 / (sample.gap_day[test] + 0.1 / 86_400.0)
        left = np.sum(weights * (sample.move_bp[test] - model[test]) ** 2)
        best = 1.0 - float(left / np.sum(weights * sample.move_bp[test] ** 2))
        assert explained >= 0.95 * best > 0.2


def test_a_shuffled_future_leaves_the_past_s_fits_alone_and_has_no_edge() -> None:
    sample = events(20_000)
    whole = walk_forward(sample, folds=4)
    edge = purged(sample.time_s, 4, 60.0)[-1].test.start
    shuffled = sample.signed_m.copy()
    np.random.default_rng(9).shuffle(shuffled[edge:])
    broken = walk_forward(sample._replace(signed_m=shuffled), folds=4)
    assert broken.gains_bp_per_m == whole.gains_bp_per_m
    assert broken.explained[:3] == whole.explained[:3]
    assert broken.explained[3] < 0.0 < whole.explained[3]


def test_a_price_that_stands_still_has_nothing_to_explain() -> None:
    sample = events(400)
    found = walk_forward(sample._replace(move_bp=np.zeros(400)), folds=2)
    assert found.explained == (0.0, 0.0) and found.covered == (1.0, 1.0)


def test_the_conformal_width_is_an_order_statistic() -> None:
    errors = np.array([-1.0, 2.0, -3.0, 4.0, 5.0, -6.0, 7.0, 8.0, 9.0])
    assert conformal(errors, 0.9) == 9.0
    assert conformal(errors, 0.5) == 5.0
    with pytest.raises(ValueError, match="9 errors are too few"):
        conformal(errors, 0.95)
    with pytest.raises(ValueError, match="coverage must lie between 0 and 1"):
        conformal(errors, 1.0)


def test_folds_that_cannot_be_are_refused() -> None:
    times = np.arange(100.0)
    with pytest.raises(ValueError, match="folds must be at least 1"):
        purged(times, 0, 1.0)
    with pytest.raises(ValueError, match="folds must be at least 1 and leave two events"):
        purged(times, 60, 1.0)
    with pytest.raises(ValueError, match=r"horizon_s must be a number .* not below zero"):
        purged(times, 3, math.nan)
    with pytest.raises(ValueError, match="leaves nothing to learn from before event 25"):
        purged(times, 3, 30.0)
    with pytest.raises(ValueError, match="time_s must be in order"):
        purged(times[::-1], 3, 1.0)
