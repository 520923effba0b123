# SPDX-License-Identifier: Apache-2.0
"""The ready ladder quotes what the closed form does before it is linearised."""

from __future__ import annotations

import math

import pytest

from infold.dealer.ladder import Ladder
from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms, markups_bp
from infold.research.simulation import policy as policies
from infold.research.simulation.policy import exact_markup


@pytest.mark.parametrize(("inventory_m", "impact_bp"), [(0.0, 0.0), (7.5, 0.04), (-60.0, -0.1)])
def test_the_ladder_quotes_the_exact_markup(inventory_m: float, impact_bp: float) -> None:
    policy = exact_markup(SPOT_FX)
    found = Ladder(SPOT_FX).quotes(inventory_m, impact_bp)
    for row, side in enumerate((-1, 1)):
        for rung in range(6):
            wanted = policies.markup_bp(
                policy.rules, policy.lines_bp, policy.slopes, side, rung, inventory_m, impact_bp
            )
            assert found[row][rung] == pytest.approx(wanted, abs=1e-13)


def test_small_sizes_agree_with_the_linearised_ladder_to_first_order() -> None:
    bid, ask = Ladder(SPOT_FX).quotes(0.5)
    linear = markups_bp(SPOT_FX, 0.5)
    assert (bid[0], ask[0]) == pytest.approx(linear[0], abs=3e-4)


def test_a_forecast_of_more_volatility_skews_more() -> None:
    calm, rough = (Ladder(SPOT_FX, sigma).quotes(10.0)[1][0] for sigma in (100.0, 200.0))
    assert rough < calm < closed_forms(SPOT_FX).markup_bp


def test_what_is_no_number_is_refused_by_name_and_unit() -> None:
    ladder = Ladder(SPOT_FX)
    with pytest.raises(ValueError, match=r"inventory_m must be a number \(M\)"):
        ladder.quotes(math.nan)
    with pytest.raises(ValueError, match=r"impact_bp must be a number \(bp\)"):
        ladder.quotes(0.0, math.inf)
    with pytest.raises(ValueError, match="volatility_bp"):
        Ladder(SPOT_FX, -1.0)
