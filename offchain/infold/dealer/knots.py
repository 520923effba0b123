# SPDX-License-Identifier: Apache-2.0
"""From a line to the knots of a curve: prices on ticks, sales in lots, both whole numbers."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats
from infold.dealer.corners import BP, corners, integer_corners
from infold.dealer.lines import Line
from infold.dealer.params import LOTS_TIMES_PRICE_OF_A_MILLION, OFFER_E8_MAX
from infold.units import Rounding, from_floats

PRICE_E8_MAX: Final = 2**53
_MOST: Final = checks.FIGURE_MAX


class Sides(NamedTuple):
    """What a curve buys and sells at most, and how far its centre may lie from the price."""

    bid_m: float
    ask_m: float
    reach_bp: float


def inventory_m(inventory_e8: int, oracle_price_e8: int) -> float:
    """Lots at a price not below zero as M of quote; `ValueError` names what is no figure."""
    if not (-_MOST <= inventory_e8 <= _MOST and 0 <= oracle_price_e8 <= _MOST):
        checks.number("inventory_e8", inventory_e8, "1e-8 of base")
        checks.not_negative("oracle_price_e8", oracle_price_e8, "1e-8 of quote")
    return inventory_e8 * oracle_price_e8 / LOTS_TIMES_PRICE_OF_A_MILLION


def ladder_knots(
    line: Line,
    offer_m_max: float,
    inventory_e8: int,
    oracle_price_e8: int,
    tick_e8: int,
    drift_bp: float = 0.0,
    sides: Sides | None = None,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Prices and sales of the line's corners in integers, knots that fall together dropped.

    With `sides` no more is bought or sold than they say, instead of `offer_m_max` either way, and
    the line's centre stays as near to the price as they say; a side of nothing has no knot.

    The dealer buys at or below a corner rounded down to a tick, and sells at or above one rounded
    up. Corners beyond what a curve can say are cut to 0..PRICE_E8_MAX and sales to OFFER_E8_MAX
    lots: a huge offer at a tiny price is a wide curve, not a fault. `ValueError` names what is no
    figure, and a price or a tick that is not above zero.
    """
    held_m = inventory_m(inventory_e8, oracle_price_e8)
    markups_bp, prices_bp = line.columns
    offsets_bp = np.empty(2 * len(prices_bp) + 4)
    sales_m = np.empty_like(offsets_bp)
    centre_bp = line.signal * drift_bp - line.skew_bp_per_m * held_m
    if sides is not None and abs(centre_bp) > sides.reach_bp:
        centre_bp = math.copysign(sides.reach_bp, centre_bp)
    if not (
        oracle_price_e8 > 0
        and 0 < tick_e8 <= _MOST
        and 0.0 <= offer_m_max <= _MOST
        and -_MOST <= centre_bp <= _MOST
    ):
        checks.positive("oracle_price_e8", oracle_price_e8, "1e-8 of quote")
        checks.positive("tick_e8", tick_e8, "1e-8 of quote")
        checks.not_negative("offer_m_max", offer_m_max, "M")
        checks.number("drift_bp", drift_bp, "bp")
        checks.number("the centre that inventory_e8 and drift_bp ask", centre_bp, "bp")
    if sides is None or sides.bid_m == sides.ask_m > 0.0:
        offer_m = offer_m_max if sides is None else sides.bid_m
        count = corners(
            markups_bp, prices_bp, line.slope_bp_per_m, centre_bp, offer_m, offsets_bp, sales_m
        )
    else:
        count = _uneven_corners(line, centre_bp, sides, offsets_bp, sales_m)
    if not count:
        return (), ()
    lots_per_m = LOTS_TIMES_PRICE_OF_A_MILLION / oracle_price_e8
    buys = sides is None or sides.bid_m > 0.0
    # Corners rise, so the two ends say whether any lies beyond what a curve can hold.
    last = count - 1
    bought_e8, sold_e8 = float(sales_m[0]) * lots_per_m, float(sales_m[last]) * lots_per_m
    if (
        oracle_price_e8 * (1.0 + float(offsets_bp[0]) * BP) >= 0.0
        and oracle_price_e8 * (1.0 + float(offsets_bp[last]) * BP) + tick_e8 <= PRICE_E8_MAX
        and -OFFER_E8_MAX <= bought_e8
        and sold_e8 <= OFFER_E8_MAX
    ):
        room = np.empty((2, count), np.int64)
        kept = integer_corners(
            offsets_bp,
            sales_m,
            count,
            float(oracle_price_e8),
            float(tick_e8),
            lots_per_m,
            room[0],
            room[1],
            0 if buys else 1,
        )
        prices_e8, sales_e8 = room[:, :kept].tolist()
    else:
        sales = [sale_m * lots_per_m for sale_m in sales_m[:count].tolist()]
        prices_e8, sales_e8 = far_knots(
            offsets_bp[:count].tolist(), sales, oracle_price_e8, tick_e8, buys
        )
    if sides is not None:
        _make_whole(prices_e8, sales_e8, inventory_e8, bought_e8, sold_e8, tick_e8)
    return tuple(prices_e8), tuple(sales_e8)


def far_knots(
    offsets_bp: list[float], sales: list[float], oracle_price_e8: int, tick_e8: int, buys: bool
) -> tuple[list[int], list[int]]:
    """`integer_corners` for corners no machine's integer holds, cut to what a curve does; the same
    where it holds them. `sales` are lots, the first of them a purchase if it `buys`.

    `ValueError` of what is no figure.
    """
    prices = [oracle_price_e8 * (1.0 + offset_bp * BP) for offset_bp in offsets_bp]
    if prices[0] < 0.0 or prices[-1] > PRICE_E8_MAX:
        prices = [
            min(max(price, 0.0), float(PRICE_E8_MAX)) if math.isfinite(price) else price
            for price in prices
        ]
    sales = [min(max(sale, -OFFER_E8_MAX), OFFER_E8_MAX) for sale in sales]
    # Purchases up to here, each at its corner or below.
    kink = sales.index(0.0) + 1 if buys else 0
    ticks = [price / tick_e8 for price in prices]
    numbers = from_floats(ticks[:kink], Rounding.DOWN) + from_floats(ticks[kink:], Rounding.UP)
    prices_e8 = [number * tick_e8 for number in numbers]
    return _apart(prices_e8, from_floats(sales, Rounding.TRUNC))


def _apart(at_e8: list[int], lots_e8: list[int]) -> tuple[list[int], list[int]]:
    """Knots of which no two share a price: of two corners at one the nearer to no trade stays."""
    prices_e8: list[int] = []
    sales_e8: list[int] = []
    for at, sale_e8 in zip(at_e8, lots_e8, strict=True):
        price_e8 = min(at, PRICE_E8_MAX)
        if not prices_e8 or prices_e8[-1] != price_e8:
            prices_e8.append(price_e8)
            sales_e8.append(sale_e8)
        elif abs(sale_e8) < abs(sales_e8[-1]):
            sales_e8[-1] = sale_e8
    return prices_e8, sales_e8


def _uneven_corners(
    line: Line, centre_bp: float, sides: Sides, offsets_bp: Floats, sales_m: Floats
) -> int:
    """The corners of two sides that offer different amounts; how many."""
    markups_bp, prices_bp = line.columns
    slope = line.slope_bp_per_m
    count = 0
    if sides.bid_m > 0.0:
        count = corners(
            markups_bp, prices_bp, slope, centre_bp, sides.bid_m, offsets_bp, sales_m, -1
        )
    if sides.ask_m > 0.0:
        rest_bp, rest_m = offsets_bp[count:], sales_m[count:]
        count += corners(markups_bp, prices_bp, slope, centre_bp, sides.ask_m, rest_bp, rest_m, 1)
    return count


def _make_whole(
    prices_e8: list[int],
    sales_e8: list[int],
    inventory_e8: int,
    bought_e8: float,
    sold_e8: float,
    tick_e8: int,
) -> None:
    """What reduces is offered to the last lot, and an end that fell on its neighbour's tick stands
    one tick further out.

    `bought_e8` and `sold_e8` are the ends as the model has them.
    """
    most = int(OFFER_E8_MAX)
    bought_e8, sold_e8 = int(bought_e8), int(sold_e8)
    wanted_e8 = min(max(sold_e8, inventory_e8), most)
    if wanted_e8 > sales_e8[-1]:
        if sales_e8[-1] >= sold_e8 > 0:  # the end is there, and a lot or so short
            sales_e8[-1] = wanted_e8
        elif prices_e8[-1] + tick_e8 <= PRICE_E8_MAX:
            prices_e8.append(prices_e8[-1] + tick_e8)
            sales_e8.append(wanted_e8)
    wanted_e8 = max(min(bought_e8, inventory_e8), -most)
    if wanted_e8 < sales_e8[0]:
        if sales_e8[0] <= bought_e8 < 0:
            sales_e8[0] = wanted_e8
        elif prices_e8[0] >= tick_e8:
            prices_e8.insert(0, prices_e8[0] - tick_e8)
            sales_e8.insert(0, wanted_e8)
