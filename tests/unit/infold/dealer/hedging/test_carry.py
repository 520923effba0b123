# SPDX-License-Identifier: Apache-2.0
"""What holding a hedge costs, and resting instead of crossing."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from infold.dealer.hedging.carry import (
    Carry,
    drift_bp,
    least_risk_hedge_m,
    risk_bp_per_m,
    variance_bp2_m2_per_day,
)
from infold.dealer.hedging.passive import (
    Resting,
    filled_bp,
    passive_plan,
    resting_bp,
    taking_bp,
)
from infold.dealer.hedging.terms import Horizon, VenueTerms, venue_cost

RESTING = Resting(
    half_spread_bp=0.5,
    taker_fee_bp=3.0,
    rebate_bp=-1.0,
    fills_per_day=2_000.0,
    adverse_bp=0.8,
    waiting_bp_per_day=200.0,
)


def test_funding_costs_a_buyer_what_it_pays_a_seller() -> None:
    carry = Carry(funding_bp_per_day=30.0)
    assert drift_bp(carry, 1, 0.002) == pytest.approx(0.06)
    assert drift_bp(carry, -1, 0.002) == -drift_bp(carry, 1, 0.002)


def test_a_rich_venue_is_dear_to_buy_at_and_cheap_to_sell_at() -> None:
    rich = Carry(basis_bp=4.0, basis_reversion_per_day=500.0)
    expected = 4.0 * (1.0 - math.exp(-500.0 * 0.002))
    assert drift_bp(rich, 1, 0.002) == pytest.approx(expected)
    assert drift_bp(rich, -1, 0.002) == pytest.approx(-expected)
    assert drift_bp(rich, 1, 0.0) == 0.0


@pytest.mark.parametrize("correlation", [-0.3, 0.0, 0.5])
def test_least_risk_hedge_minimises_the_variance_of_both_legs(correlation: float) -> None:
    carry = Carry(basis_volatility_bp=40.0, correlation=correlation)
    best = least_risk_hedge_m(carry, 10.0, 100.0)
    tried = np.linspace(-20.0, 5.0, 25_001)
    risks = [variance_bp2_m2_per_day(carry, 10.0, float(hedge), 100.0) for hedge in tried]
    assert best == pytest.approx(float(tried[int(np.argmin(risks))]), abs=1e-3)
    if correlation == 0.0:
        assert -10.0 < best < -8.0
    assert least_risk_hedge_m(Carry(), 10.0, 100.0) == -10.0


def test_basis_risk_is_the_slope_of_its_charge() -> None:
    carry = Carry(basis_volatility_bp=40.0)
    gamma, holding, held = 1e-3, 0.002, 7.0

    def charge(hedge: float) -> float:
        flat = variance_bp2_m2_per_day(carry, -hedge, hedge, 100.0)  # no net: the basis alone
        return 0.5 * gamma * holding * flat

    slope = (charge(held + 1e-4) - charge(held - 1e-4)) / 2e-4
    assert risk_bp_per_m(carry, gamma, holding) * held == pytest.approx(slope, rel=1e-6)


def test_resting_costs_what_simulated_children_pay() -> None:
    """Fills are exponential; the price is a martingale that moves m against whoever was filled."""
    dice = np.random.default_rng(11)
    rest = 3e-4
    times = dice.exponential(1.0 / RESTING.fills_per_day, 400_000)
    filled = times <= rest
    chance = 1.0 - math.exp(-RESTING.fills_per_day * rest)
    away = RESTING.adverse_bp * chance / (1.0 - chance)  # what the unfilled see
    waited = RESTING.waiting_bp_per_day * np.minimum(times, rest)
    maker = -RESTING.half_spread_bp - RESTING.rebate_bp
    paid = waited + np.where(filled, maker, taking_bp(RESTING) + away)
    # A filled buyer's price falls by m: a loss not yet paid.
    total = paid + np.where(filled, RESTING.adverse_bp, 0.0) - np.where(filled, 0.0, away)
    assert resting_bp(RESTING, rest) == pytest.approx(float(total.mean()), abs=0.01)


def test_children_rest_as_long_as_allowed_or_not_at_all() -> None:
    plan = passive_plan(RESTING, 1e-3)
    assert plan.rest_day == 1e-3 and plan.saved_bp > 0.0
    assert plan.cost_bp == pytest.approx(taking_bp(RESTING) - plan.saved_bp)
    assert plan.fill_probability == pytest.approx(1.0 - math.exp(-2.0))
    poisoned = replace(RESTING, adverse_bp=6.0)
    assert passive_plan(poisoned, 1e-3).rest_day == 0.0
    assert passive_plan(replace(RESTING, fills_per_day=0.0), 1e-3).cost_bp == taking_bp(RESTING)
    assert filled_bp(replace(RESTING, fills_per_day=0.0)) == math.inf


def test_taking_alone_overstates_the_cost_of_hedging_several_times() -> None:
    """The reference's range for a perpetual: two to five times."""
    assert 2.0 < taking_bp(RESTING) / passive_plan(RESTING, 5e-3).cost_bp < 5.0


def test_a_venues_terms_become_one_line() -> None:
    carry = Carry(funding_bp_per_day=30.0, basis_volatility_bp=40.0)
    terms = VenueTerms("deep", 0.1, 0.2, 2e-5, 50.0, carry)
    horizon = Horizon(interval_day=1e-5, holding_day=0.002)
    bought = venue_cost(terms, 1, horizon, 1e-3, held_m=5.0, state_bp=0.04)
    sold = venue_cost(terms, -1, horizon, 1e-3, held_m=5.0, state_bp=0.04, capacity_m=3.0)
    basis = 1e-3 * 40.0**2 * 0.002
    assert bought.base_bp == pytest.approx(0.3 + 0.04 + 0.06 + basis * 5.0)
    assert sold.base_bp == pytest.approx(0.3 - 0.04 - 0.06 - basis * 5.0)
    assert bought.slope_bp_per_m == pytest.approx(2 * 2e-5 / 1e-5 + basis)
    assert (bought.capacity_m, sold.capacity_m) == (50.0, 3.0)
    resting = replace(terms, half_spread_bp=0.5, taker_fee_bp=3.0, resting=RESTING)
    patient = Horizon(interval_day=1e-5, holding_day=0.0, rest_day_max=1e-3)
    assert venue_cost(resting, 1, patient, 1e-3).base_bp == passive_plan(RESTING, 1e-3).cost_bp


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: Carry(funding_bp_per_day=math.nan), "funding_bp_per_day"),
        (lambda: Carry(basis_bp=math.inf), "basis_bp"),
        (lambda: Carry(basis_reversion_per_day=-1.0), "basis_reversion_per_day"),
        (lambda: Carry(basis_volatility_bp=-1.0), "basis_volatility_bp"),
        (lambda: Carry(correlation=1.5), "correlation"),
        (lambda: drift_bp(Carry(), 0, 1.0), "side"),
        (lambda: drift_bp(Carry(), 1, -1.0), "holding_day"),
        (lambda: risk_bp_per_m(Carry(), 0.0, 1.0), "risk_aversion"),
        (lambda: least_risk_hedge_m(Carry(), 1.0, 0.0), "volatility_bp"),
        (lambda: least_risk_hedge_m(Carry(), math.nan, 1.0), "inventory_m"),
        (lambda: variance_bp2_m2_per_day(Carry(), 1.0, math.nan, 1.0), "hedge_m"),
        (lambda: replace(RESTING, half_spread_bp=-1.0), "half_spread_bp"),
        (lambda: replace(RESTING, taker_fee_bp=math.nan), "taker_fee_bp"),
        (lambda: replace(RESTING, rebate_bp=math.nan), "rebate_bp"),
        (lambda: replace(RESTING, fills_per_day=-1.0), "fills_per_day"),
        (lambda: replace(RESTING, adverse_bp=math.nan), "adverse_bp"),
        (lambda: replace(RESTING, waiting_bp_per_day=-1.0), "waiting_bp_per_day"),
        (lambda: resting_bp(RESTING, -1.0), "rest_day"),
        (lambda: passive_plan(RESTING, math.nan), "rest_day_max"),
        (lambda: VenueTerms("v", -1.0, 0.0, 0.0, 1.0), "half_spread_bp"),
        (lambda: VenueTerms("v", 0.0, math.nan, 0.0, 1.0), "taker_fee_bp"),
        (lambda: VenueTerms("v", 0.0, 0.0, -1.0, 1.0), "quadratic_bp_day_per_m"),
        (lambda: VenueTerms("v", 0.0, 0.0, 0.0, math.inf), "depth_m"),
        (lambda: Horizon(0.0, 1.0), "interval_day"),
        (lambda: Horizon(1.0, -1.0), "holding_day"),
        (lambda: Horizon(1.0, 1.0, -1.0), "rest_day_max"),
    ],
)
def test_what_makes_no_sense_is_named(make: Callable[[], object], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        make()
