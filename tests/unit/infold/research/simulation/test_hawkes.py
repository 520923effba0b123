# SPDX-License-Identifier: Apache-2.0
"""Clustered clients: the mean rate, the likelihood, and times rescaled to a Poisson clock."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from infold.dealer.params import SPOT_FX
from infold.research.simulation.hawkes import (
    CALM,
    Hawkes,
    fit,
    hawkes_tape,
    log_likelihood,
    rescaled_gaps,
)
from infold.research.simulation.tape import Tape, checked_tape, demand_of, poisson_tape

SEED = 20260101
DEMAND = demand_of(SPOT_FX)
RATE = 0.5 * DEMAND.rate_per_day
HORIZON = 4.0
TAPE = hawkes_tape(DEMAND, CALM, HORIZON, SEED, 0)


def test_hawkes_rescaling() -> None:
    """Under the truth the rescaled gaps are unit exponentials, each side."""
    for gaps in rescaled_gaps(RATE, CALM, TAPE.time_day, TAPE.side, HORIZON):
        assert stats.kstest(gaps, "expon").pvalue > 0.01


def test_rescaling_finds_a_flow_that_does_not_cluster() -> None:
    strangers = replace(CALM, own=0.0, cross=0.0)
    for gaps in rescaled_gaps(RATE, strangers, TAPE.time_day, TAPE.side, HORIZON):
        assert stats.kstest(gaps, "expon").pvalue < 1e-6


def test_the_mean_rate_is_the_demands_whatever_the_clustering() -> None:
    expected = DEMAND.rate_per_day * HORIZON
    # The count's variance is the Poisson one over (1 - branching)^2.
    error = math.sqrt(expected) / (1.0 - CALM.branching)
    assert abs(len(TAPE.side) - expected) < 4.0 * error
    start = TAPE.time_day < 0.25
    assert abs(int(start.sum()) - expected / 16.0) < 4.0 * error / 4.0


def test_sides_excite_themselves_more_than_each_other() -> None:
    same = np.mean(TAPE.side[1:] == TAPE.side[:-1])
    poisson = poisson_tape(DEMAND, HORIZON, SEED, 0)
    assert same > 0.52 and abs(np.mean(poisson.side[1:] == poisson.side[:-1]) - 0.5) < 0.02


def test_sizes_and_wills_are_the_demands() -> None:
    checked_tape(TAPE, len(DEMAND.sizes_m))
    counts = np.bincount(TAPE.rung, minlength=6)
    weights = np.array(DEMAND.requests_per_day)
    assert stats.chisquare(counts, weights / weights.sum() * counts.sum()).pvalue > 0.01
    latent = TAPE.reservation_bp * DEMAND.slope_per_bp + DEMAND.shift
    assert stats.kstest(latent, "logistic").pvalue > 0.01


def test_a_fit_recovers_what_was_drawn() -> None:
    found = fit(TAPE.time_day, TAPE.side, HORIZON)
    assert abs(found.hawkes.branching - CALM.branching) < 0.05
    assert abs(found.hawkes.own - CALM.own) < 0.05
    assert abs(math.log(found.hawkes.decay_per_day / CALM.decay_per_day)) < 0.15
    assert abs(found.rate_per_day / RATE - 1.0) < 0.1
    true = log_likelihood(RATE, CALM, TAPE.time_day, TAPE.side, HORIZON)
    assert true <= found.log_likelihood < true + 12.0


def test_the_likelihood_is_the_sum_over_all_pairs() -> None:
    """The recursion against the definition, mark by mark."""
    few = Tape._make(column[:60] for column in TAPE)
    horizon = float(few.time_day[-1]) + 1e-4
    base = RATE * (1.0 - CALM.branching)
    beta, lasting = CALM.decay_per_day, RATE - base
    total = -2.0 * (base * horizon + lasting * -math.expm1(-beta * horizon) / beta)
    for i, (time, side) in enumerate(zip(few.time_day, few.side, strict=True)):
        total -= CALM.branching * -math.expm1(-beta * (horizon - time))
        intensity = base + lasting * math.exp(-beta * time)
        for j in range(i):
            children = CALM.own if few.side[j] == side else CALM.cross
            intensity += children * beta * math.exp(-beta * (time - few.time_day[j]))
        total += math.log(intensity)
    found = log_likelihood(RATE, CALM, few.time_day, few.side, horizon)
    assert found == pytest.approx(total, abs=1e-9)


def test_the_same_seed_gives_the_same_marks_and_another_path_others() -> None:
    again = hawkes_tape(DEMAND, CALM, 0.2, SEED, 0)
    for column, longer in zip(again, TAPE, strict=True):
        assert np.array_equal(column, longer[: len(column)])
    other = hawkes_tape(DEMAND, CALM, 0.2, SEED, 1)
    assert other.time_day[0] != again.time_day[0]


@pytest.mark.parametrize(
    ("own", "cross", "decay", "said"),
    [
        (0.7, 0.3, 1.0, "explodes"),
        (-0.1, 0.3, 1.0, "own must be"),
        (0.1, math.nan, 1.0, "cross must be"),
        (0.1, 0.1, 0.0, "decay_per_day"),
    ],
)
def test_parameters_without_a_stationary_flow_are_refused(
    own: float, cross: float, decay: float, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Hawkes(own, cross, decay)


def test_marks_that_are_no_record_are_refused() -> None:
    with pytest.raises(ValueError, match="rise from zero"):
        log_likelihood(RATE, CALM, TAPE.time_day[::-1], TAPE.side, HORIZON)
    with pytest.raises(ValueError, match="reach the last mark"):
        log_likelihood(RATE, CALM, TAPE.time_day, TAPE.side, 1.0)
    with pytest.raises(ValueError, match="one length"):
        log_likelihood(RATE, CALM, TAPE.time_day, TAPE.side[1:], HORIZON)
    with pytest.raises(ValueError, match="rate_per_day"):
        rescaled_gaps(0.0, CALM, TAPE.time_day, TAPE.side, HORIZON)
    with pytest.raises(ValueError, match="at least 100 marks"):
        fit(TAPE.time_day[:99], TAPE.side[:99], HORIZON)
    with pytest.raises(ValueError, match="horizon_day"):
        hawkes_tape(DEMAND, CALM, math.inf, SEED, 0)
