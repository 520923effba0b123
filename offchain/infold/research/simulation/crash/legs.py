# SPDX-License-Identifier: Apache-2.0
"""Hedges at several venues: margin, transfers, and everything a venue can do to a leg.

Compiled parts of the crash loop, a state of arrays with a row a venue. Money is bp * M of the
starting price; a leg's account holds its deposit with its profit in it. What a venue keeps when it
fails is the account; a leg that deleveraging closes keeps its money and loses its use.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from infold.research.simulation.compiled import Floats, Integers, compiled
from infold.research.simulation.crash.outages import Outages

RING = 64
"""Cells an order may be under way at most."""


class Venues(NamedTuple):
    """What is true of the outside venues."""

    shares: Floats  # of the outside depth
    margin: float  # of notional, deposited
    initial: float  # of notional: no leg grows beyond it
    maintenance: float  # of notional: below it the venue closes the leg
    penalty: float  # of notional, for that
    transfer_cells: int  # money moves every so many
    spread_bp: float  # psi
    quadratic_bp_day_per_m: float  # eta
    impact_bp_per_m: float  # k
    resilience_per_day: float  # beta


class Legs(NamedTuple):
    """State by venue."""

    held_m: Floats
    account_bp_m: Floats
    entry_bp: Floats  # average price of the leg
    alive: Integers
    due_m: Floats  # (venue, RING): orders under way by the cell they arrive in
    under_way_m: Floats  # their sum


def flat_legs(count: int) -> Legs:
    """Nothing held, nothing deposited."""
    return Legs(
        held_m=np.zeros(count),
        account_bp_m=np.zeros(count),
        entry_bp=np.zeros(count),
        alive=np.ones(count, dtype=np.int64),
        due_m=np.zeros((count, RING)),
        under_way_m=np.zeros(count),
    )


@compiled
def deposit(venues: Venues, legs: Legs, reserve_m: float, price_bp: float) -> float:
    """Fund every account for legs of `reserve_m`; what it took from the chain."""
    total = 0.0
    for venue in range(len(legs.held_m)):
        legs.account_bp_m[venue] = venues.margin * reserve_m * price_bp
        total += legs.account_bp_m[venue]
    return total


@compiled
def fail(venues: Venues, outages: Outages, legs: Legs, cell: int, price_bp: float) -> tuple[
    float, float
]:  # fmt: skip
    """What breaks in this cell: (M of hedge that disappeared, money that was lost)."""
    gone_m = 0.0
    lost = 0.0
    for venue in range(len(legs.held_m)):
        if legs.alive[venue] == 0:
            continue
        held = legs.held_m[venue]
        if cell == outages.default_cell[venue]:
            gone_m += abs(held)
            lost += max(legs.account_bp_m[venue], 0.0)
            legs.held_m[venue] = 0.0
            legs.account_bp_m[venue] = 0.0
            legs.alive[venue] = 0
            legs.due_m[venue, :] = 0.0
            legs.under_way_m[venue] = 0.0
            continue
        if cell == outages.deleveraging_cell[venue]:
            if held * (price_bp - legs.entry_bp[venue]) > 0.0:
                closed = outages.deleveraging_share[venue] * held
                gone_m += abs(closed)
                legs.held_m[venue] = held - closed
                held -= closed
        if held == 0.0:
            continue
        local_bp = price_bp
        if outages.depeg_from[venue] <= cell < outages.depeg_until[venue]:
            local_bp *= 1.0 - outages.depeg_share[venue]
        account = legs.account_bp_m[venue] + held * (local_bp - price_bp)
        if account < venues.maintenance * abs(held) * local_bp:
            kept = max(account - venues.penalty * abs(held) * local_bp, 0.0)
            gone_m += abs(held)
            lost += legs.account_bp_m[venue] - kept
            legs.account_bp_m[venue] = kept
            legs.held_m[venue] = 0.0
    return gone_m, lost


@compiled
def halted(outages: Outages, venue: int, cell: int) -> bool:
    """Whether money may not leave the venue."""
    inside: bool = outages.halt_from[venue] <= cell < outages.halt_until[venue]
    return inside


@compiled
def sweep(
    venues: Venues,
    outages: Outages,
    legs: Legs,
    reserve_m: float,
    cell: int,
    price_bp: float,
    chain: float,
) -> float:
    """Bring accounts to their deposit, from and to the chain; the chain's money afterwards.

    Money comes back wherever it may leave; it goes out as far as the chain has it.
    """
    for venue in range(len(legs.held_m)):
        if legs.alive[venue] == 0:
            continue
        wanted = venues.margin * max(abs(legs.held_m[venue]), reserve_m) * price_bp
        moved = wanted - legs.account_bp_m[venue]
        if moved < 0.0 and halted(outages, venue, cell):
            continue
        moved = min(moved, max(chain, 0.0))
        legs.account_bp_m[venue] += moved
        chain -= moved
    return chain


@compiled
def spare(venues: Venues, outages: Outages, legs: Legs, cell: int, price_bp: float) -> float:
    """Money at venues that could leave at once, beyond the margin of their legs."""
    total = 0.0
    for venue in range(len(legs.held_m)):
        if legs.alive[venue] != 0 and not halted(outages, venue, cell):
            needed = venues.initial * abs(legs.held_m[venue]) * price_bp
            total += max(legs.account_bp_m[venue] - needed, 0.0)
    return total


@compiled
def send(
    venues: Venues,
    outages: Outages,
    legs: Legs,
    wanted_m: float,
    venue_m: float,
    cell: int,
    price_bp: float,
) -> None:
    """Split an order over the venues at equal marginal cost, each as far as its leg may go.

    With one spread everywhere and a slope of eta over the venue's share of depth that is by share,
    a full venue's part going to the others (`dealer/hedging/split.py`; a test holds them equal).
    `venue_m` and its margin bound a leg. A venue that lags gets its part later; one that prints far
    from the oracle gets none, and one that lets no money go may only shrink its leg.
    """
    side = 1.0 if wanted_m > 0.0 else -1.0
    left = abs(wanted_m)
    count = len(legs.held_m)
    room = np.empty(count)
    weight = 0.0
    for venue in range(count):
        room[venue] = _room(venues, outages, legs, venue, side, venue_m, cell, price_bp)
        if room[venue] > 0.0:
            weight += venues.shares[venue]
    full = True
    while full and weight > 1e-12:
        full = False
        part = left / weight
        for venue in range(count):
            if 0.0 < room[venue] <= part * venues.shares[venue]:
                _order(outages, legs, venue, side * room[venue], cell)
                left -= room[venue]
                weight -= venues.shares[venue]
                room[venue] = 0.0
                full = True
    if weight > 1e-12 and left > 0.0:
        for venue in range(count):
            if room[venue] > 0.0:
                _order(outages, legs, venue, side * left * venues.shares[venue] / weight, cell)


@compiled
def _room(
    venues: Venues,
    outages: Outages,
    legs: Legs,
    venue: int,
    side: float,
    venue_m: float,
    cell: int,
    price_bp: float,
) -> float:
    """How much more may be traded on a side at one venue."""
    if legs.alive[venue] == 0 or (outages.depeg_from[venue] <= cell < outages.depeg_until[venue]):
        return 0.0
    held = legs.held_m[venue] + legs.under_way_m[venue]
    room: float = max(-side * held, 0.0)
    if not halted(outages, venue, cell):
        backed = legs.account_bp_m[venue] / (venues.initial * price_bp)
        room = max(max(min(venue_m, backed), 0.0) - side * held, room)
    return room


@compiled
def _order(outages: Outages, legs: Legs, venue: int, size_m: float, cell: int) -> None:
    """Put an order under way."""
    delay = 0
    if outages.lag_from[venue] <= cell < outages.lag_until[venue]:
        delay = min(outages.lag_cells[venue], RING - 1)
    legs.due_m[venue, (cell + delay) % RING] += size_m
    legs.under_way_m[venue] += size_m


@compiled
def arrive(
    venues: Venues,
    legs: Legs,
    cell: int,
    cell_day: float,
    price_bp: float,
    depth: float,
    outside: float,
) -> tuple[float, float, float]:
    """Fill what arrives in this cell: (net M bought, gross M, cost in bp * M)."""
    net = 0.0
    gross = 0.0
    cost = 0.0
    level = price_bp / 1e4
    for venue in range(len(legs.held_m)):
        size = legs.due_m[venue, cell % RING]
        if size == 0.0:
            continue
        legs.due_m[venue, cell % RING] = 0.0
        legs.under_way_m[venue] -= size
        held = legs.held_m[venue]
        speed = abs(size) / cell_day
        eta = venues.quadratic_bp_day_per_m / (venues.shares[venue] * depth)
        paid = (venues.spread_bp * outside + eta * speed) * abs(size) * level
        legs.account_bp_m[venue] -= paid
        after = held + size
        if held * size >= 0.0:
            legs.entry_bp[venue] = (legs.entry_bp[venue] * abs(held) + price_bp * abs(size)) / abs(
                after
            )
        elif held * after < 0.0:
            legs.entry_bp[venue] = price_bp
        legs.held_m[venue] = after
        net += size
        gross += abs(size)
        cost += paid
    return net, gross, cost
