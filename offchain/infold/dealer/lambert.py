# SPDX-License-Identifier: Apache-2.0
"""Lambert's W of an exponential, compiled: what the best markup of logistic demand asks for."""

from __future__ import annotations

import math

from infold.dealer.compiled import compiled


@compiled
def lambert_of_exp(exponent: float) -> float:
    """W(exp(exponent)): the w > 0 with w + log w = exponent, to the last digits; never overflows.

    Newton's iteration for log w when w is small and for w when it is large; both start from a bound
    and converge from one side.
    """
    if exponent < 0.0:
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
