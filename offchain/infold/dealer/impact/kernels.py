# SPDX-License-Identifier: Apache-2.0
"""Impact kernels, and which of them leave no profit in going round.

The price moved by trading at rates v is `x_t = integral of f(v_s) G(t - s) ds` (Gatheral 2010,
"No-dynamic-arbitrage and market impact", equation 1), f linear or a power of the rate. A round trip
that earns on average breaks a venue: whoever finds it pumps our own price model. Hence:

- linear f: G must be positive definite (Bochner), which convex decreasing kernels are (Alfonsi,
  Schied and Slynko 2012), so any exponential sum with gains not below zero and any t^-g will do;
- other powers d: G must be unbounded at zero, since a bounded one, exponentials among them, pays
  for one fast trade against many slow ones (Gatheral, section 4); for t^-g it needs g + d >= 1 and
  g >= 2 - ln 3 / ln 2 (his section 5). These are necessary, not sufficient: optimised programmes
  still find negative costs inside (Curato, Gatheral and Lillo 2017), so a non-linear rate serves
  research, and the venue's own state (`state.py`) is linear.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats

POWER_EXPONENT_MIN: Final = 2.0 - math.log(3.0) / math.log(2.0)
"""About .415: below it a t^-g kernel pays some round trip whenever the rate's law is concave."""
LAGS_MAX: Final = 2_048
"""The Bochner check solves a dense eigenvalue problem of this size in about a second."""


class InadmissibleKernel(ValueError):
    """Some round trip against this kernel would earn."""


@dataclass(frozen=True, slots=True)
class ExponentialKernel:
    """G(t) = permanent + sum of gain * exp(-rate * t): bp a M traded, t days ago.

    `ValueError` names a gain (bp per M) or rate (1 per day) that makes no sense;
    `InadmissibleKernel` a gain below zero.
    """

    gains_bp_per_m: tuple[float, ...]
    rates_per_day: tuple[float, ...]
    permanent_bp_per_m: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < len(self.gains_bp_per_m) == len(self.rates_per_day):
            raise ValueError("give one gains_bp_per_m for each rates_per_day, and at least one")
        for index, rate in enumerate(self.rates_per_day):
            checks.positive(f"rates_per_day[{index}]", rate, "a day")
        for index, gain in enumerate(self.gains_bp_per_m):
            _gain(f"gains_bp_per_m[{index}]", gain)
        _gain("permanent_bp_per_m", self.permanent_bp_per_m)

    def at(self, lag_day: float) -> float:
        """G at a lag not below zero."""
        return self.permanent_bp_per_m + math.fsum(
            gain * math.exp(-rate * lag_day)
            for gain, rate in zip(self.gains_bp_per_m, self.rates_per_day, strict=True)
        )

    def cell_weights(self, count: int, cell_day: float) -> Floats:
        """W[n]: bp * day^2 a M, the double integral of G over two cells n apart (over the triangle
        for n = 0), exactly.
        """
        lags = np.arange(count, dtype=np.float64)
        weights: Floats = np.where(lags > 0.0, 1.0, 0.5) * self.permanent_bp_per_m * cell_day**2
        for gain, rate in zip(self.gains_bp_per_m, self.rates_per_day, strict=True):
            step = rate * cell_day
            gone = -math.expm1(-step)
            weights[0] += gain * (step - gone) / rate**2
            weights[1:] += gain * np.exp(-step * (lags[1:] - 1.0)) * (gone / rate) ** 2
        return weights


@dataclass(frozen=True, slots=True)
class PowerKernel:
    """G(t) = gain * (t / reference)^-exponent: bp a M traded, t days ago; unbounded at zero.

    `ValueError` unless 0 < exponent < 1: from 1 on trading at any rate moves the price without
    bound.
    """

    gain_bp_per_m: float  # at the reference lag
    exponent: float
    reference_day: float

    def __post_init__(self) -> None:
        _gain("gain_bp_per_m", self.gain_bp_per_m)
        if not 0.0 < self.exponent < 1.0:
            raise ValueError(f"exponent must lie between 0 and 1, not {self.exponent!r}")
        checks.positive("reference_day", self.reference_day, "days")

    def at(self, lag_day: float) -> float:
        """G at a positive lag."""
        return self.gain_bp_per_m * math.pow(lag_day / self.reference_day, -self.exponent)

    def cell_weights(self, count: int, cell_day: float) -> Floats:
        """As of `ExponentialKernel`: second differences of t^(2 - g) / ((1 - g) (2 - g))."""
        order = 2.0 - self.exponent
        edges = np.arange(count + 1, dtype=np.float64) ** order
        weights = np.empty(count)
        weights[0] = edges[1]
        weights[1:] = edges[2:] - 2.0 * edges[1:-1] + edges[:-2]
        scale = self.at(cell_day) * cell_day**2 / ((1.0 - self.exponent) * order)
        return weights * scale


Kernel = ExponentialKernel | PowerKernel


def require_admissible(kernel: Kernel, rate_exponent: float = 1.0) -> None:
    """`InadmissibleKernel` if the kernel and f(v) = v^d together pay some round trip, with the
    condition that fails; `ValueError` if d is not a positive number. See the module for sources.
    """
    checks.positive("rate_exponent", rate_exponent, "")
    if rate_exponent == 1.0:
        return
    if isinstance(kernel, ExponentialKernel):
        raise InadmissibleKernel(
            f"exponential decay takes a linear rate: rate_exponent {rate_exponent!r} is not 1; keep"
            " 1 here, or use a power kernel, or the parent law before a trade"
        )
    if kernel.exponent + rate_exponent < 1.0:
        raise InadmissibleKernel(
            f"exponent {kernel.exponent!r} and rate_exponent {rate_exponent!r} must add up to at"
            " least 1"
        )
    if kernel.exponent < POWER_EXPONENT_MIN:
        raise InadmissibleKernel(
            f"exponent {kernel.exponent!r} must be at least {POWER_EXPONENT_MIN:.4f} where"
            f" rate_exponent ({rate_exponent!r}) is not 1"
        )


def bochner_floor(values_bp_per_m: Floats) -> float:
    """The least eigenvalue of the Toeplitz matrix of G(0), G(1), ..., over G(0).

    Below zero, some schedule of blocks at equal gaps earns what it costs others. `ValueError` on
    what is not 1 to LAGS_MAX finite numbers, the first positive.
    """
    count = len(values_bp_per_m)
    if values_bp_per_m.ndim != 1:
        raise ValueError("values_bp_per_m must be one row of numbers (bp per M), a lag each")
    if not 1 <= count <= LAGS_MAX or not np.isfinite(values_bp_per_m).all():
        raise ValueError(f"values_bp_per_m must be 1 to {LAGS_MAX} finite numbers")
    if values_bp_per_m[0] <= 0.0:
        raise ValueError(f"values_bp_per_m must begin above zero, not {values_bp_per_m[0]!r}")
    lags = np.abs(np.subtract.outer(np.arange(count), np.arange(count)))
    return float(np.linalg.eigvalsh(values_bp_per_m[lags])[0] / values_bp_per_m[0])


def require_positive_definite(values_bp_per_m: Floats, tolerance: float = 1e-9) -> None:
    """`InadmissibleKernel` if a measured kernel fails Bochner's condition by more than this."""
    floor = bochner_floor(values_bp_per_m)
    if floor < -tolerance:
        raise InadmissibleKernel(
            f"the kernel is not positive definite (least eigenvalue {floor:.3g} of G(0)): smooth"
            " it, or fit exponentials with gains not below zero"
        )


def _gain(name: str, gain: float) -> None:
    checks.number(name, gain, "bp per M")
    if gain < 0.0:
        raise InadmissibleKernel(f"{name} must not be below zero (bp per M), not {gain!r}")
