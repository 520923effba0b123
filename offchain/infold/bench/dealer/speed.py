# SPDX-License-Identifier: Apache-2.0
"""`speed`: how fast the dealer decides and the simulation runs, each beside its floor.

Latencies are wall time a call from Python: p99 of a round, and of the rounds the median, which has
to keep the limit; the quietest and the loudest round stand beside it. Rates are a core's, by CPU
time; a day's paths by wall time on the bench's workers. The floor is the least the same work could
be, measured in turn with it in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec
import numpy as np
from scipy.signal import lfilter
from scipy.stats import binom

from infold.bench.dealer.figures import (
    Bench,
    Figure,
    Sample,
    at_least,
    at_most,
    reported,
    stopwatch,
)
from infold.core.curve import Curve
from infold.core.state import Market, Parameters, State
from infold.dealer.compiled import compiled
from infold.dealer.desk import Desk
from infold.dealer.guarding import CapitalGuard
from infold.dealer.impact.fitting import fit_decays
from infold.dealer.impact.state import DECAYS_S
from infold.dealer.ladder import Ladder
from infold.dealer.params import DAY_S, PERPETUAL, SPOT_FX
from infold.dealer.routing import VenueCost, route, warehouse
from infold.research.simulation.batches import batch_policy
from infold.research.simulation.compiled import Floats, Words
from infold.research.simulation.draws import Stream, generator, philox
from infold.research.simulation.policy import transient_closed_form
from infold.research.simulation.quotes import paper_world
from infold.research.simulation.runner import simulate
from infold.research.simulation.scene import scene
from infold.research.simulation.tape import demand_of, poisson_tape
from infold.research.tuning import still_batches
from infold.units import POOL_ACCOUNT
from infold.words import AccountWord, CapsWord, LimitsWord, ListingWord, PoolWord, RatesWord

ROUNDS: Final = 9
LATENCY_ROUNDS: Final = 60
CALLS: Final = 250
"""Few enough that a round fits between two turns of a busy machine's scheduler."""
LADDER_US: Final = 5.0
DECISION_US: Final = 50.0
PATHS: Final = 1_000
PATHS_S: Final = 4.0
ORDERS_A_S: Final = 3e6
TAPE_A_S: Final = 20e6
TRADES: Final = 1_000_000
FIT_S: Final = 0.15
INTERVAL_S: Final = 1.0
"""Of the order events: the venue's own batch."""


def run(bench: Bench) -> list[Figure]:
    """Every figure of the group."""
    figures = []
    for part in (latencies, paths, order_events, tape_alone, impact_fit):
        bench.say(f"speed: {part.__name__.replace('_', ' ')}")
        figures += part(bench)
    return figures


# -- latency ---------------------------------------------------------------------------------------


class Rounds(NamedTuple):
    """Rounds of calls: the median of their p99 with its 95 % interval, and the two ends."""

    typical: Sample
    quietest: Sample
    loudest: Sample


def rounds_us(call: Callable[[], object], calls: int = CALLS) -> Rounds:
    """p99 in microseconds of each round. The interval of their median is between two of them."""
    call()
    found = []
    for _ in range(LATENCY_ROUNDS):
        times_ns = np.empty(calls)
        for number in range(calls):
            began_ns = time.perf_counter_ns()
            call()
            times_ns[number] = time.perf_counter_ns() - began_ns
        found.append(float(np.percentile(times_ns, 99.0)) / 1e3)
    return typical_of(found, calls)


def typical_of(found: list[float], calls: int) -> Rounds:
    """The median of some rounds, at least six; ranks k and n + 1 - k enclose the true median
    whatever the rounds' distribution is, k being where that many heads of n tosses are 2.5 %.
    """
    ordered, total = sorted(found), len(found) * calls
    rank = int(binom.ppf(0.025, len(ordered), 0.5))
    typical = Sample(
        float(np.median(ordered)), ordered[rank - 1], ordered[len(ordered) - rank], total
    )
    return Rounds(typical, _one(ordered[0], calls), _one(ordered[-1], calls))


def latencies(bench: Bench) -> list[Figure]:
    """The ladder, and a whole decision: what capital allows, curve, route and its record as it is
    journalled.
    """
    ladder = Ladder(SPOT_FX)
    with stopwatch() as watch:
        quotes = rounds_us(lambda: ladder.quotes(7.3, 0.02))
        empty = rounds_us(lambda: nothing(7.3, 0.02))
        seconds = watch.seconds
    desk = Desk(Curve, 1.0, default=PERPETUAL, guard=CapitalGuard())
    state = one_market()
    keep = warehouse(PERPETUAL)
    venues = [VenueCost("first", 1.2, 0.1, 50.0), VenueCost("second", 1.5, 0.05, 20.0)]
    encode = msgspec.json.Encoder().encode

    def decide() -> bytes:
        desk.curves(state, 0)
        return encode(route(1, 2.0, 3.0, keep, venues, impact_bp=0.1))

    record = route(1, 2.0, 3.0, keep, venues)
    with stopwatch() as watch:
        decided = rounds_us(decide)
        encoded = rounds_us(lambda: encode(record))
    return [
        at_most("speed.ladder_us", quotes.typical, LADDER_US, seconds),
        reported("speed.ladder_quietest_us", quotes.quietest, 0.0),
        reported("speed.ladder_loudest_us", quotes.loudest, 0.0),
        reported("speed.ladder_floor_us", empty.typical, 0.0),
        at_most("speed.decision_us", decided.typical, DECISION_US, watch.seconds),
        reported("speed.decision_quietest_us", decided.quietest, 0.0),
        reported("speed.decision_loudest_us", decided.loudest, 0.0),
        reported("speed.decision_floor_us", encoded.typical, 0.0),
    ]


def one_market() -> State:
    """A pool of fifty millions that holds ten coins at 60,000."""
    words = Parameters(RatesWord(), CapsWord(), ListingWord(tick_e8=10**7))
    state = State(limits=LimitsWord(capital_e6=50 * 10**12), prices_e8={1: 6 * 10**12})
    pool = PoolWord(10**9, -6 * 10**11)
    state.markets[1] = Market(1, parameters=[words, words], pool=pool)
    state.accounts[POOL_ACCOUNT].word = AccountWord(collateral_e6=50 * 10**12)
    return state


@compiled
def nothing(first: float, second: float) -> float:
    """What any compiled call costs from Python."""
    return first


# -- simulation ------------------------------------------------------------------------------------


def paths(bench: Bench) -> list[Figure]:
    """1,000 days of E0 in cells of 1e-5 days, beside the normals alone that they need."""
    world, policy = paper_world(), transient_closed_form(SPOT_FX)
    simulate(world, policy, 2, bench.seed, bench.workers)
    with stopwatch() as watch:
        simulate(world, policy, PATHS, bench.seed, bench.workers)
        seconds = watch.seconds
    draws = PATHS // 20
    with stopwatch() as watch:
        for path in range(draws):
            generator(bench.seed, path, Stream.PRICE).standard_normal(world.cells)
    floor = watch.seconds * PATHS / draws / bench.workers
    return [
        at_most("speed.e0_1000_days_s", _one(seconds, PATHS), PATHS_S, seconds),
        reported("speed.e0_floor_s", _one(floor, draws), watch.seconds),
    ]


def order_events(bench: Bench) -> list[Figure]:
    """Orders a second a core through arrival, curve, clearing, ledger and hash; and a bare loop."""
    figures = []
    for interval_s, name in ((INTERVAL_S, "orders"), (10.0, "orders_10s"), (60.0, "orders_60s")):
        still = still_batches(SPOT_FX, interval_s)
        world = still.world
        policy = batch_policy(world.base.truth, interval_s, hedged=False)
        tape = world.tape(bench.seed, 0)
        quiet = scene(np.zeros(world.base.cells), 1e4)
        events = len(tape.side)

        def once(world: object = world, policy: object = policy, tape: object = tape,
                 quiet: object = quiet) -> None:  # fmt: skip
            world.run_on(policy, tape, quiet)  # type: ignore[attr-defined]

        seconds = fastest_s(once)
        rate = _one(events / seconds, events)
        if interval_s == INTERVAL_S:
            figures.append(at_least(f"speed.{name}_per_s", rate, ORDERS_A_S, seconds))
        else:
            figures.append(reported(f"speed.{name}_per_s", rate, seconds))
    sums = np.zeros(4)
    moves = generator(bench.seed, 0, Stream.OTHER).standard_normal(100_000)
    seconds = fastest_s(lambda: bare_loop(moves, sums))
    return [*figures, reported("speed.orders_floor_per_s", _one(1e5 / seconds, 100_000), seconds)]


@compiled
def bare_loop(moves: Floats, sums: Floats) -> None:
    """The least a venue does an event: skewed price, fading impact, funding, a fee."""
    held, state, cash, funded = 0.0, 0.0, 0.0, 0.0
    for move in moves:
        price = move - 0.018 * held - 0.6 * state
        size = 1.0 if price > 0.0 else -1.0
        held += size
        state = 0.999 * state + 0.005 * size
        funded += 1e-6 * held
        cash += 0.2 - size * price - funded
    sums[0], sums[1], sums[2], sums[3] = held, state, cash, funded


def tape_alone(bench: Bench) -> list[Figure]:
    """Marks a second a core, beside one bare block of random words a mark."""
    demand = demand_of(SPOT_FX)
    marks = len(poisson_tape(demand, 20.0, bench.seed, 0).side)
    seconds = fastest_s(lambda: poisson_tape(demand, 20.0, bench.seed, 0))
    words = np.zeros(marks, dtype=np.uint64)
    floor_s = fastest_s(lambda: bare_words(words))
    return [
        at_least("speed.tape_per_s", _one(marks / seconds, marks), TAPE_A_S, seconds),
        reported("speed.tape_floor_per_s", _one(marks / floor_s, marks), floor_s),
    ]


@compiled
def bare_words(words: Words) -> None:
    """One block of Philox a mark and nothing done with it."""
    zero = np.uint64(0)
    for index in range(len(words)):
        first, second, third, fourth = philox(np.uint64(index), zero, zero, zero, zero, zero)
        words[index] = first ^ second ^ third ^ fourth


def impact_fit(bench: Bench) -> list[Figure]:
    """A million trades on three decays, beside three plain recursive filters over them."""
    draw = generator(bench.seed, 0, Stream.OTHER)
    gaps_day = draw.exponential(1.0 / 1e6, TRADES)
    signed_m = draw.standard_normal(TRADES)
    moves_bp = 0.005 * signed_m + draw.standard_normal(TRADES)
    seconds = fastest_s(lambda: fit_decays(gaps_day, signed_m, moves_bp))
    kept = [float(np.exp(-np.log(2.0) * DAY_S / 1e6 / decay_s)) for decay_s in DECAYS_S]
    floor_s = fastest_s(lambda: [lfilter([1.0], [1.0, -keep], signed_m) for keep in kept])
    return [
        at_most("speed.impact_fit_s", _one(seconds, TRADES), FIT_S, seconds),
        reported("speed.impact_fit_floor_s", _one(floor_s, TRADES), floor_s),
    ]


def fastest_s(call: Callable[[], object]) -> float:
    """Least CPU seconds of several calls, after one that compiles."""
    call()
    found = []
    for _ in range(ROUNDS):
        began_s = time.process_time()
        call()
        found.append(time.process_time() - began_s)
    return min(found)


def _one(value: float, count: int) -> Sample:
    """A timing: its interval is the rounds', which its least stands for."""
    return Sample(value, value, value, count)
