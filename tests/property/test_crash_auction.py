# SPDX-License-Identifier: Apache-2.0
"""The crash loop's shortcut: where it asks no auction, the auction would have traded nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from infold.core.crossing.places import BUY_TO, KNOTS, SELL_FROM
from infold.dealer.corners import integer_corners
from infold.research.simulation.batches_auction import RULED, clear_batch, room_for
from infold.research.simulation.batches_price import EXECUTED
from infold.research.simulation.crash.loop import OFFSETS, _may_trade
from infold.research.simulation.crash.world import TICK_BP, _auction_row

SEED = 20_260_803
TICKS = round(1e4 / TICK_BP)
OWN_BP = 0.3
RULE, WIDTH = _auction_row(OWN_BP)
AWAY = int(OWN_BP / TICK_BP)

orders = st.lists(
    st.tuples(st.sampled_from((-1, 1)), st.integers(-3_000, 3_000), st.integers(1, 10**6)),
    min_size=1,
    max_size=5,
)


@seed(SEED)
@settings(max_examples=400, deadline=None)
@given(
    orders,
    st.floats(-25.0, 25.0),
    st.floats(0.1, 25.0),
    st.floats(0.0, 3.0),
    st.floats(0.0, 3.0),
)
def test_no_trade_is_missed(
    placed: list[tuple[int, int, int]], centre: float, half: float, bid_m: float, ask_m: float
) -> None:
    rule = RULE.copy()
    offsets = np.array([centre - half - bid_m, centre - half, centre + half, centre + half + ask_m])
    sales_m = np.array([-bid_m, 0.0, 0.0, ask_m])
    prices, sales = np.empty(OFFSETS, np.int64), np.empty(OFFSETS, np.int64)
    rule[KNOTS] = integer_corners(
        offsets, sales_m, OFFSETS, float(TICKS), 1.0, 1e6, prices, sales
    )  # fmt: skip
    rule[SELL_FROM], rule[BUY_TO] = TICKS + AWAY, TICKS - AWAY
    room = room_for(len(placed))
    for index, (side, away, lots) in enumerate(placed):
        room.side[index], room.tick[index], room.lots[index] = side, TICKS + away, lots
    best = np.zeros(5, np.int64)
    asked = _may_trade(rule, offsets, TICKS, room.side, room.tick, len(placed))
    clear_batch(
        rule, WIDTH, prices, sales,
        room.side, room.tick, room.lots, room.fill, room.order, room.rest, room.segments,
        len(placed), RULED, False, best,
    )  # fmt: skip
    assert asked or best[EXECUTED] == 0


def test_an_order_out_of_reach_asks_for_no_auction() -> None:
    offsets = np.array([-9.0, -8.0, 8.0, 9.0])
    side, tick = np.array([1, -1]), np.array([TICKS + 500, TICKS + 600])
    assert not _may_trade(RULE, offsets, TICKS, side, tick, 1)
    assert not _may_trade(RULE, offsets, TICKS, side, tick, 2)
    assert _may_trade(RULE, offsets, TICKS, side, tick + 400, 1)
    assert _may_trade(RULE, offsets, TICKS, side, tick[::-1].copy(), 2)
