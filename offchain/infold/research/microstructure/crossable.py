# SPDX-License-Identifier: Apache-2.0
"""How much of a window's taker flow nets against itself: 1 - |net| / gross.

Per market and window, summed over all of them. Where a window begins is arbitrary, so the share is
averaged over beginnings spread over one window, and their range is told. It is what a batch of that
length could cross inside at most: recorded takers do not react to the prices they would get.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.research.faults import TooLittle
from infold.research.recorded import Floats, Integers, Trades

OFFSETS: Final = 20


@dataclass(frozen=True, slots=True)
class Crossable:
    """Shares of the taker notional: the mean over offsets, the least, the most.

    `between_accounts` counts only what nets between different accounts, windows begun at the first
    trade; None where no accounts are recorded.
    """

    window_ms: int
    share: float
    low: float
    high: float
    between_accounts: float | None


def crossable(trades: Trades, window_ms: int, market: str | None = None) -> Crossable:
    """Of all markets in the file, or of one. `TooLittle` if it has no taker trade there."""
    if window_ms < 1:
        raise ValueError(f"window_ms (milliseconds) must be at least 1, not {window_ms}")
    taken = np.ones(len(trades.side), np.bool_) if trades.crossed is None else trades.crossed
    if market is not None:
        taken = taken & (trades.market == trades.markets.index(market))
    if not taken.any():
        raise TooLittle(
            f"{trades.facts.path} has no taker trade{f' of {market}' if market else ''}"
        )
    time_ms, code = trades.time_ms[taken], trades.market[taken]
    signed = (trades.side * trades.price * trades.size)[taken]
    since = time_ms - trades.time_ms[0]
    offsets = (np.arange(OFFSETS) * window_ms) // OFFSETS
    shares = [_netted(code, (since + offset) // window_ms, signed) for offset in offsets]
    between = None
    if trades.account is not None:
        between = _between(code, since // window_ms, trades.account[taken], signed)
    return Crossable(
        window_ms, float(np.mean(shares)), float(min(shares)), float(max(shares)), between
    )


def clock_ms(trades: Trades) -> int:
    """How fine the file's clock is: the greatest step all its times share. A file stamped to the
    minute cannot tell what netted within a second.
    """
    return int(np.gcd.reduce(np.diff(trades.time_ms))) or 1


def _netted(code: Integers, window: Integers, signed: Floats) -> float:
    net = _sums(_key(code, window), signed)
    return 1.0 - float(np.abs(net).sum() / np.abs(signed).sum())


def _between(code: Integers, window: Integers, account: Integers, signed: Floats) -> float:
    place = _key(code, window)
    whose = _key(account, place)
    first = np.unique(whose, return_index=True)[1]
    own = _sums(whose, signed)
    net = _sums(place[first], own)
    return float((np.abs(own).sum() - np.abs(net).sum()) / np.abs(signed).sum())


def _key(major: Integers, minor: Integers) -> Integers:
    """One number for a pair of numbers not below zero, ordered by `major` first."""
    joined: Integers = major * (int(minor.max()) + 1) + minor
    return joined


def _sums(key: Integers, signed: Floats) -> Floats:
    """The signed sum of each distinct key, in the keys' order."""
    _, place = np.unique(key, return_inverse=True)
    sums: Floats = np.bincount(place, weights=signed).astype(np.float64)
    return sums
