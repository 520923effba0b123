# SPDX-License-Identifier: Apache-2.0
"""A book rebuilt from a snapshot and the updates after it, refused where one is lost.

Each update gives levels' sizes as they are from then on, zero for a level that is gone. A snapshot
at id s is followed by the updates whose last id is at least s, in file order; those may stand
before the snapshot in the file, because the stream is opened first. A later snapshot starts the
book anew (a recorder that reconnected).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from infold.research.recorded.names import contract_usd, is_coin_margined
from infold.research.recorded.rebuilding import EMPTY, rebuild
from infold.research.recorded.sheet import Sheet
from infold.research.recorded.streams import Books, Booleans, Floats, Integers

# Spot updates number every change once, so each begins where the one before ended and a hole is a
# loss. Futures skip numbers from nearly every update to the next (0.97 of them in the records of
# 2024): their ids prove nothing unless `pu` is recorded. Half lies far from both.
CONTIGUOUS_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Updates:
    """Rows of levels in file order, (rows,); `previous_id` where the file records it."""

    time_ms: Integers
    first_id: Integers
    last_id: Integers
    previous_id: Integers | None
    is_bid: Booleans
    price: Floats
    size: Floats
    is_snapshot: Booleans


def books_of_updates(sheet: Sheet, updates: Updates, id_column: str, levels: int) -> Books:
    """The best `levels` after each update. `DataFault` for lost, doubled or crossing updates."""
    starts, breaks = _check_updates(sheet, updates, id_column)
    rows, resets = _plan(sheet, updates, starts, breaks, id_column)
    prices, place = np.unique(updates.price, return_inverse=True)
    group = np.flatnonzero(np.diff(rows.update, prepend=-1))
    top = rebuild(
        np.append(group, len(rows.row)).astype(np.int64),
        resets[rows.update[group]],
        place[rows.row].astype(np.int64),
        updates.is_bid[rows.row],
        updates.size[rows.row],
        len(prices),
        levels,
    )
    first_row = rows.row[group]
    bad = np.flatnonzero(top.trouble)
    if bad.size:
        trouble = "a side is empty" if top.trouble[bad[0]] == EMPTY else "the book is crossed"
        raise sheet.fault(
            f"{trouble} after this update",
            "an update before it is missing or damaged; fetch the file again",
            int(first_row[bad[0]]),
            id_column,
        )
    bid_price, ask_price = _prices(prices, top.bid_place), _prices(prices, top.ask_place)
    bid_size, ask_size = top.bid_size, top.ask_size
    if is_coin_margined(sheet.market, sheet.path):
        usd = contract_usd(sheet.market)
        bid_size = np.nan_to_num(bid_size * usd / bid_price)
        ask_size = np.nan_to_num(ask_size * usd / ask_price)
    # A snapshot fetched while updates came in is stamped later than updates it does not hold yet.
    time_ms = np.minimum.accumulate(updates.time_ms[first_row][::-1])[::-1]
    sheet.find_gaps(time_ms)
    return Books(
        facts=sheet.facts,
        market=sheet.market,
        time_ms=time_ms,
        update_id=updates.last_id[first_row],
        bid_price=bid_price,
        bid_size=bid_size,
        ask_price=ask_price,
        ask_size=ask_size,
        flags=sheet.flags,
    )


def _prices(prices: Floats, place: Integers) -> Floats:
    found: Floats = np.where(place >= 0, prices[np.maximum(place, 0)], np.nan)
    return found


# -- what can be wrong -----------------------------------------------------------------------------


def _check_updates(sheet: Sheet, updates: Updates, id_column: str) -> tuple[Integers, Integers]:
    """Rows at which an update begins, snapshots too, and those of them at which the stream broke.

    Checks ids, times and doubled levels.
    """
    change = (np.diff(updates.last_id) != 0) | np.diff(updates.is_snapshot)
    starts = np.concatenate([[0], np.flatnonzero(change) + 1]).astype(np.int64)
    _refuse_doubled_levels(sheet, updates, starts, id_column)
    diffs = starts[~updates.is_snapshot[starts]]
    first, last, time_ms = updates.first_id[diffs], updates.last_id[diffs], updates.time_ms[diffs]
    problems = (
        (last[1:] < last[:-1], "the update id falls or an update stands twice"),
        (first[1:] <= last[:-1], "the update overlaps the one before"),
        (time_ms[1:] < time_ms[:-1], "the time is earlier than the update's before"),
    )
    for wrong, problem in problems:
        found = np.flatnonzero(wrong)
        if found.size:
            index = int(diffs[found[0] + 1])
            raise sheet.fault(
                problem, "rows are out of order; fetch the file again", index, id_column
            )
    return starts, _check_continuity(sheet, updates, diffs, id_column)


def _refuse_doubled_levels(
    sheet: Sheet, updates: Updates, starts: Integers, id_column: str
) -> None:
    number = np.zeros(len(updates.price), np.int64)
    number[starts[1:]] = 1
    frame = pl.DataFrame(
        {"update": np.cumsum(number), "bid": updates.is_bid, "price": updates.price}
    )
    twice = frame.is_duplicated().arg_true()
    if len(twice):
        raise sheet.fault(
            "a level stands twice in one update", "rows are doubled; fetch the file again",
            int(twice[0]), id_column,
        )  # fmt: skip


def _check_continuity(sheet: Sheet, updates: Updates, diffs: Integers, id_column: str) -> Integers:
    """Rows after a hole in the ids which a later snapshot mends; flags ids that prove nothing.

    `DataFault` for a hole after which no snapshot follows.
    """
    first, last = updates.first_id[diffs], updates.last_id[diffs]
    if updates.previous_id is not None:
        broken = updates.previous_id[diffs][1:] != last[:-1]
    else:
        broken = first[1:] != last[:-1] + 1
        if broken.size and 1.0 - broken.mean() < CONTIGUOUS_SHARE:
            place = int(diffs[1])
            sheet.flag("unproven", int(broken.sum()), place, int(updates.time_ms[place]))
            broken = np.zeros_like(broken)
    holes = np.flatnonzero(broken)
    after: Integers = diffs[holes + 1]
    shots = np.flatnonzero(updates.is_snapshot)
    last_shot = int(shots[-1]) if shots.size else -1
    unmended = np.flatnonzero(after > last_shot)
    if unmended.size:
        hole = holes[unmended[0]]
        raise sheet.fault(
            f"an update is missing before it: ids go from {last[hole]} to {first[hole + 1]}",
            "the book cannot be known after that; fetch the file again or cut it there",
            int(after[unmended[0]]),
            id_column,
        )
    if after.size:
        sheet.flag("reconnect", int(after.size), int(after[0]), int(updates.time_ms[after[0]]))
    return after


# -- which rows are applied, in which order --------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Rows:
    """Rows to apply, and a running number of the update each belongs to."""

    row: Integers
    update: Integers


def _plan(
    sheet: Sheet, updates: Updates, starts: Integers, breaks: Integers, id_column: str
) -> tuple[_Rows, Booleans]:
    """Rows in the order of application; `resets` says which updates start the book anew."""
    ends = np.append(starts[1:], len(updates.price))
    shots = np.flatnonzero(updates.is_snapshot[starts])
    if shots.size == 0:
        raise sheet.fault(
            "there is no snapshot", "give the snapshot file, or a file that begins with one",
            0, id_column,
        )  # fmt: skip
    order: list[int] = []
    resets: list[bool] = []
    for number, shot in enumerate(shots):
        earliest = 0 if number == 0 else int(shots[number - 1]) + 1
        latest = int(shots[number + 1]) if number + 1 < len(shots) else len(starts)
        torn = breaks[breaks > starts[shot]]
        if torn.size:  # what follows a hole belongs to the snapshot after it
            latest = min(latest, int(np.searchsorted(starts, torn[0])))
        mine = np.arange(earliest, latest)
        newer = updates.last_id[starts[mine]] >= updates.last_id[starts[shot]]
        mine = mine[(mine != shot) & newer]
        order += [int(shot), *mine.tolist()]
        resets += [True, *([False] * len(mine))]
    old = np.setdiff1d(np.arange(len(starts)), np.array(order))
    if old.size:
        index = int(starts[old[0]])
        sheet.flag("before_snapshot", int(old.size), index, int(updates.time_ms[index]))
    spans = [(int(starts[k]), int(ends[k])) for k in order]
    row = np.concatenate([np.arange(begin, end) for begin, end in spans])
    update = np.repeat(np.arange(len(spans)), [end - begin for begin, end in spans])
    return _Rows(row.astype(np.int64), update.astype(np.int64)), np.array(resets)
