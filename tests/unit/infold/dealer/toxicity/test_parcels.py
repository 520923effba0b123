# SPDX-License-Identifier: Apache-2.0
"""Slices of one order are one piece of evidence, and nothing large hides behind something small."""

from __future__ import annotations

import math

import pytest

from infold.dealer.toxicity.parcels import Parcels


def counted(parcels: Parcels, sizes_m: list[float], every_s: float = 1.0) -> list[float]:
    return [parcels.add(1, 1, size_m, every_s * n) for n, size_m in enumerate(sizes_m)]


def test_a_fill_counts_at_once_and_its_slices_wait_until_they_are_more() -> None:
    found = counted(Parcels(0.001, 60.0), [0.5] * 7)
    assert found == [0.5, 0.0, 1.0, 0.0, 0.0, 0.0, 2.0]


def test_a_minute_of_slices_counts_a_handful_of_times_whatever_their_number() -> None:
    for slices in (60, 600, 6_000):
        found = counted(Parcels(1e-9, 60.0), [0.01] * slices, 60.0 / slices)
        assert 0 < sum(size > 0.0 for size in found) <= math.log2(slices) + 1
    hour = counted(Parcels(1e-9, 60.0), [0.01] * 3_600)
    assert 60 <= sum(size > 0.0 for size in hour) <= 180


def test_a_large_fill_is_not_hidden_behind_a_small_one_of_either_side() -> None:
    parcels = Parcels(0.001, 60.0)
    assert parcels.add(1, 1, 0.001, 0.0) == 0.001
    assert parcels.add(1, 1, 1.0, 1.0) == 1.0
    assert parcels.add(1, -1, 0.4, 2.0) == 0.4
    assert parcels.add(2, 1, 0.3, 2.0) == 0.3
    assert parcels.add(1, 1, 1.0, 3.0) == 0.0
    assert parcels.add(1, 1, 0.001, 61.0) == 1.001


def test_dust_waits_until_it_is_something() -> None:
    parcels = Parcels(0.001, 60.0)
    found = [parcels.add(1, 1, 0.0004, 100.0 * n) for n in range(4)]
    assert found == pytest.approx([0.0, 0.0, 0.0012, 0.0])


@pytest.mark.parametrize(("least_m", "apart_s"), [(0.0, 1.0), (1.0, 0.0), (math.nan, 1.0)])
def test_impossible_figures_are_refused_by_name(least_m: float, apart_s: float) -> None:
    with pytest.raises(ValueError, match=r"least_m|apart_s"):
        Parcels(least_m, apart_s)
    with pytest.raises(ValueError, match="size_m"):
        Parcels(1.0, 1.0).add(1, 1, 0.0, 0.0)
