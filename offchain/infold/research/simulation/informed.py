# SPDX-License-Identifier: Apache-2.0
"""The flow of E1b: many clients, a few of whom trade on news, under names that change.

News comes at a Poisson rate to one of the informed, with a fair sign r: from then on the price
drifts by r m in all, at a rate falling by e in the client's decay. The client at once asks for a
quote in direction r and takes it if the half-spread is at most m U, U uniform; it looks at the
markup and not at the skew. Each informed client also trades for reasons of its own, with everyone
else's demand, for half its volume. Names are redrawn at a rate: a slot's next client has a fresh
id, and an informed one a fresh m and decay. With an infinite rate every order has a name of
its own.

Units: days, bp, M. Everything is drawn before any policy acts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from infold.dealer.params import DAY_S as DAY_S
from infold.dealer.params import SPOT_FX, DealerParameters
from infold.research.simulation.compiled import Floats, Ids, Small, compiled
from infold.research.simulation.draws import Stream, generator
from infold.research.simulation.tape import (
    INFORMED,
    UNINFORMED,
    Demand,
    Tape,
    demand_of,
    empty_tape,
    merged,
    poisson_tape,
)

UNITS_UNINFORMED: Final = 5
UNITS_INFORMED: Final = 8
"""An informed client asks on its own account 8/5 as often as an uninformed one. Half of what it
trades at E0's quotes is then its own: 70 requests a day of which 28 % by volume trade, against 20
on news of which 97 % do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InformedFlow:
    """Who there is. `redraws_per_day` may be infinite: then every order has an id of its own."""

    truth: DealerParameters = SPOT_FX
    clients: int = 200
    informed: int = 20
    news_per_day: float = 400.0
    edge_bp: tuple[float, float] = (0.5, 4.0)
    decay_s: tuple[float, float] = (10.0, 300.0)
    willing: tuple[float, float] = (0.25, 1.0)
    redraws_per_day: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.informed < self.clients:
            raise ValueError(f"informed must lie in 1..{self.clients - 1}, not {self.informed!r}")
        if not (math.isfinite(self.news_per_day) and self.news_per_day > 0.0):
            raise ValueError(f"news_per_day must be a positive number, not {self.news_per_day!r}")
        for name in ("edge_bp", "decay_s", "willing"):
            low, high = getattr(self, name)
            if not (0.0 < low <= high < math.inf):
                raise ValueError(f"{name} must be two rising positive numbers: {low!r}, {high!r}")
        if not self.redraws_per_day >= 0.0:
            raise ValueError(
                f"redraws_per_day must be a number not below zero or infinite,"
                f" not {self.redraws_per_day!r}"
            )

    @property
    def own_demand(self) -> Demand:
        """Requests for a client's own reasons, by units: `UNITS_...` for each client."""
        base = demand_of(self.truth)
        uninformed = (self.clients - self.informed) * UNITS_UNINFORMED
        units = uninformed + self.informed * UNITS_INFORMED
        rates = tuple(rate * units / uninformed for rate in base.requests_per_day)
        return Demand(base.sizes_m, rates, base.shift, base.slope_per_bp, clients=units)


class Hidden(NamedTuple):
    """What is true of each mark and no policy may read unless it is told."""

    news: Small  # 1 if the mark trades on news
    edge_bp: Floats  # the client's m; zero for the uninformed
    decay_day: Floats  # the client's decay; one for the uninformed


class Drawn(NamedTuple):
    """One path's flow: marks, what is hidden of them, and the price's drift in each cell."""

    tape: Tape
    hidden: Hidden
    drifts_bp: Floats


def drawn_flow(
    flow: InformedFlow, horizon_day: float, cell_day: float, cells: int, seed: int, path: int
) -> Drawn:
    """Clients' requests and news of one path. A client id is its place among all of the path's."""
    own = poisson_tape(flow.own_demand, horizon_day, seed, path)
    random = generator(seed, path, Stream.NEWS)
    count = int(random.poisson(flow.news_per_day * horizon_day))
    times = np.sort(random.random(count)) * horizon_day
    slots = random.integers(0, flow.informed, count)
    sides = (2 * random.integers(0, 2, count) - 1).astype(np.int8)
    will = random.uniform(*flow.willing, count)
    weights = np.array(flow.truth.requests_per_day)
    rungs = random.choice(len(weights), count, p=weights / weights.sum()).astype(np.int8)
    news = empty_tape(count)._replace(
        time_day=times,
        side=sides,
        rung=rungs,
        size_m=np.array(flow.truth.sizes_m)[rungs],
        client=slots.astype(np.int32),
    )
    news.informed[:] = INFORMED
    units = flow.informed * UNITS_INFORMED
    informed = own.client < units
    own.informed[:] = np.where(informed, INFORMED, UNINFORMED)
    own.client[:] = np.where(
        informed,
        own.client // UNITS_INFORMED,
        flow.informed + (own.client - units) // UNITS_UNINFORMED,
    )
    tape = merged([own, news])
    kind = merged([own._replace(rung=np.zeros_like(own.rung)), news._replace(rung=1 + 0 * rungs)])
    is_news = kind.rung.astype(np.int8)
    ids, born = _names(flow, tape, horizon_day, random)
    edges = random.uniform(*flow.edge_bp, born)
    decays = random.uniform(*flow.decay_s, born) / DAY_S
    is_informed = tape.informed == INFORMED
    hidden = Hidden(
        news=is_news,
        edge_bp=np.where(is_informed, edges[ids], 0.0),
        decay_day=np.where(is_informed, decays[ids], 1.0),
    )
    on_news = np.flatnonzero(is_news)
    tape.reservation_bp[on_news] = hidden.edge_bp[on_news] * will
    tape.client[:] = ids
    drifts = _drifts(
        tape.time_day[on_news],
        tape.side[on_news],
        hidden.edge_bp[on_news],
        hidden.decay_day[on_news],
        cell_day,
        cells,
    )
    return Drawn(tape, hidden, drifts)


def _names(
    flow: InformedFlow, tape: Tape, horizon_day: float, random: np.random.Generator
) -> tuple[Ids, int]:
    """Each mark's id, and how many ids there are."""
    if math.isinf(flow.redraws_per_day):
        return np.arange(len(tape.client), dtype=np.int32), len(tape.client)
    redraws = random.poisson(flow.redraws_per_day * horizon_day, flow.clients)
    first = np.concatenate([[0], np.cumsum(redraws + 1)])
    ids = np.empty(len(tape.client), dtype=np.int32)
    for slot in range(flow.clients):
        times = np.sort(random.random(int(redraws[slot]))) * horizon_day
        mine = np.flatnonzero(tape.client == slot)
        ids[mine] = first[slot] + np.searchsorted(times, tape.time_day[mine], side="right")
    return ids, int(first[-1])


@compiled
def _drifts(
    times_day: Floats,
    sides: Small,
    edges_bp: Floats,
    decays_day: Floats,
    cell_day: float,
    cells: int,
) -> Floats:
    """What all news together adds to the price in each cell, from the news's own cell on."""
    drifts = np.zeros(cells)
    for item in range(len(times_day)):
        kept = math.exp(-cell_day / decays_day[item])
        step = sides[item] * edges_bp[item] * (1.0 - kept)
        for cell in range(int(times_day[item] / cell_day), cells):
            drifts[cell] += step
            step *= kept
            if abs(step) < 1e-9:
                break
    return drifts
