# SPDX-License-Identifier: Apache-2.0
"""Tuning: the same seed finds the same line, and what it finds is no worse than where it began."""

from __future__ import annotations

import numpy as np
import pytest

from infold.dealer.lines import Tuning, inverse_ladder, straight
from infold.dealer.params import SPOT_FX
from infold.research import tuning
from infold.research.simulation.compiled import Floats
from infold.research.tuning import scores, searched, still_batches, tuned


def test_a_line_is_scored_on_the_same_clients_whoever_runs_it() -> None:
    world = still_batches(SPOT_FX, 300.0)
    line = inverse_ladder(SPOT_FX)
    alone = scores(world, line, 4, seed=5)
    assert np.array_equal(alone, scores(world, line, 4, seed=5, workers=2))
    assert not np.array_equal(alone, scores(world, line, 4, seed=6))


def test_the_search_climbs_and_passes_over_numbers_that_make_no_line() -> None:
    tried: list[float] = []

    def family(numbers: Floats) -> object:
        tried.append(float(numbers[0]))
        return straight(float(numbers[0]), 0.01, 0.02)  # below zero it buys dearer than it sells

    best, numbers = searched(
        lambda line: -1e6 * (line.half_spread_bp - 0.05) ** 2,
        family,  # type: ignore[arg-type]
        (0.01,),
        60,
    )
    assert min(tried) < 0.0 or max(tried) > 0.05
    assert best.half_spread_bp == pytest.approx(0.05, abs=1e-3) == float(numbers[0])


def test_the_same_seed_tunes_the_same_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "EVALUATIONS", 12)
    start = Tuning(0.0, 0.9, 2.0, 1.5)
    first = tuned(SPOT_FX, 300.0, start, seed=3, paths=2)
    assert first == tuned(SPOT_FX, 300.0, start, seed=3, paths=2)
    assert first != start and first.orders == pytest.approx(27.43, abs=0.01)
