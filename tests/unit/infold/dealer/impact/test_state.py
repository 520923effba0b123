# SPDX-License-Identifier: Apache-2.0
"""The impact state: decays, signs and scale, and the law that keeps round trips dear."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from infold.dealer.impact.state import (
    Conditions,
    ImpactParameters,
    ImpactState,
    block_cost_bp_m,
    kept_bp_per_m,
    multiplier,
    pushed,
    response_bp,
    rested,
    signal_bp,
)
from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms

PARAMETERS = ImpactParameters(
    gains_bp_per_m=(0.3, 0.2, 0.1),
    permanent_bp_per_m=0.05,
    volatility_bp=250.0,
    depth_m=4.0,
    crowding=0.5,
)
CALM = Conditions(volatility_bp=250.0, depth_m=4.0)


def test_a_trade_moves_the_price_at_once_and_each_part_fades_on_its_scale() -> None:
    assert response_bp(PARAMETERS, 2.0, 0.0, CALM) == pytest.approx(2.0 * 0.65)
    day = 180.0 / 86_400.0
    left = 0.3 * math.exp(-18.0) + 0.2 * math.exp(-1.0) + 0.1 * math.exp(-0.05) + 0.05
    assert response_bp(PARAMETERS, -2.0, day, CALM) == pytest.approx(-2.0 * left)
    assert response_bp(PARAMETERS, 2.0, 100.0, CALM) == pytest.approx(2.0 * 0.05)


def test_impact_grows_with_volatility_and_liquidations_and_falls_with_depth() -> None:
    def at(**changed: float) -> float:
        return response_bp(PARAMETERS, 1.0, 1e-4, replace(CALM, **changed))

    calm = at()
    assert at(volatility_bp=500.0) > calm > at(volatility_bp=125.0)
    assert at(depth_m=2.0) > calm > at(depth_m=8.0)
    assert at(liquidations=2.0) > calm


def test_a_book_emptied_by_95_percent_makes_impact_twenty_times_as_dear() -> None:
    assert multiplier(PARAMETERS, Conditions(volatility_bp=250.0, depth_m=0.2)) == pytest.approx(20)


def test_same_side_flow_makes_the_next_trade_dearer_until_it_has_faded() -> None:
    before = pushed(PARAMETERS, ImpactState(), 3.0, CALM)
    soon = rested(PARAMETERS, before, 1e-4)
    late = rested(PARAMETERS, before, 1.0)

    def cost(state: ImpactState) -> float:
        return block_cost_bp_m(state, pushed(PARAMETERS, state, 1.0, CALM), 1.0)

    assert cost(before) > cost(soon) > cost(late) > cost(ImpactState())
    assert cost(late) - cost(ImpactState()) == pytest.approx(3.0 * 0.05)  # what lasts


def test_a_multiplier_falls_no_faster_than_impact_fades() -> None:
    """Buying in a thin book and selling at once in a full one must not pay."""
    thin = Conditions(volatility_bp=250.0, depth_m=0.4)
    bought = pushed(PARAMETERS, ImpactState(), 1.0, thin)
    sold = pushed(PARAMETERS, bought, -1.0, CALM)
    trip = block_cost_bp_m(ImpactState(), bought, 1.0) + block_cost_bp_m(bought, sold, -1.0)
    assert trip == pytest.approx(0.0, abs=1e-12)
    hour = rested(PARAMETERS, bought, 1.0 / 24.0)
    later = pushed(PARAMETERS, hour, -1.0, CALM)
    # After an hour the fast parts are back at the calm price, the slow one at 10 e^-2.
    assert later.multipliers == pytest.approx((1.0, 1.0, 10.0 * math.exp(-2.0)))


def test_the_signal_is_equation_17_a_part_at_a_time() -> None:
    forms = closed_forms(SPOT_FX)
    omega = forms.relaxation_per_day
    one = ImpactParameters(
        gains_bp_per_m=(0.0, SPOT_FX.impact_bp_per_m, 0.0),
        decays_s=(10.0, 86_400.0 / SPOT_FX.resilience_per_day, 3_600.0),
        volatility_bp=100.0,
        depth_m=1.0,
    )
    state = pushed(one, ImpactState(), 7.0, Conditions(volatility_bp=100.0, depth_m=1.0))
    assert signal_bp(one, state, omega) == pytest.approx(forms.impact_share * 7.0 * 0.005)
    assert kept_bp_per_m(one, omega) == pytest.approx(0.005 * (1.0 - forms.impact_share))
    assert kept_bp_per_m(PARAMETERS, omega) < 0.65
    assert signal_bp(PARAMETERS, ImpactState((0.0,) * 3, 5.0), omega) == 0.0


def test_the_permanent_share_lies_between_nothing_and_all() -> None:
    assert PARAMETERS.permanent_share == pytest.approx(0.05 / 0.65)
    still = ImpactParameters(gains_bp_per_m=(0.0, 0.0, 0.0), volatility_bp=1.0, depth_m=1.0)
    assert still.permanent_share == 0.0


def test_parameters_survive_their_json() -> None:
    text = msgspec.json.encode(PARAMETERS)
    assert msgspec.json.decode(text, type=ImpactParameters) == PARAMETERS


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"gains_bp_per_m": (0.1, -0.1, 0.0)}, r"gains_bp_per_m\[1\] .*\(bp per M\)"),
        ({"gains_bp_per_m": (math.nan, 0.1, 0.0)}, r"gains_bp_per_m\[0\] .*\(bp per M\)"),
        ({"decays_s": (0.0, 1.0, 2.0)}, r"decays_s\[0\] must be a positive number \(s\)"),
        ({"permanent_bp_per_m": -1.0}, r"permanent_bp_per_m .*\(bp per M\)"),
        ({"volatility_bp": -250.0}, r"volatility_bp must be a positive number \(bp per root day\)"),
        ({"depth_m": 0.0}, r"depth_m must be a positive number \(M\)"),
        ({"crowding": math.inf}, r"crowding must be a number .* not below zero"),
    ],
)
def test_parameters_name_what_makes_no_sense(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        msgspec.structs.replace(PARAMETERS, **changed)


def test_conditions_and_trades_name_what_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="volatility_bp must be a positive number"):
        replace(CALM, volatility_bp=math.nan)
    with pytest.raises(ValueError, match="depth_m must be a positive number"):
        replace(CALM, depth_m=-1.0)
    with pytest.raises(ValueError, match=r"liquidations must be a number .* not below zero"):
        replace(CALM, liquidations=-1.0)
    with pytest.raises(ValueError, match=r"size_m must be a number \(M\)"):
        pushed(PARAMETERS, ImpactState(), math.inf, CALM)
    with pytest.raises(ValueError, match=r"days must be a number .* not below zero"):
        rested(PARAMETERS, ImpactState(), -1.0)
    with pytest.raises(ValueError, match="relaxation_per_day must be a positive number"):
        signal_bp(PARAMETERS, ImpactState(), 0.0)
    with pytest.raises(ValueError, match="times is believable"):
        multiplier(PARAMETERS, Conditions(volatility_bp=1e9, depth_m=1e-9))
