# SPDX-License-Identifier: Apache-2.0
"""Every event under four policies; who is solvent, how long to flat, CVaR."""

from __future__ import annotations

import numpy as np
import pytest

from infold.research.simulation.crash.events import EVENTS, Event
from infold.research.simulation.crash.loop import CrashSum
from infold.research.simulation.crash.market import CAPITAL_BP_M, GUARDS, crash_world
from infold.research.simulation.crash.world import apart
from infold.research.simulation.ledger import Paths, Sum
from infold.research.simulation.runner import simulate

SEED = 49
PATHS = 24
WORST = 3

SNAPSHOT: dict[str, dict[str, tuple[int, float, float]]] = {
    "black_thursday": {
        "closed form": (20, 33.48, 0.54733),
        "capped form": (0, 15.13, 0.17289),
        "sighted form": (18, 35.07, 0.29783),
        "guarded": (0, 0.33, 0.04606),
    },
    "may_2021": {
        "closed form": (6, 72.80, 0.87588),
        "capped form": (0, 7.01, 0.07012),
        "sighted form": (0, 76.62, 0.65293),
        "guarded": (0, 0.01, 0.01686),
    },
    "luna": {
        "closed form": (15, 17.59, 1.21643),
        "capped form": (0, 8.77, 0.35135),
        "sighted form": (15, 14.70, 1.14878),
        "guarded": (0, 14.25, 0.13261),
    },
    "ftx": {
        "closed form": (24, 49.85, 0.59581),
        "capped form": (0, 38.18, 0.09285),
        "sighted form": (23, 54.21, 0.50217),
        "guarded": (0, 0.01, 0.04606),
    },
    "october_2025": {
        "closed form": (15, 55.69, 0.69650),
        "capped form": (0, 27.95, 0.09020),
        "sighted form": (9, 67.41, 0.66311),
        "guarded": (0, 0.01, 0.02793),
    },
    "flash": {
        "closed form": (0, 67.03, 0.12743),
        "capped form": (0, 8.76, 0.05881),
        "sighted form": (0, 64.45, 0.05768),
        "guarded": (0, 0.02, 0.01917),
    },
}
"""By event and policy: insolvent paths, mean minutes of the longest stretch away from flat, mean of
the three deepest shortfalls as a share of capital. A regression snapshot: it moves when a model
does, and then says by how much."""


def row(paths: Paths) -> tuple[int, float, float]:
    least = np.minimum(paths.column(Sum.EQUITY_MIN), paths.sums[:, CrashSum.LIQUID_MIN])
    shortfall = np.sort(CAPITAL_BP_M - paths.column(Sum.EQUITY_MIN))[-WORST:]
    away_min = paths.sums[:, CrashSum.AWAY_DAYS].mean() * 1_440.0
    return int((least < 0.0).sum()), float(away_min), float(shortfall.mean() / CAPITAL_BP_M)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_crash_suite(event: Event) -> None:
    found = apart(simulate(crash_world(event), tuple(GUARDS.values()), PATHS, SEED), len(GUARDS))
    rows = dict(zip(GUARDS, map(row, found), strict=True))
    for name, (insolvent, away_min, shortfall) in SNAPSHOT[event.name].items():
        assert abs(rows[name][0] - insolvent) <= 1, (name, rows[name])
        assert rows[name][1] == pytest.approx(away_min, rel=0.05, abs=0.2), (name, rows[name])
        assert rows[name][2] == pytest.approx(shortfall, rel=0.02), (name, rows[name])
    insolvent, away_min, shortfall = rows["guarded"]
    assert insolvent == 0 and shortfall < 0.25 and away_min < 30.0
    assert shortfall < 0.7 * rows["closed form"][2]
    assert shortfall < 0.7 * rows["capped form"][2]
