# SPDX-License-Identifier: Apache-2.0
"""`golden`: closed forms and exact solutions against numbers computed independently of ours.

Targets are those of the reference pages: closed forms to half their last printed digit, theta
within .02 (one dimension) and .05 (two). Nothing here is drawn, so intervals are points. Seconds
are medians of solves after the first, which compiles.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict
from statistics import median
from typing import Final, NamedTuple

import msgspec

from infold.bench.dealer.figures import (
    Bench,
    Figure,
    at_most,
    exact,
    stopwatch,
    within,
)
from infold.bench.dealer.precise import precise_forms
from infold.dealer.exact.hjb import Solution, centred_bp, centred_zone_m, solve
from infold.dealer.exact.lattice import PERMANENT, TRANSIENT, Lattice
from infold.dealer.inventory import stationary
from infold.dealer.params import DAY_S, PERPETUAL, SPOT_FX, DealerParameters
from infold.dealer.quoting import closed_forms
from infold.dealer.zone import zone_m

NO_IMPACT: Final = msgspec.structs.replace(SPOT_FX, impact_bp_per_m=0.0)
RELATIVE_MAX: Final = 1e-9
THETA_1D: Final = 0.02
THETA_2D: Final = 0.05
CELL: Final = 0.5
"""A zone is a whole number of cells: half of one off is the next number."""
SOLVES: Final = 5


class Golden(NamedTuple):
    """A closed form: what it should print, and half of its last digit."""

    name: str
    ours: Callable[[], float]
    printed: float
    half_digit: float


CLOSED: Final = (
    Golden("d0", lambda: closed_forms(SPOT_FX).markup_bp, 0.2238776129, 5e-11),
    Golden("f0", lambda: closed_forms(SPOT_FX).hit_share, 0.3618962566, 5e-11),
    Golden("curvature", lambda: closed_forms(SPOT_FX).curvature, 1.0314892725, 5e-11),
    Golden("c", lambda: closed_forms(SPOT_FX).concavity, 1.5671432904, 5e-11),
    Golden("xi", lambda: closed_forms(SPOT_FX).demand_m_per_bp_day, 15575.488014, 5e-7),
    Golden("a0", lambda: closed_forms(SPOT_FX).risk_bp_per_m, 0.008958476835, 5e-13),
    Golden("omega", lambda: closed_forms(SPOT_FX).relaxation_per_day, 558.1305943, 5e-8),
    Golden("b0", lambda: closed_forms(SPOT_FX).impact_share, 0.6417947274, 5e-11),
    Golden("top_spread", lambda: closed_forms(SPOT_FX).top_spread_bp, 0.45918810, 5e-9),
    Golden("turnover", lambda: closed_forms(SPOT_FX).turnover_m_per_day / 1e3, 5.4646, 5e-5),
    Golden("zone", lambda: zone_m(SPOT_FX), 12.40239, 5e-6),
    Golden("zone_permanent", lambda: zone_m(SPOT_FX, permanent=True), 15.48353, 5e-6),
    Golden("zone_no_impact", lambda: zone_m(NO_IMPACT), 11.16261, 5e-6),
    Golden("omega_eff", lambda: stationary(SPOT_FX).relaxation_per_day, 440.867, 5e-4),
    Golden("inventory_rms", lambda: stationary(SPOT_FX).rms_m, 8.859, 5e-4),
)


def run(bench: Bench) -> list[Figure]:
    """Every figure of the group; `bench.seed` does not enter."""
    bench.say("golden: closed forms")
    found = closed()
    bench.say("golden: exact solutions")
    found += one_dimension()
    found += grid_order()
    found += two_dimensions()
    return found


def closed() -> list[Figure]:
    """Closed forms to every printed digit, and to 1e-9 against fifty digits."""
    figures = []
    for golden in CLOSED:
        with stopwatch() as watch:
            value = golden.ours()
        figures.append(
            within(
                f"golden.{golden.name}",
                exact(value),
                golden.printed,
                golden.half_digit,
                watch.seconds,
            )
        )
    with stopwatch() as watch:
        worst = max(relative_error(SPOT_FX), relative_error(PERPETUAL))
    figures.append(at_most("golden.precision", exact(worst), RELATIVE_MAX, watch.seconds))
    return figures


def relative_error(parameters: DealerParameters) -> float:
    """The largest part by which a closed form misses its fifty digits."""
    forms = closed_forms(parameters)
    ours: dict[str, float] = asdict(forms)
    ours["transient"] = zone_m(parameters)
    ours["permanent"] = zone_m(parameters, permanent=True)
    precise = precise_forms(parameters)
    return max(
        abs(value - float(precise[name])) / abs(float(precise[name]))
        for name, value in ours.items()
        # A negative width is no zone: ours says infinite.
        if precise[name] > 0
    )


class Case(NamedTuple):
    """One row of the one-dimensional table."""

    name: str
    parameters: DealerParameters
    hedging: bool
    theta: float
    ten: float
    fifty: float
    zone: float | None
    rate: float | None


CASES: Final = (
    Case("permanent", SPOT_FX, True, 1463.990, -1.0064, -25.0993, 12.0, -0.1849),
    Case("no_impact", NO_IMPACT, True, 1488.033, -0.9928, -21.9147, 9.0, -0.2154),
    Case("no_hedging", SPOT_FX, False, 1446.187, -1.0132, -31.3105, None, None),
)


def one_dimension() -> list[Figure]:
    """Theta, values, zone and hedging rate of the three cases, and how long a solve takes."""
    figures = []
    for case in CASES:
        with stopwatch() as watch:
            solution = solve(case.parameters, PERMANENT, case.hedging)
        name, seconds = f"golden.{{}}_{case.name}", watch.seconds
        theta = exact(solution.theta_bp_m_per_day)
        figures.append(within(name.format("theta"), theta, case.theta, THETA_1D, seconds))
        for label, held, printed in (("v10", 10, case.ten), ("v50", 50, case.fifty)):
            value = exact(_at_rest(solution, held))
            figures.append(within(name.format(label), value, printed, 5e-5, seconds))
        if case.zone is not None:
            width = exact(centred_zone_m(case.parameters, solution.worth))
            figures.append(within(name.format("exact_zone"), width, case.zone, CELL, seconds))
        if case.rate is not None:
            rate = exact(_centred_rate_m_per_s(case.parameters, solution, 50))
            figures.append(within(name.format("rate50"), rate, case.rate, 5e-5, seconds))
    figures.append(_timed("golden.seconds_1d", PERMANENT, 0.1))
    return figures


def grid_order() -> list[Figure]:
    """Theta on finer grids, and the order at which its differences shrink."""
    targets = ((1.0, 1463.990), (0.5, 1464.660), (0.25, 1465.007), (0.125, 1465.183))
    figures, thetas = [], []
    with stopwatch() as whole:
        for step, target in targets:
            with stopwatch() as watch:
                theta = solve(SPOT_FX, Lattice(120.0, step)).theta_bp_m_per_day
            thetas.append(theta)
            name = f"golden.theta_dx_{step:g}"
            figures.append(within(name, exact(theta), target, THETA_1D, watch.seconds))
    order = math.log2((thetas[1] - thetas[0]) / (thetas[2] - thetas[1]))
    finer = math.log2((thetas[2] - thetas[1]) / (thetas[3] - thetas[2]))
    figures.append(within("golden.order", exact(order), 1.0, 0.15, whole.seconds))
    figures.append(within("golden.order_finer", exact(finer), 1.0, 0.15, whole.seconds))
    return figures


def two_dimensions() -> list[Figure]:
    """Theta, zone and rate of the real bound of E0, and how long a solve takes."""
    figures = []
    for points, target in ((49, 1477.62), (25, 1477.64), (97, 1477.61)):
        lattice = Lattice(TRANSIENT.inventory_m_max, 1.0, TRANSIENT.impact_bp_max, points)
        with stopwatch() as watch:
            solution = solve(SPOT_FX, lattice)
        theta = exact(solution.theta_bp_m_per_day)
        name = "golden.theta_2d" if points == 49 else f"golden.theta_2d_{points}"
        figures.append(within(name, theta, target, THETA_2D, watch.seconds))
        if points == 49:
            row, column = lattice.centre
            rate = exact(solution.conduct.rates_m_per_day[row + 50, column] / DAY_S)
            zone = exact(solution.zone_m)
            figures.append(within("golden.exact_zone_2d", zone, 11.0, CELL, watch.seconds))
            figures.append(within("golden.rate50_2d", rate, -0.2016, 5e-5, watch.seconds))
    figures.append(_timed("golden.seconds_2d", TRANSIENT, 2.0))
    return figures


def _timed(name: str, lattice: Lattice, limit_s: float) -> Figure:
    taken = []
    with stopwatch() as whole:
        for _ in range(SOLVES):
            with stopwatch() as watch:
                solve(SPOT_FX, lattice)
            taken.append(watch.seconds)
    return at_most(name, exact(median(taken)), limit_s, whole.seconds)


def _at_rest(solution: Solution, inventory_m: int) -> float:
    row, column = solution.conduct.lattice.centre
    return float(solution.worth.value_bp_m[row + inventory_m, column])


def _centred_rate_m_per_s(
    parameters: DealerParameters, solution: Solution, inventory_m: int
) -> float:
    row, column = solution.conduct.lattice.centre
    price = float(centred_bp(parameters, solution.worth)[row + inventory_m, column])
    excess = max(abs(price) - parameters.hedge_spread_bp, 0.0)
    return math.copysign(0.5 * excess / parameters.hedge_impact_bp_day_per_m, price) / DAY_S
