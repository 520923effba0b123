# SPDX-License-Identifier: Apache-2.0
"""Routing: equal marginal costs, the zone, the rules around them, and the limits of the ratio."""

from __future__ import annotations

import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from infold.dealer.params import SPOT_FX
from infold.dealer.routing import (
    REASONS,
    Route,
    VenueCost,
    Warehouse,
    internalized,
    route,
    route_stock,
    warehouse,
)
from infold.dealer.zone import CapitalCharge, zone, zone_m

KEEP = warehouse(SPOT_FX, CapitalCharge(6e5, 1e4))
TAU_DAY = 1e-5
SLOPE = 2.0 * SPOT_FX.hedge_impact_bp_day_per_m / TAU_DAY
VENUES = (VenueCost("deep", 0.2, SLOPE, 40.0), VenueCost("thin", 0.25, 3.0 * SLOPE, 5.0))


def routed(residual_m: float, inventory_m: float, **others: float) -> Route:
    return route(1, residual_m, inventory_m, KEEP, VENUES, **others)


def total_bp_m(kept_m: float, shares_m: tuple[float, ...], residual: float, held: float) -> float:
    """What a split costs: the rise of the value of inventory, and the venues."""
    side = math.copysign(1.0, residual)
    after = held + side * kept_m
    cost = 0.5 * KEEP.slope_bp_per_m * (after**2 - held**2)
    return cost + sum(
        part * (venue.base_bp + 0.5 * venue.slope_bp_per_m * part)
        for part, venue in zip(shares_m, VENUES, strict=True)
    )


def test_the_zone_is_the_closed_forms_and_the_capital_rule_cuts_it() -> None:
    assert KEEP.zone_m(SPOT_FX.hedge_spread_bp) == pytest.approx(zone_m(SPOT_FX), rel=1e-12)
    charge = CapitalCharge(7e4, 1e4)
    assert warehouse(SPOT_FX, charge).zone_m(SPOT_FX.hedge_spread_bp) == 7.0
    assert zone(SPOT_FX, charge).width_m == 7.0
    assert KEEP.zone_m(-0.5) == 0.0
    assert Warehouse(0.0, 0.5, 9.0).zone_m(0.2) == 9.0


def test_inside_the_zone_nothing_goes_outside() -> None:
    inside = routed(12.4, 0.0)
    assert (inside.reason, inside.sent_m, inside.internalized) == ("INSIDE_ZONE", 0.0, 1.0)
    assert inside.kept_bp <= inside.sent_bp == 0.2
    beyond = routed(12.5, 0.0)
    assert beyond.reason == "EQUAL_COSTS" and beyond.sent_m > 0.0


@pytest.mark.parametrize(("residual", "held"), [(30.0, 0.0), (-30.0, -20.0), (-45.0, 12.0)])
def test_a_split_meets_where_marginal_costs_do_and_no_other_is_cheaper(
    residual: float, held: float
) -> None:
    found = routed(residual, held)
    assert found.reason == "EQUAL_COSTS"
    assert found.kept_m + found.sent_m == pytest.approx(abs(residual), rel=1e-12)
    assert found.kept_bp == pytest.approx(found.price_bp, rel=1e-9)
    assert found.sent_bp == pytest.approx(found.price_bp, rel=1e-9)
    parts = tuple(dict(found.shares).get(venue.venue, 0.0) for venue in VENUES)
    least = total_bp_m(found.kept_m, parts, residual, held)
    for deep, thin in ((0.01, -0.01), (-0.01, 0.01), (0.01, 0.0), (-0.01, 0.0), (0.0, 0.01)):
        moved = (parts[0] + deep, parts[1] + thin)
        if min(moved) >= 0.0:
            kept = abs(residual) - sum(moved)
            assert total_bp_m(kept, moved, residual, held) > least


def test_route_reduces_never_external() -> None:
    """Whatever toxicity, impact and in-flow say, a residual that lowers |q| is kept whole."""
    for held in (5.0, 30.0, 55.0):
        for share in (0.01, 0.5, 1.0, 1.9, 2.0):
            for sign in (-1.0, 1.0):
                found = route(
                    1,
                    -sign * share * held,
                    sign * held,
                    warehouse(SPOT_FX, CapitalCharge(1e4, 1e4)),
                    VENUES,
                    toxicity_bp=50.0,
                    impact_bp=-sign * 30.0,
                    inflow_m=-sign * 500.0,
                )
                assert (found.reason, found.sent_m, found.shares) == ("REDUCES", 0.0, ())
                assert found.internalized == 1.0


def test_toxicity_impact_and_momentum_send_more_outside() -> None:
    plain = routed(20.0, 0.0).sent_m
    assert routed(20.0, 0.0, toxicity_bp=0.3).sent_m > plain
    assert routed(20.0, 0.0, impact_bp=0.05).sent_m > plain > routed(20, 0, impact_bp=-0.05).sent_m
    assert routed(20.0, 0.0, inflow_m=15.0).sent_m > plain > routed(20, 0, inflow_m=-15.0).sent_m
    levels = [routed(20.0, 0.0, toxicity_bp=bp).sent_m for bp in (0.0, 0.1, 0.5, 2.0, 60.0)]
    assert all(low <= high for low, high in pairwise(levels))
    assert routed(20.0, 0.0, toxicity_bp=90.0).reason == "CHEAPER_OUTSIDE"


def test_capital_and_room_give_their_reasons() -> None:
    full = routed(30.0, 50.0)
    assert (full.reason, full.kept_m) == ("CAPITAL", pytest.approx(10.0))
    none = route(1, 30.0, 50.0, KEEP, ())
    assert (none.reason, none.kept_m, none.excess_m) == ("NO_VENUE", 30.0, 20.0)
    packed = routed(100.0, 20.0)
    assert (packed.reason, packed.sent_m, packed.excess_m) == ("NO_VENUE", 45.0, 15.0)
    assert packed.sent_bp == math.inf
    assert routed(0.0, 50.0).reason == "NOTHING" and routed(0.0, 50.0).internalized == 1.0
    lone = route(1, 30.0, 20.0, KEEP, ())
    assert (lone.reason, lone.kept_m) == ("INSIDE_ZONE", 30.0)
    assert set(REASONS) == {
        *("NOTHING", "REDUCES", "INSIDE_ZONE", "EQUAL_COSTS", "CHEAPER_OUTSIDE"),
        *("CAPITAL", "NO_VENUE", "TOXIC"),
    }


def test_stock_is_hedged_at_the_rate_of_equation_15() -> None:
    """One venue, an interval towards zero: v = (|p| - psi)+ / 2 eta."""
    tau = 1e-9
    venue = VenueCost("only", 0.2, 2.0 * SPOT_FX.hedge_impact_bp_day_per_m / tau, 1e9)
    for held in (-50.0, -13.0, 12.0, 20.0, 40.0):
        found = route_stock(1, held, KEEP, (venue,))
        price = KEEP.slope_bp_per_m * abs(held)
        rate = max(price - 0.2, 0.0) / (2.0 * SPOT_FX.hedge_impact_bp_day_per_m)
        assert found.sent_m / tau == pytest.approx(rate, rel=1e-4, abs=1e-6)


def test_marked_flow_goes_outside_from_within_the_zone_and_nothing_else_does() -> None:
    plain = route_stock(1, 8.0, KEEP, VENUES)
    found = route_stock(1, 8.0, KEEP, VENUES, marked_m=3.0)
    assert plain.reason == "INSIDE_ZONE" and (found.reason, found.marked_m) == ("TOXIC", 3.0)
    assert found.sent_m == pytest.approx(3.0) and found.kept_m == pytest.approx(5.0)
    parts = dict(found.shares)
    assert parts["deep"] > parts["thin"] > 0.0
    assert found.sent_bp == pytest.approx(found.price_bp)
    assert found.kept_bp == pytest.approx(KEEP.slope_bp_per_m * 5.0)
    mirrored = route_stock(1, -8.0, KEEP, VENUES, marked_m=-3.0)
    assert (mirrored.shares, mirrored.reason) == (found.shares, "TOXIC")


def test_marked_flow_is_bounded_by_the_stock_and_by_the_venues() -> None:
    whole = route_stock(1, 8.0, KEEP, VENUES, marked_m=50.0)
    assert (whole.marked_m, whole.kept_m) == (8.0, 0.0)
    assert whole.sent_m == pytest.approx(8.0)
    narrow = (VenueCost("thin", 0.25, SLOPE, 1.0),)
    assert route_stock(1, 8.0, KEEP, narrow, marked_m=3.0).sent_m == 1.0
    for other in (-3.0, 0.0):
        assert route_stock(1, 8.0, KEEP, VENUES, marked_m=other) == route_stock(
            1, 8.0, KEEP, VENUES
        )
    assert route_stock(1, 8.0, KEEP, (), marked_m=3.0) == route_stock(1, 8.0, KEEP, ())
    beyond = route_stock(1, 40.0, KEEP, VENUES)
    assert route_stock(1, 40.0, KEEP, VENUES, marked_m=0.5 * beyond.sent_m) == beyond
    with pytest.raises(ValueError, match="marked_m"):
        route_stock(1, 8.0, KEEP, VENUES, marked_m=math.nan)


def test_a_decision_without_marked_flow_is_journalled_as_it_always_was() -> None:
    text = msgspec.json.encode(route_stock(1, 8.0, KEEP, VENUES)).decode()
    assert "marked_m" not in text and "excess_m" in text
    marked = route_stock(1, 8.0, KEEP, VENUES, marked_m=3.0)
    assert msgspec.json.decode(msgspec.json.encode(marked), type=Route) == marked


def test_internalization_ratio_runs_from_one_to_zero_with_the_cost_of_trading_outside() -> None:
    dice = np.random.default_rng(5)
    residuals = dice.normal(0.0, 15.0, 400)

    def ratio(base_bp: float, slope: float) -> float:
        venue = (VenueCost("only", base_bp, slope, math.inf),)
        keep = warehouse(SPOT_FX)
        return internalized(route(1, float(one), 0.0, keep, venue) for one in residuals)

    ratios = [ratio(base, 0.01) for base in (0.0, 0.05, 0.2, 0.5, 50.0)]
    assert all(low < high for low, high in pairwise(ratios[:-1])) and ratios[-1] == 1.0
    assert ratio(0.0, 0.0) == 0.0
    assert ratio(0.0, 1e9) == pytest.approx(1.0, abs=1e-9)
    assert internalized(()) == 1.0


def test_a_decision_survives_the_journal_whole() -> None:
    found = routed(30.0, 0.0)
    kept = msgspec.json.decode(msgspec.json.encode(found), type=Route)
    assert kept == found and dict(kept.shares).keys() == {"deep", "thin"}


def test_what_makes_no_sense_is_named() -> None:
    for name in ("residual_m", "inventory_m", "impact_bp", "toxicity_bp", "inflow_m"):
        figures = {"residual_m": 1.0, "inventory_m": 0.0} | {name: math.nan}
        with pytest.raises(ValueError, match=name):
            route(1, figures.pop("residual_m"), figures.pop("inventory_m"), KEEP, (), **figures)
    with pytest.raises(ValueError, match="base_bp"):
        route(1, 20.0, 0.0, KEEP, (VenueCost("v", math.inf, 0.0, 1.0), VENUES[0]))
    with pytest.raises(ValueError, match="slope_bp_per_m"):
        Warehouse(-1.0, 0.5, 1.0)
    with pytest.raises(ValueError, match="impact_share"):
        Warehouse(1.0, math.nan, 1.0)
    with pytest.raises(ValueError, match="limit_m"):
        Warehouse(1.0, 0.5, math.nan)


def test_where_hedging_never_pays_only_capital_ends_the_zone() -> None:
    heavy = msgspec.structs.replace(SPOT_FX, impact_bp_per_m=5.0)
    keep = warehouse(heavy, CapitalCharge(2e5, 1e4))
    assert (keep.slope_bp_per_m, keep.zone_m(0.2)) == (0.0, 20.0)
    assert route(1, 15.0, 0.0, keep, VENUES).sent_m == 0.0
    assert route(1, 30.0, 0.0, keep, VENUES).reason == "CAPITAL"


def test_volatility_narrows_the_zone() -> None:
    assert warehouse(SPOT_FX, volatility_bp=300.0).zone_m(0.2) < KEEP.zone_m(0.2) / 2.5


def test_a_charge_beyond_the_capital_rule_spreads_the_way_back() -> None:
    """Sent until the next M costs more than keeping it and the charge; a hard rule sends it all."""
    soft = warehouse(SPOT_FX, CapitalCharge(6e5, 1e4), over_bp=5.0)
    hard = routed(30.0, 50.0)
    found = route(1, 30.0, 50.0, soft, VENUES)
    assert found.reason == "CAPITAL" and 0.0 < found.sent_m < hard.sent_m == pytest.approx(20.0)
    assert found.excess_m == pytest.approx(20.0 - found.sent_m)
    assert found.sent_bp == pytest.approx(found.kept_bp + 5.0) == found.price_bp
    assert route(1, 5.0, 50.0, soft, VENUES) == route(1, 5.0, 50.0, KEEP, VENUES)
    with pytest.raises(ValueError, match="over_bp"):
        Warehouse(1.0, 0.5, 1.0, -1.0)


@pytest.mark.parametrize("residual", [3.0, 20.0, 35.0, 100.0])
@pytest.mark.parametrize("held", [-50.0, -4.0, 0.0, 25.0, 50.0])
def test_decisions_are_the_same_in_the_mirror(residual: float, held: float) -> None:
    """Everything signed turned around: the same amounts, prices and reason."""
    one = routed(residual, held, impact_bp=0.03, toxicity_bp=0.2, inflow_m=2.0)
    other = routed(-residual, -held, impact_bp=-0.03, toxicity_bp=0.2, inflow_m=-2.0)
    turned = msgspec.structs.replace(
        other, residual_m=residual, inventory_m=held, impact_bp=0.03, inflow_m=2.0
    )
    assert one == turned
