# SPDX-License-Identifier: Apache-2.0
"""The loop of the clients world: every client has its own quote, and the dealer may learn.

It is the loop of `quotes_loop` with four things more. A client's quote carries its premium. News
trades look at the half-spread, that is at the quote without its inventory and impact skew. Fills
fall due at each horizon and become evidence then. And a signal of drift to come protects the hedge
and the quotes. Marks of a cell happen at its beginning, at the mid of that moment, `mids_bp[cell]`;
a horizon is rounded up to whole cells, so that no label is early.

What the venue sees is its own fills and the mid. That a client asked and did not trade is not
used as evidence, although the quote it is given is looked up at that moment.
"""

from __future__ import annotations

import math

import numpy as np

from infold.dealer.toxicity.features import UNKNOWN_IMBALANCE, write_features
from infold.dealer.toxicity.filtering import (
    elapse,
    note_fill,
    note_window,
    posterior,
    refit,
)
from infold.dealer.toxicity.learner import learn, predict
from infold.dealer.toxicity.pricing import add_pending, best_level, guarded
from infold.dealer.toxicity.vpin import add_trade
from infold.dealer.toxicity.vpin import value as vpin_value
from infold.research.simulation.clients_columns import (
    BLIND,
    FILTER,
    KNOWING,
    LABEL_HORIZON,
    TOLD,
    ClientConduct,
    ClientSum,
    Fills,
    Mind,
    Signal,
    Timing,
)
from infold.research.simulation.columns import (
    COST,
    DAYS,
    DRIFT,
    EXTERNAL_VOLUME,
    IMPACT,
    IMPACT_STATE,
    INVENTORY,
    MARKUP,
    MARTINGALE,
    PRICE,
    RISK,
    SQUARE,
)
from infold.research.simulation.compiled import Floats, Integers, Word, compiled
from infold.research.simulation.informed import Hidden
from infold.research.simulation.ledger import mixed
from infold.research.simulation.policy import Policy, QuoteRules, markup_bp
from infold.research.simulation.quotes_loop import TrueMarket, book_fill
from infold.research.simulation.scene import Scene
from infold.research.simulation.tape import Tape

ASKED = int(ClientSum.ASKED)
QUOTED = int(ClientSum.QUOTED)
BOUGHT = int(ClientSum.BOUGHT)
PAID = int(ClientSum.PAID)
SURPLUS = int(ClientSum.SURPLUS)
MARKED = int(ClientSum.MARKED)
LATER = int(ClientSum.LATER)
NEWS_VOLUME = int(ClientSum.NEWS_VOLUME)
NEWS_PAID = int(ClientSum.NEWS_PAID)
OWN_VOLUME = int(ClientSum.OWN_VOLUME)
CHARGED = int(ClientSum.CHARGED)


@compiled
def run_clients(
    market: TrueMarket,
    ladder: Policy,
    conduct: ClientConduct,
    signal: Signal,
    mind: Mind,
    premiums_bp: Floats,
    told_bp: Floats,
    tape: Tape,
    hidden: Hidden,
    scene: Scene,
    timing: Timing,
    fills: Fills,
    sums: Floats,
) -> Word:
    """Run one path; writes its row to `sums` and returns the hash of its whole course.

    Only what happened from cell `burn` on is in the sums; before it the dealer learns.
    `premiums_bp` are a filter's levels, `told_bp` premiums by mark for the others.
    """
    cells = len(scene.moves_bp)
    kinds, clients = mind.kinds, mind.clients
    filters = conduct.sight == FILTER
    mids_bp = np.zeros(cells + 1)
    pending_bp = np.zeros(len(signal.kept))
    row = np.zeros(len(kinds.shares))
    released = np.zeros(len(timing.lags), dtype=np.int64)
    words = sums.view(np.uint64)
    hash_: Word = np.uint64(len(tape.time_day))
    # Nothing is done yet. A plain zero would be a constant, and every callee be compiled twice.
    cell = count = known = scored = int(fills.done[0])
    marks = len(tape.time_day)
    for mark in range(marks + 1):
        due = min(int(tape.time_day[mark] / market.cell_day), cells) if mark < marks else cells
        while cell < due:
            stop = timing.burn if cell < timing.burn <= due else due
            _advance(market, ladder, conduct, signal, pending_bp, cell, stop, scene, mids_bp, sums)
            cell = stop
            if cell == timing.burn:
                _forget_sums(sums)
        if cell == cells:
            break
        scored = _score_minutes(timing, tape, fills, mids_bp, scored, count, cell, sums)
        if filters:
            _fall_due(timing, mind, tape, fills, mids_bp, released, count, cell)
        if tape.rung[mark] < 0:
            continue
        client = int(tape.client[mark])
        side, rung, size_m = int(tape.side[mark]), int(tape.rung[mark]), tape.size_m[mark]
        level = 0
        premium = told_bp[mark]
        now_day = cell * market.cell_day
        if filters:
            elapse(kinds, clients, client, now_day)
            posterior(kinds, clients, client, row)
            level = best_level(kinds, row, conduct.evidence)
            clients.levels[client] = level
            premium = premiums_bp[level]
        elif conduct.sight == KNOWING and hidden.news[mark] == 1:
            _add_true(signal, hidden, tape, mark, pending_bp)
        shelter = conduct.shelter * side * _drift(signal, pending_bp)
        if conduct.sight != KNOWING:
            shelter = max(shelter, 0.0)
        # What a news trader looks at has no skew in it: neither inventory's nor impact's.
        extra = premium + shelter
        spread = extra + markup_bp(
            ladder.rules, ladder.lines_bp, ladder.slopes, side, rung, 0.0, 0.0
        )
        quoted = extra + markup_bp(
            ladder.rules,
            ladder.lines_bp,
            ladder.slopes,
            side,
            rung,
            sums[INVENTORY],
            sums[IMPACT_STATE],
        )
        uninformed = tape.informed[mark] == 0
        if uninformed:
            sums[ASKED] += size_m
            sums[QUOTED] += size_m * quoted
            sums[CHARGED] += size_m * (premium > 0.0)
        if (spread if hidden.news[mark] == 1 else quoted) > tape.reservation_bp[mark]:
            continue
        fills.marks[count] = mark
        fills.cells[count] = cell
        fills.paid_bp[count] = quoted
        if filters:
            known = max(known, client + 1)
            note_fill(kinds, clients, client, now_day, level, fills.chances[count])
            fills.believed[count] = posterior(kinds, clients, client, row)
            add_pending(kinds, row, fills.chances[count], side, pending_bp)
            features = fills.features[count]
            imbalance = vpin_value(mind.vpin, UNKNOWN_IMBALANCE)
            write_features(fills.believed[count], quoted, imbalance, size_m, features)
            fills.toxic[count] = predict(mind.belief, 0, features)
            add_trade(mind.vpin, side, size_m)
        elif conduct.sight == TOLD and hidden.news[mark] == 1:
            _add_true(signal, hidden, tape, mark, pending_bp)
        count += 1
        if conduct.refit_fills > 0 and count % conduct.refit_fills == 0:
            refit(kinds, clients, known, mind.prior, conduct.refit_weight)
        _book(tape, hidden, mark, quoted, sums)
        hash_ = mixed(hash_ ^ np.uint64(mark), words[INVENTORY] ^ words[MARKUP])
    sums[DAYS] = (cells - timing.burn) * market.cell_day
    fills.done[0] = count
    for word in words:
        hash_ = mixed(hash_, word)
    return hash_


@compiled
def _book(tape: Tape, hidden: Hidden, mark: int, quoted: float, sums: Floats) -> None:
    """A fill's money and volume."""
    size_m = tape.size_m[mark]
    book_fill(sums, tape.side[mark], size_m, quoted)
    if tape.informed[mark] == 0:
        sums[BOUGHT] += size_m
        sums[PAID] += size_m * quoted
        sums[SURPLUS] += size_m * (tape.reservation_bp[mark] - quoted)
    elif hidden.news[mark] == 1:
        sums[NEWS_VOLUME] += size_m
        sums[NEWS_PAID] += size_m * quoted
    else:
        sums[OWN_VOLUME] += size_m


@compiled
def _forget_sums(sums: Floats) -> None:
    """Start to score: what the dealer holds and knows stays."""
    for column in range(len(sums)):
        if column != INVENTORY and column != IMPACT_STATE:
            sums[column] = 0.0


@compiled
def _add_true(signal: Signal, hidden: Hidden, tape: Tape, mark: int, pending_bp: Floats) -> None:
    """Put a news item's drift into the bucket whose decay is nearest in ratio."""
    best = 0
    for bucket in range(1, len(pending_bp)):
        here = abs(math.log(signal.decays_day[bucket] / hidden.decay_day[mark]))
        if here < abs(math.log(signal.decays_day[best] / hidden.decay_day[mark])):
            best = bucket
    pending_bp[best] += tape.side[mark] * hidden.edge_bp[mark]


@compiled
def _drift(signal: Signal, pending_bp: Floats) -> float:
    """How much of the drift to come the price takes on."""
    drift = 0.0
    for bucket in range(len(pending_bp)):
        drift += signal.gains[bucket] * pending_bp[bucket]
    return drift


@compiled
def _score_minutes(
    timing: Timing,
    tape: Tape,
    fills: Fills,
    mids_bp: Floats,
    scored: int,
    count: int,
    cell: int,
    sums: Floats,
) -> int:
    """What uninformed clients' trades cost against the mid a minute later; for the score alone."""
    while scored < count and fills.cells[scored] + timing.minute <= cell:
        mark, begun = fills.marks[scored], fills.cells[scored]
        if begun >= timing.burn and tape.informed[mark] == 0:
            move_bp = tape.side[mark] * (mids_bp[begun + timing.minute] - mids_bp[begun])
            sums[MARKED] += tape.size_m[mark]
            sums[LATER] += tape.size_m[mark] * (fills.paid_bp[scored] - move_bp)
        scored += 1
    return scored


@compiled
def _fall_due(
    timing: Timing,
    mind: Mind,
    tape: Tape,
    fills: Fills,
    mids_bp: Floats,
    released: Integers,
    count: int,
    cell: int,
) -> None:
    """Give the filter and the learner every label whose horizon has passed, and no other."""
    for horizon in range(len(timing.lags)):
        while released[horizon] < count:
            fill = released[horizon]
            begun = fills.cells[fill]
            if begun + timing.lags[horizon] > cell:
                break
            released[horizon] += 1
            mark = fills.marks[fill]
            side = int(tape.side[mark])
            now_bp = mids_bp[begun + timing.lags[horizon]]
            earlier = begun + timing.lags[horizon - 1] if horizon > 0 else begun
            move_bp = side * (now_bp - mids_bp[earlier])
            note_window(
                mind.kinds, mind.clients, tape.client[mark], horizon, move_bp, fills.chances[fill]
            )
            if horizon == LABEL_HORIZON:
                toxic = side * (now_bp - mids_bp[begun]) > fills.paid_bp[fill]
                fills.came[fill] = 1.0 if toxic else 0.0
                learn(mind.belief, 0, fills.features[fill], toxic)


@compiled
def _rate(rules: QuoteRules, price_bp: float) -> float:
    """How fast the closed form buys outside at a marginal price, M a day."""
    excess = abs(price_bp) - rules.zone_bp
    if excess <= 0.0:
        return 0.0
    return math.copysign(rules.steepness_m_per_bp_day * excess, price_bp)


@compiled
def _advance(
    market: TrueMarket,
    ladder: Policy,
    conduct: ClientConduct,
    signal: Signal,
    pending_bp: Floats,
    start: int,
    end: int,
    scene: Scene,
    mids_bp: Floats,
    sums: Floats,
) -> None:
    """Hedge through cells start..end-1; writes the mid at each cell's end."""
    rules = ladder.rules
    day = market.cell_day
    fade = -market.resilience_per_day * day
    push = market.impact_bp_per_m * day
    held = sums[INVENTORY]
    state = sums[IMPACT_STATE]
    mid = mids_bp[start]
    moves_bp, drifts_bp = scene.moves_bp, scene.drifts_bp
    impact = drifted = martingale = cost = squares = outside = 0.0
    for cell in range(start, end):
        drift_to_come = _drift(signal, pending_bp)
        for bucket in range(len(pending_bp)):
            pending_bp[bucket] *= signal.kept[bucket]
        own = rules.price_slope_bp_per_m * held + rules.price_signal * state
        price = own
        if conduct.sight == KNOWING:
            price += drift_to_come
        elif conduct.sight != BLIND:
            price = guarded(own, drift_to_come, held)
        rate = _rate(rules, price)
        if conduct.sight != KNOWING and price != own and held * (held + rate * day) < 0.0:
            # The signal may bring inventory to zero within a cell, not through it.
            rate = -held / day
        speed = abs(rate)
        pushed = fade * state + push * rate
        squares += held * held
        impact += held * pushed
        drifted += held * drifts_bp[cell]
        martingale += held * moves_bp[cell]
        cost += (market.spread_bp + market.quadratic_bp_day_per_m * speed) * speed
        outside += speed
        mid += moves_bp[cell] + drifts_bp[cell] + pushed
        mids_bp[cell + 1] = mid
        state += pushed
        held += rate * day
    sums[INVENTORY] = held
    sums[IMPACT_STATE] = state
    sums[IMPACT] += impact
    sums[DRIFT] += drifted
    sums[MARTINGALE] += martingale
    sums[COST] += cost * day
    sums[SQUARE] += squares * day
    sums[RISK] += 0.5 * market.risk_aversion * scene.variances[0] * squares * day
    sums[EXTERNAL_VOLUME] += outside * day
    sums[PRICE] = mid
