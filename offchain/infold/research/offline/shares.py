# SPDX-License-Identifier: Apache-2.0
"""What was crossed, warehoused and hedged, and what it cost, over all batches of some markets.

Shares are of one-sided notional: what crossed plus what the dealer took. They are three different
services and are never added up to one word: crossed volume met itself, warehoused volume was kept
against later flow, hedged volume was passed on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from infold.research.faults import TooLittle
from infold.research.microstructure.chance import Interval, ratio_interval
from infold.research.offline.serving import Served
from infold.research.recorded import Floats


@dataclass(frozen=True, slots=True)
class Share:
    """A ratio of sums over batches with its block-bootstrap interval."""

    value: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Shares:
    """Shares of one-sided notional, then costs in bp; `batches` with their orders behind them.

    `outside_residual_bp` is what sending every residual outside at once would have cost, a M of
    residual; `hedge_bp` what a hedged M did cost; `earned_bp` the dealer's result (markup, what the
    price did to inventory, hedges) a M taken; `paid_here_bp` and `paid_there_bp` what filled takers
    paid against the mid when they sent, fees left out; `filled` the share of asked volume.
    """

    crossed: Share
    warehoused: Share
    hedged: Share
    filled: Share
    outside_residual_bp: Share
    hedge_bp: Share | None
    earned_bp: Share
    paid_here_bp: Share
    paid_there_bp: Share
    batches: int
    notional_m: float


def shares_of(served: Sequence[Served], seed: int) -> Shares:
    """Over markets: batches that close at one time are one row. `TooLittle` if nothing traded."""
    times = np.unique(np.concatenate([one.time_ms for one in served]))

    def column(name: str) -> Floats:
        total = np.zeros(len(times))
        for one in served:
            np.add.at(total, np.searchsorted(times, one.time_ms), getattr(one, name))
        return total

    crossed, residual, hedged = column("crossed_m"), column("residual_m"), column("hedged_m")
    whole = crossed + residual
    if whole.sum() == 0.0:
        raise TooLittle("nothing traded (M): there are no shares")
    cost = column("hedge_cost")
    result = column("markup") + column("carried") - cost
    filled = column("filled_m")

    def share(top: Floats, bottom: Floats) -> Share:
        return _share(top, bottom, seed)

    return Shares(
        crossed=share(crossed, whole),
        warehoused=share(residual - hedged, whole),
        hedged=share(hedged, whole),
        filled=share(filled, column("asked_m")),
        outside_residual_bp=share(column("residual_outside"), residual),
        hedge_bp=share(cost, hedged) if hedged.sum() > 0.0 else None,
        earned_bp=share(result, residual),
        paid_here_bp=share(column("paid_here"), filled),
        paid_there_bp=share(column("paid_there"), filled),
        batches=len(times),
        notional_m=float(whole.sum()),
    )


def _share(top: Floats, bottom: Floats, seed: int) -> Share:
    total = float(bottom.sum())
    if total == 0.0:
        return Share(0.0, Interval(0.0, 0.0))
    return Share(float(top.sum()) / total, ratio_interval(top, bottom, seed))
