# SPDX-License-Identifier: Apache-2.0
"""What a running venue has seen, as four figures for each market's next curve.

volatility         oracle prices, through `volatility.Forecaster`
least half-spread  how old the price will be when the batch prints (`staleness`), and how far prices
                   went the way of the flow before (`toxicity.markouts`, shrunk)
drift              what is left of the impact of our own hedges: -B0 x (Barzykin 2026, equation 18)
highest price      of the last day (`highest`), for the capital rule

Whoever closes batches tells it each vector, each settled batch and each hedge after it happened,
and asks before the next vector is known. Nothing here has a clock, and the same things told in the
same order give the same figures to the last bit: told again from a journal they are as before a
restart, except for hedges, which a journal tells otherwise and a minute forgets.

A forecast widens a market, and never closes it: the half-spread ends at `half_spread_bp_max`, also
where no half-spread would pay for the informed. Units: `params.py`; times come in ms.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from infold.dealer import checks
from infold.dealer.desk import FillLike, Signal, inventory_m
from infold.dealer.highest import DaysHighest
from infold.dealer.lines import batch_line
from infold.dealer.params import BP_PER_ONE, DealerParameters
from infold.dealer.quoting import DAY_S, closed_forms
from infold.dealer.staleness import Staleness, half_spread_min_bp
from infold.dealer.toxicity.markouts import Label, PendingLabels
from infold.dealer.toxicity.shrinkage import Population, Tally, shrunk
from infold.dealer.volatility import Ewma, Forecaster

MS: Final = 1_000.0
"""Milliseconds a second."""
FINENESS: Final = 64.0
"""Steps of volatility in a doubling at which least half-spreads are kept: 1 %, rounded up."""
LATE_MS: Final = 100
"""Steps of lateness at which they are kept, rounded up: wall clocks are never late alike."""
KEPT_MAX: Final = 1_024
"""Least half-spreads that are kept at a time; finding one costs a thousand times the look-up."""


class SignalParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is believed beforehand. `ValueError` names the figure that makes no sense."""

    oracle_lag_s: float = 0.5  # of sources and signers, and of committing before the close
    informed_share: float = 0.1  # of the prints somebody knows the next price
    half_spread_bp_max: float = 9.0
    """What default listings print for any size is 10 bp; the rest is room for ticks."""
    drift_bp_max: float = 5.0
    sample_s: float = 5.0  # below a second sources' noise is what moves
    horizon_s: float = 60.0  # when a residual's markout is known
    flow_deviation_bp: float = 1.0  # of markets' mean markouts about zero, before any is seen
    flow_half_life_s: float = 21_600.0  # of a markout's weight
    full_size_m: float = 0.01  # a smaller residual counts in proportion: dust says nothing
    widening_bp_max: float = 5.0

    def __post_init__(self) -> None:
        checks.not_negative("oracle_lag_s", self.oracle_lag_s, "s")
        checks.share("informed_share", self.informed_share)
        for name, unit in (
            ("half_spread_bp_max", "bp"),
            ("drift_bp_max", "bp"),
            ("flow_deviation_bp", "bp"),
            ("widening_bp_max", "bp"),
        ):
            checks.not_negative(name, getattr(self, name), unit)
        if not (math.isfinite(self.sample_s) and self.sample_s >= 1.0):
            raise ValueError(f"sample_s must be at least one second, not {self.sample_s!r}")
        for name, unit in (
            ("horizon_s", "s"),
            ("flow_half_life_s", "s"),
            ("full_size_m", "M"),
        ):
            checks.positive(name, getattr(self, name), unit)


@dataclass(slots=True)
class _Seen:
    """One market so far. `sizes_m` are of the residuals in `pending`, by number."""

    first_price_e8: int
    time_ms: int
    price_e8: int
    averages: Ewma
    pending: PendingLabels
    began_s: float
    sizes_m: dict[int, float] = field(default_factory=dict)
    residuals: int = 0
    flow: Tally = field(default_factory=Tally)
    flow_s: float = 0.0
    impact_bp: float = 0.0
    impact_ms: int = 0
    highest: DaysHighest = field(default_factory=DaysHighest)


class Signals:
    """Explicit state over frozen parameters; what `Desk` takes as `signals`.

    Nothing told can stop a venue: what makes no sense is left out and counted in `faults`.
    """

    def __init__(self, parameters: SignalParameters | None = None) -> None:
        self._parameters = parameters or SignalParameters()
        self._seen: dict[int, _Seen] = {}
        self._faults: dict[tuple[int, str], int] = {}
        self._kept: dict[tuple[DealerParameters, float, int, int], float] = {}

    @property
    def faults(self) -> Mapping[tuple[int, str], int]:
        """How often what was refused, by market and name."""
        return self._faults

    def refuse(self, market: int, name: str) -> None:
        """Count one."""
        self._faults[market, name] = self._faults.get((market, name), 0) + 1

    # -- what happened -----------------------------------------------------------------------------

    def priced(self, time_ms: int, prices_e8: Mapping[int, int]) -> None:
        """A vector: oracle prices by market, of this time."""
        for market, price_e8 in sorted(prices_e8.items()):
            seen = self._seen.get(market)
            if price_e8 <= 0:
                self.refuse(market, "price_e8")
            elif seen is None:
                self._seen[market] = self._first(time_ms, price_e8)
            elif time_ms <= seen.time_ms:
                self.refuse(market, "time_ms")
            else:
                self._follow(seen, time_ms, price_e8)

    def traded(self, time_ms: int, fills: Iterable[FillLike]) -> None:
        """A batch that has settled at the latest vector: what traders bought net is what the dealer
        sold.
        """
        bought_e8: dict[int, int] = {}
        prices_e8: dict[int, int] = {}
        for fill in fills:
            signed_e8 = fill.size_e8 if fill.buy else -fill.size_e8
            bought_e8[fill.market] = bought_e8.get(fill.market, 0) + signed_e8
            prices_e8[fill.market] = fill.price_e8
        for market, residual_e8 in sorted(bought_e8.items()):
            seen = self._seen.get(market)
            if seen is None or seen.time_ms != time_ms or prices_e8[market] <= 0:
                self.refuse(market, "fills")
            elif residual_e8:
                side = 1 if residual_e8 > 0 else -1
                markup_bp = side * BP_PER_ONE * math.log(prices_e8[market] / seen.price_e8)
                seen.pending.push(seen.residuals, market, side, markup_bp)
                seen.sizes_m[seen.residuals] = abs(inventory_m(residual_e8, seen.price_e8))
                seen.residuals += 1

    def hedged(self, market: int, time_ms: int, impact_bp: float) -> None:
        """How far our hedges hold the price away from where it would be, at this time."""
        seen = self._seen.get(market)
        if seen is None or not math.isfinite(impact_bp):
            self.refuse(market, "impact_bp")
        else:
            seen.impact_bp, seen.impact_ms = impact_bp, time_ms

    # -- what it means -----------------------------------------------------------------------------

    def signal(
        self, market: int, parameters: DealerParameters, interval_s: float, time_ms: int
    ) -> Signal:
        """For the batch at a time that has not been priced yet; of a market without any price, by
        the parameters.
        """
        believed = self._parameters
        seen = self._seen.get(market)
        if seen is None:
            least_bp = self._stale_bp(parameters, interval_s, 0, parameters.volatility_bp)
            return Signal(None, min(least_bp, believed.half_spread_bp_max), 0.0)
        forecaster = Forecaster(parameters.volatility_bp, seen.averages, seen.began_s)
        volatility_bp = forecaster.quoting_bp
        late_ms = max(0, time_ms - seen.time_ms - round(interval_s * MS))
        least_bp = self._stale_bp(parameters, interval_s, late_ms, volatility_bp)
        least_bp += self._widening_bp(seen, volatility_bp, time_ms)
        return Signal(
            volatility_bp,
            min(least_bp, believed.half_spread_bp_max),
            self._drift_bp(seen, parameters, volatility_bp, time_ms),
            seen.highest.price_e8,
        )

    # -- within ------------------------------------------------------------------------------------

    def _first(self, time_ms: int, price_e8: int) -> _Seen:
        time_s = time_ms / MS
        pending = PendingLabels((self._parameters.horizon_s,))
        pending.observe(time_s, 0.0)
        averages = Ewma().seen(time_s, float(price_e8))
        seen = _Seen(price_e8, time_ms, price_e8, averages, pending, time_s, flow_s=time_s)
        seen.highest.priced(time_ms, price_e8)
        return seen

    def _follow(self, seen: _Seen, time_ms: int, price_e8: int) -> None:
        time_s, horizon_s = time_ms / MS, self._parameters.horizon_s
        mid_bp = BP_PER_ONE * math.log(price_e8 / seen.first_price_e8)
        if (time_ms - seen.time_ms) / MS > horizon_s:
            # No price stood at the horizon of what is pending: there is nothing to mark it at.
            seen.pending = PendingLabels((horizon_s,))
            seen.sizes_m.clear()
        for label in seen.pending.observe(time_s, mid_bp):
            self._learn(seen, label, time_s)
        seen.time_ms, seen.price_e8 = time_ms, price_e8
        seen.highest.priced(time_ms, price_e8)
        last_s = seen.averages.time_s
        if last_s is None or time_s - last_s >= self._parameters.sample_s:
            seen.averages = seen.averages.seen(time_s, float(price_e8))

    def _learn(self, seen: _Seen, label: Label, time_s: float) -> None:
        size_m = seen.sizes_m.pop(label.traded.number)
        weight = min(size_m / self._parameters.full_size_m, 1.0)
        flow = self._remembered(seen, time_s)
        seen.flow_s = time_s
        seen.flow = Tally(flow.count + weight, flow.sum_bp + weight * label.move_bp)

    def _remembered(self, seen: _Seen, time_s: float) -> Tally:
        """What the flow's markouts still count for."""
        kept = 2.0 ** (-max(time_s - seen.flow_s, 0.0) / self._parameters.flow_half_life_s)
        return Tally(kept * seen.flow.count, kept * seen.flow.sum_bp)

    def _stale_bp(
        self, parameters: DealerParameters, interval_s: float, late_ms: int, volatility_bp: float
    ) -> float:
        """The least half-spread for a price this late, at volatility and lateness rounded up."""
        step = math.ceil(FINENESS * math.log2(volatility_bp / parameters.volatility_bp))
        late = -(-late_ms // LATE_MS)
        key = (parameters, interval_s, late, step)
        found = self._kept.get(key)
        if found is None:
            if len(self._kept) >= KEPT_MAX:
                self._kept.clear()
            found = self._kept[key] = self._least_bp(
                parameters,
                interval_s,
                late * LATE_MS / MS,
                parameters.volatility_bp * 2.0 ** (step / FINENESS),
            )
        return found

    def _least_bp(
        self, parameters: DealerParameters, interval_s: float, late_s: float, volatility_bp: float
    ) -> float:
        believed = self._parameters
        slope_bp_per_m = batch_line(parameters, interval_s, volatility_bp).slope_bp_per_m
        stale = Staleness(interval_s, believed.oracle_lag_s + late_s, volatility_bp)
        return half_spread_min_bp(parameters, stale, slope_bp_per_m, believed.informed_share)

    def _widening_bp(self, seen: _Seen, volatility_bp: float, time_ms: int) -> float:
        """How far the price goes the way of the flow's residual within the horizon, as far as that
        is known; zero where it goes against it.
        """
        flow = self._remembered(seen, time_ms / MS)
        if flow.count == 0.0:
            return 0.0
        believed = self._parameters
        noise_bp = volatility_bp * math.sqrt(believed.horizon_s / DAY_S)
        mean_bp, _ = shrunk(Population(0.0, believed.flow_deviation_bp, noise_bp), flow)
        return min(max(mean_bp, 0.0), believed.widening_bp_max)

    def _drift_bp(
        self, seen: _Seen, parameters: DealerParameters, volatility_bp: float, time_ms: int
    ) -> float:
        if seen.impact_bp == 0.0:
            return 0.0
        passed_day = max(0.0, (time_ms - seen.impact_ms) / MS / DAY_S)
        left_bp = seen.impact_bp * math.exp(-parameters.resilience_per_day * passed_day)
        signal_bp = -closed_forms(parameters, volatility_bp).impact_share * left_bp
        most_bp = self._parameters.drift_bp_max
        return min(max(signal_bp, -most_bp), most_bp)
