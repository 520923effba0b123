# SPDX-License-Identifier: Apache-2.0
"""What fails at which hedge venue and when, on one path; drawn before any policy acts."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from infold.research.simulation.compiled import Floats, Integers
from infold.research.simulation.crash.events import Event
from infold.research.simulation.crash.weather import Clock
from infold.research.simulation.draws import Stream, generator

NEVER: Final = 2**40
LAG_S: Final = 30.0
HALT_MIN: Final = 100.0
DEPEG_MIN: Final = 5.0
FRAGMENT_S: Final = 13.0
"""How long one venue alone printed far below all others (2021-10-21)."""
DELEVERAGED: Final = (0.3, 1.0)
"""The share of a profitable leg that deleveraging closes, drawn between these."""


class Outages(NamedTuple):
    """A number a venue; cells are NEVER where nothing happens."""

    default_cell: Integers
    deleveraging_cell: Integers
    deleveraging_share: Floats
    lag_from: Integers
    lag_until: Integers
    lag_cells: Integers
    halt_from: Integers
    halt_until: Integers
    depeg_from: Integers
    depeg_until: Integers
    depeg_share: Floats  # what the venue's own price lacks


def outages_of(event: Event, clock: Clock, venues: int, seed: int, path: int) -> Outages:
    """One path's outages. Lags, halts and deleveraging start inside a cascade; a default comes at
    any time from its beginning on; the depeg strikes one venue, the default one as well.
    """
    cells = clock.cells_of(event)
    drawn = generator(seed, path, Stream.VENUE).random((10, venues))
    single = generator(seed, path, Stream.OTHER).random(4)
    first = min((span[0] for span in event.cascades), default=0.0)
    last = max((span[1] for span in event.cascades), default=event.horizon_min)
    begin, end = clock.cell_at(first), clock.cell_at(last)

    def inside(uniform: Floats) -> Integers:
        cell: Integers = (begin + uniform * (end - begin)).astype(np.int64)
        return cell

    def only(happens: Floats | bool, cell: Integers) -> Integers:
        return np.where(happens, cell, NEVER).astype(np.int64)

    def minutes(count: float) -> int:
        return max(1, round(count * 60.0 / clock.cell_s))

    failing = np.arange(venues) == int(single[0] * venues)
    fails = failing & bool(single[1] < event.venues.default)
    broken = np.arange(venues) == int(single[2] * venues)
    breaks = broken & bool(single[3] < event.venues.depeg)
    local = minutes(FRAGMENT_S / 60.0) if event.depeg > 0.5 else minutes(DEPEG_MIN)
    lag_from = only(drawn[2] < event.venues.lag, inside(drawn[3]))
    halted = (drawn[4] < event.venues.halt) | fails
    depeg_from = only(breaks, inside(drawn[6]))
    default_cell = (begin + drawn[7] * (cells - begin)).astype(np.int64)
    halt_from = np.where(fails, default_cell - minutes(HALT_MIN), inside(drawn[5]))
    return Outages(
        default_cell=only(fails, default_cell),
        deleveraging_cell=only(drawn[0] < event.venues.deleveraging, inside(drawn[1])),
        deleveraging_share=DELEVERAGED[0] + (DELEVERAGED[1] - DELEVERAGED[0]) * drawn[8],
        lag_from=lag_from,
        lag_until=lag_from + minutes(20.0),
        lag_cells=np.full(venues, max(1, round(LAG_S / clock.cell_s)), dtype=np.int64),
        halt_from=only(halted, np.maximum(halt_from, 0)),
        halt_until=only(halted, np.maximum(halt_from, 0) + minutes(HALT_MIN)),
        depeg_from=depeg_from,
        depeg_until=depeg_from + local,
        depeg_share=np.full(venues, event.depeg),
    )
