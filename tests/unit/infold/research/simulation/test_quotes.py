# SPDX-License-Identifier: Apache-2.0
"""The quotes world: E0's table, accounts that balance, the same bits from a seed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from infold.dealer.params import SPOT_FX
from infold.errors import InvariantBroken, Misconfigured
from infold.research.simulation.draws import Stream, generator
from infold.research.simulation.ledger import Paths, Sum, estimate, paired
from infold.research.simulation.policy import (
    Policy,
    exact_markup,
    externalise_all,
    linear_policy,
    permanent_closed_form,
    skew_only,
    transient_closed_form,
)
from infold.research.simulation.quotes import QuotesWorld, paper_world
from infold.research.simulation.runner import simulate
from infold.research.simulation.scene import scene as make
from infold.research.simulation.tape import Tape

SEED = 20260101
PATHS = 60
TRANSIENT = transient_closed_form(SPOT_FX)


@pytest.fixture(scope="module")
def transient() -> Paths:
    return simulate(paper_world(), TRANSIENT, PATHS, SEED)


# -- E0 --------------------------------------------------------------------------------------------


def test_the_transient_closed_form_scores_what_it_should(transient: Paths) -> None:
    found = estimate(transient.score)
    # Reference 1455.3 +- 2.7 on 400 paths; three standard errors of both.
    assert abs(found.mean - 1455.3) < 3.0 * math.hypot(found.error, 2.7), found
    assert 8.3 < float(np.sqrt(np.mean(transient.inventory_rms_m**2))) < 9.1


@pytest.mark.parametrize(
    ("policy", "expected", "error"),
    [
        (externalise_all(SPOT_FX), -2316.0, 8.0),
        (skew_only(SPOT_FX), -78.3, 1.8),
        (permanent_closed_form(SPOT_FX), -10.8, 0.8),
    ],
    ids=["externalise", "skew", "permanent"],
)
def test_paired_scores_are_the_references(
    transient: Paths, policy: Policy, expected: float, error: float
) -> None:
    found = paired(simulate(paper_world(), policy, PATHS, SEED), transient)
    assert abs(found.mean - expected) < 3.0 * math.hypot(found.error, error), found


def test_the_exact_markup_beats_its_linearisation(transient: Paths) -> None:
    found = paired(simulate(paper_world(), exact_markup(SPOT_FX), PATHS, SEED), transient)
    # By linear solve 1474.71 - 1451.19 = 23.5 a day.
    assert abs(found.mean - 23.5) < 4.0 * found.error, found


# -- books -----------------------------------------------------------------------------------------


def test_wealth_is_cash_and_inventory_at_the_price() -> None:
    """An account kept fill by fill and cell by cell in plain Python ends with the same money."""
    world = replace(paper_world(horizon_day=0.01), capital_bp_m=50.0, inventory_m=30.0)
    tape, scene = world.tape(SEED, 3), world.scene(SEED, 3)
    sums, _ = world.run_on(TRANSIENT, tape, scene)
    cash, price, held, state, least = _by_hand(world, TRANSIENT, tape, scene.moves_bp)
    wealth = 50.0 + math.fsum(
        [sums[Sum.MARKUP], sums[Sum.IMPACT], sums[Sum.MARTINGALE], -sums[Sum.COST]]
    )
    assert cash + held * price == pytest.approx(wealth, abs=1e-9)
    assert sums[Sum.INVENTORY] == pytest.approx(held, abs=1e-10)
    assert sums[Sum.IMPACT_STATE] == pytest.approx(state, abs=1e-12)
    assert sums[Sum.PRICE] == pytest.approx(price, abs=1e-10)
    assert sums[Sum.EQUITY_MIN] == pytest.approx(least, abs=1e-9)
    assert sums[Sum.EXTERNAL_VOLUME] > 5.0 and sums[Sum.FILLS] > 5.0


def _by_hand(
    world: QuotesWorld, policy: Policy, tape: Tape, moves: np.ndarray
) -> tuple[float, float, float, float, float]:
    truth, rules = world.truth, policy.rules
    cash, price, held, state = world.capital_bp_m, 0.0, world.inventory_m, 0.0
    least = cash
    mark = 0
    for cell, move in enumerate(moves.tolist()):
        while mark < len(tape.side) and int(tape.time_day[mark] / world.cell_day) == cell:
            side, rung = int(tape.side[mark]), int(tape.rung[mark])
            base = float(policy.lines_bp[0, rung, 0, 0])
            skew, signal = policy.slopes[0, rung].tolist()
            markup = base - side * (skew * held + signal * state)
            if markup <= tape.reservation_bp[mark]:
                held -= side * tape.size_m[mark]
                cash += side * tape.size_m[mark] * (price + side * markup)
            mark += 1
        marginal = rules.price_slope_bp_per_m * held + rules.price_signal * state
        excess = max(abs(marginal) - truth.hedge_spread_bp, 0.0)
        rate = math.copysign(excess / (2.0 * truth.hedge_impact_bp_day_per_m), marginal)
        bought = rate * world.cell_day
        pushed = truth.impact_bp_per_m * bought - truth.resilience_per_day * state * world.cell_day
        state += pushed
        price += move + pushed
        held += bought
        cash -= bought * price
        cash -= abs(bought) * truth.hedge_spread_bp
        cash -= rate * bought * truth.hedge_impact_bp_day_per_m
        least = min(least, cash + held * price)
    return cash, price, held, state, least


def test_a_limit_refuses_what_raises_inventory_and_takes_what_lowers_it() -> None:
    world = paper_world(horizon_day=0.2)
    free = simulate(world, skew_only(SPOT_FX), 4, SEED)
    bound = simulate(world, skew_only(SPOT_FX).ruled(limit_m=5.0), 4, SEED)
    assert np.all(np.abs(bound.column(Sum.INVENTORY)) <= 5.0)
    assert np.all(bound.inventory_rms_m <= 5.0) and np.all(free.inventory_rms_m > 5.0)
    begun = replace(world, inventory_m=100.0)
    assert np.all(
        simulate(begun, skew_only(SPOT_FX).ruled(limit_m=5.0), 4, SEED).inventory_rms_m < 60.0
    )


# -- determinism ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("workers", "backend"), [(2, "threading"), (3, "threading"), (2, "loky")])
def test_crn_determinism(workers: int, backend: str) -> None:
    world = paper_world(horizon_day=0.05)
    alone = simulate(world, TRANSIENT, 9, SEED)
    together = simulate(world, TRANSIENT, 9, SEED, workers=workers, backend=backend)
    assert together.digest == alone.digest
    assert np.array_equal(together.sums, alone.sums)


def test_replay_hash() -> None:
    world = paper_world(horizon_day=0.05)
    assert simulate(world, TRANSIENT, 5, SEED).digest == simulate(world, TRANSIENT, 5, SEED).digest
    picked = simulate(world, TRANSIENT, [4, 2], SEED)
    whole = simulate(world, TRANSIENT, 5, SEED)
    assert picked.hashes.tolist() == [whole.hashes[4], whole.hashes[2]]
    # Any change shows: another seed, another policy, one mark's reservation price.
    assert simulate(world, TRANSIENT, 5, SEED + 1).digest != whole.digest
    assert simulate(world, skew_only(SPOT_FX), 5, SEED).digest != whole.digest
    tape, scene = world.tape(SEED, 0), world.scene(SEED, 0)
    sums, hash_ = world.run_on(TRANSIENT, tape, scene)
    assert hash_ == whole.hashes[0]
    bargain = int(np.argmax(tape.reservation_bp))
    tape.reservation_bp[bargain] = -9.0
    changed, other = world.run_on(TRANSIENT, tape, scene)
    assert other != hash_ and changed[Sum.FILLS] != sums[Sum.FILLS]


def test_a_policy_cannot_see_ahead() -> None:
    """Whatever the future holds, the past has the same bits."""
    world = paper_world(horizon_day=0.1)
    half = paper_world(horizon_day=0.05)
    tape, scene = world.tape(SEED, 1), world.scene(SEED, 1)
    begun = scene._replace(moves_bp=scene.moves_bp[: half.cells])
    first, _ = half.run_on(TRANSIENT, tape, begun)
    shuffled = scene._replace(moves_bp=scene.moves_bp.copy())
    generator(SEED, 1, Stream.OTHER).shuffle(shuffled.moves_bp[half.cells :])
    later = tape.time_day >= 0.05
    flipped = tape._replace(side=np.where(later, -tape.side, tape.side).astype(np.int8))
    again, _ = half.run_on(TRANSIENT, flipped, begun)
    assert np.array_equal(first, again)
    whole, _ = world.run_on(TRANSIENT, tape, scene)
    other, _ = world.run_on(TRANSIENT, flipped, shuffled)
    assert not np.array_equal(whole, other)


def test_shuffled_future_zero_edge() -> None:
    """Inventory earns nothing on the price's own moves, in order or shuffled."""
    world = paper_world(horizon_day=0.2)
    edges, shuffled = [], []
    for path in range(40):
        tape, scene = world.tape(SEED, path), world.scene(SEED, path)
        edges.append(world.run_on(TRANSIENT, tape, scene)[0][Sum.MARTINGALE])
        generator(SEED, path, Stream.OTHER).shuffle(scene.moves_bp)
        shuffled.append(world.run_on(TRANSIENT, tape, scene)[0][Sum.MARTINGALE])
    for values in (edges, shuffled):
        found = estimate(values)
        assert abs(found.mean) < 3.5 * found.error, found
    assert edges != shuffled


# -- refusals --------------------------------------------------------------------------------------


def test_impossible_worlds_are_refused_by_name() -> None:
    for change, said in (
        ({"horizon_day": math.nan}, "horizon_day"),
        ({"cell_day": 0.0}, "cell_day"),
        ({"horizon_day": 1e6}, "cells"),
        ({"inventory_m": math.inf}, "inventory_m"),
        ({"cell_day": 1e-3}, "too coarse"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(paper_world(), **change)  # type: ignore[arg-type]


def test_impossible_runs_are_refused() -> None:
    world = paper_world(horizon_day=0.01)
    for call, said in (
        (lambda: simulate(world, TRANSIENT, 0, SEED), "at least 1"),
        (lambda: simulate(world, TRANSIENT, 1, -1), "seed"),
        (lambda: simulate(world, TRANSIENT, 1, SEED, workers=0), "workers"),
        (lambda: simulate(world, TRANSIENT, 1, SEED, backend="carrier"), "backend"),
        (lambda: world.run_on(TRANSIENT, world.tape(SEED, 0), make(np.zeros(3), 1.0)), "3 cells"),
        (lambda: make(np.zeros(3), 1.0, np.zeros(2)), "drifts_bp must be 3"),
        (lambda: make(np.array([math.nan]), 1.0), "moves_bp"),
        (lambda: make(np.zeros(3), -1.0), "variance_bp2_per_day must not"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
    two = np.zeros((2, 1))
    with pytest.raises(ValueError, match="quotes 1 sizes"):
        simulate(world, linear_policy(two, two, two), 1, SEED)


def test_a_policy_that_blows_up_is_no_result() -> None:
    wild = skew_only(SPOT_FX).ruled(drain_per_day=1e9)
    with pytest.raises(InvariantBroken, match="left the numbers"):
        simulate(paper_world(horizon_day=0.1), wild, 1, SEED)


def test_ray_without_ray_says_what_to_install() -> None:
    with pytest.raises(Misconfigured, match=r"infold\[parallel\]"):
        simulate(paper_world(horizon_day=0.01), TRANSIENT, 2, SEED, workers=2, backend="ray")


def test_pairs_need_the_same_paths() -> None:
    world = paper_world(horizon_day=0.01)
    with pytest.raises(ValueError, match="same paths"):
        paired(simulate(world, TRANSIENT, 2, SEED), simulate(world, TRANSIENT, 3, SEED))
    with pytest.raises(ValueError, match="at least two"):
        estimate([1.0])
