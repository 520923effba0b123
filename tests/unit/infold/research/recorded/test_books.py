# SPDX-License-Identifier: Apache-2.0
"""Books rebuilt from updates and read from snapshots, and every way they can be damaged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infold.research.faults import DataFault
from infold.research.recorded import (
    Books,
    read_bars,
    read_books,
    read_depths,
    read_quotes,
    read_trades,
)

T = 1_723_161_256_000
Row = tuple[int, int, int, int, float, float, bool]  # time, first id, last id, side, price, size

SNAPSHOT: list[Row] = [
    (T, 10, 10, 1, 100.0, 1.0, True),
    (T, 10, 10, 1, 99.0, 2.0, True),
    (T, 10, 10, -1, 101.0, 3.0, True),
    (T, 10, 10, -1, 102.0, 4.0, True),
]
BEFORE: list[Row] = [(T - 9, 7, 8, 1, 100.0, 7.0, False)]
SPANNING: list[Row] = [(T - 1, 9, 11, 1, 100.5, 5.0, False)]
AFTER: list[Row] = [
    (T + 100, 12, 14, 1, 100.5, 0.0, False),
    (T + 100, 12, 14, -1, 101.0, 0.0, False),
    (T + 200, 15, 15, -1, 100.8, 9.0, False),
]
WHOLE = [*BEFORE, *SPANNING, *SNAPSHOT, *AFTER]


def updates(folder: Path, rows: list[Row], name: str = "x_spot_btcusdt_l2diff") -> Path:
    columns = "tx_ts_ms first_update_id last_update_id side price qty is_snapshot".split()
    path = folder / f"{name}.parquet"
    pl.DataFrame(rows, schema=columns, orient="row").write_parquet(path)
    return path


def best(book: Books) -> list[tuple[float, float, float, float]]:
    sides = (book.bid_price, book.bid_size, book.ask_price, book.ask_size)
    return list(zip(*(side[:, 0].tolist() for side in sides), strict=True))


def test_a_book_is_the_snapshot_and_every_update_not_in_it(tmp_path: Path) -> None:
    rows = [row for row in WHOLE if row not in BEFORE]
    book = read_books(updates(tmp_path, rows), levels=2)
    assert best(book) == [
        (100.0, 1.0, 101.0, 3.0),  # the snapshot
        (100.5, 5.0, 101.0, 3.0),  # an update that spans it, recorded before it
        (100.0, 1.0, 102.0, 4.0),  # two levels leave
        (100.0, 1.0, 100.8, 9.0),
    ]
    assert book.time_ms.tolist() == [T - 1, T - 1, T + 100, T + 200]
    assert book.bid_price[3].tolist() == [100.0, 99.0] and book.ask_price[3].tolist() == [
        100.8,
        102,
    ]


def test_a_side_with_fewer_levels_is_filled_with_nothing(tmp_path: Path) -> None:
    book = read_books(updates(tmp_path, SNAPSHOT), levels=3)
    assert np.isnan(book.bid_price[0, 2]) and book.bid_size[0, 2] == 0.0


def test_older_updates_are_in_the_snapshot_and_flagged(tmp_path: Path) -> None:
    book = read_books(updates(tmp_path, WHOLE))
    (flag,) = book.flags
    assert (flag.kind, flag.count, flag.row, flag.time_ms) == ("before_snapshot", 1, 1, T - 9)


def test_a_lost_update_is_refused_with_its_line_and_time(tmp_path: Path) -> None:
    rows = [row for row in WHOLE if row[1] != 12]
    with pytest.raises(DataFault, match=r"missing before it: ids go from 11 to 15") as caught:
        read_books(updates(tmp_path, rows))
    assert caught.value.row == 7 and caught.value.time == "2024-08-08T23:54:16.200Z"


def test_a_snapshot_after_a_hole_starts_the_book_anew(tmp_path: Path) -> None:
    later: list[Row] = [
        (T + 900, 40, 41, 1, 90.0, 1.0, False),  # the new stream begins before its snapshot
        (T + 905, 41, 41, 1, 89.0, 8.0, True),
        (T + 905, 41, 41, -1, 91.0, 8.0, True),
        (T + 950, 42, 42, -1, 90.5, 2.0, False),
    ]
    book = read_books(updates(tmp_path, [*SPANNING, *SNAPSHOT, *AFTER, *later]))
    assert best(book)[-3:] == [
        (89.0, 8.0, 91.0, 8.0),
        (90.0, 1.0, 91.0, 8.0),
        (90.0, 1.0, 90.5, 2.0),
    ]
    assert len(book.time_ms) == 7 and book.flags.count("reconnect") == 1


def test_ids_that_prove_nothing_are_flagged_not_refused(tmp_path: Path) -> None:
    rows: list[Row] = [
        *SNAPSHOT,
        *((T + n, 10 + 9 * n, 12 + 9 * n, 1, 98.0, n, False) for n in (1, 2)),
    ]
    book = read_books(updates(tmp_path, rows))
    assert book.flags.count("unproven") == 1


Damage = Callable[[list[Row]], list[Row]]
DAMAGES: dict[str, tuple[Damage, str]] = {
    "no snapshot": (lambda rows: [row for row in rows if not row[6]], "no snapshot"),
    "a NaN size": (lambda rows: [*rows[:-1], (*rows[-1][:5], float("nan"), False)], "not a size"),
    "a negative size": (lambda rows: [*rows[:-1], (*rows[-1][:5], -1.0, False)], "not a size"),
    "a NaN price": (
        lambda rows: [*rows[:-1], (*rows[-1][:4], float("nan"), 1.0, False)],
        "not a positive number",
    ),
    "a doubled row": (lambda rows: [*rows, rows[-1]], "stands twice"),
    "an update twice": (lambda rows: [*rows, *rows[-3:]], "falls or an update stands twice"),
    "a time that falls": (lambda rows: [*rows[:-1], (T, *rows[-1][1:])], "earlier than"),
    "a crossed book": (
        lambda rows: [*rows[:-1], (T + 200, 15, 15, -1, 99.5, 9.0, False)],
        "the book is crossed",
    ),
    "an empty side": (
        lambda rows: [*rows[:-1], (T + 200, 15, 15, -1, 102.0, 0.0, False)],
        "a side is empty",
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_updates_is_refused(tmp_path: Path, damage: str) -> None:
    spoil, problem = DAMAGES[damage]
    path = updates(tmp_path, spoil(list(WHOLE)))
    with pytest.raises(DataFault, match=problem) as caught:
        read_books(path)
    assert caught.value.row is not None and caught.value.time.startswith("2024-08-08T23:54:1")
    assert str(path) in str(caught.value)


def test_coin_margined_books_are_in_coins(tmp_path: Path) -> None:
    book = read_books(updates(tmp_path, SNAPSHOT, "x_coinm_btcusd_perp_l2diff"))
    assert book.bid_size[0, 0] == 1.0 * 100.0 / 100.0 and book.ask_size[0, 0] == 300.0 / 101.0


# -- the public dump's depth rows ------------------------------------------------------------------

HEADER = "symbol,timestamp,first_update_id,last_update_id,side,update_type,price,qty,pu"


def depth_files(folder: Path, pu: int = 10) -> Path:
    snap = [f"BTCUSDT,{T},10,10,b,snap,100,1,-1", f"BTCUSDT,{T},10,10,a,snap,101,3,-1"]
    sets = [f"BTCUSDT,{T + 5},12,14,b,set,100.5,2,{pu}", f"BTCUSDT,{T + 9},20,21,a,set,101,0,14"]
    sets.append(f"BTCUSDT,{T + 9},20,21,a,set,102,6,14")
    (folder / "BTCUSDT_T_DEPTH_2024-08-08_depth_snap.csv").write_text("\n".join([HEADER, *snap]))
    path = folder / "BTCUSDT_T_DEPTH_2024-08-08_depth_update.csv"
    path.write_text("\n".join([HEADER, *sets]))
    return path


def test_depth_rows_follow_the_snapshot_file_beside_them(tmp_path: Path) -> None:
    book = read_books(depth_files(tmp_path))
    assert best(book) == [(100, 1, 101, 3), (100.5, 2, 101, 3), (100.5, 2, 102, 6)]
    assert book.market == "BTCUSDT" and not book.flags, "pu proves that nothing is missing"


def test_a_broken_chain_of_depth_rows_is_refused_at_its_own_line(tmp_path: Path) -> None:
    path = depth_files(tmp_path)
    path.write_text(path.read_text().replace(",14\n", ",13\n", 1).replace(",0,14", ",0,13"))
    with pytest.raises(DataFault, match="an update is missing before it") as caught:
        read_books(path)
    assert caught.value.row == 3


def test_depth_rows_without_their_snapshot_say_which_file_to_add(tmp_path: Path) -> None:
    path = depth_files(tmp_path)
    path.with_name(path.name.replace("update", "snap")).unlink()
    with pytest.raises(DataFault, match=r"put the snapshot file .*_depth_snap.csv beside it"):
        read_books(path)


# -- snapshots and summed depth --------------------------------------------------------------------


def snapshots(folder: Path, **changes: object) -> Path:
    columns: dict[str, object] = {
        "ts_ms": [T + 5, T + 105],
        "exch_ts_ms": [T, T + 100],
        "seq": [5, 9],
        "best_bid": [100.0, 100.5],
        "best_ask": [101.0, 101.0],
        "bids_px": [[100.0, 99.0], [100.5, 100.0]],
        "bids_qty": [[1.0, 2.0], [3.0, 1.0]],
        "asks_px": [[101.0, 102.0], [101.0, 103.0]],
        "asks_qty": [[5.0, 6.0], [7.0, 8.0]],
        "reconnect_flag": [0, 0],
    }
    path = folder / "x_usdm_btcusdt_l2snap1000.parquet"
    pl.DataFrame(columns | changes).write_parquet(path)
    return path


def test_snapshots_are_books_and_quotes(tmp_path: Path) -> None:
    path = snapshots(tmp_path)
    assert best(read_books(path)) == [(100.0, 1.0, 101.0, 5.0), (100.5, 3.0, 101.0, 7.0)]
    quotes = read_quotes(path)
    assert quotes.bid_size is not None and quotes.bid_size.tolist() == [1.0, 3.0]


@pytest.mark.parametrize(
    ("changes", "problem", "row"),
    [
        ({"bids_px": [[100.0, 99.0], [100.5, 100.6]]}, "out of its side's order", 2),
        ({"asks_px": [[101.0, float("nan")], [101.0, 103.0]]}, "level 1 is no number", 1),
        ({"bids_qty": [[1.0, 2.0], [3.0, -1.0]]}, "level 1 is no number above zero", 2),
        ({"bids_qty": [[1.0, 2.0], [3.0]]}, "differ in number", 2),
        ({"asks_px": [[101.0, 102.0], [100.5, 103.0]], "best_ask": [101.0, 100.5]}, "crossed", 2),
        ({"best_bid": [100.0, 100.4]}, "not the first level's price", 2),
        ({"seq": [9, 5]}, "the sequence number falls", 2),
        ({"exch_ts_ms": [T + 5_000, T]}, "out of order", 2),
    ],
)
def test_damage_to_snapshots_is_refused(
    tmp_path: Path, changes: dict[str, object], problem: str, row: int
) -> None:
    with pytest.raises(DataFault, match=problem) as caught:
        read_books(snapshots(tmp_path, **changes))
    assert caught.value.row == row and caught.value.time


@pytest.mark.parametrize("column", ["bids_px", "bids_qty", "asks_px", "asks_qty"])
@pytest.mark.parametrize("cells", [[1.0, 2.0], [["1.0"], ["2.0"]], ["1", "2"]])
def test_a_side_that_holds_no_lists_of_numbers_is_refused_by_column(
    tmp_path: Path, column: str, cells: list[object]
) -> None:
    path = snapshots(tmp_path, **{column: cells})
    for reader in (read_books, read_quotes):
        if reader is read_quotes and column.endswith("px"):
            continue  # quotes take their prices from best_bid and best_ask
        with pytest.raises(DataFault, match="not lists of numbers") as caught:
            reader(path)
        assert caught.value.column == column


def test_odd_snapshots_are_flagged(tmp_path: Path) -> None:
    path = snapshots(tmp_path, reconnect_flag=[0, 1], seq=[5, 5], exch_ts_ms=[T, T + 9_000])
    assert {flag.kind: flag.count for flag in read_books(path).flags} == {
        "reconnect": 1,
        "repeated_book": 1,
    }, "one silence is its own median step: nothing says that it is long"


def depth_rows(folder: Path, **changes: object) -> Path:
    columns: dict[str, object] = {
        "ts_utc": [T, T + 20_000],
        "best_bid": [100.0, 100.0],
        "best_ask": [101.0, 101.0],
        "best_bid_size": [1.0, 1.0],
        "best_ask_size": [2.0, 2.0],
        "bid_depth_5": [3.0, 3.0],
        "ask_depth_5": [4.0, 4.0],
        "bid_depth_10": [5.0, 5.0],
        "ask_depth_10": [6.0, 6.0],
    }
    path = folder / "x_spot_btcusdt_depth20s.parquet"
    pl.DataFrame(columns | changes).write_parquet(path)
    return path


def test_summed_depth_keeps_its_levels(tmp_path: Path) -> None:
    depths = read_depths(depth_rows(tmp_path))
    assert depths.levels == (1, 5, 10) and depths.ask_depth[0].tolist() == [2.0, 4.0, 6.0]
    with pytest.raises(DataFault, match="fewer levels hold more"):
        read_depths(depth_rows(tmp_path, bid_depth_10=[5.0, 2.0]))
    with pytest.raises(DataFault, match="it has no bid_depth_5"):
        read_depths(without(depth_rows(tmp_path), "bid_depth_5"))


def without(path: Path, column: str) -> Path:
    pl.read_parquet(path).drop(column).write_parquet(path)
    return path


# -- flags of quotes and trades --------------------------------------------------------------------


def test_silences_and_locked_quotes_are_flagged(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-bookTicker.csv"
    times = [T, T + 100, T + 200, T + 300, T + 60_000]
    lines = [f"{n},100,1,{100 if n == 2 else 101},2,{time},{time}" for n, time in enumerate(times)]
    path.write_text("\n".join(lines))
    quotes = read_quotes(path)
    assert [(flag.kind, flag.count, flag.row, flag.time_ms) for flag in quotes.flags] == [
        ("locked", 1, 3, T + 200),
        ("gap", 1, 5, T + 300),
    ]
    assert quotes.bid_size is not None and quotes.bid_size.tolist() == [1.0] * 5
    path.write_text("\n".join([*lines, lines[-1]]))
    with pytest.raises(DataFault, match="the id repeats") as caught:
        read_quotes(path)
    assert caught.value.row == 6


def test_prices_that_lost_their_decimal_point_are_flagged(tmp_path: Path) -> None:
    trades = tmp_path / "BTCUSDT-trades.csv"
    trades.write_text("".join(f"{n},{p},1,1,{T + n},true\n" for n, p in enumerate([99, 9900, 100])))
    quotes = tmp_path / "BTCUSDT-bookTicker.csv"
    quotes.write_text(f"1,100,1,101,1,{T},{T}\n2,10000,1,10100,1,{T + 1},{T + 1}\n")
    bars = tmp_path / "BTCUSDT-1m.csv"
    rows = [(100, 101, 99, 100), (100, 10_100, 99, 100), (100, 101, 99, 100), (999, 999, 990, 995)]
    text = (f"{T + 60_000 * n},{o},{h},{low},{c}\n" for n, (o, h, low, c) in enumerate(rows))
    bars.write_text("open_time,open,high,low,close\n" + "".join(text))
    (drawn,) = read_bars(bars)
    for stream, count, row, time_ms in (
        (read_trades(trades), 2, 2, T + 1),
        (read_quotes(quotes), 1, 2, T + 1),
        (drawn, 2, 3, T + 60_000),
    ):
        (leap,) = (flag for flag in stream.flags if flag.kind == "leap")
        assert (leap.count, leap.row, leap.time_ms) == (count, row, time_ms)


def test_jitter_and_missing_ids_of_trades_are_flagged(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-trades.csv"
    path.write_text(f"1,100,1,100,{T + 900},true\n4,100,1,100,{T},true\n")
    flags = read_trades(path).flags
    assert (flags.count("disorder"), flags.count("missing_id")) == (1, 2)
    with pytest.raises(KeyError):
        flags.count("nonsense")
    assert "row 2" in str(next(iter(flags)))
