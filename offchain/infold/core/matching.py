# SPDX-License-Identifier: Apache-2.0
"""Between open orders and the auction's columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from infold.core.auction import FILL_OR_KILL, AuctionMarket, Orders, clear, hash_words, prepare
from infold.core.crossing.places import BUY, POST_ONLY
from infold.core.curve import Curve, CurveBounds, clip
from infold.core.netting import MatchedFill
from infold.core.state import OpenOrder
from infold.messages import TimeInForce


class Entry(NamedTuple):
    """An order that takes part, and the most it may fill."""

    open_order: OpenOrder
    size_e8: int


class Matched(NamedTuple):
    """Clearing prices of the markets that trade, and fills in the order of the entries."""

    prices_e8: dict[int, int]
    fills: list[MatchedFill]


def match(
    entries: Sequence[Entry],
    bounds: Mapping[int, CurveBounds],
    curves: Mapping[int, Curve],
    ticks_e8: Mapping[int, int],
) -> Matched:
    """One auction over every market of `entries`; curves are clipped by the pool's rule here."""
    markets = sorted({entry.open_order.order.market for entry in entries})
    prepared = prepare(
        [
            AuctionMarket(bounds[m], ticks_e8[m], clip(curves[m], bounds[m], ticks_e8[m]))
            for m in markets
        ]
    )
    number = {market: place for place, market in enumerate(markets)}
    orders = [entry.open_order.order for entry in entries]
    columns = Orders(
        markets=np.array([number[order.market] for order in orders], np.int32),
        accounts=np.zeros(len(orders), np.int32),
        flags=np.array(
            [
                (BUY if order.buy else 0)
                | (POST_ONLY if order.post_only else 0)
                | (FILL_OR_KILL if order.time_in_force == TimeInForce.FOK else 0)
                for order in orders
            ],
            np.uint8,
        ),
        open_e8=np.array([entry.size_e8 for entry in entries], np.int64),
        limit_e8=np.array([order.limit_price_e8 for order in orders], np.int64),
        hashes=hash_words([entry.open_order.signed.order_hash for entry in entries]),
    )
    outcome = clear(columns, prepared, 1)
    fills = [
        MatchedFill(entry.open_order, fill_e8)
        for entry, fill_e8 in zip(entries, outcome.fill_e8.tolist(), strict=True)
        if fill_e8
    ]
    prices_e8 = dict(zip(markets, outcome.price_e8.tolist(), strict=True))
    return Matched({market: price for market, price in prices_e8.items() if price}, fills)
