# SPDX-License-Identifier: Apache-2.0
"""Figures a model is given, refused by name and unit.

Each function returns the figure as a float, or raises `ValueError` with the parameter's name, its
unit and what was given. NaN and infinity are no figures, nor is a word, nor what lies beyond
`FIGURE_MAX`.
"""

from __future__ import annotations

from typing import Final

FIGURE_MAX: Final = 1e60
"""No figure of a market is larger, and the fourth power of this one is still a number."""


def number(name: str, value: float, unit: str) -> float:
    """Any finite figure."""
    if not _finite(value):
        raise ValueError(f"{name} must be a number{_of(unit)}, not {_shown(value)}")
    return float(value)


def positive(name: str, value: float, unit: str) -> float:
    """A finite figure above zero."""
    if not (_finite(value) and value > 0.0):
        raise ValueError(f"{name} must be a positive number{_of(unit)}, not {_shown(value)}")
    return float(value)


def not_negative(name: str, value: float, unit: str) -> float:
    """A finite figure at or above zero."""
    if not (_finite(value) and value >= 0.0):
        raise ValueError(f"{name} must be a number{_of(unit)} not below zero, not {_shown(value)}")
    return float(value)


def share(name: str, value: float) -> float:
    """A part of a whole: between zero and one, both included."""
    if not (_finite(value) and 0.0 <= value <= 1.0):
        raise ValueError(f"{name} must be a share between 0 and 1, not {_shown(value)}")
    return float(value)


def count(name: str, value: int, least: int) -> int:
    """A whole number of things, at least so many."""
    if not _finite(value) or value != int(value) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, not {_shown(value)}")
    return int(value)


def _finite(value: float) -> bool:
    """Whether it is a figure; false of a word too, which compares with nothing."""
    try:
        return -FIGURE_MAX <= value <= FIGURE_MAX
    except TypeError:
        return False


def _shown(value: object) -> str:
    """What was given, cut where it would fill the page."""
    if isinstance(value, int) and abs(value) >= FIGURE_MAX:
        return "a whole number of more than 60 digits"
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."


def _of(unit: str) -> str:
    return f" ({unit})" if unit else ""
