# SPDX-License-Identifier: Apache-2.0
"""Logistic demand: the best markup and what it gains."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infold.dealer.demand import best_markup_bp, gain_bp, share
from infold.dealer.params import PERPETUAL, SPOT_FX, DealerParameters

PRICES_BP = np.linspace(-5.0, 5.0, 1001)


@pytest.mark.parametrize("parameters", [SPOT_FX, PERPETUAL], ids=["fx", "perpetual"])
def test_lambertw_quote(parameters: DealerParameters) -> None:
    """Test 1: l'(d) (d - p) + l(d) = 0 to 1e-10, and H'(p) = -l(d*) to 1e-8."""
    markups = best_markup_bp(parameters, PRICES_BP)
    trades = share(parameters, markups)
    slope = -parameters.demand_slope_per_bp * trades * (1.0 - trades)
    assert np.max(np.abs(slope * (markups - PRICES_BP) + trades)) < 1e-10
    step = 1e-4
    # Richardson: the error of the plain difference would be 1e-8 of its own.
    near = gain_bp(parameters, PRICES_BP + step) - gain_bp(parameters, PRICES_BP - step)
    far = gain_bp(parameters, PRICES_BP + 2 * step) - gain_bp(parameters, PRICES_BP - 2 * step)
    derivative = (8.0 * near - far) / (12.0 * step)
    assert np.max(np.abs(derivative + trades)) < 1e-8
    assert np.max(np.abs(gain_bp(parameters, PRICES_BP) - trades * (markups - PRICES_BP))) < 1e-12


def test_no_price_overflows_and_an_infinite_one_is_no_quote() -> None:
    prices = np.array([-1e6, 1e6, math.inf])
    markups = best_markup_bp(SPOT_FX, prices)
    assert markups[0] < 0.0 and markups[1] == pytest.approx(1e6 + 1.0 / 7.0)
    assert markups[2] == math.inf
    assert gain_bp(SPOT_FX, prices)[0] == pytest.approx(1e6, rel=1e-4)
    assert gain_bp(SPOT_FX, prices)[1:].tolist() == [0.0, 0.0]
    assert share(SPOT_FX, np.array([-1e6, 1e6, math.inf])).tolist() == [1.0, 0.0, 0.0]
