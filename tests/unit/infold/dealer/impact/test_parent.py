# SPDX-License-Identifier: Apache-2.0
"""The square-root law of whole parents."""

from __future__ import annotations

import math

import pytest
from scipy.integrate import quad

from infold.dealer.impact.parent import ParentLaw

LAW = ParentLaw(prefactor=0.9, exponent=0.5, linear_share=1e-3)


def test_a_percent_of_the_day_s_volume_moves_a_tenth_of_its_volatility() -> None:
    assert LAW.peak_bp(10.0, 200.0, 1_000.0) == pytest.approx(0.9 * 200.0 * 0.1)
    assert LAW.peak_bp(-10.0, 200.0, 1_000.0) == pytest.approx(-0.9 * 200.0 * 0.1)


def test_small_parents_move_in_proportion_and_the_two_laws_meet() -> None:
    assert LAW.peak_bp(0.2, 200.0, 1_000.0) == pytest.approx(2.0 * LAW.peak_bp(0.1, 200.0, 1_000.0))
    below, above = LAW.peak_bp(1.0 - 1e-9, 200.0, 1e3), LAW.peak_bp(1.0 + 1e-9, 200.0, 1e3)
    assert below == pytest.approx(above, rel=1e-8)
    assert LAW.peak_bp(0.0, 200.0, 1_000.0) == 0.0
    assert ParentLaw(linear_share=0.0).peak_bp(0.0, 200.0, 1_000.0) == 0.0


@pytest.mark.parametrize("size_m", [0.4, -1.0, 25.0])
def test_the_cost_is_the_area_below_the_path(size_m: float) -> None:
    area, _ = quad(lambda m: LAW.peak_bp(m, 200.0, 1e3), 0.0, abs(size_m), points=[1.0])
    assert LAW.cost_bp_m(size_m, 200.0, 1e3) == pytest.approx(area, rel=1e-7)


def test_half_the_life_again_after_it_is_done_a_third_is_gone() -> None:
    def left(since_s: float) -> float:
        return LAW.faded_bp(10.0, 200.0, 1e3, 600.0, since_s) / LAW.peak_bp(10.0, 200.0, 1e3)

    assert left(0.0) == 1.0
    assert left(300.0) == pytest.approx(math.sqrt(1.5) - math.sqrt(0.5))
    assert left(6e6) < 0.01


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"prefactor": 0.0}, "prefactor must be a positive number"),
        ({"exponent": 1.1}, "exponent must lie in 0..1"),
        ({"linear_share": 1.0}, "linear_share must be a share of daily volume"),
    ],
)
def test_the_law_names_what_makes_no_sense(given: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ParentLaw(**given)


def test_a_parent_names_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match=r"size_m must be a number \(M\)"):
        LAW.peak_bp(math.nan, 200.0, 1e3)
    with pytest.raises(ValueError, match=r"volatility_bp must be a number .* not below zero"):
        LAW.cost_bp_m(1.0, -200.0, 1e3)
    with pytest.raises(ValueError, match="volume_m_per_day must be a positive number"):
        LAW.peak_bp(1.0, 200.0, 0.0)
    with pytest.raises(ValueError, match="worked_s must be a positive number"):
        LAW.faded_bp(1.0, 200.0, 1e3, 0.0, 1.0)
    with pytest.raises(ValueError, match=r"since_s must be a number .* not below zero"):
        LAW.faded_bp(1.0, 200.0, 1e3, 1.0, -1.0)
