# SPDX-License-Identifier: Apache-2.0
"""The figures of the auction: their arithmetic, and that each could fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infold.bench.dealer import e0_auction
from infold.bench.dealer.e0_auction import Revenue, against_search, ratio_of, revenue
from infold.bench.dealer.figures import Bench
from infold.dealer.lines import straight

BENCH = Bench(seed=1, workers=1, data=None, say=lambda line: None)


def test_a_ratio_of_paired_paths_is_exact_where_one_is_a_multiple_of_the_other() -> None:
    theirs = np.array([100.0, 140.0, 80.0])
    found = ratio_of(0.9 * theirs, theirs)
    assert found.value == pytest.approx(0.9)
    assert found.high - found.low == pytest.approx(0.0, abs=1e-12)
    noisy = ratio_of(0.9 * theirs + np.array([1.0, -2.0, 1.0]), theirs)
    assert noisy.low < 0.9 < noisy.high


def test_a_worse_line_misses_its_share(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(e0_auction, "PATHS", 4)
    monkeypatch.setattr(e0_auction, "best_found", lambda bench, interval_s: BEST)
    monkeypatch.setattr(e0_auction, "batch_line", lambda parameters, interval_s: WORSE)
    _, _, share = against_search(BENCH, 60.0)
    assert share.id == "e0_auction.share_60s" and share.limit == 0.99
    assert not share.ok and share.value < 0.95


BEST = straight(0.2, 0.013, 0.024)
WORSE = straight(0.9, 0.013, 0.024)


def test_revenue_adds_up_and_a_fee_takes_the_spreads_place() -> None:
    free, charged = (revenue(60.0, fee, 3, 11, 1) for fee in (0.0, 0.1))
    for row in (free, charged):
        assert row.totals.mean() == pytest.approx(row.fees + row.spread + row.inventory, rel=1e-9)
        assert row.pool_share * row.totals.mean() == pytest.approx(row.spread + row.inventory)
    assert free.fees == 0.0 < charged.fees
    assert charged.spread < free.spread
    assert 0.5 < free.crossed < 0.9


def row(fee_bp: float, *totals: float) -> Revenue:
    return Revenue(1.0, fee_bp, 0.0, 0.0, 0.0, 0.0, 0.0, np.array(totals))


def test_the_restoring_fee_is_where_income_meets_the_ladders() -> None:
    ladder = np.array([100.0, 100.0, 100.0])
    rows = [row(0.0, 59, 60, 61), row(0.1, 79, 80, 81), row(0.2, 119, 120, 121)]
    found = e0_auction._restoring(rows, ladder)
    assert found.value == pytest.approx(0.15)
    assert found.low < 0.15 < found.high
    assert e0_auction._restoring([row(0.0, 101, 102, 103)], ladder).value == 0.0
    assert math.isinf(e0_auction._restoring(rows[:2], ladder).value)
