# SPDX-License-Identifier: Apache-2.0
"""The square-root law from finished parents: prefactor and exponent with their errors.

Single parents say almost nothing, since the price's own move over their life dwarfs their impact;
a hundred thousand say it to a percent. Least squares of `move / sigma = Y (Q / V)^delta + noise`
on the moves themselves: their logarithms would drop every parent the price moved against.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from infold.dealer.compiled import Floats
from infold.dealer.impact.columns import require_numbers
from infold.dealer.impact.parent import ParentLaw


@dataclass(frozen=True, slots=True)
class ParentFit:
    """The law, and standard errors of its two numbers."""

    law: ParentLaw
    prefactor_error: float
    exponent_error: float
    count: int


def fit_parents(
    share: Floats,
    relative_move: Floats,
    noise: Floats | None = None,
    linear_share: float = 1e-3,
) -> ParentFit:
    """Y and delta from each parent's share of daily volume (positive) and its signed move over the
    day's volatility (positive: with the parent).

    `noise` is each move's standard deviation in the same unit, up to a factor: about the root of
    the part of a day it took. `ValueError` names the first number that makes no sense, and refuses
    parents that together moved the price against them.
    """
    count = len(share)
    if count < 3:
        raise ValueError(f"two numbers take at least three parents, not {count}")
    spread = np.ones(count) if noise is None else noise
    require_numbers("share", share, "of daily volume", count, positive=True)
    require_numbers("relative_move", relative_move, "daily volatilities", count, positive=False)
    require_numbers("noise", spread, "daily volatilities", count, positive=True)
    logarithms = np.log(np.maximum(share, linear_share))
    slope = share / np.maximum(share, linear_share) / spread
    target = relative_move / spread

    def shape(exponent: float) -> Floats:
        found: Floats = slope * np.exp(exponent * logarithms)
        return found

    def left(exponent: float) -> float:
        model = shape(exponent)
        return -float((model @ target) * abs(model @ target) / (model @ model))

    best = minimize_scalar(left, bounds=(0.01, 1.0), method="bounded", options={"xatol": 1e-8})
    exponent = float(best.x)
    model = shape(exponent)
    prefactor = float(model @ target / (model @ model))
    if prefactor <= 0.0:
        raise ValueError("relative_move goes against the parents: there is no impact to fit")
    gradient = np.stack([model, prefactor * model * logarithms])
    variance = float(np.sum((target - prefactor * model) ** 2)) / (count - 2)
    errors = np.sqrt(np.diag(np.linalg.inv(gradient @ gradient.T)) * variance)
    return ParentFit(
        law=ParentLaw(prefactor, exponent, linear_share),
        prefactor_error=float(errors[0]),
        exponent_error=float(errors[1]),
        count=count,
    )
