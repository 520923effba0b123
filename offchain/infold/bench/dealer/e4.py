# SPDX-License-Identifier: Apache-2.0
"""E4: the price answers our hedge by a power law, and the dealer believes in an exponential, three
times too strong or too weak.

Truths: t^-.3, t^-.4, t^-.5, each linear in the rate and as its square root. The dealer starts from
the paper's exponential with k times or over three, fits it anew every hour from its own hedge
trades and the mid it sees, and acts on the lower 90 % bound of what belief and fills make likely
(`docs/decisions/0069`). It is measured against the same closed form with gains fitted on the
truth without the price's noise, and scaled by whatever factor earned most on other seeds.

A loss is a share of that policy's score over the same day and paths. The strained market has four
times the impact and ten times the risk aversion: there impact decides how much is hedged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np

from infold.bench.dealer.figures import (
    STANDARD_ERRORS,
    Bench,
    Figure,
    Sample,
    at_most,
    exact,
    reported,
    stopwatch,
)
from infold.dealer.params import SPOT_FX, DealerParameters
from infold.research.simulation.impact import (
    ImpactWorld,
    believing,
    day_of,
    fitted_on_truth,
    power_world,
    told_per_day,
)
from infold.research.simulation.impact_loop import ImpactPolicy
from infold.research.simulation.ledger import Paths
from infold.research.simulation.runner import simulate

EXPONENTS: Final = (0.3, 0.4, 0.5)
RATES: Final = {"linear": 1.0, "root": 0.5}
BELIEFS: Final = {"high": 3.0, "low": 1.0 / 3.0}
DAYS: Final = {"first_day": 0, "later": 1}
LIMITS: Final = {"first_day": 0.15, "later": 0.05}
FACTORS: Final = (0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0, 1.5)
STRAINED: Final = msgspec.structs.replace(SPOT_FX, impact_bp_per_m=0.02, risk_aversion=1e-2)
PATHS: Final = 48
SEARCH_PATHS: Final = 16
FIT_PATHS: Final = 8
REFIT_S: Final = 3_600.0
SPREAD: Final = 2.0 / 3.0
"""Of what is believed: three times too strong lies one spread off."""
CAUTION: Final = 1.2815515655446004
"""Standard errors from a mean to its lower 90 % bound."""


@dataclass(frozen=True, slots=True)
class Case:
    """One truth and belief: what it is called, and its losses by policy and day."""

    name: str
    losses: dict[tuple[str, str], Sample]
    seconds: float


def run(bench: Bench) -> list[Figure]:
    """Twelve cases with their limits, the worst of them, and the worst with less.

    `cautious` is caution without a fit, `closed` neither, `told` in standard errors a day.
    """
    figures: list[Figure] = []
    for prefix, market in (("e4", SPOT_FX), ("e4.strained", STRAINED)):
        cases: list[Case] = []
        for exponent in EXPONENTS:
            for law, rate_exponent in RATES.items():
                world = power_world(exponent, rate_exponent, market)
                cases += measured(bench, world, f"p{exponent * 100:.0f}.{law}")
        if prefix == "e4":
            figures += [
                at_most(f"e4.{case.name}.{day}", case.losses["fitted", day], limit, case.seconds)
                for case in cases
                for day, limit in LIMITS.items()
            ]
        seconds = sum(case.seconds for case in cases)
        for day, limit in LIMITS.items():
            figures.append(at_most(f"{prefix}.{day}", _worst(cases, "fitted", day), limit, seconds))
            figures += [
                reported(f"{prefix}.{kind}.{day}", _worst(cases, kind, day), 0.0)
                for kind in ("cautious", "closed")
            ]
        with stopwatch() as watch:
            # What is hedged does not depend on the truth, so one world tells for all.
            right = _policy(world, (0.0, market.impact_bp_per_m, 0.0))
            told = told_per_day(world, right, bench.seed + 2, FIT_PATHS, bench.workers)
        figures.append(reported(f"{prefix}.told", exact(told), watch.seconds))
    return figures


def measured(bench: Bench, world: ImpactWorld, name: str) -> list[Case]:
    """Losses for both beliefs about one truth."""
    market = world.truth
    with stopwatch() as watch:
        right = _policy(world, (0.0, market.impact_bp_per_m, 0.0))
        gains = fitted_on_truth(world, right, bench.seed + 2, FIT_PATHS, bench.workers)
        best = _best(bench, world, gains)
        target = simulate(world, best, PATHS, bench.seed, bench.workers)
    cases = []
    for belief, factor in BELIEFS.items():
        believed = factor * market.impact_bp_per_m
        prior = (0.0, believed, 0.0)
        policies = {
            "fitted": believing(
                market,
                prior,
                spread_bp_per_m=SPREAD * believed,
                refit_s=REFIT_S,
                caution=CAUTION,
                cell_day=world.cell_day,
            ),
            "cautious": believing(
                market,
                prior,
                spread_bp_per_m=SPREAD * believed,
                caution=CAUTION,
                cell_day=world.cell_day,
            ),
            "closed": _policy(world, prior),
        }
        losses = {}
        with stopwatch() as mine:
            for kind, policy in policies.items():
                ours = simulate(world, policy, PATHS, bench.seed, bench.workers)
                for day, index in DAYS.items():
                    losses[kind, day] = lost(day_of(target, index), day_of(ours, index))
        cases.append(Case(f"{name}.{belief}", losses, mine.seconds + watch.seconds / 2.0))
        bench.say(f"{name}.{belief}: {losses['fitted', 'first_day'].value:.4f}")
    return cases


def lost(best: Paths, ours: Paths) -> Sample:
    """The share of the best score that ours lacks, with its 95 % interval: a ratio of means, path
    by path.
    """
    top = float(best.score.mean())
    share = 1.0 - float(ours.score.mean()) / top
    rests = (best.score - ours.score - share * best.score) / top
    count = len(rests)
    half = STANDARD_ERRORS * float(np.std(rests, ddof=1)) / count**0.5
    return Sample(share, share - half, share + half, count)


def _best(bench: Bench, world: ImpactWorld, gains: tuple[float, ...]) -> ImpactPolicy:
    """The fitted gains at the scale that earns most on seeds of its own."""
    policies = [_policy(world, tuple(scale * gain for gain in gains)) for scale in FACTORS]
    scores = []
    for policy in policies:
        found = simulate(world, policy, SEARCH_PATHS, bench.seed + 1, bench.workers)
        scores.append(sum(float(day_of(found, day).score.mean()) for day in range(world.days)))
    return policies[int(np.argmax(scores))]


def _policy(world: ImpactWorld, gains: tuple[float, ...]) -> ImpactPolicy:
    market: DealerParameters = world.truth
    return believing(market, gains, cell_day=world.cell_day)


def _worst(cases: list[Case], kind: str, day: str) -> Sample:
    return max((case.losses[kind, day] for case in cases), key=lambda sample: sample.value)
