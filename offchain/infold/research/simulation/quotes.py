# SPDX-License-Identifier: Apache-2.0
"""The quotes world: one environment, frozen; `run` is one path of it under one policy.

E0 is `paper_world()`: the parameters of Barzykin 2026 section 4, Poisson flow, one Brownian price,
transient impact, one day in cells of 1e-5 days.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from infold.dealer.params import SPOT_FX, DealerParameters
from infold.errors import InvariantBroken
from infold.research.simulation.compiled import Floats
from infold.research.simulation.draws import Stream, generator
from infold.research.simulation.ledger import COLUMNS, Sum
from infold.research.simulation.policy import Policy
from infold.research.simulation.quotes_loop import TrueMarket, finite, run_quotes
from infold.research.simulation.scene import Scene, scene
from infold.research.simulation.tape import Tape, checked_tape, demand_of, poisson_tape

CELLS_MAX = 50_000_000
"""400 MB a column: beyond this a path no longer fits beside others in an ordinary machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotesWorld:
    """`truth` is how the market really behaves; a policy may believe something else.

    Horizon and cell in days; `capital` in bp * M; the path starts with `inventory_m` and
    `impact_bp`.
    """

    truth: DealerParameters
    horizon_day: float = 1.0
    cell_day: float = 1e-5
    clients: int = 1
    inventory_m: float = 0.0
    impact_bp: float = 0.0
    capital_bp_m: float = 0.0

    def __post_init__(self) -> None:
        for name in ("horizon_day", "cell_day"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0.0):
                raise ValueError(f"{name} must be a positive number of days, not {value!r}")
        for name in ("inventory_m", "impact_bp", "capital_bp_m"):
            value = getattr(self, name)
            if not math.isfinite(value):
                raise ValueError(f"{name} must be a number, not {value!r}")
        if not 1 <= self.cells <= CELLS_MAX:
            raise ValueError(
                f"horizon_day over cell_day makes {self.cells} cells; 1..{CELLS_MAX} are possible"
            )
        if self.truth.resilience_per_day * self.cell_day > 0.5:
            raise ValueError(
                f"cell_day {self.cell_day!r} is too coarse for resilience_per_day"
                f" {self.truth.resilience_per_day!r}: their product must stay below 0.5"
            )

    @property
    def cells(self) -> int:
        """Cells of the grid."""
        return round(self.horizon_day / self.cell_day)

    def tape(self, seed: int, path: int) -> Tape:
        """The clients of one path."""
        return poisson_tape(demand_of(self.truth, self.clients), self.horizon_day, seed, path)

    def scene(self, seed: int, path: int) -> Scene:
        """What the market does in one path."""
        normals = generator(seed, path, Stream.PRICE).standard_normal(self.cells)
        normals *= self.truth.volatility_bp * math.sqrt(self.cell_day)
        return scene(normals, self.truth.volatility_bp**2)

    def run(self, policy: Policy, seed: int, path: int) -> tuple[Floats, int]:
        """One path: its row of sums and its hash."""
        return self.run_on(policy, self.tape(seed, path), self.scene(seed, path))

    def run_on(self, policy: Policy, tape: Tape, scene: Scene) -> tuple[Floats, int]:
        """The same on a given tape and a given scene. `ValueError` if they do not fit the world,
        `InvariantBroken` if the path leaves the numbers.
        """
        rungs = policy.lines_bp.shape[1]
        if rungs != len(self.truth.sizes_m):
            raise ValueError(
                f"the policy quotes {rungs} sizes and the market has {len(self.truth.sizes_m)}"
            )
        checked_tape(tape, rungs)
        if len(scene.moves_bp) != self.cells:
            raise ValueError(f"the scene has {len(scene.moves_bp)} cells, the world {self.cells}")
        sums = np.zeros(COLUMNS)
        sums[Sum.INVENTORY] = self.inventory_m
        sums[Sum.IMPACT_STATE] = self.impact_bp
        sums[Sum.EQUITY_MIN] = self.capital_bp_m
        hash_ = run_quotes(
            self.market,
            policy,
            tape,
            scene,
            sums,
        )
        if not finite(sums):
            raise InvariantBroken(f"a simulated path left the numbers: {sums.tolist()}")
        return sums, int(hash_)

    @property
    def market(self) -> TrueMarket:
        """What is true of the world, as the loops need it."""
        return TrueMarket(
            cell_day=self.cell_day,
            spread_bp=self.truth.hedge_spread_bp,
            quadratic_bp_day_per_m=self.truth.hedge_impact_bp_day_per_m,
            impact_bp_per_m=self.truth.impact_bp_per_m,
            resilience_per_day=self.truth.resilience_per_day,
            risk_aversion=self.truth.risk_aversion,
        )


def paper_world(horizon_day: float = 1.0, cell_day: float = 1e-5) -> QuotesWorld:
    """E0."""
    return QuotesWorld(truth=SPOT_FX, horizon_day=horizon_day, cell_day=cell_day)
