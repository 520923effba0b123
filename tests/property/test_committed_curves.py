# SPDX-License-Identifier: Apache-2.0
"""At every curve the desk commits: own orders on both sides, and splitting, gain nothing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from infold.core.auction import AuctionMarket, Orders, clear, prepare
from infold.core.crossing.places import BUY
from infold.core.curve import Curve, CurveBounds, clip
from infold.dealer.desk import Desk
from infold.dealer.params import PERPETUAL, SPOT_FX

ORACLE = 60_000 * 10**8
TICK = 10**6
LOT = 10**6
REACH = ORACLE // 50


@dataclass(frozen=True, slots=True)
class Own:
    """One order of the same trader."""

    buy: bool
    lots: int
    limit_e8: int


def a_market(inventory: int, interval_s: float, paper: bool, h_min_e6: int) -> AuctionMarket:
    """A market with the desk's committed curve, clipped by the pool's rule."""
    desk = Desk(Curve, interval_s, default=SPOT_FX if paper else PERPETUAL)
    curve = desk.commit(1, inventory * LOT, ORACLE, TICK)
    bounds = CurveBounds(
        oracle_price_e8=ORACLE,
        h_min_e6=h_min_e6,
        h0_e6=20_000,
        band_e6=50_000,
        slope_e20=10**4,
        residual_cap_e8=10**13,
        position_cap_e8=10**14,
        pool_base_e8=inventory * LOT,
    )
    return AuctionMarket(bounds, TICK, clip(curve, bounds, TICK))


def outcome(market: AuctionMarket, orders: list[Own]) -> tuple[int, int, list[int]]:
    """Price, the dealer's sale, fills."""
    count = len(orders)
    hashes = np.zeros((count, 4), np.uint64)
    hashes[:, 3] = np.arange(count)
    cleared = clear(
        Orders(
            np.zeros(count, np.int32),
            np.zeros(count, np.int32),
            np.array([BUY if own.buy else 0 for own in orders], np.uint8),
            np.array([own.lots for own in orders], np.int64),
            np.array([own.limit_e8 for own in orders], np.int64),
            hashes,
        ),
        prepare([market]),
        1,
    )
    return int(cleared.price_e8[0]), int(cleared.residual_e8[0]), cleared.fill_e8.tolist()


markets = st.builds(
    a_market,
    inventory=st.integers(-200_000, 200_000),
    interval_s=st.sampled_from([0.25, 1.0, 10.0, 60.0, 300.0, 3_600.0]),
    paper=st.booleans(),
    h_min_e6=st.sampled_from([0, 20, 500]),
)
owns = st.builds(
    Own,
    buy=st.booleans(),
    lots=st.integers(1, 300_000).map(lambda lots: lots * LOT),
    limit_e8=st.integers(-REACH // TICK, REACH // TICK).map(lambda away: ORACLE + away * TICK),
)


@settings(max_examples=150, deadline=None)
@given(market=markets, orders=st.lists(owns, min_size=1, max_size=5))
def test_no_set_of_own_orders_nets_at_a_better_price_than_one_honest_order(
    market: AuctionMarket, orders: list[Own]
) -> None:
    price, net, _ = outcome(market, orders)
    if net == 0:
        return  # whatever it crossed with itself, at one price, it has what it had
    buy = net > 0
    honest = Own(buy, abs(net), ORACLE + REACH if buy else ORACLE - REACH)
    alone, sold, fills = outcome(market, [honest])
    assert (sold, fills) == (net, [abs(net)])
    assert price >= alone if buy else price <= alone


@settings(max_examples=150, deadline=None)
@given(market=markets, whole=owns, cuts=st.lists(st.integers(1, 99), min_size=1, max_size=6))
def test_splitting_an_order_changes_neither_price_nor_size(
    market: AuctionMarket, whole: Own, cuts: list[int]
) -> None:
    price, sold, fills = outcome(market, [whole])
    edges = sorted({0, whole.lots, *(whole.lots * cut // 100 for cut in cuts)})
    parts = [Own(whole.buy, high - low, whole.limit_e8) for low, high in pairwise(edges)]
    split_price, split_sold, split_fills = outcome(market, parts)
    assert (split_price, split_sold, sum(split_fills)) == (price, sold, sum(fills))
