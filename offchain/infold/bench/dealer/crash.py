# SPDX-License-Identifier: Apache-2.0
"""Figures of the dealer in crashes: who is insolvent, who still quotes, how deep the loss.

Six classes of synthetic crash, each drawn once a path and met by the guarded dealer and the closed
form with the same caps; then recorded crashes. "Capped" is the closed form held to the guard's own
limits on position and venues as they stand at the beginning. A batch is five seconds: shorter ones
would only repeat the same price, longer ones hide a fall of 10 % within two minutes. A path is two
to four hours around the event, long enough for a cascade, its end and half the recovery of depth.

An insolvent path is one whose equity, or whose money the chain can reach at once, ever fell below
zero. Shortfall is capital less the least equity of the path; its CVaR1 the mean of the worst 1 %.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from scipy import stats

from infold.bench.dealer.figures import (
    Bench,
    Figure,
    Sample,
    at_least,
    at_most,
    exact,
    mean_of,
    reported,
    stopwatch,
)
from infold.dealer.limits import Guard
from infold.errors import Misconfigured
from infold.research.faults import DataFault
from infold.research.recorded import Bars, read_bars
from infold.research.simulation.compiled import Floats, Integers
from infold.research.simulation.crash.events import CALM, EVENTS, OCTOBER_2025, Event
from infold.research.simulation.crash.loop import CrashSum
from infold.research.simulation.crash.market import (
    CALM_SPREAD_BP,
    CAPITAL_BP_M,
    CAPPED_FORM,
    CLOSED_FORM,
    GUARDED,
    SPREAD_TIMES_MAX,
    crash_world,
)
from infold.research.simulation.crash.replay import (
    DAY_MS,
    HIGH_FIRST,
    HORIZON_MIN,
    LOW_FIRST,
    RECORDED,
    Replay,
    Walk,
    cases_of,
    walk_of,
    windows_of,
)
from infold.research.simulation.crash.rough import RoughWorld
from infold.research.simulation.crash.world import CrashWorld, apart, starting
from infold.research.simulation.heston import BITCOIN
from infold.research.simulation.jumps import BITCOIN as BITCOIN_JUMPS
from infold.research.simulation.ledger import Paths, Sum
from infold.research.simulation.runner import simulate

PATHS: Final = 10_000
CAPPED_PATHS: Final = 1_000
CALM_PATHS: Final = 1_000
TOLERANT_PATHS: Final = 500
INSOLVENT_MAX: Final = 5
TWO_SIDED: Final = 0.95
ELASTIC: Final = 0.5
IMPROVED: Final = 0.3
EXTERNAL: Final = 0.1
"""Large dealers internalize more than 90 % in calm (BIS Quarterly Review, December 2016)."""
WORST_SHARE: Final = 0.01
RESAMPLES: Final = 400
WINDOWS_A_MARKET: Final = 2
SCORING_SEED: Final = 1_000_003
"""Added to the run's seed, so that no scored path is one the guard was chosen on."""


def run(bench: Bench) -> list[Figure]:
    """All figures of the group."""
    seed = bench.seed + SCORING_SEED
    with stopwatch() as watch:
        guarded, plain = _met(bench, crash_world(CALM), (GUARDED, CLOSED_FORM), CALM_PATHS, seed)
    calm_m_per_day = _elastic_m_per_day(crash_world(CALM), plain)
    figures = [
        reported(
            "crash.calm.income_kept",
            _ratio(_wealth(guarded), _wealth(plain), seed),
            watch.seconds,
        ),
        at_most("crash.calm.external_share", _external(guarded, seed), EXTERNAL, watch.seconds),
    ]
    figures += _rough(bench, seed)
    for event in EVENTS:
        bench.say(f"crash {event.name} …")
        figures += _of_event(bench, event, calm_m_per_day, seed)
    figures += _tolerant(bench, calm_m_per_day, seed)
    if bench.data is not None:
        figures += _recorded(bench, bench.data, seed)
    return figures


def _met(
    bench: Bench, world: CrashWorld, guards: tuple[Guard, ...], paths: int, seed: int
) -> list[Paths]:
    return apart(simulate(world, guards, paths, seed, workers=bench.workers), len(guards))


def _rough(bench: Bench, seed: int) -> list[Figure]:
    """E3: variance and jumps of a bitcoin day without an event."""
    world = RoughWorld(crash_world(CALM), BITCOIN, BITCOIN_JUMPS)
    with stopwatch() as watch:
        found = simulate(world, (GUARDED, CLOSED_FORM), CALM_PATHS, seed, workers=bench.workers)
        guarded, plain = apart(found, 2)
    spent = watch.seconds
    return [
        at_most("crash.rough.external_share", _external(guarded, seed), EXTERNAL, spent),
        at_most("crash.rough.insolvent", _count(_insolvent(guarded)), 0.0, spent),
        reported("crash.rough.shortfall", _improvement(guarded, plain, seed), spent),
    ]


def _of_event(bench: Bench, event: Event, calm_m_per_day: float, seed: int) -> list[Figure]:
    world = crash_world(event)
    name = f"crash.{event.name}"
    with stopwatch() as watch:
        guarded, plain = _met(bench, world, (GUARDED, CLOSED_FORM), PATHS, seed)
    with stopwatch() as again:
        (capped,) = _met(bench, world, (CAPPED_FORM,), CAPPED_PATHS, seed)
    spent = watch.seconds
    elastic = guarded.sums[:, CrashSum.ELASTIC_VOLUME] / (_horizon_day(world) * calm_m_per_day)
    return [
        at_most(f"{name}.insolvent", _count(_insolvent(guarded)), INSOLVENT_MAX, spent),
        *_service(name, world, guarded, spent),
        at_least(f"{name}.elastic_volume", _mean(elastic), ELASTIC, spent),
        at_least(f"{name}.shortfall", _improvement(guarded, plain, seed), IMPROVED, spent),
        at_least(
            f"{name}.shortfall_capped",
            _improvement(_first(guarded, CAPPED_PATHS), capped, seed),
            IMPROVED,
            again.seconds,
        ),
        reported(f"{name}.cvar_of_capital", _cvar_share(guarded, seed), spent),
        reported(f"{name}.closed_form_insolvent", _count(_insolvent(plain)), spent),
        reported(
            f"{name}.away_from_flat_min",
            _mean(guarded.sums[:, CrashSum.AWAY_DAYS] * 1_440.0),
            spent,
        ),
        reported(f"{name}.hedge_gone_m", _mean(guarded.sums[:, CrashSum.HEDGE_GONE]), spent),
        reported(
            f"{name}.kept_by_venues_of_capital",
            _mean(guarded.sums[:, CrashSum.VENUE_LOSS] / CAPITAL_BP_M),
            spent,
        ),
    ]


def _service(name: str, world: CrashWorld, paths: Paths, seconds: float) -> list[Figure]:
    """The floor: open on both sides, no wider than ten times calm, whole where it reduces."""
    batches = round(_horizon_day(world) * 86_400.0 / world.clock.cell_s)
    open_share = paths.sums[:, CrashSum.TWO_SIDED] / batches
    return [
        at_least(f"{name}.two_sided", _mean(open_share), TWO_SIDED, seconds),
        at_most(
            f"{name}.spread_times",
            _whole(round(paths.sums[:, CrashSum.SPREAD_MAX].max() / CALM_SPREAD_BP, 9), paths),
            SPREAD_TIMES_MAX,
            seconds,
        ),
        at_most(
            f"{name}.reducing_unpriced",
            _whole(paths.sums[:, CrashSum.UNPRICED].sum(), paths),
            0.0,
            seconds,
        ),
    ]


def _tolerant(bench: Bench, calm_m_per_day: float, seed: int) -> list[Figure]:
    """Elastic volume if clients measured us against an outside ten times as wide, and not against
    calm as everywhere else here.
    """
    world = crash_world(OCTOBER_2025, tolerance_times_max=SPREAD_TIMES_MAX)
    with stopwatch() as watch:
        (guarded,) = _met(bench, world, (GUARDED,), TOLERANT_PATHS, seed)
    share = guarded.sums[:, CrashSum.ELASTIC_VOLUME] / (_horizon_day(world) * calm_m_per_day)
    return [reported("crash.tolerant_clients.elastic_volume", _mean(share), watch.seconds)]


# -- recorded --------------------------------------------------------------------------------------


def _recorded(bench: Bench, data: Path, seed: int) -> list[Figure]:
    """Recorded windows: both orders of a bar, 24 starts, long, flat and short."""
    bench.say("crash recorded …")
    held_m = GUARDED.capital_share * CAPITAL_BP_M / 1e4
    world = starting(crash_world(RECORDED), held_m)
    with stopwatch() as watch:
        walks = _walks(bench, data, world.clock.cell_s, seed)
        cases = cases_of(walks)
        replay = Replay(world, tuple(walks), cases)
        guards = (GUARDED, CLOSED_FORM)
        found = simulate(replay, guards, len(cases), seed, workers=bench.workers)
        guarded, plain = apart(found, len(guards))
    spent = watch.seconds
    worst = _shortfall(guarded).max() / CAPITAL_BP_M
    name = "crash.recorded"
    return [
        reported(f"{name}.runs", exact(float(len(cases))), spent),
        at_most(f"{name}.insolvent", _count(_insolvent(guarded)), 0.0, spent),
        *_service(name, world, guarded, spent),
        at_least(f"{name}.shortfall", _improvement(guarded, plain, seed), IMPROVED, spent),
        reported(f"{name}.worst_of_capital", _whole(worst, guarded), spent),
        reported(f"{name}.closed_form_insolvent", _count(_insolvent(plain)), spent),
    ]


def _walks(bench: Bench, data: Path, cell_s: float, seed: int) -> list[Walk]:
    """Both walks of every window in every file of bars under the data's folder."""
    walks: list[Walk] = []
    for path in sorted((data / "ohlcv").glob("*")):
        for bars in _bars_of(bench, path) if path.is_file() else ():
            if not 3_000.0 * cell_s <= bars.step_ms <= DAY_MS:
                bench.say(f"left out: {path} has bars of {bars.step_ms} ms")
                continue
            for window in windows_of(bars, WINDOWS_A_MARKET):
                for order in (HIGH_FIRST, LOW_FIRST):
                    walks.append(walk_of(bars, window, order, cell_s, seed, len(walks)))
    if not walks:
        raise Misconfigured(
            f"{data / 'ohlcv'} holds no bars with a fall in them: correct INFOLD_DATA, or leave the"
            " crash group out"
        )
    return walks


def _bars_of(bench: Bench, path: Path) -> tuple[Bars, ...]:
    """A file's bars; none, and a word about it, where it holds something else. A file whose name
    tells no market is read under its own name.
    """
    for market in (None, path.stem.upper()):
        try:
            return read_bars(path, market)
        except DataFault as fault:
            problem = str(fault)
    bench.say(f"left out: {problem}")
    return ()


# -- samples ---------------------------------------------------------------------------------------


def _first(paths: Paths, count: int) -> Paths:
    """The first so many paths."""
    return Paths(paths.numbers[:count], paths.sums[:count], paths.hashes[:count])


def _horizon_day(world: CrashWorld) -> float:
    if world.event is RECORDED:
        return HORIZON_MIN / 1_440.0
    return world.clock.cells_of(world.event) * world.clock.cell_s / 86_400.0


def _elastic_m_per_day(world: CrashWorld, paths: Paths) -> float:
    return float(paths.sums[:, CrashSum.ELASTIC_VOLUME].mean()) / _horizon_day(world)


def _insolvent(paths: Paths) -> Floats:
    least = np.minimum(paths.column(Sum.EQUITY_MIN), paths.sums[:, CrashSum.LIQUID_MIN])
    return (least < 0.0).astype(np.float64)


def _shortfall(paths: Paths) -> Floats:
    return CAPITAL_BP_M - paths.column(Sum.EQUITY_MIN)


def _external(paths: Paths, seed: int) -> Sample:
    """Volume traded outside over clients' volume."""
    return _ratio(paths.column(Sum.EXTERNAL_VOLUME), paths.column(Sum.CLIENT_VOLUME), seed)


def _wealth(paths: Paths) -> Floats:
    return paths.sums[:, CrashSum.EQUITY_END] - CAPITAL_BP_M


def _whole(value: float, paths: Paths) -> Sample:
    """A number over all paths that has no interval: a maximum or a count of what must not be."""
    return Sample(float(value), float(value), float(value), len(paths.numbers))


def _count(happened: Floats) -> Sample:
    """How many paths, with the exact binomial interval (Clopper and Pearson 1934)."""
    total, count = len(happened), int(happened.sum())
    low = stats.beta.ppf(0.025, count, total - count + 1) if count else 0.0
    high = stats.beta.ppf(0.975, count + 1, total - count) if count < total else 1.0
    return Sample(float(count), float(low * total), float(high * total), total)


def _mean(values: Floats) -> Sample:
    return mean_of(values.tolist())


def _resampled(count: int, seed: int, figure: Callable[[Integers], float]) -> Sample:
    """A figure of paths with its bootstrap interval; the same resamples for the same seed."""
    draws = np.random.Generator(np.random.Philox(key=seed))
    found = [figure(draws.integers(0, count, count)) for _ in range(RESAMPLES)]
    low, high = np.quantile(found, [0.025, 0.975])
    return Sample(figure(np.arange(count)), float(low), float(high), count)


def _ratio(ours: Floats, theirs: Floats, seed: int) -> Sample:
    return _resampled(
        len(ours), seed, lambda chosen: float(ours[chosen].mean() / theirs[chosen].mean())
    )


def _cvar_share(paths: Paths, seed: int) -> Sample:
    losses = _shortfall(paths)
    return _resampled(len(losses), seed, lambda chosen: _cvar(losses[chosen]) / CAPITAL_BP_M)


def _improvement(ours: Paths, theirs: Paths, seed: int) -> Sample:
    """One less the ratio of the two CVaRs, resampled path by path: both met the same crash."""
    own, other = _shortfall(ours), _shortfall(theirs)
    return _resampled(
        len(own), seed, lambda chosen: 1.0 - _cvar(own[chosen]) / _cvar(other[chosen])
    )


def _cvar(losses: Floats) -> float:
    worst = max(1, round(len(losses) * WORST_SHARE))
    return float(np.partition(losses, len(losses) - worst)[-worst:].mean())
