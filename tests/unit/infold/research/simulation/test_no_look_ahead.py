# SPDX-License-Identifier: Apache-2.0
"""Another future leaves what was decided before it as it was: nothing of it was read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from infold.dealer.params import SPOT_FX
from infold.research.simulation.batches import batch_policy, paper_batches
from infold.research.simulation.crash.events import OCTOBER_2025
from infold.research.simulation.crash.loop import CrashSum
from infold.research.simulation.crash.market import GUARDED, crash_world
from infold.research.simulation.crash.weather import Clock
from infold.research.simulation.draws import Stream, generator
from infold.research.simulation.ledger import Sum
from infold.research.simulation.tape import Tape

SEED = 20261129
POLICY = batch_policy(SPOT_FX, 60.0)


@pytest.mark.parametrize("own_limits", [False, True])
def test_batches_before_the_turn_do_not_know_what_comes_after(own_limits: bool) -> None:
    world = paper_batches(60.0, own_limits=own_limits)
    tape, market = world.tape(SEED, 0), world.scene(SEED, 0)
    turn = world.batches // 2
    cell = turn * world.batch_cells
    later = tape.time_day >= cell * world.base.cell_day
    side = np.where(later, -tape.side, tape.side).astype(np.int8)
    moves = market.moves_bp.copy()
    moves[cell:] *= -1.0
    generator(SEED, 0, Stream.OTHER).shuffle(moves[cell:])
    true, changed = world.blank_course(tape), world.blank_course(tape)
    hash_, other = (
        world.run_on(POLICY, each_tape, each_scene, course=course)[1]
        for each_tape, each_scene, course in (
            (tape, market, true),
            (tape._replace(side=side), market._replace(moves_bp=moves), changed),
        )
    )
    assert hash_ != other
    past = np.count_nonzero(~later)
    assert past > 500 and np.count_nonzero(true.fills[:past]) > 100
    assert np.array_equal(true.batches[:turn], changed.batches[:turn])
    assert np.array_equal(true.fills[:past], changed.fills[:past])
    assert not np.array_equal(true.batches[turn:], changed.batches[turn:])


@pytest.mark.parametrize("path", [0, 1])
def test_what_a_crash_dealer_filled_before_the_turn_does_not_know_what_comes_after(
    path: int,
) -> None:
    """Clients stop at the turn, so every fill was decided before it."""
    world = replace(crash_world(OCTOBER_2025), clock=Clock(cell_s=20.0, lead_min=0.0))
    weather = world.weather(SEED, path)
    cells = len(weather.depth)
    turn = cells // 2
    tape = world.tape(weather, SEED, path)
    before = tape.time_day < turn * world.clock.cell_s / 86_400.0
    cut = Tape(*(column[before] for column in tape))
    levels = weather.levels.copy()
    levels[turn + 1 :] = levels[turn] * (2.0 - levels[turn + 1 :] / levels[turn])
    changed = weather._replace(
        levels=levels,
        depth=np.concatenate([weather.depth[:turn], weather.depth[turn:] * 0.5]),
        outside=np.concatenate([weather.outside[:turn], weather.outside[turn:] * 2.0]),
    )
    assert np.all(levels > 0.0)
    outages = world.outages(SEED, path)
    (true, hash_), (other, other_hash) = (
        world.run_on((GUARDED,), each, cut, outages) for each in (weather, changed)
    )
    assert hash_ != other_hash and true[Sum.MARTINGALE] != other[Sum.MARTINGALE]
    assert true[Sum.FILLS] > 20.0
    for column in (Sum.FILLS, Sum.MARKUP, Sum.CLIENT_VOLUME, CrashSum.TAKEN_VOLUME):
        assert true[column] == other[column], column.name
