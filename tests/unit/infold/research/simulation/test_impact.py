# SPDX-License-Identifier: Apache-2.0
"""The impact world: the price's answer, the belief beside it, and what fills teach."""

from __future__ import annotations

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from infold.dealer.impact.kernels import ExponentialKernel, PowerKernel
from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms
from infold.errors import InvariantBroken
from infold.research.simulation.compiled import Floats
from infold.research.simulation.impact import (
    DECAYS_S,
    ImpactWorld,
    believing,
    day_of,
    fitted_on_truth,
    power_world,
    told_per_day,
)
from infold.research.simulation.impact_loop import ImpactPolicy
from infold.research.simulation.ledger import COLUMNS, Sum, estimate, paired
from infold.research.simulation.policy import exact_markup
from infold.research.simulation.quotes import paper_world
from infold.research.simulation.runner import simulate
from infold.research.simulation.tape import Tape, demand_of, empty_tape, poisson_tape

SEED = 20260101
PAPER = ExponentialKernel((SPOT_FX.impact_bp_per_m,), (SPOT_FX.resilience_per_day,))
RIGHT = believing(SPOT_FX, (0.0, SPOT_FX.impact_bp_per_m, 0.0))
COARSE = 1e-3


def coarse(policy: ImpactPolicy) -> ImpactPolicy:
    """The same without the steepness that cells of a minute and a half cannot follow."""
    return policy._replace(policy=policy.policy.ruled(steepness_m_per_bp_day=1_000.0))


def a_block(size_m: float, side: int = 1) -> Tape:
    """One client at once, who pays anything."""
    tape = empty_tape(1)
    tape.time_day[:], tape.side[:], tape.rung[:] = 0.0, side, 5
    tape.size_m[:], tape.reservation_bp[:], tape.client[:] = size_m, 1e6, 0
    return tape


# -- the truth -------------------------------------------------------------------------------------


def test_the_papers_own_exponential_scores_as_in_the_quotes_world() -> None:
    """Same tapes and moves; only the decay within a cell is exact here and Euler's there."""
    world = ImpactWorld(kernel=PAPER, days=1)
    ours = day_of(simulate(world, RIGHT, 6, SEED), 0)
    theirs = simulate(paper_world(), exact_markup(SPOT_FX), 6, SEED)
    found = paired(ours, theirs)
    assert abs(found.mean) < 4.0 and found.error < 4.0
    assert ours.column(Sum.EXTERNAL_VOLUME) == pytest.approx(
        theirs.column(Sum.EXTERNAL_VOLUME), rel=0.05
    )


@pytest.mark.parametrize("rate_exponent", [1.0, 0.5])
def test_wealth_is_cash_and_inventory_at_the_price(rate_exponent: float) -> None:
    """An account kept fill by fill and cell by cell in plain Python ends with the same money."""
    kernel = ExponentialKernel((0.02, 0.01), (900.0, 20.0))
    world = ImpactWorld(kernel=kernel, rate_exponent=rate_exponent, days=1, cell_day=COARSE)
    policy = coarse(believing(SPOT_FX, (0.001, 0.004, 0.002), cell_day=COARSE))
    tape = poisson_tape(demand_of(SPOT_FX), 1.0, SEED, 5)
    moves = 3.0 * np.random.default_rng(1).standard_normal(world.cells)
    sums, _ = world.run_on(policy, tape, moves)
    cash, price, held = _by_hand(world, policy, tape, moves)
    wealth = math.fsum([sums[Sum.MARKUP], sums[Sum.IMPACT], sums[Sum.MARTINGALE], -sums[Sum.COST]])
    assert cash + held * price == pytest.approx(wealth, abs=1e-7)
    assert sums[Sum.INVENTORY] == pytest.approx(held, abs=1e-9)
    assert sums[Sum.PRICE] == pytest.approx(price, abs=1e-9)
    assert sums[Sum.EXTERNAL_VOLUME] > 5.0 and sums[Sum.FILLS] > 500.0


def _by_hand(
    world: ImpactWorld, policy: ImpactPolicy, tape: Tape, moves: Floats
) -> tuple[float, float, float]:
    truth, rules, belief = world.truth, policy.policy.rules, policy.belief
    omega = closed_forms(truth).relaxation_per_day
    shares = belief.rates_per_day / (belief.rates_per_day + omega)
    parts = np.zeros(2)
    units = np.zeros(3)
    cash = price = held = 0.0
    mark = 0
    rates = np.array(world.kernel.rates_per_day)
    fades, day = np.exp(-rates * COARSE), COARSE
    for cell, move in enumerate(moves.tolist()):
        signal = float(np.sum(shares * belief.gains_bp_per_m * units))
        while mark < len(tape.side) and int(tape.time_day[mark] / day) == cell:
            side, rung = int(tape.side[mark]), int(tape.rung[mark])
            base = float(policy.policy.lines_bp[0, rung, 0, 0])
            skew = float(policy.policy.slopes[0, rung, 0])
            cost = base - side * (skew * held + signal)
            markup = _best_markup(cost)
            if markup <= tape.reservation_bp[mark]:
                held -= side * tape.size_m[mark]
                cash += side * tape.size_m[mark] * (price + side * markup)
            mark += 1
        kept = float(np.sum((1.0 - shares) * belief.gains_bp_per_m))
        marginal = rules.price_slope_bp_per_m * held + kept * held - signal
        excess = max(abs(marginal) - truth.hedge_spread_bp, 0.0)
        rate = math.copysign(rules.steepness_m_per_bp_day * excess, marginal)
        felt = math.copysign(
            abs(rate) ** world.rate_exponent
            * world.reference_m_per_day ** (1.0 - world.rate_exponent),
            rate,
        )
        after = parts * fades + np.array(world.kernel.gains_bp_per_m) * felt * (1 - fades) / rates
        price += move + float(np.sum(after - parts))
        parts = after
        unit_fades = np.exp(-belief.rates_per_day * day)
        units = units * unit_fades + rate * (1.0 - unit_fades) / belief.rates_per_day
        held += rate * day
        cash -= rate * day * price
        cash -= (abs(rate) * truth.hedge_spread_bp) * day
        cash -= rate * rate * truth.hedge_impact_bp_day_per_m * day
    return cash, price, held


def _best_markup(cost_bp: float) -> float:
    """cost + (1 + W) / b by bisection on w + log w."""
    exponent = -1.0 - SPOT_FX.demand_shift - SPOT_FX.demand_slope_per_bp * cost_bp
    low, high = -800.0, 800.0  # of log w
    for _ in range(200):
        middle = 0.5 * (low + high)
        if middle + math.exp(min(middle, 700.0)) < exponent:
            low = middle
        else:
            high = middle
    return cost_bp + (1.0 + math.exp(low)) / SPOT_FX.demand_slope_per_bp


def test_a_power_world_starts_as_strong_as_the_exponential_and_remembers_longer() -> None:
    world = power_world(0.4)
    span = 1.0 / SPOT_FX.resilience_per_day
    times = (np.arange(20_000) + 0.5) / 20_000 * span
    power = np.mean([world.kernel.at(float(t)) for t in times[::20]])
    assert power == pytest.approx(SPOT_FX.impact_bp_per_m * (1.0 - math.exp(-1.0)), rel=0.03)
    late = 30.0 * span
    assert world.kernel.at(late) > 1e6 * PAPER.at(late)
    wanted = PowerKernel(world.kernel.at(span), 0.4, span)
    for lag in (2e-5, 1e-3, 0.1, 1.5):
        assert world.kernel.at(lag) == pytest.approx(wanted.at(lag), rel=0.01)


# -- the belief ------------------------------------------------------------------------------------


def test_a_refit_finds_what_the_price_s_noise_does_not_hide() -> None:
    """With a still price the fit is exact, whatever was believed."""
    kernel = ExponentialKernel((0.002, 0.006, 0.001), tuple(86_400.0 / t for t in DECAYS_S))
    world = ImpactWorld(kernel=kernel, days=1, cell_day=2e-5)
    learner = believing(
        msgspec.structs.replace(SPOT_FX, risk_aversion=1e-2),
        (0.0, 0.018, 0.0),
        spread_bp_per_m=0.012,
        refit_s=3_600.0,
        cell_day=2e-5,
    )
    quiet = learner._replace(belief=learner.belief._replace(variance_bp2_per_day=1e-9))
    found = fitted_on_truth(world, quiet, SEED, 1, rounds=1)
    assert found == pytest.approx(kernel.gains_bp_per_m, rel=1e-3)


def test_what_is_fitted_is_what_is_acted_on() -> None:
    """A believer of far too much hedges nothing until a still price has shown it the truth."""
    kernel = ExponentialKernel((0.0001,), (1_000.0,))
    world = ImpactWorld(kernel=kernel, days=2, cell_day=2e-5)
    tape = poisson_tape(demand_of(SPOT_FX), 2.0, SEED, 1)
    still = np.zeros(2 * world.cells)
    # Sure of .009: it still hedges a little; fitting teaches it that .0001 was right.
    options = {"spread_bp_per_m": 0.05, "cell_day": 2e-5}
    stubborn = believing(SPOT_FX, (0.0, 0.02, 0.0), **options)
    learner = believing(SPOT_FX, (0.0, 0.02, 0.0), refit_s=3_600.0, **options)
    learner = learner._replace(belief=learner.belief._replace(variance_bp2_per_day=1e-6))
    knowing = believing(SPOT_FX, (0.0, 0.0001, 0.0), **options)
    volumes = []
    for policy in (stubborn, learner, knowing):
        row, _ = world.run_on(policy, tape, still)
        volumes.append(float(row[COLUMNS + Sum.EXTERNAL_VOLUME]))
    assert volumes[1] == pytest.approx(volumes[2], rel=0.02)
    assert volumes[0] < 0.9 * volumes[2]


def test_caution_acts_below_the_fit_and_never_below_nothing() -> None:
    world = ImpactWorld(kernel=PAPER, days=1, cell_day=COARSE)
    tape, still = a_block(40.0), np.zeros(world.cells)

    def hedged(gain: float, caution: float) -> float:
        policy = coarse(
            believing(
                SPOT_FX,
                (0.0, gain, 0.0),
                spread_bp_per_m=2.0 / 3.0 * gain,
                caution=caution,
                cell_day=COARSE,
            )
        )
        row, _ = world.run_on(policy, tape, still)
        return float(row[Sum.EXTERNAL_VOLUME])

    # One standard error below three times the truth is the truth.
    assert hedged(0.015, 1.0) == pytest.approx(hedged(0.005, 0.0), rel=1e-9)
    assert hedged(0.015, 9.0) == pytest.approx(hedged(1e-12, 0.0), rel=1e-6)
    assert hedged(0.015, 1.0) > hedged(0.015, 0.0)


def test_no_belief_makes_it_trade_away_from_zero() -> None:
    world = ImpactWorld(kernel=PAPER, days=1, cell_day=COARSE)
    wild = coarse(believing(SPOT_FX, (5.0, 5.0, 5.0), cell_day=COARSE))
    row, _ = world.run_on(wild, a_block(40.0), np.zeros(world.cells))
    assert row[Sum.INVENTORY] == -40.0 and row[Sum.EXTERNAL_VOLUME] == 0.0


def test_one_day_of_fills_says_little_about_impact_in_e0() -> None:
    """The reason for caution: a twentieth of a standard error a day."""
    told = told_per_day(power_world(0.5), RIGHT, SEED, 2)
    assert 0.005 < told < 0.2


# -- the same bits ---------------------------------------------------------------------------------


def test_workers_do_not_show_and_days_follow_each_other() -> None:
    world = power_world(0.3, 0.5, cell_day=COARSE)
    policy = coarse(
        believing(
            SPOT_FX, (0.0, 0.015, 0.0), spread_bp_per_m=0.01, refit_s=3_600.0, cell_day=COARSE
        )
    )
    one = simulate(world, policy, 6, SEED)
    two = simulate(world, policy, 6, SEED, workers=2)
    assert one.digest == two.digest
    first, second = day_of(one, 0), day_of(one, 1)
    assert not np.array_equal(first.score, second.score)
    assert first.column(Sum.DAYS) == pytest.approx(1.0)
    other = simulate(world, coarse(believing(SPOT_FX, (0.0,) * 3, cell_day=COARSE)), 6, SEED)
    assert other.digest != one.digest
    assert estimate(first.score).error > 0.0


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rate_exponent": 0.0}, "rate_exponent must lie in 0..2"),
        ({"rate_exponent": math.nan}, "rate_exponent must lie in 0..2"),
        ({"reference_m_per_day": -1.0}, "reference_m_per_day must be a positive number"),
        ({"days": 0}, "days must lie in"),
        ({"cell_day": 0.5}, "cell_day must lie in"),
    ],
)
def test_the_world_names_what_makes_no_sense(changed: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(ImpactWorld(kernel=PAPER), **changed)


def test_moves_must_fill_the_days_and_paths_must_stay_numbers() -> None:
    world = ImpactWorld(kernel=PAPER, days=1, cell_day=COARSE)
    with pytest.raises(ValueError, match="moves_bp has 3 cells, the world 1000"):
        world.run_on(RIGHT, a_block(1.0), np.zeros(3))
    endless = RIGHT._replace(policy=RIGHT.policy.ruled(steepness_m_per_bp_day=1e300))
    with pytest.raises(InvariantBroken, match="left the numbers"):
        world.run_on(endless, a_block(40.0), np.zeros(world.cells))
