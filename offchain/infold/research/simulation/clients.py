# SPDX-License-Identifier: Apache-2.0
"""The clients world: E1b. One path of it meets several dealers in turn, all on the same draws.

E1b is `ClientsWorld()`: E0's market with 200 clients of whom 20 trade on news (`informed.py`), two
days in which nothing counts and the dealer may learn, three that are scored. Cells of 1e-5 days as
in E0: the mid is needed at every horizon of every fill, so there is little to skip.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from infold.dealer.params import DealerParameters
from infold.dealer.toxicity.features import FEATURES, TRADES
from infold.dealer.toxicity.filtering import Kinds, copied, empty_clients
from infold.dealer.toxicity.learner import prior_belief
from infold.dealer.toxicity.markouts import HORIZONS_S
from infold.dealer.toxicity.vpin import empty_vpin
from infold.errors import InvariantBroken
from infold.research.simulation.client_dealers import ClientDealer, told_premiums_bp
from infold.research.simulation.clients_columns import (
    CLIENT_COLUMNS,
    FILTER,
    LABEL_HORIZON,
    Fills,
    Mind,
    Timing,
)
from infold.research.simulation.clients_loop import run_clients
from infold.research.simulation.compiled import Floats
from infold.research.simulation.draws import Stream, generator
from infold.research.simulation.informed import DAY_S, Drawn, InformedFlow, drawn_flow
from infold.research.simulation.ledger import Paths
from infold.research.simulation.quotes_loop import TrueMarket, finite
from infold.research.simulation.scene import Scene, scene
from infold.research.simulation.tape import checked_tape

BUCKET_M = 50.0
BUCKETS = 50
"""VPIN over the last 2,500 M: a quarter of a day of E0's fills."""


class Course(NamedTuple):
    """Everything one path of one dealer left behind."""

    sums: Floats
    hash: int
    fills: Fills
    kinds: Kinds


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientsWorld:
    """`early_cells` releases labels before their time: for the test that this shows."""

    flow: InformedFlow = field(default_factory=InformedFlow)
    burn_in_day: float = 2.0
    scored_day: float = 3.0
    cell_day: float = 1e-5
    early_cells: int = 0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.burn_in_day) and self.burn_in_day >= 0.0):
            raise ValueError(f"burn_in_day must be days not below zero, not {self.burn_in_day!r}")
        for name in ("scored_day", "cell_day"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} must be a positive number of days, not {value!r}")
        if self.flow.truth.resilience_per_day * self.cell_day > 0.5:
            raise ValueError(
                f"cell_day {self.cell_day!r} is too coarse for resilience_per_day"
                f" {self.flow.truth.resilience_per_day!r}: their product must stay below 0.5"
            )
        if not 0 <= self.early_cells < min(self.lags):
            raise ValueError(f"early_cells must lie in 0..{min(self.lags) - 1}")

    @property
    def cells(self) -> int:
        """Cells of a path, burn-in included."""
        return round((self.burn_in_day + self.scored_day) / self.cell_day)

    @property
    def burn_cells(self) -> int:
        """Cells before anything counts."""
        return round(self.burn_in_day / self.cell_day)

    @property
    def lags(self) -> tuple[int, ...]:
        """The horizons in cells, rounded up."""
        return tuple(math.ceil(horizon / DAY_S / self.cell_day - 1e-9) for horizon in HORIZONS_S)

    @property
    def ends_s(self) -> tuple[float, ...]:
        """The horizons as this grid has them, seconds."""
        return tuple(lag * self.cell_day * DAY_S for lag in self.lags)

    def flow_of(self, seed: int, path: int) -> Drawn:
        """The clients of one path."""
        days = self.burn_in_day + self.scored_day
        return drawn_flow(self.flow, days, self.cell_day, self.cells, seed, path)

    def scene(self, seed: int, path: int, drifts_bp: Floats) -> Scene:
        """What the market does in one path, with what the news adds."""
        normals = generator(seed, path, Stream.PRICE).standard_normal(self.cells)
        normals *= self.flow.truth.volatility_bp * math.sqrt(self.cell_day)
        return scene(normals, self.flow.truth.volatility_bp**2, drifts_bp)

    def run(self, policy: Sequence[ClientDealer], seed: int, path: int) -> tuple[Floats, int]:
        """One path under each dealer: their rows behind one another, and the last one's hash."""
        drawn = self.flow_of(seed, path)
        market = self.scene(seed, path, drawn.drifts_bp)
        courses = [self.run_on(dealer, drawn, market) for dealer in policy]
        return np.concatenate([course.sums for course in courses]), courses[-1].hash

    def run_on(self, dealer: ClientDealer, drawn: Drawn, market: Scene) -> Course:
        """One dealer on given draws. `ValueError` if they do not fit the world, `InvariantBroken`
        if the path leaves the numbers.
        """
        rungs = dealer.ladder.lines_bp.shape[1]
        if rungs != len(self.flow.truth.sizes_m):
            raise ValueError(
                f"the dealer quotes {rungs} sizes and the market has {len(self.flow.truth.sizes_m)}"
            )
        checked_tape(drawn.tape, rungs)
        if len(market.moves_bp) != self.cells or len(market.drifts_bp) != self.cells:
            raise ValueError(f"the scene must have {self.cells} cells of moves and of drifts")
        sums = np.zeros(CLIENT_COLUMNS)
        ids = int(drawn.tape.client.max(initial=0)) + 1
        learns = dealer.conduct.sight == FILTER
        kinds = copied(dealer.kinds)
        mind = Mind(
            kinds=kinds,
            prior=dealer.kinds,
            clients=empty_clients(ids if learns else 1, len(kinds.shares)),
            belief=prior_belief(TRADES, 1),
            vpin=empty_vpin(BUCKET_M, BUCKETS),
        )
        fills = _room(len(drawn.tape.time_day), len(kinds.shares), learns)
        lags = np.array(self.lags, dtype=np.int64)
        timing = Timing(
            lags=lags - self.early_cells,
            minute=int(lags[LABEL_HORIZON]),
            burn=self.burn_cells,
        )
        hash_ = run_clients(
            _market(self.flow.truth, self.cell_day),
            dealer.ladder,
            dealer.conduct,
            dealer.signal,
            mind,
            dealer.premiums_bp,
            told_premiums_bp(dealer, drawn.hidden),
            drawn.tape,
            drawn.hidden,
            market,
            timing,
            fills,
            sums,
        )
        if not finite(sums):
            raise InvariantBroken(f"a simulated path left the numbers: {sums.tolist()}")
        return Course(sums, int(hash_), fills, kinds)


def each_dealers(paths: Paths) -> list[Paths]:
    """The rows of a world's several dealers, apart again. Hashes are those of the last one."""
    count = paths.sums.shape[1] // CLIENT_COLUMNS
    return [
        Paths(
            paths.numbers,
            paths.sums[:, i * CLIENT_COLUMNS : (i + 1) * CLIENT_COLUMNS],
            paths.hashes,
        )
        for i in range(count)
    ]


def _room(marks: int, kinds: int, learns: bool) -> Fills:
    """Columns for as many fills as there are marks; those of the filter only where one runs."""
    held = marks if learns else 1
    return Fills(
        done=np.zeros(1, dtype=np.int64),
        marks=np.zeros(marks, dtype=np.int64),
        cells=np.zeros(marks, dtype=np.int64),
        paid_bp=np.zeros(marks),
        believed=np.zeros(held),
        chances=np.zeros((held, kinds)),
        features=np.zeros((held, FEATURES)),
        toxic=np.zeros(held),
        came=np.full(held, -1.0),
    )


def _market(truth: DealerParameters, cell_day: float) -> TrueMarket:
    return TrueMarket(
        cell_day=cell_day,
        spread_bp=truth.hedge_spread_bp,
        quadratic_bp_day_per_m=truth.hedge_impact_bp_day_per_m,
        impact_bp_per_m=truth.impact_bp_per_m,
        resilience_per_day=truth.resilience_per_day,
        risk_aversion=truth.risk_aversion,
    )
