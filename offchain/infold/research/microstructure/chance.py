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

from infold.research.recorded import Floats, Integers

DRAWS: Final = 2_000
SHIFTS: Final = 500


class Interval(NamedTuple):
    """The middle 95 % of what the draws gave."""

    low: float
    high: float


def block_of(rows: int) -> int:
    """Rows a block: n^(1/3), rounded up, at least two."""
    return max(2, int(np.ceil(rows ** (1.0 / 3.0))))


def block_rows(rows: int, rng: np.random.Generator, block: int) -> Integers:
    """One draw of `rows` row numbers in blocks that wrap around."""
    starts = rng.integers(0, rows, -(-rows // block))
    drawn: Integers = ((starts[:, None] + np.arange(block)) % rows).reshape(-1)[:rows]
    return drawn


def bootstrap(
    statistic: Callable[[Integers], float], rows: int, seed: int, draws: int = DRAWS
) -> Interval:
    """The interval of a statistic of row numbers over block draws."""
    if rows < 4 or draws < 40:
        raise ValueError(f"{rows} rows and {draws} draws are too few for an interval")
    rng = np.random.Generator(np.random.PCG64([seed, rows]))
    block = block_of(rows)
    found = [statistic(block_rows(rows, rng, block)) for _ in range(draws)]
    low, high = np.nanpercentile(found, [2.5, 97.5])
    return Interval(float(low), float(high))


def saved_share(missed: Floats, plain: Floats, seed: int) -> Interval:
    """The interval of 1 - sum(missed) / sum(plain): an R^2 whose fit stays as it is."""
    return bootstrap(lambda rows: 1.0 - missed[rows].sum() / plain[rows].sum(), len(missed), seed)


class Shifted(NamedTuple):
    """What shifted features score: `high` is the 95th percentile, `p_value` one-sided."""

    high: float
    p_value: float


def circular_shifts(
    score: Callable[[Floats], float], features: Floats, seed: int, shifts: int = SHIFTS
) -> Shifted:
    """Score features shifted around by at least a twentieth of their rows, against as they are."""
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
