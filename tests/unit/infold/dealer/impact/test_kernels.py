# SPDX-License-Identifier: Apache-2.0
"""Kernels, what they refuse, and that what is refused does pay."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import dblquad

from infold.dealer.impact.kernels import (
    POWER_EXPONENT_MIN,
    ExponentialKernel,
    InadmissibleKernel,
    Kernel,
    PowerKernel,
    bochner_floor,
    require_admissible,
    require_positive_definite,
)
from infold.dealer.impact.schedule import cost_bp_m

EXPONENTIAL = ExponentialKernel((0.3, 0.1), (50.0, 4.0), 0.05)
POWER = PowerKernel(0.2, 0.5, 0.01)


@pytest.mark.parametrize("kernel", [EXPONENTIAL, POWER], ids=["exponential", "power"])
def test_cell_weights_are_the_double_integrals(kernel: Kernel) -> None:
    weights = kernel.cell_weights(4, 0.02)
    far, _ = dblquad(lambda s, t: kernel.at(t - s), 0.06, 0.08, 0.0, 0.02)
    assert weights[3] == pytest.approx(far, rel=1e-9)
    # The power kernel is singular on the diagonal: integrate over the lag instead.
    near, _ = dblquad(lambda _, lag: kernel.at(lag), 0.0, 0.02, 0.0, lambda lag: 0.02 - lag)
    assert weights[0] == pytest.approx(near, rel=1e-6)


def test_a_block_s_cost_by_hand() -> None:
    """One M at one rate, then as much back: with a lasting kernel the way back is paid by the
    way out.
    """
    lasting = ExponentialKernel((0.0,), (1.0,), 0.5)
    assert cost_bp_m(lasting, np.array([10.0]), 0.1) == pytest.approx(0.25)
    assert cost_bp_m(lasting, np.array([10.0, -10.0]), 0.1) == pytest.approx(0.0, abs=1e-15)
    assert cost_bp_m(lasting, np.array([]), 0.1) == 0.0


@pytest.mark.parametrize(
    ("kernel", "rate_exponent", "said"),
    [
        (EXPONENTIAL, 0.5, "exponential decay takes a linear rate"),
        (EXPONENTIAL, 1.2, "exponential decay takes a linear rate"),
        (PowerKernel(1.0, 0.45, 1.0), 0.5, "add up to at least 1"),
        (PowerKernel(1.0, 0.4, 1.0), 0.9, "must be at least 0.4150"),
    ],
)
def test_pairs_that_could_pay_are_refused(kernel: Kernel, rate_exponent: float, said: str) -> None:
    with pytest.raises(InadmissibleKernel, match=said):
        require_admissible(kernel, rate_exponent)


def test_the_bound_on_the_exponent_is_gatherals() -> None:
    assert pytest.approx(0.41503749927884376, abs=1e-15) == POWER_EXPONENT_MIN
    require_admissible(PowerKernel(1.0, POWER_EXPONENT_MIN, 1.0), 0.6)


def test_every_power_decay_takes_a_linear_rate() -> None:
    require_admissible(PowerKernel(1.0, 0.1, 1.0))
    require_admissible(EXPONENTIAL)


@pytest.mark.parametrize(
    "kernel",
    [ExponentialKernel((1.0,), (1.0,)), PowerKernel(1.0, 0.3, 1.0)],
    ids=["exponential", "power .3"],
)
def test_what_is_refused_for_a_square_root_does_pay(kernel: Kernel) -> None:
    """Buy slowly, where a square root moves the price most for the volume; sell at a stroke."""
    trip = np.concatenate([np.full(199, 1.0), [-199.0]])
    assert cost_bp_m(kernel, trip, 1.0 / 200, 0.5) < -0.1
    assert cost_bp_m(kernel, trip, 1.0 / 200, 1.0) > 0.0


def test_a_kernel_that_grows_fails_bochners_condition() -> None:
    growing = np.array([1.0, 1.5, 2.0])
    assert bochner_floor(growing) < -0.5
    with pytest.raises(InadmissibleKernel, match="not positive definite"):
        require_positive_definite(growing)
    require_positive_definite(np.exp(-0.3 * np.arange(100)))


@pytest.mark.parametrize(
    "values", [np.array([]), np.array([0.0, 1.0]), np.array([1.0, math.nan]), np.ones(3_000)]
)
def test_bochners_condition_needs_a_kernel(values: np.ndarray) -> None:
    with pytest.raises(ValueError, match="values_bp_per_m"):
        bochner_floor(values)


def test_kernels_name_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="one gains_bp_per_m for each"):
        ExponentialKernel((1.0, 2.0), (1.0,))
    with pytest.raises(ValueError, match=r"rates_per_day\[0\] must be a positive number \(a day\)"):
        ExponentialKernel((1.0,), (0.0,))
    with pytest.raises(InadmissibleKernel, match=r"gains_bp_per_m\[0\] must not be below zero"):
        ExponentialKernel((-1.0,), (1.0,))
    with pytest.raises(ValueError, match=r"permanent_bp_per_m must be a number \(bp per M\)"):
        ExponentialKernel((1.0,), (1.0,), math.nan)
    with pytest.raises(ValueError, match="exponent must lie between 0 and 1"):
        PowerKernel(1.0, 1.0, 1.0)
    with pytest.raises(ValueError, match=r"reference_day must be a positive number \(days\)"):
        PowerKernel(1.0, 0.5, math.inf)
    with pytest.raises(ValueError, match="rate_exponent must be a positive number"):
        require_admissible(POWER, math.nan)


def test_a_schedule_names_what_makes_no_sense() -> None:
    rates = np.array([1.0, -1.0])
    with pytest.raises(ValueError, match="rates_m_per_day must be one row of finite numbers"):
        cost_bp_m(POWER, np.array([math.nan]), 1.0)
    with pytest.raises(ValueError, match=r"cell_day must be a positive number \(days\)"):
        cost_bp_m(POWER, rates, -1.0)
    with pytest.raises(ValueError, match="reference_m_per_day"):
        cost_bp_m(POWER, rates, 1.0, 0.5, 0.0)
    with pytest.raises(ValueError, match="rate_exponent"):
        cost_bp_m(POWER, rates, 1.0, 0.0)
