# SPDX-License-Identifier: Apache-2.0
"""The calibrator: it finds the truth, stays convex and non-negative, and streams."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import pytest

from infold.dealer.impact.fitting import (
    DecaySums,
    Prior,
    fit_decays,
    no_sums,
    predicted_bp,
)
from infold.dealer.impact.state import DECAYS_S, Conditions, ImpactParameters, pushed, rested
from infold.dealer.impact.state import ImpactState as State

TRUE = (0.4, 0.3, 0.2)
VOLATILITY_BP = 60.0


class Sample(NamedTuple):
    gap_day: np.ndarray
    signed_m: np.ndarray
    move_bp: np.ndarray
    multiplier: np.ndarray


def a_sample(count: int, seed: int = 7) -> Sample:
    """Events about three seconds apart, signs that persist, depth that drifts, Brownian noise."""
    random = np.random.default_rng(seed)
    gap_day = random.exponential(3.0 / 86_400.0, count)
    flips = random.random(count) < 0.2
    signs = np.where(np.cumsum(flips) % 2 == 0, 1.0, -1.0)
    signed_m = signs * random.lognormal(-0.5, 1.0, count)
    multiplier = np.exp(0.5 * np.sin(np.arange(count) / 400.0))
    move_bp = predicted_bp(TRUE, DECAYS_S, gap_day, signed_m, multiplier)
    move_bp += VOLATILITY_BP * np.sqrt(gap_day) * random.standard_normal(count)
    return Sample(gap_day, signed_m, move_bp, multiplier)


@pytest.fixture(scope="module")
def sample() -> Sample:
    return a_sample(100_000)


def test_gains_come_back_within_a_tenth_from_1e5_events(sample: Sample) -> None:
    found = fit_decays(
        sample.gap_day, sample.signed_m, sample.move_bp, multiplier=sample.multiplier
    )
    assert found.gains_bp_per_m == pytest.approx(TRUE, rel=0.1)
    for gain, true, error in zip(found.gains_bp_per_m, TRUE, found.errors_bp_per_m, strict=True):
        assert abs(gain - true) < 4.0 * error < 0.1 * true * 4.0
    assert found.volatility_bp == pytest.approx(VOLATILITY_BP, rel=0.01)


def test_the_fit_explains_as_much_as_the_truth_on_other_data(sample: Sample) -> None:
    found = fit_decays(
        sample.gap_day, sample.signed_m, sample.move_bp, multiplier=sample.multiplier
    )
    other = a_sample(50_000, seed=8)

    def explained(gains: tuple[float, ...]) -> float:
        model = predicted_bp(gains, DECAYS_S, other.gap_day, other.signed_m, other.multiplier)
        left = np.sum((other.move_bp - model) ** 2 / other.gap_day)
        return 1.0 - float(left / np.sum(other.move_bp**2 / other.gap_day))

    assert explained(found.gains_bp_per_m) >= 0.95 * explained(TRUE) > 0.1


def test_events_are_the_states_of_the_live_model() -> None:
    """The recursion and `state.pushed` are the same model."""
    parameters = ImpactParameters(gains_bp_per_m=TRUE, volatility_bp=250.0, depth_m=4.0)
    gap_day = np.array([1e-4, 3e-3, 1e-5, 0.2])
    signed_m = np.array([1.0, -2.0, 4.0, 0.5])
    depth_m = np.array([0.2, 4.0, 8.0, 2.0])
    model = predicted_bp(TRUE, DECAYS_S, gap_day, signed_m, 4.0 / depth_m)
    state = State()
    for event, gap in enumerate(gap_day.tolist()):
        now = Conditions(volatility_bp=250.0, depth_m=float(depth_m[event]))
        after = rested(parameters, pushed(parameters, state, float(signed_m[event]), now), gap)
        assert model[event] == pytest.approx(after.bp - state.bp, abs=1e-12)
        state = after


def test_sums_in_pieces_are_the_sums_of_the_whole(sample: Sample) -> None:
    pieces = no_sums()
    for start in range(0, 5_000, 1_700):
        part = slice(start, min(start + 1_700, 5_000))
        pieces = pieces.added(*(column[part] for column in sample))
    whole = no_sums().added(*(column[:5_000] for column in sample))
    assert np.allclose(pieces.normal, whole.normal, rtol=1e-12)
    assert pieces.fit().gains_bp_per_m == pytest.approx(whole.fit().gains_bp_per_m, rel=1e-9)
    assert pieces.count == whole.count == 5_000


def test_moves_against_the_trades_give_no_gain_below_zero() -> None:
    random = np.random.default_rng(3)
    gap_day = np.full(500, 1e-4)
    signed_m = random.standard_normal(500)
    found = fit_decays(gap_day, signed_m, -signed_m)
    assert min(found.gains_bp_per_m) >= 0.0
    assert found.gains_bp_per_m[2] == 0.0 and found.errors_bp_per_m[2] == 0.0


def test_a_prior_holds_where_little_was_seen_and_yields_where_much_was(sample: Sample) -> None:
    wrong = Prior((1.2, 0.9, 0.6), (1.2, 0.9, 0.6))
    few = fit_decays(*(column[:5] for column in sample[:3]), prior=wrong)
    none = no_sums().fit(wrong)
    many = fit_decays(
        sample.gap_day,
        sample.signed_m,
        sample.move_bp,
        multiplier=sample.multiplier,
        prior=wrong,
    )
    assert none.gains_bp_per_m == pytest.approx(wrong.gains_bp_per_m)
    assert abs(few.gains_bp_per_m[2] - 0.6) < 0.2
    assert many.gains_bp_per_m == pytest.approx(TRUE, rel=0.1)


def test_a_sample_without_noise_is_fitted_to_the_last_digits() -> None:
    exact = a_sample(2_000)
    model = predicted_bp(TRUE, DECAYS_S, exact.gap_day, exact.signed_m)
    found = fit_decays(exact.gap_day, exact.signed_m, model)
    assert found.gains_bp_per_m == pytest.approx(TRUE, rel=1e-6)
    assert found.explained == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("gap_day", 0.0, r"gap_day\[2\] must be above zero \(days\)"),
        ("gap_day", math.nan, r"gap_day\[2\] must be a number \(days\)"),
        ("signed_m", math.inf, r"signed_m\[2\] must be a number \(M\)"),
        ("move_bp", math.nan, r"move_bp\[2\] must be a number \(bp\)"),
        ("multiplier", -1.0, r"multiplier\[2\] must be above zero"),
    ],
)
def test_the_first_wrong_observation_is_named(column: str, value: float, said: str) -> None:
    columns: dict[str, Any] = {
        name: values[:9].copy() for name, values in a_sample(9)._asdict().items()
    }
    columns[column][2] = value
    with pytest.raises(ValueError, match=said):
        fit_decays(**columns)


def test_what_cannot_be_fitted_is_refused() -> None:
    one = np.array([1.0])
    with pytest.raises(ValueError, match="signed_m must be 1 numbers"):
        fit_decays(one, np.ones(2), one)
    with pytest.raises(ValueError, match="1 observations cannot fit 3 decays"):
        fit_decays(one, one, one)
    with pytest.raises(ValueError, match="decays_s must be 1 to 6"):
        no_sums(())
    with pytest.raises(ValueError, match="decays_s must be positive numbers of seconds"):
        no_sums((1.0, -2.0))
    with pytest.raises(ValueError, match="decays_s must differ"):
        no_sums((5.0, 5.0))
    with pytest.raises(ValueError, match=r"noise_floor_s must be a number .* not below zero"):
        no_sums(noise_floor_s=-1.0)
    with pytest.raises(ValueError, match="the prior must have 3 gains"):
        no_sums().fit(Prior((1.0,), (1.0,)))


@pytest.mark.parametrize(
    ("gains", "spread", "said"),
    [
        ((1.0,), (1.0, 2.0), "one spread_bp_per_m for each"),
        ((-1.0,), (1.0,), "gains_bp_per_m must be numbers not below zero"),
        ((1.0,), (0.0,), "spread_bp_per_m must be positive"),
    ],
)
def test_a_prior_names_what_makes_no_sense(
    gains: tuple[float, ...], spread: tuple[float, ...], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        Prior(gains, spread)


def test_sums_are_immutable(sample: Sample) -> None:
    before = no_sums()
    before.added(*(column[:100] for column in sample))
    assert isinstance(before, DecaySums)
    assert not before.normal.any() and before.count == 0 and not before.units_m.any()
