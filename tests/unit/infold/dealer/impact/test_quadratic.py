# SPDX-License-Identifier: Apache-2.0
"""A venue's price impact and the dealer's skew are one function."""

from __future__ import annotations

import math

import pytest

from infold.dealer.impact.quadratic import PriceImpact
from infold.dealer.ladder import Ladder
from infold.dealer.lines import batch_line, inverse_ladder, straight, thin_line
from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import ClosedForms, closed_forms, markups_bp

VENUE = PriceImpact(factor=0.01 / 50_000.0, factor_back=0.01 / 50_000.0)


def test_the_venue_s_worked_example_is_exact() -> None:
    assert VENUE.income(0.0, 50_000.0) == pytest.approx(-500.0, rel=1e-15)
    assert VENUE.income(50_000.0, 25_000.0) == pytest.approx(375.0, rel=1e-15)


def test_going_out_and_back_loses_what_the_factors_differ_by() -> None:
    careful = PriceImpact(factor=2e-7, factor_back=1e-7)
    there, back = careful.income(0.0, 50_000.0), careful.income(50_000.0, 0.0)
    assert there + back == pytest.approx(-250.0)
    across = careful.income(30_000.0, -20_000.0)
    assert across == careful.income(30_000.0, 0.0) + careful.income(0.0, -20_000.0)


@pytest.mark.parametrize("inventory_m", [-30.0, 0.0, 4.0])
@pytest.mark.parametrize("rung", [0, 3, 5])
def test_a_quote_beyond_its_half_spread_is_the_price_impact(inventory_m: float, rung: int) -> None:
    forms = closed_forms(SPOT_FX)
    impact = thin_line(SPOT_FX).price_impact()
    size_m = SPOT_FX.sizes_m[rung]
    bid, ask = markups_bp(SPOT_FX, inventory_m)[rung]
    for markup, after in ((ask, inventory_m - size_m), (bid, inventory_m + size_m)):
        paid = (markup - forms.markup_bp) * size_m
        assert paid == pytest.approx(-impact.income(inventory_m, after), abs=1e-12)


@pytest.mark.parametrize("residual_m", [-12.0, 0.5, 40.0])
def test_what_a_batch_pays_beyond_the_half_spread_is_the_price_impact(residual_m: float) -> None:
    line, inventory_m = thin_line(SPOT_FX), 7.0
    offset_bp = line.slope_bp_per_m * residual_m - line.skew_bp_per_m * inventory_m
    income = line.price_impact().income(inventory_m, inventory_m - residual_m)
    assert offset_bp * residual_m == pytest.approx(-income, abs=1e-12)


@pytest.mark.parametrize("side", [1.0, -1.0])
def test_what_is_asked_of_each_m_is_the_income_of_the_whole(side: float) -> None:
    impact = PriceImpact.even(0.03)
    for before, size_m in ((0.0, 2.0), (-5.0, 3.0), (4.0, 9.0)):
        paid = impact.asked_bp(size_m, side * before) * size_m
        assert paid == pytest.approx(-impact.income(before, before + side * size_m), abs=1e-12)


def test_every_quote_follows_the_price_impact(monkeypatch: pytest.MonkeyPatch) -> None:
    steeper = property(lambda forms: PriceImpact.even(3.0 * forms.risk_bp_per_m))
    thin, ladder = inverse_ladder(SPOT_FX), Ladder(SPOT_FX).quotes(4.0)
    batch, quoted = batch_line(SPOT_FX, 1.0), markups_bp(SPOT_FX, 4.0)
    linear = thin_line(SPOT_FX)
    for name in ("indifference", "quoted"):
        monkeypatch.setattr(ClosedForms, name, steeper)
    assert inverse_ladder(SPOT_FX).skew_bp_per_m == pytest.approx(3.0 * thin.skew_bp_per_m)
    assert thin_line(SPOT_FX).skew_bp_per_m > 2.9 * linear.skew_bp_per_m
    assert batch_line(SPOT_FX, 1.0).skew_bp_per_m > 2.5 * batch.skew_bp_per_m
    assert Ladder(SPOT_FX).quotes(4.0)[1][0] < ladder[1][0]
    assert markups_bp(SPOT_FX, 4.0)[0][1] < quoted[0][1]


def test_only_the_even_quadratic_impact_is_a_skew() -> None:
    for other in (PriceImpact(2.0, 1.0), PriceImpact(1.0, 1.0, 1.5)):
        for ask in (
            lambda other=other: other.slope_bp_per_m,
            lambda other=other: other.skew_bp_per_m,
            lambda other=other: other.asked_bp(1.0, 0.0),
        ):
            with pytest.raises(ValueError, match="no other price impact is a skew"):
                ask()


def test_a_line_with_another_skew_is_no_function_of_the_imbalance() -> None:
    with pytest.raises(ValueError, match="not twice slope_bp_per_m"):
        straight(0.2, 0.01, 0.03).price_impact()
    with pytest.raises(ValueError, match="only a straight one"):
        inverse_ladder(SPOT_FX).price_impact()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((1.0, 1.1, 2.0), "factor_back 1.1 must not exceed factor"),
        ((-1.0, -2.0, 2.0), "factor must be a number not below zero"),
        ((1.0, math.nan, 2.0), "factor_back must be a number not below zero"),
        ((1.0, 1.0, 0.9), "exponent must be at least 1"),
    ],
)
def test_impacts_that_could_be_gamed_are_refused(
    given: tuple[float, float, float], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        PriceImpact(*given)


def test_an_imbalance_must_be_a_number() -> None:
    with pytest.raises(ValueError, match="imbalance_after must be a number"):
        VENUE.income(0.0, math.nan)
