# SPDX-License-Identifier: Apache-2.0
"""The dealer's curve, and the rule of the pool that bounds it, in exact integers.

A `Curve` says how much the dealer sells at each uniform price P, before the batch closes. A
`CurveBounds` holds what docs/protocol.md section 5.6 reads of one market: `fault` is that rule to
the letter, `clip` brings a curve inside it.

The rule bounds a pair (P, R) from four sides: P lies at least `h_min` on the pool's own side of the
oracle price O, R inside the caps, and P no further out than an upper end *that rises with R*. The
first three bound R at a given P from above and are cut here, once. The last bounds R at a given P
from below: a dealer that wants more than the rule lets it ask for so few lots does not trade at
that P at all. Nothing forces it to sell more than it offered, so the curve stays as it is there,
and `offer_e8` is zero. The auction asks the rule again for the residual it executes, since that
may be less than the whole offer.

What must change together: `fault` here, `contracts/modules/pricing.vy`, `within_bound` in
`core/crossing/offering.py`, `tests/vectors/curve.json`, and the twin.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, replace
from operator import le, lt
from typing import Final

from infold.units import QUOTE_DIVISOR

LOTS_E8_MAX: Final = 2**61 - 1
"""Most lots on one side of one market in one batch, so that two sides and a residual add up inside
63 bits. It is 4.6e10 whole units, above every cap a governed market carries."""
PRICE_E8_MAX: Final = 2**53
"""Largest price, as for limits (`units.PRICE_E8_MAX`): every price is then exact in a float."""

OUTSIDE_BAND: Final = "clearing: price outside band"
WRONG_SIDE: Final = "clearing: price on the wrong side"
BEYOND_CURVE: Final = "clearing: price beyond curve"
RESIDUAL_CAP: Final = "clearing: residual cap"
POOL_CAP: Final = "clearing: pool cap"
LOSS_METER: Final = "clearing: loss meter"

_E6: Final = 10**6
_E14: Final = 10**14
_E20: Final = 10**20


@dataclass(frozen=True, slots=True)
class Curve:
    """R(P): the dealer's signed sale in lots at uniform price P; negative where it buys.

    `sales_e8` are taken at `prices_e8` (strictly ascending), joined by straight lines, rounded
    toward minus infinity, and flat outside. Then the windows and caps cut: no sale below
    `sell_from_e8`, no purchase above `buy_to_e8`, never outside `sale_e8_min..sale_e8_max`
    (zero lies inside). Cutting so, rather than by new knots, keeps the result exact.
    No knots means no dealer. `ValueError` if the curve falls or its parts do not fit.
    """

    prices_e8: tuple[int, ...]
    sales_e8: tuple[int, ...]
    sell_from_e8: int = 0
    buy_to_e8: int = PRICE_E8_MAX
    sale_e8_min: int = -LOTS_E8_MAX
    sale_e8_max: int = LOTS_E8_MAX

    def __post_init__(self) -> None:
        prices, sales = self.prices_e8, self.sales_e8
        if len(prices) != len(sales):
            raise ValueError("a curve needs one sale a price")
        if any(map(le, prices[1:], prices)):
            raise ValueError("a curve's prices must rise strictly")
        if any(map(lt, sales[1:], sales)):
            raise ValueError("a curve's sales must not fall as the price rises")
        if prices and not 0 <= prices[0] <= prices[-1] <= PRICE_E8_MAX:
            raise ValueError(f"a curve's prices must lie within 0..{PRICE_E8_MAX}")
        if sales and not -LOTS_E8_MAX <= sales[0] <= sales[-1] <= LOTS_E8_MAX:
            raise ValueError(f"a curve's sales must lie within ±{LOTS_E8_MAX} lots")
        if not -LOTS_E8_MAX <= self.sale_e8_min <= 0 <= self.sale_e8_max <= LOTS_E8_MAX:
            raise ValueError("a curve's caps must enclose zero")

    def sale_e8(self, price_e8: int) -> int:
        """R(P) at one price."""
        prices, sales = self.prices_e8, self.sales_e8
        if not prices:
            return 0
        right = bisect_right(prices, price_e8)
        if right == 0:
            sale = sales[0]
        elif right == len(prices):
            sale = sales[-1]
        else:
            run = prices[right] - prices[right - 1]
            rise = sales[right] - sales[right - 1]
            sale = sales[right - 1] + rise * (price_e8 - prices[right - 1]) // run
        if (sale > 0 and price_e8 < self.sell_from_e8) or (sale < 0 and price_e8 > self.buy_to_e8):
            return 0
        return min(max(sale, self.sale_e8_min), self.sale_e8_max)

    def sample(self, prices_e8: list[int]) -> list[int]:
        """R(P) at each of `prices_e8`, for charts, reports and checks."""
        return [self.sale_e8(price_e8) for price_e8 in prices_e8]


NO_DEALER: Final = Curve((), ())
"""The curve of a dealer that stays out."""


@dataclass(frozen=True, slots=True)
class CurveBounds:
    """What the rule of one market reads in one batch; see docs/protocol.md sections 3 and 5.6.

    `pool_base_e8` is the pool's signed base before the batch, without `incoming`. `must_shrink` is
    the loss meter's answer for a batch in which the pool trades nothing: a residual at an
    admissible price only drains the meter, so that answer is never too kind. `allowance_e6` is what
    the pool may give back of its earned spread in a batch that shrinks it; None where it never
    trades inside `h_min`. The dealer does not: `clip` knows nothing of it.
    """

    oracle_price_e8: int
    h_min_e6: int
    h0_e6: int
    band_e6: int
    slope_e20: int
    residual_cap_e8: int
    position_cap_e8: int
    pool_base_e8: int
    must_shrink: bool = False
    allowance_e6: int | None = None


# -- the rule --------------------------------------------------------------------------------------


def fault(bounds: CurveBounds, price_e8: int, residual_e8: int) -> str | None:
    """The string `settle` reverts with for this price and pool sale, or None; §5.6 in its order."""
    oracle, pool = bounds.oracle_price_e8, bounds.pool_base_e8
    away = price_e8 - oracle
    if abs(away) * _E6 > oracle * bounds.band_e6:
        return OUTSIDE_BAND
    if residual_e8 == 0:
        if abs(away) * _E6 > oracle * bounds.h0_e6:
            return BEYOND_CURVE
    else:
        side = 1 if residual_e8 > 0 else -1
        if side * away * _E6 < oracle * bounds.h_min_e6 and not _rebated(
            bounds, side * away, residual_e8
        ):
            return WRONG_SIDE
        bend = bounds.slope_e20 * max(0, side * (residual_e8 - 2 * pool)) // 2
        if side * away * _E20 > oracle * ((bounds.h_min_e6 + bounds.h0_e6) * _E14 + bend):
            return BEYOND_CURVE
    after = pool - residual_e8
    if abs(residual_e8) > bounds.residual_cap_e8:
        return RESIDUAL_CAP
    if abs(after) > bounds.position_cap_e8 and abs(after) > abs(pool):
        return POOL_CAP
    if bounds.must_shrink and residual_e8 != 0 and not _shrinks(pool, after):
        return LOSS_METER
    return None


def _shrinks(pool_e8: int, after_e8: int) -> bool:
    """Whether the pool comes no farther from zero, and not through it."""
    return abs(after_e8) <= abs(pool_e8) and after_e8 * pool_e8 >= 0


def _rebated(bounds: CurveBounds, lean_e8: int, residual_e8: int) -> bool:
    """Whether a price inside h_min, `lean_e8` on the pool's side of the oracle, is a rebate that it
    may give: to shrink, within h_min beyond the oracle, and out of its allowance.
    """
    pool = bounds.pool_base_e8
    if bounds.allowance_e6 is None or not _shrinks(pool, pool - residual_e8):
        return False
    given_e8 = max(0, -lean_e8)
    within = given_e8 * _E6 <= bounds.oracle_price_e8 * bounds.h_min_e6
    return within and given_e8 * abs(residual_e8) <= bounds.allowance_e6 * QUOTE_DIVISOR


def admissible(bounds: CurveBounds, price_e8: int, residual_e8: int) -> bool:
    """Whether `settle` would take this price and pool sale."""
    return fault(bounds, price_e8, residual_e8) is None


def offer_e8(bounds: CurveBounds, curve: Curve, price_e8: int) -> int:
    """What the dealer trades at most at this price: R(P) if the rule admits it, else nothing."""
    sale_e8 = curve.sale_e8(price_e8)
    return sale_e8 if admissible(bounds, price_e8, sale_e8) else 0


# -- clipping --------------------------------------------------------------------------------------


def clip(curve: Curve, bounds: CurveBounds, tick_e8: int) -> Curve:
    """`curve` with the rule's side, caps and meter cut in, exactly.

    At every tick R(P) of the result is the largest sale (or purchase) that the rule admits and
    `curve` offers. Where there is none, because P lies beyond the rule's upper end for all that
    `curve` offers there, it stays at what `curve` offers (cut to the caps) and `offer_e8` is zero.
    """
    oracle = bounds.oracle_price_e8
    reach = -(-oracle * bounds.h_min_e6 // _E6)
    sell_from = -(-(oracle + reach) // tick_e8) * tick_e8
    buy_to = max(oracle - reach, 0) // tick_e8 * tick_e8
    return replace(
        curve,
        sell_from_e8=max(curve.sell_from_e8, sell_from),
        buy_to_e8=min(curve.buy_to_e8, buy_to),
        sale_e8_max=min(curve.sale_e8_max, _largest_e8(bounds, bounds.pool_base_e8)),
        sale_e8_min=max(curve.sale_e8_min, -_largest_e8(bounds, -bounds.pool_base_e8)),
    )


def price_limits(bounds: CurveBounds, curve: Curve, tick_e8: int) -> tuple[int, int]:
    """First and last tick between which a batch of this market may clear; empty if last < first.

    `curve` is the clipped one. Ticks inside may still be refused for the residual at hand.
    """
    oracle = bounds.oracle_price_e8
    band = oracle * bounds.band_e6 // _E6
    free = oracle * bounds.h0_e6 // _E6
    above, below = free, free
    if curve.sale_e8_max > 0:
        above = max(above, _upper_end_e8(bounds, 1, curve.sale_e8_max))
    if curve.sale_e8_min < 0:
        below = max(below, _upper_end_e8(bounds, -1, curve.sale_e8_min))
    highest = min(oracle + min(above, band), PRICE_E8_MAX - tick_e8)
    lowest = max(oracle - min(below, band), 1)
    return -(-lowest // tick_e8), highest // tick_e8


def _largest_e8(bounds: CurveBounds, pool_base_e8: int) -> int:
    """Largest sale the caps and the meter admit; with the pool's sign turned, the largest buy."""
    room = max(0, pool_base_e8 + max(bounds.position_cap_e8, pool_base_e8))
    if bounds.must_shrink:
        room = min(room, max(0, pool_base_e8))
    return min(room, bounds.residual_cap_e8)


def _upper_end_e8(bounds: CurveBounds, side: int, residual_e8: int) -> int:
    """How far from O the price may lie for this residual, whole price units, rounded down."""
    bend = bounds.slope_e20 * max(0, side * (residual_e8 - 2 * bounds.pool_base_e8)) // 2
    width_e20 = (bounds.h_min_e6 + bounds.h0_e6) * _E14 + bend
    return bounds.oracle_price_e8 * width_e20 // _E20
