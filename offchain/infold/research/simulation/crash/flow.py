# SPDX-License-Identifier: Apache-2.0
"""Who trades in a crash: elastic clients, the forced, and those who know.

Three kinds of mark, told apart by `Tape.client`:

| client | side | limit |
|---|---|---|
| ELASTIC | either | S with a logistic half-spread |
| FORCED | sells | S less far: a liquidation takes what there is |
| TOXIC | where the price will be a minute later | S and what it will gain |

Elastic clients are as particular in a crash as in calm, though the outside is ten to a hundred
times as wide: the hard assumption. With `tolerance_times_max` above one their half-spread
grows with the outside's. All clients measure against the true price, so a late oracle is a gift to
them. Forced sellers come at a rate that makes them 85 % of all marks at
the height of a cascade; the share of those who know grows fivefold with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from infold.research.simulation.compiled import Floats, compiled
from infold.research.simulation.crash.weather import BP_ONE, Weather
from infold.research.simulation.draws import Stream, generator
from infold.research.simulation.hawkes import CALM, Hawkes, hawkes_tape
from infold.research.simulation.tape import INFORMED, Demand, Tape, merged

ELASTIC: Final = 0
FORCED: Final = 1
TOXIC: Final = 2


@dataclass(frozen=True, slots=True)
class Crowd:
    """What the flow is made of. Shares of marks, seconds, bp."""

    demand: Demand
    clustering: Hawkes = CALM
    cascade: Hawkes = field(default=Hawkes(own=0.7, cross=0.1, decay_per_day=1_440.0))
    forced_share: float = 0.85
    forced_reach_bp: float = 300.0
    toxic_share: float = 0.04
    toxic_times: float = 5.0
    foresight_s: float = 60.0
    tolerance_times_max: float = 1.0

    def __post_init__(self) -> None:
        if not 0.0 <= self.forced_share < 1.0:
            raise ValueError(f"forced_share must lie in 0..1, below 1, not {self.forced_share!r}")
        if not (self.toxic_times >= 1.0 and 0.0 <= self.toxic_share * self.toxic_times <= 1.0):
            raise ValueError(
                "toxic_share times toxic_times must lie in 0..1 and toxic_times be at least 1, not"
                f" {self.toxic_share!r} and {self.toxic_times!r}"
            )
        for name in ("forced_reach_bp", "foresight_s"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} must be a positive number, not {value!r}")
        if not self.tolerance_times_max >= 1.0:
            raise ValueError(
                f"tolerance_times_max must be at least 1, not {self.tolerance_times_max!r}"
            )


def crash_tape(crowd: Crowd, weather: Weather, cell_s: float, seed: int, path: int) -> Tape:
    """All marks of a path in order of time; reservations in bp of the price at the mark's close."""
    cells = len(weather.cascade)
    horizon_day = cells * cell_s / 86_400.0
    free = hawkes_tape(crowd.demand, crowd.clustering, horizon_day, seed, path)
    knows = generator(seed, path, Stream.NEWS).random(len(free.time_day))
    _arm(
        free,
        knows,
        weather.levels,
        weather.cascade,
        weather.outside,
        horizon_day / cells,
        crowd.toxic_share,
        crowd.toxic_times,
        max(1, round(crowd.foresight_s / cell_s)),
        crowd.tolerance_times_max,
    )
    if crowd.forced_share == 0.0 or not weather.cascade.any():
        return free
    forced = hawkes_tape(
        crowd.demand,
        crowd.cascade,
        horizon_day,
        seed,
        path,
        profile=weather.cascade * (crowd.forced_share / (1.0 - crowd.forced_share)),
        stream=Stream.CRASH,
    )
    return merged([free, _engine_orders(forced, horizon_day / cells, crowd.forced_reach_bp)])


def _engine_orders(forced: Tape, cell_day: float, reach_bp: float) -> Tape:
    """Forced sales as the liquidation engine sends them: one order a batch for all of it.

    All have one limit, so a uniform-price auction cannot tell them from their sum.
    """
    cells = (forced.time_day / cell_day).astype(np.int64)
    found, first = np.unique(cells, return_index=True)
    orders = Tape._make(column[first] for column in forced)
    orders.side[:] = -1
    orders.rung[:] = -1
    orders.size_m[:] = np.bincount(cells, weights=forced.size_m)[found]
    orders.reservation_bp[:] = reach_bp
    orders.client[:] = FORCED
    return orders


@compiled
def _arm(
    tape: Tape,
    knows: Floats,
    levels: Floats,
    cascade: Floats,
    outside: Floats,
    cell_day: float,
    share: float,
    times: float,
    foresight: int,
    tolerance_max: float,
) -> None:
    """Widen the elastic clients' limits and make some of them know the price to come."""
    cells = len(cascade)
    for mark in range(len(tape.time_day)):
        cell = min(int(tape.time_day[mark] / cell_day), cells - 1)
        if knows[mark] < share * (1.0 + (times - 1.0) * cascade[cell]):
            now, then = levels[cell + 1], levels[min(cell + 1 + foresight, cells)]
            gain_bp = BP_ONE * (then / now - 1.0)
            tape.client[mark] = TOXIC
            tape.informed[mark] = INFORMED
            tape.side[mark] = 1 if gain_bp > 0.0 else -1
            tape.reservation_bp[mark] = abs(gain_bp)
        else:
            tape.client[mark] = ELASTIC
            tape.reservation_bp[mark] *= min(max(outside[cell], 1.0), tolerance_max)
