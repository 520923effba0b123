# SPDX-License-Identifier: Apache-2.0
"""The loop of the quotes world: a quote per client, hedging in between.

Time is a grid of cells. All marks of a cell happen at its beginning, in their order, each at the
quote of the moment; then the dealer hedges at one rate through the cell:

    v = hedge(q, x)        cost = (psi |v| + eta v^2) dt
    dx = (-beta x + k v) dt        dS = move + drift + dx
    wealth += q dS - cost        q += v dt

so what is bought in a cell is bought at the cell's last price, and wealth is exactly cash plus
inventory at S (Barzykin 2026, section 2, with Euler steps of dt). Between marks nothing but the
cells' recursion runs: `advance` goes from one mark to the next.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from infold.research.simulation.columns import (
    CLIENT_VOLUME,
    COST,
    DAYS,
    DRIFT,
    EQUITY_MIN,
    EXTERNAL_VOLUME,
    FILLS,
    IMPACT,
    IMPACT_STATE,
    INVENTORY,
    MARKUP,
    MARTINGALE,
    PRICE,
    RISK,
    SQUARE,
)
from infold.research.simulation.compiled import Floats, Word, compiled, inlined
from infold.research.simulation.ledger import mixed
from infold.research.simulation.policy import (
    Policy,
    QuoteRules,
    Tables,
    flat_rate_m_per_day,
    hedge_rate_m_per_day,
    markup_bp,
)
from infold.research.simulation.scene import Scene
from infold.research.simulation.tape import Tape


class TrueMarket(NamedTuple):
    """What is true of the world, as the loop needs it."""

    cell_day: float
    spread_bp: float  # psi
    quadratic_bp_day_per_m: float  # eta
    impact_bp_per_m: float  # k
    resilience_per_day: float  # beta
    risk_aversion: float  # gamma


@compiled
def run_quotes(
    market: TrueMarket,
    policy: Policy,
    tape: Tape,
    scene: Scene,
    sums: Floats,
) -> Word:
    """Run one path; adds to `sums` (see `ledger.Sum`) and returns the path's hash.

    `sums` brings the starting state: q, x, and the capital in EQUITY_MIN.
    """
    moves_bp, variances, drifts_bp = scene
    cells = len(moves_bp)
    rules, lines_bp, slopes, hedges = policy.rules, policy.lines_bp, policy.slopes, policy.hedges
    words = sums.view(np.uint64)
    wealth = sums[EQUITY_MIN]
    hash_: Word = np.uint64(len(tape.time_day))
    cell = 0
    for mark in range(len(tape.time_day)):
        due = int(tape.time_day[mark] / market.cell_day)
        if due >= cells:
            break
        if due > cell:
            wealth = advance(
                market, rules, hedges, cell, due, moves_bp, drifts_bp, variances, wealth, sums
            )
            cell = due
        side, rung, size_m = int(tape.side[mark]), int(tape.rung[mark]), tape.size_m[mark]
        if not _within_limit(rules, sums[INVENTORY], side * size_m) or rung < 0:
            continue
        quoted_bp = markup_bp(
            rules, lines_bp, slopes, side, rung, sums[INVENTORY], sums[IMPACT_STATE]
        )
        if quoted_bp > tape.reservation_bp[mark]:
            continue
        book_fill(sums, side, size_m, quoted_bp)
        wealth += size_m * quoted_bp
        hash_ = mixed(hash_ ^ np.uint64(mark), words[INVENTORY] ^ words[IMPACT_STATE])
    advance(market, rules, hedges, cell, cells, moves_bp, drifts_bp, variances, wealth, sums)
    sums[DAYS] = cells * market.cell_day
    for word in words:
        hash_ = mixed(hash_, word)
    return hash_


@inlined
def book_fill(sums: Floats, side: int, size_m: float, quoted_bp: float) -> None:
    """Book what a client took: inventory, markup, volume, count. `side` is +1 where it bought."""
    sums[INVENTORY] -= side * size_m
    sums[MARKUP] += size_m * quoted_bp
    sums[CLIENT_VOLUME] += size_m
    sums[FILLS] += 1.0


@compiled
def _within_limit(rules: QuoteRules, held_m: float, sold_m: float) -> bool:
    """Whether a fill keeps |q| inside the policy's limit, or lowers it."""
    after_m = abs(held_m - sold_m)
    return after_m <= rules.limit_m or after_m <= abs(held_m)


@compiled
def advance(
    market: TrueMarket,
    rules: QuoteRules,
    hedges: Tables,
    start: int,
    end: int,
    moves_bp: Floats,
    drifts_bp: Floats,
    variances: Floats,
    wealth: float,
    sums: Floats,
) -> float:
    """Hedge through cells start..end-1 without a client; the wealth afterwards."""
    day = market.cell_day
    fade = -market.resilience_per_day * day
    push = market.impact_bp_per_m * day
    drifting = len(drifts_bp) > 1
    varying = len(variances) > 1
    drift = drifts_bp[0]
    variance = variances[0]
    held = sums[INVENTORY]
    state = sums[IMPACT_STATE]
    least = sums[EQUITY_MIN]
    impact = drifted = martingale = cost = squares = charged = outside = moved = 0.0
    flat = hedges.shape[0] == 1 and hedges.shape[1] == 1
    for cell in range(start, end):
        if flat:
            rate = flat_rate_m_per_day(rules, hedges[0, 0], held, state)
        else:
            rate = hedge_rate_m_per_day(rules, hedges, held, state)
        speed = abs(rate)
        spent = (market.spread_bp + market.quadratic_bp_day_per_m * speed) * speed * day
        pushed = fade * state + push * rate
        move = moves_bp[cell]
        if drifting:
            drift = drifts_bp[cell]
        if varying:
            variance = variances[cell]
        squares += held * held
        charged += variance * held * held
        impact += held * pushed
        drifted += held * drift
        martingale += held * move
        moved += move + drift + pushed
        cost += spent
        outside += speed
        wealth += held * (move + drift + pushed) - spent
        least = min(least, wealth)
        state += pushed
        held += rate * day
    sums[INVENTORY] = held
    sums[IMPACT_STATE] = state
    sums[EQUITY_MIN] = least
    sums[IMPACT] += impact
    sums[DRIFT] += drifted
    sums[MARTINGALE] += martingale
    sums[COST] += cost
    sums[SQUARE] += squares * day
    sums[RISK] += 0.5 * market.risk_aversion * charged * day
    sums[EXTERNAL_VOLUME] += outside * day
    sums[PRICE] += moved
    return wealth


def finite(sums: Floats) -> bool:
    """Whether a path's sums are all numbers: a policy that blows up must not pass for a result."""
    return all(map(math.isfinite, sums))
