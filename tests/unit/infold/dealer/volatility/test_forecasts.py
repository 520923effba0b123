# SPDX-License-Identifier: Apache-2.0
"""Exponential averages, HAR and the scores that compare them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from statsmodels.api import OLS

from infold.dealer.volatility import (
    LAGS_24_7,
    Ewma,
    diebold_mariano,
    ewma_forecasts,
    fit_har,
    har_forecasts,
    qlike,
    range_variances,
    realised_variances,
    returns_bp,
)
from infold.dealer.volatility.har import har_design

Floats = NDArray[np.float64]


def persistent(seed: int, count: int = 400) -> Floats:
    """Realised variances of a slow lognormal."""
    rng = np.random.default_rng(seed)
    logs = np.empty(count)
    level = 0.0
    for place in range(count):
        level = 0.95 * level + 0.2 * rng.standard_normal()
        logs[place] = 9.0 + level + 0.3 * rng.standard_normal()
    return np.exp(logs)


def heston_with_jumps(seed: int, days: int, steps: int = 48) -> Floats:
    """Daily realised variances of square-root volatility and rare jumps, Euler steps in time.

    60 % volatility a year, half-life of variance 14 days, two jumps a month of 300 bp.
    """
    rng = np.random.default_rng(seed)
    mean, speed, noise = 314.0**2, 0.05, 60.0
    step = 1.0 / steps
    variance, returns = mean, np.empty(days * steps)
    for place in range(days * steps):
        first, second, jump = rng.standard_normal(3)
        root = math.sqrt(max(variance, 0.0) * step)
        returns[place] = root * first + (300.0 * jump if rng.random() < step / 15.0 else 0.0)
        shock = -0.5 * first + math.sqrt(0.75) * second
        variance += speed * (mean - variance) * step + noise * root * shock
    return realised_variances(returns, steps)


# -- returns ---------------------------------------------------------------------------------------


def test_returns_are_logarithmic_and_in_bp() -> None:
    assert returns_bp([100.0, 101.0, 100.0]).tolist() == pytest.approx([99.503, -99.503], abs=1e-3)


def test_realised_variance_sums_squares_over_whole_periods() -> None:
    assert realised_variances([1.0, 2.0, 3.0, 4.0, 5.0], 2).tolist() == [5.0, 25.0]


def test_range_variance_is_right_on_average_and_tighter_than_the_squared_return() -> None:
    rng = np.random.default_rng(3)
    moves = rng.standard_normal((1_000, 2_000)) * math.sqrt(1e-4 / 2_000)  # 1 % a bar
    path = np.exp(np.cumsum(moves, axis=1))
    high, low = np.maximum(path.max(axis=1), 1.0), np.minimum(path.min(axis=1), 1.0)
    found = range_variances(np.ones(1_000), high, low, path[:, -1])
    # Two thousand steps miss a little of the true range.
    assert found.mean() == pytest.approx(1e4, rel=0.06)
    squared = (1e4 * np.log(path[:, -1])) ** 2
    assert found.var() < squared.var() / 5.0, "the paper says 7.4 times"


@pytest.mark.parametrize(
    ("prices", "problem"),
    [
        ([1.0], "prices"),
        ([1.0, math.nan], "prices .quote per base unit. must be finite, not nan at 1"),
        ([1.0, -2.0], "must be above zero, not -2.0 at 1"),
    ],
)
def test_prices_that_are_none_are_refused_by_name_and_unit(
    prices: list[float], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        returns_bp(prices)


def test_periods_of_no_returns_are_refused() -> None:
    with pytest.raises(ValueError, match=r"per_period \(returns\)"):
        realised_variances([1.0], 0)


def test_a_close_outside_its_bar_is_refused() -> None:
    with pytest.raises(ValueError, match=r"within low\.\.high"):
        range_variances([1.0], [1.1], [0.9], [1.2])


# -- exponential averages --------------------------------------------------------------------------


def fed(prices: list[float], step_s: float, half_life_s: float) -> Ewma:
    state = Ewma((half_life_s,))
    for place, price in enumerate(prices):
        state = state.seen(place * step_s, price)
    return state


def test_a_steady_mover_has_its_own_volatility_from_the_first_step_on() -> None:
    # 10 bp up and down each second is 10 bp a root second.
    prices = [100.0 * math.exp(0.001 * (place % 2)) for place in range(50)]
    for count in (2, 3, 50):
        (found,) = fed(prices[:count], 1.0, 300.0).volatilities_bp or (0.0,)
        assert found == pytest.approx(10.0 * math.sqrt(86_400.0), rel=1e-9)


def test_old_moves_lose_half_their_weight_in_a_half_life() -> None:
    calm = [100.0] * 11
    state = fed([99.0, 100.0], 10.0, 10.0)
    for place, price in enumerate(calm):
        state = state.seen(10.0 * (place + 2), price)
    # Eleven half-lives of silence: 2^-11 of what a forgetful sum would hold, over its weight.
    (late,) = state.volatilities_bp or (0.0,)
    (early,) = fed([99.0, 100.0], 10.0, 10.0).volatilities_bp or (0.0,)
    assert (late / early) ** 2 == pytest.approx(2.0**-11 * 0.5 / (1.0 - 2.0**-12), rel=1e-9)


def test_the_average_does_not_care_how_silence_is_cut() -> None:
    whole = Ewma().seen(0.0, 100.0).seen(60.0, 101.0).seen(600.0, 101.0)
    cut = Ewma().seen(0.0, 100.0).seen(60.0, 101.0).seen(200.0, 101.0).seen(600.0, 101.0)
    assert whole.volatilities_bp == pytest.approx(cut.volatilities_bp, rel=1e-12)


def test_forecasts_weigh_half_lives_and_limits_go_by_the_largest() -> None:
    state = Ewma((60.0, 3_600.0)).seen(0.0, 100.0).seen(1.0, 101.0).seen(300.0, 101.0)
    short, long = state.volatilities_bp or (0.0, 0.0)
    assert short < long and state.largest_bp() == long
    assert state.forecast_bp((1.0, 0.0)) == short
    assert state.forecast_bp() == pytest.approx(math.sqrt((short**2 + long**2) / 2.0))
    assert Ewma().forecast_bp() is None and Ewma().seen(0.0, 1.0).largest_bp() is None


@pytest.mark.parametrize(
    ("time_s", "price", "problem"),
    [
        (9.0, 100.0, "time_s .seconds. must not fall"),
        (math.nan, 100.0, "time_s"),
        (11.0, 0.0, "price"),
        (11.0, math.nan, "price .quote per base unit. must be finite"),
    ],
)
def test_prices_out_of_order_or_range_are_refused(
    time_s: float, price: float, problem: str
) -> None:
    state = Ewma().seen(10.0, 100.0)
    with pytest.raises(ValueError, match=problem):
        state.seen(time_s, price)


@pytest.mark.parametrize("half_lives_s", [(), (0.0,), (-1.0,), (math.nan,)])
def test_half_lives_must_be_above_zero(half_lives_s: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"half_lives_s \(seconds\)"):
        Ewma(half_lives_s)


@pytest.mark.parametrize("weights", [(1.0,), (0.0, 0.0, 0.0), (-1.0, 1.0, 1.0)])
def test_weights_must_fit_the_half_lives(weights: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"weights \(shares\)"):
        Ewma().seen(0.0, 1.0).seen(1.0, 2.0).forecast_bp(weights)


def test_period_averages_are_the_recursion_and_never_see_their_own_period() -> None:
    variances = persistent(1, 40)
    forecasts = ewma_forecasts(variances, 3.0)
    weights = 2.0 ** (-np.arange(9)[::-1] / 3.0)
    assert forecasts[9] == pytest.approx((weights * variances[:9]).sum() / weights.sum())
    assert math.isnan(forecasts[0])
    other = variances.copy()
    other[20:] *= 7.0
    assert (ewma_forecasts(other, 3.0)[1:21] == forecasts[1:21]).all()
    assert ewma_forecasts(other, 3.0)[21] != forecasts[21]


# -- HAR -------------------------------------------------------------------------------------------


def test_har_is_ordinary_least_squares_to_ten_digits() -> None:
    variances = persistent(2)
    model = fit_har(variances)
    logs = np.log(variances)
    rows = np.arange(30, len(logs))
    design = np.column_stack(
        [np.ones(len(rows)), *([logs[r - lag : r].mean() for r in rows] for lag in LAGS_24_7)]
    )
    theirs = OLS(logs[30:], design).fit()
    assert model.coefficients == pytest.approx(theirs.params.tolist(), rel=1e-10, abs=1e-10)
    assert model.residual_variance == pytest.approx(theirs.mse_resid, rel=1e-10)
    assert (model.rows, model.lags) == (370, (1, 7, 30))


def test_a_forecast_is_the_lognormal_mean_of_the_last_periods() -> None:
    variances = persistent(4)
    model = fit_har(variances)
    logs = np.log(variances)
    level = model.coefficients[0] + sum(
        weight * logs[-lag:].mean()
        for lag, weight in zip(model.lags, model.coefficients[1:], strict=True)
    )
    assert model.forecast(variances) == pytest.approx(
        math.exp(level + model.residual_variance / 2.0)
    )
    assert model.forecast(variances[-30:]) == model.forecast(variances)


@pytest.mark.parametrize("window", [None, 120])
def test_walking_forecasts_refit_on_the_past_alone(window: int | None) -> None:
    variances = persistent(5, 260)
    forecasts = har_forecasts(variances, 200, window=window)
    assert np.isnan(forecasts[:200]).all() and np.isfinite(forecasts[200:]).all()
    for period in (200, 259):
        past = variances[:period] if window is None else variances[period - window - 30 : period]
        assert forecasts[period] == pytest.approx(fit_har(past).forecast(past), rel=1e-8)
    later = variances.copy()
    later[230:] *= 9.0
    assert (har_forecasts(later, 200, window=window)[200:231] == forecasts[200:231]).all()


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda: fit_har(np.ones(20)), "variances_bp2 .bp.2 a period. must be one column"),
        (lambda: fit_har(np.zeros(200)), "variances_bp2 .bp.2 a period. must be above zero"),
        (lambda: fit_har(np.ones(200), ()), "lags .periods."),
        (lambda: har_forecasts(np.ones(200), 10), "first .periods."),
        (lambda: ewma_forecasts(np.ones(9), -1.0), "half_life_periods .periods."),
    ],
)
def test_series_too_short_or_without_variance_are_refused(call: object, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        call()  # type: ignore[operator]


def test_the_design_says_which_rows_it_has() -> None:
    design, target = har_design(np.arange(6.0), (1, 3))
    assert target.tolist() == [3.0, 4.0, 5.0]
    assert design.tolist() == [[1.0, 2.0, 1.0], [1.0, 3.0, 2.0], [1.0, 4.0, 3.0]]


# -- scores ----------------------------------------------------------------------------------------


def test_qlike_is_zero_for_the_truth_and_worse_below_than_above() -> None:
    low, right, high = qlike(np.full(3, 4.0), np.array([2.0, 4.0, 8.0]))
    assert right == 0.0 and low > high > 0.0
    with pytest.raises(ValueError, match="one length"):
        qlike(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="forecast_bp2"):
        qlike(np.ones(3), np.zeros(3))


def test_diebold_mariano_keeps_its_level_and_sees_a_difference() -> None:
    rng = np.random.default_rng(6)
    rejected = [diebold_mariano(*rng.standard_normal((2, 120))).p_value < 0.05 for _ in range(400)]
    assert 0.02 < np.mean(rejected) < 0.09
    losses = rng.standard_normal(200) + 5.0
    worse = losses + rng.random(200)
    assert diebold_mariano(worse, losses).p_value < 1e-6
    assert diebold_mariano(losses, worse).p_value > 1.0 - 1e-6
    assert diebold_mariano(losses, losses) == (0.0, 0.0, 0.5)


def test_diebold_mariano_without_lags_is_the_t_test_of_the_mean_difference() -> None:
    rng = np.random.default_rng(7)
    first, second = rng.standard_normal((2, 50))
    gain = first - second
    plain = gain.mean() / math.sqrt(gain.var(ddof=1) / 50)
    assert diebold_mariano(first, second, 0).statistic == pytest.approx(plain)


@pytest.mark.parametrize(
    ("first", "second", "lags"),
    [(np.ones(9), np.ones(8), None), (np.ones(3), np.ones(3), None), (np.ones(9), np.ones(9), 9)],
)
def test_losses_that_do_not_pair_are_refused(first: Floats, second: Floats, lags: int) -> None:
    with pytest.raises(ValueError, match=r"one length|at least 8|lags \(periods\)"):
        diebold_mariano(first, second, lags)


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_har_beats_the_average_on_heston_with_jumps(seed: int) -> None:
    """At least 5 % of QLIKE against RiskMetrics' .94, by more than chance."""
    variances = heston_with_jumps(seed, 900)
    scored = slice(200, None)
    har = qlike(variances[scored], har_forecasts(variances, 200)[scored])
    half_life = math.log(0.5) / math.log(0.94)
    average = qlike(variances[scored], ewma_forecasts(variances, half_life)[scored])
    assert har.mean() <= 0.95 * average.mean()
    assert diebold_mariano(average, har).p_value < 0.05
