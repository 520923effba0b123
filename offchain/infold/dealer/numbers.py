# SPDX-License-Identifier: Apache-2.0
"""Numbers a model may be given: refused by name and unit, never mended.

A parameter's name ends in its unit by house style, so the name says both.
"""

from __future__ import annotations

import math


def finite(name: str, value: float) -> float:
    """`value`; `ValueError` naming it if it is NaN or infinite."""
    if not math.isfinite(value):
        raise ValueError(f"{name} must be a number, not {value!r}")
    return float(value)


def positive(name: str, value: float) -> float:
    """`value`; `ValueError` naming it unless it is a finite number above zero."""
    if not (math.isfinite(value) and value > 0.0):
        raise ValueError(f"{name} must be a number above zero, not {value!r}")
    return float(value)


def not_negative(name: str, value: float) -> float:
    """`value`; `ValueError` naming it unless it is a finite number not below zero."""
    if not (math.isfinite(value) and value >= 0.0):
        raise ValueError(f"{name} must be a number not below zero, not {value!r}")
    return float(value)


def share(name: str, value: float) -> float:
    """`value`; `ValueError` naming it unless it lies between zero and one, both included."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} must be a share between 0 and 1, not {value!r}")
    return float(value)
