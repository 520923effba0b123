# SPDX-License-Identifier: Apache-2.0
"""One amount over several places at equal marginal cost.

Place i takes v_i >= 0 up to its capacity at marginal cost base_i + slope_i v_i. The cheapest split
has one price lambda (Karush, Kuhn and Tucker): places in use without being full have marginal cost
lambda, unused ones cost at least that, full ones at most. The amount taken at a price is piecewise
linear in it, so the price is found by walking its corners: no iteration, no tolerance. The walk is
written for the few microseconds a decision may take.

Keeping the amount is a place as well: `routing.py` puts the warehouse among the venues.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from infold.dealer import checks

PLACES_MAX: Final = 32
"""A desk with more outside venues has made a mistake in its configuration."""


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
    if len(places) > PLACES_MAX or not 0.0 <= size_m < math.inf:
        _refuse(size_m, places)
    room_m, level = 0.0, False
    for base, slope, capacity in places:
        if not (-math.inf < base < math.inf and 0.0 <= slope < math.inf and capacity >= 0.0):
            _refuse(size_m, places)
        room_m += capacity
        level = level or (slope > 0.0 and base + slope * capacity == base)
    if level:
        places = [_levelled(place) for place in places]
    if size_m >= room_m:
        end_bp = max(map(_end_bp, places), default=math.inf)
        return Split(tuple([place[2] for place in places]), end_bp, size_m - room_m)
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
        parts[between] = max(parts[between] + left, 0.0)  # what rounding left over
    return Split(tuple(parts), price, 0.0)


def cost_bp_m(parts_m: Sequence[float], places: Sequence[Place]) -> float:
    """What a split costs in all: base v + slope v^2 / 2 over the places. `ValueError` unless there
    is one part for each place, a number of M.
    """
    if len(parts_m) != len(places):
        raise ValueError(f"parts_m must be one part (M) a place, {len(places)}, not {len(parts_m)}")
    for number, part in enumerate(parts_m):
        checks.number(f"parts_m[{number}]", part, "M")
    return math.fsum(
        part * (place.base_bp + 0.5 * place.slope_bp_per_m * part)
        for part, place in zip(parts_m, places, strict=True)
    )


def _levelled(place: Place) -> Place:
    """The place without a slope that is lost beside its base: no price lies between its ends."""
    base, slope, capacity = place
    return Place(base, 0.0, capacity) if slope and base + slope * capacity == base else place


def _end_bp(place: Place) -> float:
    """The marginal cost at which a place is full."""
    if place.slope_bp_per_m == 0.0:
        return place.base_bp
    return place.base_bp + place.slope_bp_per_m * place.capacity_m


def _price_bp(size_m: float, places: Sequence[Place]) -> float:
    """The lowest price at which the places take `size_m`, which is less than all their room."""
    corners: list[tuple[float, float, float]] = []
    for place in places:
        base, slope, capacity = place
        if capacity == 0.0:
            continue
        if slope == 0.0:
            corners.append((base, 0.0, capacity))  # it takes all it can at once
        else:
            corners.append((base, 1.0 / slope, 0.0))
            corners.append((base + slope * capacity, -1.0 / slope, 0.0))
    corners.sort()
    taken, rate, filling, before = 0.0, 0.0, 0, corners[0][0]
    for price, change, jump in corners:
        if filling:
            reached = taken + rate * (price - before)
            if reached >= size_m:
                return min(before + (size_m - taken) / rate, price)
            taken = reached
        before = price
        taken += jump
        if taken >= size_m:
            return price
        if change > 0.0:
            filling += 1
            rate += change
        elif change < 0.0:
            filling -= 1
            rate = rate + change if filling else 0.0
    return before


def _refuse(size_m: float, places: Sequence[Place]) -> None:
    """Name what makes no sense."""
    checks.not_negative("size_m", size_m, "M")
    if len(places) > PLACES_MAX:
        raise ValueError(f"places must be at most {PLACES_MAX}, not {len(places)}")
    for number, (base, slope, capacity) in enumerate(places):
        checks.number(f"places[{number}].base_bp", base, "bp")
        checks.not_negative(f"places[{number}].slope_bp_per_m", slope, "bp a M")
        if not capacity >= 0.0:
            raise ValueError(
                f"places[{number}].capacity_m must not be below zero M, not {capacity!r}"
            )
