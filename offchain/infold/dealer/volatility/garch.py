# SPDX-License-Identifier: Apache-2.0
"""GARCH(1,1) and GJR: tomorrow's variance from today's and from today's surprise.

s2[t] = omega + (alpha + leverage [r[t-1] < 0]) r[t-1]^2 + beta s2[t-1]   (Bollerslev 1986; Glosten,
Jagannathan and Runkle 1993, whose leverage is zero for GARCH). Gaussian likelihood of returns with
mean zero. Before the first return stands the backcast: the average of the first 75 squared returns
with weights .94^i, which `arch` uses too, so that likelihoods can be compared to the last digits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numba import njit
from scipy.optimize import minimize

from infold.dealer.volatility.returns import Floats, numbers

BACKCAST_RETURNS: Final = 75
BACKCAST_DECAY: Final = 0.94
RETURNS_MIN: Final = 100
"""A fit of three or four numbers to fewer returns says nothing."""
PERSISTENCE_MAX: Final = 0.99999
_STARTS: Final = ((0.05, 0.90), (0.10, 0.80), (0.02, 0.97))
"""(alpha, beta) the search begins from: calm, nervous, very slow."""


@dataclass(frozen=True, slots=True)
class Garch:
    """Parameters a period: omega in bp^2, the others without unit. `ValueError` if inadmissible."""

    omega_bp2: float
    alpha: float
    beta: float
    leverage: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.omega_bp2) and self.omega_bp2 > 0.0):
            raise ValueError(f"omega_bp2 (bp^2 a period) must be above zero, not {self.omega_bp2}")
        if not (self.alpha >= 0.0 and self.alpha + self.leverage >= 0.0):
            raise ValueError("alpha and alpha + leverage (no unit) must not be below zero")
        if not self.beta >= 0.0:
            raise ValueError(f"beta (no unit) must not be below zero, not {self.beta}")
        if not self.persistence < 1.0:
            raise ValueError(
                f"alpha + leverage / 2 + beta (no unit) must be below 1, not {self.persistence}:"
                " the variance would have no mean"
            )

    @property
    def persistence(self) -> float:
        """How much of a deviation from the mean variance is left after a period."""
        return self.alpha + self.leverage / 2.0 + self.beta

    @property
    def mean_bp2(self) -> float:
        """The variance forecasts return to, bp^2 a period."""
        return self.omega_bp2 / (1.0 - self.persistence)

    def forecast_bp2(self, returns: Floats, periods: int = 1) -> Floats:
        """Expected variances of the next `periods` periods after the last return, bp^2 each.
        `ValueError` for less than one period.
        """
        if periods < 1:
            raise ValueError(f"periods (a count) must be at least 1, not {periods}")
        after = garch_variances(self, returns)[-1]
        decay = self.persistence ** np.arange(periods)
        expected: Floats = self.mean_bp2 + decay * (after - self.mean_bp2)
        return expected


@dataclass(frozen=True, slots=True)
class GarchFit:
    """The likeliest parameters, their standard errors in the order omega, alpha, beta, leverage."""

    parameters: Garch
    standard_errors: tuple[float, ...]
    log_likelihood: float


def garch_variances(parameters: Garch, returns: Floats) -> Floats:
    """Conditional variances (returns + 1,), bp^2: the last is the forecast after them all."""
    column = numbers("returns", returns, "bp")
    return np.asarray(_variances(_vector(parameters), column, backcast_bp2(column)))


def garch_log_likelihood(parameters: Garch, returns: Floats) -> float:
    """Gaussian log likelihood of returns in bp."""
    column = numbers("returns", returns, "bp")
    return -float(_loss(_vector(parameters), column, backcast_bp2(column))[0])


def backcast_bp2(returns: Floats) -> float:
    """The variance taken to hold before the first return."""
    early = numbers("returns", returns, "bp")[:BACKCAST_RETURNS]
    weights = BACKCAST_DECAY ** np.arange(len(early))
    return float((weights * early**2).sum() / weights.sum())


def fit_garch(returns: Floats, leverage: bool = False) -> GarchFit:
    """Maximum likelihood. `ValueError` for too few returns, or if they never move."""
    column = numbers("returns", returns, "bp", RETURNS_MIN)
    scale = float(np.sqrt((column**2).mean()))
    if scale == 0.0:
        raise ValueError("returns (bp) are all zero: there is no variance to fit")
    unit = column / scale  # the search sees numbers near one whatever the period
    before = backcast_bp2(unit)
    count = 4 if leverage else 3
    bounds = [(1e-8, 10.0), (0.0, 1.0), (0.0, 1.0), (-1.0, 1.0)][:count]
    slopes = np.array([0.0, -1.0, -1.0, -0.5])[:count]
    room = [{"type": "ineq", "fun": _room, "jac": lambda free: slopes}]
    if leverage:
        room.append({"type": "ineq", "fun": lambda free: free[1] + free[3], "jac": _leveraged})
    best = None
    for alpha, beta in _STARTS:
        start = np.array([max(1.0 - alpha - beta, 1e-3), alpha, beta, 0.0])[:count]
        found = minimize(
            lambda free: _mean_loss(free, unit, before),
            start,
            jac=True,
            method="SLSQP",
            bounds=bounds,
            constraints=room,
            options={"maxiter": 500, "ftol": 1e-13},
        )
        if np.isfinite(found.fun) and (best is None or found.fun < best.fun):
            best = found
    if best is None:
        raise ValueError("returns (bp) have no likelihood under this model; are they outliers?")
    free = np.asarray(best.x, dtype=np.float64)
    free[0] = max(free[0], 1e-8)
    errors = _standard_errors(free, unit, before)
    full = np.concatenate([free, np.zeros(4 - count)])
    parameters = Garch(float(full[0] * scale**2), float(full[1]), float(full[2]), float(full[3]))
    errors[0] *= scale**2
    return GarchFit(parameters, tuple(errors.tolist()), garch_log_likelihood(parameters, column))


def _leveraged(free: Floats) -> Floats:
    return np.array([0.0, 1.0, 0.0, 1.0])


def _room(free: Floats) -> float:
    """How far the persistence stays below its bound."""
    kept = float(free[1] + free[2]) + (float(free[3]) / 2.0 if len(free) == 4 else 0.0)
    return PERSISTENCE_MAX - kept


def _mean_loss(free: Floats, returns: Floats, before: float) -> tuple[float, Floats]:
    loss, gradient = _loss(_padded(free), returns, before)
    return loss / len(returns), gradient[: len(free)] / len(returns)


def _standard_errors(free: Floats, returns: Floats, before: float) -> Floats:
    """From the inverse Hessian, its columns by central differences of the gradient."""
    count = len(free)
    hessian = np.empty((count, count))
    for place in range(count):
        step = 1e-5 * max(abs(free[place]), 1e-2)
        up, down = free.copy(), free.copy()
        up[place] += step
        down[place] -= step
        rise = _loss(_padded(up), returns, before)[1] - _loss(_padded(down), returns, before)[1]
        hessian[place] = rise[:count] / (2.0 * step)
    hessian = (hessian + hessian.T) / 2.0
    variances = np.diag(np.linalg.pinv(hessian))
    errors: Floats = np.sqrt(np.where(variances > 0.0, variances, np.nan))
    return errors


def _vector(parameters: Garch) -> Floats:
    return np.array([parameters.omega_bp2, parameters.alpha, parameters.beta, parameters.leverage])


def _padded(free: Floats) -> Floats:
    return np.concatenate([free, np.zeros(4 - len(free))])


@njit(cache=True)
def _variances(
    theta: Floats, returns: Floats, before: float
) -> Floats:  # pragma: no cover - compiled
    omega, alpha, beta, leverage = theta[0], theta[1], theta[2], theta[3]
    variances = np.empty(len(returns) + 1)
    variances[0] = omega + (alpha + leverage / 2.0 + beta) * before
    for t in range(len(returns)):
        square = returns[t] * returns[t]
        pull = alpha + leverage if returns[t] < 0.0 else alpha
        variances[t + 1] = omega + pull * square + beta * variances[t]
    return variances


@njit(cache=True)
def _loss(
    theta: Floats, returns: Floats, before: float
) -> tuple[float, Floats]:  # pragma: no cover - compiled
    """Minus the log likelihood and its gradient in omega, alpha, beta and leverage."""
    omega, alpha, beta, leverage = theta[0], theta[1], theta[2], theta[3]
    variance = omega + (alpha + leverage / 2.0 + beta) * before
    slope = np.array([1.0, before, before, before / 2.0])
    gradient = np.zeros(4)
    total = 0.0
    for t in range(len(returns)):
        square = returns[t] * returns[t]
        if variance <= 0.0:
            return np.inf, gradient
        total += 0.5 * (math.log(2.0 * math.pi) + math.log(variance) + square / variance)
        gradient += 0.5 * (1.0 / variance - square / (variance * variance)) * slope
        below = 1.0 if returns[t] < 0.0 else 0.0
        slope = beta * slope
        slope[0] += 1.0
        slope[1] += square
        slope[2] += variance
        slope[3] += below * square
        variance = omega + (alpha + below * leverage) * square + beta * variance
    return total, gradient
