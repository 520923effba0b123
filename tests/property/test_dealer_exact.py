# SPDX-License-Identifier: Apache-2.0
"""Whatever the market, the exact dealer quotes sensibly and nothing does better."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from infold.dealer.exact.evaluation import Conduct, evaluate
from infold.dealer.exact.hjb import solve
from infold.dealer.exact.lattice import Lattice
from infold.dealer.exact.tables import price_table
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms
from infold.dealer.zone import Binding, CapitalCharge, zone


@st.composite
def markets(draw: st.DrawFn) -> DealerParameters:
    """Markets whose inventory a lattice of 20 steps holds."""
    figure = st.floats(0.3, 3.0)
    return DealerParameters(
        sizes_m=(1.0, 3.0),
        requests_per_day=(2_000.0 * draw(figure), 400.0 * draw(figure)),
        demand_shift=draw(st.floats(-2.0, 1.0)),
        demand_slope_per_bp=5.0 * draw(figure),
        volatility_bp=100.0 * draw(figure),
        risk_aversion=1e-2 * draw(figure),
        hedge_spread_bp=0.3 * draw(figure),
        hedge_impact_bp_day_per_m=2e-5 * draw(figure),
        impact_bp_per_m=draw(st.floats(0.0, 0.01)),
        resilience_per_day=draw(st.floats(100.0, 3_000.0)),
        offer_m_max=10.0,
    )


@settings(max_examples=25, deadline=None)
@given(markets(), st.integers(0, 2**32 - 1))
def test_no_random_conduct_beats_the_optimum(market: DealerParameters, seed: int) -> None:
    lattice = Lattice(20.0, impact_bp_max=0.1, impact_points=5)
    best = solve(market, lattice)
    source = np.random.default_rng(seed)
    bent = best.conduct.markups_bp * source.uniform(0.7, 1.4, best.conduct.markups_bp.shape)
    rates = best.conduct.rates_m_per_day * source.uniform(0.0, 2.0, best.worth.value_bp_m.shape)
    other = evaluate(market, Conduct(lattice, bent, rates))
    assert other.theta_bp_m_per_day <= best.theta_bp_m_per_day * (1.0 + 1e-9) + 1e-9
    assert solve(market, lattice, hedging=False).theta_bp_m_per_day <= (
        best.theta_bp_m_per_day * (1.0 + 1e-9) + 1e-9
    )


@settings(max_examples=25, deadline=None)
@given(markets(), st.floats(-12.0, 12.0), st.floats(-0.1, 0.1))
def test_quotes_never_cross_and_lean_against_inventory(
    market: DealerParameters, held: float, state: float
) -> None:
    table = price_table(market, Lattice(20.0))
    quotes, more = (table.markups_bp(q, state) for q in (held, held + 0.5))
    for (bid, ask), (bid_more, ask_more) in zip(quotes, more, strict=True):
        assert bid + ask > 0.0, "the ask stands above the bid"
        assert bid_more >= bid - 1e-12 and ask_more <= ask + 1e-12
    rates = [table.hedge_rate_m_per_day(q) for q in (held, held + 0.5)]
    assert rates[1] <= rates[0] + 1e-9
    assert table.hedge_rate_m_per_day(held) * held <= 0.0, "hedging brings inventory home"
    larger = [sum(quote) for quote in quotes]
    assert larger[1] >= larger[0], "size costs: there is no gain in joining, and some in none"


@settings(max_examples=100, deadline=None)
@given(markets(), st.floats(0.0, 1e5), st.floats(1.0, 1e4))
def test_the_zone_is_the_lesser_of_both_rules(
    market: DealerParameters, capital_bp_m: float, stress_bp: float
) -> None:
    found = zone(market, CapitalCharge(capital_bp_m, stress_bp))
    assert found.width_m == min(found.cost_m, capital_bp_m / stress_bp)
    assert (found.binding is Binding.COST) == (found.cost_m <= found.capital_m)
    assert 0.0 <= found.start_bp <= market.hedge_spread_bp * (1.0 + 1e-12)
    assert zone(market).width_m == found.cost_m
    assert 0.0 < closed_forms(market).impact_share < 1.0
