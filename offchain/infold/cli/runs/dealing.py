# SPDX-License-Identifier: Apache-2.0
"""The desks of driven venues: which parameters they believe in, and which prices they look at."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from infold.core.curve import Curve
from infold.core.state import State
from infold.dealer.params import (
    LOTS_TIMES_PRICE_OF_A_MILLION,
    OFFER_E8_MAX,
    PERPETUAL,
    DealerParameters,
)

REPLAY_REACH_BP = 1.0  # how far a replayed market's dealer bends from its first lot to its last
WANTED_E8_MAX = OFFER_E8_MAX / 2  # half, so that a curve's two sides add up inside its most


def offer_m_max(price_e8: int, wanted_m: float) -> float:
    """The largest offer in millions of quote whose lots still fit at this price."""
    return min(wanted_m, WANTED_E8_MAX * price_e8 / LOTS_TIMES_PRICE_OF_A_MILLION)


def replay_dealer(price_e8: int, gross_e6: int, interval_s: float) -> DealerParameters:
    """A replayed market's dealer: the usual spread, and a bend of a basis point over all that was
    traded.

    A replay's pool is as large as the tape (``pool_capital_e6``), so one batch is little to it and
    its aversion to risk is small in proportion: a line's slope goes with the aversion's root, and
    its markups, up to ten seconds between batches, do not go with it at all.
    """
    from infold.dealer.lines import batch_line  # compiled: not part of the base

    offer_m = offer_m_max(price_e8, max(0.1, 2 * gross_e6 / 1e12))
    line = batch_line(PERPETUAL, interval_s)
    last_bp = line.price_bp(line.half_spread_bp + REPLAY_REACH_BP)
    calm = (last_bp / (line.slope_bp_per_m * offer_m)) ** 2
    return msgspec.structs.replace(
        PERPETUAL, risk_aversion=PERPETUAL.risk_aversion * calm, offer_m_max=offer_m
    )


def demo_dealer(price_e8: int) -> DealerParameters:
    """A demo market's dealer: a small desk that offers up to a fifth of a million and minds what it
    holds.
    """
    return msgspec.structs.replace(PERPETUAL, offer_m_max=offer_m_max(price_e8, 0.2))


class WatchingDesk:
    """A desk that watches the market: it commits its curves around the prices it was last told.

    ``parameters`` are by market id. Whoever feeds the oracle's sources tells the desk as well
    (``tell``): every dealer has market data of its own, and what it must not see before it commits
    is orders. Its parameters stay as they are given: figures of a demo and a replay follow from
    what was put in.
    """

    signals = None
    guard = None

    def __init__(self, interval_s: float, parameters: Mapping[int, DealerParameters]) -> None:
        from infold.dealer.desk import Desk  # compiled: not part of the base

        self._desk = Desk(Curve, interval_s, parameters)
        self._seen_e8: dict[int, int] = {}

    def tell(self, prices_e8: Mapping[int, int]) -> None:
        """What the market shows now."""
        self._seen_e8.update(prices_e8)

    def curves(self, state: State, time_ms: int) -> dict[int, Curve]:
        """The curve of each market it has seen a price of."""
        curves = {}
        for number, market in sorted(state.markets.items()):
            price_e8 = self._seen_e8.get(number, market.clock.price_e8)
            if price_e8:
                tick_e8 = market.at(time_ms).listing.tick_e8
                curves[number] = self._desk.commit(number, market.pool.base_e8, price_e8, tick_e8)
        return curves
