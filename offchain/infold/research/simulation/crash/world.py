# SPDX-License-Identifier: Apache-2.0
"""The crash world: one event, its clients and its venues, for one dealer after the other.

A path is drawn once and run under every guard it is given, so that policies meet the same prices,
clients and failures; `run` gives their rows side by side and `apart` takes them apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infold.core.auction import AuctionMarket, prepare
from infold.core.crossing.places import FIRST, LAST
from infold.core.curve import Curve, CurveBounds, clip
from infold.dealer import checks
from infold.dealer.limits import Guard
from infold.dealer.params import DealerParameters
from infold.errors import InvariantBroken
from infold.research.simulation.batches_auction import room_for
from infold.research.simulation.compiled import Floats
from infold.research.simulation.crash.events import Event
from infold.research.simulation.crash.flow import Crowd, crash_tape
from infold.research.simulation.crash.legs import Venues, flat_legs
from infold.research.simulation.crash.loop import CRASH_COLUMNS, Stage, run_crash
from infold.research.simulation.crash.outages import Outages, outages_of
from infold.research.simulation.crash.weather import Clock, Weather, weather_of
from infold.research.simulation.ledger import Paths
from infold.research.simulation.quotes_loop import finite
from infold.research.simulation.tape import Tape

DAY_S: Final = 86_400.0
TICK_BP: Final = 0.01
BAND_BP: Final = 1_000.0
LOTS_PER_M: Final = 1e6
FAST_S: Final = 120.0
SLOW_S: Final = 1_800.0
"""Half-lives of the two volatilities a dealer keeps: it goes by the larger, so that it is warned
within minutes and slow to forget."""


@dataclass(frozen=True, slots=True)
class Outside:
    """The hedge venues: shares of the outside depth; margins as shares of notional."""

    shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    margin: float = 0.2
    initial: float = 0.1
    maintenance: float = 0.025
    penalty: float = 0.02
    transfer_s: float = 600.0

    def __post_init__(self) -> None:
        if not self.shares or not all(share > 0.0 for share in self.shares):
            raise ValueError(f"shares must be positive numbers, not {self.shares!r}")
        if not math.isclose(math.fsum(self.shares), 1.0):
            raise ValueError(f"shares must add up to 1, not to {math.fsum(self.shares)!r}")
        if not 0.0 < self.penalty <= self.maintenance <= self.initial <= self.margin <= 1.0:
            raise ValueError(
                "0 < penalty <= maintenance <= initial <= margin <= 1 must hold, in shares of"
                f" notional, not {self!r}"
            )
        checks.positive("transfer_s", self.transfer_s, "s")


@dataclass(frozen=True, slots=True, kw_only=True)
class CrashWorld:
    """`market` is what is true in calm; `capital_bp_m` what the dealer can lose.

    `start_m` is the client leg at the beginning; `reserve_m` the legs its accounts outside are
    funded for; `flat_m` what counts as flat; `service_m` what a side must offer to count as
    open; `own_side_bp` C7's least distance from the oracle.
    """

    event: Event
    market: DealerParameters
    crowd: Crowd
    capital_bp_m: float
    position_cap_m: float
    clock: Clock = field(default=Clock(cell_s=5.0, lead_min=20.0))
    outside: Outside = field(default=Outside())
    start_m: float = 0.0
    reserve_m: float = 0.5
    flat_m: float = 1.5
    service_m: float = 0.002
    own_side_bp: float = 0.3
    stale_s: float = 30.0
    spread_bp_max: float = math.inf

    def __post_init__(self) -> None:
        for name, unit in (
            ("capital_bp_m", "bp M"),
            ("position_cap_m", "M"),
            ("flat_m", "M"),
            ("service_m", "M"),
            ("stale_s", "s"),
        ):
            checks.positive(name, getattr(self, name), unit)
        for name, unit in (("reserve_m", "M"), ("own_side_bp", "bp")):
            checks.not_negative(name, getattr(self, name), unit)
        if not self.spread_bp_max > 0.0:
            raise ValueError(f"spread_bp_max must be above zero (bp), not {self.spread_bp_max!r}")
        checks.number("start_m", self.start_m, "M")

    def weather(self, seed: int, path: int) -> Weather:
        """The market of one path."""
        return weather_of(
            self.event, self.clock, self.market.volatility_bp, self.stale_s, seed, path
        )

    def tape(self, weather: Weather, seed: int, path: int) -> Tape:
        """The clients of one path."""
        return crash_tape(self.crowd, weather, self.clock.cell_s, seed, path)

    def outages(self, seed: int, path: int) -> Outages:
        """What fails on one path."""
        return outages_of(self.event, self.clock, len(self.outside.shares), seed, path)

    def run(self, guards: tuple[Guard, ...], seed: int, path: int) -> tuple[Floats, int]:
        """One path under every guard: their rows joined, and one hash of all."""
        weather = self.weather(seed, path)
        tape = self.tape(weather, seed, path)
        outages = self.outages(seed, path)
        return self.run_on(guards, weather, tape, outages)

    def run_on(
        self, guards: tuple[Guard, ...], weather: Weather, tape: Tape, outages: Outages
    ) -> tuple[Floats, int]:
        """The same on given columns. `InvariantBroken` if a path leaves the numbers."""
        stage = self._stage()
        venues = self._venues()
        rule, width = _auction_row(self.own_side_bp)
        room = room_for(_fullest(tape, stage.cell_day))
        rows, joined = [], 0
        for guard in guards:
            sums = np.zeros(CRASH_COLUMNS)
            hash_ = run_crash(
                stage,
                guard,
                venues,
                outages,
                weather,
                tape,
                flat_legs(len(self.outside.shares)),
                rule,
                width,
                room,
                sums,
            )
            if not finite(sums):
                raise InvariantBroken(f"a simulated path left the numbers: {sums.tolist()}")
            rows.append(sums)
            joined = (joined * 0x100000001B3 ^ int(hash_)) % 2**64
        return np.concatenate(rows), joined

    def _stage(self) -> Stage:
        ticks = round(1e4 / TICK_BP)
        cell_s = self.clock.cell_s
        return Stage(
            cell_day=cell_s / DAY_S,
            capital_bp_m=self.capital_bp_m,
            start_m=self.start_m,
            reserve_m=self.reserve_m,
            least_m=self.service_m,
            spread_bp_max=self.spread_bp_max,
            flat_m=self.flat_m,
            own_side_bp=self.own_side_bp,
            residual_cap_m=self.position_cap_m,
            position_cap_m=self.position_cap_m,
            risk_aversion=self.market.risk_aversion,
            fast=0.5 ** (cell_s / FAST_S),
            slow=0.5 ** (cell_s / SLOW_S),
            volatility_bp=self.market.volatility_bp,
            oracle_ticks=ticks,
            band_ticks=round(ticks * BAND_BP / 1e4),
            lots_per_m=LOTS_PER_M,
        )

    def _venues(self) -> Venues:
        outside, market = self.outside, self.market
        return Venues(
            shares=np.array(outside.shares),
            margin=outside.margin,
            initial=outside.initial,
            maintenance=outside.maintenance,
            penalty=outside.penalty,
            transfer_cells=max(1, round(outside.transfer_s / self.clock.cell_s)),
            spread_bp=market.hedge_spread_bp,
            quadratic_bp_day_per_m=market.hedge_impact_bp_day_per_m,
            impact_bp_per_m=market.impact_bp_per_m,
            resilience_per_day=market.resilience_per_day,
        )


def starting(world: CrashWorld, start_m: float) -> CrashWorld:
    """The same world with another client leg at its beginning."""
    return replace(world, start_m=start_m)


def apart(paths: Paths, guards: int) -> list[Paths]:
    """What each guard's paths led to."""
    rows = np.split(paths.sums, guards, axis=1)
    return [Paths(paths.numbers, np.ascontiguousarray(row), paths.hashes) for row in rows]


def _fullest(tape: Tape, cell_day: float) -> int:
    """Most marks in one batch."""
    if not len(tape.time_day):
        return 1
    return int(np.bincount((tape.time_day / cell_day).astype(np.int64)).max()) + 1


def _auction_row(own_side_bp: float) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """The engine's row of a market: C7's own side, and a curve bound as wide as the band."""
    ticks = round(1e4 / TICK_BP)
    bounds = CurveBounds(
        oracle_price_e8=ticks,
        h_min_e6=round(own_side_bp * 100.0),
        h0_e6=round(BAND_BP * 100.0),
        band_e6=round(BAND_BP * 100.0),
        slope_e20=0,
        residual_cap_e8=2**50,
        position_cap_e8=2**50,
        pool_base_e8=0,
    )
    curve = clip(Curve((ticks - 1, ticks + 1), (-1, 1)), bounds, 1)
    markets = prepare([AuctionMarket(bounds, 1, curve)])
    rule: NDArray[np.int64] = markets.rules[0]
    band = round(ticks * BAND_BP / 1e4)
    rule[FIRST], rule[LAST] = ticks - band, ticks + band
    return rule, markets.widths[0]
