# SPDX-License-Identifier: Apache-2.0
"""The desk: what the dealer commits to, before a batch closes and without seeing an order.

A curve is a function of inventory, the last known oracle price, the parameters, the interval and
signals from batches that are over, and of nothing else: a dealer that saw limits first could charge
each client its own. Whoever closes the batch journals `curve_hash` before it asks for the batch's
prices.

The desk imports neither the engine's state nor its curve: it reads markets through the protocols
below and makes curves with the function it is given, so one desk serves the node and the backtest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

import numpy as np
from tiny_keccak import keccak256

from infold.dealer import checks
from infold.dealer.corners import BP, corners
from infold.dealer.lines import Line, batch_line
from infold.dealer.params import (
    LOTS_TIMES_PRICE_OF_A_MILLION,
    OFFER_E8_MAX,
    PERPETUAL,
    DealerParameters,
)
from infold.units import Rounding, from_floats

PRICE_E8_MAX: Final = 2**53
_MOST: Final = checks.FIGURE_MAX

CurveT = TypeVar("CurveT")


class CurveLike(Protocol):
    """The parts of a curve that decide what it sells where."""

    @property
    def prices_e8(self) -> tuple[int, ...]: ...
    @property
    def sales_e8(self) -> tuple[int, ...]: ...
    @property
    def sell_from_e8(self) -> int: ...
    @property
    def buy_to_e8(self) -> int: ...
    @property
    def sale_e8_min(self) -> int: ...
    @property
    def sale_e8_max(self) -> int: ...


class PricedClock(Protocol):
    """A market's clock: its last settled oracle price, zero before the first batch."""

    @property
    def price_e8(self) -> int: ...


class PoolSide(Protocol):
    """A market's pool: signed base in lots."""

    @property
    def base_e8(self) -> int: ...


class Listed(Protocol):
    """A market's listing: its tick."""

    @property
    def tick_e8(self) -> int: ...


class Terms(Protocol):
    """A market's parameters at some time."""

    @property
    def listing(self) -> Listed: ...


class MarketLike(Protocol):
    """A market as the engine keeps it."""

    @property
    def clock(self) -> PricedClock: ...
    @property
    def pool(self) -> PoolSide: ...
    def at(self, time_ms: int, /) -> Terms: ...


MarketT = TypeVar("MarketT", bound=MarketLike)


class StateLike(Protocol[MarketT]):
    """The engine's state, as far as a dealer may look. `prices_e8` are the latest vector's."""

    markets: dict[int, MarketT]
    prices_e8: dict[int, int]


@dataclass(frozen=True, slots=True)
class Lean:
    """What other markets' inventories ask of one: `commit`'s arguments of these names.

    `ValueError` names the one that is no figure.
    """

    volatility_bp: float | None
    drift_bp: float

    def __post_init__(self) -> None:
        if self.volatility_bp is not None:
            checks.positive("volatility_bp", self.volatility_bp, "bp per root day")
        checks.number("drift_bp", self.drift_bp, "bp")


UPRIGHT: Final = Lean(None, 0.0)
"""A market that looks at no other."""


class NeighboursLike(Protocol):
    """Markets that look at each other's inventories (M, by id): `neighbours.Neighbours`."""

    def leans(self, inventories_m: Mapping[int, float], /) -> Mapping[int, Lean]: ...


class Signal(NamedTuple):
    """What a market's next curve goes by: `commit`'s arguments of these names."""

    volatility_bp: float | None
    half_spread_bp_min: float
    drift_bp: float


SILENT: Final = Signal(None, 0.0, 0.0)
"""The parameters alone."""


class Tiers(NamedTuple):
    """What accounts pay in the end, in parts of what a market asks: `raised_e6` by account over
    `top_e6`, and `lowest_e6` over it for every other account.
    """

    top_e6: int
    lowest_e6: int
    raised_e6: Mapping[int, int]


class FillLike(Protocol):
    """What one order received in a batch."""

    @property
    def account(self) -> int: ...
    @property
    def market(self) -> int: ...
    @property
    def buy(self) -> bool: ...
    @property
    def size_e8(self) -> int: ...
    @property
    def price_e8(self) -> int: ...


class SignalsLike(Protocol):
    """What the venue has seen so far, told as it happens: `signals.Signals`.

    `faults` counts by market and name what was refused.
    """

    @property
    def faults(self) -> Mapping[tuple[int, str], int]: ...
    def priced(self, time_ms: int, prices_e8: Mapping[int, int], /) -> None: ...
    def traded(self, time_ms: int, fills: Iterable[FillLike], /) -> None: ...
    def hedged(self, market: int, time_ms: int, impact_bp: float, /) -> None: ...
    def signal(
        self,
        market: int,
        parameters: DealerParameters,
        interval_s: float,
        time_ms: int,
        held_m: float,
        /,
    ) -> Signal: ...
    def tiers(self, time_ms: int, /) -> Tiers: ...
    def marked_e8(self, market: int, time_ms: int, /) -> int: ...
    def refuse(self, market: int, name: str, /) -> None: ...


def curve_hash(curve: CurveLike) -> bytes:
    """Keccak-256 of a curve's figures, each as a 32-byte two's complement word.

    Words: number of knots, each price and sale in turn, sell_from, buy_to, smallest and largest
    sale.
    """
    figures = [len(curve.prices_e8)]
    for price_e8, sale_e8 in zip(curve.prices_e8, curve.sales_e8, strict=True):
        figures += (price_e8, sale_e8)
    figures += (curve.sell_from_e8, curve.buy_to_e8, curve.sale_e8_min, curve.sale_e8_max)
    words = b"".join(figure.to_bytes(32, "big", signed=True) for figure in figures)
    return keccak256(words)


class Desk(Generic[CurveT]):
    """Commits one curve a market.

    `make_curve(prices_e8, sales_e8)` builds the engine's curve; `parameters` are by market id,
    `default` serves the others; `interval_s` is the batch interval. With `neighbours` the curves of
    one moment also lean on each other's inventories. `half_spreads_bp_min` are by market id too:
    what `staleness.half_spread_min_bp` found, infinite for a market that is better not quoted. With
    `signals`, which whoever closes batches keeps told, curves follow what the venue has seen.
    """

    def __init__(
        self,
        make_curve: Callable[[tuple[int, ...], tuple[int, ...]], CurveT],
        interval_s: float,
        parameters: Mapping[int, DealerParameters] | None = None,
        default: DealerParameters = PERPETUAL,
        neighbours: NeighboursLike | None = None,
        half_spreads_bp_min: Mapping[int, float] | None = None,
        signals: SignalsLike | None = None,
    ) -> None:
        checks.positive("interval_s", interval_s, "seconds")
        self._make_curve = make_curve
        self._interval_s = interval_s
        self._parameters = dict(parameters or {})
        self._default = default
        self._lines: dict[int, tuple[tuple[float, float | None, float], Line]] = {}
        self._neighbours = neighbours
        self.signals = signals
        self._half_spreads_bp_min = dict(half_spreads_bp_min or {})
        for market, least_bp in self._half_spreads_bp_min.items():
            if not least_bp >= 0.0:
                raise ValueError(
                    f"half_spreads_bp_min of market {market} must not be below zero bp,"
                    f" not {least_bp!r}"
                )

    def commit(
        self,
        market: int,
        inventory_e8: int,
        oracle_price_e8: int,
        tick_e8: int,
        volatility_bp: float | None = None,
        interval_s: float | None = None,
        drift_bp: float = 0.0,
        half_spread_bp_min: float = 0.0,
    ) -> CurveT:
        """The curve for one market: how much it sells at which price.

        `inventory_e8` is the pool's signed base, `volatility_bp` a forecast per root day in place
        of the parameter, `drift_bp` the predicted move of the oracle price; the half-spread is the
        market's least or `half_spread_bp_min`, if that is more. Knots lie on ticks, rounded so that
        the dealer never trades at a worse price than the model's.
        """
        parameters = self._parameters.get(market, self._default)
        interval = self._interval_s if interval_s is None else interval_s
        least_bp = max(half_spread_bp_min, self._half_spreads_bp_min.get(market, 0.0))
        if math.isinf(least_bp):
            return self._make_curve((), ())
        line = self._line(market, parameters, interval, volatility_bp, least_bp)
        prices_e8, sales_e8 = ladder_knots(
            line, parameters.offer_m_max, inventory_e8, oracle_price_e8, tick_e8, drift_bp
        )
        return self._make_curve(prices_e8, sales_e8)

    def _line(
        self,
        market: int,
        parameters: DealerParameters,
        interval_s: float,
        volatility_bp: float | None,
        least_bp: float,
    ) -> Line:
        """The market's line; made anew only when interval, forecast or least have changed."""
        asked = (interval_s, volatility_bp, least_bp)
        known = self._lines.get(market)
        if known is None or known[0] != asked:
            checks.not_negative("half_spread_bp_min", least_bp, "bp")
            line = batch_line(parameters, interval_s, volatility_bp).at_least(least_bp)
            known = self._lines[market] = (asked, line)
        return known[1]

    def curves(self, state: StateLike[MarketT], time_ms: int) -> dict[int, CurveT]:
        """A curve for each market that any vector has priced, around its latest price.

        Not the last settled one: a market would wait for its first trade to get a dealer, and for a
        dealer to get its first trade.
        """
        prices_e8 = {
            number: state.prices_e8.get(number, market.clock.price_e8)
            for number, market in sorted(state.markets.items())
        }
        priced = {number: price_e8 for number, price_e8 in prices_e8.items() if price_e8 > 0}
        leans: Mapping[int, Lean] = {}
        if self._neighbours is not None:
            leans = self._neighbours.leans(
                {
                    number: inventory_m(state.markets[number].pool.base_e8, price_e8)
                    for number, price_e8 in priced.items()
                }
            )
        curves: dict[int, CurveT] = {}
        for number, price_e8 in priced.items():
            market = state.markets[number]
            place = _Place(
                number, market.pool.base_e8, price_e8, market.at(time_ms).listing.tick_e8
            )
            lean = leans.get(number, UPRIGHT)
            curves[number] = (
                self._leaning(place, lean, SILENT)
                if self.signals is None
                else self._following(place, lean, self.signals, time_ms)
            )
        return curves

    def _following(self, place: _Place, lean: Lean, signals: SignalsLike, time_ms: int) -> CurveT:
        """The curve by the signals, or by the parameters if no curve comes of them."""
        market = place.market
        parameters = self._parameters.get(market, self._default)
        try:
            held_m = inventory_m(place.inventory_e8, place.oracle_price_e8)
            found = signals.signal(market, parameters, self._interval_s, time_ms, held_m)
            return self._leaning(place, lean, _sound(market, found, signals))
        except (ValueError, ArithmeticError):
            signals.refuse(market, "signal")
            return self._leaning(place, lean, SILENT)

    def _leaning(self, place: _Place, lean: Lean, signal: Signal) -> CurveT:
        volatility_bp = lean.volatility_bp
        if signal.volatility_bp is not None:
            volatility_bp = signal.volatility_bp
            if lean.volatility_bp is not None:
                standing_bp = self._parameters.get(place.market, self._default).volatility_bp
                volatility_bp *= lean.volatility_bp / standing_bp
        return self.commit(
            *place,
            volatility_bp=volatility_bp,
            drift_bp=lean.drift_bp + signal.drift_bp,
            half_spread_bp_min=signal.half_spread_bp_min,
        )


class _Place(NamedTuple):
    """`commit`'s first arguments."""

    market: int
    inventory_e8: int
    oracle_price_e8: int
    tick_e8: int


def _sound(market: int, found: Signal, signals: SignalsLike) -> Signal:
    """The signal, with whatever is no figure left out and counted. A half-spread may be infinite:
    no quote.
    """
    volatility_bp, least_bp, drift_bp = found
    if volatility_bp is not None and not (math.isfinite(volatility_bp) and volatility_bp > 0.0):
        signals.refuse(market, "volatility_bp")
        volatility_bp = SILENT.volatility_bp
    if not least_bp >= 0.0:
        signals.refuse(market, "half_spread_bp_min")
        least_bp = SILENT.half_spread_bp_min
    if not math.isfinite(drift_bp):
        signals.refuse(market, "drift_bp")
        drift_bp = SILENT.drift_bp
    return Signal(volatility_bp, least_bp, drift_bp)


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
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Prices and sales of the line's corners in integers, knots that fall together dropped.

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
    count = corners(
        markups_bp, prices_bp, line.slope_bp_per_m, centre_bp, offer_m_max, offsets_bp, sales_m
    )
    lots_per_m = LOTS_TIMES_PRICE_OF_A_MILLION / oracle_price_e8
    prices = [oracle_price_e8 * (1.0 + offset_bp * BP) for offset_bp in offsets_bp[:count].tolist()]
    sales = [sale_m * lots_per_m for sale_m in sales_m[:count].tolist()]
    # Corners rise, so the two ends say whether any lies beyond what a curve can hold.
    if prices[0] < 0.0 or prices[-1] > PRICE_E8_MAX:
        prices = [
            min(max(price, 0.0), float(PRICE_E8_MAX)) if math.isfinite(price) else price
            for price in prices
        ]
    if sales[-1] > OFFER_E8_MAX:
        sales = [min(max(sale, -OFFER_E8_MAX), OFFER_E8_MAX) for sale in sales]
    kink = sales.index(0.0) + 1  # purchases up to here, each at its corner or below
    ticks = [price / tick_e8 for price in prices]
    numbers = from_floats(ticks[:kink], Rounding.DOWN) + from_floats(ticks[kink:], Rounding.UP)
    prices_e8: list[int] = []
    sales_e8: list[int] = []
    for number, sale_e8 in zip(numbers, from_floats(sales, Rounding.TRUNC), strict=True):
        price_e8 = min(number * tick_e8, PRICE_E8_MAX)
        if not prices_e8 or prices_e8[-1] != price_e8:
            prices_e8.append(price_e8)
            sales_e8.append(sale_e8)
        elif abs(sale_e8) < abs(sales_e8[-1]):
            sales_e8[-1] = sale_e8  # of two corners at one price the one nearer to no trade stays
    return tuple(prices_e8), tuple(sales_e8)
