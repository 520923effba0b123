# SPDX-License-Identifier: Apache-2.0
"""The recorded group on invented records: all measured, known ones held to their values."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.recorded_market import BEGIN_MS, invented, write_recording

from infold.bench.dealer.figures import Bench, Figure
from infold.bench.dealer.recorded import run
from infold.bench.dealer.recorded_targets import RECORDINGS, TOLERANCE, target
from infold.errors import Misconfigured

DAY_MS = 86_400_000


def bench(folder: Path | None, said: list[str] | None = None) -> Bench:
    return Bench(seed=1, workers=1, data=folder, say=(said if said is not None else []).append)


def write_fills(folder: Path, begin_ms: int, count: int = 120) -> None:
    rng = np.random.default_rng(1)
    pl.DataFrame(
        {
            "account": [f"0x{n % 7}" for n in range(count)],
            "coin": ["BTC" if n % 3 else "ETH" for n in range(count)],
            "px": np.full(count, 100.0),
            "sz": np.full(count, 20.0),
            "side": rng.choice(["B", "A"], count),
            "time_ms": begin_ms + 101 * np.arange(count),
            "oid": np.arange(count),
            "crossed": np.ones(count, dtype=bool),
        }
    ).write_parquet(folder / "fills.parquet")


def write_bars(folder: Path, count: int = 2_400) -> None:
    """Quarter hours whose volatility wanders slowly: something HAR can know."""
    rng = np.random.default_rng(2)
    level = np.zeros(count)
    for place in range(1, count):
        level[place] = 0.99 * level[place - 1] + 0.1 * rng.standard_normal()
    spread = 0.002 * np.exp(level)
    path = np.cumsum(spread[:, None] * rng.standard_normal((count, 20)) / math.sqrt(20.0))
    price = 100.0 * np.exp(path.reshape(count, 20))
    opened = np.concatenate([[100.0], price[:-1, -1]])
    pl.DataFrame(
        {
            "ts_utc": BEGIN_MS // DAY_MS * DAY_MS + 900_000 * np.arange(count),
            "symbol": ["BTCUSDT"] * count,
            "open": opened,
            "high": np.maximum(price.max(axis=1), opened),
            "low": np.minimum(price.min(axis=1), opened),
            "close": price[:, -1],
        }
    ).write_parquet(folder / "bars.parquet")


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Figure]:
    folder = tmp_path_factory.mktemp("records")
    for days, place in ((0, "first"), (3, "later")):
        (folder / place).mkdir()
        found = invented(300, seed=days + 1, begin_ms=BEGIN_MS + days * DAY_MS)
        write_recording(folder / place, found)
    write_fills(folder, BEGIN_MS + DAY_MS)
    write_bars(folder)
    return {figure.id: figure for figure in run(bench(folder))}


FIRST, LATER, FILLS = "2024-08-08.usdm.BTCUSDT", "2024-08-11.usdm.BTCUSDT", "2024-08-09.accounts"


def test_every_record_is_measured_by_every_means_it_allows(figures: dict[str, Figure]) -> None:
    for record in (FIRST, LATER):
        for measure in ("r2_1s", "r2_1s_out", "r2_10s", "predicted_1s", "predicted_10s",
                        "shifted_1s", "trade_imbalance_1s", "crossable_1000ms", "crossed",
                        "warehoused", "hedged", "takers_paid_bp", "won",
                        "outside_residual_bp_book"):  # fmt: skip
            assert f"recorded.{measure}.{record}" in figures
    for measure in ("crossable_250ms", "between_accounts_1000ms", "crossed",
                    "outside_residual_bp_estimated"):  # fmt: skip
        assert f"recorded.{measure}.{FILLS}" in figures
    assert f"recorded.crossable_1000ms.{FILLS}.BTC" in figures
    assert "recorded.har_gain.BTCUSDT.2024-08-08.15m" in figures
    assert all(figure.id.startswith("recorded.") for figure in figures.values())


def test_a_later_day_is_scored_by_the_first_days_fit_and_not_the_other_way(
    figures: dict[str, Figure],
) -> None:
    assert f"recorded.carried_1s.{LATER}" in figures
    assert f"recorded.carried_1s.{FIRST}" not in figures


def test_a_record_with_a_known_value_is_held_to_it_and_others_are_reported(
    figures: dict[str, Figure],
) -> None:
    """The first invented recording bears a known record's name, and is not that record."""
    known, other = figures[f"recorded.r2_1s.{FIRST}"], figures[f"recorded.r2_1s.{LATER}"]
    assert known.limit == RECORDINGS[FIRST]["r2_1s"] and known.ok == (
        abs(known.value - known.limit) <= TOLERANCE
    )
    assert not known.ok, "an invented market explains far more"
    assert other.limit is None and other.ok


def test_shares_add_up_and_intervals_hold_their_values(figures: dict[str, Figure]) -> None:
    for record in (FIRST, LATER, FILLS):
        parts = [
            figures[f"recorded.{name}.{record}"] for name in ("crossed", "warehoused", "hedged")
        ]
        assert sum(part.value for part in parts) == pytest.approx(1.0)
        assert all(part.low <= part.value <= part.high for part in parts)


def test_ten_seconds_ahead_nothing_is_claimed(figures: dict[str, Figure]) -> None:
    claims = figures["recorded.claims_10s"]
    assert claims.limit == 0.0 and claims.value == 0.0 and claims.ok


def test_bars_are_forecast_better_than_by_an_average(figures: dict[str, Figure]) -> None:
    gain = figures["recorded.har_gain.BTCUSDT.2024-08-08.15m"]
    assert gain.limit == 0.05 and gain.low <= gain.value <= gain.high and gain.paths >= 300


def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    write_fills(tmp_path, BEGIN_MS)
    once, again = (
        [(figure.id, figure.value, figure.low, figure.high) for figure in run(bench(tmp_path))]
        for _ in range(2)
    )
    assert once == again


def test_a_clock_too_coarse_for_a_window_is_left_out_and_said(tmp_path: Path) -> None:
    write_fills(tmp_path, BEGIN_MS)
    path = tmp_path / "fills.parquet"
    frame = pl.read_parquet(path)
    frame.with_columns(time_ms=pl.col("time_ms") // 1_000 * 1_000).write_parquet(path)
    said: list[str] = []
    found = {figure.id for figure in run(bench(tmp_path, said))}
    assert "recorded.crossable_2000ms.2024-08-08.accounts" in found
    assert "recorded.crossable_1000ms.2024-08-08.accounts" not in found
    assert any("its clock is too coarse to be served" in line for line in said)


def test_a_folder_without_records_is_refused_and_other_files_are_named(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "else.parquet")
    said: list[str] = []
    with pytest.raises(Misconfigured, match="no quotes, trades, fills or bars"):
        run(bench(tmp_path, said))
    assert said == ["passed over, of no layout we know: else.parquet"]
    with pytest.raises(Misconfigured, match="set INFOLD_DATA"):
        run(bench(None))


def test_known_values_are_looked_up_by_record_and_measure() -> None:
    assert target("2024-08-08.spot.ETHUSDT", "r2_10s") == 0.860
    assert target("2024-08-08.spot.ETHUSDT", "else") is None and target("else", "r2_10s") is None


def test_records_too_small_for_a_measure_are_passed_over_and_said(tmp_path: Path) -> None:
    """Short, one-sided and traderless records next to each other: no fault, no made-up figure."""
    (tmp_path / "short").mkdir()
    write_recording(tmp_path / "short", invented(15), "usdm_bnbusdt")
    _, trades = write_recording(tmp_path, invented(300), "usdm_ethusdt")
    frame = pl.read_parquet(trades)
    frame.filter(pl.col("exch_ts_ms") < BEGIN_MS + 100_000).write_parquet(trades)
    write_fills(tmp_path, BEGIN_MS)
    fills = pl.read_parquet(tmp_path / "fills.parquet")
    fills.with_columns(crossed=pl.lit(False)).write_parquet(tmp_path / "fills.parquet")
    said: list[str] = []
    found = {figure.id for figure in run(bench(tmp_path, said))}
    eth, bnb = "2024-08-08.usdm.ETHUSDT", "2024-08-08.usdm.BNBUSDT"
    assert f"recorded.r2_1s.{eth}" in found and f"recorded.crossed.{eth}" not in found
    assert f"recorded.r2_1s.{bnb}" not in found
    for reason in ("no trades in its second half", "too coarse, short or still", "no taker trade",
                   "too few for volatility_bp"):  # fmt: skip
        assert any(reason in line for line in said), reason


def test_books_without_quotes_stand_for_them(tmp_path: Path) -> None:
    """Updates of a book alone are a recording: their best level is its quotes."""
    found = invented(60)
    half, count = 0.25, len(found.mid)
    ids = np.arange(1, count + 1)
    columns = "tx_ts_ms first_update_id last_update_id side price qty is_snapshot".split()
    rows: list[tuple[int, int, int, int, float, float, bool]] = []
    for place in range(count):
        time, key, shot = int(found.time_ms[place]), int(ids[place]), place == 0
        if place and found.mid[place] != (before := found.mid[place - 1]):
            rows += [(time, key, key, s, before - s * half, 0.0, False) for s in (1, -1)]
        rows.append((time, key, key, 1, found.mid[place] - half, found.bid_size[place], shot))
        rows.append((time, key, key, -1, found.mid[place] + half, found.ask_size[place], shot))
    path = tmp_path / "x_usdm_btcusdt_l2diff.parquet"
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(path)
    names = {figure.id for figure in run(bench(tmp_path))}
    assert f"recorded.r2_1s.{FIRST}" in names
