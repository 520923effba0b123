# SPDX-License-Identifier: Apache-2.0
"""Spread, depth, slope and walks through a book, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from infold.research.calibration.outside_costs import (
    depth_m,
    half_spread_bp,
    neighbours_half_spread_bp,
    slope_bp_per_m,
    walk,
)
from infold.research.recorded import Books, FileFacts, Quotes, Trades

T = 1_700_000_000_000
FACTS = FileFacts("x", 1, "")


def book() -> Books:
    """Mid 10,000; levels 1, 2 and 3 bp away on the ask, 1 M each; one bid level of 1 M at 1 bp."""
    ask = np.array([[10_001.0, 10_002.0, 10_003.0]])
    bid = np.array([[9_999.0, np.nan, np.nan]])
    return Books(FACTS, "A", np.array([T]), np.array([1]), bid, np.array([[1e6 / 9_999.0, 0, 0]]),
                 ask, 1e6 / ask)  # fmt: skip


@pytest.mark.parametrize(
    ("side", "size_m", "cost_bp", "held"),
    [
        (1, 0.5, 1.0, 1.0),
        (1, 2.0, 1.5, 1.0),
        (1, 3.0, 2.0, 1.0),
        (1, 6.0, (6.0 + 3.0 * (3.0 + 2.0 / 3.0 * 1.5)) / 6.0, 0.5),  # beyond the book, extrapolated
        (-1, 1.0, 1.0, 1.0),
        (-1, 2.0, 1.0, 0.5),  # one level has no slope to extrapolate with
        (1, 0.0, 0.0, 0.0),
    ],
)
def test_an_order_walks_the_levels_of_its_side(
    side: int, size_m: float, cost_bp: float, held: float
) -> None:
    found = walk(book(), np.array([0]), np.array([side]), np.array([size_m]))
    assert found.cost_bp[0] == pytest.approx(cost_bp, rel=1e-3)
    assert found.held[0] == pytest.approx(held)


def test_depth_counts_levels_within_a_distance() -> None:
    assert depth_m(book(), 2.5) == pytest.approx((2.0 + 1.0) / 2.0)
    assert depth_m(book(), 0.5) == 0.0


def test_the_slope_is_a_line_from_the_best_price() -> None:
    # Middles of the ask levels at .5, 1.5, 2.5 M lie 0, 1 and 2 bp behind the best; the bid adds
    # a middle at .5 M of no distance.
    expected = (1.5 * 1.0 + 2.5 * 2.0) / (0.25 + 2.25 + 6.25 + 0.25)
    assert slope_bp_per_m(book()) == pytest.approx(expected, rel=1e-3)


def test_the_half_spread_is_weighted_by_how_long_it_stood() -> None:
    bid, ask = np.array([9_999.0, 9_997.0, 1.0]), np.array([10_001.0, 10_003.0, 1.0])
    quotes = Quotes(FACTS, "A", T + np.array([0, 300, 400]), bid, ask)
    assert half_spread_bp(quotes) == pytest.approx((1.0 * 300 + 3.0 * 100) / 400, rel=1e-6)
    with pytest.raises(ValueError, match="took no time"):
        half_spread_bp(Quotes(FACTS, "A", np.array([T]), bid[:1], ask[:1]))


def test_neighbouring_buys_and_sells_tell_half_the_spread() -> None:
    rng = np.random.default_rng(1)
    side = rng.choice([-1, 1], 500)
    mid = 10_000.0 + np.cumsum(rng.standard_normal(500)) * 0.1
    zeros = np.zeros(500, np.int64)
    times = T + 100 * np.arange(500)
    trades = Trades(FACTS, ("A",), zeros, times, side, mid + side * 2.0, zeros + 1.0, zeros)
    assert neighbours_half_spread_bp(trades) == pytest.approx(2.0, abs=0.05)
    sparse = Trades(FACTS, ("A",), zeros, T + 5_000 * np.arange(500), side, mid, zeros + 1.0, zeros)
    assert neighbours_half_spread_bp(sparse) is None, "what the price did between is no spread"
