# SPDX-License-Identifier: Apache-2.0
"""A learned residual against the closed form it moves, path by path on the same market."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from infold.research.learning.environment import ZERO, DealerEnvironment, Observation, score
from infold.research.simulation.ledger import Estimate, estimate

Actor = Callable[[Observation], NDArray[np.float64]]


def still(_: Observation) -> NDArray[np.float64]:
    """The closed form itself."""
    return ZERO


def scores(environment: DealerEnvironment, actor: Actor, paths: Sequence[int]) -> list[float]:
    """The score of each path, bp * M."""
    found = []
    for path in paths:
        observed, _ = environment.reset(options={"path": path})
        done = False
        while not done:
            observed, _, _, done, _ = environment.step(actor(observed).astype(np.float32))
        found.append(score(environment.sums))
    return found


def compare(environment: DealerEnvironment, actor: Actor, paths: Sequence[int]) -> Estimate:
    """Mean and standard error of the learned policy's score less the closed form's."""
    ours = scores(environment, actor, paths)
    theirs = scores(environment, still, paths)
    return estimate([mine - other for mine, other in zip(ours, theirs, strict=True)])
