# SPDX-License-Identifier: Apache-2.0
"""Whether a stated probability is one: its error, its power to rank, and a monotone repair."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats


def calibration_error(probabilities: Floats, outcomes: Floats, bins: int = 10) -> float:
    """Mean distance between what was said and what happened, over bins of equal count.

    Expected calibration error (Naeini, Cooper and Hauskrecht 2015) with equal-mass bins, weighted
    by their counts. `ValueError` on columns of different length, or fewer values than bins.
    """
    said, came = _columns("probabilities", probabilities, outcomes)
    bins = checks.count("bins", bins, 1)
    if bins > len(said):
        raise ValueError(f"bins must lie in 1..{len(said)}, the number of values, not {bins!r}")
    order = np.argsort(said, kind="stable")
    error = 0.0
    for part in np.array_split(order, bins):
        error += abs(float(said[part].mean() - came[part].mean())) * len(part)
    return error / len(said)


def ranking_power(scores: Floats, outcomes: Floats) -> float:
    """Area under the curve of hits against false alarms: how often a toxic trade ranks higher.

    Ties count half (Mann and Whitney 1947). `ValueError` if all outcomes are alike.
    """
    said, came = _columns("scores", scores, outcomes)
    _, place, counts = np.unique(said, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[place]
    toxic = came > 0.5
    hits = int(toxic.sum())
    misses = len(came) - hits
    if hits == 0 or misses == 0:
        raise ValueError("outcomes are all alike: ranking needs both toxic and benign trades")
    return (float(ranks[toxic].sum()) - hits * (hits + 1) / 2.0) / (hits * misses)


@dataclass(frozen=True, slots=True)
class Isotonic:
    """A non-decreasing map of probabilities: `values[i]` from `knots[i]` on, up to the next.

    `ValueError` unless there is one value in 0..1 for each knot, and knots rise.
    """

    knots: tuple[float, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not 0 < len(self.knots) == len(self.values):
            raise ValueError("an isotonic map needs one of values for each of knots, at least one")
        for place, (knot, value) in enumerate(zip(self.knots, self.values, strict=True)):
            checks.number(f"knots[{place}]", knot, "no unit")
            checks.share(f"values[{place}]", value)
        if any(right <= left for left, right in pairwise(self.knots)):
            raise ValueError(f"knots (no unit) must rise strictly, not {self.knots!r}")
        if any(right < left for left, right in pairwise(self.values)):
            raise ValueError(f"values (shares) must not fall, not {self.values!r}")

    def __call__(self, probability: float) -> float:
        checks.number("probability", probability, "no unit")
        place = int(np.searchsorted(self.knots, probability, side="right")) - 1
        return self.values[max(place, 0)]


def isotonic(probabilities: Floats, outcomes: Floats) -> Isotonic:
    """The non-decreasing map closest to the outcomes: pooling adjacent violators (Ayer 1955)."""
    said, came = _columns("probabilities", probabilities, outcomes)
    levels, place = np.unique(said, return_inverse=True)
    weights = np.bincount(place).astype(np.float64)
    means = np.bincount(place, weights=came) / weights
    blocks: list[tuple[float, float, float]] = []  # first level, mean, weight
    for level, mean, weight in zip(levels.tolist(), means.tolist(), weights.tolist(), strict=True):
        first = level
        while blocks and blocks[-1][1] >= mean:
            first, before, held = blocks.pop()
            mean = (before * held + mean * weight) / (held + weight)
            weight += held
        blocks.append((first, mean, weight))
    return Isotonic(tuple(b[0] for b in blocks), tuple(b[1] for b in blocks))


def _columns(name: str, said: Floats, came: Floats) -> tuple[Floats, Floats]:
    left, right = np.asarray(said, dtype=np.float64), np.asarray(came, dtype=np.float64)
    if left.shape != right.shape or left.ndim != 1 or len(left) == 0:
        raise ValueError(f"{name} and outcomes must be columns of one length, not empty")
    if not (np.abs(left) <= checks.FIGURE_MAX).all():
        raise ValueError(f"{name} (no unit) must be numbers")
    if not np.isin(right, (0.0, 1.0)).all():
        raise ValueError("outcomes must be 0 or 1")
    return left, right
