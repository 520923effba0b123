# SPDX-License-Identifier: Apache-2.0
"""The one Lambert's W: to scipy's digits, over every exponent."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import lambertw, wrightomega

from infold.dealer.lambert import lambert_of_exp, lamberts_of_exp


@pytest.mark.parametrize("exponent", [-700.0, -30.0, -1.0, -1e-9, 0.0, 0.5, 1.0, 3.0, 50.0, 700.0])
def test_it_is_scipy_s(exponent: float) -> None:
    expected = float(lambertw(math.exp(exponent)).real)
    assert lambert_of_exp(exponent) == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("exponent", [1e3, 1e6, 1e100])
def test_it_goes_beyond_what_an_exponential_can(exponent: float) -> None:
    w = lambert_of_exp(exponent)
    assert w + math.log(w) == pytest.approx(exponent, rel=1e-15)


def test_nothing_at_all_is_zero() -> None:
    assert lambert_of_exp(-1e4) == 0.0 and lambert_of_exp(-math.inf) == 0.0


def test_arrays_of_any_shape_are_the_same_one_by_one() -> None:
    exponents = np.linspace(-40.0, 40.0, 60).reshape(3, 4, 5)[:, ::2]
    found = lamberts_of_exp(exponents)
    assert found.shape == exponents.shape
    assert found.ravel().tolist() == [lambert_of_exp(one) for one in exponents.ravel()]
    assert found == pytest.approx(wrightomega(exponents), rel=1e-14)
