# SPDX-License-Identifier: Apache-2.0
"""Linear algebra of Markov chains: elimination without pivots, compiled.

The matrices are minus a chain's rates with something leaking out: positive diagonal, the rest not
above zero, rows that sum to at least zero. Elimination keeps that form and needs no pivots, so rows
stay where they are, bands stay bands, and the result does not depend on a BLAS or its threads.
"""

from __future__ import annotations

from infold.dealer.compiled import Floats, compiled


@compiled
def invert(matrix: Floats) -> None:
    """Replace the matrix by its inverse (Gauss and Jordan)."""
    count = len(matrix)
    for pivot in range(count):
        row = matrix[pivot]
        scale = 1.0 / row[pivot]
        row[pivot] = 1.0
        for column in range(count):
            row[column] *= scale
        for other in range(count):
            factor = matrix[other, pivot]
            if other == pivot or factor == 0.0:
                continue
            target = matrix[other]
            target[pivot] = 0.0
            for column in range(count):
                target[column] -= factor * row[column]


@compiled
def solve_banded(matrix: Floats, right: Floats, band: int) -> None:
    """Replace `right` (rows, columns) by matrix^-1 right; the matrix is used up.

    Nothing further than `band` from the diagonal is read.
    """
    count = len(matrix)
    for pivot in range(count):
        end = min(pivot + band + 1, count)
        scale = 1.0 / matrix[pivot, pivot]
        for other in range(pivot + 1, end):
            factor = matrix[other, pivot] * scale
            if factor == 0.0:
                continue
            for column in range(pivot + 1, end):
                matrix[other, column] -= factor * matrix[pivot, column]
            for column in range(right.shape[1]):
                right[other, column] -= factor * right[pivot, column]
    for pivot in range(count - 1, -1, -1):
        end = min(pivot + band + 1, count)
        for column in range(right.shape[1]):
            total = right[pivot, column]
            for other in range(pivot + 1, end):
                total -= matrix[pivot, other] * right[other, column]
            right[pivot, column] = total / matrix[pivot, pivot]


@compiled
def fold_in(
    blocks: Floats, right: Floats, towards: Floats, back: Floats, first: int, last: int, step: int
) -> None:
    """Eliminate blocks first, first + step, ... before `last`, each into the next.

    `blocks` (blocks, rows, rows) become inverses; `right` (blocks, rows, columns) carries on.
    `towards[b]` are the rates from block b to b + step, row by row, `back[b]` those from b to
    b - step.
    """
    count, columns = right.shape[1], right.shape[2]
    for block in range(first, last, step):
        following = block + step
        invert(blocks[block])
        for row in range(count):
            returned = back[following, row]
            if returned == 0.0:
                continue
            for column in range(count):
                blocks[following, row, column] -= (
                    returned * blocks[block, row, column] * towards[block, column]
                )
            for column in range(columns):
                total = 0.0
                for inner in range(count):
                    total += blocks[block, row, inner] * right[block, inner, column]
                right[following, row, column] += returned * total


@compiled
def fold_out(
    blocks: Floats, right: Floats, towards: Floats, first: int, last: int, step: int
) -> None:
    """The way back: `right` becomes the solution in blocks first, first - step, ... past `last`.

    The block beyond `first` must hold its solution already.
    """
    count, columns = right.shape[1], right.shape[2]
    for block in range(first, last, -step):
        following = block + step
        for row in range(count):
            for column in range(columns):
                right[block, row, column] += towards[block, row] * right[following, row, column]
        for column in range(columns):
            given = right[block, :, column].copy()
            for row in range(count):
                total = 0.0
                for inner in range(count):
                    total += blocks[block, row, inner] * given[inner]
                right[block, row, column] = total
