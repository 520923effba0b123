# SPDX-License-Identifier: Apache-2.0
"""Bars of every layout, what is odd and what is refused, and the variances they realise."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infold.research.faults import DataFault
from infold.research.recorded import Bars, FileFacts, read, read_bars
from infold.research.volatility import contest, realised

T = 1_700_000_000_000 // 86_400_000 * 86_400_000  # midnight
HOUR = 3_600_000


def bars_file(folder: Path, count: int = 4, **changes: object) -> Path:
    """Hourly bars of one market, each closing where the next opens."""
    columns: dict[str, object] = {
        "ts_utc": [T + HOUR * n for n in range(count)],
        "open": [100.0 + n for n in range(count)],
        "high": [102.0 + n for n in range(count)],
        "low": [99.0 + n for n in range(count)],
        "close": [101.0 + n for n in range(count)],
    }
    path = folder / "x_btcusdt_1h.parquet"
    pl.DataFrame(columns | changes).write_parquet(path)
    return path


def test_bars_read_in_order_with_their_length(tmp_path: Path) -> None:
    (bars,) = read_bars(bars_file(tmp_path))
    assert (bars.market, bars.step_ms, bars.span_ms) == ("BTCUSDT", HOUR, (T, T + 3 * HOUR))
    assert bars.close.tolist() == [101.0, 102.0, 103.0, 104.0] and not bars.flags
    assert bars.runs() == [slice(0, 4)]


def test_a_file_of_several_symbols_is_several_markets(tmp_path: Path) -> None:
    path = bars_file(
        tmp_path, symbol=["ETHUSDT", "ETHUSDT", "BTCUSDT", "BTCUSDT"],
        ts_utc=[T, T + HOUR, T, T + HOUR],
    )  # fmt: skip
    btc, eth = read_bars(path)
    assert (btc.market, eth.market) == ("BTCUSDT", "ETHUSDT")
    assert btc.open.tolist() == [102.0, 103.0] and eth.open.tolist() == [100.0, 101.0]


@pytest.mark.parametrize("header", [True, False])
def test_kline_dumps_read_with_and_without_a_header(tmp_path: Path, header: bool) -> None:
    names = (
        "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,"
        "taker_buy_quote_volume,ignore"
    )
    rows = [
        f"{T + 60_000 * n},100,101,99,100.5,7,{T + 60_000 * n + 59_999},700,5,3,300,0"
        for n in range(3)
    ]
    path = tmp_path / "BTCUSDT-1m-2024-08.csv"
    path.write_text("\n".join([names, *rows] if header else rows))
    (bars,) = read_bars(path)
    assert (bars.market, bars.step_ms, len(bars.close)) == ("BTCUSDT", 60_000, 3)
    assert (bars.high[0], bars.low[0], bars.close[0]) == (101.0, 99.0, 100.5)


def test_missing_bars_are_flagged_and_cut_the_runs(tmp_path: Path) -> None:
    path = bars_file(tmp_path, ts_utc=[T, T + HOUR, T + 4 * HOUR, T + 5 * HOUR])
    (bars,) = read_bars(path)
    (flag,) = bars.flags
    assert (flag.kind, flag.count, flag.row, flag.time_ms) == ("gap", 1, 3, T + 4 * HOUR)
    assert bars.runs() == [slice(0, 2), slice(2, 4)]


def test_a_bar_that_closed_outside_its_range_is_flagged(tmp_path: Path) -> None:
    (bars,) = read_bars(bars_file(tmp_path, high=[102.0, 101.5, 104.0, 105.0]))
    (flag,) = bars.flags
    assert (flag.kind, flag.count, flag.row) == ("crooked_bar", 1, 2)


@pytest.mark.parametrize(
    ("changes", "problem", "row"),
    [
        ({"ts_utc": [T, T + HOUR, T + HOUR, T + 2 * HOUR]}, "the bar stands twice", 3),
        ({"ts_utc": [T, T + 2 * HOUR, T + HOUR, T + 3 * HOUR]}, "earlier than the bar before", 3),
        (
            {"ts_utc": [T, T + HOUR, T + 2 * HOUR, T + 2 * HOUR + 5]},
            "5 ms after the bar before, where bars last 3600000 ms",
            4,
        ),
        ({"close": [101.0, None, 103.0, 104.0]}, "the cell is empty", 2),
        ({"low": [99.0, 100.0, math.nan, 102.0]}, "not a positive number", 3),
    ],
)
def test_damage_to_bars_is_refused_with_its_row_and_time(
    tmp_path: Path, changes: dict[str, object], problem: str, row: int
) -> None:
    with pytest.raises(DataFault, match=problem) as caught:
        read_bars(bars_file(tmp_path, **changes))
    assert caught.value.row == row and caught.value.time.startswith("2023-11-14T")


def test_one_bar_is_none_and_other_layouts_say_what_bars_need(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match="one bar of BTCUSDT"):
        read_bars(bars_file(tmp_path, 1))
    path = tmp_path / "btcusdt.csv"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataFault, match="bars need ts_utc or open_time"):
        read_bars(path)
    with pytest.raises(DataFault, match="it holds bars, not trades or quotes"):
        read(bars_file(tmp_path))


# -- variances -------------------------------------------------------------------------------------


def quarters(count: int, left_out: tuple[int, ...] = (), still: tuple[int, ...] = ()) -> Bars:
    """Quarter-hour bars of a walk whose volatility wanders; some missing, some hours at rest."""
    rng = np.random.default_rng(5)
    level = np.cumsum(rng.standard_normal(count)) * 0.05
    level -= np.linspace(0.0, level[-1], count)
    spread = 0.002 * np.exp(level)
    close = 100.0 * np.exp(np.cumsum(spread * rng.standard_normal(count)))
    opened = np.concatenate([[100.0], close[:-1]])
    high = np.maximum(opened, close) * np.exp(spread * 0.5)
    low = np.minimum(opened, close) * np.exp(-spread * 0.5)
    for place in still:
        for column in (opened, high, low, close):
            column[4 * place : 4 * place + 4] = 100.0
    kept = np.setdiff1d(np.arange(count), left_out)
    times = T + 900_000 * np.arange(count)
    return Bars(
        FileFacts("x", len(kept), ""),
        "BTCUSDT",
        900_000,
        times[kept],
        *(column[kept] for column in (opened, high, low, close)),
    )


def test_periods_that_lack_a_bar_or_a_move_are_left_out_and_counted() -> None:
    whole = realised(quarters(400))
    cut = realised(quarters(400, left_out=(9,), still=(30,)))
    assert whole is not None and cut is not None
    assert (whole.period_s, len(whole.variances_bp2), whole.left_out) == (3_600, 100, 0)
    assert (len(cut.variances_bp2), cut.left_out) == (98, 2)
    kept = np.setdiff1d(np.arange(100), [2, 30])
    assert cut.variances_bp2 == pytest.approx(whole.variances_bp2[kept])


def test_har_is_held_against_the_average_period_by_period() -> None:
    found = realised(quarters(4_000))
    assert found is not None
    outcome = contest(found)
    assert outcome is not None
    assert len(outcome.har_losses) == len(outcome.average_losses) == 1_000 - 333
    saved = 1.0 - outcome.har_losses.mean() / outcome.average_losses.mean()
    assert outcome.gain == pytest.approx(saved) and outcome.gain > 0.0
    assert 0.0 < outcome.p_value < 0.5 and outcome.r_squared > 0.5


def test_too_few_periods_or_bars_too_long_decide_nothing() -> None:
    few = realised(quarters(400))
    assert few is not None and contest(few) is None
    ones, times = np.ones(3), T + 7 * 24 * HOUR * np.arange(3)
    weeks = Bars(FileFacts("x", 3, ""), "BTCUSDT", 7 * 24 * HOUR, times, ones, ones, ones, ones)
    assert realised(weeks) is None
