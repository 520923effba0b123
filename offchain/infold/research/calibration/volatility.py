# SPDX-License-Identifier: Apache-2.0
"""A market's volatility from its bars, else its mids, else its trades.

Bars give HAR's forecast of the next period; mids are read every five seconds and trades every ten:
below that the bid-ask bounce is what moves.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from infold.dealer.volatility import fit_garch, fit_har, returns_bp
from infold.research.calibration.notes import Notes, Sources
from infold.research.faults import TooLittle
from infold.research.microstructure.chance import bootstrap
from infold.research.recorded import Bars, Floats, Integers
from infold.research.volatility import RISKMETRICS_HALF_LIFE, realised
from infold.units import DAY_MS

MIDS_MS: Final = 5_000
TRADES_MS: Final = 10_000
STEPS_MIN: Final = 20
"""Fewer moves than these give no volatility."""
GARCH_RETURNS_MIN: Final = 500
GARCH_RETURNS_MAX: Final = 20_000
"""Older returns say little of the present regime, and take time."""


def volatility_of(sources: Sources, notes: Notes, seed: int) -> float:
    """In bp per root day; `TooLittle` if no source tells it or the price never moves."""
    if sources.bars is not None:
        told = _from_bars(sources.bars, notes)
        if told is not None:
            return told
    if sources.quotes is not None:
        moves = _moves(
            sources.quotes.time_ms, (sources.quotes.bid + sources.quotes.ask) / 2.0, MIDS_MS
        )
        source = f"mids every {MIDS_MS // 1000} s"
        step_ms = MIDS_MS
    elif sources.trades is not None:
        moves = _moves(sources.trades.time_ms, sources.trades.price, TRADES_MS)
        source = f"trades every {TRADES_MS // 1000} s"
        step_ms = TRADES_MS
    else:
        raise TooLittle(f"nothing tells volatility_bp (bp per root day) of {sources.market}")
    if len(moves) < STEPS_MIN:
        raise TooLittle(
            f"{len(moves)} moves of {source} are too few for volatility_bp (bp per root day) of"
            f" {sources.market}: give a longer record, or bars"
        )
    a_day = math.sqrt(DAY_MS / step_ms)
    squares = moves**2
    value = a_day * math.sqrt(float(squares.mean()))
    interval = bootstrap(
        squares[None, :], lambda sums: a_day * np.sqrt(sums[:, 0] / len(moves)), seed
    )
    if value == 0.0:
        raise TooLittle(f"the price of {sources.market} never moves: volatility_bp would be zero")
    notes.found("volatility_bp", value, len(moves), source, interval)
    return value


def _moves(time_ms: Integers, price: Floats, step_ms: int) -> Floats:
    """Returns in bp over steps in which something was recorded, and the step before too."""
    edges = np.arange(int(time_ms[0]), int(time_ms[-1]) + 1, step_ms)
    place = np.searchsorted(time_ms, edges, side="right") - 1
    if len(place) < 2:
        return np.empty(0)
    fresh = np.diff(place, prepend=-1) > 0
    moves: Floats = returns_bp(price[place])[fresh[1:] & fresh[:-1]]
    return moves


def _from_bars(bars: Bars, notes: Notes) -> float | None:
    """HAR's forecast of the next period; where bars are too few for it, their average's."""
    found = realised(bars)
    if found is None or len(found.variances_bp2) < STEPS_MIN:
        return None
    variances = found.variances_bp2
    a_day = math.sqrt(86_400.0 / found.period_s)
    if len(variances) >= 3 * max(found.lags):
        value = a_day * math.sqrt(fit_har(variances, found.lags).forecast(variances))
        source = f"HAR's forecast of the next {found.period_s} s"
    else:
        weights = 2.0 ** (-np.arange(len(variances))[::-1] / RISKMETRICS_HALF_LIFE)
        value = a_day * math.sqrt(float((weights * variances).sum() / weights.sum()))
        source = f"exponential average of periods of {found.period_s} s: too few for HAR"
    notes.found("volatility_bp", value, len(variances), source)
    _second_opinion(bars, notes)
    long_run = a_day * math.sqrt(float(variances.mean()))
    notes.found("volatility_long_run_bp", long_run, len(variances), "all bars")
    return value


def _second_opinion(bars: Bars, notes: Notes) -> None:
    """GARCH with leverage over the longest stretch without a gap: told, not used. Returns of bars
    say less than their ranges, but what it says of persistence and of falls HAR does not.
    """
    run = max(bars.runs(), key=lambda stretch: int(stretch.stop - stretch.start))
    moves = returns_bp(bars.close[run]) if run.stop - run.start > GARCH_RETURNS_MIN else np.empty(0)
    if not moves.any():
        return
    moves = moves[-GARCH_RETURNS_MAX:]
    found = fit_garch(moves, leverage=True)
    steps = max(1, DAY_MS // bars.step_ms)
    ahead = found.parameters.forecast_bp2(moves, steps)
    value = math.sqrt(float(ahead.mean()) * steps)
    source = f"GJR on {len(moves)} returns of {bars.step_ms // 1_000} s"
    notes.found("garch_volatility_bp", value, len(moves), f"{source}, the next day's mean")
    notes.found("garch_persistence", found.parameters.persistence, len(moves), source)
    notes.found("garch_leverage", found.parameters.leverage, len(moves), source)
