# SPDX-License-Identifier: Apache-2.0
"""The propagator, for research: every trade moves the price along one power-law kernel.

`p_t = sum over s < t of G(t - s) e_s + noise`, e the signed trade, t counted in trades (Bouchaud,
Gefen, Potters and Wyart 2004). Signs are so persistent (autocorrelation about l^-g) that G must
fade as l^-b with b = (1 - g) / 2 for prices to stay unpredictable. G follows from what can be
measured: with K its increments, C the autocorrelation of e and S(l) = mean of r_{t+l} e_t,
`S(l) = sum over n of K(n) C(l - n)`, a symmetric Toeplitz system.

A power law is not a state, but eleven exponentials follow it to a third of a percent over five
decades of time, and those run in constant time a trade.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.linalg import solve_toeplitz
from scipy.optimize import nnls

from infold.dealer import checks
from infold.dealer.compiled import Floats, Integers, compiled
from infold.dealer.impact.kernels import ExponentialKernel, PowerKernel

TERMS: Final = 11
TERMS_MAX: Final = 64
_SLOWEST: Final = 0.2  # the slowest rate in multiples of one over the longest lag
_FASTEST: Final = 2.0  # the fastest in multiples of one over the shortest


def exponentials(
    kernel: PowerKernel, first_day: float, last_day: float, terms: int = TERMS
) -> ExponentialKernel:
    """A sum of exponentials, gains not below zero, near the power law from the first to the last
    lag: least squares of the relative error at evenly spaced logarithms.

    `ValueError` unless 0 < first < last and 2 to TERMS_MAX terms.
    """
    if not (0.0 < first_day < last_day and math.isfinite(last_day)):
        raise ValueError(
            f"first_day and last_day must be positive days in that order, not {first_day!r} and"
            f" {last_day!r}"
        )
    if not 2 <= terms <= TERMS_MAX:
        raise ValueError(f"terms must lie in 2..{TERMS_MAX}, not {terms!r}")
    lags = np.geomspace(first_day, last_day, 40 * terms)
    rates = np.geomspace(_SLOWEST / last_day, _FASTEST / first_day, terms)
    relative = np.exp(-np.outer(lags, rates)) * (lags / kernel.reference_day)[:, None] ** (
        kernel.exponent
    )
    weights, _ = nnls(relative, np.ones(len(lags)))
    return ExponentialKernel(
        tuple((weights * kernel.gain_bp_per_m).tolist()), tuple(rates.tolist())
    )


def propagated(kernel: ExponentialKernel, gap_day: float, pushes: Floats) -> Floats:
    """The price after each push, pushes at equal gaps: bp, from rest. O(terms) a push.

    `ValueError` on pushes (M, signed) that are not numbers or a gap that is not positive.
    """
    if pushes.ndim != 1 or not np.isfinite(pushes).all():
        raise ValueError("pushes must be one row of finite numbers (M)")
    checks.positive("gap_day", gap_day, "days")
    found = np.empty(len(pushes))
    _propagate(
        np.exp(-gap_day * np.array([*kernel.rates_per_day, 0.0])),
        np.array([*kernel.gains_bp_per_m, kernel.permanent_bp_per_m]),
        np.ascontiguousarray(pushes, dtype=np.float64),
        found,
    )
    return found


@dataclass(frozen=True, slots=True)
class PropagatorFit:
    """G after 1, 2, ... trades (`kernel_bp`, bp a unit of e) and the power law through it."""

    kernel_bp: Floats
    gain_bp: float  # G(1) of the power law
    exponent: float  # b
    sign_exponent: float  # g, of the autocorrelation


def fit_propagator(pushes: Floats, returns_bp: Floats, lags: int = 500) -> PropagatorFit:
    """G and its exponent from signed trades and the returns that follow them.

    `returns_bp[t]` is the move from just before trade t to just before trade t + 1. The exponents
    are slopes of logarithms at evenly spaced logarithms of lag, from 4 to half of `lags`: the first
    lags bend, the last are noise. `ValueError` on a sample shorter than 20 times the lags, or whose
    autocorrelation or kernel does not stay above zero there.
    """
    count = len(pushes)
    if lags < 16 or count < 20 * lags:
        raise ValueError(f"lags must be at least 16 and at most a 20th of {count} trades")
    if returns_bp.shape != pushes.shape or pushes.ndim != 1:
        raise ValueError(f"returns_bp must be {count} numbers, one a trade")
    for name, column, unit in (("pushes", pushes, "M"), ("returns_bp", returns_bp, "bp")):
        if not np.isfinite(column).all():
            index = int(np.argmin(np.isfinite(column)))
            raise ValueError(f"{name}[{index}] must be a number ({unit})")
    correlation = _lagged_means(pushes, pushes, lags)
    response = _lagged_means(pushes, returns_bp, lags)
    kernel = np.cumsum(solve_toeplitz(correlation, response))
    points = np.unique(np.geomspace(4, lags // 2, 24).astype(np.int64))
    slope, level = _power("the kernel", points, kernel[points - 1])
    sign_slope, _ = _power("the autocorrelation of pushes", points, correlation[points])
    return PropagatorFit(kernel, math.exp(level), -slope, -sign_slope)


def _lagged_means(first: Floats, second: Floats, lags: int) -> Floats:
    """Mean of first[t] * second[t + l] for l = 0 .. lags - 1, by Fourier transform."""
    count = len(first)
    size = 1 << (count + lags - 1).bit_length()
    spectrum = np.conj(np.fft.rfft(first, size)) * np.fft.rfft(second, size)
    products: Floats = np.fft.irfft(spectrum, size)[:lags]
    return products / (count - np.arange(lags))


def _power(what: str, lags: Integers, values: Floats) -> tuple[float, float]:
    """Slope and level of the logarithms."""
    if (values <= 0.0).any():
        raise ValueError(f"{what} falls to zero within half of lags: use fewer lags, or more data")
    slope, level = np.polyfit(np.log(lags), np.log(values), 1)
    return float(slope), float(level)


@compiled
def _propagate(fades: Floats, gains: Floats, pushes: Floats, found: Floats) -> None:
    parts = np.zeros(len(gains))
    for trade in range(len(pushes)):
        total = 0.0
        for part in range(len(gains)):
            parts[part] = parts[part] * fades[part] + gains[part] * pushes[trade]
            total += parts[part]
        found[trade] = total
