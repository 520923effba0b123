# SPDX-License-Identifier: Apache-2.0
"""Whole books, one a row: lists of prices and sizes a side, best level first."""

from __future__ import annotations

import numpy as np
import polars as pl

from infold.research.recorded.names import contract_usd, is_coin_margined
from infold.research.recorded.quotes import quotes_of
from infold.research.recorded.sheet import Sheet
from infold.research.recorded.streams import Books, Floats, Integers, Quotes


def quotes_of_snapshots(sheet: Sheet) -> Quotes:
    """The best level of each row; sizes where the lists hold them."""
    frame = sheet.frame
    sizes = None
    if {"bids_qty", "asks_qty"} <= set(frame.columns):
        sizes = (_first_sizes(sheet, "bids_qty"), _first_sizes(sheet, "asks_qty"))
    time_ms = sheet.times_ms("exch_ts_ms")
    _find_reconnects(sheet, time_ms)
    return quotes_of(sheet, time_ms, "exch_ts_ms", "best_bid", "best_ask", sizes)


def _first_sizes(sheet: Sheet, column: str) -> Floats:
    first = sheet.lists(column).list.first()
    values = first.cast(pl.Float64).fill_null(float("nan")).to_numpy().astype(np.float64)
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)))
    if bad.size:
        raise sheet.fault("the best level has no size", "the row is damaged", int(bad[0]), column)
    return values


def _find_reconnects(sheet: Sheet, time_ms: Integers) -> None:
    if "reconnect_flag" in sheet.frame.columns:
        rows = np.flatnonzero(sheet.integers("reconnect_flag"))
        if rows.size:
            sheet.flag("reconnect", int(rows.size), int(rows[0]), int(time_ms[rows[0]]))


def books_of_snapshots(sheet: Sheet, levels: int) -> Books:
    """The best `levels` of each row; the lists are checked over their whole length. `DataFault` for
    a crossed book or best prices that are not its own.
    """
    time_ms = sheet.times_ms("exch_ts_ms")
    order = sheet.order_of(time_ms, "exch_ts_ms")
    sheet.find_gaps(time_ms)
    _find_reconnects(sheet, time_ms)
    update_id = sheet.integers("seq") if "seq" in sheet.frame.columns else time_ms
    _check_ids(sheet, update_id, time_ms)
    bid_price, bid_size = _side(sheet, "bids_px", "bids_qty", -1, levels)
    ask_price, ask_size = _side(sheet, "asks_px", "asks_qty", 1, levels)
    crossed = np.flatnonzero(bid_price[:, 0] >= ask_price[:, 0])
    if crossed.size:
        raise sheet.fault("the book is crossed", "the row is damaged", int(crossed[0]), "bids_px")
    for column, found in (("best_bid", bid_price), ("best_ask", ask_price)):
        if column in sheet.frame.columns:
            other = np.flatnonzero(sheet.amounts(column) != found[:, 0])
            if other.size:
                raise sheet.fault(
                    "it is not the first level's price", "the row is damaged", int(other[0]), column
                )
    if is_coin_margined(sheet.market, sheet.path):
        usd = contract_usd(sheet.market)
        bid_size, ask_size = bid_size * usd / bid_price, ask_size * usd / ask_price
    return Books(
        facts=sheet.facts,
        market=sheet.market,
        time_ms=time_ms[order],
        update_id=update_id[order],
        bid_price=bid_price[order],
        bid_size=np.nan_to_num(bid_size)[order],
        ask_price=ask_price[order],
        ask_size=np.nan_to_num(ask_size)[order],
        flags=sheet.flags,
    )


def _check_ids(sheet: Sheet, update_id: Integers, time_ms: Integers) -> None:
    step = np.diff(update_id)
    if (step < 0).any():
        index = int(np.flatnonzero(step < 0)[0]) + 1
        raise sheet.fault(
            "the sequence number falls", "rows are out of order; fetch the file again", index, "seq"
        )
    same = np.flatnonzero(step == 0)
    if same.size:
        sheet.flag("repeated_book", int(same.size), int(same[0]) + 1, int(time_ms[same[0] + 1]))


def _side(
    sheet: Sheet, price: str, size: str, direction: int, levels: int
) -> tuple[Floats, Floats]:
    """Prices and sizes (rows, levels) of one side; `direction` is which way its prices run."""
    prices, sizes = sheet.lists(price), sheet.lists(size)
    lengths = prices.list.len().fill_null(0).to_numpy().astype(np.int64)
    uneven = np.flatnonzero(lengths != sizes.list.len().fill_null(0).to_numpy())
    if uneven.size:
        raise sheet.fault(
            "prices and sizes differ in number", "the row is damaged", int(uneven[0]), size
        )
    bare = np.flatnonzero(lengths == 0)
    if bare.size:
        raise sheet.fault("the side is empty", "the row is damaged", int(bare[0]), price)
    flat_price = _flat(prices)
    flat_size = _flat(sizes)
    ends = np.cumsum(lengths)
    row = np.repeat(np.arange(len(lengths)), lengths)
    good = np.isfinite(flat_price) & (flat_price > 0)
    good[1:] &= (direction * np.diff(flat_price) > 0) | (row[1:] != row[:-1])
    for column, bad in (
        (price, np.flatnonzero(~good)),
        (size, np.flatnonzero(~(np.isfinite(flat_size) & (flat_size > 0)))),
    ):
        if bad.size:
            index = int(row[bad[0]])
            depth = int(bad[0] - (ends[index] - lengths[index]))
            raise sheet.fault(
                f"level {depth} is no number above zero, or out of its side's order",
                "the row is damaged",
                index,
                column,
            )
    level = np.arange(len(flat_price)) - np.repeat(ends - lengths, lengths)
    kept = level < levels
    shape = (len(lengths), levels)
    out_price, out_size = np.full(shape, np.nan), np.zeros(shape)
    out_price[row[kept], level[kept]] = flat_price[kept]
    out_size[row[kept], level[kept]] = flat_size[kept]
    return out_price, out_size


def _flat(lists: pl.Series) -> Floats:
    flat = lists.explode().cast(pl.Float64).fill_null(float("nan"))
    return flat.to_numpy().astype(np.float64)
