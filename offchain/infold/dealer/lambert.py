# SPDX-License-Identifier: Apache-2.0
"""Lambert's W of an exponential, compiled: what the best markup of logistic demand asks for.

Everything that quotes, solves or simulates asks this one; tests hold it to scipy's and mpmath's.
"""

from __future__ import annotations

import math

import numpy as np

from infold.dealer.compiled import Floats, compiled


@compiled
def lambert_of_exp(exponent: float) -> float:
    """W(exp(exponent)): the w > 0 with w + log w = exponent, to the last digits; never overflows.

    Newton's iteration for log w when w is small and for w when it is large; both start from a bound
    and converge from one side. An exponent of minus infinity gives zero.
    """
    if exponent < 0.0:
        if exponent == -math.inf:
            return 0.0
        logarithm = exponent
        for _ in range(64):
            grown = math.exp(logarithm)
            step = (grown + logarithm - exponent) / (grown + 1.0)
            logarithm -= step
            if abs(step) <= 1e-16 * (1.0 + abs(logarithm)):
                break
        return math.exp(logarithm)
    guess = 0.5 + 0.5 * exponent if exponent < 3.0 else exponent - math.log(exponent)
    for _ in range(64):
        step = (guess + math.log(guess) - exponent) * guess / (1.0 + guess)
        guess -= step
        if abs(step) <= 1e-16 * guess:
            break
    return guess


def lamberts_of_exp(exponents: Floats) -> Floats:
    """The same for each of an array of any shape."""
    flat = np.ascontiguousarray(exponents, dtype=np.float64).reshape(-1)
    return _each(flat).reshape(exponents.shape)


@compiled
def _each(exponents: Floats) -> Floats:
    found = np.empty_like(exponents)
    for place in range(len(exponents)):
        found[place] = lambert_of_exp(exponents[place])
    return found
