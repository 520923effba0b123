# SPDX-License-Identifier: Apache-2.0
"""The crash figures: every class and the recorded markets, with intervals, from a seed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infold.bench.dealer import crash
from infold.bench.dealer.figures import Bench
from infold.errors import Misconfigured
from infold.research.simulation.crash.events import EVENTS, FLASH

OPEN_TO_CLOSE = ("open", "high", "low", "close")


def a_bench(data: Path | None, said: list[str]) -> Bench:
    return Bench(seed=3, workers=1, data=data, say=said.append)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATHS", "CAPPED_PATHS", "CALM_PATHS", "TOLERANT_PATHS"):
        monkeypatch.setattr(crash, name, 4)
    monkeypatch.setattr(crash, "EVENTS", (FLASH,))


def some_data(root: Path) -> Path:
    """A folder with one file of bars, named like nothing known, and one of something else."""
    folder = root / "ohlcv"
    folder.mkdir()
    count, at = 60, 36
    price = np.where(np.arange(count) < at, 100.0, 70.0)
    opens = np.concatenate([[100.0], price[:-1]])
    pl.DataFrame(
        {
            "ts_utc": pl.Series(np.arange(count) * 3_600_000 + 1_700_000_000_000).cast(
                pl.Datetime("ms")
            ),
            "open": opens,
            "high": np.maximum(opens, price) * 1.002,
            "low": np.minimum(opens, price) * 0.998,
            "close": price,
        }
    ).write_parquet(folder / "unheard_of.parquet")
    week = [1_700_000_000_000 + i * 604_800_000 for i in range(9)]
    pl.DataFrame(
        {"open_time": week, **{name: [9.0 - i for i in range(9)] for name in OPEN_TO_CLOSE}}
    ).write_parquet(folder / "weeks_btcusdt.parquet")
    (folder / "more").mkdir()
    pl.DataFrame({"ts_utc": [1], "close": [2.0]}).write_parquet(folder / "closes_only.parquet")
    return root


@pytest.mark.usefixtures("small")
def test_a_class_has_its_figures_and_recorded_bars_are_found_by_their_layout(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    figures = {figure.id: figure for figure in crash.run(a_bench(some_data(tmp_path), said))}
    for name in ("insolvent", "two_sided", "elastic_volume", "spread_times", "shortfall"):
        assert figures[f"crash.flash.{name}"].limit is not None
    assert figures["crash.recorded.runs"].value == 2 * 24 * 3
    assert figures["crash.recorded.insolvent"].ok
    assert any("closes_only" in line for line in said)
    assert any("weeks_btcusdt" in line and "604800000 ms" in line for line in said)
    for figure in figures.values():
        assert figure.low <= figure.value <= figure.high, figure


@pytest.mark.usefixtures("small")
def test_a_folder_without_bars_is_a_fault_of_the_environment(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="no bars"):
        crash.run(a_bench(tmp_path, []))


def test_the_group_knows_six_classes() -> None:
    assert len(EVENTS) == 6 and len({event.name for event in EVENTS}) == 6


def test_cvar_is_the_mean_of_the_worst_hundredth() -> None:
    losses = np.arange(1_000.0)
    np.random.Generator(np.random.PCG64(1)).shuffle(losses)
    assert crash._cvar(losses) == np.arange(990.0, 1_000.0).mean()


def test_a_count_has_the_exact_interval() -> None:
    none = crash._count(np.zeros(10_000))
    assert none.value == 0.0 and none.low == 0.0
    assert none.high == pytest.approx(10_000 * (1.0 - 0.025 ** (1.0 / 10_000)))
    assert crash._count(np.ones(10)).high == 10.0
