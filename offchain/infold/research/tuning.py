# SPDX-License-Identifier: Apache-2.0
"""Tune the dealer's line where neither the ladder nor the monopoly is right.

    python -m infold.research.tuning

prints the rows of `dealer.lines.TUNED`, one an interval. The flow is E0's, in batches, nobody
hedges; every line meets the same clients (common random numbers), and the search is Nelder and
Mead's simplex from the row of the interval before, so the same seed gives the same table. Without
hedging the impact state stays at zero and the score does not see the price, which therefore stands
still.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from scipy.optimize import minimize

from infold.dealer.lines import Line, Tuning, bent_line, orders_per_batch
from infold.dealer.params import DAY_S, SPOT_FX, DealerParameters
from infold.dealer.quoting import closed_forms
from infold.research.simulation.batches import BatchWorld, batch_policy
from infold.research.simulation.batches_loop import BatchPolicy
from infold.research.simulation.compiled import Floats
from infold.research.simulation.quotes import QuotesWorld
from infold.research.simulation.runner import simulate
from infold.research.simulation.scene import scene

INTERVALS_S: Final = (0.25, 1.0, 10.0, 60.0, 300.0)
EVALUATIONS: Final = 70
"""Lines a search tries: a simplex in three dimensions has long settled to within a thousandth of
the income, which is flat at its top."""
SIMPLEXES: Final = 2
"""The second as wide as the first, from where that one ended: it may have shrunk too soon."""
REFUSED: Final = 1e9
"""The score, turned, of numbers that make no line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillWorld:
    """A batch world whose price stands still: enough for a dealer that never hedges."""

    world: BatchWorld

    def run(self, policy: BatchPolicy, seed: int, path: int) -> tuple[Floats, int]:
        """One path, as `BatchWorld.run`."""
        base = self.world.base
        still = scene(np.zeros(base.cells), base.truth.volatility_bp**2)
        return self.world.run_on(policy, self.world.tape(seed, path), still)


def still_batches(
    parameters: DealerParameters, interval_s: float, fee_bp: float = 0.0, whole: bool = True
) -> StillWorld:
    """One day of the parameters' flow in batches; a cell is a batch."""
    batches = round(DAY_S / interval_s)
    base = QuotesWorld(
        truth=msgspec.structs.replace(parameters, resilience_per_day=0.0),
        horizon_day=1.0,
        cell_day=1.0 / batches,
    )
    return StillWorld(world=BatchWorld(base=base, batch_cells=1, fee_bp=fee_bp, whole=whole))


def scores(
    world: StillWorld, line: Line, paths: int | Sequence[int], seed: int, workers: int = 1
) -> Floats:
    """What a line earns by path, bp * M a day, without hedging and without fees."""
    truth = world.world.base.truth
    policy = batch_policy(truth, world.world.interval_s, line=line, hedged=False)
    return simulate(world, policy, paths, seed, workers).score


def searched(
    score: Callable[[Line], float],
    family: Callable[[Floats], Line],
    start: Sequence[float],
    evaluations: int,
) -> tuple[Line, Floats]:
    """The best line of a family that a simplex finds from `start`, and its numbers.

    `family` raises `ValueError` for numbers that make no line; they score nothing.
    """

    def turned(numbers: Floats) -> float:
        try:
            return -score(family(numbers))
        except ValueError:
            return REFUSED

    found = minimize(
        turned,
        np.array(start, dtype=np.float64),
        method="Nelder-Mead",
        options={"maxfev": evaluations, "xatol": 1e-3, "fatol": 1e-2, "adaptive": True},
    )
    return family(found.x), found.x


def tuned(
    parameters: DealerParameters,
    interval_s: float,
    start: Tuning,
    seed: int,
    paths: int,
    workers: int = 1,
) -> Tuning:
    """The row of one interval, searched from another row."""
    asked = closed_forms(parameters).indifference
    world = still_batches(parameters, interval_s)

    def family(numbers: Floats) -> Line:
        markup, slope, skew = (float(number) for number in numbers)
        return bent_line(
            parameters, markup, slope * asked.slope_bp_per_m, skew * asked.skew_bp_per_m
        )

    def score(line: Line) -> float:
        return float(scores(world, line, paths, seed, workers).mean())

    numbers: Sequence[float] = start[1:]
    for _ in range(SIMPLEXES):
        _, found = searched(score, family, numbers, EVALUATIONS)
        numbers = found.tolist()
    orders = orders_per_batch(parameters, interval_s)
    return Tuning(orders, *(round(number, 3) for number in numbers))


def main() -> None:
    """Print the table."""
    reader = argparse.ArgumentParser(description="Tune the batch line on the spot FX set.")
    reader.add_argument("--seed", type=int, default=20260201)
    reader.add_argument("--paths", type=int, default=24)
    reader.add_argument("--workers", type=int, default=2)
    given = reader.parse_args()
    row = Tuning(0.0, 1.0, 1.0, 1.0)
    for interval_s in INTERVALS_S:
        row = tuned(SPOT_FX, interval_s, row, given.seed, given.paths, given.workers)
        print(f"    Tuning({row.orders:.4g}, {row.markup}, {row.slope}, {row.skew}),", flush=True)


if __name__ == "__main__":
    main()
