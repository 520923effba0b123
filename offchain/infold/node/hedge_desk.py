# SPDX-License-Identifier: Apache-2.0
"""One market's hedging, batch after batch: what the dealer decides, sent and recorded.

After a batch the pool holds its residual. The desk asks the venues what they hold, judges the whole
stock (`dealer.routing`), records the decision with its reason, and hands the hedger what is to be
sent. Figures it learns on the way (the impact of its own hedges, how batch flows follow each other)
start afresh with the process; what was sent and filled is folded from the journal.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from infold.core.state import State
from infold.dealer import checks
from infold.dealer.capital import CapitalRule, excess_m
from infold.dealer.hedging.exposure import must_cross
from infold.dealer.hedging.facts import HedgeFact, decode_fact
from infold.dealer.hedging.inflow import persistence_of, persistent_inflow_m
from infold.dealer.hedging.passive import passive_plan
from infold.dealer.hedging.terms import Horizon, VenueTerms, venue_cost
from infold.dealer.params import (
    BP,
    DAY_S,
    E6_PER_M,
    LOTS_TIMES_PRICE_OF_A_MILLION,
    DealerParameters,
)
from infold.dealer.routing import Route, VenueCost, Warehouse, route_stock, warehouse
from infold.dealer.treasury import Danger, Leg, Prudence, dangers, hedge_capacity_m
from infold.dealer.zone import CapitalCharge
from infold.errors import Misconfigured
from infold.node.hedger import Hedger
from infold.shell.journal import Journal
from infold.units import DAY_MS, Rounding, from_float

FLOWS_MAX: Final = 500
"""Batch flows remembered: at a second a batch, the flow of the last eight minutes."""

_log = logging.getLogger("infold.node")


@dataclass(frozen=True, slots=True, kw_only=True)
class HedgePlan:
    """How one market is hedged. `terms` are by venue; `slippage_bp` how far beyond the price that
    was judged an order may pay before it is cut short; `lot_e8` the smallest order sent.

    `legs` are by venue, and one of another name is the client leg's own place. Their positions are
    the book's, and a venue's equity is what it says when it is asked; margins, transfer times and
    halts are the plan's. Without legs, or without `prudence`, margin limits nothing.
    """

    parameters: DealerParameters
    terms: Mapping[str, VenueTerms]
    horizon: Horizon
    charge: CapitalCharge | None = None
    over_bp: float = math.inf
    slippage_bp: float = 5.0
    lot_e8: int = 1
    reconcile_ms: int = 10_000
    legs: Mapping[str, Leg] = field(default_factory=dict)
    prudence: Prudence | None = None
    excess_s: float = CapitalRule().excess_s
    """Time in which what exceeds the zone a desk's capital leaves is traded outside."""
    defaulted: frozenset[str] = frozenset()
    """Venues in default, by an operator's word: the desk writes off what is held there, for ever,
    and counts none of the money (docs/decisions/0073).
    """

    def __post_init__(self) -> None:
        checks.positive("excess_s", self.excess_s, "seconds")
        unknown = sorted(self.defaulted - self.terms.keys())
        if unknown:
            raise ValueError(f"defaulted names {unknown[0]}, which is no venue of terms")


class HedgeDesk:
    """Hedges one market through a `Hedger`; `plan` may be replaced between batches.

    `Misconfigured` if orders rest longer or shorter than the plan's costs assume.
    """

    def __init__(self, hedger: Hedger, plan: HedgePlan) -> None:
        rest_ms = round(plan.horizon.rest_day_max * DAY_MS)
        rests = any(terms.resting is not None for terms in plan.terms.values()) and rest_ms
        if rests and rest_ms != hedger.rules.patience.rest_ms:
            raise Misconfigured(
                f"orders rest {hedger.rules.patience.rest_ms} ms and are priced as if they rested"
                f" {rest_ms}; set rest_ms and rest_day_max alike"
            )
        self.hedger = hedger
        self.plan = plan
        self._impact_bp = 0.0
        self._last_ms = -1
        self._asked_ms = -1
        self._client_e8: int | None = None
        self._hedged_e8 = hedger.book.hedged_e8
        self._marked_e8 = 0  # of the stock, still to be sent whatever keeping costs
        self._flows_m: deque[float] = deque(maxlen=FLOWS_MAX)
        self._equity_m: dict[str, float] = {}
        self.legs: dict[str, Leg] = dict(plan.legs)
        self.dangers: list[Danger] = []

    def after_batch(
        self,
        state: State,
        time_ms: int,
        drift_bp: float = 0.0,
        zone_m: float = math.inf,
        marked_e8: int = 0,
    ) -> Route | None:
        """Judge the pool's stock and hedge; None where the market has no price yet."""
        market = self.hedger.book.market
        price_e8 = state.prices_e8.get(market, 0)
        if price_e8 <= 0:
            return None
        client_e8 = state.markets[market].pool.base_e8
        return self.hedge(client_e8, price_e8, time_ms, drift_bp, zone_m, marked_e8)

    def hedge(
        self,
        client_e8: int,
        price_e8: int,
        time_ms: int,
        drift_bp: float = 0.0,
        zone_m: float = math.inf,
        marked_e8: int = 0,
    ) -> Route:
        """The decision for a client leg at a price; what it wants is sent when this returns.

        `drift_bp` is the predicted move of the price: what toxic flow and signals say. What exceeds
        `zone_m`, which the pool's capital leaves (`guarding.py`), goes at any cost, little by
        little. `marked_e8` is what probably informed traders bought net in the batch: so much of
        the stock goes too, as soon as venues have room.
        """
        plan, hedger = self.plan, self.hedger
        self._write_off(time_ms)
        if self._asked_ms < 0 or time_ms - self._asked_ms >= plan.reconcile_ms:
            hedger.reconcile(time_ms)
            self._ask_equity(time_ms)
            self._asked_ms = time_ms
        hedger.carry_on(client_e8, time_ms)
        of_a_lot = price_e8 / LOTS_TIMES_PRICE_OF_A_MILLION
        self.legs = self._legs_now(client_e8, of_a_lot)
        self._warn(time_ms)
        self._learn(client_e8, of_a_lot, time_ms)
        book = hedger.book
        under_way = book.pending_e8(1) + book.pending_e8(-1)
        stock_e8 = client_e8 + book.hedged_e8 + under_way
        inventory_m = stock_e8 * of_a_lot
        self._marked_e8 = _within(self._marked_e8 - marked_e8, stock_e8)
        venues = self._venues(-1 if inventory_m > 0.0 else 1, of_a_lot, time_ms)
        keep, inflow_m = self._warehouse(), self._inflow_m()

        def judged(keep: Warehouse) -> Route:
            return route_stock(
                book.market,
                inventory_m,
                keep,
                venues,
                impact_bp=self._impact_bp,
                drift_bp=drift_bp,
                inflow_m=inflow_m,
                marked_m=self._marked_e8 * of_a_lot,
            )

        found = judged(keep)
        interval_s = plan.horizon.interval_day * DAY_S
        due_m = excess_m(inventory_m, zone_m, interval_s, plan.excess_s)
        if found.sent_m < due_m:
            # A hard rule for as much as is due, whatever a softer one charges for it.
            found = judged(replace(keep, limit_m=abs(inventory_m) - due_m, over_bp=math.inf))
        hedger.note(found, time_ms)
        self._send(found, venues, client_e8, price_e8, time_ms)
        if self._marked_e8:
            sent_e8 = from_float(found.sent_m / of_a_lot, 0, Rounding.UP)
            left_e8 = max(abs(self._marked_e8) - sent_e8, 0)
            self._marked_e8 = left_e8 if self._marked_e8 > 0 else -left_e8
        return found

    def _send(
        self,
        found: Route,
        venues: Sequence[VenueCost],
        client_e8: int,
        price_e8: int,
        time_ms: int,
    ) -> None:
        side = -1 if found.residual_m > 0.0 else 1
        lines = {venue.venue: venue for venue in venues}
        wanted: dict[str, int] = {}
        limits: dict[str, int] = {}
        resting: list[str] = []
        for name, part_m in found.shares:
            exact = part_m * LOTS_TIMES_PRICE_OF_A_MILLION / price_e8
            lots = from_float(exact, 0, Rounding.DOWN) // self.plan.lot_e8 * self.plan.lot_e8
            if not lots:
                continue
            best_e8 = self._rests_at_e8(name, side, time_ms)
            if best_e8 is not None:
                wanted[name], limits[name] = side * lots, best_e8
                resting.append(name)
                continue
            line = lines[name]
            worst_bp = line.base_bp + line.slope_bp_per_m * part_m + self.plan.slippage_bp
            limit = price_e8 * (1.0 + side * max(worst_bp, 0.0) * BP)
            wanted[name] = side * lots
            limits[name] = from_float(limit, 0, Rounding.UP if side > 0 else Rounding.DOWN)
        if wanted:
            self.hedger.hedge(client_e8, wanted, time_ms, limits_e8=limits, resting=resting)

    def _rests_at_e8(self, venue: str, side: int, time_ms: int) -> int | None:
        """Where an order rests that costs less so; None where it crosses."""
        resting = self.plan.terms[venue].resting
        if resting is None or must_cross(self.hedger.book, venue):
            return None
        if not passive_plan(resting, self.plan.horizon.rest_day_max).rest_day:
            return None
        return self.hedger.best_e8(venue, side, time_ms)

    def _venues(self, side: int, of_a_lot: float, time_ms: int) -> list[VenueCost]:
        plan, book = self.plan, self.hedger.book
        lines = []
        for name, terms in plan.terms.items():
            if not book.usable(name, time_ms):
                continue
            capacity = None
            if name in self.legs and plan.prudence is not None:
                legs = list(self.legs.values())
                capacity = hedge_capacity_m(self.legs[name], side, legs, plan.prudence)
            lines.append(
                venue_cost(
                    terms,
                    side,
                    plan.horizon,
                    plan.parameters.risk_aversion,
                    held_m=book.held_e8.get(name, 0) * of_a_lot,
                    capacity_m=capacity,
                )
            )
        return lines

    def _write_off(self, time_ms: int) -> None:
        """Give up the venues the plan says are in default."""
        for name in sorted(self.plan.defaulted):
            before_e8 = self.hedger.book.hedged_e8
            self.hedger.write_off(name, time_ms)
            # What is gone was not traded: it moves no price.
            self._hedged_e8 += self.hedger.book.hedged_e8 - before_e8

    def _standing_legs(self) -> dict[str, Leg]:
        """The plan's legs but for those at venues that were written off."""
        book = self.hedger.book
        return {name: leg for name, leg in self.plan.legs.items() if not book.written_off(name)}

    def _ask_equity(self, time_ms: int) -> None:
        for name in self._standing_legs():
            equity_e6 = self.hedger.equity_e6(name, time_ms)
            if equity_e6 is not None:
                self._equity_m[name] = equity_e6 / E6_PER_M

    def _legs_now(self, client_e8: int, of_a_lot: float) -> dict[str, Leg]:
        """The legs with what is held and owned there by now."""
        held = self.hedger.book.held_e8
        return {
            name: replace(
                leg,
                position_m=(held.get(name, 0) if name in self.plan.terms else client_e8) * of_a_lot,
                equity_m=self._equity_m.get(name, leg.equity_m),
            )
            for name, leg in self._standing_legs().items()
        }

    def _warn(self, time_ms: int) -> None:
        """Say, once, which leg may be liquidated before money reaches it."""
        if self.plan.prudence is None:
            return
        known = {danger.leg for danger in self.dangers}
        self.dangers = dangers(list(self.legs.values()), self.plan.prudence)
        for danger in self.dangers:
            if danger.leg in known:
                continue
            _log.warning(
                "HEDGE_LEG_IN_DANGER market=%d leg=%s distance_bp=%.1f reach_bp=%.1f"
                " top_up_m=%.6f flat=%s time_ms=%d",
                self.hedger.book.market,
                danger.leg,
                danger.distance_bp,
                danger.reach_bp,
                danger.top_up_m,
                danger.flat,
                time_ms,
            )

    def _learn(self, client_e8: int, of_a_lot: float, time_ms: int) -> None:
        """Let our impact fade and grow by what was filled; note the flow of the batch."""
        terms = self.plan.parameters
        if self._last_ms >= 0:
            passed = (time_ms - self._last_ms) / DAY_MS
            self._impact_bp *= math.exp(-terms.resilience_per_day * passed)
        self._last_ms = time_ms
        hedged = self.hedger.book.hedged_e8
        self._impact_bp += terms.impact_bp_per_m * (hedged - self._hedged_e8) * of_a_lot
        self._hedged_e8 = hedged
        if self._client_e8 is not None:
            self._flows_m.append((client_e8 - self._client_e8) * of_a_lot)
        self._client_e8 = client_e8

    def _inflow_m(self) -> float:
        """What batch flows like the last ones are expected to bring while a hedge is held."""
        if not self._flows_m:
            return 0.0
        horizon = self.plan.horizon
        batches = int(horizon.holding_day / horizon.interval_day)
        return persistent_inflow_m(self._flows_m[-1], persistence_of(self._flows_m), batches)

    def _warehouse(self) -> Warehouse:
        return warehouse(self.plan.parameters, self.plan.charge, over_bp=self.plan.over_bp)


def _within(marked_e8: int, stock_e8: int) -> int:
    """What of marked lots is in a stock: never more than it, nothing of the other sign."""
    if marked_e8 * stock_e8 <= 0:
        return 0
    return marked_e8 if abs(marked_e8) < abs(stock_e8) else stock_e8


# -- the journal -----------------------------------------------------------------------------------


def recorder(journal: Journal, market: int) -> Callable[[HedgeFact], None]:
    """Writes each fact of a market as an entry of its own; it is on disk when the call returns."""

    def record(fact: HedgeFact) -> None:
        journal.append([msgspec.json.encode({"hedge": fact, "market": market})])

    return record


def recorded_facts(journal: Journal, market: int) -> list[HedgeFact]:
    """A market's facts in a journal, oldest first: what a `HedgeBook` folds."""
    found: list[HedgeFact] = []

    def read(_seq: int, line: bytes) -> None:
        entry = msgspec.json.decode(line, type=dict[str, msgspec.Raw])
        if "hedge" in entry and int(bytes(entry["market"])) == market:
            found.append(decode_fact(bytes(entry["hedge"])))

    journal.replay(read)
    return found
