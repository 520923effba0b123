# SPDX-License-Identifier: Apache-2.0
"""How the prices of several markets correlate, from records of the same time.

Returns are taken over common steps in which every market was recorded; nothing is filled. Steps are
bars' where all markets have bars of one time, else a minute, else ten seconds: in shorter ones
prices of different books have not met yet and correlations come out too small (Epps 1979). The
sample's matrix is shrunk towards none by the share that minimises its expected squared error
(Schäfer and Strimmer 2005, "A shrinkage approach to large-scale covariance matrix estimation",
target D), which makes it positive definite as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
import numpy as np

from infold.dealer.volatility import returns_bp
from infold.research.calibration.notes import Sources
from infold.research.faults import TooLittle
from infold.research.recorded import Floats, Integers

TICKS_MS: Final = (60_000, 10_000)
MOVES_MIN: Final = 60
"""Fewer common moves than these say nothing: an uncorrelated pair shows .13 by chance."""


class Correlation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Markets by name, and their matrix in that order, as a dealer file carries it."""

    markets: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class CorrelationFound:
    """An estimate: `shrinkage` is the share of the sample's correlations that was taken away."""

    correlation: Correlation
    shrinkage: float
    moves: int
    step_ms: int


class _Series(NamedTuple):
    """Prices by the time at which they were known; `step_ms` is a bar's length, zero of ticks."""

    time_ms: Integers
    price: Floats
    step_ms: int


def correlation_of(sources: Sequence[Sources]) -> CorrelationFound:
    """The shrunk correlation of at least two markets. `TooLittle` if their records share too few
    steps, or one of them never moves in those.
    """
    names = tuple(one.market for one in sources)
    if len(names) < 2:
        raise TooLittle("a correlation takes two markets")
    most = 0
    for series, step_ms in _candidates(sources):
        moves = _common_moves(series, step_ms)
        most = max(most, len(moves))
        if len(moves) < MOVES_MIN:
            continue
        still = [name for name, column in zip(names, moves.T, strict=True) if not column.any()]
        if still:
            raise TooLittle(f"the price of {', '.join(still)} never moves in {len(moves)} steps")
        matrix, shrinkage = shrunk_correlation(moves)
        found = Correlation(markets=names, matrix=tuple(map(tuple, matrix.tolist())))
        return CorrelationFound(found, shrinkage, len(moves), step_ms)
    raise TooLittle(
        f"records of {', '.join(names)} share {most} steps, fewer than {MOVES_MIN}: give files of"
        " one time"
    )


def shrunk_correlation(moves: Floats) -> tuple[Floats, float]:
    """(markets, markets) from moves (steps, markets), and the share it was shrunk by.

    `ValueError` unless there are three steps and every market moves.
    """
    count = len(moves)
    if count < 3 or not np.isfinite(moves).all() or (moves.std(axis=0) == 0.0).any():
        raise ValueError("moves must be three numbers (bp) a market at least, and not all the same")
    scaled = (moves - moves.mean(axis=0)) / moves.std(axis=0, ddof=1)
    products = scaled[:, :, None] * scaled[:, None, :]
    mean = products.mean(axis=0)
    sample = mean * count / (count - 1.0)
    variances = count / (count - 1.0) ** 3 * ((products - mean) ** 2).sum(axis=0)
    apart = ~np.eye(moves.shape[1], dtype=bool)
    squares = float((sample[apart] ** 2).sum())
    share = min(float(variances[apart].sum()) / squares, 1.0) if squares > 0.0 else 1.0
    matrix = (1.0 - share) * (sample + sample.T) / 2.0
    np.fill_diagonal(matrix, 1.0)
    return matrix, share


def _candidates(sources: Sequence[Sources]) -> Iterator[tuple[list[_Series], int]]:
    """Series for every market with the steps to try, the ones to be preferred first."""
    bars, ticks = [_bars(one) for one in sources], [_ticks(one) for one in sources]
    first = [bar or tick for bar, tick in zip(bars, ticks, strict=True)]
    second = [tick or bar for bar, tick in zip(bars, ticks, strict=True)]
    for choice in (first, second):
        series = [one for one in choice if one is not None]
        if len(series) < len(choice):
            return
        longest_ms = max(one.step_ms for one in series)
        if longest_ms and all(longest_ms % max(one.step_ms, 1) == 0 for one in series):
            yield series, longest_ms
        elif not longest_ms:
            for step_ms in TICKS_MS:
                yield series, step_ms


def _bars(one: Sources) -> _Series | None:
    if one.bars is None:
        return None
    return _Series(one.bars.time_ms + one.bars.step_ms, one.bars.close, one.bars.step_ms)


def _ticks(one: Sources) -> _Series | None:
    if one.quotes is not None:
        return _Series(one.quotes.time_ms, (one.quotes.bid + one.quotes.ask) / 2.0, 0)
    if one.trades is not None:
        return _Series(one.trades.time_ms, one.trades.price, 0)
    return None


def _common_moves(series: Sequence[_Series], step_ms: int) -> Floats:
    """Moves in bp (steps, markets) between multiples of a step where every market was recorded in
    the step and in the one before.
    """
    begin_ms = max(int(one.time_ms[0]) for one in series)
    end_ms = min(int(one.time_ms[-1]) for one in series)
    edges = np.arange(-(-begin_ms // step_ms), end_ms // step_ms + 1) * step_ms
    if len(edges) < 2:
        return np.empty((0, len(series)))
    fresh = np.ones(len(edges), dtype=bool)
    columns = []
    for one in series:
        place = np.searchsorted(one.time_ms, edges, side="right") - 1
        fresh &= one.time_ms[place] > edges - step_ms
        columns.append(returns_bp(one.price[place]))
    moves: Floats = np.column_stack(columns)[fresh[1:] & fresh[:-1]]
    return moves
