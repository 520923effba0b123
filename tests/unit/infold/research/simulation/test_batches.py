# SPDX-License-Identifier: Apache-2.0
"""The batch world: accounts that balance, the closed forms' limits, the same bits from a seed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from infold.dealer.lines import inverse_ladder, monopoly, thin_line
from infold.dealer.params import SPOT_FX
from infold.errors import InvariantBroken
from infold.research.simulation.batches import (
    UNBOUND,
    BatchSum,
    BatchWorld,
    PoolTerms,
    batch_policy,
    fees,
    paper_batches,
)
from infold.research.simulation.batches_loop import (
    ASK_OF,
    BID_OF,
    CROSSED_OF,
    INVENTORY_OF,
    PRICE_OF,
    RESIDUAL_OF,
    BatchPolicy,
    Guidance,
)
from infold.research.simulation.draws import Stream, generator
from infold.research.simulation.ledger import Sum, estimate
from infold.research.simulation.policy import exact_markup, skew_only
from infold.research.simulation.quotes import paper_world
from infold.research.simulation.runner import simulate
from infold.research.simulation.scene import scene as make
from infold.research.simulation.tape import Tape

SEED = 20260101


def short(interval_s: float = 8.64, horizon_day: float = 0.05, **terms: object) -> BatchWorld:
    """E0 for an hour or so, in cells of 0.864 s."""
    cells = round(interval_s / 0.864)
    return BatchWorld(base=paper_world(horizon_day), batch_cells=cells, **terms)  # type: ignore[arg-type]


POLICY = batch_policy(SPOT_FX, 8.64)


# -- limits ----------------------------------------------------------------------------------------


def test_batches_of_at_most_one_order_earn_what_quotes_earn() -> None:
    """The inverse ladder on nearly empty batches is the exact markup on single clients."""
    quoted = exact_markup(SPOT_FX).ruled(steepness_m_per_bp_day=0.0)
    quotes = simulate(paper_world(0.2, 0.1 / 86_400), quoted, 12, SEED)
    world = BatchWorld(base=paper_world(0.2, 0.1 / 86_400), batch_cells=1)
    policy = batch_policy(SPOT_FX, 0.1, line=inverse_ladder(SPOT_FX), hedged=False)
    batches = simulate(world, policy, 12, SEED)
    gap = estimate(batches.score - quotes.score)
    # 1 % of the orders share a batch; the line is exact at points and asks a little more between.
    assert abs(gap.mean) < 0.02 * float(quotes.score.mean()), gap
    crossed = batches.sums[:, BatchSum.CROSSED_VOLUME].sum()
    assert 0.0 < crossed < 0.02 * batches.column(Sum.CLIENT_VOLUME).sum()


def test_thick_batches_earn_what_the_monopolys_formula_says() -> None:
    line, value = monopoly(SPOT_FX, 1_200.0)
    world = paper_batches(1_200.0, cell_s=40.0, whole=False, balanced=True)
    found = estimate(
        simulate(world, batch_policy(SPOT_FX, 1_200.0, line=line, hedged=False), 120, SEED).score
    )
    assert value == pytest.approx(3.39, abs=0.005)
    # The formula is linear in demand; the simulated logistic gives 3.3.
    assert abs(found.mean - 3.3) < 3.0 * found.error, found
    assert found.error < 0.12


# -- books -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [True, False])
def test_wealth_is_cash_and_inventory_at_the_price(whole: bool) -> None:
    """Fill by fill from the recorded course, with hedging in between, in plain Python."""
    world = short(fee_bp=0.05, whole=whole)
    world = replace(world, base=replace(world.base, capital_bp_m=80.0, inventory_m=31.0))
    policy = batch_policy(SPOT_FX, 8.64)
    tape, scene = world.tape(SEED, 2), world.scene(SEED, 2)
    course = world.blank_course(tape)
    sums, _ = world.run_on(policy, tape, scene, course=course)
    cash, held, price, state = 80.0, 31.0, 0.0, 0.0
    truth, rules = world.base.truth, policy.rules
    batch_of = (tape.time_day / world.base.cell_day).astype(int) // world.batch_cells
    fills = 0
    for number in range(world.batches):
        for cell in range(number * world.batch_cells, (number + 1) * world.batch_cells):
            marginal = rules.price_slope_bp_per_m * held + rules.price_signal * state
            excess = max(abs(marginal) - truth.hedge_spread_bp, 0.0)
            rate = math.copysign(excess / (2.0 * truth.hedge_impact_bp_day_per_m), marginal)
            bought = rate * world.base.cell_day
            pushed = truth.impact_bp_per_m * bought
            pushed -= truth.resilience_per_day * state * world.base.cell_day
            state += pushed
            price += scene.moves_bp[cell] + pushed
            held += bought
            cash -= bought * price + abs(bought) * truth.hedge_spread_bp
            cash -= rate * bought * truth.hedge_impact_bp_day_per_m
        row = course.batches[number]
        assert row[INVENTORY_OF] == pytest.approx(held, abs=1e-9)
        for mark in np.flatnonzero(batch_of == number):
            size, paid_bp = course.fills[mark]
            if size == 0.0:
                continue
            fills += 1
            side = int(tape.side[mark])
            # No one pays more than the reservation, the fee included.
            assert side * paid_bp + world.fee_bp <= tape.reservation_bp[mark] + 1e-9
            assert size <= tape.size_m[mark] and (not whole or size == tape.size_m[mark])
            held -= side * size
            cash += side * size * (price + paid_bp) + size * world.fee_bp
            assert paid_bp == row[PRICE_OF]
    wealth = (
        80.0
        + sums[BatchSum.FEES]
        + math.fsum([sums[Sum.MARKUP], sums[Sum.IMPACT], sums[Sum.MARTINGALE], -sums[Sum.COST]])
    )
    assert cash + held * price == pytest.approx(wealth, abs=1e-8)
    assert sums[Sum.INVENTORY] == pytest.approx(held, abs=1e-9)
    assert fills == sums[Sum.FILLS] > 50
    assert sums[Sum.EXTERNAL_VOLUME] > 5.0


def test_volumes_are_kept_apart_and_add_up() -> None:
    world = short(interval_s=86.4, horizon_day=0.2)
    tape, scene = world.tape(SEED, 1), world.scene(SEED, 1)
    course = world.blank_course(tape)
    sums, _ = world.run_on(POLICY, tape, scene, course=course)
    crossed, residual = sums[BatchSum.CROSSED_VOLUME], sums[BatchSum.RESIDUAL_VOLUME]
    assert crossed > 50.0 and residual > 50.0
    assert crossed + residual == pytest.approx(sums[Sum.CLIENT_VOLUME], rel=1e-12)
    assert 2.0 * course.batches[:, CROSSED_OF].sum() == pytest.approx(crossed, rel=1e-12)
    assert np.abs(course.batches[:, RESIDUAL_OF]).sum() == pytest.approx(residual, rel=1e-12)
    assert course.fills[:, 0].sum() == pytest.approx(sums[Sum.CLIENT_VOLUME], rel=1e-12)
    assert sums[BatchSum.CLEARED] <= sums[BatchSum.BATCHES] <= world.batches


def test_a_fee_is_charged_on_every_fill_and_turns_clients_away() -> None:
    free = simulate(short(), POLICY, 6, SEED)
    charged = simulate(short(fee_bp=0.1), POLICY, 6, SEED)
    assert np.all(fees(free) == 0.0)
    assert fees(charged) == pytest.approx(0.1 * charged.column(Sum.CLIENT_VOLUME), rel=1e-12)
    assert charged.column(Sum.CLIENT_VOLUME).sum() < free.column(Sum.CLIENT_VOLUME).sum()


def test_recording_a_course_changes_nothing() -> None:
    world = short()
    tape, scene = world.tape(SEED, 0), world.scene(SEED, 0)
    plain = world.run_on(POLICY, tape, scene)
    recorded = world.run_on(POLICY, tape, scene, course=world.blank_course(tape))
    # The sums' order of adding differs where empty batches are stepped through.
    assert recorded[0] == pytest.approx(plain[0], rel=1e-9, abs=1e-9)


# -- limits of the dealer and of the pool ----------------------------------------------------------


def test_the_pools_rule_costs_and_is_kept() -> None:
    """C7: the pool trades on its own side of O, no nearer than h_min, inside its caps."""
    rule = PoolTerms(
        h_min_bp=0.1, h0_bp=2.0, band_bp=50.0, slope_bp_per_m=0.05, residual_m_max=8.0,
        position_m_max=10.0,
    )  # fmt: skip
    world = short(pool=rule, horizon_day=0.2)
    tape, scene = world.tape(SEED, 0), world.scene(SEED, 0)
    course = world.blank_course(tape)
    policy = batch_policy(SPOT_FX, 8.64, hedged=False)
    sums, _ = world.run_on(policy, tape, scene, course=course)
    traded = course.batches[course.batches[:, RESIDUAL_OF] != 0.0]
    own_side = np.sign(traded[:, RESIDUAL_OF]) * traded[:, PRICE_OF]
    assert len(traded) > 50 and own_side.min() >= 0.1 - 1e-9
    assert np.abs(traded[:, RESIDUAL_OF]).max() <= 8.0
    assert np.abs(course.batches[:, INVENTORY_OF]).max() <= 10.0 + 1e-9
    # A long dealer would sell below O to be rid of it: the rule forbids even that.
    begun = replace(world.base, inventory_m=90.0)
    free, unbound = (
        replace(world, base=begun, pool=terms).run_on(policy, tape, scene)[0]
        for terms in (None, UNBOUND)
    )
    assert free[Sum.SQUARE] < unbound[Sum.SQUARE] and free[Sum.MARKUP] < unbound[Sum.MARKUP]
    assert sums[Sum.FILLS] < unbound[Sum.FILLS]


def test_the_dealers_own_limit_and_least_spread_are_kept() -> None:
    world = short(horizon_day=0.1)
    tape, scene = world.tape(SEED, 0), world.scene(SEED, 0)
    bound = POLICY._replace(line=POLICY.line._replace(limit_m=5.0))
    course = world.blank_course(tape)
    world.run_on(bound, tape, scene, course=course)
    assert np.abs(course.batches[:, INVENTORY_OF]).max() <= 5.0 + 1e-9
    wide = Guidance(risk=np.ones(1), half_spread_bp=np.full(world.batches, 0.4))
    world.run_on(POLICY, tape, scene, wide, course)
    assert course.batches[:, ASK_OF].min() >= 0.4 - 1e-9
    assert course.batches[:, BID_OF].max() <= -0.4 + 1e-9
    paid = course.batches[course.batches[:, RESIDUAL_OF] != 0.0]
    assert len(paid) > 5
    assert (np.sign(paid[:, RESIDUAL_OF]) * paid[:, PRICE_OF]).min() >= 0.4 - 1e-9


def test_more_risk_skews_more() -> None:
    world = short(horizon_day=0.1)
    world = replace(world, base=replace(world.base, inventory_m=10.0))
    tape, scene = world.tape(SEED, 0), world.scene(SEED, 0)
    asks = []
    for risk in (1.0, 3.0):
        course = world.blank_course(tape)
        guidance = Guidance(risk=np.array([risk]), half_spread_bp=np.zeros(1))
        policy = batch_policy(SPOT_FX, 8.64, hedged=False)
        world.run_on(policy, tape, scene, guidance, course)
        asks.append(course.batches[0, ASK_OF])
    assert asks[1] < asks[0]


def test_limits_of_their_own_moment_meet_the_price_of_the_close() -> None:
    """A jump after the orders and before the close: standing buyers gain, re-quoted ones do not."""
    world = short(interval_s=86.4, horizon_day=0.001)
    assert world.batches == 1
    moves = np.zeros(world.base.cells)
    moves[60] = -5.0
    one = Tape(
        time_day=np.array([20.5e-5]),
        side=np.array([1], np.int8),
        rung=np.array([0], np.int8),
        size_m=np.array([1.0]),
        reservation_bp=np.array([-1.0]),
        client=np.zeros(1, np.int32),
        informed=np.zeros(1, np.int8),
    )
    policy = batch_policy(SPOT_FX, 86.4, hedged=False)
    sums, _ = world.run_on(policy, one, make(moves, 1e4))
    assert sums[Sum.FILLS] == 0.0
    sums, _ = replace(world, own_limits=True).run_on(policy, one, make(moves, 1e4))
    assert sums[Sum.FILLS] == 1.0 and 0.0 < sums[Sum.MARKUP] < 4.0
    sums, _ = replace(world, own_limits=True).run_on(policy, one, make(-moves, 1e4))
    assert sums[Sum.FILLS] == 0.0


# -- determinism ---------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [2, 3])
def test_crn_determinism(workers: int) -> None:
    alone = simulate(short(), POLICY, 7, SEED)
    assert simulate(short(), POLICY, 7, SEED, workers=workers).digest == alone.digest


def test_replay_hash() -> None:
    whole = simulate(short(), POLICY, 5, SEED)
    assert simulate(short(), POLICY, 5, SEED).digest == whole.digest
    assert simulate(short(), POLICY, [4, 2], SEED).hashes.tolist() == [
        whole.hashes[4],
        whole.hashes[2],
    ]
    # Any change shows: another seed, interval, fee, line, one order's reservation price.
    assert simulate(short(), POLICY, 5, SEED + 1).digest != whole.digest
    assert simulate(short(17.28), POLICY, 5, SEED).digest != whole.digest
    assert simulate(short(fee_bp=0.01), POLICY, 5, SEED).digest != whole.digest
    other = batch_policy(SPOT_FX, 8.64, line=thin_line(SPOT_FX))
    assert simulate(short(), other, 5, SEED).digest != whole.digest
    world = short()
    tape, scene = world.tape(SEED, 0), world.scene(SEED, 0)
    assert world.run_on(POLICY, tape, scene)[1] == whole.hashes[0]
    tape.reservation_bp[int(np.argmax(tape.reservation_bp))] = -9.0
    assert world.run_on(POLICY, tape, scene)[1] != whole.hashes[0]


def test_a_curve_cannot_see_the_orders_it_meets() -> None:
    """Whatever a batch holds, its curve is what it was; whatever comes later, the past has the same
    bits."""
    world = short(horizon_day=0.1)
    tape, scene = world.tape(SEED, 1), world.scene(SEED, 1)
    half = world.batches // 2
    begins = half * world.batch_cells * world.base.cell_day
    later = tape.time_day >= begins
    flipped = tape._replace(side=np.where(later, -tape.side, tape.side).astype(np.int8))
    shuffled = scene._replace(moves_bp=scene.moves_bp.copy())
    generator(SEED, 1, Stream.OTHER).shuffle(shuffled.moves_bp[(half + 1) * world.batch_cells :])
    first, second = world.blank_course(tape), world.blank_course(tape)
    world.run_on(POLICY, tape, scene, course=first)
    world.run_on(POLICY, flipped, shuffled, course=second)
    assert np.array_equal(first.batches[:half], second.batches[:half])
    # The batch at the fork met other orders with the very same curve.
    assert np.array_equal(
        first.batches[half, [BID_OF, ASK_OF]], second.batches[half, [BID_OF, ASK_OF]]
    )
    assert not np.array_equal(first.batches[half:], second.batches[half:])


def test_shuffled_future_zero_edge() -> None:
    """Inventory earns nothing on the price's own moves, in order or shuffled."""
    world = short(horizon_day=0.2)
    edges, shuffled = [], []
    for path in range(30):
        tape, scene = world.tape(SEED, path), world.scene(SEED, path)
        edges.append(world.run_on(POLICY, tape, scene)[0][Sum.MARTINGALE])
        generator(SEED, path, Stream.OTHER).shuffle(scene.moves_bp)
        shuffled.append(world.run_on(POLICY, tape, scene)[0][Sum.MARTINGALE])
    for values in (edges, shuffled):
        found = estimate(values)
        assert abs(found.mean) < 3.5 * found.error, found
    assert edges != shuffled


def test_standing_limits_take_no_edge_from_a_dealer_priced_at_the_close() -> None:
    """Clients whose limits stand trade when the price has moved for them; the line, made at the
    close, charges them from there, and inventory earns or loses nothing on the moves."""
    for interval_s in (8.64, 86.4):
        paths = simulate(short(interval_s, 0.2, own_limits=True), POLICY, 20, SEED)
        edge = estimate(paths.column(Sum.MARTINGALE))
        assert abs(edge.mean) < 3.5 * edge.error, edge
        assert paths.column(Sum.MARKUP).sum() > 0.0


# -- refusals --------------------------------------------------------------------------------------


def test_impossible_worlds_are_refused_by_name() -> None:
    for change, said in (
        ({"batch_cells": 0}, "batch_cells must divide"),
        ({"batch_cells": 7}, "batch_cells must divide the horizon's 5000 cells"),
        ({"fee_bp": math.nan}, "fee_bp"),
        ({"tick_bp": 0.0}, "tick_bp must lie in"),
        ({"balanced": True, "pool": UNBOUND}, "balanced pricing asks no rule"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(short(), **change)  # type: ignore[arg-type]
    for change, said in (
        ({"h_min_bp": -1.0}, "h_min_bp must be a number not below zero"),
        ({"slope_bp_per_m": math.inf}, "slope_bp_per_m"),
        ({"residual_m_max": 0.0}, "residual_m_max must be a positive number"),
        ({"band_bp": 1e9}, "band_bp must be at most"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(UNBOUND, **change)


def test_impossible_runs_are_refused() -> None:
    world = short()
    tape, scene = world.tape(SEED, 0), world.scene(SEED, 0)
    with pytest.raises(ValueError, match="3 cells"):
        world.run_on(POLICY, tape, make(np.zeros(3), 1.0))
    with pytest.raises(ValueError, match="risk must be 500 numbers"):
        world.run_on(POLICY, tape, scene, Guidance(np.ones(2), np.zeros(1)))
    wild = BatchPolicy(*POLICY[:4], rules=skew_only(SPOT_FX).ruled(drain_per_day=1e9).rules)
    with pytest.raises(InvariantBroken, match="left the numbers"):
        world.run_on(wild, tape, scene)
