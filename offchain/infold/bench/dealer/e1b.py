# SPDX-License-Identifier: Apache-2.0
"""E1b: is toxicity learned, and do the uninformed gain by it? All dealers meet the same paths.

Money is bp * M a day over the three scored days; costs are bp a unit of volume. What a client pays
is compared path by path with what it paid the blind dealer.
"""

from __future__ import annotations

import math
import time
from typing import Final, NamedTuple

import numpy as np

from infold.bench.dealer.figures import (
    STANDARD_ERRORS,
    Bench,
    Figure,
    Sample,
    at_least,
    at_most,
    mean_of,
    reported,
    stopwatch,
    surely_at_most,
    within,
)
from infold.dealer.params import SPOT_FX
from infold.dealer.toxicity.calibration import calibration_error, ranking_power
from infold.dealer.toxicity.model import ModelParameters, ToxicityModel
from infold.research.simulation.client_dealers import (
    GUESS,
    ClientDealer,
    blind,
    filtering,
    knowing,
    learning,
    told,
    true_kinds,
)
from infold.research.simulation.clients import ClientsWorld, each_dealers
from infold.research.simulation.clients_columns import ClientSum
from infold.research.simulation.compiled import Floats
from infold.research.simulation.informed import InformedFlow
from infold.research.simulation.ledger import Paths
from infold.research.simulation.runner import simulate

PATHS: Final = 1_000
PATHS_REPORTED: Final = 250
"""For what has no limit, and for the row of fresh names, whose spread is small."""
PATHS_READ: Final = 40
"""Paths whose every fill is read for calibration: some 350,000 fills."""
RECOVERED: Final = 0.8
SYBIL_SHARE: Final = 0.1
CALIBRATION: Final = 0.02
RANKING: Final = 0.95
UPDATE_S: Final = 1e-3
UPDATES: Final = 4_000


class Field(NamedTuple):
    """The dealers that are scored on every path."""

    b0: Paths
    b1: Paths
    bayes: Paths
    learned: Paths


def run(bench: Bench) -> list[Figure]:
    """Every figure of the group."""
    world = ClientsWorld()
    with stopwatch() as watch:
        field = Field(*_meet(bench, world, field_of(world), PATHS))
    seconds = watch.seconds
    bench.say(f"e1b: {PATHS} paths of four dealers in {seconds:.0f} s")
    with stopwatch() as watch:
        blind_, knowing_ = _meet(bench, world, (blind(), knowing()), PATHS_REPORTED)
        fresh = ClientsWorld(flow=InformedFlow(redraws_per_day=math.inf))
        pair = (blind(), learning(horizons_s=fresh.ends_s))
        sybil = _meet(bench, fresh, pair, PATHS_REPORTED)
    more = watch.seconds
    days = world.scored_day
    scores = {name: paths.score / days for name, paths in field._asdict().items()}
    gap = float(np.mean(scores["bayes"] - scores["b0"]))
    fresh_gain = _mean((sybil[1].score - sybil[0].score) / days / gap)
    return [
        at_least("e1b.recovered", recovered(field), RECOVERED, seconds),
        surely_at_most("e1b.above_b1", _mean(scores["learned"] - scores["b1"]), 0.0, seconds),
        surely_at_most("e1b.uninformed_cost", cost_beside(field, "PAID", "BOUGHT"), 0.0, seconds),
        surely_at_most("e1b.uninformed_later", cost_beside(field, "LATER", "MARKED"), 0.0, seconds),
        at_least("e1b.uninformed_surplus", _surplus(field, days), 0.0, seconds),
        within("e1b.sybil", fresh_gain, 0.0, SYBIL_SHARE, more),
        *_beliefs(bench, world),
        _update_time(),
        *(reported(f"e1b.{name}", _mean(values), seconds) for name, values in scores.items()),
        reported("e1b.b2", _mean(knowing_.score / days), more),
        reported("e1b.b2_above_b0", _mean((knowing_.score - blind_.score) / days), more),
    ]


def field_of(world: ClientsWorld) -> tuple[ClientDealer, ...]:
    """The dealers of `Field`, in its order."""
    return (
        blind(),
        told(),
        filtering(true_kinds(world.flow), horizons_s=world.ends_s),
        learning(horizons_s=world.ends_s),
    )


def recovered(field: Field) -> Sample:
    """(learned - B0) / (Bayes filter - B0), means over means, by the delta method."""
    ours = field.learned.score - field.b0.score
    best = field.bayes.score - field.b0.score
    ratio = float(ours.mean() / best.mean())
    error = float(np.std(ours - ratio * best, ddof=1) / best.mean() / math.sqrt(len(best)))
    half = STANDARD_ERRORS * error
    return Sample(ratio, ratio - half, ratio + half, len(best))


def cost_beside(field: Field, money: str, volume: str) -> Sample:
    """What a unit cost uninformed clients, bp: the learned dealer's less the blind one's."""
    costs = [
        paths.sums[:, ClientSum[money]] / paths.sums[:, ClientSum[volume]]
        for paths in (field.learned, field.b0)
    ]
    return _mean(costs[0] - costs[1])


def _surplus(field: Field, days: float) -> Sample:
    """What uninformed clients would have paid beyond what they did, those turned away included."""
    column = ClientSum.SURPLUS
    return _mean((field.learned.sums[:, column] - field.b0.sums[:, column]) / days)


def _meet(
    bench: Bench, world: ClientsWorld, dealers: tuple[ClientDealer, ...], paths: int
) -> list[Paths]:
    return each_dealers(simulate(world, dealers, paths, bench.seed, bench.workers))


def _mean(values: Floats) -> Sample:
    return mean_of(values.tolist())


def _beliefs(bench: Bench, world: ClientsWorld) -> list[Figure]:
    """Calibration of both probabilities on scored fills, and ranking beside the Bayes filter's."""
    with stopwatch() as watch:
        dealers = field_of(world)
        best = _read(bench, world, dealers[Field._fields.index("bayes")])
        ours = _read(bench, world, dealers[Field._fields.index("learned")])
        toxic = _certain(calibration_error(ours.toxic, ours.came), len(ours.came))
        informed = _certain(calibration_error(ours.believed, ours.truth), len(ours.truth))
        ranked = ranking_power(ours.believed, ours.truth) / ranking_power(best.believed, best.truth)
    return [
        at_most("e1b.calibration_toxic", toxic, CALIBRATION, watch.seconds),
        at_most("e1b.calibration_informed", informed, CALIBRATION, watch.seconds),
        at_least("e1b.ranking", _certain(ranked, len(ours.truth)), RANKING, watch.seconds),
    ]


class Read(NamedTuple):
    """By scored fill whose minute has passed: what was said of it and what was true."""

    believed: Floats
    truth: Floats
    toxic: Floats
    came: Floats


def _read(bench: Bench, world: ClientsWorld, dealer: ClientDealer) -> Read:
    rows = []
    for path in range(PATHS_READ):
        drawn = world.flow_of(bench.seed, path)
        fills = world.run_on(dealer, drawn, world.scene(bench.seed, path, drawn.drifts_bp)).fills
        held = np.arange(fills.done[0])
        scored = held[(fills.cells[held] >= world.burn_cells) & (fills.came[held] >= 0.0)]
        truth = drawn.tape.informed[fills.marks[scored]].astype(np.float64)
        rows.append((fills.believed[scored], truth, fills.toxic[scored], fills.came[scored]))
    return Read(*(np.concatenate(columns) for columns in zip(*rows, strict=True)))


def _certain(value: float, count: int) -> Sample:
    return Sample(value, value, value, count)


def _update_time() -> Figure:
    """The slowest of a hundred: a mid with what falls due, an opinion and a fill, from Python.

    In the thread's own time: what other programs take from the machine is none of the model's.
    """
    model = ToxicityModel(ModelParameters(kinds=GUESS), SPOT_FX)
    spent = []
    for number in range(UPDATES):
        began = time.thread_time()
        model.observe(float(5 * number), float(number % 7))
        model.opinion(number % 50)
        model.trade(number % 50, 1 - 2 * (number % 2), 1.0, 0.2)
        spent.append(time.thread_time() - began)
    slow = float(np.quantile(spent[UPDATES // 4 :], 0.99))
    return at_most("e1b.update_p99_s", _certain(slow, UPDATES), UPDATE_S, sum(spent))
