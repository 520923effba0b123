# SPDX-License-Identifier: Apache-2.0
"""Columns a fit is given, refused by name, place and unit."""

from __future__ import annotations

import numpy as np

from infold.dealer.compiled import Floats


def require_numbers(name: str, column: Floats, unit: str, count: int, *, positive: bool) -> None:
    """`ValueError` unless the column is `count` finite numbers, above zero if `positive`."""
    if column.shape != (count,):
        raise ValueError(f"{name} must be {count} numbers ({unit}), not {column.shape}")
    wrong = ~np.isfinite(column)
    if positive:
        wrong |= ~(column > 0.0)
    if wrong.any():
        index = int(np.argmax(wrong))
        what = "a positive number" if positive else "a number"
        raise ValueError(f"{name}[{index}] must be {what} ({unit}), not {float(column[index])!r}")
