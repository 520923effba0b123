# SPDX-License-Identifier: Apache-2.0
"""Recorded crashes: windows found in any bars, walked in both orders, never across a gap."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infold.research.recorded import Bars, read_bars
from infold.research.simulation.crash.loop import CrashSum
from infold.research.simulation.crash.market import CAPITAL_BP_M, GUARDED, crash_world
from infold.research.simulation.crash.replay import (
    HIGH_FIRST,
    LOW_FIRST,
    POSITIONS,
    RECORDED,
    STARTS,
    Replay,
    cases_of,
    walk_of,
    windows_of,
)
from infold.research.simulation.crash.world import starting
from infold.research.simulation.ledger import Sum
from infold.research.simulation.runner import simulate

SEED = 20260101
HOUR_MS = 3_600_000
BEGIN_MS = 1_700_000_000_000 // HOUR_MS * HOUR_MS
HOURS = 200
CRASH_AT = 100


def some_bars(folder: Path, drop: int | None = None) -> Bars:
    """Hourly bars of an invented market that falls by a fifth in the hundredth hour."""
    draws = np.random.Generator(np.random.PCG64(7))
    closes = 100.0 * np.exp(np.cumsum(draws.normal(0.0, 0.003, HOURS)))
    closes[CRASH_AT:] *= 0.8
    opens = np.concatenate([[100.0], closes[:-1]])
    high = np.maximum(opens, closes) * (1.0 + draws.random(HOURS) * 0.003)
    low = np.minimum(opens, closes) * (1.0 - draws.random(HOURS) * 0.003)
    low[CRASH_AT] *= 0.95
    keep = np.arange(HOURS) != (-1 if drop is None else drop)
    frame = pl.DataFrame(
        {
            "open_time": BEGIN_MS + np.arange(HOURS) * HOUR_MS,
            "open": opens,
            "high": high,
            "low": low,
            "close": closes,
        }
    ).filter(pl.Series(keep))
    path = folder / "invented_btcusdt_1h.parquet"
    frame.write_parquet(path)
    (bars,) = read_bars(path)
    return bars


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Bars:
    return some_bars(tmp_path_factory.mktemp("bars"))


def test_the_deepest_fall_is_found_with_a_day_before_it(bars: Bars) -> None:
    first = windows_of(bars, 1)[0]
    assert first.low_ms == BEGIN_MS + CRASH_AT * HOUR_MS
    assert (first.first, first.last) == (CRASH_AT - 24, CRASH_AT + 6)
    assert 0.2 < first.fall < 0.3 and first.market == "BTCUSDT"


def test_a_window_never_crosses_a_gap(tmp_path: Path) -> None:
    gapped = some_bars(tmp_path, drop=CRASH_AT - 5)
    assert all(window.low_ms != BEGIN_MS + CRASH_AT * HOUR_MS for window in windows_of(gapped, 9))
    far = tmp_path / "far"
    far.mkdir()
    assert windows_of(some_bars(far, drop=3), 1)[0].low_ms == BEGIN_MS + CRASH_AT * HOUR_MS


def test_known_crashes_are_replayed_where_a_file_holds_them(bars: Bars) -> None:
    moved = replace(bars, time_ms=bars.time_ms - BEGIN_MS - CRASH_AT * HOUR_MS + 1_621_400_000_000)
    assert len(windows_of(bars, 0)) == 0
    (known,) = windows_of(moved, 0)
    assert known.low_ms == 1_621_400_000_000
    assert windows_of(moved, 1) == [known]


def test_each_order_passes_the_bars_four_prices_in_thirds(bars: Bars) -> None:
    window = windows_of(bars, 1)[0]
    high_first = walk_of(bars, window, HIGH_FIRST, 5.0, SEED, 0)
    low_first = walk_of(bars, window, LOW_FIRST, 5.0, SEED, 0)
    cells = 720
    for bar in range(window.last - window.first):
        at = window.first + bar
        for walk, extremes in (
            (high_first, (bars.high[at], bars.low[at])),
            (low_first, (bars.low[at], bars.high[at])),
        ):
            prices = walk.prices[bar * cells : (bar + 1) * cells + 1]
            assert prices[[240, 480, 720]] == pytest.approx([*extremes, bars.close[at]])
            inside = prices[1:]
            assert inside.min() >= bars.low[at] - 1e-9 and inside.max() <= bars.high[at] + 1e-9
    crash = slice(24 * cells, 25 * cells)
    assert high_first.wildness[crash].min() > 10.0 and high_first.falling[crash].all()


def test_every_walk_runs_from_every_start_with_every_position(bars: Bars) -> None:
    window = windows_of(bars, 1)[0]
    walks = tuple(walk_of(bars, window, order, 5.0, SEED, order) for order in (0, 1))
    cases = cases_of(walks)
    assert len(cases) == 2 * STARTS * len(POSITIONS) and len(set(cases)) == len(cases)
    chosen = tuple(cases[i] for i in (0, 1, 2, 23 * 3 + 1, len(cases) - 1))
    held_m = GUARDED.capital_share * CAPITAL_BP_M / 1e4
    replay = Replay(starting(crash_world(RECORDED), held_m), walks, chosen)
    found = simulate(replay, (GUARDED,), len(chosen), SEED)
    assert found.digest == simulate(replay, (GUARDED,), len(chosen), SEED, workers=2).digest
    assert np.all(found.column(Sum.EQUITY_MIN) > 0.7 * CAPITAL_BP_M)
    long, flat, short = found.sums[:3, CrashSum.CLIENT_MAX]
    assert flat < 0.9 * held_m < min(long, short)
    # An hour before the low: the fall lies inside the path, whose first price is its unit.
    assert found.sums[3][Sum.PRICE] < -1_000.0


def test_orders_and_bars_that_cannot_be_walked_are_refused(bars: Bars) -> None:
    window = windows_of(bars, 1)[0]
    with pytest.raises(ValueError, match="order must be"):
        walk_of(bars, window, 2, 5.0, SEED, 0)
    with pytest.raises(ValueError, match="no room for three cells"):
        walk_of(bars, window, HIGH_FIRST, 3_600.0, SEED, 0)
