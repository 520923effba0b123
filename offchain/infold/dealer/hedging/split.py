# SPDX-License-Identifier: Apache-2.0
"""One amount over several places at equal marginal cost.

Place i takes v_i >= 0 up to its capacity at marginal cost base_i + slope_i v_i. The cheapest split
has one price lambda (Karush, Kuhn and Tucker): places in use without being full have marginal cost
lambda, unused ones cost at least that, full ones at most. The amount taken at a price is piecewise
linear in it, so the price is found by walking its corners: no iteration, no tolerance.

Keeping the amount is a place as well: `routing.py` puts the warehouse among the venues.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

PLACES_MAX: Final = 32
"""The walk is quadratic in the places; a desk with more outside venues should net them first."""


class Place(NamedTuple):
    """Marginal cost of the first M, how it grows a M, and how much the place takes at most."""

    base_bp: float
    slope_bp_per_m: float
    capacity_m: float


@dataclass(frozen=True, slots=True)
class Split:
    """What each place takes, the common marginal cost, and what no place had room for."""

    parts_m: tuple[float, ...]
    marginal_bp: float
    left_m: float


def split(size_m: float, places: Sequence[Place]) -> Split:
    """The cheapest split of `size_m` >= 0. At equal cost without slope earlier places fill first.

    `marginal_bp` is the price of the last M placed: the lowest base if `size_m` is zero, infinite
    if there is no place. `ValueError` if a figure makes no sense.
    """
    _check(size_m, places)
    if not places:
        return Split((), math.inf, size_m)
    room_m = math.fsum(place.capacity_m for place in places)
    if size_m >= room_m:
        return Split(
            tuple(p.capacity_m for p in places), max(map(_end_bp, places)), size_m - room_m
        )
    price = _price_bp(size_m, places)
    parts: list[float] = []
    between, flat = -1, -1
    left = size_m
    for number, (base, slope, capacity) in enumerate(places):
        part = 0.0
        if slope == 0.0 and price == base:
            flat = number if flat < 0 else flat
        elif price > base:
            part = min((price - base) / slope, capacity) if slope > 0.0 else capacity
            if part < capacity:
                between = number
        parts.append(part)
        left -= part
    if flat >= 0:
        for number in range(flat, len(places)):
            base, slope, capacity = places[number]
            if slope == 0.0 and price == base:
                parts[number] = min(max(left, 0.0), capacity)
                left -= parts[number]
    elif between >= 0:
        parts[between] += left  # what rounding left over
    return Split(tuple(parts), price, 0.0)


def cost_bp_m(parts_m: Sequence[float], places: Sequence[Place]) -> float:
    """What a split costs in all: base v + slope v^2 / 2 over the places."""
    return math.fsum(
        part * (place.base_bp + 0.5 * place.slope_bp_per_m * part)
        for part, place in zip(parts_m, places, strict=True)
    )


def _end_bp(place: Place) -> float:
    """The marginal cost at which a place is full."""
    if place.slope_bp_per_m == 0.0:
        return place.base_bp
    return place.base_bp + place.slope_bp_per_m * place.capacity_m


def _price_bp(size_m: float, places: Sequence[Place]) -> float:
    """The lowest price at which the places take `size_m`, which is less than all their room."""
    open_places = [place for place in places if place.capacity_m > 0.0]
    ends = [_end_bp(place) for place in open_places]
    corners = sorted({place.base_bp for place in open_places} | set(ends))
    taken, slope, before = 0.0, 0.0, corners[0]
    for corner in corners:
        reached = taken + slope * (corner - before) if slope > 0.0 else taken
        if reached >= size_m and slope > 0.0:
            return min(before + (size_m - taken) / slope, corner)
        # A place without slope takes all it can at once.
        for place in open_places:
            if place.slope_bp_per_m == 0.0 and place.base_bp == corner:
                reached += place.capacity_m
        if reached >= size_m:
            return corner
        taken, before, slope = reached, corner, 0.0
        for place, end in zip(open_places, ends, strict=True):
            if place.base_bp <= corner < end:
                slope += 1.0 / place.slope_bp_per_m
    return before


def _check(size_m: float, places: Sequence[Place]) -> None:
    if not (math.isfinite(size_m) and size_m >= 0.0):
        raise ValueError(f"size_m must be a number of M not below zero, not {size_m!r}")
    if len(places) > PLACES_MAX:
        raise ValueError(f"places must be at most {PLACES_MAX}, not {len(places)}")
    for number, (base, slope, capacity) in enumerate(places):
        if not math.isfinite(base):
            raise ValueError(f"places[{number}].base_bp must be a number, not {base!r}")
        if not (math.isfinite(slope) and slope >= 0.0):
            raise ValueError(
                f"places[{number}].slope_bp_per_m must be a number not below zero, not {slope!r}"
            )
        if not capacity >= 0.0:
            raise ValueError(
                f"places[{number}].capacity_m must not be below zero, not {capacity!r}"
            )
