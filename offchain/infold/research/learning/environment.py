# SPDX-License-Identifier: Apache-2.0
"""The quotes world as a gymnasium environment: one step is an interval of its loop.

Observed are inventory and impact state, scaled to about one; the action is a residual
(`residual.py`); the reward is what the interval added to the score, martingale left out
(`ledger.Paths.score`), over `REWARD_BP_M`. Zero actions are the closed form: the sum of their
rewards is its score on that path to the last digits (a test). `paired` takes from each reward what
the closed form gained on the same path in the same interval: the sum is then the difference that
counts, with a fraction of the noise, and no action can move what is taken off.

A path is (seed, number), as everywhere: `reset(options={"path": 7})` replays the seventh, and
learners draw theirs from numbers far above those that policies are scored on.
"""

from __future__ import annotations

import math
from copy import copy
from typing import Any, Final

import gymnasium
import numpy as np
from numpy.typing import NDArray

from infold.dealer.params import DealerParameters
from infold.research.learning.residual import PARTS, Band, Steering
from infold.research.simulation.compiled import Floats
from infold.research.simulation.ledger import COLUMNS, Sum
from infold.research.simulation.policy import Policy
from infold.research.simulation.quotes import QuotesWorld, paper_world
from infold.research.simulation.quotes_loop import run_quotes
from infold.research.simulation.scene import Scene
from infold.research.simulation.tape import Tape

INVENTORY_M: Final = 20.0
IMPACT_BP: Final = 0.05
REWARD_BP_M: Final = 10.0
TRAINING_PATHS: Final = 2**20
"""Paths from this number on are for learning; figures use those below."""
ZERO: Final = np.zeros(len(PARTS))
Observation = NDArray[np.float32]


class DealerEnvironment(gymnasium.Env[Observation, NDArray[np.float32]]):
    """One path an episode. `cells` of the world make a step; `belief` is the dealer's. `ValueError`
    unless the world has so many.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 - gymnasium's own form

    def __init__(
        self,
        world: QuotesWorld | None = None,
        belief: DealerParameters | None = None,
        band: Band | None = None,
        cells: int = 100,
        seed: int = 1,
        paired: bool = False,
    ) -> None:
        self.world = paper_world() if world is None else world
        if not 1 <= cells <= self.world.cells:
            raise ValueError(f"cells must lie in 1..{self.world.cells} of the path, not {cells!r}")
        self.steering = Steering(belief or self.world.truth, band or Band())
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (len(PARTS),), np.float32)
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self._cells = cells
        self._seed = seed
        self._market = self.world.market
        self._paired = paired
        self._path: _Path | None = None
        self._still: _Path | None = None

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin a path: the one `options` names, or one of the learner's own."""
        super().reset(seed=seed)
        number = (options or {}).get("path")
        if number is None:
            number = TRAINING_PATHS + int(self.np_random.integers(TRAINING_PATHS))
        self._path = _Path(self.world, self._seed, int(number), self._cells)
        self._still = self._path.again() if self._paired else None
        return self._observed(), {"path": number}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """Quote and hedge through one interval under the action. `RuntimeError` after the path's
        end.
        """
        path = self._path
        if path is None or path.done:
            raise RuntimeError("the path has ended: reset the environment before the next step")
        held_m, impact_bp = path.sums[Sum.INVENTORY], path.sums[Sum.IMPACT_STATE]
        gained = path.advance(self._market, self.steering.steered(action, held_m, impact_bp))
        if self._still is not None:
            gained -= self._still.advance(self._market, self.steering.steered(ZERO))
        return self._observed(), gained / REWARD_BP_M, False, path.done, {}

    @property
    def sums(self) -> Floats:
        """The path's ledger so far. `RuntimeError` before a path has begun."""
        if self._path is None:
            raise RuntimeError("no path has begun: reset the environment")
        return self._path.sums

    def _observed(self) -> Observation:
        sums = self.sums
        held, state = sums[Sum.INVENTORY] / INVENTORY_M, sums[Sum.IMPACT_STATE] / IMPACT_BP
        return np.array([held, state], dtype=np.float32)


class _Path:
    """One path cut into intervals of whole cells; marks go to the cell the loop would put them
    in.
    """

    def __init__(self, world: QuotesWorld, seed: int, number: int, cells: int) -> None:
        self._tape = world.tape(seed, number)
        self._scene = world.scene(seed, number)
        self._day = world.cell_day
        self._cells = cells
        due = (self._tape.time_day / self._day).astype(np.int64)
        self._due = due
        self._cell = 0
        self.sums = np.zeros(COLUMNS)
        self.sums[Sum.INVENTORY] = world.inventory_m
        self.sums[Sum.IMPACT_STATE] = world.impact_bp
        self.sums[Sum.EQUITY_MIN] = world.capital_bp_m

    def again(self) -> _Path:
        """The same path, not begun."""
        fresh = copy(self)
        fresh.sums = self.sums.copy()
        return fresh

    @property
    def done(self) -> bool:
        return self._cell >= len(self._scene.moves_bp)

    def advance(self, market: Any, policy: Policy) -> float:
        """Run the next interval; what it added to the score, bp * M."""
        start = self._cell
        end = min(start + self._cells, len(self._scene.moves_bp))
        before = score(self.sums)
        first, last = np.searchsorted(self._due, (start, end))
        tape = Tape._make(column[first:last] for column in self._tape)
        middle = (self._due[first:last] - start + 0.5) * self._day
        run_quotes(
            market,
            policy,
            tape._replace(time_day=middle),
            Scene._make(
                column if len(column) == 1 else column[start:end] for column in self._scene
            ),
            self.sums,
        )
        self._cell = end
        return score(self.sums) - before


def score(sums: Floats) -> float:
    """One path's score so far: income less the martingale and the charge for risk."""
    return math.fsum(
        (
            sums[Sum.MARKUP],
            sums[Sum.IMPACT],
            sums[Sum.DRIFT],
            sums[Sum.FUNDING],
            -sums[Sum.COST],
            -sums[Sum.RISK],
        )
    )
