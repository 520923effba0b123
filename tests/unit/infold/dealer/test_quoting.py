# SPDX-License-Identifier: Apache-2.0
"""The dealer's closed forms against golden numbers computed independently from the formulas."""

from __future__ import annotations

import math

import msgspec
import pytest

from infold.dealer.lines import monopoly, thin_line
from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms, markups_bp
from infold.dealer.zone import zone_m


@pytest.mark.parametrize(
    ("name", "golden"),
    [
        ("markup_bp", 0.2238776129),
        ("hit_share", 0.3618962566),
        ("curvature", 7 * 1.0314892725 / 7),
        ("concavity", 1.5671432904),
        ("demand_m_per_bp_day", 15575.488014),
        ("risk_bp_per_m", 0.008958476835),
        ("relaxation_per_day", 558.1305943),
        ("impact_share", 0.6417947274),
        ("top_spread_bp", 0.45918810),
    ],
)
def test_closed_forms_reproduce_the_golden_numbers(name: str, golden: float) -> None:
    assert getattr(closed_forms(SPOT_FX), name) == pytest.approx(golden, rel=3e-8)


def test_turnover_of_one_side_is_five_and_a_half_billion_a_day() -> None:
    assert closed_forms(SPOT_FX).turnover_m_per_day == pytest.approx(5_464.6, abs=0.1)


def test_pure_internalisation_zones() -> None:
    assert zone_m(SPOT_FX) == pytest.approx(12.40239, abs=1e-5)
    assert zone_m(SPOT_FX, permanent=True) == pytest.approx(15.48353, abs=1e-5)
    without_impact = msgspec.structs.replace(SPOT_FX, impact_bp_per_m=0.0)
    assert zone_m(without_impact) == pytest.approx(11.16261, abs=1e-5)


def test_zone_widens_with_hedging_cost_and_flow_and_narrows_with_risk() -> None:
    changed = msgspec.structs.replace
    busier = tuple(2 * rate for rate in SPOT_FX.requests_per_day)
    assert zone_m(changed(SPOT_FX, hedge_spread_bp=0.3)) > zone_m(SPOT_FX)
    assert zone_m(changed(SPOT_FX, requests_per_day=busier)) > zone_m(SPOT_FX)
    assert zone_m(changed(SPOT_FX, risk_aversion=2e-3)) < zone_m(SPOT_FX)
    assert zone_m(changed(SPOT_FX, volatility_bp=150.0)) < zone_m(SPOT_FX)


def test_markups_of_the_ladder_without_inventory() -> None:
    asks = [ask for _, ask in markups_bp(SPOT_FX, 0.0)]
    wanted = (0.2296, 0.2353, 0.2525, 0.2810, 0.3382, 0.5097)
    assert asks == pytest.approx(wanted, abs=5e-5)
    assert markups_bp(SPOT_FX, 3.0, 0.1) == [
        (bid, ask) for ask, bid in markups_bp(SPOT_FX, -3.0, -0.1)
    ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sizes_m": ()}, r"sizes_m \(M\)"),
        ({"sizes_m": (1.0,)}, r"requests_per_day must give one rate \(per day\)"),
        ({"sizes_m": (1.0, 0.0, 5.0, 10.0, 20.0, 50.0)}, r"sizes_m\[1\] .* \(M\)"),
        ({"requests_per_day": (1.0,) * 5 + (math.nan,)}, r"requests_per_day\[5\] .* \(per day\)"),
        ({"volatility_bp": 0.0}, r"volatility_bp .* \(bp per root day\), not 0.0"),
        ({"volatility_bp": -100.0}, r"volatility_bp .* not -100.0"),
        ({"risk_aversion": math.nan}, r"risk_aversion .* \(per bp M\), not nan"),
        ({"demand_shift": math.inf}, "demand_shift must be a number, not inf"),
        ({"demand_slope_per_bp": 0.0}, r"demand_slope_per_bp .* \(per bp\)"),
        ({"hedge_spread_bp": -1.0}, r"hedge_spread_bp .* \(bp\) not below zero"),
        ({"hedge_impact_bp_day_per_m": math.nan}, r"hedge_impact_bp_day_per_m .* \(bp day per M\)"),
        ({"impact_bp_per_m": -0.1}, r"impact_bp_per_m .* \(bp per M\)"),
        ({"resilience_per_day": math.inf}, r"resilience_per_day .* \(per day\)"),
        ({"offer_m_max": -2.0}, r"offer_m_max .* \(M\)"),
    ],
)
def test_parameters_name_what_makes_no_sense_and_its_unit(
    change: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        msgspec.structs.replace(SPOT_FX, **change)


@pytest.mark.parametrize("forecast_bp", [0.0, -3.0, math.nan, math.inf])
def test_a_forecast_of_no_volatility_is_refused_by_name_and_unit(forecast_bp: float) -> None:
    for call in (closed_forms, thin_line, lambda p, v: monopoly(p, 1.0, v)):
        with pytest.raises(ValueError, match=r"volatility_bp .* \(bp per root day\)"):
            call(SPOT_FX, forecast_bp)


def test_inventory_that_costs_more_to_hedge_than_to_hold_is_never_hedged() -> None:
    heavy = msgspec.structs.replace(SPOT_FX, impact_bp_per_m=1.0)
    assert zone_m(heavy) == math.inf
    assert zone_m(heavy, permanent=True) == math.inf
