# SPDX-License-Identifier: Apache-2.0
"""The hedging zone: cost rule, capital rule, and which of them binds."""

from __future__ import annotations

import math

import msgspec
import pytest

from infold.dealer.params import SPOT_FX
from infold.dealer.zone import Binding, CapitalCharge, zone, zone_m


def test_without_a_charge_the_cost_rule_alone_decides() -> None:
    found = zone(SPOT_FX)
    assert found.width_m == zone_m(SPOT_FX) and found.binding is Binding.COST
    assert found.start_bp == SPOT_FX.hedge_spread_bp and found.capital_m == math.inf
    assert zone(SPOT_FX, permanent=True).width_m == zone_m(SPOT_FX, permanent=True)


def test_scarce_capital_narrows_the_zone_and_hedging_starts_at_its_edge() -> None:
    found = zone(SPOT_FX, CapitalCharge(capital_bp_m=2_000.0, stress_bp=500.0))
    assert found.width_m == 4.0 and found.binding is Binding.CAPITAL
    assert found.cost_m == zone_m(SPOT_FX)
    # |p| grows linearly from zero at rest: psi at the cost zone, start_bp at the capital's.
    assert found.start_bp / found.width_m == pytest.approx(
        SPOT_FX.hedge_spread_bp / zone_m(SPOT_FX), rel=1e-14
    )


def test_ample_capital_changes_nothing() -> None:
    assert zone(SPOT_FX, CapitalCharge(1e9, 500.0)).width_m == zone(SPOT_FX).width_m
    assert zone(SPOT_FX, CapitalCharge(0.0, 500.0)).width_m == 0.0


def test_where_hedging_never_pays_capital_still_ends_the_zone() -> None:
    heavy = msgspec.structs.replace(SPOT_FX, impact_bp_per_m=1.0)
    assert zone(heavy).width_m == math.inf
    found = zone(heavy, CapitalCharge(2_000.0, 500.0))
    assert (found.width_m, found.start_bp, found.binding) == (4.0, 0.0, Binding.CAPITAL)


def test_a_charge_names_what_makes_no_sense_and_its_unit() -> None:
    with pytest.raises(ValueError, match=r"capital_bp_m .* \(bp M\)"):
        CapitalCharge(-1.0, 500.0)
    with pytest.raises(ValueError, match=r"stress_bp .* \(bp\), not 0.0"):
        CapitalCharge(1.0, 0.0)
