# SPDX-License-Identifier: Apache-2.0
"""The tape has the demand's rates and elasticity, and owes nothing to how much of it is read."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms
from infold.research.simulation.tape import (
    Demand,
    Tape,
    checked_tape,
    demand_of,
    empty_tape,
    merged,
    poisson_tape,
)

SEED = 20260101
DEMAND = demand_of(SPOT_FX, clients=200)
TAPE = poisson_tape(DEMAND, 20.0, SEED, 0)


def test_marks_arrive_at_the_demands_rate_and_are_poisson() -> None:
    expected = DEMAND.rate_per_day * 20.0
    assert abs(len(TAPE.side) - expected) < 4.0 * math.sqrt(expected)
    gaps = np.diff(TAPE.time_day) * DEMAND.rate_per_day
    assert stats.kstest(gaps, "expon").pvalue > 0.01


def test_sizes_sides_and_clients_fall_by_their_weights() -> None:
    counts = np.bincount(TAPE.rung, minlength=6)
    weights = np.array(DEMAND.requests_per_day)
    assert stats.chisquare(counts, weights / weights.sum() * counts.sum()).pvalue > 0.01
    assert abs(int(TAPE.side.sum())) < 4.0 * math.sqrt(len(TAPE.side))
    clients = np.bincount(TAPE.client, minlength=200)
    assert len(clients) == 200 and stats.chisquare(clients).pvalue > 0.01
    assert np.array_equal(TAPE.size_m, np.array(DEMAND.sizes_m)[TAPE.rung])


def test_reservation_prices_are_logistic() -> None:
    latent = TAPE.reservation_bp * DEMAND.slope_per_bp + DEMAND.shift
    assert stats.kstest(latent, "logistic").pvalue > 0.01
    forms = closed_forms(SPOT_FX)
    share = float((TAPE.reservation_bp >= forms.markup_bp).mean())
    assert abs(share - forms.hit_share) < 4.0 * 0.5 / math.sqrt(len(TAPE.side))


def test_what_a_mark_is_does_not_depend_on_who_is_which_side_or_on_the_horizon() -> None:
    short = poisson_tape(DEMAND, 0.5, SEED, 0)
    for column, longer in zip(short, TAPE, strict=True):
        assert np.array_equal(column, longer[: len(column)])
    other = poisson_tape(replace(DEMAND, clients=7), 0.5, SEED, 0)
    assert np.array_equal(other.reservation_bp, short.reservation_bp)


def test_another_path_or_seed_is_another_tape() -> None:
    first = {
        float(poisson_tape(DEMAND, 0.1, seed, path).time_day[0])
        for seed in (0, 1, 2**32, 2**64 - 1)
        for path in (0, 1, 2**32 - 1)
    }
    assert len(first) == 12


def test_merged_tapes_are_in_order_and_lose_nobody() -> None:
    other = poisson_tape(DEMAND, 1.0, SEED, 1)
    both = checked_tape(merged([TAPE, other]), 6)
    assert len(both.side) == len(TAPE.side) + len(other.side)
    assert math.fsum(both.size_m) == math.fsum(TAPE.size_m) + math.fsum(other.size_m)
    assert np.all(np.diff(both.time_day) >= 0.0)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("time_day", math.nan, "time_day"),
        ("time_day", -1.0, "time_day"),
        ("time_day", 9.0, "comes before its predecessor"),
        ("side", 0, "side must be"),
        ("size_m", 0.0, "size_m"),
        ("size_m", math.inf, "size_m"),
        ("reservation_bp", math.nan, "reservation_bp"),
        ("rung", 6, "rung must lie in -1..5"),
    ],
)
def test_a_wrong_mark_is_named(column: str, value: float, said: str) -> None:
    tape = Tape(*(values[:5].copy() for values in TAPE))
    getattr(tape, column)[2] = value
    with pytest.raises(ValueError, match=said) as found:
        checked_tape(tape, 6)
    assert "mark 2" in str(found.value) or "mark 3" in str(found.value)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        checked_tape(empty_tape(3)._replace(side=np.ones(2, dtype=np.int8)), 6)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sizes_m": (1.0, math.nan, 1.0, 1.0, 1.0, 1.0)}, "sizes_m"),
        ({"requests_per_day": (0.0,) * 6}, "requests_per_day"),
        ({"sizes_m": (1.0,)}, "one request rate for each"),
        ({"shift": math.inf}, "shift"),
        ({"slope_per_bp": 0.0}, "slope_per_bp"),
        ({"clients": 0}, "clients"),
    ],
)
def test_an_impossible_demand_is_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(DEMAND, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize("horizon_day", [0.0, -1.0, math.nan, math.inf])
def test_an_impossible_horizon_is_refused(horizon_day: float) -> None:
    with pytest.raises(ValueError, match="horizon_day"):
        poisson_tape(Demand((1.0,), (1.0,), 0.0, 1.0), horizon_day, 1, 0)
