# SPDX-License-Identifier: Apache-2.0
"""Records found by their layout: paired, named, and damage never passed over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.support.recorded_market import BEGIN_MS, invented, quotes_of, write_recording

from infold.research.faults import DataFault
from infold.research.microstructure.recordings import discover, kind_of, mids


def test_a_recording_pairs_quotes_trades_and_books_of_one_market_and_kind(tmp_path: Path) -> None:
    found = invented(20)
    (tmp_path / "deep").mkdir()
    write_recording(tmp_path / "deep", found)
    write_recording(tmp_path, found, "spot_btcusdt")
    recordings = {recording.name: recording for recording in discover(tmp_path).recordings}
    assert sorted(recordings) == ["2024-08-08.spot.BTCUSDT", "2024-08-08.usdm.BTCUSDT"]
    usdm = recordings["2024-08-08.usdm.BTCUSDT"]
    assert usdm.trades is not None and "usdm" in usdm.trades.facts.path
    assert [path.parent.name for path in usdm.books] == ["deep"]
    assert usdm.fine_enough(1_000) and not usdm.fine_enough(300)
    book = usdm.book(3)
    assert book is not None and book.bid_price.shape == (200, 3)


def test_two_records_of_one_day_and_market_have_two_names(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_recording(tmp_path / folder, invented(20))
    found = discover(tmp_path)
    assert [recording.name for recording in found.recordings] == [
        "2024-08-08.usdm.BTCUSDT",
        "2024-08-08.usdm.BTCUSDT.2",
    ]
    tapes = {id(recording.trades) for recording in found.recordings}
    assert len(tapes) == 2, "each has trades of its own"


def test_trades_without_quotes_bars_and_fills_are_kept_apart(tmp_path: Path) -> None:
    books, _ = write_recording(tmp_path, invented(20))
    books.unlink()
    (tmp_path / "BTCUSDT-1m.csv").write_text(
        "\n".join(
            f"{BEGIN_MS + 60_000 * n},1,2,1,2,7,{BEGIN_MS + 60_000 * n + 59_999},7,5,3,3,0"
            for n in range(3)
        )
    )
    fills = {"account": ["x", "y"], "coin": ["BTC"] * 2, "px": [1.0, 1.0], "sz": [1.0, 1.0]}
    more = {"side": ["B", "A"], "time_ms": [BEGIN_MS] * 2, "oid": [1, 2], "crossed": [True, False]}
    pl.DataFrame(fills | more).write_parquet(tmp_path / "fills.parquet")
    found = discover(tmp_path)
    assert not found.recordings and len(found.tapes) == 1
    assert [bars.market for bars in found.bars] == ["BTCUSDT"]
    assert [flow.accounts for flow in found.flows] == [("x", "y")]


def test_other_layouts_are_passed_over_by_name_and_damage_is_a_fault(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "else.parquet")
    (tmp_path / "notes.txt").write_text("not data")
    (tmp_path / "raw.gz").write_bytes(b"\x1f\x8bnot an archive")
    assert discover(tmp_path).passed_over == ("else.parquet", "raw.gz")
    _, trades = write_recording(tmp_path, invented(20))
    frame = pl.read_parquet(trades)
    frame.with_columns(price=pl.lit(float("nan"))).write_parquet(trades)
    with pytest.raises(DataFault, match="not a positive number") as caught:
        discover(tmp_path)
    assert caught.value.row == 1 and caught.value.time.startswith("2024-08-08")


def test_a_parquet_file_cut_short_is_a_fault(tmp_path: Path) -> None:
    _, trades = write_recording(tmp_path, invented(20))
    trades.write_bytes(trades.read_bytes()[:-40])
    with pytest.raises(DataFault, match="not a whole Parquet file"):
        discover(tmp_path)


def test_a_market_no_name_tells_is_called_by_its_file(tmp_path: Path) -> None:
    path, _ = write_recording(tmp_path, invented(20))
    path.rename(tmp_path / "mystery_l2snap1000.parquet")
    (recording,) = discover(tmp_path).recordings
    assert recording.market == "MYSTERY_L2SNAP1000" and recording.kind == ""


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("binance_20240808_usdm_btcusdt_bbo.parquet", "usdm"),
        ("BTCUSD_PERP-cm-bookTicker.csv", "coinm"),
        ("spot-btcusdt.csv", "spot"),
        ("BTCUSDT-bookTicker-2024.csv", ""),
    ],
)
def test_a_kind_is_a_word_of_the_name(name: str, kind: str) -> None:
    assert kind_of(Path(name)) == kind


def test_a_mid_is_the_last_quote_at_or_before() -> None:
    quotes = quotes_of(invented(20))
    asked = np.array([BEGIN_MS - 1, BEGIN_MS, BEGIN_MS + 99, BEGIN_MS + 100])
    middle = (quotes.bid + quotes.ask) / 2.0
    assert np.isnan(mids(quotes, asked)[0])
    assert mids(quotes, asked)[1:].tolist() == [middle[0], middle[0], middle[1]]
