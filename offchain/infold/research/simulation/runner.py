# SPDX-License-Identifier: Apache-2.0
"""Many paths of one world under one policy, in parallel, to the same bits as one by one.

A world is anything with `run(policy, seed, path) -> (sums, hash)`. Each path draws from its own
counters, paths are handed out in blocks and put back in order, and nothing is summed across
workers: the number of workers cannot show.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol, TypeVar

import numpy as np
from joblib import Parallel, delayed

from infold.errors import Misconfigured
from infold.research.simulation.compiled import Floats, Words
from infold.research.simulation.draws import checked_seed
from infold.research.simulation.ledger import Paths

BLOCKS_A_WORKER: Final = 4
"""Enough that a slow block does not leave the others idle, few enough that handing out is free."""
BACKENDS: Final = ("threading", "loky", "ray")

PolicyT = TypeVar("PolicyT", contravariant=True)


class World(Protocol[PolicyT]):
    """What `simulate` needs of an environment. Frozen, and picklable for processes."""

    def run(self, policy: PolicyT, seed: int, path: int) -> tuple[Floats, int]:
        """One path: a row of sums, of one length for all paths, and a 64-bit hash."""


def simulate(
    world: World[PolicyT],
    policy: PolicyT,
    paths: int | Sequence[int],
    seed: int,
    workers: int = 1,
    backend: str = "threading",
) -> Paths:
    """Run paths 0..paths-1, or those of the given numbers.

    `backend` is joblib's "threading" (the loops run without the interpreter's lock) or "loky", or
    "ray" (needs `infold[parallel]`; `Misconfigured` says so without it). `ValueError` on numbers
    that make no sense.
    """
    numbers = tuple(range(paths)) if isinstance(paths, int) else tuple(paths)
    if not numbers:
        raise ValueError("paths must be at least 1")
    for number in numbers:
        checked_seed(seed, number)
    if workers < 1:
        raise ValueError(f"workers must be at least 1, not {workers!r}")
    if backend not in BACKENDS:
        raise ValueError(f"backend must be one of {', '.join(BACKENDS)}, not {backend!r}")
    if workers == 1 and backend != "ray":
        found = [_block(world, policy, seed, numbers)]
    else:
        blocks = _blocks(numbers, workers)
        calls = [delayed(_block)(world, policy, seed, block) for block in blocks]
        if backend == "ray":
            _register_ray()
        found = list(Parallel(n_jobs=workers, backend=backend)(calls))
    return Paths(
        numbers=numbers,
        sums=np.concatenate([sums for sums, _ in found]),
        hashes=np.concatenate([hashes for _, hashes in found]),
    )


def _blocks(numbers: tuple[int, ...], workers: int) -> list[tuple[int, ...]]:
    length = max(1, -(-len(numbers) // (workers * BLOCKS_A_WORKER)))
    return [numbers[start : start + length] for start in range(0, len(numbers), length)]


def _block(
    world: World[PolicyT], policy: PolicyT, seed: int, numbers: Sequence[int]
) -> tuple[Floats, Words]:
    rows, hashes = zip(*(world.run(policy, seed, number) for number in numbers), strict=True)
    return np.stack(rows), np.array(hashes, dtype=np.uint64)


def _register_ray() -> None:
    """Tell joblib of Ray, which is an extra."""
    try:
        from ray.util.joblib import register_ray
    except ImportError as error:
        raise Misconfigured(
            "the ray backend needs Ray: pip install 'infold[parallel]', or use backend='loky'"
        ) from error
    register: Any = register_ray
    register()
