# SPDX-License-Identifier: Apache-2.0
"""Layouts of best quotes, and where their times come from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from infold.research.faults import DataFault
from infold.research.recorded.content import parquet
from infold.research.recorded.sheet import Sheet
from infold.research.recorded.streams import Integers, Quotes


def _quotes(sheet: Sheet, time_ms: Integers, time: str, bid: str, ask: str) -> Quotes:
    order = sheet.order_of(time_ms, time)
    bids, asks = sheet.amounts(bid), sheet.amounts(ask)
    crossed = np.flatnonzero(bids > asks)
    if crossed.size:
        raise sheet.fault("the bid is above the ask", "the row is damaged", int(crossed[0]), bid)
    return Quotes(sheet.facts, sheet.market, time_ms[order], bids[order], asks[order])


def quotes_at(time: str, bid: str, ask: str) -> Callable[[Sheet], Quotes]:
    def reader(sheet: Sheet) -> Quotes:
        return _quotes(sheet, sheet.times_ms(time), time, bid, ask)

    return reader


def quotes_2024(sheet: Sheet) -> Quotes:
    """Quotes whose exchange time may be missing: spot streams carry only an update id."""
    if sheet.frame["tx_ts_ms"].null_count() < sheet.frame.height:
        return _quotes(sheet, sheet.times_ms("tx_ts_ms"), "tx_ts_ms", "bid_px", "ask_px")
    depth = sheet.path.with_name(sheet.path.name.replace("_bbo", "_l2diff"))
    if depth == sheet.path or not depth.is_file():
        raise DataFault(
            sheet.path,
            "its rows carry no exchange time",
            f"put the depth file {depth.name} beside it: update ids there have times",
            column="tx_ts_ms",
        )
    updates = parquet(depth, depth.read_bytes())
    if not {"last_update_id", "tx_ts_ms"} <= set(updates.columns):
        raise DataFault(
            depth, "it has no last_update_id and tx_ts_ms", "fetch the depth file again"
        )
    known = (
        updates.select("last_update_id", "tx_ts_ms")
        .drop_nulls()
        .unique("last_update_id")
        .sort("last_update_id")
    )
    if known.height == 0:
        raise DataFault(
            depth, "none of its updates has a time", "fetch the depth file again", column="tx_ts_ms"
        )
    ids, times = known["last_update_id"].to_numpy(), known["tx_ts_ms"].to_numpy()
    # The update that contains a quote is the first whose last id is not below the quote's.
    place = np.minimum(np.searchsorted(ids, sheet.integers("update_id")), len(ids) - 1)
    return _quotes(sheet, times[place].astype(np.int64), "update_id", "bid_px", "ask_px")
