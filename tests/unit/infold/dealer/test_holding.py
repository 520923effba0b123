# SPDX-License-Identifier: Apache-2.0
"""How long inventory is held: an exact chain, Little's law, the routed share."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
import pytest

from infold.dealer.holding import held, littles_day
from infold.dealer.inventory import stationary
from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms, markups_bp
from infold.dealer.routing import Route, VenueCost, internalized, route_stock, warehouse

DAYS = 12.0
LIMIT_M = 200


def share(markup_bp: float) -> float:
    return 1.0 / (1.0 + math.exp(SPOT_FX.demand_shift + SPOT_FX.demand_slope_per_bp * markup_bp))


@dataclass(frozen=True)
class Run:
    """One seeded run of clients against the ladder's skew."""

    times_day: list[float]
    fills_m: list[float]
    mean_m: float
    volume_m: float
    routes: tuple[Route, ...]


@functools.cache
def run(seed: int, days: float, hedged: bool) -> Run:
    """Clients ask at their Poisson rates and trade with their logistic chance at our quotes."""
    dice = np.random.default_rng(seed)
    rates = np.array(SPOT_FX.requests_per_day)
    sizes = SPOT_FX.sizes_m
    count = int(dice.poisson(2.0 * rates.sum() * days))
    times = np.sort(dice.uniform(0.0, days, count))
    rungs = dice.choice(len(sizes), count, p=rates / rates.sum())
    sides = dice.integers(0, 2, count)
    chances = dice.uniform(size=count)
    forms, keep = closed_forms(SPOT_FX), warehouse(SPOT_FX)
    unit = forms.risk_bp_per_m / forms.concavity
    eta = SPOT_FX.hedge_impact_bp_day_per_m
    inventory, weighted, volume, before = 0.0, 0.0, 0.0, 0.0
    when, fills, routes = [], [], []
    for time, rung, bought, chance in zip(
        times.tolist(), rungs.tolist(), sides.tolist(), chances.tolist(), strict=True
    ):
        passed = time - before
        weighted += abs(inventory) * passed
        if hedged and passed > 0.0:
            venue = (VenueCost("only", SPOT_FX.hedge_spread_bp, 2.0 * eta / passed, math.inf),)
            one = route_stock(1, inventory, keep, venue)
            routes.append(one)
            inventory -= math.copysign(one.sent_m, inventory)
        before = time
        size = sizes[rung]
        side = 1.0 if bought else -1.0
        markup = forms.markup_bp + unit * (size + 2.0 * side * inventory)
        if chance < share(markup):
            inventory += side * size
            volume += size
            when.append(time)
            fills.append(side * size)
    return Run(when, fills, weighted / days, volume / days, tuple(routes))


def exact_mean_m() -> float:
    """E|q| of the birth and death chain on whole M, by its stationary law: no simulation."""
    grid = np.arange(-LIMIT_M, LIMIT_M + 1)
    rates = np.zeros((len(grid), len(grid)))
    for row, inventory in enumerate(grid):
        markups = markups_bp(SPOT_FX, float(inventory))
        for (bid, ask), size, requests in zip(
            markups, SPOT_FX.sizes_m, SPOT_FX.requests_per_day, strict=True
        ):
            for markup, move in ((bid, int(size)), (ask, -int(size))):
                to = row + move
                if 0 <= to < len(grid):
                    rates[row, to] += requests * share(markup)
    rates -= np.diag(rates.sum(axis=1))
    system = np.vstack([rates.T, np.ones(len(grid))])
    law, *_ = np.linalg.lstsq(system, np.append(np.zeros(len(grid)), 1.0), rcond=None)
    return float(np.abs(grid) @ law)


def test_little_law() -> None:
    """First in, first out, the mean time held is E|q| over half the client volume."""
    found = run(7, DAYS, False)
    shown = held(found.times_day, found.fills_m)
    assert shown.mean_day == pytest.approx(littles_day(found.mean_m, found.volume_m), rel=0.01)
    exact = littles_day(exact_mean_m(), found.volume_m)
    assert shown.mean_day == pytest.approx(exact, rel=0.05)
    assert shown.mean_day == pytest.approx(stationary(SPOT_FX).holding_day, rel=0.10)
    assert 2.0 < shown.mean_day * 1_440 < 3.0  # minutes
    assert shown.closed_m * 2 + abs(shown.open_m) == pytest.approx(found.volume_m * DAYS)


def test_in_the_papers_market_less_than_a_twentieth_goes_outside() -> None:
    found = run(7, 3.0, True)
    sent = math.fsum(one.sent_m for one in found.routes)
    assert 0.0 < sent / (found.volume_m * 3.0) < 0.05
    assert found.mean_m < run(7, 3.0, False).mean_m * 0.97
    assert internalized(found.routes) > 0.95


def test_fills_that_never_turn_are_never_closed() -> None:
    found = held([0.0, 1.0], [1.0, 2.0])
    assert math.isnan(found.mean_day) and (found.closed_m, found.open_m) == (0.0, 3.0)


def test_first_in_is_first_out_across_a_turn() -> None:
    found = held([0.0, 1.0, 3.0, 7.0], [2.0, 1.0, -4.0, 1.0])
    waited = 2.0 * 3.0 + 1.0 * 2.0 + 1.0 * 4.0
    assert (found.mean_day, found.closed_m, found.open_m) == (waited / 4.0, 4.0, 0.0)


def test_what_makes_no_sense_is_named() -> None:
    with pytest.raises(ValueError, match="times_day"):
        held([1.0, 0.5], [1.0, 1.0])
    with pytest.raises(ValueError, match="fills_m"):
        held([1.0], [math.nan])
    with pytest.raises(ValueError, match="mean_m"):
        littles_day(-1.0, 1.0)
    with pytest.raises(ValueError, match="volume_m_per_day"):
        littles_day(1.0, 0.0)
