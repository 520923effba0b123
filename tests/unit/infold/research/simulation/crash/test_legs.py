# SPDX-License-Identifier: Apache-2.0
"""Venues that fail, deleverage, halt, lag and print a price of their own."""

from __future__ import annotations

import numpy as np
import pytest

from infold.dealer.hedging.split import Place, split
from infold.research.simulation.crash.legs import (
    Legs,
    Venues,
    arrive,
    deposit,
    fail,
    flat_legs,
    send,
    spare,
    sweep,
)
from infold.research.simulation.crash.outages import NEVER, Outages

PRICE = 10_000.0
DAY = 5.0 / 86_400.0
VENUES = Venues(
    shares=np.array([0.5, 0.3, 0.2]),
    margin=0.2,
    initial=0.1,
    maintenance=0.025,
    penalty=0.02,
    transfer_cells=120,
    spread_bp=2.5,
    quadratic_bp_day_per_m=1e-4,
    impact_bp_per_m=0.05,
    resilience_per_day=1_000.0,
)


def nothing() -> Outages:
    never, share = np.full(3, NEVER), np.full(3, 0.5)
    return Outages(
        never, never, share, never, never, np.full(3, 6), never, never, never, never, share * 0.7
    )


def at(**cells: int) -> Outages:
    """Nothing but what is named, at the first venue."""
    found = nothing()
    for name, cell in cells.items():
        column = getattr(found, name).copy()
        column[0] = cell
        found = found._replace(**{name: column})
    return found


def holding(size_m: float, entry_bp: float = PRICE) -> Legs:
    """The same leg everywhere, each with its deposit."""
    legs = flat_legs(3)
    deposit(VENUES, legs, abs(size_m), PRICE)
    legs.held_m[:] = size_m
    legs.entry_bp[:] = entry_bp
    return legs


def test_a_default_takes_the_deposit_and_the_leg_and_leaves_the_others() -> None:
    legs = holding(-1.0)
    kept = legs.account_bp_m.sum()
    gone, lost = fail(VENUES, at(default_cell=7), legs, 7, PRICE)
    assert gone == 1.0 and lost == pytest.approx(0.2 * PRICE)
    assert legs.held_m.tolist() == [0.0, -1.0, -1.0] and legs.alive.tolist() == [0, 1, 1]
    assert kept - legs.account_bp_m.sum() == pytest.approx(lost)
    send(VENUES, nothing(), legs, -0.5, 5.0, 8, PRICE)
    arrive(VENUES, legs, 8, DAY, PRICE, 1.0, 1.0)
    assert legs.held_m[0] == 0.0 and legs.held_m.sum() == pytest.approx(-2.5)
    assert fail(VENUES, at(default_cell=7), legs, 7, PRICE) == (0.0, 0.0)


def test_deleveraging_closes_a_profitable_leg_and_keeps_its_money() -> None:
    short = holding(-1.0, entry_bp=11_000.0)
    money = short.account_bp_m.sum()
    gone, lost = fail(VENUES, at(deleveraging_cell=3), short, 3, PRICE)
    assert (gone, lost) == (0.5, 0.0)
    assert short.held_m.tolist() == [-0.5, -1.0, -1.0]
    assert short.account_bp_m.sum() == money
    losing = holding(-1.0, entry_bp=9_000.0)
    assert fail(VENUES, at(deleveraging_cell=3), losing, 3, PRICE) == (0.0, 0.0)


def test_a_venues_own_price_liquidates_a_long_leg_while_the_book_has_lost_nothing() -> None:
    depeg = at(depeg_from=4, depeg_until=10)
    long = holding(1.0)
    gone, lost = fail(VENUES, depeg, long, 4, PRICE)
    assert gone == 1.0 and lost == pytest.approx(0.2 * PRICE) and long.account_bp_m[0] == 0.0
    short = holding(-1.0)
    assert fail(VENUES, depeg, short, 4, PRICE) == (0.0, 0.0)
    after = holding(1.0)
    assert fail(VENUES, depeg, after, 10, PRICE) == (0.0, 0.0)


def test_a_leg_below_maintenance_is_closed_for_a_penalty() -> None:
    legs = holding(-1.0)
    legs.account_bp_m[0] = 0.024 * PRICE
    gone, lost = fail(VENUES, nothing(), legs, 0, PRICE)
    assert gone == 1.0 and lost == pytest.approx(0.02 * PRICE)
    assert legs.account_bp_m[0] == pytest.approx(0.004 * PRICE)


def test_halted_money_comes_back_only_when_the_halt_is_over_and_may_still_be_sent() -> None:
    halt = at(halt_from=0, halt_until=5)
    legs = holding(0.0)
    legs.account_bp_m[:] = 3_000.0
    chain = sweep(VENUES, halt, legs, 0.5, 0, PRICE, 1_000.0)
    assert legs.account_bp_m.tolist() == [3_000.0, 1_000.0, 1_000.0] and chain == 5_000.0
    assert spare(VENUES, halt, legs, 0, PRICE) == 2_000.0
    chain = sweep(VENUES, halt, legs, 0.5, 5, PRICE, chain)
    assert legs.account_bp_m[0] == 1_000.0 and chain == 7_000.0
    legs.account_bp_m[0] = 400.0
    assert sweep(VENUES, halt, legs, 0.5, 1, PRICE, 7_000.0) == 6_400.0
    legs.account_bp_m[0] = 0.0
    assert sweep(VENUES, nothing(), legs, 0.5, 1, PRICE, 300.0) == 0.0


def test_orders_split_by_depth_which_equalises_marginal_costs() -> None:
    legs = holding(0.0)
    deposit(VENUES, legs, 5.0, PRICE)
    send(VENUES, nothing(), legs, -1.0, 5.0, 0, PRICE)
    net, gross, cost = arrive(VENUES, legs, 0, DAY, PRICE, 0.5, 4.0)
    assert legs.held_m == pytest.approx([-0.5, -0.3, -0.2]) and (net, gross) == (-1.0, 1.0)
    # eta v^2 as of one venue with all the depth, at half of it and four times the spread.
    assert cost == pytest.approx(2.5 * 4.0 + 1e-4 / 0.5 / DAY)
    marginal = 2.0 * 1e-4 / VENUES.shares * np.abs(legs.held_m) / DAY
    assert np.ptp(marginal) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_the_split_is_the_dealers_split(seed: int) -> None:
    """`dealer/hedging/split.py`, with a venue's room as its capacity and twice eta as its slope."""
    draws = np.random.Generator(np.random.PCG64(seed))
    legs = holding(0.0)
    legs.account_bp_m[:] = draws.uniform(0.0, 1_000.0, 3)
    size_m = float(draws.uniform(0.1, 2.0))
    places = [
        Place(2.5, 2.0 * 1e-4 / (share * DAY), account / (0.1 * PRICE))
        for share, account in zip(VENUES.shares, legs.account_bp_m, strict=True)
    ]
    expected = split(size_m, places)
    send(VENUES, nothing(), legs, size_m, 5.0, 0, PRICE)
    assert legs.under_way_m == pytest.approx(expected.parts_m, abs=1e-9)
    assert size_m - legs.under_way_m.sum() == pytest.approx(expected.left_m, abs=1e-9)


def test_a_full_venue_passes_the_order_on_and_margin_bounds_a_leg() -> None:
    legs = holding(0.0)
    deposit(VENUES, legs, 0.5, PRICE)
    send(VENUES, nothing(), legs, -2.0, 0.6, 0, PRICE)
    arrive(VENUES, legs, 0, DAY, PRICE, 1.0, 1.0)
    assert legs.held_m.min() == pytest.approx(-0.6) and legs.held_m.sum() < -1.5
    poor = holding(0.0)
    deposit(VENUES, poor, 0.1, PRICE)
    send(VENUES, nothing(), poor, -2.0, 5.0, 0, PRICE)
    arrive(VENUES, poor, 0, DAY, PRICE, 1.0, 1.0)
    assert poor.held_m == pytest.approx([-0.2, -0.2, -0.2])


def test_a_lagging_venue_fills_later_and_a_halted_one_only_shrinks() -> None:
    legs = holding(-1.0)
    deposit(VENUES, legs, 9.0, PRICE)
    lag = at(lag_from=0, lag_until=9)
    send(VENUES, lag, legs, -1.0, 5.0, 0, PRICE)
    assert arrive(VENUES, legs, 0, DAY, PRICE, 1.0, 1.0)[0] == pytest.approx(-0.5)
    assert legs.under_way_m.tolist() == [-0.5, 0.0, 0.0]
    assert [arrive(VENUES, legs, cell, DAY, PRICE, 1.0, 1.0)[0] for cell in range(1, 8)] == (
        pytest.approx([0.0, 0.0, 0.0, 0.0, 0.0, -0.5, 0.0])
    )
    held = holding(-1.0)
    deposit(VENUES, held, 9.0, PRICE)
    halt = at(halt_from=0, halt_until=9)
    send(VENUES, halt, held, -1.0, 5.0, 0, PRICE)
    arrive(VENUES, held, 0, DAY, PRICE, 1.0, 1.0)
    assert held.held_m[0] == -1.0 and held.held_m[1:].sum() < -2.0
    send(VENUES, halt, held, 1.0, 5.0, 1, PRICE)
    arrive(VENUES, held, 1, DAY, PRICE, 1.0, 1.0)
    assert held.held_m[0] == pytest.approx(-0.5)


def test_a_venue_that_prints_alone_gets_no_orders() -> None:
    legs = holding(0.0)
    deposit(VENUES, legs, 9.0, PRICE)
    send(VENUES, at(depeg_from=0, depeg_until=5), legs, 1.0, 5.0, 0, PRICE)
    arrive(VENUES, legs, 0, DAY, PRICE, 1.0, 1.0)
    assert legs.held_m[0] == 0.0 and legs.held_m.sum() > 0.7


def test_a_legs_entry_is_its_average_price() -> None:
    legs = holding(0.0)
    deposit(VENUES, legs, 9.0, PRICE)
    for cell, (size, price) in enumerate(((-1.0, 10_000.0), (-1.0, 12_000.0), (0.5, 9_000.0))):
        send(VENUES, nothing(), legs, size, 5.0, cell, price)
        arrive(VENUES, legs, cell, DAY, price, 1.0, 1.0)
    assert legs.entry_bp == pytest.approx([11_000.0] * 3)
    send(VENUES, nothing(), legs, 3.0, 5.0, 5, 8_000.0)
    arrive(VENUES, legs, 5, DAY, 8_000.0, 1.0, 1.0)
    assert legs.entry_bp == pytest.approx([8_000.0] * 3)
