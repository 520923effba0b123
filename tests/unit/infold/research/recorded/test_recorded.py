# SPDX-License-Identifier: Apache-2.0
"""Readers of recorded files: every layout, every spelling of time, every damage."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from infold.research.faults import DataFault
from infold.research.recorded import (
    Quotes,
    Trades,
    market_of,
    read,
    read_quotes,
    read_trades,
    runs_of,
)

T = 1_723_161_256_322
UM_TRADES = "id,price,qty,quote_qty,time,is_buyer_maker"


def um_rows(times: list[int]) -> list[str]:
    return [
        f"{100 + n},61800.{n},0.5,30900.0,{time},{'true' if n % 2 else 'false'}"
        for n, time in enumerate(times)
    ]


def a_file(folder: Path, name: str, lines: list[str]) -> Path:
    path = folder / name
    path.write_text("\n".join(lines) + "\n")
    return path


LAYOUTS: dict[str, tuple[str, list[str]]] = {
    "futures trades with header": (
        "BTCUSDT-trades-2024-08-08.csv",
        [UM_TRADES, *um_rows([T, T + 1])],
    ),
    "futures trades without header": ("BTCUSDT-trades-2024-08-08.csv", um_rows([T, T + 1])),
    "spot trades without header": (
        "BTCUSDT-trades-2025-01-02.csv",
        [
            f"{n},61800.{n},0.5,30900.0,{(T + n) * 1000 + 7},{'True' if n else 'False'},True"
            for n in range(2)
        ],
    ),
    "spot trades with header": (
        "BTCUSDT-trades-2025-01-02.csv",
        ["id,price,qty,quoteQty,time,isBuyerMaker,isBestMatch"]
        + [f"{n},61800.{n},0.5,30900.0,{T + n},{'True' if n else 'False'},True" for n in range(2)],
    ),
    "futures aggTrades with header": (
        "BTCUSDT-aggTrades-2024-08.csv",
        ["agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker"]
        + [f"{n},61800.{n},0.5,1,2,{T + n},{'true' if n else 'false'}" for n in range(2)],
    ),
    "futures aggTrades without header": (
        "BTCUSDT-aggTrades-2024-08.csv",
        [f"{n},61800.{n},0.5,1,2,{T + n},{'true' if n else 'false'}" for n in range(2)],
    ),
    "spot aggTrades without header": (
        "BTCUSDT-aggTrades-2024-08.csv",
        [
            f"{n},61800.{n},0.5,1,2,{(T + n) * 1000},{'True' if n else 'False'},True"
            for n in range(2)
        ],
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_trade_file_reads_the_same_in_every_layout(tmp_path: Path, layout: str) -> None:
    name, lines = LAYOUTS[layout]
    trades = read_trades(a_file(tmp_path, name, lines))
    assert trades.markets == ("BTCUSDT",)
    assert trades.time_ms.tolist() == [T, T + 1]
    assert trades.side.tolist() == [1, -1], "the aggressor buys unless the buyer was the maker"
    assert trades.price.tolist() == [61800.0, 61800.1]
    assert trades.size.tolist() == [0.5, 0.5]
    assert trades.facts.rows == 2


@pytest.mark.parametrize("scale", [1, 1_000, 1_000_000], ids=["ms", "us", "ns"])
def test_times_are_told_by_their_magnitude(tmp_path: Path, scale: int) -> None:
    lines = um_rows([T * scale, (T + 3) * scale])
    assert read_trades(a_file(tmp_path, "ethusdt.csv", lines)).time_ms.tolist() == [T, T + 3]


def test_archives_read_like_what_they_hold_and_are_hashed_as_stored(tmp_path: Path) -> None:
    plain = a_file(tmp_path, "BTCUSDT-trades.csv", um_rows([T, T + 1]))
    zipped = tmp_path / "BTCUSDT-trades.zip"
    with zipfile.ZipFile(zipped, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(plain, plain.name)
    gzipped = tmp_path / "BTCUSDT-trades.csv.gz"
    gzipped.write_bytes(gzip.compress(plain.read_bytes()))
    for path in (plain, zipped, gzipped):
        trades = read_trades(path)
        assert trades.price.tolist() == [61800.0, 61800.1]
        assert trades.facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_book_tickers_read_as_quotes_with_and_without_header(tmp_path: Path) -> None:
    header = (
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,"
        "transaction_time,event_time"
    )
    rows = [f"{n},100.{n},1,101.{n},2,{T + n},{T + n + 5}" for n in range(2)]
    for lines in ([header, *rows], rows):
        quotes = read_quotes(a_file(tmp_path, "BTCUSDT-bookTicker.csv", lines))
        assert quotes.time_ms.tolist() == [T, T + 1]
        assert quotes.bid.tolist() == [100.0, 100.1] and quotes.ask.tolist() == [101.0, 101.1]


def test_parquet_trades_of_both_years_read_alike(tmp_path: Path) -> None:
    first = tmp_path / "x_usdm_btcusdt_trades.parquet"
    pl.DataFrame(
        {
            "local_ts_ns": [1, 2],
            "trade_ts_ms": [T, T + 1],
            "trade_id": [7, 8],
            "price": [100.0, 101.0],
            "qty": [1.5, 2.5],
            "aggressor": [1, -1],
        }
    ).write_parquet(first)
    second = tmp_path / "y_usdm_btcusdt_trades.parquet"
    pl.DataFrame(
        {
            "ts_ms": [T + 9, T + 9],
            "exch_ts_ms": [T, T + 1],
            "trade_id": ["7", "8"],
            "price": [100.0, 101.0],
            "qty": [1.5, 2.5],
            "side": ["buy", "sell"],
        }
    ).write_parquet(second)
    one, other = read_trades(first), read_trades(second)
    for column in ("time_ms", "side", "price", "size", "record"):
        assert getattr(one, column).tolist() == getattr(other, column).tolist(), column


@pytest.mark.parametrize(
    ("name", "dollars"), [("x_coinm_btcusd_perp_trades", 100.0), ("ETHUSD_PERP-trades", 10.0)]
)
def test_coin_margined_contracts_become_coins(tmp_path: Path, name: str, dollars: float) -> None:
    path = tmp_path / f"{name}.parquet"
    pl.DataFrame(
        {"trade_ts_ms": [T], "trade_id": [1], "price": [2_500.0], "qty": [5.0], "aggressor": [1]}
    ).write_parquet(path)
    assert read_trades(path).size.tolist() == [5.0 * dollars / 2_500.0]


def test_linear_contracts_keep_their_size(tmp_path: Path) -> None:
    path = tmp_path / "x_usdm_ethusdt_trades.parquet"
    pl.DataFrame(
        {"trade_ts_ms": [T], "trade_id": [1], "price": [2_500.0], "qty": [5.0], "aggressor": [1]}
    ).write_parquet(path)
    assert read_trades(path).size.tolist() == [5.0]


def fills(**changes: object) -> pl.DataFrame:
    columns: dict[str, object] = {
        "account": ["0xb", "0xa"],
        "coin": ["ETH", "ETH"],
        "px": [4215.9, 4215.9],
        "sz": [0.5, 0.5],
        "side": [1, -1],
        "time_ms": [T, T],
        "oid": [11, 12],
        "tid": [5, 5],
        "crossed": [True, False],
    }
    return pl.DataFrame(columns | changes)


def test_account_fills_keep_accounts_orders_and_who_crossed(tmp_path: Path) -> None:
    path = tmp_path / "any_name_at_all.parquet"
    fills().write_parquet(path)
    trades = read_trades(path)
    assert trades.markets == ("ETH",) and trades.accounts == ("0xa", "0xb")
    assert trades.account is not None and trades.account.tolist() == [1, 0]
    assert trades.order is not None and trades.order.tolist() == [11, 12]
    assert trades.crossed is not None and trades.crossed.tolist() == [True, False]


def test_quotes_without_exchange_time_take_it_from_the_depth_file_beside_them(
    tmp_path: Path,
) -> None:
    path = tmp_path / "spot_btcusdt_bbo.parquet"
    pl.DataFrame(
        {
            "tx_ts_ms": [None, None],
            "update_id": [10, 15],
            "bid_px": [1.0, 1.1],
            "ask_px": [1.2, 1.3],
        },
        schema_overrides={"tx_ts_ms": pl.Int64},
    ).write_parquet(path)
    with pytest.raises(DataFault, match=r"no exchange time.*spot_btcusdt_l2diff.parquet beside it"):
        read_quotes(path)
    pl.DataFrame({"last_update_id": [10, 20], "tx_ts_ms": [T, T + 100]}).write_parquet(
        tmp_path / "spot_btcusdt_l2diff.parquet"
    )
    assert read_quotes(path).time_ms.tolist() == [T, T + 100]


def test_snapshots_read_as_quotes(tmp_path: Path) -> None:
    path = tmp_path / "spot_btcusdt_l2snap1000.parquet"
    pl.DataFrame(
        {
            "ts_ms": [T + 9],
            "exch_ts_ms": [T],
            "best_bid": [1.0],
            "best_ask": [1.5],
            "bids_px": [[1.0, 0.9]],
        }
    ).write_parquet(path)
    quotes = read_quotes(path)
    assert (quotes.time_ms.tolist(), quotes.bid.tolist(), quotes.ask.tolist()) == (
        [T],
        [1.0],
        [1.5],
    )


# -- damage ------------------------------------------------------------------

Damage = Callable[[list[str]], list[str]]

DAMAGES: dict[str, tuple[Damage, int | None, str]] = {
    "a word for a price": (
        lambda rows: [*rows[:2], rows[2].replace("61800.2", "high"), *rows[3:]],
        3,
        "'high' is not a number",
    ),
    "an empty size": (
        lambda rows: [rows[0], f"101,61800.1,,1,{T + 1},true", *rows[2:]],
        2,
        "the cell is empty",
    ),
    "a NaN": (
        lambda rows: [rows[0], rows[1].replace(",0.5,", ",NaN,"), *rows[2:]],
        2,
        "not a positive number",
    ),
    "an infinite price": (
        lambda rows: [rows[0], rows[1].replace("61800.1", "inf"), *rows[2:]],
        2,
        "not a positive number",
    ),
    "a negative size": (
        lambda rows: [rows[0], rows[1].replace(",0.5,", ",-0.5,"), *rows[2:]],
        2,
        "not a positive number",
    ),
    "a zero price": (
        lambda rows: [rows[0], rows[1].replace("61800.1", "0"), *rows[2:]],
        2,
        "not a positive number",
    ),
    "a strange flag": (
        lambda rows: [rows[0], rows[1].replace("true", "maybe"), *rows[2:]],
        2,
        "neither true nor false",
    ),
    "a cut last row": (lambda rows: [*rows[:-1], rows[-1][:12]], 4, "the cell is empty"),
    "an extra cell": (
        lambda rows: [rows[0], rows[1] + ",9", *rows[2:]],
        2,
        "7 cells where the first line has 6",
    ),
    "a time in seconds": (
        lambda rows: [rows[0], rows[1].replace(str(T + 1), str(T // 1000)), *rows[2:]],
        2,
        "not a time",
    ),
    "rows moved by minutes": (
        lambda rows: [rows[0], rows[1].replace(str(T + 1), str(T + 90_000)), *rows[2:]],
        3,
        "out of order",
    ),
    "a doubled row": (lambda rows: [rows[0], rows[0], *rows[2:]], 2, "the id repeats"),
    "ids that fall": (
        lambda rows: [rows[0], rows[2], rows[1], rows[3]],
        3,
        "lower than the one before",
    ),
}


@pytest.mark.parametrize(
    ("column", "cells"),
    [
        ("price", [[1.0], [2.0]]),
        ("qty", [{"a": 1.0}, {"a": 2.0}]),
        ("qty", [b"1", b"2"]),
        ("aggressor", [[1], [1]]),
        ("trade_ts_ms", [[T], [T]]),
        ("trade_ts_ms", [T + 0.5, T + 1.0]),
        ("trade_id", [1.0, 2.5]),
    ],
)
def test_cells_of_another_kind_are_refused_by_column(
    tmp_path: Path, column: str, cells: list[object]
) -> None:
    columns: dict[str, object] = {
        "trade_ts_ms": [T, T + 1],
        "trade_id": [1, 2],
        "price": [1.0, 1.0],
        "qty": [1.0, 1.0],
        "aggressor": [1, -1],
    }
    path = tmp_path / "x_usdm_btcusdt_trades.parquet"
    pl.DataFrame(columns | {column: cells}).write_parquet(path)
    with pytest.raises(DataFault) as caught:
        read_trades(path)
    assert caught.value.column == column


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    rows = [UM_TRADES.replace("quote_qty", "Price"), *um_rows([T])]
    with pytest.raises(DataFault, match="two columns have this name") as caught:
        read_trades(a_file(tmp_path, "BTCUSDT-trades.csv", rows))
    assert caught.value.column == "price"


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_refused_by_file_row_and_mend(tmp_path: Path, damage: str) -> None:
    spoil, row, problem = DAMAGES[damage]
    path = a_file(tmp_path, "BTCUSDT-trades.csv", spoil(um_rows([T, T + 1, T + 2, T + 3])))
    with pytest.raises(DataFault, match=problem) as caught:
        read(path)
    assert caught.value.row == row
    assert str(path) in str(caught.value) and ";" in str(caught.value), (
        "the message names the file and the mend"
    )


def test_rows_are_counted_with_the_header(tmp_path: Path) -> None:
    rows = um_rows([T, T + 1])
    path = a_file(tmp_path, "BTCUSDT-trades.csv", [UM_TRADES, rows[0], rows[1].replace("0.5", "x")])
    with pytest.raises(DataFault) as caught:
        read(path)
    assert (caught.value.row, caught.value.column) == (3, "qty")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "it is empty"),
        (UM_TRADES.encode() + b"\n", "no rows"),
        (b"a,b,c\n1,2,3\n", "no known layout has the columns a, b, c"),
        (b"\x1f\x8b\x08\x00cut", "the archive is damaged"),
        (b"PK\x03\x04cut", "the archive is damaged"),
        (b"\x00\x01\x02\x03", "neither text"),
    ],
)
def test_files_that_are_no_market_data_are_refused(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "BTCUSDT-trades.csv"
    path.write_bytes(content)
    with pytest.raises(DataFault, match=problem):
        read(path)


def test_a_cut_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x_btcusdt_trades.parquet"
    fills().write_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataFault, match="not a whole Parquet file"):
        read(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match="no such file"):
        read(tmp_path / "BTCUSDT-trades.csv")


def test_a_bid_above_the_ask_is_refused(tmp_path: Path) -> None:
    path = a_file(tmp_path, "BTCUSDT-bookTicker.csv", [f"1,102,1,101,2,{T},{T}"])
    with pytest.raises(DataFault, match="the bid is above the ask"):
        read(path)


def test_trades_are_not_taken_for_quotes_nor_quotes_for_trades(tmp_path: Path) -> None:
    trades = a_file(tmp_path, "BTCUSDT-trades.csv", um_rows([T]))
    quotes = a_file(tmp_path, "BTCUSDT-bookTicker.csv", [f"1,100,1,101,2,{T},{T}"])
    with pytest.raises(DataFault, match="pass it with --quotes"):
        read_trades(quotes)
    with pytest.raises(DataFault, match="pass it without --quotes"):
        read_quotes(trades)


def test_skipped_ids_are_counted_not_refused(tmp_path: Path) -> None:
    rows = um_rows([T, T + 1, T + 2])
    assert read_trades(a_file(tmp_path, "BTCUSDT-trades.csv", [rows[0], rows[2]])).missing_ids == 1


def test_a_second_of_jitter_is_put_in_order(tmp_path: Path) -> None:
    trades = read_trades(a_file(tmp_path, "BTCUSDT-trades.csv", um_rows([T, T + 900, T + 400])))
    assert trades.time_ms.tolist() == [T, T + 400, T + 900]
    assert trades.record.tolist() == [100, 102, 101], "every column moves with its row"


# -- names and runs ----------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "market"),
    [
        ("binance_20240808_usdm_btcusdt_trades.parquet", "BTCUSDT"),
        ("binance_20240808_coinm_ethusd_perp_trades.parquet", "ETHUSD_PERP"),
        ("BTCUSDT-aggTrades-2024-08-08.zip", "BTCUSDT"),
        ("1000PEPEUSDT-trades-2024-08.csv", "1000PEPEUSDT"),
        ("BTCUSD_240927-trades.csv", "BTCUSD_240927"),
        ("ETHBTC-trades.csv.gz", "ETHBTC"),
    ],
)
def test_the_market_is_in_the_file_name(name: str, market: str) -> None:
    assert market_of(Path(name)) == market


def test_a_name_without_a_market_asks_for_one(tmp_path: Path) -> None:
    path = a_file(tmp_path, "dump.csv", um_rows([T]))
    with pytest.raises(DataFault, match="--market NAME=FILE"):
        read(path)
    found = read(path, "BTC-USD")
    assert isinstance(found, Trades) and found.markets == ("BTC-USD",)


def test_files_that_do_not_overlap_are_runs_of_their_own(tmp_path: Path) -> None:
    def trades(name: str, first: int, last: int) -> Trades:
        return read_trades(a_file(tmp_path, name, um_rows([first, last])))

    early = trades("ltcusdt.csv", T, T + 1_000)
    bridge = trades("btcusdt.csv", T + 900, T + 5_000)
    inside = trades("ethusdt.csv", T + 4_000, T + 4_100)
    late = trades("solusdt.csv", T + 5_001, T + 6_000)
    runs = runs_of([late, inside, early, bridge])
    assert [[file.markets[0] for file in run] for run in runs] == [
        ["LTCUSDT", "BTCUSDT", "ETHUSDT"],
        ["SOLUSDT"],
    ]


def test_quotes_are_their_own_kind(tmp_path: Path) -> None:
    assert isinstance(
        read(a_file(tmp_path, "BTCUSDT-bookTicker.csv", [f"1,100,1,101,2,{T},{T}"])), Quotes
    )
