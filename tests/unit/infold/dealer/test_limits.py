# SPDX-License-Identifier: Apache-2.0
"""The guarded dealer: the paper's closed form without its limits, and limits that hold."""

from __future__ import annotations

import math

import msgspec
import pytest

from infold.dealer.limits import (
    Commitment,
    Guard,
    Sight,
    closed_form,
    commitment,
    guarded,
    guarded_by,
)
from infold.dealer.lines import thin_line
from infold.dealer.params import PERPETUAL, SPOT_FX
from infold.dealer.quoting import closed_forms
from infold.dealer.zone import CapitalCharge

CAP_M = 30.0
CAPITAL = 45_000.0
FORM = closed_form(PERPETUAL, CAP_M, 10.0)
GUARD = guarded(PERPETUAL, CAP_M, 10.0)
CALM = Sight(
    inventory_m=0.0,
    client_m=0.0,
    impact_bp=0.0,
    equity_bp_m=CAPITAL,
    level=1.0,
    peak=1.0,
    volatility_bp=PERPETUAL.volatility_bp,
    outside=1.0,
    depth=1.0,
    age_s=5.0,
    interval_s=5.0,
)
STORM = CALM._replace(volatility_bp=10.0 * PERPETUAL.volatility_bp, outside=30.0, depth=0.05)


def holding(sight: Sight, held_m: float) -> Sight:
    return sight._replace(inventory_m=held_m, client_m=held_m)


def told(guard: Guard, sight: Sight) -> Commitment:
    return commitment(guard, sight)


# -- the closed form -------------------------------------------------------------------------------


def test_without_limits_it_is_the_papers_closed_form() -> None:
    """Equations 7 and 18 for the quote, 15 and 19 for the hedge."""
    forms, line = closed_forms(PERPETUAL), thin_line(PERPETUAL)
    found = told(FORM, holding(CALM, 3.0)._replace(impact_bp=0.4))
    assert found.half_spread_bp == forms.markup_bp
    assert found.slope_bp_per_m == line.slope_bp_per_m
    unit = forms.risk_bp_per_m / forms.concavity
    shift = -2.0 * unit * 3.0 - forms.impact_share / forms.concavity * 0.4
    assert found.shift_bp == pytest.approx(shift, rel=1e-12)
    kept = PERPETUAL.impact_bp_per_m * (1.0 - forms.impact_share)
    price = -(2.0 * forms.risk_bp_per_m - kept) * 3.0 - forms.impact_share * 0.4
    excess = abs(price) - PERPETUAL.hedge_spread_bp
    rate = excess / (2.0 * PERPETUAL.hedge_impact_bp_day_per_m)
    assert found.hedge_m == pytest.approx(-min(rate * 5.0 / 86_400.0, 3.0), rel=1e-12)
    assert (found.bid_m, found.ask_m) == (PERPETUAL.offer_m_max, PERPETUAL.offer_m_max)


def test_inside_the_cost_zone_nothing_is_hedged() -> None:
    width = PERPETUAL.hedge_spread_bp / FORM.price_slope_bp_per_m
    assert told(FORM, holding(CALM, 0.99 * width)).hedge_m == 0.0
    assert told(FORM, holding(CALM, 1.01 * width)).hedge_m < 0.0
    assert told(FORM, holding(CALM, -1.01 * width)).hedge_m > 0.0


def test_the_closed_form_is_blind_to_storms() -> None:
    assert told(FORM, holding(STORM, 2.0)) == told(FORM, holding(CALM, 2.0))


# -- the guard -------------------------------------------------------------------------------------


def test_the_room_is_the_capital_charge_of_the_stress() -> None:
    """The same rule as `zone.CapitalCharge`, at the highest price of the day."""
    charge = CapitalCharge(GUARD.capital_share * CAPITAL, GUARD.stress * 1e4)
    assert told(GUARD, CALM).room_m == pytest.approx(charge.inventory_m)
    fallen = CALM._replace(level=0.5, peak=1.0)
    assert told(GUARD, fallen).room_m == told(GUARD, CALM).room_m


def test_the_zone_shrinks_with_volatility_and_with_equity() -> None:
    calm, storm = told(GUARD, CALM), told(GUARD, STORM)
    assert storm.zone_m == pytest.approx(calm.zone_m / 10.0)
    poor = told(GUARD, CALM._replace(equity_bp_m=CAPITAL / 2.0))
    assert poor.zone_m == pytest.approx(calm.zone_m / 2.0)
    assert poor.room_m == pytest.approx(calm.room_m / 2.0)
    move_bp = 4.0 * PERPETUAL.volatility_bp * math.sqrt(1_800.0 / 86_400.0)
    assert calm.zone_m * move_bp == pytest.approx(GUARD.risk_share * CAPITAL)


def test_the_half_spread_follows_the_age_of_the_price_up_to_ten_times() -> None:
    calm = told(GUARD, CALM)
    assert calm.half_spread_bp == GUARD.half_spread_bp
    late = STORM._replace(age_s=30.0)
    moved = STORM.volatility_bp * math.sqrt(35.0 / 86_400.0)
    assert told(GUARD, late).half_spread_bp == pytest.approx(
        min(GUARD.staleness * moved, 10.0 * GUARD.half_spread_bp)
    )
    assert told(GUARD, late).half_spread_bp > told(GUARD, STORM).half_spread_bp
    mad = STORM._replace(volatility_bp=1e5)
    assert told(GUARD, mad).half_spread_bp == pytest.approx(10.0 * GUARD.half_spread_bp)


def test_it_refuses_to_grow_at_the_room_and_prices_what_reduces_whole() -> None:
    room = told(GUARD, CALM).room_m
    full = told(GUARD, holding(CALM, room))
    assert full.bid_m == 0.0 and full.ask_m >= room
    short = told(GUARD, holding(CALM, -room))
    assert short.ask_m == 0.0 and short.bid_m >= room


def test_between_zone_and_room_it_grows_by_the_least_alone() -> None:
    storm = told(GUARD, STORM)
    held = 0.5 * (storm.zone_m + storm.room_m)
    found = told(GUARD, holding(STORM, held))
    assert found.bid_m == GUARD.offer_least_m
    assert found.hedge_m == pytest.approx(-(held - found.zone_m) * 5.0 / GUARD.excess_s)


def test_a_hedged_book_still_counts_its_client_leg() -> None:
    """Every hedge may be gone at once: the client leg is bounded by twice the room."""
    room = told(GUARD, CALM).room_m
    found = told(GUARD, CALM._replace(inventory_m=0.0, client_m=2.0 * room))
    assert found.bid_m == 0.0 and found.ask_m > 0.0


def test_one_venue_holds_a_share_of_the_room_at_most() -> None:
    found = told(GUARD, CALM)
    assert found.venue_m == pytest.approx(GUARD.venue_share * found.room_m)
    assert told(guarded_by(GUARD, venue_cap_m=0.1), CALM).venue_m == 0.1


def test_costly_outside_markets_are_left_alone_inside_the_zone() -> None:
    held = 0.9 * told(GUARD, CALM).zone_m
    assert told(GUARD, holding(CALM, held)).hedge_m < 0.0
    assert told(GUARD, holding(CALM._replace(outside=100.0), held)).hedge_m == 0.0


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"growth": 0.0}, "growth must be a share"),
        ({"growth": 1.5}, "growth must be a share"),
        ({"stress": -0.1}, r"stress must be a number \(of the price\) not below zero"),
        ({"capital_share": math.nan}, r"capital_share must be a positive number \(of equity\)"),
        ({"volatility_bp": 0.0}, r"volatility_bp must be a positive number \(bp per root day\)"),
        ({"spread_times_max": 0.5}, "spread_times_max must be at least 1"),
        ({"own_side_bp": 99.0}, "own_side_bp must not exceed half_spread_bp"),
    ],
)
def test_numbers_that_make_no_sense_are_named(change: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        guarded_by(GUARD, **change)


def test_caps_and_costs_must_be_positive() -> None:
    with pytest.raises(ValueError, match="position_cap_m"):
        closed_form(SPOT_FX, 0.0, 1.0)
    with pytest.raises(ValueError, match="venue_cap_m"):
        closed_form(SPOT_FX, 1.0, math.inf)
    free = msgspec.structs.replace(SPOT_FX, hedge_impact_bp_day_per_m=0.0)
    with pytest.raises(ValueError, match="hedge_impact_bp_day_per_m"):
        closed_form(free, 1.0, 1.0)
