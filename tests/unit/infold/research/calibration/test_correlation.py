# SPDX-License-Identifier: Apache-2.0
"""Correlations from records of one time: shrunk, aligned, and refused where there is too little."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.recorded_market import invented, quotes_of, trades_of

from infold.research.calibration.correlation import correlation_of, shrunk_correlation
from infold.research.calibration.notes import Sources
from infold.research.faults import TooLittle
from infold.research.recorded import Bars, FileFacts

HOUR_MS = 3_600_000


def moves_of(correlation: float, count: int, markets: int = 2, seed: int = 3) -> np.ndarray:
    dice = np.random.default_rng(seed)
    shared = np.sqrt(correlation) * dice.standard_normal((count, 1))
    return 20.0 * (shared + np.sqrt(1.0 - correlation) * dice.standard_normal((count, markets)))


def bars_of(moves_bp: np.ndarray, begin_ms: int = 0, step_ms: int = HOUR_MS) -> Bars:
    close = 100.0 * np.exp(np.cumsum(moves_bp) * 1e-4)
    opened = np.concatenate([[100.0], close[:-1]])
    time_ms = begin_ms + step_ms * np.arange(len(close))
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    return Bars(FileFacts("", len(close), ""), "A", step_ms, time_ms, opened, high, low, close)


def test_a_long_record_gives_the_correlation_and_a_short_one_is_shrunk() -> None:
    matrix, share = shrunk_correlation(moves_of(0.6, 20_000))
    assert matrix[0, 1] == pytest.approx(0.6, abs=0.02) and share < 0.001
    moves = moves_of(0.3, 60, markets=6)
    short, share = shrunk_correlation(moves)
    assert 0.05 < share < 1.0
    assert short[0, 1] == pytest.approx((1.0 - share) * np.corrcoef(moves.T)[0, 1], rel=1e-9)


def test_shrinkage_is_the_published_formula_on_three_moves() -> None:
    """By hand: moves (1, 2), (0, -1), (-1, -1) have r = 1.5 / sqrt(3); products about their mean
    give Var(r) = 3/8 sum (w - mean w)^2.
    """
    moves = np.array([[1.0, 2.0], [0.0, -1.0], [-1.0, -1.0]])
    products = np.array([2.0, 0.0, 1.0]) / np.sqrt(3.0)
    sample = 1.5 / np.sqrt(3.0)
    variance = 3.0 / 8.0 * ((products - products.mean()) ** 2).sum()
    matrix, share = shrunk_correlation(moves)
    assert share == pytest.approx(min(variance / sample**2, 1.0))
    assert matrix[0, 1] == pytest.approx((1.0 - share) * sample)


def test_more_markets_than_moves_still_make_a_positive_definite_matrix() -> None:
    matrix, _ = shrunk_correlation(moves_of(0.5, 8, markets=12))
    assert np.linalg.eigvalsh(matrix)[0] > 0.0


def test_only_steps_that_every_market_has_are_used_and_gaps_are_not_crossed() -> None:
    moves = moves_of(0.5, 200)
    first, second = bars_of(moves[:, 0]), bars_of(moves[:, 1])
    kept = np.ones(200, dtype=bool)
    kept[100:110] = False
    holed = Bars(
        second.facts, "B", HOUR_MS, second.time_ms[kept], second.open[kept], second.high[kept],
        second.low[kept], second.close[kept],
    )  # fmt: skip
    whole = correlation_of([Sources("A", bars=first), Sources("B", bars=second)])
    found = correlation_of([Sources("A", bars=first), Sources("B", bars=holed)])
    assert (whole.moves, found.moves) == (199, 188)
    aligned = np.delete(moves[1:], np.s_[99:110], axis=0)
    wanted = shrunk_correlation(aligned)[0][0, 1]
    assert found.correlation.matrix[0][1] == pytest.approx(wanted, rel=1e-9)


def test_a_shift_of_one_step_is_not_hidden() -> None:
    """Two records of the same moves, an hour apart, do not move together."""
    moves = moves_of(0.5, 500)[:, 0]
    late = Sources("B", bars=bars_of(moves, HOUR_MS))
    found = correlation_of([Sources("A", bars=bars_of(moves)), late])
    assert abs(found.correlation.matrix[0][1]) < 0.15
    same = correlation_of([Sources("A", bars=bars_of(moves)), Sources("B", bars=bars_of(moves))])
    assert same.correlation.matrix[0][1] > 0.99


def test_mids_and_trades_of_one_hour_are_read_at_a_step_both_have() -> None:
    record = invented(900)
    found = correlation_of(
        [Sources("A", quotes=quotes_of(record)), Sources("B", trades=trades_of(record))]
    )
    assert found.step_ms == 10_000 and 80 < found.moves <= 90
    assert found.correlation.matrix[0][1] > 0.9


@pytest.mark.parametrize(
    ("sources", "problem"),
    [
        ([Sources("A", bars=bars_of(moves_of(0.5, 200)[:, 0]))], "takes two markets"),
        (
            [Sources("A", bars=bars_of(moves_of(0.5, 50)[:, n])) for n in (0, 1)],
            "share 49 steps, fewer than 60",
        ),
        (
            [
                Sources("A", bars=bars_of(moves_of(0.5, 200)[:, 0])),
                Sources("B", bars=bars_of(np.zeros(200))),
            ],
            "the price of B never moves",
        ),
        ([Sources("A"), Sources("B")], "share 0 steps"),
    ],
)
def test_too_little_in_common_is_no_correlation(sources: list[Sources], problem: str) -> None:
    with pytest.raises(TooLittle, match=problem):
        correlation_of(sources)


def test_moves_that_are_none_are_refused() -> None:
    for moves in (np.ones((10, 2)), np.full((10, 2), np.nan), np.ones((2, 2))):
        with pytest.raises(ValueError, match=r"moves must be three numbers \(bp\)"):
            shrunk_correlation(moves)
