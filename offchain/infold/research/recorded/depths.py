# SPDX-License-Identifier: Apache-2.0
"""Layouts of books: updates of both vocabularies, and summed depth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl

from infold.research.faults import DataFault
from infold.research.recorded.books import Updates, books_of_updates
from infold.research.recorded.content import table
from infold.research.recorded.quotes import quotes_at
from infold.research.recorded.sheet import Sheet
from infold.research.recorded.snapshots import books_of_snapshots
from infold.research.recorded.streams import Books, Depths

BookLayout = Callable[[Sheet, int], Books]

_DEPTH_LEVELS = (5, 10)


def _updates_2024(sheet: Sheet, levels: int) -> Books:
    updates = Updates(
        time_ms=sheet.times_ms("tx_ts_ms"),
        first_id=sheet.integers("first_update_id"),
        last_id=sheet.integers("last_update_id"),
        previous_id=None,
        is_bid=sheet.sides("side") == 1,
        price=sheet.amounts("price"),
        size=sheet.sizes("qty"),
        is_snapshot=sheet.booleans("is_snapshot"),
    )
    return books_of_updates(sheet, updates, "last_update_id", levels)


def _updates_csv(sheet: Sheet, levels: int) -> Books:
    """The public dump's depth rows: `update_type` is snap or set, `side` a or b.

    Snapshots come as a file of their own, `..._depth_snap`, which is read before the updates.
    """
    whole = _with_snapshot(sheet)
    kinds = whole.frame["update_type"].cast(pl.String).str.strip_chars().str.to_lowercase()
    odd = (~kinds.is_in(["snap", "set"])).fill_null(True).arg_true()
    if len(odd):
        index = int(odd[0])
        raise whole.fault(
            f"{kinds[index]!r} is neither snap nor set", "the row is damaged", index, "update_type"
        )
    has_previous = "pu" in whole.frame.columns
    updates = Updates(
        time_ms=whole.times_ms("timestamp"),
        first_id=whole.integers("first_update_id"),
        last_id=whole.integers("last_update_id"),
        previous_id=whole.integers("pu") if has_previous else None,
        is_bid=whole.sides("side") == 1,
        price=whole.amounts("price"),
        size=whole.sizes("qty"),
        is_snapshot=(kinds == "snap").to_numpy().astype(np.bool_),
    )
    return books_of_updates(whole, updates, "last_update_id", levels)


def _with_snapshot(sheet: Sheet) -> Sheet:
    """The sheet itself, or its rows after those of the snapshot file beside it."""
    if (sheet.frame["update_type"] == "snap").any():
        return sheet
    beside = sheet.path.with_name(sheet.path.name.replace("_depth_update", "_depth_snap"))
    if beside == sheet.path or not beside.is_file():
        raise DataFault(
            sheet.path,
            "it holds updates and no snapshot",
            f"put the snapshot file {beside.name} beside it"
            if beside != sheet.path
            else "name it ..._depth_update and put ..._depth_snap beside it",
            column="update_type",
        )
    snapshot, _, _ = table(beside)
    columns = sheet.frame.columns
    if not set(columns) <= set(snapshot.columns):
        raise DataFault(beside, "its columns are not the update file's", "fetch it again")
    both = pl.concat([snapshot.select(columns), sheet.frame])
    # Rows keep the update file's numbers; those of the snapshot file come out at or below zero.
    return replace(sheet, frame=both, first_row=sheet.first_row - snapshot.height)


_BOOKS: tuple[tuple[frozenset[str], BookLayout], ...] = tuple(
    (frozenset(columns.split()), layout)
    for columns, layout in (
        (
            "tx_ts_ms first_update_id last_update_id side price qty is_snapshot",
            _updates_2024,
        ),
        ("timestamp first_update_id last_update_id side update_type price qty", _updates_csv),
        ("exch_ts_ms bids_px bids_qty asks_px asks_qty", books_of_snapshots),
    )
)


def book_layout(columns: list[str]) -> BookLayout | None:
    """The layout of books these columns have, if any."""
    present = set(columns)
    return next((layout for needed, layout in _BOOKS if needed <= present), None)


def depths_of(sheet: Sheet) -> Depths:
    """Best quotes with summed depth at five and ten levels. `DataFault` if columns are missing
    or more levels hold less.
    """
    needed = {"ts_utc", "best_bid_size", "best_ask_size"} | {
        f"{side}_depth_{level}" for side in ("bid", "ask") for level in _DEPTH_LEVELS
    }
    missing = sorted(needed - set(sheet.frame.columns))
    if missing:
        raise DataFault(
            sheet.path,
            f"it has no {', '.join(missing)}",
            "summed depth needs best sizes and depth at 5 and 10 levels",
        )
    quotes = quotes_at("ts_utc", "best_bid", "best_ask", "best_bid_size", "best_ask_size")(sheet)
    order = np.argsort(sheet.times_ms("ts_utc"), kind="stable")
    sides = []
    for side in ("bid", "ask"):
        names = (f"best_{side}_size", *(f"{side}_depth_{level}" for level in _DEPTH_LEVELS))
        depth = np.stack([sheet.amounts(name) for name in names], axis=1)
        falling = np.flatnonzero((np.diff(depth, axis=1) < 0).any(axis=1))
        if falling.size:
            raise sheet.fault(
                "fewer levels hold more", "the row is damaged", int(falling[0]), names[-1]
            )
        sides.append(depth[order])
    return Depths(quotes, (1, *_DEPTH_LEVELS), sides[0], sides[1])
