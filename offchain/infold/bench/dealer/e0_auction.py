# SPDX-License-Identifier: Apache-2.0
"""`e0_auction`: the paper's flow through the call auction, at four intervals.

What the desk's committed line earns, beside the best line an independent search finds on seeds of
its own, both scored on third seeds; the two limits that closed forms describe; what the pool's rule
(C7) and partial fills change; and the fee that brings the ladder's income back. Unless said
otherwise nobody hedges, so that the price does not matter and scores compare with the reference.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy.optimize import differential_evolution

from infold.bench.dealer.figures import (
    Bench,
    Figure,
    Sample,
    at_least,
    mean_of,
    reported,
    stopwatch,
    within,
)
from infold.dealer.lines import Line, batch_line, inverse_ladder, monopoly, straight
from infold.dealer.params import DAY_S, SPOT_FX
from infold.dealer.quoting import closed_forms
from infold.research.simulation.batches import (
    UNBOUND,
    BatchSum,
    BatchWorld,
    PoolTerms,
    batch_policy,
    paper_batches,
)
from infold.research.simulation.compiled import Floats
from infold.research.simulation.ledger import Paths, Sum
from infold.research.simulation.policy import exact_markup
from infold.research.simulation.quotes import paper_world
from infold.research.simulation.runner import simulate
from infold.research.tuning import scores, searched, still_batches

INTERVALS_S: Final = (0.25, 1.0, 10.0, 60.0)
PATHS: Final = 400
PATHS_SEARCH: Final = 12
BOUNDS: Final = ((0.0, 1.5), (-1.0, 4.0), (-1.0, 4.0))
"""Of the search: half-spread in ladder's markups; slope and skew, logarithms in A0 / c."""
GENERATIONS: Final = 9
POPULATION: Final = 6
EVALUATIONS: Final = 140
SHARE: Final = 0.99
SEARCH_SEED: Final = 7_000_003
SCORE_SEED: Final = 9_000_011
"""Added to the bench's seed: neither the table's, the search's nor the score's paths meet."""
FEES_BP: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25)
PRICES_BP: Final = (-0.4, -0.1, 0.1, 0.4, 0.9)
"""Where the search's bent lines have their knots, in bp of indifference price."""
STRICT: Final = PoolTerms(
    h_min_bp=0.22,
    h0_bp=5.0,
    band_bp=50.0,
    slope_bp_per_m=0.05,
    residual_m_max=40.0,
    position_m_max=60.0,
)
"""A pool that may not trade nearer to O than the ladder's markup at rest, nor hold six times the
usual inventory, nor take the largest order whole."""
THICK_S: Final = 1_200.0
THICK_TOLERANCE: Final = 0.3
THIN_TOLERANCE: Final = 0.02


def run(bench: Bench) -> list[Figure]:
    """Every figure of the group."""
    figures = [*limits(bench)]
    for interval_s in INTERVALS_S:
        bench.say(f"e0_auction: batches of {interval_s:g} s")
        figures += [*against_search(bench, interval_s), *variants(bench, interval_s)]
        figures += fees_of(bench, interval_s)
    return figures


def _name(what: str, interval_s: float) -> str:
    return f"e0_auction.{what}_{interval_s:g}s"


# -- the two limits --------------------------------------------------------------------------------


def limits(bench: Bench) -> list[Figure]:
    """Nearly empty batches earn what quotes earn; thick ones what the monopoly's formula says."""
    bench.say("e0_auction: both limits")
    with stopwatch() as watch:
        cell_day = 0.1 / DAY_S
        quoted = exact_markup(SPOT_FX).ruled(steepness_m_per_bp_day=0.0)
        quotes = simulate(paper_world(0.2, cell_day), quoted, 60, bench.seed, bench.workers).score
        policy = batch_policy(SPOT_FX, 0.1, line=inverse_ladder(SPOT_FX), hedged=False)
        world = BatchWorld(base=paper_world(0.2, cell_day), batch_cells=1)
        batches = simulate(world, policy, 60, bench.seed, bench.workers).score
        thin = within(
            "e0_auction.thin", ratio_of(batches, quotes), 1.0, THIN_TOLERANCE, watch.seconds
        )
    with stopwatch() as watch:
        line, value = monopoly(SPOT_FX, THICK_S)
        book = paper_batches(THICK_S, cell_s=40.0, whole=False, balanced=True)
        policy = batch_policy(SPOT_FX, THICK_S, line=line, hedged=False)
        found = simulate(book, policy, 1_000, bench.seed, bench.workers).score
        thick = within(
            "e0_auction.thick", mean_of(found.tolist()), value, THICK_TOLERANCE, watch.seconds
        )
    with stopwatch() as watch:
        venue = paper_batches(THICK_S, cell_s=40.0, whole=False)
        found = simulate(venue, policy, 1_000, bench.seed, bench.workers).score
        ruled = reported("e0_auction.thick_venue_price", mean_of(found.tolist()), watch.seconds)
    return [thin, thick, ruled]


def ratio_of(ours: Floats, theirs: Floats) -> Sample:
    """Mean over mean of paired paths, with the delta method's interval."""
    ratio = float(ours.mean() / theirs.mean())
    spread = mean_of((ours - ratio * theirs).tolist())
    half = (spread.high - spread.value) / abs(float(theirs.mean()))
    return Sample(ratio, ratio - half, ratio + half, len(ours))


# -- the line against a search ---------------------------------------------------------------------


def against_search(bench: Bench, interval_s: float) -> list[Figure]:
    """Our line's income, the best found one's, and the share of it that ours reaches."""
    world = still_batches(SPOT_FX, interval_s)
    with stopwatch() as watch:
        found = best_found(bench, interval_s)
        seconds = watch.seconds
    with stopwatch() as watch:
        seed = bench.seed + SCORE_SEED
        ours = scores(world, batch_line(SPOT_FX, interval_s), PATHS, seed, bench.workers)
        theirs = scores(world, found, PATHS, seed, bench.workers)
    return [
        reported(_name("income", interval_s), mean_of(ours.tolist()), watch.seconds),
        reported(_name("found", interval_s), mean_of(theirs.tolist()), seconds),
        at_least(_name("share", interval_s), ratio_of(ours, theirs), SHARE, watch.seconds),
    ]


def best_found(bench: Bench, interval_s: float) -> Line:
    """A straight line by differential evolution, then five free knots by a simplex from there.

    It knows nothing of the ladder's inverse or of the table: wide bounds, its own seeds.
    """
    world, forms = still_batches(SPOT_FX, interval_s), closed_forms(SPOT_FX)
    unit = forms.risk_bp_per_m / forms.concavity

    def straight_of(numbers: Floats) -> Line:
        half, slope, skew = (float(number) for number in numbers)
        return straight(half * forms.markup_bp, math.exp(slope) * unit, math.exp(skew) * unit)

    def bent_of(numbers: Floats) -> Line:
        markups = np.cumsum(numbers[:5])
        slope, skew = (math.exp(float(number)) * unit for number in numbers[5:])
        return Line(tuple(markups.tolist()), PRICES_BP, slope, skew)

    def score(line: Line) -> float:
        seed = bench.seed + SEARCH_SEED
        return float(scores(world, line, PATHS_SEARCH, seed, bench.workers).mean())

    found = differential_evolution(
        lambda numbers: -score(straight_of(numbers)),
        BOUNDS,
        maxiter=GENERATIONS,
        popsize=POPULATION,
        seed=bench.seed,
        polish=False,
        tol=0.0,
    )
    first = straight_of(found.x)
    markups = [first.markup_bp(price) for price in PRICES_BP]
    start = [markups[0], *np.diff(markups), float(found.x[1]), float(found.x[2])]
    second, _ = searched(score, bent_of, start, EVALUATIONS)
    return second if score(second) > score(first) else first


# -- what else may be true -------------------------------------------------------------------------


def variants(bench: Bench, interval_s: float) -> list[Figure]:
    """The same line with hedging, under the pool's rule, and with orders filled in part.

    The rule twice: the own side of O alone, and STRICT with its least distance and its caps.
    """
    figures = []
    with stopwatch() as watch:
        free = paper_batches(interval_s)
        hedged = batch_policy(SPOT_FX, interval_s)
        found = simulate(free, hedged, 60, bench.seed, bench.workers)
        figures.append(
            reported(_name("hedged", interval_s), mean_of(found.score.tolist()), watch.seconds)
        )
    with stopwatch() as watch:
        ruled = paper_batches(interval_s, pool=UNBOUND)
        clipped = simulate(ruled, hedged, 60, bench.seed, bench.workers)
        cost = mean_of((found.score - clipped.score).tolist())
        figures.append(reported(_name("clip_cost", interval_s), cost, watch.seconds))
    with stopwatch() as watch:
        ruled = paper_batches(interval_s, pool=STRICT)
        clipped = simulate(ruled, hedged, 60, bench.seed, bench.workers)
        cost = mean_of((found.score - clipped.score).tolist())
        figures.append(reported(_name("strict_clip_cost", interval_s), cost, watch.seconds))
    with stopwatch() as watch:
        world = still_batches(SPOT_FX, interval_s, whole=False)
        part = scores(world, batch_line(SPOT_FX, interval_s), 60, bench.seed, bench.workers)
        figures.append(
            reported(_name("in_part", interval_s), mean_of(part.tolist()), watch.seconds)
        )
    return figures


# -- fees ------------------------------------------------------------------------------------------


class Revenue(NamedTuple):
    """Where a day's income comes from, bp * M, means over paths."""

    interval_s: float
    fee_bp: float
    fees: float
    spread: float  # of the residual, net of what the light side was paid
    inventory: float  # minus the charge for risk
    crossed: float  # share of the clients' volume
    pool_share: float  # of the income that falls to the pool if it gets no fee
    totals: Floats  # by path


def revenue(
    interval_s: float, fee_bp: float, paths: int | Sequence[int], seed: int, workers: int
) -> Revenue:
    """A day of the committed line, lowered by the fee it shares the client's patience with."""
    world = still_batches(SPOT_FX, interval_s, fee_bp)
    line = batch_line(SPOT_FX, interval_s).after_fee(fee_bp)
    policy = batch_policy(world.world.base.truth, interval_s, line=line, hedged=False)
    found = simulate(world, policy, paths, seed, workers)
    return _revenue(interval_s, fee_bp, found)


def _revenue(interval_s: float, fee_bp: float, found: Paths) -> Revenue:
    fees = found.sums[:, BatchSum.FEES]
    totals = found.score + fees
    spread, risk = found.column(Sum.MARKUP).mean(), found.column(Sum.RISK).mean()
    volume = found.column(Sum.CLIENT_VOLUME).sum()
    return Revenue(
        interval_s=interval_s,
        fee_bp=fee_bp,
        fees=float(fees.mean()),
        spread=float(spread),
        inventory=-float(risk),
        crossed=float(found.sums[:, BatchSum.CROSSED_VOLUME].sum() / volume),
        pool_share=float((spread - risk) / totals.mean()),
        totals=totals,
    )


def fees_of(bench: Bench, interval_s: float) -> list[Figure]:
    """The least fee at which fees and score together earn what the ladder earns by quotes.

    Found on a grid of fees over common paths and drawn straight between; the interval is that of
    the income there, turned into fee by the slope.
    """
    with stopwatch() as watch:
        paths, seed = 60, bench.seed + SCORE_SEED
        quoted = exact_markup(SPOT_FX).ruled(steepness_m_per_bp_day=0.0)
        ladder = simulate(paper_world(1.0, 5e-5), quoted, paths, seed, bench.workers).score
        rows = [revenue(interval_s, fee, paths, seed, bench.workers) for fee in FEES_BP]
        fee = _restoring(rows, ladder)
    best = max(rows, key=lambda row: float(row.totals.mean()))
    return [
        reported(_name("fee", interval_s), fee, watch.seconds),
        reported(_name("best_fee_income", interval_s), mean_of(best.totals.tolist()), 0.0),
    ]


def _restoring(rows: Sequence[Revenue], ladder: Floats) -> Sample:
    """Where income first reaches the ladder's; infinite if no fee of the grid does."""
    gaps = [mean_of((row.totals - ladder).tolist()) for row in rows]
    if gaps[0].value >= 0.0:
        return Sample(0.0, 0.0, 0.0, len(ladder))
    for number in range(1, len(rows)):
        low, high = gaps[number - 1], gaps[number]
        if high.value >= 0.0:
            slope = (high.value - low.value) / (rows[number].fee_bp - rows[number - 1].fee_bp)
            fee = rows[number - 1].fee_bp - low.value / slope
            half = (high.high - high.value) / slope
            return Sample(fee, max(fee - half, 0.0), fee + half, len(ladder))
    return Sample(math.inf, math.inf, math.inf, len(ladder))


def table(seed: int, workers: int, say: Callable[[str], None] = print) -> None:
    """The trade-off of interval and fee, for docs/dealer.md."""
    say("| interval | fee bp | fees | net spread | risk | total | crossed | pool's share |")
    say("|---|---|---|---|---|---|---|---|")
    for interval_s in INTERVALS_S:
        for fee_bp in FEES_BP:
            row = revenue(interval_s, fee_bp, 60, seed + SCORE_SEED, workers)
            say(
                f"| {interval_s:g} s | {fee_bp:.2f} | {row.fees:.0f} | {row.spread:.0f} |"
                f" {row.inventory:.0f} | {row.totals.mean():.0f} | {row.crossed:.0%} |"
                f" {row.pool_share:.0%} |"
            )
