# SPDX-License-Identifier: Apache-2.0
"""Crashes as drawn: anchors met, cascades felt, the same bits from a seed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from infold.research.simulation.crash.events import (
    BLACK_THURSDAY,
    CALM,
    EVENTS,
    FLASH,
    FTX,
    LUNA,
    OCTOBER_2025,
    Event,
    Venues,
)
from infold.research.simulation.crash.flow import (
    ELASTIC,
    FORCED,
    TOXIC,
    Crowd,
    crash_tape,
)
from infold.research.simulation.crash.market import MARKET
from infold.research.simulation.crash.outages import NEVER, outages_of
from infold.research.simulation.crash.weather import (
    DEPTH_LEAST,
    SEVERITY,
    Clock,
    Weather,
    weather_of,
)
from infold.research.simulation.tape import checked_tape, demand_of

SEED = 20260101
CLOCK = Clock(cell_s=5.0, lead_min=20.0)
CROWD = Crowd(demand_of(MARKET))
PATHS = 40


def weather(event: Event, path: int) -> Weather:
    return weather_of(event, CLOCK, 300.0, 30.0, SEED, path)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_paths_go_through_the_anchors_at_their_own_severity_and_minute(event: Event) -> None:
    calm = replace(event, collapse=None)
    expected = math.log(min(price for _, price in event.anchors) / event.anchors[0][1])
    for path in range(10):
        found = weather(calm, path)
        first = CLOCK.cell_at(0.0)
        fall = np.log(found.levels[first:].min() / found.levels[: first + 1].max())
        assert fall < 0.75 * SEVERITY[0] * expected
    lows = [int(np.argmin(weather(calm, path).levels)) for path in range(10)]
    assert len(set(lows)) > 3


def test_black_thursday_falls_by_half_and_rebounds_within_minutes() -> None:
    levels = [weather(BLACK_THURSDAY, path).levels for path in range(PATHS)]
    falls = [1.0 - level.min() for level in levels]
    assert 0.40 < min(falls) and 0.45 < float(np.mean(falls)) < 0.56
    five = round(300.0 / CLOCK.cell_s)
    rises = [float((level[five:] / level[:-five]).max()) for level in levels]
    assert float(np.mean(rises)) > 1.15


def test_luna_goes_to_nothing_at_a_moment_of_its_own() -> None:
    drops = []
    for path in range(PATHS):
        levels = weather(LUNA, path).levels
        steps = levels[1:] / levels[:-1]
        assert steps.min() < 0.02 and levels[-1] < 0.01
        drops.append(int(np.argmin(steps)))
    assert np.std(drops) * CLOCK.cell_s > 1_200.0


def test_a_cascade_takes_depth_and_widens_the_outside() -> None:
    found = weather(OCTOBER_2025, 3)
    at = int(np.argmin(found.depth))
    assert DEPTH_LEAST <= found.depth[at] < 0.05 and 10.0 <= found.outside[at] <= 100.0
    before = CLOCK.cell_at(0.0) - 1
    assert found.depth[before] == 1.0 and found.outside[before] == 1.0
    # Depth comes back with its half-life; FTX's stays away.
    assert found.depth[-1] > 5.0 * found.depth[at]
    gone = weather(FTX, 3)
    assert gone.depth[-1] == pytest.approx(gone.depth.min(), rel=0.2)


def test_volatility_and_funding_peak_while_the_cascade_runs() -> None:
    found = weather(OCTOBER_2025, 0)
    running = found.cascade == 1.0
    assert running.sum() * CLOCK.cell_s == pytest.approx(40 * 60.0, abs=10.0)
    assert np.all(found.volatilities_bp[running] == 3_000.0)
    assert np.all(found.funding_bp_per_day[running] == 225.0)
    quiet = weather(CALM, 0)
    assert np.all(quiet.volatilities_bp == 300.0) and np.all(quiet.depth == 1.0)
    returns = np.diff(np.log(quiet.levels)) * 1e4
    assert np.std(returns) == pytest.approx(300.0 * math.sqrt(5.0 / 86_400.0), rel=0.05)


def test_the_oracle_is_late_on_some_paths_and_then_only_in_the_cascade() -> None:
    late = [weather(OCTOBER_2025, path).lag_cells.max() for path in range(PATHS)]
    assert set(late) == {1, 6}
    found = weather(OCTOBER_2025, late.index(6))
    assert np.array_equal(found.lag_cells > 1, found.cascade > 0.5)
    # It stops for half a minute, then follows: what it says never goes back in time.
    said = np.arange(len(found.lag_cells)) - found.lag_cells
    assert (np.diff(said) >= 0).all() and (np.diff(said) == 0).sum() == 5


def test_outages_happen_as_often_as_the_event_says() -> None:
    drawn = [outages_of(FTX, CLOCK, 3, SEED, path) for path in range(200)]
    failed = np.array([[cell < NEVER for cell in found.default_cell] for found in drawn])
    assert np.all(failed.sum(axis=1) == 1) and failed.any(axis=0).all()
    for found in drawn:
        venue = int(np.argmin(found.default_cell))
        # It lets no money go before it fails.
        assert found.halt_from[venue] < found.default_cell[venue] <= found.halt_until[venue]
    october = [outages_of(OCTOBER_2025, CLOCK, 3, SEED, path) for path in range(200)]
    assert all((found.deleveraging_cell < NEVER).all() for found in october)
    shares = np.array([found.deleveraging_share for found in october])
    assert 0.3 <= shares.min() < 0.35 and 0.95 < shares.max() <= 1.0
    depegged = np.mean([(found.depeg_from < NEVER).any() for found in october])
    assert abs(depegged - 0.5) < 0.15
    quiet = outages_of(CALM, CLOCK, 3, SEED, 0)
    assert min(map(min, (quiet.default_cell, quiet.lag_from, quiet.halt_from))) == NEVER


def test_forced_sales_are_most_of_the_flow_in_a_cascade_and_the_knowing_five_times_as_many() -> (
    None
):
    found = weather(OCTOBER_2025, 1)
    tape = crash_tape(CROWD, found, CLOCK.cell_s, SEED, 1)
    checked_tape(tape, len(MARKET.sizes_m))
    cells = (tape.time_day * 86_400.0 / CLOCK.cell_s).astype(int)
    running = found.cascade[cells] == 1.0
    size = tape.size_m
    forced = tape.client == FORCED
    share = size[running & forced].sum() / size[running].sum()
    assert 0.70 < share < 0.93
    assert np.all(tape.side[forced] == -1) and not (forced & (found.cascade[cells] == 0.0)).any()
    assert len(np.unique(cells[forced])) == forced.sum()
    counts = []
    for path in range(PATHS):
        path_weather = weather(OCTOBER_2025, path)
        one = crash_tape(CROWD, path_weather, CLOCK.cell_s, SEED, path)
        cascade = path_weather.cascade[(one.time_day * 86_400.0 / CLOCK.cell_s).astype(int)]
        free = one.client != FORCED
        knows = one.client == TOXIC
        counts.append(
            (
                (knows & (cascade == 1.0)).sum(),
                (free & (cascade == 1.0)).sum(),
                (knows & (cascade == 0.0)).sum(),
                (free & (cascade == 0.0)).sum(),
            )
        )
    hot, hot_all, cold, cold_all = np.sum(counts, axis=0)
    assert hot / hot_all == pytest.approx(0.20, abs=0.03)
    assert cold / cold_all == pytest.approx(0.04, abs=0.02)


def test_those_who_know_are_right_and_elastic_clients_are_as_in_calm() -> None:
    found = weather(OCTOBER_2025, 2)
    tape = crash_tape(CROWD, found, CLOCK.cell_s, SEED, 2)
    cells = (tape.time_day * 86_400.0 / CLOCK.cell_s).astype(int)
    later = np.minimum(cells + 1 + 12, len(found.cascade))
    gains = 1e4 * (found.levels[later] / found.levels[cells + 1] - 1.0)
    knows = tape.client == TOXIC
    assert np.allclose(tape.side[knows] * tape.reservation_bp[knows], gains[knows])
    calm = crash_tape(CROWD, weather(CALM, 2), CLOCK.cell_s, SEED, 2)
    hot = tape.reservation_bp[tape.client == ELASTIC].mean()
    assert hot == pytest.approx(calm.reservation_bp[calm.client == ELASTIC].mean(), abs=0.4)
    patient = crash_tape(replace(CROWD, tolerance_times_max=10.0), found, CLOCK.cell_s, SEED, 2)
    assert patient.reservation_bp[patient.client == ELASTIC].std() > 1.5 * (
        tape.reservation_bp[tape.client == ELASTIC].std()
    )


def test_the_same_seed_gives_the_same_crash() -> None:
    one, two, other = weather(LUNA, 5), weather(LUNA, 5), weather(LUNA, 6)
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.array_equal(one.levels, other.levels)
    tapes = [crash_tape(CROWD, one, CLOCK.cell_s, SEED, 5) for _ in range(2)]
    assert all(np.array_equal(a, b) for a, b in zip(*tapes, strict=True))
    first, second = (outages_of(LUNA, CLOCK, 3, SEED, 5) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"anchors": ((0.0, 1.0),)}, "anchors must be at least two"),
        ({"anchors": ((0.0, 1.0), (5.0, -1.0))}, "positive number"),
        ({"horizon_min": 3.0}, "horizon_min must reach"),
        ({"cascades": ((50.0, 40.0),)}, "a cascade must lie"),
        ({"depth_least": 0.0}, "depth_least"),
        ({"recovery_min": 0.0}, "recovery_min"),
        ({"volatility_times": 0.5}, "volatility_times"),
        ({"depeg": 1.0}, "depeg"),
    ],
)
def test_events_that_cannot_be_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(FLASH, **change)


def test_parameters_of_crowds_clocks_and_venues_are_named_when_wrong() -> None:
    with pytest.raises(ValueError, match="default must be a probability"):
        Venues(default=1.1)
    with pytest.raises(ValueError, match="cell_s"):
        Clock(cell_s=0.0, lead_min=1.0)
    with pytest.raises(ValueError, match="lead_min"):
        Clock(cell_s=1.0, lead_min=-1.0)
    for change, said in (
        ({"forced_share": 1.0}, "forced_share"),
        ({"toxic_share": 0.5}, "toxic_share times toxic_times"),
        ({"foresight_s": 0.0}, "foresight_s"),
        ({"tolerance_times_max": 0.5}, "tolerance_times_max"),
    ):
        with pytest.raises(ValueError, match=said):
            replace(CROWD, **change)
