# SPDX-License-Identifier: Apache-2.0
"""What the market does around the dealer, cell by cell, drawn before any policy acts."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from infold.research.simulation.compiled import Floats


class Scene(NamedTuple):
    """Columns with a number a cell, or one for all cells. Build it with `scene`."""

    moves_bp: Floats  # the price's own martingale move in the cell; always one a cell
    variances: Floats  # bp^2 a day: what the risk charge sees
    drifts_bp: Floats  # the price's announced move in the cell


def scene(
    moves_bp: Floats,
    variance_bp2_per_day: float | Floats,
    drifts_bp: float | Floats = 0.0,
) -> Scene:
    """Columns checked: `ValueError` names one of another length or that is not numbers."""
    cells = len(moves_bp)
    columns = {
        "moves_bp": moves_bp,
        "variance_bp2_per_day": variance_bp2_per_day,
        "drifts_bp": drifts_bp,
    }
    found = {}
    for name, given in columns.items():
        column = np.atleast_1d(np.asarray(given, dtype=np.float64))
        if column.shape not in ((1,), (cells,)) or not np.isfinite(column).all():
            raise ValueError(f"{name} must be {cells} numbers, one for each cell, or one for all")
        found[name] = column
    if (found["variance_bp2_per_day"] < 0.0).any():
        raise ValueError("variance_bp2_per_day must not be below zero")
    return Scene(
        moves_bp=found["moves_bp"],
        variances=found["variance_bp2_per_day"],
        drifts_bp=found["drifts_bp"],
    )
