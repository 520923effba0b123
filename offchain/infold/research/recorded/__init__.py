# SPDX-License-Identifier: Apache-2.0
"""Readers of recorded markets: files of trades, quotes and books, one typed stream out.

A file's layout is told by its columns, never by its name; its market is told by its name, never by
its content (unless each row carries a coin). What a file says is checked once, here: after ``read``
every time is an integer number of milliseconds in order, every price and size is finite and
positive, and every size is in base units (coin-margined contracts are converted). Whatever is wrong
raises ``DataFault``, which names the file, the row, its time, the column and what to do; whatever
is odd but readable is counted in the stream's ``flags``.

Layouts (sources: the public dumps' own documentation and the README of the data set):

=====================  ==========================================================================
trades CSV             id, price, qty, quote or base qty, time, buyer is maker[, best match]
aggTrades CSV          id, price, qty, first id, last id, time, buyer is maker[, best match]
bookTicker CSV         update id, bid, bid qty, ask, ask qty, transaction time, event time
Parquet trades         ``trade_ts_ms, price, qty, aggressor`` or ``exch_ts_ms, price, qty, side``
Parquet quotes         ``tx_ts_ms, bid_px, ask_px`` or ``exch_ts_ms, best_bid, best_ask``
Parquet books          ``tx_ts_ms, first_update_id, last_update_id, side, price, qty,
                       is_snapshot`` (rebuilt) or ``exch_ts_ms, bids_px, bids_qty, ...`` (whole)
Parquet summed depth   ``ts_utc, best_bid, best_ask, best_bid_size, bid_depth_5, ...``
depth CSV              ``timestamp, first_update_id, last_update_id, side, update_type, price,
                       qty[, pu]``: updates, their snapshot in the file ``..._depth_snap`` beside
Parquet account fills  ``time_ms, account, coin, px, sz, side, oid, crossed``
bars                   ``ts_utc`` or ``open_time``, ``open, high, low, close[, symbol]``, or a kline
                       dump's twelve columns without a header
=====================  ==========================================================================
"""

from __future__ import annotations

from infold.research.recorded.flags import Flag, Flags
from infold.research.recorded.names import contract_usd, is_coin_margined, market_of
from infold.research.recorded.readers import (
    holds_books,
    read,
    read_bars,
    read_books,
    read_depths,
    read_quotes,
    read_trades,
    runs_of,
    span_of_books,
    stream_of,
)
from infold.research.recorded.streams import (
    Bars,
    Books,
    Depths,
    FileFacts,
    Floats,
    Integers,
    Quotes,
    Trades,
)

__all__ = [
    "Bars",
    "Books",
    "Depths",
    "FileFacts",
    "Flag",
    "Flags",
    "Floats",
    "Integers",
    "Quotes",
    "Trades",
    "contract_usd",
    "holds_books",
    "is_coin_margined",
    "market_of",
    "read",
    "read_bars",
    "read_books",
    "read_depths",
    "read_quotes",
    "read_trades",
    "runs_of",
    "span_of_books",
    "stream_of",
]
