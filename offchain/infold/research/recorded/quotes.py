# SPDX-License-Identifier: Apache-2.0
"""Layouts of best quotes, and where their times come from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from infold.research.faults import DataFault
from infold.research.recorded.content import parquet
from infold.research.recorded.sheet import Sheet
from infold.research.recorded.streams import Floats, Integers, Quotes

# A stream's clock may wander against another's by this much before one shift stops serving both.
CLOCK_WANDER_MS_MAX = 500


def quotes_of(
    sheet: Sheet,
    time_ms: Integers,
    time: str,
    bid: str,
    ask: str,
    sizes: tuple[Floats, Floats] | None = None,
) -> Quotes:
    """Checked quotes from their columns; `sizes` are (bid, ask), already checked. `DataFault` for a
    bid above its ask.
    """
    order = sheet.order_of(time_ms, time)
    bids, asks = sheet.amounts(bid), sheet.amounts(ask)
    crossed = np.flatnonzero(bids > asks)
    if crossed.size:
        raise sheet.fault("the bid is above the ask", "the row is damaged", int(crossed[0]), bid)
    locked = np.flatnonzero(bids == asks)
    if locked.size:
        sheet.flag("locked", int(locked.size), int(locked[0]), int(time_ms[locked[0]]))
    sheet.find_gaps(time_ms)
    sheet.find_leaps(bids, time_ms)
    return Quotes(
        facts=sheet.facts,
        market=sheet.market,
        time_ms=time_ms[order],
        bid=bids[order],
        ask=asks[order],
        bid_size=None if sizes is None else sizes[0][order],
        ask_size=None if sizes is None else sizes[1][order],
        flags=sheet.flags,
    )


def _sizes(
    sheet: Sheet, bid_size: str | None, ask_size: str | None
) -> tuple[Floats, Floats] | None:
    """The two columns of sizes, or None where the file lacks one."""
    columns = sheet.frame.columns
    if bid_size is None or ask_size is None or not {bid_size, ask_size} <= set(columns):
        return None
    return sheet.amounts(bid_size), sheet.amounts(ask_size)


def quotes_at(
    time: str,
    bid: str,
    ask: str,
    bid_size: str | None = None,
    ask_size: str | None = None,
    ids: str = "update_id",
) -> Callable[[Sheet], Quotes]:
    def reader(sheet: Sheet) -> Quotes:
        if ids in sheet.frame.columns:
            _refuse_doubled(sheet, ids)
        sizes = _sizes(sheet, bid_size, ask_size)
        return quotes_of(sheet, sheet.times_ms(time), time, bid, ask, sizes)

    return reader


def _refuse_doubled(sheet: Sheet, column: str) -> None:
    """An update told twice is damage."""
    twice = sheet.frame[column].is_first_distinct().not_().arg_true()
    if len(twice):
        raise sheet.fault(
            "the id repeats", "rows are doubled; fetch the file again", int(twice[0]), column
        )


def quotes_2024(sheet: Sheet) -> Quotes:
    """Quotes whose exchange time may be missing: spot streams carry only an update id.

    Where it is, the depth file beside them tells it. Both files carry the recorder's clock and the
    depth file the exchange's too, so the clocks' median difference there moves the quotes' own
    stamps onto the exchange's clock; each must then lie by the update that contains its id. Without
    the recorder's clock the containing update's time is all there is, a tenth of a second coarse.
    """
    _refuse_doubled(sheet, "update_id")
    sizes = _sizes(sheet, "bid_qty", "ask_qty")
    if sheet.frame["tx_ts_ms"].null_count() < sheet.frame.height:
        time_ms = sheet.times_ms("tx_ts_ms")
        return quotes_of(sheet, time_ms, "tx_ts_ms", "bid_px", "ask_px", sizes)
    known = _known_updates(sheet)
    ids, times = known["last_update_id"].to_numpy(), known["tx_ts_ms"].to_numpy()
    # The update that contains a quote is the first whose last id is not below the quote's.
    place = np.minimum(np.searchsorted(ids, sheet.integers("update_id")), len(ids) - 1)
    joined = times[place].astype(np.int64)
    column = "update_id"
    if "local_ts_ns" in sheet.frame.columns and "local_ts_ns" in known.columns:
        inside = (sheet.frame["update_id"].to_numpy() <= ids[-1]) & (place > 0)
        joined, column = _shifted(sheet, known, joined, inside), "local_ts_ns"
    sheet.flag("inferred_time", len(joined), 0, int(joined[0]))
    return quotes_of(sheet, joined, column, "bid_px", "ask_px", sizes)


def _shifted(
    sheet: Sheet,
    known: pl.DataFrame,
    joined: Integers,
    inside: np.ndarray[tuple[int], np.dtype[np.bool_]],
) -> Integers:
    """The quotes' own stamps on the exchange's clock; refused where the join contradicts them."""
    lead_ns = known["tx_ts_ms"].to_numpy() * 10**6 - known["local_ts_ns"].to_numpy()
    time_ms = (sheet.integers("local_ts_ns") + np.int64(np.median(lead_ns))) // 10**6
    astray = np.flatnonzero(inside & (np.abs(time_ms - joined) > CLOCK_WANDER_MS_MAX))
    if astray.size:
        index = int(astray[0])
        raise sheet.fault(
            f"the recorder's clock puts it {int((time_ms - joined)[index])} ms from the update"
            " that contains it",
            "the clocks drifted apart; fetch the file and its depth file again",
            index,
            "local_ts_ns",
        )
    return time_ms.astype(np.int64)


def _known_updates(sheet: Sheet) -> pl.DataFrame:
    """Updates of the depth file beside a file of quotes: ids and times, by rising id."""
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
    if "is_snapshot" in updates.columns:  # fetched, not streamed: its stamps tell another delay
        updates = updates.filter(~pl.col("is_snapshot"))
    clocks = [name for name in ("local_ts_ns",) if name in updates.columns]
    known = (
        updates.select("last_update_id", "tx_ts_ms", *clocks)
        .drop_nulls()
        .unique("last_update_id", keep="first")
        .sort("last_update_id")
    )
    if known.height == 0:
        raise DataFault(
            depth, "none of its updates has a time", "fetch the depth file again", column="tx_ts_ms"
        )
    return known
