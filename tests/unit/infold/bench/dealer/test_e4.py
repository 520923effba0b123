# SPDX-License-Identifier: Apache-2.0
"""E4's figures: what a loss is, and that every case has its two."""

from __future__ import annotations

import numpy as np
import pytest

from infold.bench.dealer import e4
from infold.bench.dealer.figures import Bench
from infold.research.simulation.ledger import COLUMNS, Paths, Sum


def paths(scores: list[float]) -> Paths:
    """Paths that scored this much, all of it markup."""
    sums = np.zeros((len(scores), COLUMNS))
    sums[:, Sum.MARKUP] = scores
    return Paths(tuple(range(len(scores))), sums, np.zeros(len(scores), dtype=np.uint64))


def test_a_loss_is_the_share_of_the_best_score_that_is_missing() -> None:
    found = e4.lost(paths([100.0, 110.0, 90.0]), paths([95.0, 104.5, 85.5]))
    assert found.value == pytest.approx(0.05)
    # Each path lost the same share, so there is nothing to be unsure of.
    assert found.high - found.low < 1e-12
    spread = e4.lost(paths([100.0, 110.0, 90.0]), paths([90.0, 110.0, 85.0]))
    assert spread.value == pytest.approx(0.05) and spread.low < 0.05 < spread.high


def test_every_case_has_a_figure_for_each_day(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("EXPONENTS", (0.5,)),
        ("RATES", {"root": 0.5}),
        ("PATHS", 2),
        ("SEARCH_PATHS", 1),
        ("FIT_PATHS", 1),
    ):
        monkeypatch.setattr(e4, name, value)
    said: list[str] = []
    figures = e4.run(Bench(seed=5, workers=1, data=None, say=said.append))
    ids = [figure.id for figure in figures]
    assert len(set(ids)) == len(ids) == 4 + 2 * 7
    assert {"e4.p50.root.high.first_day", "e4.first_day", "e4.strained.later"} <= set(ids)
    limits = {figure.id: figure.limit for figure in figures}
    assert limits["e4.first_day"] == 0.15 and limits["e4.later"] == 0.05
    assert limits["e4.closed.later"] is None
    assert len(said) == 4
