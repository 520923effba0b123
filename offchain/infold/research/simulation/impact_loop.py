# SPDX-License-Identifier: Apache-2.0
"""The loop of the impact world: the quotes world with a price that answers our hedge as it likes.

The truth is any sum of exponentials of any power of the rate; the dealer believes in a few decays
of a linear one, follows its own trades with them, and may fit their gains anew from those trades
and the mid it sees. As in `quotes_loop.py` marks happen at the beginning of a cell and one rate is
hedged through it; a state under a constant rate moves exactly:

    x_j -> x_j e^(-b_j dt) + G_j f(v) (1 - e^(-b_j dt)) / b_j,   f(v) = sign(v) |v|^d ref^(1 - d)

and so do the dealer's unit states u_i, with v itself. It leans on `signal = sum of B_i k_i u_i` and
hedges at the price `-2 A0 q + kept q - signal` (`dealer/impact/state.py`), where kept is never let
above 2 A0: an estimate must not talk it into trading away from zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from infold.dealer.impact.nonnegative import posterior
from infold.research.simulation.columns import (
    COST,
    DAYS,
    EQUITY_MIN,
    EXTERNAL_VOLUME,
    IMPACT,
    IMPACT_STATE,
    INVENTORY,
    MARTINGALE,
    PRICE,
    RISK,
    SQUARE,
)
from infold.research.simulation.compiled import Floats, Word, compiled
from infold.research.simulation.ledger import mixed
from infold.research.simulation.policy import (
    Policy,
    QuoteRules,
    Tables,
    hedge_rate_m_per_day,
    markup_bp,
)
from infold.research.simulation.quotes_loop import (
    TrueMarket,
    book_fill,
)
from infold.research.simulation.tape import Tape


class Response(NamedTuple):
    """How the price answers and the dealer's states move in one cell, as the loop needs it."""

    fades: Floats  # of the truth's states
    pushes_bp_per_rate: Floats  # G_j (1 - fade) / b_j, times f(v)
    rate_exponent: float
    reference_m_per_day: float
    unit_fades: Floats  # of the dealer's
    unit_pushes_day: Floats  # (1 - fade) / beta_i, times v
    shares: Floats  # B_i


class Belief(NamedTuple):
    """What the dealer takes the response for, and how it learns."""

    gains_bp_per_m: Floats  # what it starts from, and stays at while it has seen little
    spreads_bp_per_m: Floats  # how far from that the truth may well be
    rates_per_day: Floats
    relaxation_per_day: float  # omega
    variance_bp2_per_day: float  # of the mid, for weighing what it sees
    refit_cells: int  # zero: never
    caution: float  # in standard errors: how far below the fit it acts


class ImpactPolicy(NamedTuple):
    """Quotes and hedges of a signal, and the belief that makes the signal."""

    policy: Policy
    belief: Belief


class Carried(NamedTuple):
    """What goes on from one day to the next; changed in place."""

    parts_bp: Floats  # the truth's states
    units_m: Floats  # the dealer's
    gains_bp_per_m: Floats  # as acted on since the last fit
    normal: Floats  # (decays, decays): sum of du du' over cells
    moment: Floats  # sum of du dS
    noiseless: Floats  # sum of du dx: what the dealer cannot see


@compiled
def run_impact(
    market: TrueMarket,
    response: Response,
    policy: ImpactPolicy,
    carried: Carried,
    tape: Tape,
    moves_bp: Floats,
    sums: Floats,
) -> Word:
    """Run one day; adds to `sums` and returns the day's hash. See `quotes_loop.run_quotes`."""
    cells = len(moves_bp)
    rules, lines_bp = policy.policy.rules, policy.policy.lines_bp
    slopes, hedges = policy.policy.slopes, policy.policy.hedges
    shares = response.shares
    words = sums.view(np.uint64)
    wealth = sums[EQUITY_MIN]
    hash_: Word = np.uint64(len(tape.time_day))
    cell = 0
    for mark in range(len(tape.time_day)):
        due = int(tape.time_day[mark] / market.cell_day)
        if due >= cells:
            break
        if due > cell:
            wealth = _advance(
                market,
                response,
                policy.belief,
                rules,
                hedges,
                carried,
                cell,
                due,
                moves_bp,
                wealth,
                sums,
            )
            cell = due
        side, rung, size_m = int(tape.side[mark]), int(tape.rung[mark]), tape.size_m[mark]
        if rung < 0:
            continue
        signal = 0.0
        for part in range(len(shares)):
            signal += shares[part] * carried.gains_bp_per_m[part] * carried.units_m[part]
        quoted_bp = markup_bp(rules, lines_bp, slopes, side, rung, sums[INVENTORY], signal)
        if quoted_bp > tape.reservation_bp[mark]:
            continue
        book_fill(sums, side, size_m, quoted_bp)
        wealth += size_m * quoted_bp
        hash_ = mixed(hash_ ^ np.uint64(mark), words[INVENTORY] ^ words[IMPACT_STATE])
    _advance(
        market,
        response,
        policy.belief,
        rules,
        hedges,
        carried,
        cell,
        cells,
        moves_bp,
        wealth,
        sums,
    )
    sums[DAYS] = cells * market.cell_day
    for word in words:
        hash_ = mixed(hash_, word)
    return hash_


@compiled
def _advance(
    market: TrueMarket,
    response: Response,
    belief: Belief,
    rules: QuoteRules,
    hedges: Tables,
    carried: Carried,
    start: int,
    end: int,
    moves_bp: Floats,
    wealth: float,
    sums: Floats,
) -> float:
    """Hedge through cells start..end-1 without a client; the wealth afterwards."""
    day = market.cell_day
    parts, units, gains = carried.parts_bp, carried.units_m, carried.gains_bp_per_m
    fades, pushes = response.fades, response.pushes_bp_per_rate
    unit_fades, unit_pushes = response.unit_fades, response.unit_pushes_day
    shares = response.shares
    decays = len(units)
    changes = np.empty(decays)
    held = sums[INVENTORY]
    least = sums[EQUITY_MIN]
    impact = martingale = cost = squares = outside = moved = 0.0
    for cell in range(start, end):
        signal = kept = 0.0
        for part in range(decays):
            signal += shares[part] * gains[part] * units[part]
            kept += (1.0 - shares[part]) * gains[part]
        kept = min(kept, -rules.price_slope_bp_per_m)
        rate = hedge_rate_m_per_day(rules, hedges, held, signal - kept * held)
        speed = abs(rate)
        spent = (market.spread_bp + market.quadratic_bp_day_per_m * speed) * speed * day
        felt = rate
        if rate != 0.0 and response.rate_exponent != 1.0:
            felt = rate * (speed / response.reference_m_per_day) ** (response.rate_exponent - 1.0)
        pushed = 0.0
        for part in range(len(parts)):
            after = parts[part] * fades[part] + pushes[part] * felt
            pushed += after - parts[part]
            parts[part] = after
        move = moves_bp[cell]
        for part in range(decays):
            after = units[part] * unit_fades[part] + unit_pushes[part] * rate
            changes[part] = after - units[part]
            units[part] = after
            carried.moment[part] += changes[part] * (move + pushed)
            carried.noiseless[part] += changes[part] * pushed
            for other in range(part + 1):
                carried.normal[part, other] += changes[part] * changes[other]
        squares += held * held
        impact += held * pushed
        martingale += held * move
        moved += move + pushed
        cost += spent
        outside += speed
        wealth += held * (move + pushed) - spent
        least = min(least, wealth)
        held += rate * day
        if belief.refit_cells > 0 and (cell + 1) % belief.refit_cells == 0:
            act_on(belief, carried, day)
    sums[INVENTORY] = held
    state = 0.0
    for part in range(len(parts)):
        state += parts[part]
    sums[IMPACT_STATE] = state
    sums[EQUITY_MIN] = least
    sums[IMPACT] += impact
    sums[MARTINGALE] += martingale
    sums[COST] += cost
    sums[SQUARE] += squares * day
    sums[RISK] += 0.5 * market.risk_aversion * belief.variance_bp2_per_day * squares * day
    sums[EXTERNAL_VOLUME] += outside * day
    sums[PRICE] += moved
    return wealth


@compiled
def act_on(belief: Belief, carried: Carried, cell_day: float) -> None:
    """Set the gains to act on: what was seen and the prior (`nonnegative.posterior`), less
    caution.
    """
    decays = len(belief.gains_bp_per_m)
    normal = np.empty((decays, decays))
    moment = np.empty(decays)
    for row in range(decays):
        for column in range(decays):
            low, high = max(row, column), min(row, column)
            normal[row, column] = carried.normal[low, high] / cell_day
        moment[row] = carried.moment[row] / cell_day
    gains, errors = posterior(
        normal,
        moment,
        belief.variance_bp2_per_day,
        belief.gains_bp_per_m,
        belief.spreads_bp_per_m,
    )
    for part in range(decays):
        carried.gains_bp_per_m[part] = max(gains[part] - belief.caution * errors[part], 0.0)
