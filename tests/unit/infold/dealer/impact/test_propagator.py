# SPDX-License-Identifier: Apache-2.0
"""The propagator: recovered from what it made, and run as eleven exponentials."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infold.dealer.impact.kernels import ExponentialKernel, PowerKernel
from infold.dealer.impact.propagator import exponentials, fit_propagator, propagated


def persistent_signs(count: int, exponent: float, seed: int) -> np.ndarray:
    """Signs of fractional Gaussian noise, whose autocorrelation falls as l^-exponent (Davies and
    Harte's circulant method).
    """
    random = np.random.default_rng(seed)
    lag, power = np.arange(count + 1.0), 2.0 - exponent
    row = 0.5 * ((lag + 1.0) ** power - 2.0 * lag**power + np.abs(lag - 1.0) ** power)
    circle = np.concatenate([row, row[-2:0:-1]])
    spectrum = np.fft.rfft(circle).real.clip(0.0)
    waves = random.standard_normal(len(spectrum)) + 1j * random.standard_normal(len(spectrum))
    noise = np.fft.irfft(waves * np.sqrt(spectrum * len(circle) / 2.0), len(circle))
    return np.sign(noise[:count])


def returns_of(signs: np.ndarray, exponent: float, seed: int) -> np.ndarray:
    """Returns of a price that G(l) = l^-exponent moves, with noise of half a unit a trade."""
    kernel = exponentials(PowerKernel(1.0, exponent, 1.0), 1.0, 1e6, 16)
    fades = np.exp(-np.array(kernel.rates_per_day))
    after_one = ExponentialKernel(
        tuple((np.array(kernel.gains_bp_per_m) * fades).tolist()), kernel.rates_per_day
    )
    price = propagated(after_one, 1.0, signs)
    noise = np.random.default_rng(seed).standard_normal(len(signs))
    return np.diff(price, prepend=0.0) + 0.5 * noise


@pytest.mark.parametrize(("sign_exponent", "exponent"), [(0.5, 0.25), (0.6, 0.2), (0.4, 0.3)])
def test_the_exponent_comes_back_within_three_hundredths(
    sign_exponent: float, exponent: float
) -> None:
    """At b = (1 - g) / 2, where prices diffuse although signs persist."""
    signs = persistent_signs(2**18, sign_exponent, seed=11)
    found = fit_propagator(signs, returns_of(signs, exponent, seed=12), lags=400)
    assert found.exponent == pytest.approx(exponent, abs=0.03)
    assert found.sign_exponent == pytest.approx(sign_exponent, abs=0.15)
    assert found.gain_bp == pytest.approx(1.0, abs=0.08)
    assert found.kernel_bp[0] == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("exponent", [0.3, 0.4, 0.5, 0.6])
def test_eleven_exponentials_follow_a_power_law_to_a_third_of_a_percent(exponent: float) -> None:
    power = PowerKernel(2.0, exponent, 3.0)
    kernel = exponentials(power, 1.0, 1e3)
    assert len(kernel.gains_bp_per_m) == 11
    for lag in np.geomspace(1.0, 1e3, 97).tolist():
        assert kernel.at(lag) == pytest.approx(power.at(lag), rel=0.0033)


def test_the_recursion_is_the_convolution() -> None:
    kernel = ExponentialKernel((0.5, 0.2), (0.3, 0.01), 0.1)
    pushes = np.random.default_rng(2).standard_normal(300)
    values = np.array([kernel.at(0.5 * lag) for lag in range(300)])
    direct = np.convolve(pushes, values)[:300]
    assert propagated(kernel, 0.5, pushes) == pytest.approx(direct, abs=1e-12)


def test_what_cannot_be_fitted_is_refused() -> None:
    signs = persistent_signs(2_000, 0.5, seed=1)
    with pytest.raises(ValueError, match="lags must be at least 16 and at most a 20th"):
        fit_propagator(signs, signs, lags=200)
    with pytest.raises(ValueError, match="returns_bp must be 2000 numbers"):
        fit_propagator(signs, signs[:-1], lags=50)
    broken = signs.copy()
    broken[3] = math.nan
    with pytest.raises(ValueError, match=r"pushes\[3\] must be a number \(M\)"):
        fit_propagator(broken, signs, lags=50)
    with pytest.raises(ValueError, match=r"returns_bp\[3\] must be a number \(bp\)"):
        fit_propagator(signs, broken, lags=50)
    alternating = np.where(np.arange(2_000) % 2 == 0, 1.0, -1.0)
    noise = np.random.default_rng(4).standard_normal(2_000)
    with pytest.raises(ValueError, match="falls to zero within half of lags"):
        fit_propagator(alternating + 0.5 * noise, -signs, lags=50)


def test_a_kernel_s_span_and_pushes_must_make_sense() -> None:
    power = PowerKernel(1.0, 0.5, 1.0)
    with pytest.raises(ValueError, match="first_day and last_day must be positive days"):
        exponentials(power, 2.0, 1.0)
    with pytest.raises(ValueError, match="terms must lie in"):
        exponentials(power, 1.0, 2.0, 1)
    with pytest.raises(ValueError, match="pushes must be one row of finite numbers"):
        propagated(ExponentialKernel((1.0,), (1.0,)), 1.0, np.array([math.inf]))
    with pytest.raises(ValueError, match=r"gap_day must be a positive number \(days\)"):
        propagated(ExponentialKernel((1.0,), (1.0,)), 0.0, np.ones(3))
