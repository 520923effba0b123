# SPDX-License-Identifier: Apache-2.0
"""Readers of recorded markets: trade files and quote files, one typed stream out.

A file's layout is told by its columns, never by its name; its market is told by its name, never by
its content (unless each row carries a coin). What a file says is checked once, here: after ``read``
every time is an integer number of milliseconds in order, every price and size is finite and
positive, and every size is in base units (coin-margined contracts are converted). Whatever is wrong
raises ``DataFault``, which names the file, the row, the column and what to do.

Layouts (sources: the public dumps' own documentation and the README of the data set):

=====================  ==========================================================================
trades CSV             id, price, qty, quote or base qty, time, buyer is maker[, best match]
aggTrades CSV          id, price, qty, first id, last id, time, buyer is maker[, best match]
bookTicker CSV         update id, bid, bid qty, ask, ask qty, transaction time, event time
Parquet trades         ``trade_ts_ms, price, qty, aggressor`` or ``exch_ts_ms, price, qty, side``
Parquet quotes         ``tx_ts_ms, bid_px, ask_px`` or ``exch_ts_ms, best_bid, best_ask``
Parquet account fills  ``time_ms, account, coin, px, sz, side, oid, crossed``
=====================  ==========================================================================
"""

from __future__ import annotations

from infold.research.recorded.names import contract_usd, is_coin_margined, market_of
from infold.research.recorded.readers import read, read_quotes, read_trades, runs_of
from infold.research.recorded.streams import FileFacts, Floats, Integers, Quotes, Trades

__all__ = [
    "FileFacts",
    "Floats",
    "Integers",
    "Quotes",
    "Trades",
    "contract_usd",
    "is_coin_margined",
    "market_of",
    "read",
    "read_quotes",
    "read_trades",
    "runs_of",
]
