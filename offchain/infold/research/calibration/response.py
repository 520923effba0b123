# SPDX-License-Identifier: Apache-2.0
"""How mids answer signed taker flow: impact on three decay scales, and the one a desk takes."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from infold.dealer.impact.fitting import fit_decays, predicted_bp
from infold.dealer.impact.state import ImpactParameters, kept_bp_per_m
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms
from infold.dealer.volatility import returns_bp
from infold.research.calibration.notes import Notes, Sources
from infold.research.calibration.orders import ORDERS_MIN, TakerOrders
from infold.research.calibration.outside_costs import depth_m
from infold.research.microstructure.chance import Interval
from infold.research.microstructure.recordings import mids
from infold.research.recorded import Floats, Quotes
from infold.units import DAY_MS

IMPACT_STEP_MS: Final = 500
IMPACT_PAUSES: Final = 4.0


def impact_of(
    sources: Sources, orders: TakerOrders | None, draft: DealerParameters, notes: Notes
) -> ImpactParameters | None:
    if orders is None or sources.quotes is None:
        notes.assumed["impact_bp_per_m"] = "needs trades and quotes of the same time"
        notes.assumed["resilience_per_day"] = notes.assumed["impact_bp_per_m"]
        return None
    step_ms = impact_step_ms(sources.quotes)
    signed_m, move_bp = impact_columns(orders, sources.quotes, step_ms)
    if np.count_nonzero(signed_m) < ORDERS_MIN:
        notes.assumed["impact_bp_per_m"] = (
            f"{np.count_nonzero(signed_m)} steps with flow and quotes are too few"
        )
        notes.assumed["resilience_per_day"] = notes.assumed["impact_bp_per_m"]
        return None
    gap_day = np.full(len(signed_m), step_ms / DAY_MS)
    found = fit_decays(gap_day, signed_m, move_bp)
    for decay_s, gain, error in zip(
        found.decays_s, found.gains_bp_per_m, found.errors_bp_per_m, strict=True
    ):
        interval = Interval(max(gain - 1.96 * error, 0.0), gain + 1.96 * error)
        name = f"impact_{decay_s:g}_s_bp_per_m"
        source = f"mids against signed flow, steps of {step_ms} ms"
        notes.found(name, gain, found.count, source, interval)
    notes.found("impact_explained", found.explained, found.count, "squares of the mid's moves")
    later = _impact_later(gap_day, signed_m, move_bp)
    notes.found("impact_explained_later", later, found.count // 2, "second half, fit of the first")
    fast, middle, slow = found.gains_bp_per_m
    depth = 1.0 if sources.books is None else max(depth_m(sources.books, 10.0), 1e-9)
    impact = ImpactParameters(
        gains_bp_per_m=(fast, middle, slow),
        volatility_bp=draft.volatility_bp,
        depth_m=depth,
    )
    total = fast + middle + slow
    notes.figures["impact_bp_per_m"] = total
    if total == 0.0:
        notes.assumed["resilience_per_day"] = "no impact was found, so nothing decays"
        return impact
    # One scale that gives back as much as the three do while inventory works off at omega.
    omega = closed_forms(draft).relaxation_per_day
    notes.figures["resilience_per_day"] = omega * (total / kept_bp_per_m(impact, omega) - 1.0)
    return impact


def impact_step_ms(quotes: Quotes) -> int:
    """Steps in which flow and move are matched: half a second, and four of the quotes' pauses.

    Event by event the mid's own flicker and the delay of quotes drown the answer to one order.
    """
    pause_ms = float(np.median(np.diff(quotes.time_ms)))
    return max(IMPACT_STEP_MS, math.ceil(IMPACT_PAUSES * pause_ms))


def impact_columns(orders: TakerOrders, quotes: Quotes, step_ms: int) -> tuple[Floats, Floats]:
    """Signed M and the mid's move in bp of each step, over the time both are recorded."""
    begin_ms = max(int(quotes.time_ms[0]), int(orders.time_ms[0]))
    end_ms = min(int(quotes.time_ms[-1]), int(orders.time_ms[-1]))
    edges = np.arange(begin_ms, end_ms + 1, step_ms)
    if len(edges) < 2:
        return np.empty(0), np.empty(0)
    place = np.searchsorted(orders.time_ms, edges)
    flow = np.concatenate([[0.0], np.cumsum(orders.side * orders.size_m)])
    return np.diff(flow[place]), returns_bp(mids(quotes, edges))


def _impact_later(gap_day: Floats, signed_m: Floats, move_bp: Floats) -> float:
    """The share of the second half's squares that the first half's gains account for."""
    half = len(signed_m) // 2
    found = fit_decays(gap_day[:half], signed_m[:half], move_bp[:half])
    told = predicted_bp(found.gains_bp_per_m, found.decays_s, gap_day, signed_m)[half:]
    squares = float((move_bp[half:] ** 2).sum())
    return 1.0 - float(((move_bp[half:] - told) ** 2).sum()) / squares if squares else 0.0
