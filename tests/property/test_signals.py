# SPDX-License-Identifier: Apache-2.0
"""Whatever a venue sees, its curves stay two-sided, bounded, and such as it can print."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from infold.core.curve import Curve, CurveBounds, clip, offer_e8, price_limits
from infold.dealer.desk import Desk
from infold.dealer.params import PERPETUAL
from infold.dealer.signals import SignalParameters, Signals
from infold.shell.devnet_config import default_market

SEED = 20_261_129
START_MS = 1_700_000_000_000
LISTED = default_market(1, "BTC-USD", 60_000.0)
TICK_E8 = LISTED.listing.tick_e8

seconds = st.tuples(
    st.integers(1, 90_000),  # ms since the last
    st.floats(-500.0, 500.0),  # the price's move, bp
    st.integers(-(10**10), 10**10),  # what traders bought net
    st.floats(-50.0, 50.0),  # our impact, bp
)


@seed(SEED)
@settings(max_examples=60, deadline=None)
@given(st.lists(seconds, min_size=1, max_size=40))
def test_curves_stay_two_sided_bounded_and_printable(
    steps: list[tuple[int, float, int, float]],
) -> None:
    signals = Signals()
    desk = Desk(Curve, 1.0, signals=signals)
    terms = SimpleNamespace(listing=LISTED.listing)
    market = SimpleNamespace(
        clock=SimpleNamespace(price_e8=0),
        pool=SimpleNamespace(base_e8=0),
        at=lambda _time_ms: terms,
    )
    state: Any = SimpleNamespace(markets={1: market}, prices_e8={})
    time_ms, price_e8 = START_MS, 60_000 * 10**8
    for passed_ms, move_bp, bought_e8, impact_bp in steps:
        time_ms += passed_ms
        price_e8 = round(min(max(price_e8 * math.exp(move_bp * 1e-4), 1e11), 1e14))
        signals.priced(time_ms, {1: price_e8})
        if bought_e8:
            fill: Any = SimpleNamespace(
                account=17, market=1, buy=bought_e8 > 0, size_e8=abs(bought_e8), price_e8=price_e8
            )
            signals.traded(time_ms, [fill])
        signals.hedged(1, time_ms, impact_bp)
        state.prices_e8 = {1: price_e8}
        found = signals.signal(1, PERPETUAL, 1.0, time_ms + 1_000)
        assert found.volatility_bp is not None
        assert 0.5 <= found.volatility_bp / PERPETUAL.volatility_bp <= 20.0
        assert 0.0 <= found.half_spread_bp_min <= SignalParameters().half_spread_bp_max
        assert abs(found.drift_bp) <= SignalParameters().drift_bp_max
        curve = desk.curves(state, time_ms + 1_000)[1]
        assert curve.sales_e8[0] < 0 < curve.sales_e8[-1]
        assert signals.faults == {}
    # With an empty pool and no drift both sides are printed, wide as the forecast may be.
    signals.hedged(1, time_ms, 0.0)
    curve = desk.curves(state, time_ms + 1_000)[1]
    bounds = CurveBounds(
        oracle_price_e8=price_e8,
        h_min_e6=LISTED.rates.h_min_e6,
        h0_e6=LISTED.rates.h0_e6,
        band_e6=LISTED.rates.band_e6,
        slope_e20=LISTED.caps.slope_e20,
        residual_cap_e8=LISTED.caps.residual_cap_e8,
        position_cap_e8=LISTED.caps.position_cap_e8,
        pool_base_e8=0,
    )
    clipped = clip(curve, bounds, TICK_E8)
    first, last = price_limits(bounds, clipped, TICK_E8)
    offers = [offer_e8(bounds, clipped, tick * TICK_E8) for tick in (*range(first, last + 1),)]
    assert min(offers) < 0 < max(offers)
