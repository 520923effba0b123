# SPDX-License-Identifier: Apache-2.0
"""The crash world: books that balance, one crash for all policies, insolvency that ends it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from infold.dealer.limits import guarded_by
from infold.dealer.volatility import Ewma
from infold.research.simulation.crash.events import CALM, FTX, OCTOBER_2025
from infold.research.simulation.crash.loop import CrashSum, learned
from infold.research.simulation.crash.market import (
    CAPITAL_BP_M,
    CLOSED_FORM,
    GUARDED,
    crash_world,
)
from infold.research.simulation.crash.rough import RoughWorld, rough_weather
from infold.research.simulation.crash.weather import Clock
from infold.research.simulation.crash.world import Outside, apart, starting
from infold.research.simulation.heston import BITCOIN
from infold.research.simulation.jumps import BITCOIN as BITCOIN_JUMPS
from infold.research.simulation.ledger import Paths, Sum
from infold.research.simulation.runner import simulate

SEED = 20260101
OCTOBER = crash_world(OCTOBER_2025)
BOTH = (GUARDED, CLOSED_FORM)


@pytest.fixture(scope="module")
def october() -> list[Paths]:
    return apart(simulate(OCTOBER, BOTH, 12, SEED), 2)


def test_wealth_is_capital_and_income_less_what_venues_kept(october: list[Paths]) -> None:
    """Test 49's conservation: the two places' money changes by nothing the ledger does not hold."""
    for paths in (*october, *apart(simulate(crash_world(FTX), BOTH, 6, SEED), 2)):
        venues = paths.sums[:, CrashSum.VENUE_LOSS]
        expected = CAPITAL_BP_M + paths.income - venues
        assert paths.sums[:, CrashSum.EQUITY_END] == pytest.approx(expected, abs=1e-6)
        assert np.all(paths.sums[:, CrashSum.EQUITY_END] >= paths.column(Sum.EQUITY_MIN) - 1e-9)


def test_what_clients_trade_is_what_kinds_of_client_trade(october: list[Paths]) -> None:
    for paths in october:
        kinds = paths.sums[:, CrashSum.ELASTIC_VOLUME : CrashSum.TAKEN_VOLUME].sum(axis=1)
        assert paths.column(Sum.CLIENT_VOLUME) == pytest.approx(kinds)
        assert np.all(paths.sums[:, CrashSum.TAKEN_VOLUME] <= paths.column(Sum.CLIENT_VOLUME))


@pytest.mark.parametrize(("workers", "backend"), [(2, "threading"), (2, "loky")])
def test_the_same_bits_for_any_number_of_workers(workers: int, backend: str) -> None:
    short = replace(OCTOBER, clock=Clock(cell_s=20.0, lead_min=0.0))
    alone = simulate(short, BOTH, 5, SEED)
    together = simulate(short, BOTH, 5, SEED, workers=workers, backend=backend)
    assert alone.digest == together.digest


def test_a_policy_meets_the_same_crash_whoever_runs_beside_it(october: list[Paths]) -> None:
    alone = simulate(OCTOBER, (GUARDED,), 12, SEED)
    assert np.array_equal(alone.sums, october[0].sums)
    assert not np.array_equal(october[0].sums, october[1].sums)


def test_a_path_ends_where_money_does(october: list[Paths]) -> None:
    poor = replace(OCTOBER, capital_bp_m=2_000.0, reserve_m=0.05)
    (paths,) = apart(simulate(poor, (CLOSED_FORM,), 6, SEED), 1)
    days = OCTOBER.clock.cells_of(OCTOBER_2025) * 5.0 / 86_400.0
    least = np.minimum(paths.column(Sum.EQUITY_MIN), paths.sums[:, CrashSum.LIQUID_MIN])
    ended = paths.column(Sum.DAYS) < days
    assert ended.any() and np.all((least < 0.0) == ended)
    guarded = october[0]
    assert guarded.column(Sum.DAYS) == pytest.approx(np.full(12, days))


def test_what_is_not_offered_after_insolvency_is_not_counted_as_service() -> None:
    poor = replace(OCTOBER, capital_bp_m=2_000.0, reserve_m=0.05)
    (paths,) = apart(simulate(poor, (CLOSED_FORM,), 6, SEED), 1)
    cells = OCTOBER.clock.cells_of(OCTOBER_2025)
    ended = np.minimum(paths.column(Sum.EQUITY_MIN), paths.sums[:, CrashSum.LIQUID_MIN]) < 0.0
    assert np.all(paths.sums[ended, CrashSum.BATCHES] < cells)


def test_limits_are_respected_in_every_batch(october: list[Paths]) -> None:
    guarded, plain = october
    room = GUARDED.capital_share * CAPITAL_BP_M / 1e4
    assert np.all(guarded.sums[:, CrashSum.INVENTORY_MAX] <= 1.5 * room)
    assert np.all(guarded.sums[:, CrashSum.CLIENT_MAX] <= 2.0 * room * 1.05)
    assert np.all(plain.sums[:, CrashSum.CLIENT_MAX] <= OCTOBER.position_cap_m + 1e-6)
    assert np.all(guarded.sums[:, CrashSum.UNPRICED] == 0.0)
    assert np.all(guarded.sums[:, CrashSum.SPREAD_MAX] <= OCTOBER.spread_bp_max)


def test_a_dealer_that_may_not_use_venues_loses_nothing_to_them() -> None:
    alone = guarded_by(GUARDED, venue_share=0.0)
    world = replace(crash_world(FTX), reserve_m=0.0)
    (paths,) = apart(simulate(world, (alone,), 6, SEED), 1)
    assert np.all(paths.sums[:, CrashSum.HEDGE_GONE] == 0.0)
    assert np.all(paths.sums[:, CrashSum.VENUE_LOSS] == 0.0)
    assert np.all(paths.column(Sum.EXTERNAL_VOLUME) == 0.0)


def test_a_start_with_inventory_is_worked_off() -> None:
    world = starting(OCTOBER, 3.0)
    (paths,) = apart(simulate(world, (GUARDED,), 6, SEED), 1)
    assert np.all(paths.sums[:, CrashSum.CLIENT_MAX] > 2.5)
    assert np.all(np.abs(paths.column(Sum.INVENTORY)) < 1.5)
    assert np.all(paths.column(Sum.EQUITY_MIN) > 0.8 * CAPITAL_BP_M)


def test_hedges_short_the_outside_pay_the_cap_while_everybody_is_short(
    october: list[Paths],
) -> None:
    assert october[0].column(Sum.FUNDING).mean() < 0.0


def test_a_late_oracle_costs_the_dealer_and_pays_those_who_know() -> None:
    """E5: the same paths, once with a price of now and once thirty seconds old in the cascade."""
    scores = []
    for stale in (0.0, 1.0):
        venues = replace(OCTOBER_2025.venues, stale=stale)
        world = crash_world(replace(OCTOBER_2025, venues=venues))
        (paths,) = apart(simulate(world, (CLOSED_FORM,), 16, SEED), 1)
        taken = paths.sums[:, CrashSum.TAKEN_VOLUME].sum()
        scores.append(paths.column(Sum.MARKUP).sum() / taken)
    assert scores[1] < scores[0] - 3.0


def test_the_loops_volatility_is_the_dealers_once_its_beginning_is_forgotten() -> None:
    draws = np.random.Generator(np.random.PCG64(5))
    logs = np.concatenate([[0.0], np.cumsum(draws.normal(0.0, 2e-4, 2_000))])
    mine, half_life_s = 300.0**2, 120.0
    ewma = Ewma(half_lives_s=(half_life_s,))
    for cell, log in enumerate(logs.tolist()):
        ewma = ewma.seen(5.0 * cell, math.exp(log))
        if cell:
            square = (1e4 * (log - logs[cell - 1])) ** 2 / (5.0 / 86_400.0)
            mine = learned(mine, square, 0.5 ** (5.0 / half_life_s))
    assert math.sqrt(mine) == pytest.approx(ewma.forecast_bp(), rel=1e-9)


def test_in_rough_weather_the_outside_follows_volatility_and_little_goes_there() -> None:
    """E3 with E2's clients: more than 90 % stays inside."""
    world = RoughWorld(crash_world(CALM), BITCOIN, BITCOIN_JUMPS)
    weather = rough_weather(BITCOIN, BITCOIN_JUMPS, OCTOBER.clock, 400, SEED, 0)
    assert weather.levels[0] == 1.0 and len(weather.levels) == 401
    assert np.allclose(weather.depth * weather.outside, 1.0) and weather.outside.max() > 1.1
    (paths,) = apart(simulate(world, (GUARDED,), 12, SEED), 1)
    outside = paths.column(Sum.EXTERNAL_VOLUME).sum() / paths.column(Sum.CLIENT_VOLUME).sum()
    assert 0.0 < outside < 0.1
    assert np.all(paths.sums[:, CrashSum.TWO_SIDED] == world.cells)


def test_worlds_that_cannot_be_are_refused() -> None:
    for change, said in (
        ({"capital_bp_m": 0.0}, "capital_bp_m"),
        ({"position_cap_m": math.nan}, "position_cap_m"),
        ({"reserve_m": -1.0}, "reserve_m"),
        ({"own_side_bp": math.inf}, "own_side_bp"),
        ({"start_m": math.inf}, "start_m"),
        ({"spread_bp_max": 0.0}, "spread_bp_max"),
        ({"service_m": 0.0}, "service_m"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(OCTOBER, **change)
    for change, said in (
        ({"shares": ()}, "shares must be positive"),
        ({"shares": (0.5, 0.4)}, "add up to 1"),
        ({"maintenance": 0.5}, "must hold"),
        ({"transfer_s": 0.0}, "transfer_s"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(Outside(), **change)
