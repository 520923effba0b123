# SPDX-License-Identifier: Apache-2.0
"""Equal marginal cost over venues: the conditions of Karush, Kuhn and Tucker on any places."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infold.dealer.hedging.split import Place, cost_bp_m, split

ROUND = st.sampled_from([-1.0, 0.0, 0.1, 0.25, 1.0, 3.0])
BASES = st.one_of(ROUND, st.floats(-5.0, 20.0))
SLOPES = st.one_of(st.sampled_from([0.0, 0.01, 1.0]), st.floats(0.001, 50.0))
ROOMS = st.one_of(st.sampled_from([0.0, 1.0, math.inf]), st.floats(0.01, 100.0))
PLACES = st.lists(st.builds(Place, BASES, SLOPES, ROOMS), min_size=1, max_size=6)
SIZES = st.one_of(st.sampled_from([0.0, 1.0, 2.0]), st.floats(0.0, 200.0))


@given(SIZES, PLACES)
def test_a_split_satisfies_the_conditions_of_the_optimum(size: float, places: list[Place]) -> None:
    found = split(size, places)
    tolerance = 1e-9 * max(1.0, size)
    assert math.fsum(found.parts_m) + found.left_m == pytest.approx(size, abs=tolerance)
    if found.left_m > 0.0:
        assert found.parts_m == tuple(place.capacity_m for place in places)
        return
    for part, place in zip(found.parts_m, places, strict=True):
        assert -tolerance <= part <= place.capacity_m + tolerance
        marginal = place.base_bp + place.slope_bp_per_m * part
        slack = 1e-9 * max(1.0, abs(found.marginal_bp))
        if part > tolerance:
            assert marginal <= found.marginal_bp + slack
        if part < place.capacity_m - tolerance and size > 0.0:
            assert marginal >= found.marginal_bp - slack


@given(st.floats(0.1, 50.0), PLACES, st.integers(0, 5), st.integers(0, 5), st.floats(0.0, 1.0))
def test_moving_anything_between_two_places_never_saves(
    size: float, places: list[Place], source: int, target: int, share: float
) -> None:
    source, target = source % len(places), target % len(places)
    found = split(size, places)
    if source == target or found.left_m > 0.0:
        return
    room = places[target].capacity_m - found.parts_m[target]
    moved = share * min(found.parts_m[source], room)
    parts = list(found.parts_m)
    parts[source] -= moved
    parts[target] += moved
    least = cost_bp_m(found.parts_m, places)
    assert cost_bp_m(parts, places) >= least - 1e-9 * (1.0 + abs(least))


def test_places_without_slope_fill_in_order_of_cost_and_then_of_place() -> None:
    flat = [Place(2.0, 0.0, 3.0), Place(1.0, 0.0, 3.0), Place(1.0, 0.0, 3.0)]
    assert split(4.0, flat).parts_m == (0.0, 3.0, 1.0)
    assert split(4.0, flat).marginal_bp == 1.0
    assert split(10.0, flat) == split(9.0, flat).__class__((3.0, 3.0, 3.0), 2.0, 1.0)


def test_no_place_takes_nothing() -> None:
    found = split(3.0, [])
    assert (found.parts_m, found.marginal_bp, found.left_m) == ((), math.inf, 3.0)


@pytest.mark.parametrize(
    ("size", "place", "named"),
    [
        (-1.0, Place(0.0, 0.0, 1.0), "size_m"),
        (math.nan, Place(0.0, 0.0, 1.0), "size_m"),
        (1.0, Place(math.nan, 0.0, 1.0), r"places\[0\].base_bp"),
        (1.0, Place(0.0, -1.0, 1.0), r"places\[0\].slope_bp_per_m"),
        (1.0, Place(0.0, 0.0, math.nan), r"places\[0\].capacity_m"),
    ],
)
def test_split_names_what_makes_no_sense(size: float, place: Place, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        split(size, [place])


def test_more_places_than_a_walk_should_serve_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 32"):
        split(1.0, [Place(0.0, 1.0, 1.0)] * 33)


def test_a_slope_that_is_lost_beside_its_base_is_none() -> None:
    places = [Place(1.0, 1e-93, 2.0), Place(0.5, 0.0, 1.0)]
    assert split(2.0, places).parts_m == (1.0, 1.0)
    assert split(2.0, [Place(1.0, 1e-93, 2.5)]).parts_m == (2.0,)
