# SPDX-License-Identifier: Apache-2.0
"""How far chance alone would get: block bootstrap and circular shifts.

Neighbouring rows hang together, so rows are drawn in blocks (Politis and Romano 1992, blocks that
wrap around), and the null of "no relation" keeps each column's own dependence: features are shifted
around against the target by a random number of rows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from infold.research.faults import TooLittle
from infold.research.recorded import Floats

DRAWS: Final = 2_000
SHIFTS: Final = 500


class Interval(NamedTuple):
    """The middle 95 % of what the draws gave."""

    low: float
    high: float


def block_of(rows: int) -> int:
    """Rows a block: n^(1/3), rounded up, at least two."""
    return max(2, int(np.ceil(rows ** (1.0 / 3.0))))


def block_sums(columns: Floats, rng: np.random.Generator, block: int, draws: int) -> Floats:
    """Sums (draws, columns) over as many rows as there are, drawn in blocks that wrap around.

    A draw's sum is a sum of block sums, and those are known for every place a block may begin: no
    draw has to be laid out row by row. `columns` is (columns, rows).
    """
    rows = columns.shape[1]
    blocks = -(-rows // block)
    rest = rows - (blocks - 1) * block  # the last block is cut so that all rows count once
    starts = rng.integers(0, rows, (draws, blocks))
    whole, last = _circular(columns, block), _circular(columns, rest)
    sums: Floats = (whole[:, starts[:, :-1]].sum(axis=2) + last[:, starts[:, -1]]).T
    return sums


def _circular(columns: Floats, length: int) -> Floats:
    """The sum of `length` values from each place on, wrapping around."""
    wrapped = np.concatenate([columns, columns[:, :length]], axis=1)
    running = np.cumsum(np.pad(wrapped, ((0, 0), (1, 0))), axis=1)
    summed: Floats = (running[:, length:] - running[:, :-length])[:, : columns.shape[1]]
    return summed


def bootstrap(
    columns: Floats, statistic: Callable[[Floats], Floats], seed: int, draws: int = DRAWS
) -> Interval:
    """The interval of a statistic of sums: it takes sums (draws, columns), gives (draws,).
    `TooLittle` for fewer than 4 rows or 40 draws, or where no draw has a value.
    """
    rows = columns.shape[1]
    if rows < 4 or draws < 40:
        raise TooLittle(f"{rows} rows and {draws} draws are too few for an interval")
    rng = np.random.Generator(np.random.PCG64([seed, rows]))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = statistic(block_sums(columns, rng, block_of(rows), draws))
    found = found[np.isfinite(found)]
    if not found.size:
        raise TooLittle("no draw has a value: the rows do not move")
    low, high = np.percentile(found, [2.5, 97.5])
    return Interval(float(low), float(high))


def ratio_interval(top: Floats, bottom: Floats, seed: int) -> Interval:
    """The interval of sum(top) / sum(bottom)."""
    return bootstrap(np.stack([top, bottom]), lambda sums: sums[:, 0] / sums[:, 1], seed)


def saved_share(missed: Floats, plain: Floats, seed: int) -> Interval:
    """The interval of 1 - sum(missed) / sum(plain): an R^2 whose fit stays as it is."""
    low, high = ratio_interval(missed, plain, seed)
    return Interval(1.0 - high, 1.0 - low)


def correlation_interval(one: Floats, other: Floats, seed: int) -> Interval:
    """The interval of the squared correlation: the R^2 of a regression fitted to each draw."""
    rows = float(len(one))
    columns = np.stack([one, other, one * one, other * other, one * other])

    def squared(sums: Floats) -> Floats:
        x, y, xx, yy, xy = (sums / rows).T
        found: Floats = (xy - x * y) ** 2 / ((xx - x * x) * (yy - y * y))
        return found

    return bootstrap(columns, squared, seed)


class Shifted(NamedTuple):
    """What shifted features score: `high` is the 95th percentile, `p_value` one-sided."""

    high: float
    p_value: float


def circular_shifts(
    score: Callable[[Floats], float], features: Floats, seed: int, shifts: int = SHIFTS
) -> Shifted:
    """Score features shifted around by at least a twentieth of their rows, against as they are.
    `ValueError` for too few rows to shift.
    """
    rows = len(features)
    least = max(rows // 20, 1)
    if rows - 2 * least < 2:
        raise ValueError(f"{rows} rows are too few to shift around")
    rng = np.random.Generator(np.random.PCG64([seed, rows]))
    straight = score(features)
    found = [
        score(np.roll(features, int(by), axis=0))
        for by in rng.integers(least, rows - least + 1, shifts)
    ]
    beaten = sum(one >= straight for one in found)
    return Shifted(float(np.percentile(found, 95)), (1 + beaten) / (1 + shifts))
