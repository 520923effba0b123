# SPDX-License-Identifier: Apache-2.0
"""Which layout a table has, told by the names of its columns or by their shape."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import polars as pl

from infold.research.recorded.quotes import quotes_2024, quotes_at
from infold.research.recorded.sheet import Sheet
from infold.research.recorded.snapshots import quotes_of_snapshots
from infold.research.recorded.streams import Quotes, Trades
from infold.research.recorded.trades import account_fills, trades_2024, trades_2026, trades_csv

Layout = Callable[[Sheet], Trades | Quotes]


def _book_ticker(time: str) -> Layout:
    return quotes_at(time, "best_bid_price", "best_ask_price", "best_bid_qty", "best_ask_qty")


_NAMED: tuple[tuple[frozenset[str], Layout], ...] = tuple(
    (frozenset(columns.split()), layout)
    for columns, layout in (
        ("account coin px sz side time_ms oid crossed", account_fills("oid", "time_ms")),
        (
            "account coin px sz side ts_utc_minute order_id crossed",
            account_fills("order_id", "ts_utc_minute"),
        ),
        ("trade_ts_ms price qty aggressor", trades_2024),
        ("exch_ts_ms price qty side", trades_2026),
        ("tx_ts_ms update_id bid_px ask_px", quotes_2024),
        ("exch_ts_ms best_bid best_ask", quotes_of_snapshots),
        (
            "ts_utc best_bid best_ask",
            quotes_at("ts_utc", "best_bid", "best_ask", "best_bid_size", "best_ask_size"),
        ),
        ("best_bid_price best_ask_price transaction_time", _book_ticker("transaction_time")),
        ("best_bid_price best_ask_price event_time", _book_ticker("event_time")),
        (
            "agg_trade_id price quantity transact_time is_buyer_maker",
            trades_csv("price", "quantity", "transact_time", "is_buyer_maker", "agg_trade_id"),
        ),
        (
            "id price qty time is_buyer_maker",
            trades_csv("price", "qty", "time", "is_buyer_maker", "id"),
        ),
        (
            "id price qty time isbuyermaker",
            trades_csv("price", "qty", "time", "isbuyermaker", "id"),
        ),
        (
            "aggtradeid price quantity timestamp isbuyermaker",
            trades_csv("price", "quantity", "timestamp", "isbuyermaker", "aggtradeid"),
        ),
        ("a p q t m", trades_csv("p", "q", "t", "m", "a")),
    )
)


def named_layout(columns: Iterable[str]) -> Layout | None:
    present = set(columns)
    return next((layout for needed, layout in _NAMED if needed <= present), None)


def numbered_layout(frame: pl.DataFrame) -> Layout | None:
    """The layout of a CSV without a header, told by its width and where true and false stand."""
    names = frame.columns
    if frame.height == 0:
        return None
    flags = [_is_flag(frame[name][0]) for name in names]
    times = [_is_time(frame[name][0]) for name in names]
    shape = (len(names), tuple(i for i, flag in enumerate(flags) if flag))
    columns = {
        (6, (5,)): (1, 2, 4, 5),  # futures trades
        (7, (5, 6)): (1, 2, 4, 5),  # spot trades
        (7, (6,)): (1, 2, 5, 6),  # futures aggTrades
        (8, (6, 7)): (1, 2, 5, 6),  # spot aggTrades
    }.get(shape)
    if columns is not None and times[columns[2]]:
        price, size, time, maker = (names[i] for i in columns)
        return trades_csv(price, size, time, maker, names[0])
    if shape == (7, ()) and times[5]:
        return quotes_at(names[5], names[1], names[3], names[2], names[4], names[0])
    return None


def _is_flag(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip().lower() in ("true", "false")


def _is_time(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip().isdigit() and 12 <= len(cell.strip()) <= 19
