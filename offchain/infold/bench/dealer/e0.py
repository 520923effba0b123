# SPDX-License-Identifier: Apache-2.0
"""`e0`: the paper's market. Scores by linear solve, then the same policies in simulation.

A score is theta(policy) / theta(exact two-dimensional optimum), both on the same lattice and
without chance. The simulation meets the same clients under every policy and leaves the score's
martingale part out, so that a gain of one part in sixty shows in 5,000 days.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from infold.bench.dealer.figures import (
    STANDARD_ERRORS,
    Bench,
    Figure,
    Sample,
    at_least,
    at_most,
    exact,
    mean_of,
    reported,
    stopwatch,
    within,
)
from infold.dealer.exact.hjb import solve
from infold.dealer.exact.lattice import TRANSIENT
from infold.dealer.exact.tables import BYTES_MAX
from infold.dealer.params import SPOT_FX
from infold.dealer.zone import CapitalCharge
from infold.research.simulation.exact_policies import (
    charged,
    exact_2d,
    permanent_1d,
    runtime,
    worth,
)
from infold.research.simulation.ledger import Paths
from infold.research.simulation.policy import (
    Policy,
    exact_markup,
    externalise_all,
    permanent_closed_form,
    skew_only,
    transient_closed_form,
)
from infold.research.simulation.quotes import paper_world
from infold.research.simulation.runner import simulate

PATHS: Final = 5_000
PATHS_FEW: Final = 1_000
"""For rows that differ so much that a fifth of the paths separates them."""
SCORE_RUNTIME: Final = 0.9995
SCORE_CLOSED: Final = 0.997
GAIN: Final = 20.0
GAIN_ERROR: Final = 0.5
THETA_TOLERANCE: Final = 0.05
CAPITAL: Final = CapitalCharge(capital_bp_m=3_000.0, stress_bp=500.0)
"""Halves the zone, to 6 M: what that costs is reported."""


class Row(NamedTuple):
    """A policy, what the reference says it earns on the lattice, and how many paths it runs."""

    policy: Policy
    theta: float | None
    paths: int


def rows() -> Mapping[str, Row]:
    """The policies of E0; `transient` is the one the others are paired with."""
    return {
        "transient": Row(transient_closed_form(SPOT_FX), 1451.19, PATHS),
        "externalise": Row(externalise_all(SPOT_FX), None, PATHS_FEW),
        "skew": Row(skew_only(SPOT_FX), 1371.55, PATHS_FEW),
        "permanent": Row(permanent_closed_form(SPOT_FX), 1440.81, PATHS_FEW),
        "exact_markup": Row(exact_markup(SPOT_FX), 1474.71, PATHS),
        "exact_1d": Row(permanent_1d(SPOT_FX), 1475.59, PATHS),
        "runtime": Row(runtime(SPOT_FX), 1477.51, PATHS),
        "exact_2d": Row(exact_2d(SPOT_FX), None, PATHS),
    }


def run(bench: Bench) -> list[Figure]:
    """Every figure of the group."""
    policies = rows()
    bench.say("e0: scores by linear solve")
    return [*scores(policies), *simulated(bench, policies)]


def scores(policies: Mapping[str, Row]) -> list[Figure]:
    """Theta of every row against the reference, and the two scores that were promised."""
    figures = []
    with stopwatch() as watch:
        best = solve(SPOT_FX, TRANSIENT).theta_bp_m_per_day
    figures.append(reported("e0.theta_best", exact(best), watch.seconds))
    thetas: dict[str, Figure] = {}
    for name, row in policies.items():
        with stopwatch() as watch:
            theta = exact(worth(row.policy, SPOT_FX).theta_bp_m_per_day)
        seconds = watch.seconds
        thetas[name] = (
            reported(f"e0.theta_{name}", theta, seconds)
            if row.theta is None
            else within(f"e0.theta_{name}", theta, row.theta, THETA_TOLERANCE, seconds)
        )
    figures += thetas.values()
    for label, name, limit in (
        ("e0.score", "runtime", SCORE_RUNTIME),
        ("e0.score_closed_form", "exact_markup", SCORE_CLOSED),
    ):
        theta = exact(thetas[name].value / best)
        figures.append(at_least(label, theta, limit, thetas[name].seconds))
    policy = policies["runtime"].policy
    with stopwatch() as watch:
        tight = worth(charged(policy, SPOT_FX, CAPITAL), SPOT_FX).theta_bp_m_per_day
    figures.append(reported("e0.score_half_zone", exact(tight / best), watch.seconds))
    size = policy.lines_bp.nbytes + policy.slopes.nbytes + policy.hedges.nbytes
    figures.append(at_most("e0.table_bytes", exact(float(size)), BYTES_MAX, 0.0))
    return figures


def simulated(bench: Bench, policies: Mapping[str, Row], cut: int = 1) -> list[Figure]:
    """J of every row and its gain on the transient closed form, path by path.

    `cut` divides the paths, for a quick look.
    """
    figures: list[Figure] = []
    world = paper_world()
    base: Paths | None = None
    for name, row in policies.items():
        bench.say(f"e0: {name}, {row.paths // cut} days")
        with stopwatch() as watch:
            paths = simulate(world, row.policy, row.paths // cut, bench.seed, bench.workers)
        seconds = watch.seconds
        figures.append(reported(f"e0.j_{name}", mean_of(paths.score.tolist()), seconds))
        if base is None:
            base = paths
            continue
        gained = paths.score - base.score[: len(paths.score)]
        gain = mean_of(gained.tolist())
        if name == "runtime":
            figures.append(at_least("e0.gain", gain, GAIN, seconds))
            figures.append(at_most("e0.gain_error", _error(gain), GAIN_ERROR, seconds))
        else:
            figures.append(reported(f"e0.gain_{name}", gain, seconds))
    return figures


def _error(sample: Sample) -> Sample:
    """The standard error behind an interval, as a figure of its own."""
    return exact((sample.high - sample.value) / STANDARD_ERRORS)
