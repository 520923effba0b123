# SPDX-License-Identifier: Apache-2.0
"""What a running venue has seen, as four figures for each market's next curve.

volatility         oracle prices, through `volatility.Forecaster`
least half-spread  how old the price will be when the batch prints (`staleness`), and how far prices
                   went the way of the flow before (`toxicity.markouts`, shrunk)
drift              what is left of the impact of our own hedges: -B0 x (Barzykin 2026, equation 18);
                   and what probably informed clients foresee, as far as it lowers inventory
highest price      of the last day (`highest`), for the capital rule

And two for each account, known before a batch prints: its fee tier, and whether its flow goes
outside. The curve's width goes by the residual, which is what the dealer gets; accounts go by their
own fills (`toxicity.live`), whoever they met.

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
from infold.dealer.desk import FillLike, Signal, Tiers, inventory_m
from infold.dealer.highest import DaysHighest
from infold.dealer.lines import batch_line
from infold.dealer.params import BP_PER_ONE, PERPETUAL, DealerParameters
from infold.dealer.quoting import DAY_S, closed_forms
from infold.dealer.staleness import Staleness, half_spread_min_bp
from infold.dealer.toxicity.acts import (
    ActParameters,
    fee_e6,
    reservation_shift_bp,
    routed_outside,
    widening_bp,
)
from infold.dealer.toxicity.live import LIVE_ACTS, ClientParameters, LiveClients
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
    clients: ClientParameters = ClientParameters()
    acts: ActParameters = LIVE_ACTS

    def __post_init__(self) -> None:
        checks.not_negative("oracle_lag_s", self.oracle_lag_s, "s")
        checks.share("informed_share", self.informed_share)
        for name, unit in (
            ("half_spread_bp_max", "bp"),
            ("drift_bp_max", "bp"),
            ("flow_deviation_bp", "bp"),
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
    """One market so far. `sizes_m` are of the residuals in `pending`, by number; `usual_mid_bp` is
    the price's path with every move scaled down to the usual volatility; `marked_e8` what traders
    of the latest vector's batch bought net whose flow is marked.
    """

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
    clients: LiveClients | None = None
    usual_mid_bp: float = 0.0
    marked_e8: int = 0
    highest: DaysHighest = field(default_factory=DaysHighest)


class Signals:
    """Explicit state over frozen parameters; what `Desk` takes as `signals`.

    Nothing told can stop a venue: what makes no sense is left out and counted in `faults`.
    `beliefs` are the desk's parameters by market, `default` for the others: what clients' models
    are built on.
    """

    def __init__(
        self,
        parameters: SignalParameters | None = None,
        beliefs: Mapping[int, DealerParameters] | None = None,
        default: DealerParameters = PERPETUAL,
    ) -> None:
        self._parameters = parameters or SignalParameters()
        self._beliefs = dict(beliefs or {})
        self._default = default
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
                self._follow(market, seen, time_ms, price_e8)

    def traded(self, time_ms: int, fills: Iterable[FillLike]) -> None:
        """A batch that has settled at the latest vector: what traders bought net is what the dealer
        sold.
        """
        by_market: dict[int, list[FillLike]] = {}
        for fill in fills:
            by_market.setdefault(fill.market, []).append(fill)
        for market, its_fills in sorted(by_market.items()):
            seen = self._seen.get(market)
            price_e8 = its_fills[-1].price_e8
            if seen is None or seen.time_ms != time_ms or price_e8 <= 0:
                self.refuse(market, "fills")
                continue
            above_bp = BP_PER_ONE * math.log(price_e8 / seen.price_e8)
            residual_e8 = sum(fill.size_e8 if fill.buy else -fill.size_e8 for fill in its_fills)
            if residual_e8:
                side = 1 if residual_e8 > 0 else -1
                seen.pending.push(seen.residuals, market, side, side * above_bp)
                seen.sizes_m[seen.residuals] = abs(inventory_m(residual_e8, seen.price_e8))
                seen.residuals += 1
            try:
                self._meet(market, seen, its_fills, above_bp)
            except (ValueError, ArithmeticError):
                self.refuse(market, "clients")

    def hedged(self, market: int, time_ms: int, impact_bp: float) -> None:
        """How far our hedges hold the price away from where it would be, at this time."""
        seen = self._seen.get(market)
        if seen is None or not math.isfinite(impact_bp):
            self.refuse(market, "impact_bp")
        else:
            seen.impact_bp, seen.impact_ms = impact_bp, time_ms

    # -- what it means -----------------------------------------------------------------------------

    def signal(
        self,
        market: int,
        parameters: DealerParameters,
        interval_s: float,
        time_ms: int,
        held_m: float = 0.0,
    ) -> Signal:
        """For the batch at a time that has not been priced yet, with an inventory in M; of a market
        without any price, by the parameters.
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
            self._drift_bp(seen, parameters, volatility_bp, time_ms, held_m),
            seen.highest.price_e8,
        )

    def tiers(self, time_ms: int) -> Tiers:
        """The fee tiers of all accounts from a time on, by what has been seen before it.

        An account is what it is where it is most probably informed: to be somebody else in another
        market clears nobody.
        """
        acts = self._parameters.acts
        top_e6, lowest_e6 = acts.tiers[-1].fee_e6, acts.tiers[0].fee_e6
        most: dict[int, float] = {}
        for _, seen in sorted(self._seen.items()):
            if seen.clients is not None:
                for account in seen.clients.known:
                    informed = seen.clients.informed(account, time_ms / MS)
                    most[account] = max(most.get(account, 0.0), informed)
        fees = {account: fee_e6(acts, informed, top_e6) for account, informed in most.items()}
        raised = {account: fee for account, fee in sorted(fees.items()) if fee != lowest_e6}
        return Tiers(top_e6, lowest_e6, raised)

    def marked_e8(self, market: int, time_ms: int) -> int:
        """What traders whose flow is marked for the outside bought net in this time's batch."""
        seen = self._seen.get(market)
        return seen.marked_e8 if seen is not None and seen.time_ms == time_ms else 0

    # -- within ------------------------------------------------------------------------------------

    def _first(self, time_ms: int, price_e8: int) -> _Seen:
        time_s = time_ms / MS
        pending = PendingLabels((self._parameters.horizon_s,))
        pending.observe(time_s, 0.0)
        averages = Ewma().seen(time_s, float(price_e8))
        seen = _Seen(price_e8, time_ms, price_e8, averages, pending, time_s, flow_s=time_s)
        seen.highest.priced(time_ms, price_e8)
        return seen

    def _follow(self, market: int, seen: _Seen, time_ms: int, price_e8: int) -> None:
        time_s, horizon_s = time_ms / MS, self._parameters.horizon_s
        mid_bp = BP_PER_ONE * math.log(price_e8 / seen.first_price_e8)
        if (time_ms - seen.time_ms) / MS > horizon_s:
            # No price stood at the horizon of what is pending: there is nothing to mark it at.
            seen.pending = PendingLabels((horizon_s,))
            seen.sizes_m.clear()
            if seen.clients is not None:
                seen.clients.forget_pending()
        for label in seen.pending.observe(time_s, mid_bp):
            self._learn(seen, label, time_s)
        if seen.clients is not None:
            move_bp = BP_PER_ONE * math.log(price_e8 / seen.price_e8)
            seen.usual_mid_bp += move_bp * self._usual_share(market, seen)
            seen.clients.observe(time_s, seen.usual_mid_bp)
        seen.time_ms, seen.price_e8 = time_ms, price_e8
        seen.marked_e8 = 0
        seen.highest.priced(time_ms, price_e8)
        last_s = seen.averages.time_s
        if last_s is None or time_s - last_s >= self._parameters.sample_s:
            seen.averages = seen.averages.seen(time_s, float(price_e8))

    def _usual_share(self, market: int, seen: _Seen) -> float:
        """By what a move is scaled down, so that a wild spell accuses nobody: 1 in usual times."""
        usual_bp = self._beliefs.get(market, self._default).volatility_bp
        return min(1.0, usual_bp / Forecaster(usual_bp, seen.averages, seen.began_s).quoting_bp)

    def _meet(self, market: int, seen: _Seen, fills: Iterable[FillLike], above_bp: float) -> None:
        """Mark what known clients traded, then learn from all of it. Prices are from here on seen
        by the clients' model too.
        """
        time_s = seen.time_ms / MS
        if seen.clients is None:
            belief = self._beliefs.get(market, self._default)
            seen.clients = LiveClients(self._parameters.clients, belief, time_s, seen.usual_mid_bp)
        for fill in fills:
            signed_e8 = fill.size_e8 if fill.buy else -fill.size_e8
            if routed_outside(self._parameters.acts, seen.clients.informed(fill.account, time_s)):
                seen.marked_e8 += signed_e8
            side = 1 if fill.buy else -1
            size_m = abs(inventory_m(signed_e8, seen.price_e8))
            seen.clients.filled(fill.account, side, size_m, side * above_bp, time_s)

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
        return widening_bp(believed.acts, mean_bp)

    def _drift_bp(
        self,
        seen: _Seen,
        parameters: DealerParameters,
        volatility_bp: float,
        time_ms: int,
        held_m: float,
    ) -> float:
        drift_bp = 0.0
        if seen.impact_bp != 0.0:
            passed_day = max(0.0, (time_ms - seen.impact_ms) / MS / DAY_S)
            left_bp = seen.impact_bp * math.exp(-parameters.resilience_per_day * passed_day)
            drift_bp = -closed_forms(parameters, volatility_bp).impact_share * left_bp
        if seen.clients is not None:
            foreseen_bp = seen.clients.signal_bp
            drift_bp += reservation_shift_bp(self._parameters.acts, foreseen_bp, held_m)
        most_bp = self._parameters.drift_bp_max
        return min(max(drift_bp, -most_bp), most_bp)
