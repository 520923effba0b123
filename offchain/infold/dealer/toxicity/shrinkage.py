# SPDX-License-Identifier: Apache-2.0
"""One client's mean markout, shrunk towards all clients': the normal-normal model.

Client means are N(centre, spread^2), markouts about a mean N(0, noise^2). After n markouts of sum s

    precision = 1/spread^2 + n/noise^2      mean = (centre/spread^2 + s/noise^2) / precision

(Gelman et al., "Bayesian Data Analysis", section 2.5). A client seen once is its population; one
seen often is itself. `fitted` takes centre and spread from the clients at hand by moments
(DerSimonian and Laird 1986). All figures in bp.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats

_LEAST_BP: Final = 1e-60
"""What is smaller is nothing: its square is hardly a number."""


@dataclass(frozen=True, slots=True)
class Population:
    """Where clients' mean markouts lie (bp) and how a single markout scatters about its mean.

    `ValueError` names the figure that is none.
    """

    centre_bp: float
    spread_bp: float
    noise_bp: float

    def __post_init__(self) -> None:
        checks.number("centre_bp", self.centre_bp, "bp")
        checks.not_negative("spread_bp", self.spread_bp, "bp")
        _noise(self.noise_bp)


@dataclass(frozen=True, slots=True)
class Tally:
    """Markouts of one client so far: how many (discounted ones count as less) and their sum.

    `ValueError` names the figure that is none.
    """

    count: float = 0.0
    sum_bp: float = 0.0

    def __post_init__(self) -> None:
        checks.not_negative("count", self.count, "markouts")
        checks.number("sum_bp", self.sum_bp, "bp")

    def after(self, markout_bp: float, kept: float = 1.0) -> Tally:
        """With one markout more; `kept` in (0, 1] of the older evidence remains. `ValueError` for
        another share.
        """
        checks.number("markout_bp", markout_bp, "bp")
        if checks.share("kept", kept) == 0.0:
            raise ValueError(f"kept must be a share above 0 and at most 1, not {kept!r}")
        return Tally(kept * self.count + 1.0, kept * self.sum_bp + markout_bp)


def shrunk(population: Population, tally: Tally) -> tuple[float, float]:
    """The posterior of a client's mean markout: its mean and its standard deviation, bp."""
    if population.spread_bp < _LEAST_BP:
        return population.centre_bp, 0.0
    known = 1.0 / population.spread_bp**2
    seen = 1.0 / population.noise_bp**2
    precision = known + tally.count * seen
    mean = (population.centre_bp * known + tally.sum_bp * seen) / precision
    return mean, 1.0 / math.sqrt(precision)


def fitted(tallies: Sequence[Tally], noise_bp: float) -> Population:
    """The population these clients come from; `ValueError` if fewer than two have traded, or if
    the noise is not above zero bp.

    Method of moments: the spread is what the clients' means scatter beyond their sampling error,
    and zero where they scatter no further.
    """
    _noise(noise_bp)
    counts: Floats = np.array([tally.count for tally in tallies if tally.count > 0.0])
    sums: Floats = np.array([tally.sum_bp for tally in tallies if tally.count > 0.0])
    if len(counts) < 2:
        raise ValueError(f"a population takes at least two clients who traded, not {len(counts)}")
    means = sums / counts
    total = float(counts.sum())
    centre = float(sums.sum()) / total
    weights = counts / noise_bp**2
    scatter = float((weights * (means - centre) ** 2).sum())
    scale = float(weights.sum() - (weights**2).sum() / weights.sum())
    between = max(0.0, (scatter - (len(counts) - 1)) / scale) if scale > 0.0 else 0.0
    precision = 1.0 / (between + noise_bp**2 / counts)
    return Population(
        centre_bp=float((precision * means).sum() / precision.sum()),
        spread_bp=math.sqrt(between),
        noise_bp=noise_bp,
    )


def _noise(noise_bp: float) -> None:
    if checks.positive("noise_bp", noise_bp, "bp") < _LEAST_BP:
        raise ValueError(f"noise_bp must be at least {_LEAST_BP!r} bp, not {noise_bp!r}")
