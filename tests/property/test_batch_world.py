# SPDX-License-Identifier: Apache-2.0
"""The simulated auction is the venue's: batch by batch, to the lot, whatever the rule and curve."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from infold.bench.brute import BruteMarket, BruteOrder, brute_clear
from infold.core.auction import FILL_OR_KILL, AuctionMarket, Orders, clear, prepare
from infold.core.crossing.places import BUY, FIRST, LAST
from infold.core.curve import Curve, CurveBounds, clip
from infold.dealer.corners import corners, integer_corners
from infold.dealer.knots import far_knots, ladder_knots
from infold.dealer.lines import Line, bent_line, straight, thin_line
from infold.dealer.params import LOTS_TIMES_PRICE_OF_A_MILLION, SPOT_FX
from infold.research.simulation.batches_auction import BALANCED, FREE, RULED, clear_batch, room_for
from infold.research.simulation.batches_price import EXECUTED, RESIDUAL, TICK_OF, meet_one

ORACLE = 10_000


def some_bounds(draw: random.Random) -> CurveBounds:
    cap = draw.choice([5, 60, 10**6])
    return CurveBounds(
        oracle_price_e8=ORACLE,
        h_min_e6=draw.choice([0, 300, 2_000]),
        h0_e6=draw.choice([0, 1_000, 20_000]),
        band_e6=draw.choice([4_000, 50_000]),
        slope_e20=draw.choice([0, 10**16, 10**17]),
        residual_cap_e8=cap,
        position_cap_e8=cap * draw.choice([1, 2]),
        pool_base_e8=draw.choice([0, 0, 4, -7, cap]),
    )


def some_curve(draw: random.Random) -> Curve:
    price, sale = ORACLE - draw.randint(1, 150), -draw.randint(0, 60)
    prices, sales = [], []
    for _ in range(draw.randint(0, 6)):
        prices.append(price)
        sales.append(sale)
        price += draw.randint(1, 80)
        sale += draw.choice([0, draw.randint(0, 40)])
    return Curve(tuple(prices), tuple(sales))


def some_orders(draw: random.Random) -> list[tuple[int, int, int]]:
    """(side, limit tick, lots), with many limits alike."""
    spread = draw.choice([2, 15, 200])
    buying = draw.choice([0.5, 0.85, 0.15])
    return [
        (
            1 if draw.random() < buying else -1,
            ORACLE + draw.randint(-spread, spread),
            draw.randint(1, draw.choice([5, 40])),
        )
        for _ in range(draw.choice([1, 1, 2, 3, 6, 25]))
    ]


def simulated(
    rule: np.ndarray,
    width: np.ndarray,
    curve: Curve,
    orders: list[tuple[int, int, int]],
    pricing: int,
    whole: bool = False,
) -> tuple[int, int, list[int], int]:
    """Price, residual, fills and crossed lots of the simulation's clearing."""
    room = room_for(len(orders))
    room.side[:], room.tick[:], room.lots[:] = np.array(orders).T
    best = np.zeros(5, np.int64)
    knots = np.array(curve.prices_e8, np.int64), np.array(curve.sales_e8, np.int64)
    crossed = clear_batch(rule, width, *knots, *room, len(orders), pricing, whole, best)
    price = int(best[TICK_OF]) if best[EXECUTED] else 0
    return price, int(best[RESIDUAL]), room.fill.tolist(), crossed


@pytest.mark.parametrize("whole", [False, True])
def test_a_ruled_batch_equals_the_venues_auction(whole: bool) -> None:
    draw = random.Random(f"ruled {whole}")
    traded = residuals = 0
    for turn in range(1_500):
        bounds = some_bounds(draw)
        curve = clip(some_curve(draw), bounds, 1)
        orders = some_orders(draw)
        markets = prepare([AuctionMarket(bounds, 1, curve)])
        count = len(orders)
        flags = [(BUY if side > 0 else 0) | (FILL_OR_KILL if whole else 0) for side, _, _ in orders]
        hashes = np.zeros((count, 4), np.uint64)
        hashes[:, 3] = np.arange(count)
        venue = clear(
            Orders(
                np.zeros(count, np.int32),
                np.zeros(count, np.int32),
                np.array(flags, np.uint8),
                np.array([lots for _, _, lots in orders], np.int64),
                np.array([tick for _, tick, _ in orders], np.int64),
                hashes,
            ),
            markets,
            1,
        )
        rule = markets.rules[0].copy()
        band = ORACLE * bounds.band_e6 // 10**6
        rule[FIRST], rule[LAST] = ORACLE - band, ORACLE + band  # as the batch world has it
        price, residual, fills, _ = simulated(rule, markets.widths[0], curve, orders, RULED, whole)
        found = int(venue.price_e8[0]), int(venue.residual_e8[0]), venue.fill_e8.tolist()
        assert (price, residual, fills) == found, f"turn {turn}: {bounds} {curve} {orders}"
        traded += price > 0
        residuals += residual != 0
    assert traded > 300 and residuals > 100


def test_a_free_batch_is_the_best_of_all_ticks() -> None:
    """The same preferences without the rule, every tick tried."""
    draw = random.Random("free")
    sides = 0
    for turn in range(600):
        curve, orders = some_curve(draw), some_orders(draw)
        if draw.random() < 0.4:  # windows and caps, as a least spread and a limit make them
            curve = replace(
                curve,
                sell_from_e8=ORACLE + draw.randint(-40, 40),
                buy_to_e8=ORACLE + draw.randint(-40, 40),
                sale_e8_min=-draw.choice([0, 3, 10**6]),
                sale_e8_max=draw.choice([0, 3, 10**6]),
            )
        bounds = CurveBounds(ORACLE, 0, 900_000, 900_000, 0, 10**9, 10**9, 0)
        markets = prepare([AuctionMarket(bounds, 1, curve)])
        rule = markets.rules[0].copy()
        rule[FIRST], rule[LAST] = ORACLE - 400, ORACLE + 400
        price, residual, _, _ = simulated(rule, markets.widths[0], curve, orders, FREE)
        best = None
        for tick in range(ORACLE - 400, ORACLE + 401):
            buys = sum(lots for side, limit, lots in orders if side > 0 and limit >= tick)
            sells = sum(lots for side, limit, lots in orders if side < 0 and limit <= tick)
            net, sale = buys - sells, curve.sale_e8(tick)
            met = min(abs(net), abs(sale)) * (net > 0) if net * sale > 0 else 0
            if net < 0 and sale < 0:
                met = -min(-net, -sale)
            executed = 2 * min(buys, sells) + abs(met)
            rank = (-executed, abs(net - sale), abs(tick - ORACLE), tick, met)
            if executed and (best is None or rank < best):
                best = rank
        assert (price, residual) == ((best[3], best[4]) if best else (0, 0)), f"turn {turn}"
        sides += residual * (price - ORACLE) < 0
    assert sides > 20, "the dealer traded on the other side of the oracle price too"


def test_one_whole_order_is_met_as_any_batch_is() -> None:
    draw = random.Random("one")
    traded = 0
    for _ in range(800):
        curve, order = some_curve(draw), some_orders(draw)[:1]
        if draw.random() < 0.3:
            curve = replace(curve, sell_from_e8=ORACLE + 9, sale_e8_max=draw.choice([3, 50]))
        bounds = CurveBounds(ORACLE, 0, 900_000, 900_000, 0, 10**9, 10**9, 0)
        markets = prepare([AuctionMarket(bounds, 1, curve)])
        rule = markets.rules[0].copy()
        rule[FIRST], rule[LAST] = ORACLE - 400, ORACLE + 400
        price, residual, fills, _ = simulated(rule, markets.widths[0], curve, order, FREE, True)
        best = np.zeros(5, np.int64)
        knots = np.array(curve.prices_e8, np.int64), np.array(curve.sales_e8, np.int64)
        meet_one(rule, *knots, *order[0], best)
        found = (best[TICK_OF], best[RESIDUAL], [best[EXECUTED]])
        assert found == ((price, residual, fills) if price else (0, 0, [0]))
        traded += price > 0
    assert traded > 150


def test_a_balanced_batch_trades_the_curve_at_its_price() -> None:
    draw = random.Random("balanced")
    met = 0
    for _ in range(600):
        curve, orders = some_curve(draw), some_orders(draw)
        bounds = CurveBounds(ORACLE, 0, 900_000, 900_000, 0, 10**9, 10**9, 0)
        markets = prepare([AuctionMarket(bounds, 1, curve)])
        rule = markets.rules[0].copy()
        rule[FIRST], rule[LAST] = ORACLE - 400, ORACLE + 400
        price, residual, fills, crossed = simulated(
            rule, markets.widths[0], curve, orders, BALANCED
        )
        if not price:
            continue
        met += 1
        bought = sum(fill for fill, (side, _, _) in zip(fills, orders, strict=True) if side > 0)
        assert bought - (sum(fills) - bought) == residual
        assert crossed == min(bought, sum(fills) - bought)
        # Nobody with a better limit than the price goes short.
        for fill, (side, limit, lots) in zip(fills, orders, strict=True):
            assert fill <= lots and (fill == 0 or side * (limit - price) >= 0)
        # Between what the curve sells just below and at this price.
        assert curve.sale_e8(price - 1) <= residual <= curve.sale_e8(price + 1)
    assert met > 200


def test_a_batch_is_also_what_brute_force_says() -> None:
    """Once more against the plain auction that shares no line with either."""
    draw = random.Random("brute")
    for _ in range(150):
        bounds, curve, orders = some_bounds(draw), some_curve(draw), some_orders(draw)
        markets = prepare([AuctionMarket(bounds, 1, clip(curve, bounds, 1))])
        knots = tuple(zip(curve.prices_e8, curve.sales_e8, strict=True))
        brute = brute_clear(
            BruteMarket(
                ORACLE, bounds.h_min_e6, bounds.h0_e6, bounds.band_e6, bounds.slope_e20,
                bounds.residual_cap_e8, bounds.position_cap_e8, bounds.pool_base_e8, False, 1,
                knots,
            ),
            [
                BruteOrder(side > 0, lots, tick, False, False, number.to_bytes(32, "big"))
                for number, (side, tick, lots) in enumerate(orders)
            ],
        )  # fmt: skip
        price, residual, fills, _ = simulated(
            markets.rules[0], markets.widths[0], clip(curve, bounds, 1), orders, RULED
        )
        assert (price, residual, fills) == (brute.price, brute.residual, list(brute.fills))


def some_line(draw: random.Random) -> Line:
    if draw.random() < 0.5:
        return bent_line(SPOT_FX, draw.choice([0.0, 0.3, 1.0]), draw.uniform(1e-4, 0.2), 0.01)
    return draw.choice([thin_line(SPOT_FX), straight(draw.uniform(0.0, 3.0), 0.02, 0.01)])


def test_the_loops_curve_is_the_desks() -> None:
    """Corners on ticks and lots, compiled for the loop and plain for the desk: one curve."""
    draw = random.Random("corners")
    kept = 0
    for turn in range(400):
        line = some_line(draw)
        oracle = draw.choice([10**7, 10**9, 6 * 10**12, 123_456_789])
        tick = draw.choice([1, 10, max(1, oracle // 10**5)])
        offer, drift = draw.choice([0.2, 10.0, 100.0]), draw.uniform(-2.0, 2.0)
        lots_per_m = LOTS_TIMES_PRICE_OF_A_MILLION / oracle
        inventory_e8 = int(draw.uniform(-40.0, 40.0) * lots_per_m)
        wanted = ladder_knots(line, offer, inventory_e8, oracle, tick, drift)
        room = 2 * len(line.prices_bp) + 4
        offsets, sales = np.empty(room), np.empty(room)
        prices, lots = np.empty(room, np.int64), np.empty(room, np.int64)
        held = inventory_e8 * oracle / LOTS_TIMES_PRICE_OF_A_MILLION
        centre = line.signal * drift - line.skew_bp_per_m * held
        known = corners(*line.columns, line.slope_bp_per_m, centre, offer, offsets, sales)
        count = integer_corners(
            offsets, sales, known, float(oracle), float(tick), lots_per_m, prices, lots
        )
        assert (tuple(prices[:count].tolist()), tuple(lots[:count].tolist())) == wanted, turn
        asked = [sale * lots_per_m for sale in sales[:known].tolist()]
        far = far_knots(offsets[:known].tolist(), asked, oracle, tick, True)
        assert (tuple(far[0]), tuple(far[1])) == wanted, turn
        kept += count
    assert kept > 2_000
