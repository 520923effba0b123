# SPDX-License-Identifier: Apache-2.0
"""GARCH and GJR against `arch`, against simulated truth, and every refusal."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from arch.univariate import GARCH, Normal, ZeroMean
from numpy.typing import NDArray

from infold.dealer.volatility import Garch, fit_garch, garch_log_likelihood, garch_variances
from infold.dealer.volatility.garch import _loss, _vector, backcast_bp2

Floats = NDArray[np.float64]
PLAIN = Garch(omega_bp2=400.0, alpha=0.08, beta=0.90)
LEVERAGED = Garch(omega_bp2=400.0, alpha=0.03, beta=0.90, leverage=0.08)


@cache
def simulated(parameters: Garch, count: int = 20_000, seed: int = 1) -> Floats:
    """Returns in bp of a GARCH process begun at its mean variance."""
    shocks = np.random.default_rng(seed).standard_normal(count)
    variance, returns = parameters.mean_bp2, np.empty(count)
    for place, shock in enumerate(shocks):
        move = math.sqrt(variance) * shock
        pull = parameters.alpha + (parameters.leverage if move < 0.0 else 0.0)
        variance = parameters.omega_bp2 + pull * move * move + parameters.beta * variance
        returns[place] = move
    return returns


def theirs(returns: Floats, leverage: bool) -> ZeroMean:
    model = ZeroMean(returns, rescale=False)
    model.volatility = GARCH(p=1, o=int(leverage), q=1)
    model.distribution = Normal()
    return model


@pytest.mark.parametrize("parameters", [PLAIN, LEVERAGED, Garch(9.0, 0.2, 0.5, -0.1)])
@pytest.mark.parametrize("count", [40, 2_000])
def test_the_likelihood_is_that_of_arch_to_a_millionth(parameters: Garch, count: int) -> None:
    returns = simulated(PLAIN)[:count]
    order = [parameters.omega_bp2, parameters.alpha, parameters.leverage, parameters.beta]
    fixed = theirs(returns, leverage=True).fix(order)
    assert garch_log_likelihood(parameters, returns) == pytest.approx(fixed.loglikelihood, abs=1e-6)
    assert np.sqrt(garch_variances(parameters, returns)[:-1]) == pytest.approx(
        fixed.conditional_volatility, rel=1e-9
    )


def test_the_gradient_is_the_likelihoods_slope() -> None:
    returns = simulated(LEVERAGED)[:500]
    theta, before = _vector(LEVERAGED), backcast_bp2(returns)
    _, gradient = _loss(theta, returns, before)
    for place in range(4):
        step = np.zeros(4)
        step[place] = 1e-6 * theta[place]
        rise = _loss(theta + step, returns, before)[0] - _loss(theta - step, returns, before)[0]
        assert gradient[place] == pytest.approx(rise / (2.0 * step[place]), rel=1e-4)


@pytest.mark.parametrize("parameters", [PLAIN, LEVERAGED], ids=["garch", "gjr"])
def test_a_fit_recovers_the_truth_within_three_standard_errors(parameters: Garch) -> None:
    found = fit_garch(simulated(parameters), leverage=parameters.leverage != 0.0)
    truth = _vector(parameters)[: len(found.standard_errors)]
    fitted = _vector(found.parameters)[: len(found.standard_errors)]
    errors = np.array(found.standard_errors)
    assert (errors < 0.5 * truth).all(), "twenty thousand returns say something"
    assert (np.abs(fitted - truth) <= 3.0 * errors).all()


@pytest.mark.parametrize("leverage", [False, True])
def test_no_fit_of_arch_is_likelier(leverage: bool) -> None:
    returns = simulated(LEVERAGED)[:3_000]
    ours = fit_garch(returns, leverage)
    fitted = theirs(returns, leverage).fit(disp="off")
    assert ours.log_likelihood >= fitted.loglikelihood - 1e-3
    assert ours.log_likelihood == pytest.approx(
        garch_log_likelihood(ours.parameters, returns), abs=1e-9
    )


def test_forecasts_start_at_the_next_variance_and_return_to_the_mean() -> None:
    returns = simulated(PLAIN)[:300]
    path = PLAIN.forecast_bp2(returns, 2_000)
    assert path[0] == pytest.approx(garch_variances(PLAIN, returns)[-1])
    assert path[1] == pytest.approx(PLAIN.omega_bp2 + PLAIN.persistence * path[0])
    assert path[-1] == pytest.approx(PLAIN.mean_bp2, rel=1e-6)


def test_a_fit_does_not_depend_on_the_unit_of_returns() -> None:
    returns = simulated(PLAIN)[:2_000]
    small, large = fit_garch(returns / 1e3).parameters, fit_garch(returns).parameters
    assert small.alpha == pytest.approx(large.alpha, rel=1e-3)
    assert small.omega_bp2 * 1e6 == pytest.approx(large.omega_bp2, rel=1e-2)


@pytest.mark.parametrize(
    ("omega_bp2", "alpha", "beta", "leverage", "problem"),
    [
        (0.0, 0.1, 0.8, 0.0, r"omega_bp2 \(bp\^2 a period\)"),
        (math.nan, 0.1, 0.8, 0.0, "omega_bp2"),
        (1.0, -0.1, 0.8, 0.0, "alpha"),
        (1.0, 0.1, 0.8, -0.2, r"alpha \+ leverage"),
        (1.0, 0.1, -0.1, 0.0, r"beta \(no unit\)"),
        (1.0, 0.2, 0.8, 0.0, "must be below 1"),
        (1.0, math.nan, 0.8, 0.0, "alpha"),
    ],
)
def test_inadmissible_parameters_are_refused_by_name(
    omega_bp2: float, alpha: float, beta: float, leverage: float, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        Garch(omega_bp2, alpha, beta, leverage)


@pytest.mark.parametrize(
    ("returns", "problem"),
    [
        (np.ones(20), r"returns \(bp\) must be one column of at least 100"),
        (np.zeros(200), "all zero"),
        (np.full(200, math.nan), "must be finite, not nan at 0"),
        (np.ones((100, 2)), "one column"),
    ],
)
def test_returns_nothing_can_be_fitted_to_are_refused(returns: Floats, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        fit_garch(returns)


def test_a_forecast_of_no_period_is_refused() -> None:
    with pytest.raises(ValueError, match=r"periods \(a count\)"):
        PLAIN.forecast_bp2(np.ones(5), 0)
