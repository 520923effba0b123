# SPDX-License-Identifier: Apache-2.0
"""The desk's committed curves: integers on ticks, inventory's skew, the hash."""

from __future__ import annotations

import math
from types import SimpleNamespace

import msgspec
import pytest

from infold.core.curve import Curve
from infold.dealer.desk import Desk
from infold.dealer.params import PERPETUAL, SPOT_FX

ORACLE = 60_000 * 10**8
TICK = 10**7


def a_desk() -> Desk[Curve]:
    """A desk at one batch a second."""
    return Desk(Curve, interval_s=1.0)


def test_commit_gives_a_ladder_around_the_oracle_price() -> None:
    curve = a_desk().commit(1, 0, ORACLE, TICK)
    prices, sales = curve.prices_e8, curve.sales_e8
    assert all(price % TICK == 0 for price in prices)
    assert (sales[0], sales[-1]) == (-16_666_666_666, 16_666_666_666)  # 10 M at 60,000
    bid, ask = (price for price, sale in zip(prices, sales, strict=True) if sale == 0)
    assert bid < ORACLE < ask
    # As far below as above, and as much.
    assert [low + high for low, high in zip(prices, reversed(prices), strict=True)] == (
        [2 * ORACLE] * len(prices)
    )
    assert list(sales) == [-sale for sale in reversed(sales)]


def test_inventory_moves_the_whole_curve_down_and_shortage_up() -> None:
    flat, long, short = (a_desk().commit(1, base, ORACLE, TICK) for base in (0, 10**10, -(10**10)))
    around = range(ORACLE - 600 * TICK, ORACLE + 601 * TICK, TICK)
    for price_e8 in around:
        assert short.sale_e8(price_e8) <= flat.sale_e8(price_e8) <= long.sale_e8(price_e8)
    assert short.sale_e8(ORACLE) <= 0 <= long.sale_e8(ORACLE)
    kinks = [curve.prices_e8[curve.sales_e8.index(0)] for curve in (short, flat, long)]
    assert kinks[0] > kinks[1] > kinks[2]


def test_drift_moves_the_curve_with_it() -> None:
    desk = Desk(Curve, interval_s=3_600.0)  # thick: a straight line follows the drift wholly
    flat, up = (desk.commit(1, 0, ORACLE, TICK, drift_bp=bp) for bp in (0.0, 5.0))
    for end in (0, -1):
        moved = up.prices_e8[end] - flat.prices_e8[end]
        assert abs(moved - ORACLE * 5 // 10_000) <= TICK
    thin = [a_desk().commit(1, 0, ORACLE, TICK, drift_bp=bp) for bp in (0.0, 5.0)]
    asks = [curve.prices_e8[curve.sales_e8.index(0) + 1] for curve in thin]
    assert 0 < asks[1] - asks[0] < ORACLE * 5 // 10_000


def test_knots_are_rounded_for_the_dealer_and_fall_together_on_a_coarse_tick() -> None:
    coarse = a_desk().commit(1, 0, ORACLE, 10**12)
    assert set(coarse.prices_e8) <= {50_000 * 10**8, ORACLE, 70_000 * 10**8}
    fine = a_desk().commit(1, 0, ORACLE, 1)
    ticked = a_desk().commit(1, 0, ORACLE, TICK)
    for price_e8 in range(ORACLE - 900 * TICK, ORACLE + 901 * TICK, 3 * TICK):
        exact, rounded = fine.sale_e8(price_e8), ticked.sale_e8(price_e8)
        # A sale is rounded down and a purchase away from zero, by the curve's own floor: one lot.
        assert abs(rounded) <= abs(exact) + 1, price_e8


def test_a_thick_batch_has_no_spread_of_its_own() -> None:
    desk = Desk(Curve, interval_s=3_600.0)
    curve = desk.commit(1, 0, ORACLE, TICK)
    assert curve.prices_e8[1] == ORACLE
    assert curve.sales_e8 == (-16_666_666_666, 0, 16_666_666_666)


def test_curves_serve_priced_markets_by_their_own_parameters() -> None:
    def market(price_e8: int) -> SimpleNamespace:
        terms = SimpleNamespace(listing=SimpleNamespace(tick_e8=1))
        return SimpleNamespace(
            clock=SimpleNamespace(price_e8=price_e8),
            pool=SimpleNamespace(base_e8=5),
            at=lambda time_ms: terms,
        )

    desk = Desk(Curve, interval_s=1.0, parameters={2: SPOT_FX})
    state = SimpleNamespace(
        markets={4: market(0), 3: market(ORACLE - 1), 2: market(10**8), 1: market(0)},
        prices_e8={4: ORACLE, 3: ORACLE},
    )
    curves = desk.curves(state, 1_000)
    assert list(curves) == [2, 3, 4], "a market that never traded is quoted once it has a price"
    assert curves[4] == Desk(Curve, 1.0, default=PERPETUAL).commit(4, 5, ORACLE, 1)
    assert curves[3] == Desk(Curve, 1.0, default=PERPETUAL).commit(3, 5, ORACLE, 1)
    assert curves[2] == Desk(Curve, 1.0, default=SPOT_FX).commit(2, 5, 10**8, 1)


def test_a_least_half_spread_widens_both_sides_and_an_infinite_one_is_no_quote() -> None:
    least_bp = 9.0
    wide = Desk(Curve, 1.0, half_spreads_bp_min={1: least_bp, 2: math.inf})
    idle = [
        price
        for curve in (a_desk().commit(1, 0, ORACLE, 1), wide.commit(1, 0, ORACLE, 1))
        for price, sale in zip(curve.prices_e8, curve.sales_e8, strict=True)
        if sale == 0
    ]
    bid, ask, wide_bid, wide_ask = idle
    assert wide_bid < bid < ask < wide_ask
    assert wide_ask - ORACLE == pytest.approx(ORACLE * least_bp * 1e-4, abs=1)
    assert ORACLE - wide_bid == pytest.approx(ORACLE * least_bp * 1e-4, abs=1)
    none = wide.commit(2, 10**10, ORACLE, 1)
    assert none.sale_e8(1) == none.sale_e8(2 * ORACLE) == 0
    assert wide.commit(3, 0, ORACLE, 1) == a_desk().commit(3, 0, ORACLE, 1)
    small = Desk(Curve, 1.0, half_spreads_bp_min={1: 1e-6})
    assert small.commit(1, 0, ORACLE, 1) == a_desk().commit(1, 0, ORACLE, 1)
    for wrong in (-1.0, math.nan):
        with pytest.raises(ValueError, match=r"half_spreads_bp_min of market 1 .* bp"):
            Desk(Curve, 1.0, half_spreads_bp_min={1: wrong})


def test_desk_refuses_an_interval_of_zero() -> None:
    with pytest.raises(ValueError, match=r"interval_s must be a positive number \(seconds\)"):
        Desk(Curve, interval_s=0.0)


def test_desk_refuses_a_model_gone_astray() -> None:
    with pytest.raises(ValueError, match=r"drift_bp must be a number \(bp\)"):
        a_desk().commit(1, 0, ORACLE, TICK, drift_bp=float("nan"))


@pytest.mark.parametrize("offer_m", [0.2, 1e3, 1e9, 1e18])
@pytest.mark.parametrize("price_e8", [1, 40_000, ORACLE, 2**53])
def test_a_huge_offer_at_any_price_is_a_curve_and_never_a_fault(
    offer_m: float, price_e8: int
) -> None:
    dealer = msgspec.structs.replace(PERPETUAL, offer_m_max=offer_m)
    for inventory_e8 in (0, 2**59, -(2**59)):
        curve = Desk(Curve, 1.0, {1: dealer}).commit(1, inventory_e8, price_e8, 1)
        assert curve.prices_e8[0] >= 0 and curve.prices_e8[-1] <= 2**53
        assert -(2**60) <= curve.sales_e8[0] <= 0 <= curve.sales_e8[-1] <= 2**60
