# SPDX-License-Identifier: Apache-2.0
"""The loop of the batch world: one uniform price a batch, the dealer's committed curve, hedging.

Time is the quotes world's grid of cells, a batch every `batch_cells` of them. The orders of a batch
are the marks of its cells, each with the limit S +/- (reservation - fee) (S of the close, or of the
mark's own moment); the dealer hedges cell by cell between (`quotes_loop.advance`); at the close the
curve follows from (line, q, x, S) by `dealer/corners.py`, the batch is cleared by
`batches_auction.py`, and

    q -= R        wealth += R (P - S) + fee (bought + sold)

The dealer never sees an order before its curve stands: the curve is a function of the arguments
above and of `Guidance`, drawn or computed beforehand for every batch.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from infold.core.crossing.places import BUY_TO, KNOTS, POOL_TWICE, SALE_MAX, SALE_MIN, SELL_FROM
from infold.dealer.corners import BP, corners, integer_corners
from infold.research.simulation.batches_auction import FREE, Room, clear_batch
from infold.research.simulation.batches_price import EXECUTED, RESIDUAL, TICK_OF, meet_one
from infold.research.simulation.columns import (
    CLIENT_VOLUME,
    DAYS,
    EQUITY_MIN,
    FILLS,
    IMPACT_STATE,
    INVENTORY,
    MARKUP,
    PRICE,
)
from infold.research.simulation.compiled import Floats, Integers, Word, Words, compiled
from infold.research.simulation.ledger import COLUMNS, mixed
from infold.research.simulation.policy import QuoteRules, Tables
from infold.research.simulation.quotes_loop import (
    TrueMarket,
    advance,
)
from infold.research.simulation.scene import Scene
from infold.research.simulation.tape import Tape

FEES = COLUMNS  # bp * M: on all a client buys or sells
CROSSED_VOLUME = COLUMNS + 1  # M: what met other clients, both sides counted
RESIDUAL_VOLUME = COLUMNS + 2  # M: what the dealer took
BATCHES = COLUMNS + 3  # batches with at least one order
CLEARED = COLUMNS + 4  # batches in which something traded
BATCH_COLUMNS = COLUMNS + 5

PRICE_OF = 0  # columns of a batch's row in `Course.batches`
RESIDUAL_OF = 1
CROSSED_OF = 2
INVENTORY_OF = 3
BID_OF = 4
ASK_OF = 5
SOLD_OF = 6
BOUGHT_OF = 7
COURSE_COLUMNS = 8


class LineRules(NamedTuple):
    """A line's plain numbers; see `dealer/lines.py`."""

    slope_bp_per_m: float
    skew_bp_per_m: float
    signal: float
    impact_share: float  # B0: the drift signal is -B0 x
    offer_m: float
    limit_m: float  # no trade that takes |q| beyond it, or further beyond


class BatchPolicy(NamedTuple):
    """What a dealer does in batches: one line, and hedging as `policy.QuoteRules` say."""

    markups_bp: Floats
    prices_bp: Floats
    line: LineRules
    hedges: Tables
    rules: QuoteRules


class Guidance(NamedTuple):
    """What the dealer knew at each batch's commitment: a number a batch, or one for all."""

    risk: Floats  # its volatility over the line's: multiplies slope and skew
    half_spread_bp: Floats  # it sells no lower above S, buys no higher below


class Terms(NamedTuple):
    """What is true of the auction."""

    batch_cells: int
    fee_bp: float
    whole: bool  # every order is fill or kill
    pricing: int  # of `batches_auction`
    own_limits: bool  # limits stand from the mark's moment on; else they follow S to the close
    oracle_ticks: int
    lots_per_m: float
    band_ticks: int
    residual_cap: int  # lots
    position_cap: int
    sell_from: int  # ticks: C7's own side
    buy_to: int


class Course(NamedTuple):
    """What happened, batch by batch (COURSE_COLUMNS) and mark by mark (size filled, price paid);
    arrays of no rows are not written.
    """

    batches: Floats
    fills: Floats


@compiled
def run_batches(
    market: TrueMarket,
    terms: Terms,
    policy: BatchPolicy,
    guidance: Guidance,
    tape: Tape,
    scene: Scene,
    rule: Integers,
    width: Words,
    room: Room,
    sums: Floats,
    course: Course,
) -> Word:
    """Run one path; adds to `sums` (`ledger.Sum`, then FEES and on) and returns the path's hash.

    `sums` brings q, x and the capital in EQUITY_MIN. `rule` and `width` are the market's row of
    `core.auction.prepare`, changed here at each batch. `room` holds the fullest batch.
    """
    moves_bp, variances, drifts_bp = scene
    markups_bp, prices_bp, line, hedges, rules = policy
    risks, floors_bp = guidance
    times_day, sides, sizes_m, reservations_bp = (
        tape.time_day,
        tape.side,
        tape.size_m,
        tape.reservation_bp,
    )
    rows, fills = course
    side, tick, lots, fill, order, rest, segments = room
    batches = len(moves_bp) // terms.batch_cells
    recording = len(rows) > 0
    words = sums.view(np.uint64)
    points = 2 * len(prices_bp) + 4
    offsets_bp, sales_m = np.empty(points), np.empty(points)
    prices, sales = np.empty(points, np.int64), np.empty(points, np.int64)
    best = np.zeros(5, np.int64)
    wealth = sums[EQUITY_MIN]
    pool = math.floor(sums[INVENTORY] * terms.lots_per_m)
    hash_: Word = np.uint64(len(times_day))
    marks = len(times_day)
    cell = mark = 0
    number = -1
    while True:
        number += 1
        if not recording:
            if mark >= marks:
                break
            number = max(number, int(times_day[mark] / market.cell_day) // terms.batch_cells)
        if number >= batches:
            break
        end = (number + 1) * terms.batch_cells

        # The orders that arrive before the close.
        first, count, leaning = mark, 0, 0
        while mark < marks:
            due = int(times_day[mark] / market.cell_day)
            if due >= end:
                break
            if terms.own_limits and due > cell:
                wealth = advance(
                    market, rules, hedges, cell, due, moves_bp, drifts_bp, variances, wealth, sums
                )
                cell = due
            side[count] = sides[mark]
            tick[count] = _limit_ticks(terms, int(sides[mark]), reservations_bp[mark], sums[PRICE])
            lots[count] = int(sizes_m[mark] * terms.lots_per_m)
            leaning += side[count]
            count += 1
            mark += 1
        if end > cell:
            wealth = advance(
                market, rules, hedges, cell, end, moves_bp, drifts_bp, variances, wealth, sums
            )
            cell = end
        if count == 0 and not recording:
            continue
        if terms.own_limits:
            _shift_limits(terms, tick, count, sums[PRICE])

        # The curve.
        risk = risks[number if len(risks) > 1 else 0]
        floor_bp = floors_bp[number if len(floors_bp) > 1 else 0]
        held = sums[INVENTORY]
        drift = -line.impact_share * sums[IMPACT_STATE]
        part = 0 if recording or abs(leaning) < count else side[0]
        known = corners(
            markups_bp,
            prices_bp,
            line.slope_bp_per_m * risk,
            line.signal * drift - line.skew_bp_per_m * risk * held,
            line.offer_m,
            offsets_bp,
            sales_m,
            part,
        )
        rule[KNOTS] = integer_corners(
            offsets_bp, sales_m, known, float(terms.oracle_ticks), 1.0, terms.lots_per_m,
            prices, sales, part,
        )  # fmt: skip
        _cut(terms, rule, pool, held, line.limit_m, floor_bp)
        if recording:
            _write_curve(rows[number], offsets_bp, sales_m, known, terms, rule)
            rows[number, INVENTORY_OF] = held
            if count == 0:
                continue

        # The auction.
        sums[BATCHES] += 1.0
        crossed = 0
        if count == 1 and terms.whole and terms.pricing == FREE:
            meet_one(rule, prices, sales, side[0], tick[0], lots[0], best)
            fill[0] = best[EXECUTED]
        else:
            crossed = clear_batch(
                rule,
                width,
                prices,
                sales,
                side,
                tick,
                lots,
                fill,
                order,
                rest,
                segments,
                count,
                terms.pricing,
                terms.whole,
                best,
            )
        if best[EXECUTED] == 0:
            continue
        residual = best[RESIDUAL]
        price_bp = (best[TICK_OF] - terms.oracle_ticks) / (terms.oracle_ticks * BP)
        sold_m = residual / terms.lots_per_m
        traded_m = (2 * crossed + abs(residual)) / terms.lots_per_m
        pool -= residual
        sums[INVENTORY] -= sold_m
        sums[MARKUP] += sold_m * price_bp
        sums[FEES] += terms.fee_bp * traded_m
        sums[CLIENT_VOLUME] += traded_m
        sums[CROSSED_VOLUME] += 2 * crossed / terms.lots_per_m
        sums[RESIDUAL_VOLUME] += abs(sold_m)
        sums[CLEARED] += 1.0
        wealth += sold_m * price_bp + terms.fee_bp * traded_m
        hash_ = mixed(hash_ ^ np.uint64(number), np.uint64(best[TICK_OF]))
        for index in range(count):
            if fill[index] > 0:
                sums[FILLS] += 1.0
                hash_ = mixed(hash_ ^ np.uint64(first + index), np.uint64(fill[index]))
        hash_ = mixed(hash_, words[INVENTORY] ^ words[IMPACT_STATE])
        if recording:
            rows[number, PRICE_OF] = price_bp
            rows[number, RESIDUAL_OF] = sold_m
            rows[number, CROSSED_OF] = crossed / terms.lots_per_m
        if len(fills) > 0:
            for index in range(count):
                fills[first + index, 0] = fill[index] / terms.lots_per_m
                fills[first + index, 1] = price_bp
    end = len(moves_bp)
    advance(market, rules, hedges, cell, end, moves_bp, drifts_bp, variances, wealth, sums)
    sums[DAYS] = end * market.cell_day
    for word in words:
        hash_ = mixed(hash_, word)
    return hash_


@compiled
def _limit_ticks(terms: Terms, side: int, reservation_bp: float, price_bp: float) -> int:
    """An order's limit: a buy's down and a sell's up to a whole tick, inside the band.

    A limit of its own moment is left as ticks from the path's first price.
    """
    away = (reservation_bp - terms.fee_bp) * BP * terms.oracle_ticks
    if terms.own_limits:
        away += side * price_bp * BP * terms.oracle_ticks
    ticks = side * math.floor(min(max(away, -(2.0**60)), 2.0**60))
    if terms.own_limits:
        return ticks
    return terms.oracle_ticks + min(max(ticks, -terms.band_ticks - 1), terms.band_ticks + 1)


@compiled
def _shift_limits(terms: Terms, tick: Integers, count: int, price_bp: float) -> None:
    """Limits of their own moment, seen from the S of the close."""
    moved = round(price_bp * BP * terms.oracle_ticks)
    for index in range(count):
        tick[index] = terms.oracle_ticks + min(
            max(tick[index] - moved, -terms.band_ticks - 1), terms.band_ticks + 1
        )


@compiled
def _cut(
    terms: Terms, rule: Integers, pool: int, held_m: float, limit_m: float, floor_bp: float
) -> None:
    """Cut the curve as `core.curve.clip` does, and by the dealer's own limit and least spread."""
    most = min(max(0, pool + max(terms.position_cap, pool)), terms.residual_cap)
    least = min(max(0, -pool + max(terms.position_cap, -pool)), terms.residual_cap)
    if limit_m < math.inf:
        most = min(most, int(max(0.0, held_m + limit_m) * terms.lots_per_m))
        least = min(least, int(max(0.0, limit_m - held_m) * terms.lots_per_m))
    away = math.ceil(floor_bp * BP * terms.oracle_ticks)
    rule[SALE_MAX], rule[SALE_MIN] = most, -least
    rule[SELL_FROM], rule[BUY_TO] = terms.sell_from, terms.buy_to
    if away > 0:
        rule[SELL_FROM] = max(terms.sell_from, terms.oracle_ticks + away)
        rule[BUY_TO] = min(terms.buy_to, terms.oracle_ticks - away)
    rule[POOL_TWICE] = 2 * pool


@compiled
def _write_curve(
    row: Floats, offsets_bp: Floats, sales_m: Floats, known: int, terms: Terms, rule: Integers
) -> None:
    """Where the curve begins to buy and to sell, bp from S, and the most it offers, M."""
    kink = 0
    while sales_m[kink] < 0.0:
        kink += 1
    row[BID_OF] = min(
        offsets_bp[kink], (rule[BUY_TO] - terms.oracle_ticks) / (terms.oracle_ticks * BP)
    )
    row[ASK_OF] = max(
        offsets_bp[kink + 1], (rule[SELL_FROM] - terms.oracle_ticks) / (terms.oracle_ticks * BP)
    )
    row[BOUGHT_OF] = min(-sales_m[0], -rule[SALE_MIN] / terms.lots_per_m)
    row[SOLD_OF] = min(sales_m[known - 1], rule[SALE_MAX] / terms.lots_per_m)
