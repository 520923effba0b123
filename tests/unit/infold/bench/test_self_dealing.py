# SPDX-License-Identifier: Apache-2.0
"""B12, off chain: what the adversary of the self-dealing bench does, on paths made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from infold.bench.hindsight import run
from infold.bench.hindsight.friend import WINDOW_S, Policy, a_day
from infold.bench.hindsight.ground import Ground, Terms, Trade
from infold.bench.hindsight.paths import paths
from infold.core.daybound import CALM, LIMIT_SHARE, STORM
from infold.core.plan import StructuralFault
from infold.units import QUOTE_DIVISOR

CAPITAL_E6 = run.CAPITAL_E6
PRICE_E8 = 60_000 * 10**8
JUMP_E8 = 600 * 10**8
TERMS = Terms(residual_share=0.002, position_share=0.01)


def jump(at: int, seconds: int = 120) -> dict[int, NDArray[np.int64]]:
    """A market that stands still and rises by 1 % once."""
    path = np.full(seconds + WINDOW_S, PRICE_E8, dtype=np.int64)
    path[at:] += JUMP_E8
    return {1: path}


def test_a_known_jump_is_bought_into_as_far_as_the_position_cap_reaches() -> None:
    """Five batches of a residual cap fill the position cap; each gains the jump less h_min."""
    day, ground = a_day(jump(60), TERMS, Policy(), CAPITAL_E6)
    caps = ground.state.markets[1].parameters[0].caps
    gain_e8 = JUMP_E8 - PRICE_E8 * 500 // 10**6
    lots = caps.position_cap_e8 // caps.residual_cap_e8 * caps.residual_cap_e8
    assert day.trades in (5, 6)
    assert day.taken_e6 == pytest.approx(caps.position_cap_e8 * gain_e8 // QUOTE_DIVISOR, rel=1e-6)
    assert day.taken_e6 == pytest.approx(day.lost_e6, rel=1e-3)
    assert lots <= caps.position_cap_e8 == -ground.state.markets[1].pool.base_e8


def test_nothing_is_taken_where_nothing_moves() -> None:
    still = {1: np.full(400, PRICE_E8, dtype=np.int64)}
    day, ground = a_day(still, TERMS, Policy(), CAPITAL_E6)
    assert (day.taken_e6, day.trades) == (0, 0) and not ground.refused


def test_a_fee_above_the_move_keeps_the_friend_away() -> None:
    day, _ = a_day(jump(60), TERMS, Policy(), CAPITAL_E6, fee_e6=9_600)
    assert day.trades == 0


def test_a_refused_batch_changes_nothing() -> None:
    ground = Ground.of({1: PRICE_E8}, TERMS, CAPITAL_E6, keep=True)
    before = ground.state.markets[1]
    with pytest.raises(StructuralFault, match="clearing: price on the wrong side"):
        ground.batch(10**12, {1: PRICE_E8}, {1: Trade(10**6, PRICE_E8)})
    assert ground.state.markets[1] is before and ground.batches == 0
    assert ground.kept is not None and ground.kept[-1].after is None


def test_a_full_meter_ends_the_growing_and_the_day_stays_inside_the_limit() -> None:
    """Two hours of a storm: by then the meter is full and the adversary waits for its leak."""
    moves = paths(STORM, 3, WINDOW_S, 7_200)
    day, ground = a_day(moves, TERMS, Policy(), CAPITAL_E6)
    assert ground.refused["clearing: loss meter"] > 10
    assert CAPITAL_E6 // 2_000 < day.taken_e6 < CAPITAL_E6 * LIMIT_SHARE


def test_a_rebate_at_its_most_changes_what_trades_are_made_and_not_the_bound() -> None:
    moves = paths(STORM, 3, WINDOW_S, 7_200)
    plain, _ = a_day(moves, TERMS, Policy(), CAPITAL_E6)
    given = replace(TERMS, rebate=run.REBATE_MAX)
    day, ground = a_day(moves, given, Policy(), CAPITAL_E6)
    assert day.trades != plain.trades
    assert day.taken_e6 < CAPITAL_E6 * LIMIT_SHARE
    assert all(held.meter.earned_e6 >= 0 for held in ground.state.markets.values())


def test_a_day_repeats() -> None:
    moves = paths(CALM, 5, WINDOW_S, 1_800)
    assert (
        a_day(moves, TERMS, Policy(), CAPITAL_E6)[0]
        == a_day(paths(CALM, 5, WINDOW_S, 1_800), TERMS, Policy(), CAPITAL_E6)[0]
    )


def test_a_search_says_after_each_of_its_days_how_far_it_is() -> None:
    heard: list[tuple[int, int]] = []
    day, _ = a_day({1: np.full(400, PRICE_E8, dtype=np.int64)}, TERMS, Policy(), CAPITAL_E6)
    one = run.Tried("still", TERMS, Policy(), 0, day)
    most = len(run.FIRST) + len(run.TURNS)
    assert list(run.watched(iter([one, one]), lambda *far: heard.append(far))) == [one, one]
    assert heard == [(1, most), (2, most)]
