# SPDX-License-Identifier: Apache-2.0
"""A recording cut into equal steps: order flow, imbalances, moves of the mid, depth.

Order-flow imbalance of the best level (Cont, Kukanov and Stoikov 2014): an update adds the size
that came to the best bid or left the best ask, and takes off what left the bid or came to the ask:

    e = qb [b >= b'] - qb' [b <= b'] - qa [a <= a'] + qa' [a >= a']     (' is the update before)

Steps begin at the first quote; a step's flow are the updates after its beginning up to its end, its
move is the mid's, each edge showing the last quote at or before it. A step that overlaps a silence
far longer than the stream's pace is not whole, and no regression uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infold.research.recorded import Floats, Integers, Quotes, Trades
from infold.research.recorded.flags import GAP_MS_MIN, GAP_PACES
from infold.research.recorded.streams import Booleans


@dataclass(frozen=True, slots=True)
class Steps:
    """Columns (steps,). `flow` and `depth` in the units of the quotes' sizes, `move` in quote.

    `queue` is (bid size - ask size) / (bid size + ask size) at the step's end; `traded` the signed
    taker volume over all of it, zero where nothing traded, None without trades; `depth` the mean
    best size of the step's updates, both sides halved. `whole` is false where the record is silent.
    """

    horizon_ms: int
    flow: Floats
    move: Floats
    queue: Floats
    depth: Floats
    traded: Floats | None
    whole: Booleans


def order_flow(quotes: Quotes) -> Floats:
    """Each update's order-flow imbalance (updates,), zero for the first.

    `ValueError` for quotes that record no sizes.
    """
    bid_size, ask_size = _sizes(quotes)
    bid, ask = quotes.bid, quotes.ask
    flow = np.zeros(len(bid))
    flow[1:] = (
        bid_size[1:] * (bid[1:] >= bid[:-1])
        - bid_size[:-1] * (bid[1:] <= bid[:-1])
        - ask_size[1:] * (ask[1:] <= ask[:-1])
        + ask_size[:-1] * (ask[1:] >= ask[:-1])
    )
    return flow


def steps_of(quotes: Quotes, horizon_ms: int, trades: Trades | None = None) -> Steps:
    """Cut quotes, and the same market's trades if given, into whole steps of `horizon_ms`.

    `ValueError` if they do not last for two steps.
    """
    if horizon_ms < 1:
        raise ValueError(f"horizon_ms (milliseconds) must be at least 1, not {horizon_ms}")
    first_ms, last_ms = quotes.span_ms
    count = (last_ms - first_ms) // horizon_ms
    if count < 2:
        raise ValueError(
            f"{quotes.facts.path} lasts {last_ms - first_ms} ms: fewer than two steps of"
            f" {horizon_ms} ms"
        )
    edges = first_ms + horizon_ms * np.arange(count + 1, dtype=np.int64)
    place = np.searchsorted(quotes.time_ms, edges, side="right") - 1
    bid_size, ask_size = _sizes(quotes)
    mid = (quotes.bid + quotes.ask) / 2.0
    queue = (bid_size - ask_size) / (bid_size + ask_size)
    updates = np.maximum(np.diff(place), 1)
    # A step without an update has the depth it began with.
    depth = np.where(
        np.diff(place) > 0,
        np.diff(_running((bid_size + ask_size) / 2.0)[place + 1]) / updates,
        ((bid_size + ask_size) / 2.0)[place[:-1]],
    )
    return Steps(
        horizon_ms=horizon_ms,
        flow=np.diff(_running(order_flow(quotes))[place + 1]),
        move=np.diff(mid[place]),
        queue=queue[place[1:]],
        depth=depth,
        traded=None if trades is None else _traded(trades, edges),
        whole=~_silent(quotes.time_ms, edges),
    )


def _sizes(quotes: Quotes) -> tuple[Floats, Floats]:
    if quotes.bid_size is None or quotes.ask_size is None:
        raise ValueError(f"{quotes.facts.path} records no sizes: order flow needs them")
    return quotes.bid_size, quotes.ask_size


def _running(values: Floats) -> Floats:
    """Sums of all values before each, and of all: one more."""
    return np.concatenate([[0.0], np.cumsum(values)])


def _traded(trades: Trades, edges: Integers) -> Floats:
    place = np.searchsorted(trades.time_ms, edges, side="right")
    signed = np.diff(_running(trades.side * trades.size)[place])
    volume = np.diff(_running(trades.size)[place])
    share: Floats = np.divide(signed, volume, out=np.zeros(len(signed)), where=volume > 0.0)
    return share


def _silent(time_ms: Integers, edges: Integers) -> Booleans:
    """Steps that overlap a gap, by the rule the readers flag gaps by."""
    pauses = np.diff(time_ms)
    longest = max(float(GAP_MS_MIN), GAP_PACES * float(np.median(pauses)))
    silent = np.zeros(len(edges) - 1, dtype=np.bool_)
    for gap in np.flatnonzero(pauses > longest):
        silent |= (edges[1:] > time_ms[gap]) & (edges[:-1] < time_ms[gap + 1])
    return silent
