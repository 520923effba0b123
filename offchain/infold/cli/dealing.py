# SPDX-License-Identifier: Apache-2.0
"""The desk of a driven venue: it quotes around the latest price any vector told, traded or not.

``dealer.desk`` alone looks at a market's last settled price. A recorded market may go without a trade for
many batches while its price moves; its next order would then meet a curve around a price long gone.
"""

from __future__ import annotations

import msgspec

from infold.core.curve import Curve
from infold.core.state import State
from infold.dealer.desk import Desk
from infold.dealer.params import PERPETUAL, DealerParameters

# A replay's pool is as large as all that is traded (``pool_capital_e6``), so one batch is nothing to it:
# its aversion to risk is a thousandth of a usual desk's, its largest offer a thousand times as large.
REPLAY_DEALER = msgspec.structs.replace(
    PERPETUAL, risk_aversion=PERPETUAL.risk_aversion / 1_000_000, offer_m_max=1_000.0
)


class LatestPriceDesk:
    """Commits a curve for every market that any vector has priced."""

    def __init__(self, interval_s: float, parameters: DealerParameters = PERPETUAL) -> None:
        self._desk = Desk(Curve, interval_s, default=parameters)

    def curves(self, state: State, time_ms: int) -> dict[int, Curve]:
        """The curve of each market, before the prices of the batch at T are known."""
        curves = {}
        for number, market in sorted(state.markets.items()):
            price_e8 = state.prices_e8.get(number, market.clock.price_e8)
            if price_e8:
                tick_e8 = market.at(time_ms).listing.tick_e8
                curves[number] = self._desk.commit(number, market.pool.base_e8, price_e8, tick_e8)
        return curves
