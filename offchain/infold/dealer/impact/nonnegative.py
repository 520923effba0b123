# SPDX-License-Identifier: Apache-2.0
"""Least squares of a few unknowns not below zero, exactly, and what a prior makes of them.

Small enough that every set of positive unknowns is tried: no iteration, no tolerance, the same bits
everywhere, and cheap enough to run inside a simulated path.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from infold.dealer.compiled import Floats, compiled

UNKNOWNS_MAX: Final = 6
"""64 sets of positive unknowns are still tried in microseconds."""
PIVOT: Final = 1e-12
"""A set whose equations are this close to dependent has a smaller set that does as well."""


@compiled
def nonnegative(normal: Floats, moment: Floats) -> Floats:
    """The x >= 0 that minimises x'Nx / 2 - m'x, N positive semidefinite, of at most UNKNOWNS_MAX
    unknowns: the best of all sets of positive ones, each solved by Gauss's elimination.
    """
    size = len(moment)
    best = np.zeros(size)
    least = 0.0
    chosen = np.empty(size, dtype=np.int64)
    for subset in range(1, 1 << size):
        count = 0
        for part in range(size):
            if (subset >> part) & 1:
                chosen[count] = part
                count += 1
        table = np.empty((count, count + 1))
        for row in range(count):
            for column in range(count):
                table[row, column] = normal[chosen[row], chosen[column]]
            table[row, count] = moment[chosen[row]]
        fits = True
        for step in range(count):
            pivot = table[step, step]
            if not pivot > PIVOT * normal[chosen[step], chosen[step]]:
                fits = False
                break
            for row in range(step + 1, count):
                factor = table[row, step] / pivot
                for column in range(step, count + 1):
                    table[row, column] -= factor * table[step, column]
        if not fits:
            continue
        for step in range(count - 1, -1, -1):
            value = table[step, count]
            for column in range(step + 1, count):
                value -= table[step, column] * table[column, count]
            table[step, count] = value / table[step, step]
            fits = fits and table[step, count] >= 0.0
        if not fits:
            continue
        worth = 0.0
        for row in range(count):
            worth -= 0.5 * table[row, count] * moment[chosen[row]]
        if worth < least:
            least = worth
            best[:] = 0.0
            for row in range(count):
                best[chosen[row]] = table[row, count]
    return best


@compiled
def posterior(
    normal: Floats,
    moment: Floats,
    variance_bp2_per_day: float,
    prior_gains: Floats,
    prior_spread: Floats,
) -> tuple[Floats, Floats]:
    """Gains not below zero after a normal prior, and their standard errors, bp a M."""
    size = len(moment)
    with_prior, wanted = normal.copy(), moment.copy()
    for part in range(size):
        sure = variance_bp2_per_day / (prior_spread[part] * prior_spread[part])
        with_prior[part, part] += sure
        wanted[part] += sure * prior_gains[part]
    gains = nonnegative(with_prior, wanted)
    errors = _inverse_diagonal(with_prior)
    for part in range(size):
        errors[part] = math.sqrt(variance_bp2_per_day * errors[part])
    return gains, errors


@compiled
def _inverse_diagonal(matrix: Floats) -> Floats:
    """Of the inverse of a positive definite matrix, by Gauss and Jordan without pivoting."""
    size = len(matrix)
    left, right = matrix.copy(), np.zeros((size, size))
    for step in range(size):
        right[step, step] = 1.0
    for step in range(size):
        pivot = left[step, step]
        for column in range(size):
            left[step, column] /= pivot
            right[step, column] /= pivot
        for row in range(size):
            if row != step:
                factor = left[row, step]
                for column in range(size):
                    left[row, column] -= factor * left[step, column]
                    right[row, column] -= factor * right[step, column]
    diagonal = np.empty(size)
    for step in range(size):
        diagonal[step] = right[step, step]
    return diagonal
