# SPDX-License-Identifier: Apache-2.0
"""Markets that look at each other's inventories, and a desk that tells them."""

from __future__ import annotations

from types import SimpleNamespace

import msgspec
import numpy as np
import pytest

from infold.core.curve import Curve
from infold.dealer.assets import gradient_bp
from infold.dealer.desk import Desk
from infold.dealer.neighbours import Neighbours, neighbours
from infold.dealer.params import PERPETUAL, SPOT_FX, DealerParameters

OTHER = msgspec.structs.replace(PERPETUAL, volatility_bp=350.0)
PRICE_E8 = 1_000 * 10**8
MILLION_E8 = 10**11
"""Lots of one M at that price."""


def a_pair(correlation: float, other: DealerParameters = OTHER) -> Neighbours:
    return neighbours({4: other, 2: PERPETUAL}, ((1.0, correlation), (correlation, 1.0)))


def a_state(*bases_e8: int) -> SimpleNamespace:
    terms = SimpleNamespace(listing=SimpleNamespace(tick_e8=1_000))
    return SimpleNamespace(
        markets={
            number: SimpleNamespace(
                clock=SimpleNamespace(price_e8=PRICE_E8),
                pool=SimpleNamespace(base_e8=base_e8),
                at=lambda time_ms: terms,
            )
            for number, base_e8 in zip((2, 4), bases_e8, strict=True)
        },
        prices_e8={},
    )


def test_uncorrelated_markets_do_not_lean() -> None:
    leans = a_pair(0.0).leans({2: 3.0, 4: -1.0})
    assert leans[2].volatility_bp == pytest.approx(PERPETUAL.volatility_bp, rel=1e-12)
    assert leans[4].volatility_bp == pytest.approx(OTHER.volatility_bp, rel=1e-12)
    assert leans[2].drift_bp == leans[4].drift_bp == 0.0


def test_what_a_market_is_told_is_the_gradient_of_the_whole_book() -> None:
    pair = a_pair(0.8)
    held = {2: 0.7, 4: -0.2}
    gradient = gradient_bp(pair.forms, np.array([0.0, 0.7, -0.2]), np.zeros(3))
    for place, market in enumerate((2, 4), start=1):
        own = -2.0 * pair.forms.risk_bp_per_m[place, place] * held[market]
        lean = pair.leans(held)[market]
        assert own + lean.drift_bp == pytest.approx(gradient[place], abs=1e-12)
        # A hedge next door makes each market less of a risk by itself.
        assert lean.volatility_bp is not None
        assert lean.volatility_bp < pair.parameters[place - 1].volatility_bp
    assert pair.leans({2: 1.0})[4].drift_bp < 0.0, "held here is a reason to sell there"


def test_a_desk_with_neighbours_moves_one_markets_curve_by_anothers_inventory() -> None:
    parameters = {2: PERPETUAL, 4: OTHER}
    alone = Desk(Curve, 1.0, parameters)
    beside = Desk(Curve, 1.0, parameters, neighbours=a_pair(0.8))
    flat, long = a_state(0, 0), a_state(MILLION_E8, 0)
    assert alone.curves(long, 0)[4] == alone.curves(flat, 0)[4]
    before, after = beside.curves(flat, 0)[4], beside.curves(long, 0)[4]
    # It sells more and buys less at every price, and its two prices of doing nothing come down.
    for price_e8 in before.prices_e8:
        assert after.sale_e8(price_e8) >= before.sale_e8(price_e8)
    idle = [
        [price for price, sale in zip(curve.prices_e8, curve.sales_e8, strict=True) if sale == 0]
        for curve in (before, after)
    ]
    assert all(down < up for up, down in zip(*idle, strict=True))
    unrelated = Desk(Curve, 1.0, parameters, neighbours=a_pair(0.0))
    assert unrelated.curves(long, 0) == alone.curves(long, 0)


def test_a_market_nobody_named_is_left_upright() -> None:
    named = Desk(Curve, 1.0, neighbours=neighbours({2: PERPETUAL}, ((1.0,),)))
    plain = Desk(Curve, 1.0)
    state = a_state(MILLION_E8, MILLION_E8)
    assert named.curves(state, 0)[4] == plain.curves(state, 0)[4]


def test_neighbours_that_cannot_be_minded_together_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one market"):
        neighbours({}, ())
    with pytest.raises(ValueError, match=r"risk_aversion \(per bp M\) must be one figure"):
        a_pair(0.5, SPOT_FX)
    with pytest.raises(ValueError, match="correlation must be 2 by 2"):
        neighbours({1: PERPETUAL, 2: OTHER}, ((1.0,),))
