# SPDX-License-Identifier: Apache-2.0
"""The desk: what the dealer commits to, before a batch closes and without seeing an order.

A curve is a function of inventory, the pool's capital, the last known oracle price, the parameters,
the interval and signals from batches that are over, and of nothing else: a dealer that saw limits
first could charge each client its own. Whoever closes the batch journals the hash of its curves
before it asks for the batch's prices.

The desk imports neither the engine's state nor its curve: it reads markets through the protocols
of `venue.py` and makes curves with the function it is given, so one desk serves the node and the
backtest.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Generic, NamedTuple, Protocol, TypeVar

from infold.dealer import checks
from infold.dealer.capital import reach_bp
from infold.dealer.guarding import Allowance, CapitalGuard, Holding
from infold.dealer.knots import Sides
from infold.dealer.knots import inventory_m as inventory_m
from infold.dealer.knots import ladder_knots as ladder_knots
from infold.dealer.lines import Line, batch_line
from infold.dealer.params import BP_PER_ONE, E6_PER_M, PERPETUAL, DealerParameters
from infold.dealer.quoting import closed_forms
from infold.dealer.venue import MarketLike, MarketT, StateLike
from infold.units import POOL_ACCOUNT, QUOTE_DIVISOR

E6_PER_BP_M: Final = E6_PER_M / BP_PER_ONE
"""Money (e6) in a bp * M, which is 100 of quote."""

CurveT = TypeVar("CurveT")


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
    """What a market's next curve goes by: `commit`'s arguments of these names, and the highest
    price of the last day, zero if none was told.
    """

    volatility_bp: float | None
    half_spread_bp_min: float
    drift_bp: float
    highest_e8: int = 0


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


class Desk(Generic[CurveT]):
    """Commits one curve a market.

    `make_curve(prices_e8, sales_e8)` builds the engine's curve; `parameters` are by market id,
    `default` serves the others; `interval_s` is the batch interval. With `neighbours` the curves of
    one moment also lean on each other's inventories. `half_spreads_bp_min` are by market id too:
    what `staleness.half_spread_min_bp` found, infinite for a market that is better not quoted. With
    `signals`, which whoever closes batches keeps told, curves follow what the venue has seen. With
    a `guard`, to which they are told what is hedged, they offer what the pool's capital allows.
    `ValueError` for a half-spread below zero.
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
        guard: CapitalGuard | None = None,
    ) -> None:
        checks.positive("interval_s", interval_s, "seconds")
        self._make_curve = make_curve
        self._interval_s = interval_s
        self._parameters = dict(parameters or {})
        self._default = default
        self._lines: dict[int, tuple[tuple[float, float | None, float], Line]] = {}
        self._neighbours = neighbours
        self.signals = signals
        self.guard = guard
        self._calm_bp: dict[int, float] = {}
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
        allowance: Allowance | None = None,
    ) -> CurveT:
        """The curve for one market: how much it sells at which price.

        `inventory_e8` is the pool's signed base, `volatility_bp` a forecast per root day in place
        of the parameter, `drift_bp` the predicted move of the oracle price; the half-spread is the
        market's least or `half_spread_bp_min`, if that is more. An `allowance` says what capital
        allows: how much on either side, and how wide. Knots lie on ticks, rounded so that the
        dealer never trades at a worse price than the model's.
        """
        parameters = self._parameters.get(market, self._default)
        interval = self._interval_s if interval_s is None else interval_s
        least_bp = self._half_spreads_bp_min.get(market, 0.0)
        sides = None
        if allowance is not None and self.guard is not None:
            calm_bp, times = self._calm(market), self.guard.rule.spread_times_max
            half_bp = allowance.half_spread_bp
            if half_spread_bp_min < math.inf:
                half_bp = max(min(half_spread_bp_min, times * calm_bp), half_bp)
                half_spread_bp_min = half_bp if half_bp > calm_bp else half_spread_bp_min
            sides = Sides(allowance.bid_m, allowance.ask_m, reach_bp(calm_bp, half_bp, 0.0, times))
        least_bp = max(half_spread_bp_min, least_bp)
        if math.isinf(least_bp):
            return self._make_curve((), ())
        line = self._line(market, parameters, interval, volatility_bp, least_bp)
        prices_e8, sales_e8 = ladder_knots(
            line, parameters.offer_m_max, inventory_e8, oracle_price_e8, tick_e8, drift_bp, sides
        )
        return self._make_curve(prices_e8, sales_e8)

    def _calm(self, market: int) -> float:
        """The half-spread its parameters ask in calm, bp: of single clients, where the best is
        known.
        """
        found = self._calm_bp.get(market)
        if found is None:
            parameters = self._parameters.get(market, self._default)
            found = self._calm_bp[market] = closed_forms(parameters).markup_bp
        return found

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
        places = [
            self._place(number, state.markets[number], price_e8, time_ms)
            for number, price_e8 in prices_e8.items()
            if price_e8 > 0
        ]
        leans: Mapping[int, Lean] = {}
        if self._neighbours is not None:
            leans = self._neighbours.leans(
                {place.market: inventory_m(*place[1:3]) for place in places}
            )
        signals = {place.market: self._signal(place, time_ms) for place in places}
        allowed: Mapping[int, Allowance] = {}
        if self.guard is not None:
            allowed = self._allowed(self.guard, state, places, signals)
        return {
            place.market: self._curve(
                place,
                leans.get(place.market, UPRIGHT),
                signals[place.market],
                allowed.get(place.market),
            )
            for place in places
        }

    def _place(self, number: int, market: MarketLike, price_e8: int, time_ms: int) -> _Place:
        hedged_e8 = 0 if self.guard is None else self.guard.hedged_e8.get(number, 0)
        tick_e8 = market.at(time_ms).listing.tick_e8
        return _Place(number, market.pool.base_e8 + hedged_e8, price_e8, tick_e8)

    def _signal(self, place: _Place, time_ms: int) -> Signal:
        """What the signals say, or nothing."""
        if self.signals is None:
            return SILENT
        market = place.market
        parameters = self._parameters.get(market, self._default)
        try:
            held_m = inventory_m(place.inventory_e8, place.oracle_price_e8)
            found = self.signals.signal(market, parameters, self._interval_s, time_ms, held_m)
        except (ValueError, ArithmeticError):
            self.signals.refuse(market, "signal")
            return SILENT
        return _sound(market, found, self.signals)

    def _allowed(
        self,
        guard: CapitalGuard,
        state: StateLike[MarketT],
        places: Iterable[_Place],
        signals: Mapping[int, Signal],
    ) -> Mapping[int, Allowance]:
        """What capital allows each market, prices two intervals old when they print."""
        holdings = {}
        worth_e6 = state.accounts[POOL_ACCOUNT].word.collateral_e6
        for market, held_e8, price_e8, _ in places:
            parameters = self._parameters.get(market, self._default)
            pool, signal = state.markets[market].pool, signals[market]
            client_e8, highest_e8 = pool.base_e8, signal.highest_e8
            worth_e6 += pool.quote_e6 + client_e8 * price_e8 // QUOTE_DIVISOR
            held_m = inventory_m(held_e8, price_e8)
            holdings[market] = Holding(
                held_m,
                held_m if client_e8 == held_e8 else inventory_m(client_e8, price_e8),
                highest_e8 / price_e8 if highest_e8 > price_e8 else 1.0,
                signal.volatility_bp or parameters.volatility_bp,
                parameters.volatility_bp,
                parameters.offer_m_max,
                self._calm(market),
            )
        # What was struck an hour ago may have been lost since.
        equity_bp_m = min(state.limits.capital_e6, worth_e6) / E6_PER_BP_M
        return guard.allow(equity_bp_m, holdings, 2.0 * self._interval_s)

    def _curve(
        self, place: _Place, lean: Lean, signal: Signal, allowance: Allowance | None
    ) -> CurveT:
        """The curve by the signals, or by the parameters if no curve comes of them."""
        if self.signals is None:
            return self._leaning(place, lean, signal, allowance)
        try:
            return self._leaning(place, lean, signal, allowance)
        except (ValueError, ArithmeticError):
            self.signals.refuse(place.market, "signal")
            return self._leaning(place, lean, SILENT, allowance)

    def _leaning(
        self, place: _Place, lean: Lean, signal: Signal, allowance: Allowance | None
    ) -> CurveT:
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
            allowance=allowance,
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
    volatility_bp, least_bp, drift_bp, highest_e8 = found
    if volatility_bp is not None and not (math.isfinite(volatility_bp) and volatility_bp > 0.0):
        signals.refuse(market, "volatility_bp")
        volatility_bp = SILENT.volatility_bp
    if not least_bp >= 0.0:
        signals.refuse(market, "half_spread_bp_min")
        least_bp = SILENT.half_spread_bp_min
    if not math.isfinite(drift_bp):
        signals.refuse(market, "drift_bp")
        drift_bp = SILENT.drift_bp
    return Signal(volatility_bp, least_bp, drift_bp, highest_e8)
