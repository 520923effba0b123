# SPDX-License-Identifier: Apache-2.0
"""E3: no event, but variance that wanders and prices that jump; the outside follows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.dealer.limits import Guard
from infold.research.simulation.compiled import Floats
from infold.research.simulation.crash.events import CALM
from infold.research.simulation.crash.outages import outages_of
from infold.research.simulation.crash.weather import BP_ONE, Clock, Weather
from infold.research.simulation.crash.world import CrashWorld
from infold.research.simulation.heston import Heston
from infold.research.simulation.jumps import Jumps, rough_scene

LEVEL_LEAST: Final = 1e-3
"""Moves are added, not compounded: a path that would end below this is stopped there."""


def rough_weather(
    heston: Heston, jumps: Jumps, clock: Clock, cells: int, seed: int, path: int
) -> Weather:
    """One path's columns: half-spread and depth outside in proportion to volatility over its level,
    where that is above one.
    """
    scene = rough_scene(heston, jumps, cells, clock.cell_s / 86_400.0, seed, path)
    levels = 1.0 + np.concatenate([[0.0], np.cumsum(scene.moves_bp)]) / BP_ONE
    volatilities = np.sqrt(scene.variances)
    outside = np.maximum(volatilities / np.sqrt(heston.level_bp2_per_day), 1.0)
    return Weather(
        levels=np.maximum(levels, LEVEL_LEAST),
        volatilities_bp=volatilities,
        cascade=np.zeros(cells),
        depth=1.0 / outside,
        outside=outside,
        lag_cells=np.ones(cells, dtype=np.int64),
        funding_bp_per_day=np.zeros(cells),
    )


@dataclass(frozen=True, slots=True)
class RoughWorld:
    """The crash world's clients and venues under such a sky; `world.event` is not read."""

    world: CrashWorld
    heston: Heston
    jumps: Jumps

    @property
    def cells(self) -> int:
        """As long as a calm path."""
        return self.world.clock.cells_of(CALM)

    def run(self, guards: tuple[Guard, ...], seed: int, path: int) -> tuple[Floats, int]:
        """One path under every guard."""
        clock = self.world.clock
        weather = rough_weather(self.heston, self.jumps, clock, self.cells, seed, path)
        tape = self.world.tape(weather, seed, path)
        outages = outages_of(CALM, clock, len(self.world.outside.shares), seed, path)
        return self.world.run_on(guards, weather, tape, outages)
