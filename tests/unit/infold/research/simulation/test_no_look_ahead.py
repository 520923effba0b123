# SPDX-License-Identifier: Apache-2.0
"""Another future leaves every batch before it as it was: the dealer has read nothing of it."""

from __future__ import annotations

import numpy as np
import pytest

from infold.dealer.params import SPOT_FX
from infold.research.simulation.batches import batch_policy, paper_batches
from infold.research.simulation.draws import Stream, generator

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
