# SPDX-License-Identifier: Apache-2.0
"""The clients world: labels wait for their time, the same bits from a seed, and E1b's order."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from infold.dealer.params import SPOT_FX
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
from infold.research.simulation.clients import ClientsWorld, Course, each_dealers
from infold.research.simulation.clients_columns import CLIENT_COLUMNS, ClientSum
from infold.research.simulation.draws import Stream, generator
from infold.research.simulation.informed import Drawn, Hidden
from infold.research.simulation.ledger import Paths, Sum, estimate, paired
from infold.research.simulation.quotes import QuotesWorld
from infold.research.simulation.runner import simulate
from infold.research.simulation.scene import scene as make
from infold.research.simulation.tape import Tape, empty_tape

SEED = 77
WORLD = ClientsWorld()
SHORT = ClientsWorld(burn_in_day=0.1, scored_day=0.2)
LEARNING = learning(horizons_s=WORLD.ends_s)
PATHS = 6


def course(world: ClientsWorld, dealer: ClientDealer, path: int = 0) -> Course:
    drawn = world.flow_of(SEED, path)
    return world.run_on(dealer, drawn, world.scene(SEED, path, drawn.drifts_bp))


# -- E1b, a few paths of it ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def field() -> list[Paths]:
    bayes = filtering(true_kinds(WORLD.flow), horizons_s=WORLD.ends_s)
    dealers = (blind(), told(), bayes, LEARNING)
    return each_dealers(simulate(WORLD, dealers, PATHS, SEED, workers=2))


def test_learning_recovers_most_of_what_the_bayes_filter_gains(field: list[Paths]) -> None:
    b0, b1, bayes, learned = field
    best, ours = paired(bayes, b0), paired(learned, b0)
    assert best.mean > 6.0 * best.error
    assert ours.mean >= 0.8 * best.mean
    above = paired(learned, b1)
    assert above.mean + 4.0 * above.error < 0.0


def test_uninformed_clients_are_no_worse_off(field: list[Paths]) -> None:
    b0, _, _, learned = field
    for money, volume in ((ClientSum.PAID, ClientSum.BOUGHT), (ClientSum.LATER, ClientSum.MARKED)):
        ours, theirs = (paths.sums[:, money] / paths.sums[:, volume] for paths in (learned, b0))
        found = estimate(ours - theirs)
        assert found.mean + 1.645 * found.error < 0.0, (money.name, found)
    assert estimate(learned.sums[:, ClientSum.SURPLUS] - b0.sums[:, ClientSum.SURPLUS]).mean > 0.0


def test_with_fresh_names_there_is_nothing_to_learn() -> None:
    world = replace(WORLD, flow=replace(WORLD.flow, redraws_per_day=math.inf))
    b0, learned = each_dealers(simulate(world, (blind(), LEARNING), 3, SEED))
    assert abs(paired(learned, b0).mean / world.scored_day) < 150.0
    assert learned.sums[:, ClientSum.CHARGED].sum() == 0.0


def test_the_learned_share_of_informed_clients_nears_the_truth() -> None:
    found = course(WORLD, LEARNING).kinds
    assert 0.06 < 1.0 - found.shares[0] < 0.15
    assert found.own_rates[0] == pytest.approx(44.0, rel=0.2)


def test_who_sees_the_news_positions_on_it_and_who_is_told_does_not() -> None:
    told_, knowing_ = course(SHORT, told()).sums, course(SHORT, knowing()).sums
    assert knowing_[Sum.DRIFT] > 3.0 * abs(told_[Sum.DRIFT])
    assert knowing_[Sum.SQUARE] > 2.0 * told_[Sum.SQUARE]


def test_a_signal_brings_inventory_to_zero_and_not_through_it() -> None:
    """One insider buys 1 M on sure news of 4 bp: who is told covers it, who knows goes on."""
    world = ClientsWorld(burn_in_day=0.0, scored_day=0.01)
    mark = empty_tape(1)._replace(
        time_day=np.array([0.001]),
        side=np.array([1], dtype=np.int8),
        rung=np.array([0], dtype=np.int8),
        size_m=np.array([1.0]),
        reservation_bp=np.array([99.0]),
        client=np.array([0], dtype=np.int32),
        informed=np.array([1], dtype=np.int8),
    )
    hidden = Hidden(np.array([1], dtype=np.int8), np.array([4.0]), np.array([0.002]))
    drawn = Drawn(mark, hidden, np.zeros(world.cells))
    market = make(np.zeros(world.cells), 1e4, drawn.drifts_bp)
    left = {
        name: world.run_on(dealer, drawn, market).sums[Sum.INVENTORY]
        for name, dealer in (("blind", blind()), ("told", told()), ("knowing", knowing()))
    }
    assert left["blind"] == -1.0
    assert left["told"] == pytest.approx(0.0, abs=1e-12)
    assert left["knowing"] > 1.0


# -- no look-ahead ---------------------------------------------------------------------------------


def test_labels_one_step_early_change_the_hash() -> None:
    early = replace(SHORT, early_cells=1)
    assert course(early, LEARNING).hash != course(SHORT, LEARNING).hash
    # Whoever learns nothing cannot tell.
    for dealer in (blind(), told()):
        assert course(early, dealer).hash == course(SHORT, dealer).hash


def test_a_different_future_leaves_the_past_as_it_was() -> None:
    drawn = SHORT.flow_of(SEED, 1)
    market = SHORT.scene(SEED, 1, drawn.drifts_bp)
    turn = 20_000
    moved = market.moves_bp.copy()
    generator(SEED, 1, Stream.OTHER).shuffle(moved[turn:])
    later = drawn.tape.time_day >= turn * SHORT.cell_day
    flipped = np.where(later, -drawn.tape.side, drawn.tape.side).astype(np.int8)
    other = drawn._replace(tape=drawn.tape._replace(side=flipped))
    true, changed = (
        SHORT.run_on(LEARNING, drawn, market).fills,
        SHORT.run_on(LEARNING, other, market._replace(moves_bp=moved)).fills,
    )
    past = int(np.searchsorted(true.cells[: true.done[0]], turn))
    assert past > 300
    for name in ("marks", "paid_bp", "believed", "toxic", "features"):
        assert np.array_equal(getattr(true, name)[:past], getattr(changed, name)[:past]), name
    assert not np.array_equal(true.believed[past:], changed.believed[past:])


def test_shuffled_future_zero_edge() -> None:
    """News whose drift is scattered over the path: the learner earns nothing on any move."""
    edges = []
    for path in range(16):
        drawn = SHORT.flow_of(SEED, path)
        drifts = drawn.drifts_bp.copy()
        generator(SEED, path, Stream.OTHER).shuffle(drifts)
        sums = SHORT.run_on(LEARNING, drawn, SHORT.scene(SEED, path, drifts)).sums
        edges.append(sums[Sum.DRIFT] + sums[Sum.MARTINGALE])
    found = estimate(edges)
    assert abs(found.mean) < 3.5 * found.error, found


def test_no_label_is_used_before_its_horizon() -> None:
    """At the end exactly those fills have come out whose minute passed by the last mark."""
    found = course(SHORT, LEARNING)
    fills, held = found.fills, np.arange(found.fills.done[0])
    drawn = SHORT.flow_of(SEED, 0)
    last = int(drawn.tape.time_day[-1] / SHORT.cell_day)
    due = fills.cells[held] + SHORT.lags[2] <= last
    assert np.array_equal(fills.came[held] >= 0.0, due) and 0 < (~due).sum() < 20


# -- books and bits --------------------------------------------------------------------------------


def test_without_news_the_blind_dealer_is_e0s() -> None:
    """The same tape through the quotes world's loop: the same money to the last digits."""
    world = ClientsWorld(burn_in_day=0.0, scored_day=0.05)
    drawn = world.flow_of(SEED, 2)
    quiet = drawn._replace(
        tape=Tape._make(column[drawn.hidden.news == 0] for column in drawn.tape),
        hidden=drawn.hidden._make(column[drawn.hidden.news == 0] for column in drawn.hidden),
    )
    market = world.scene(SEED, 2, drawn.drifts_bp)
    ours = world.run_on(blind(), quiet, market).sums
    quotes = QuotesWorld(truth=SPOT_FX, horizon_day=0.05)
    theirs, _ = quotes.run_on(blind().ladder, quiet.tape, market)
    for name in ("MARKUP", "IMPACT", "DRIFT", "MARTINGALE", "COST", "RISK", "SQUARE", "FILLS"):
        assert ours[Sum[name]] == pytest.approx(theirs[Sum[name]], rel=1e-9), name
    assert ours[Sum.PRICE] == pytest.approx(theirs[Sum.PRICE], rel=1e-9)


def test_volumes_add_up_to_what_clients_traded() -> None:
    sums = course(SHORT, LEARNING).sums
    parts = sums[[ClientSum.BOUGHT, ClientSum.NEWS_VOLUME, ClientSum.OWN_VOLUME]].sum()
    assert parts == pytest.approx(sums[Sum.CLIENT_VOLUME])
    assert sums[ClientSum.PAID] + sums[ClientSum.NEWS_PAID] < sums[Sum.MARKUP]
    assert 0.0 < sums[ClientSum.MARKED] <= sums[ClientSum.BOUGHT] < sums[ClientSum.ASKED]


def test_burn_in_is_in_no_sum_but_in_what_is_known() -> None:
    """The second part of a path scored alone, from the state the first part left."""
    whole = course(replace(SHORT, burn_in_day=0.0, scored_day=0.3), blind()).sums
    scored = course(SHORT, blind()).sums
    assert scored[Sum.DAYS] == pytest.approx(0.2)
    assert scored[Sum.INVENTORY] == whole[Sum.INVENTORY]
    assert scored[Sum.FILLS] < whole[Sum.FILLS] and scored[Sum.SQUARE] < whole[Sum.SQUARE]


def test_crn_determinism() -> None:
    dealers = (blind(), LEARNING)
    alone = simulate(SHORT, dealers, 5, SEED)
    assert alone.sums.shape == (5, 2 * CLIENT_COLUMNS)
    assert simulate(SHORT, dealers, 5, SEED, workers=3).digest == alone.digest
    assert simulate(SHORT, dealers, 5, SEED + 1).digest != alone.digest
    (single,) = each_dealers(simulate(SHORT, (LEARNING,), 5, SEED))
    assert np.array_equal(single.sums, each_dealers(alone)[1].sums)


def test_the_venues_model_holds_the_simulations_beliefs() -> None:
    """Mids and fills of one path, cell by cell, through the model a venue would run."""
    world = ClientsWorld(burn_in_day=0.0, scored_day=0.2, cell_day=1.0 / 86_400.0)
    dealer = learning(horizons_s=world.ends_s)
    dealer = dealer._replace(
        ladder=dealer.ladder.ruled(zone_bp=math.inf),
        conduct=dealer.conduct._replace(refit_fills=200),
    )
    drawn = world.flow_of(SEED, 3)
    market = world.scene(SEED, 3, drawn.drifts_bp)
    fills = world.run_on(dealer, drawn, market).fills
    model = ToxicityModel(ModelParameters(kinds=GUESS, refit_fills=200), SPOT_FX)
    mids = np.concatenate([[0.0], np.cumsum(market.moves_bp + market.drifts_bp)])
    tape, done, at = drawn.tape, int(fills.done[0]), 0
    marks_of = np.floor(tape.time_day / world.cell_day).astype(int)
    traded = {int(mark): number for number, mark in enumerate(fills.marks[:done])}
    for cell in range(world.cells):
        model.observe(float(cell), float(mids[cell]))
        while at < len(marks_of) and marks_of[at] == cell:
            client, number = int(tape.client[at]), traded.get(at)
            model.opinion(client)
            if number is not None:
                verdict = model.trade(
                    client, int(tape.side[at]), float(tape.size_m[at]), float(fills.paid_bp[number])
                )
                assert verdict.informed == pytest.approx(fills.believed[number], abs=1e-6)
                assert verdict.toxic == pytest.approx(fills.toxic[number], abs=1e-6)
            at += 1
    assert done > 400


# -- refusals --------------------------------------------------------------------------------------


def test_impossible_worlds_are_refused_by_name() -> None:
    for change, said in (
        ({"burn_in_day": -1.0}, "burn_in_day"),
        ({"scored_day": math.nan}, "scored_day"),
        ({"cell_day": 0.0}, "cell_day"),
        ({"cell_day": 1e-3}, "too coarse"),
        ({"early_cells": 2}, "early_cells"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(WORLD, **change)  # type: ignore[arg-type]


def test_impossible_runs_are_refused() -> None:
    drawn = SHORT.flow_of(SEED, 0)
    market = SHORT.scene(SEED, 0, drawn.drifts_bp)
    with pytest.raises(ValueError, match="30000 cells"):
        SHORT.run_on(blind(), drawn, market._replace(moves_bp=market.moves_bp[:9]))
    ladder = blind().ladder
    few = blind()._replace(ladder=ladder._replace(lines_bp=ladder.lines_bp[:, :2]))
    with pytest.raises(ValueError, match="quotes 2 sizes"):
        SHORT.run_on(few, drawn, market)
