# SPDX-License-Identifier: Apache-2.0
"""Prices to returns in bp, returns to realised variances in bp^2."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infold.dealer import checks
from infold.dealer.checks import FIGURE_MAX
from infold.dealer.params import BP_PER_ONE

Floats = NDArray[np.float64]


def numbers(name: str, values: ArrayLike, unit: str, least: int = 1) -> Floats:
    """A column of finite numbers; `ValueError` naming it, its unit and the first bad place."""
    try:
        column = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} ({unit}) must be numbers") from None
    if column.ndim != 1 or len(column) < least:
        raise ValueError(f"{name} ({unit}) must be one column of at least {least} numbers")
    bad = np.flatnonzero(~(np.abs(column) <= FIGURE_MAX))
    if bad.size:
        raise ValueError(f"{name} ({unit}) must be finite, not {column[bad[0]]} at {bad[0]}")
    return column


def above_zero(name: str, values: ArrayLike, unit: str, least: int = 1) -> Floats:
    """The same for numbers above zero."""
    column = numbers(name, values, unit, least)
    bad = np.flatnonzero(column <= 0.0)
    if bad.size:
        raise ValueError(f"{name} ({unit}) must be above zero, not {column[bad[0]]} at {bad[0]}")
    return column


def one_above_zero(name: str, value: float, unit: str) -> float:
    """One number above zero; `ValueError` naming it and its unit."""
    return float(above_zero(name, [value], unit)[0])


def returns_bp(prices: ArrayLike) -> Floats:
    """Log returns between neighbours, one fewer than there are prices. `ValueError` if a price is
    not above zero.
    """
    column = above_zero("prices", prices, "quote per base unit", 2)
    moves: Floats = BP_PER_ONE * np.diff(np.log(column))
    return moves


def realised_variances(returns: ArrayLike, per_period: int) -> Floats:
    """Sums of squared returns over whole periods of `per_period` returns, bp^2 a period.

    Returns after the last whole period are left out. `ValueError` if there is not one whole period.
    """
    checks.count("per_period (returns)", per_period, 1)
    moves = numbers("returns", returns, "bp", per_period)
    whole = len(moves) // per_period
    sums: Floats = (moves[: whole * per_period].reshape(whole, per_period) ** 2).sum(axis=1)
    return sums


def range_variances(opened: ArrayLike, high: ArrayLike, low: ArrayLike, close: ArrayLike) -> Floats:
    """Each bar's variance from its range, bp^2 a bar: Garman and Klass 1980, without drift.

    .5 ln(high/low)^2 - (2 ln 2 - 1) ln(close/open)^2: about seven times as exact as the squared
    return, and never below zero where open and close lie within the range. `ValueError` where they
    do not, or a price is not above zero.
    """
    first, top, bottom, last = (
        np.log(above_zero(name, column, "quote per base unit"))
        for name, column in (("open", opened), ("high", high), ("low", low), ("close", close))
    )
    if len({len(column) for column in (first, top, bottom, last)}) != 1:
        raise ValueError("open, high, low and close (quote per base unit) must be of one length")
    if (np.maximum(first, last) > top).any() or (np.minimum(first, last) < bottom).any():
        raise ValueError("open and close (quote per base unit) must lie within low..high")
    variances: Floats = BP_PER_ONE**2 * (
        0.5 * (top - bottom) ** 2 - (2.0 * np.log(2.0) - 1.0) * (last - first) ** 2
    )
    return variances
