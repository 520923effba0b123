# SPDX-License-Identifier: Apache-2.0
"""The loop of the crash world: a batch a cell, hedges over venues, capital until it is gone.

A cell, in order: the price moves and every leg with it; what is due to break breaks; money moves if
it is its time; the dealer, which sees the price of `lag_cells` ago and its own books, commits
(`dealer/limits.committed`); the cell's marks are cleared with that curve by the venue's auction,
the pool on its own side of the oracle price; orders for outside leave and arrive. The path ends
where equity, or what the chain can pay at once, falls below zero.

Wealth is kept in two places, the chain and the venues' accounts; their sum changes by
`q dS + R (P - S) - cost + funding - what venues keep` and by nothing else.
"""

from __future__ import annotations

import math
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from infold.core.crossing.places import BUY_TO, KNOTS, POOL_TWICE, SALE_MAX, SALE_MIN, SELL_FROM
from infold.dealer import limits
from infold.dealer.corners import integer_corners
from infold.dealer.limits import Guard, Sight
from infold.research.simulation.batches_auction import RULED, Room, clear_batch
from infold.research.simulation.batches_price import EXECUTED, RESIDUAL, TICK_OF
from infold.research.simulation.columns import (
    CLIENT_VOLUME,
    COST,
    DAYS,
    EQUITY_MIN,
    EXTERNAL_VOLUME,
    FILLS,
    FUNDING,
    IMPACT,
    IMPACT_STATE,
    INVENTORY,
    MARKUP,
    MARTINGALE,
    PRICE,
    RISK,
    SQUARE,
)
from infold.research.simulation.compiled import Floats, Integers, Word, Words, compiled
from infold.research.simulation.crash.legs import (
    Legs,
    Venues,
    arrive,
    deposit,
    fail,
    send,
    spare,
    sweep,
)
from infold.research.simulation.crash.outages import Outages
from infold.research.simulation.crash.weather import Weather
from infold.research.simulation.ledger import COLUMNS, mixed
from infold.research.simulation.tape import Tape

commitment = compiled(limits.committed)


class CrashSum(IntEnum):
    """Columns of a crash path after those of `ledger.Sum`."""

    BATCHES = COLUMNS  # while solvent
    TWO_SIDED = COLUMNS + 1  # batches that offered the least size on both sides, spread in bounds
    SPREAD_MAX = COLUMNS + 2  # bp, between the two sides' best
    UNPRICED = COLUMNS + 3  # batches in which what reduces inventory was not offered whole
    ELASTIC_VOLUME = COLUMNS + 4  # M, by kind of client
    FORCED_VOLUME = COLUMNS + 5
    TOXIC_VOLUME = COLUMNS + 6
    TAKEN_VOLUME = COLUMNS + 7  # M the dealer took
    HEDGE_GONE = COLUMNS + 8  # M of hedge that disappeared
    VENUE_LOSS = COLUMNS + 9  # bp * M venues kept
    LIQUID_MIN = COLUMNS + 10  # least money the chain could pay at once
    AWAY_DAYS = COLUMNS + 11  # longest stretch with more than `flat_m` held
    INVENTORY_MAX = COLUMNS + 12  # most |q|
    CLIENT_MAX = COLUMNS + 13  # most client leg
    EQUITY_END = COLUMNS + 14


CRASH_COLUMNS = COLUMNS + len(CrashSum)
BATCHES = int(CrashSum.BATCHES)
TWO_SIDED = int(CrashSum.TWO_SIDED)
SPREAD_MAX = int(CrashSum.SPREAD_MAX)
UNPRICED = int(CrashSum.UNPRICED)
ELASTIC_VOLUME = int(CrashSum.ELASTIC_VOLUME)
TAKEN_VOLUME = int(CrashSum.TAKEN_VOLUME)
HEDGE_GONE = int(CrashSum.HEDGE_GONE)
VENUE_LOSS = int(CrashSum.VENUE_LOSS)
LIQUID_MIN = int(CrashSum.LIQUID_MIN)
AWAY_DAYS = int(CrashSum.AWAY_DAYS)
INVENTORY_MAX = int(CrashSum.INVENTORY_MAX)
CLIENT_MAX = int(CrashSum.CLIENT_MAX)
EQUITY_END = int(CrashSum.EQUITY_END)
BP_ONE = 1e4
OFFSETS = 4


class Stage(NamedTuple):
    """What is true of the venue and of the path's beginning."""

    cell_day: float
    capital_bp_m: float
    start_m: float
    reserve_m: float  # legs the accounts are funded for
    least_m: float  # smallest order a side must offer to count as open
    spread_bp_max: float
    flat_m: float
    own_side_bp: float  # C7
    residual_cap_m: float
    position_cap_m: float
    risk_aversion: float
    fast: float  # what a cell leaves of the volatility estimates
    slow: float
    volatility_bp: float  # where they begin
    oracle_ticks: int
    band_ticks: int
    lots_per_m: float


@compiled
def run_crash(
    stage: Stage,
    guard: Guard,
    venues: Venues,
    outages: Outages,
    weather: Weather,
    tape: Tape,
    legs: Legs,
    rule: Integers,
    width: Words,
    room: Room,
    sums: Floats,
) -> Word:
    """Run one path; adds to `sums` (`ledger.Sum`, then `CrashSum`) and returns its hash."""
    cells = len(weather.cascade)
    day = stage.cell_day
    interval_s = day * 86_400.0
    words = sums.view(np.uint64)
    offsets, sales_m = np.empty(OFFSETS), np.empty(OFFSETS)
    prices, sales = np.empty(OFFSETS, np.int64), np.empty(OFFSETS, np.int64)
    best = np.zeros(5, np.int64)
    hash_: Word = np.uint64(len(tape.time_day))
    client = stage.start_m
    hedged = 0.0
    impact = priced = 0.0
    fast = slow = stage.volatility_bp**2
    price = BP_ONE * weather.levels[0]
    chain = stage.capital_bp_m
    chain -= deposit(venues, legs, stage.reserve_m, price)
    sums[EQUITY_MIN] = stage.capital_bp_m
    sums[LIQUID_MIN] = stage.capital_bp_m
    last_level = weather.levels[0]
    peak = 0.0
    away = 0
    mark = 0
    marks = len(tape.time_day)
    cell = 0
    while cell < cells:
        # The price moves.
        held = client + hedged
        before = price
        impact -= impact * min(venues.resilience_per_day * day, 1.0)
        level = weather.levels[cell + 1]
        own = level * (impact - priced)
        priced = impact
        price = level * (BP_ONE + impact)
        moved = price - before
        chain += client * moved
        funding = 0.0
        for venue in range(len(legs.held_m)):
            paid = legs.held_m[venue] * weather.funding_bp_per_day[cell] * day * level
            legs.account_bp_m[venue] += legs.held_m[venue] * moved + paid
            funding += paid
        sums[FUNDING] += funding
        sums[IMPACT] += held * own
        sums[MARTINGALE] += held * (moved - own)
        sums[SQUARE] += held * held * day
        variance = weather.volatilities_bp[cell] ** 2
        sums[RISK] += 0.5 * stage.risk_aversion * variance * held * held * day

        # What breaks; where the money is.
        gone, lost = fail(venues, outages, legs, cell, price)
        sums[HEDGE_GONE] += gone
        sums[VENUE_LOSS] += lost
        if cell % venues.transfer_cells == 0:
            chain = sweep(venues, outages, legs, stage.reserve_m, cell, price, chain)
        hedged = legs.held_m.sum()
        held = client + hedged
        equity = chain + legs.account_bp_m.sum()
        liquid = chain + spare(venues, outages, legs, cell, price)
        sums[EQUITY_MIN] = min(sums[EQUITY_MIN], equity)
        sums[LIQUID_MIN] = min(sums[LIQUID_MIN], liquid)
        if equity < 0.0 or liquid < 0.0:
            cell += 1
            break
        if chain < 0.0:
            chain = sweep(venues, outages, legs, 0.0, cell, price, chain)

        # What the dealer sees and commits to.
        lag = weather.lag_cells[cell]
        seen_level = weather.levels[max(cell + 1 - lag, 0)]
        square = (BP_ONE * math.log(seen_level / last_level)) ** 2 / day
        last_level = seen_level
        fast = learned(fast, square, stage.fast)
        slow = learned(slow, square, stage.slow)
        seen = seen_level * (BP_ONE + impact)
        oracle = weather.levels[max(cell + 2 - lag, 0)] * (BP_ONE + impact)
        peak = max(peak, seen / BP_ONE)
        due = legs.under_way_m.sum()
        sight = Sight(
            inventory_m=held + due,
            client_m=client,
            impact_bp=impact,
            equity_bp_m=equity + held * (seen - price),
            level=seen / BP_ONE,
            peak=peak,
            volatility_bp=math.sqrt(max(fast, slow)),
            outside=weather.outside[max(cell - 1, 0)],
            depth=weather.depth[max(cell - 1, 0)],
            age_s=lag * interval_s,
            interval_s=interval_s,
        )
        told = commitment(guard, sight)
        _count_service(stage, told, held + due, sums)

        # The auction.
        first, count = mark, 0
        while mark < marks and int(tape.time_day[mark] / day) <= cell:
            _write_order(stage, tape, room, mark, count, price / oracle)
            count += 1
            mark += 1
        if count > 0:
            rule[KNOTS] = _knots(stage, told, seen / oracle, offsets, sales_m, prices, sales)
            _cut(stage, rule, client)
            best[:] = 0
            if _may_trade(rule, offsets, stage.oracle_ticks, room.side, room.tick, count):
                clear_batch(
                    rule, width, prices, sales,
                    room.side, room.tick, room.lots, room.fill, room.order, room.rest,
                    room.segments, count, RULED, False, best,
                )  # fmt: skip
            if best[EXECUTED] > 0:
                paid_bp = oracle * best[TICK_OF] / stage.oracle_ticks
                sold = best[RESIDUAL] / stage.lots_per_m
                client -= sold
                chain += sold * (paid_bp - price)
                sums[MARKUP] += sold * (paid_bp - price)
                sums[TAKEN_VOLUME] += abs(sold)
                hash_ = mixed(hash_ ^ np.uint64(cell), np.uint64(best[TICK_OF]))
                hash_ = _book_fills(stage, tape, room, first, count, sums, hash_)

        # Outside.
        if told.hedge_m != 0.0:
            send(venues, outages, legs, told.hedge_m, told.venue_m, cell, price)
        bought, gross, cost = arrive(
            venues, legs, cell, day, price, weather.depth[cell], weather.outside[cell]
        )
        impact += venues.impact_bp_per_m / weather.depth[cell] * bought
        sums[COST] += cost
        sums[EXTERNAL_VOLUME] += gross
        hedged += bought
        held = client + hedged
        sums[INVENTORY_MAX] = max(sums[INVENTORY_MAX], abs(held))
        sums[CLIENT_MAX] = max(sums[CLIENT_MAX], abs(client))
        away = away + 1 if abs(held) > stage.flat_m else 0
        sums[AWAY_DAYS] = max(sums[AWAY_DAYS], away * day)
        cell += 1
    sums[DAYS] = cell * day
    sums[EQUITY_END] = chain + legs.account_bp_m.sum()
    sums[INVENTORY] = client + hedged
    sums[IMPACT_STATE] = impact
    sums[PRICE] = price - BP_ONE * weather.levels[0]
    for word in words:
        hash_ = mixed(hash_, word)
    return hash_


@compiled
def learned(variance: float, square: float, kept: float) -> float:
    """A cell's step of `dealer/volatility/ewma.py` once its beginning is forgotten."""
    return variance + (square - variance) * (1.0 - kept)


@compiled
def _count_service(stage: Stage, told: limits.Commitment, held: float, sums: Floats) -> None:
    """Whether this batch's curve was open on both sides, how wide, and whole where it reduces.

    Around the price the dealer saw: what a late oracle adds is the oracle's.
    """
    ask = max(told.shift_bp + told.half_spread_bp, stage.own_side_bp)
    bid = min(told.shift_bp - told.half_spread_bp, -stage.own_side_bp)
    wide = ask - bid
    sums[BATCHES] += 1.0
    sums[SPREAD_MAX] = max(sums[SPREAD_MAX], wide)
    if min(told.bid_m, told.ask_m) >= stage.least_m and wide <= stage.spread_bp_max:
        sums[TWO_SIDED] += 1.0
    reducing = told.ask_m if held > 0.0 else told.bid_m
    if reducing < abs(held):
        sums[UNPRICED] += 1.0


@compiled
def _may_trade(
    rule: Integers, offsets: Floats, ticks: int, side: Integers, tick: Integers, count: int
) -> bool:
    """Whether any order reaches another or the dealer's best: most batches hold one that does not,
    and need no auction to say so. Errs on the side of asking.
    """
    buys, sells = -1, 2 * ticks
    for index in range(count):
        if side[index] > 0:
            buys = max(buys, tick[index])
        else:
            sells = min(sells, tick[index])
    ask = max(math.floor(ticks * (1.0 + offsets[2] / BP_ONE)) - 1, rule[SELL_FROM])
    bid = min(math.ceil(ticks * (1.0 + offsets[1] / BP_ONE)) + 1, rule[BUY_TO])
    meets: bool = buys >= min(ask, sells) or sells <= bid
    return meets


@compiled
def _book_fills(
    stage: Stage, tape: Tape, room: Room, first: int, count: int, sums: Floats, hash_: Word
) -> Word:
    """Add a batch's fills to the sums, by kind of client; the hash carried on."""
    for index in range(count):
        if room.fill[index] > 0:
            filled = room.fill[index] / stage.lots_per_m
            sums[CLIENT_VOLUME] += filled
            sums[ELASTIC_VOLUME + tape.client[first + index]] += filled
            sums[FILLS] += 1.0
            hash_ = mixed(hash_ ^ np.uint64(first + index), np.uint64(room.fill[index]))
    return hash_


@compiled
def _write_order(stage: Stage, tape: Tape, room: Room, mark: int, index: int, rich: float) -> None:
    """A mark as an order in ticks of the oracle price; `rich` is the true price over it."""
    side = int(tape.side[mark])
    limit = rich * (1.0 + side * tape.reservation_bp[mark] / BP_ONE) - 1.0
    away = min(max(limit * stage.oracle_ticks, -stage.band_ticks - 1.0), stage.band_ticks + 1.0)
    room.side[index] = side
    room.tick[index] = stage.oracle_ticks + side * math.floor(side * away)
    room.lots[index] = int(tape.size_m[mark] * stage.lots_per_m)


@compiled
def _knots(
    stage: Stage,
    told: limits.Commitment,
    skewed: float,
    offsets: Floats,
    sales_m: Floats,
    prices: Integers,
    sales: Integers,
) -> int:
    """The committed curve on ticks of the oracle price; `skewed` is the price seen over it."""
    centre = BP_ONE * (skewed - 1.0) + told.shift_bp
    slope = told.slope_bp_per_m
    offsets[0] = centre - told.half_spread_bp - slope * told.bid_m
    offsets[1] = centre - told.half_spread_bp
    offsets[2] = centre + told.half_spread_bp
    offsets[3] = centre + told.half_spread_bp + slope * told.ask_m
    sales_m[0] = -told.bid_m
    sales_m[1] = sales_m[2] = 0.0
    sales_m[3] = told.ask_m
    return int(
        integer_corners(
            offsets, sales_m, OFFSETS, float(stage.oracle_ticks), 1.0, stage.lots_per_m, prices,
            sales,
        )
    )  # fmt: skip


@compiled
def _cut(stage: Stage, rule: Integers, client: float) -> None:
    """The pool's own side and its caps, as `core.curve.clip` cuts them."""
    pool = math.floor(client * stage.lots_per_m)
    cap = int(stage.position_cap_m * stage.lots_per_m)
    residual = int(stage.residual_cap_m * stage.lots_per_m)
    rule[SALE_MAX] = min(max(0, pool + max(cap, pool)), residual)
    rule[SALE_MIN] = -min(max(0, -pool + max(cap, -pool)), residual)
    away = math.ceil(stage.own_side_bp / BP_ONE * stage.oracle_ticks)
    rule[SELL_FROM] = stage.oracle_ticks + away
    rule[BUY_TO] = stage.oracle_ticks - away
    rule[POOL_TWICE] = 2 * pool
