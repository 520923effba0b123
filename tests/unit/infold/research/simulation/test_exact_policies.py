# SPDX-License-Identifier: Apache-2.0
"""Policies scored by one linear solve, and tables that run in the loop as the dealer quotes."""

from __future__ import annotations

import pytest

from infold.dealer.exact.lattice import TRANSIENT, Lattice
from infold.dealer.exact.tables import BYTES_MAX, price_table
from infold.dealer.params import SPOT_FX
from infold.dealer.zone import CapitalCharge, zone
from infold.research.simulation import policy as policies
from infold.research.simulation.exact_policies import (
    charged,
    exact_2d,
    from_prices,
    on_lattice,
    permanent_1d,
    runtime,
    worth,
)
from infold.research.simulation.ledger import paired
from infold.research.simulation.policy import Policy
from infold.research.simulation.quotes import paper_world
from infold.research.simulation.runner import simulate

BEST = 1477.64
"""Theta of the two-dimensional optimum (test_hjb.py)."""


@pytest.mark.parametrize(
    ("policy", "theta"),
    [
        (policies.skew_only(SPOT_FX), 1371.55),
        (policies.permanent_closed_form(SPOT_FX), 1440.81),
        (policies.transient_closed_form(SPOT_FX), 1451.19),
        (policies.exact_markup(SPOT_FX), 1474.71),
        (permanent_1d(SPOT_FX), 1475.59),
        (runtime(SPOT_FX), 1477.51),
    ],
    ids=["skew", "permanent", "transient", "exact markup", "1-D", "runtime"],
)
def test_thetas_by_linear_solve_are_the_references(policy: Policy, theta: float) -> None:
    assert worth(policy, SPOT_FX).theta_bp_m_per_day == pytest.approx(theta, abs=0.05)


def test_the_runtime_table_scores_all_but_a_ten_thousandth() -> None:
    policy = runtime(SPOT_FX)
    assert worth(policy, SPOT_FX).theta_bp_m_per_day > 0.9995 * BEST
    assert policy.lines_bp.nbytes + policy.hedges.nbytes <= BYTES_MAX


def test_the_optimum_in_the_loop_is_the_optimum_on_the_lattice() -> None:
    policy = exact_2d(SPOT_FX)
    assert worth(policy, SPOT_FX).theta_bp_m_per_day == pytest.approx(BEST, abs=0.01)
    conduct = on_lattice(policy, TRANSIENT)
    middle, rest = TRANSIENT.centre
    bid, ask = conduct.markups_bp[:, 0, middle, rest]
    assert bid == pytest.approx(ask, rel=1e-9)


def test_the_loop_and_the_dealer_read_the_same_table() -> None:
    table = price_table(SPOT_FX, Lattice(100.0))
    policy = from_prices(table)
    for held, state in ((0.0, 0.0), (7.25, 0.03), (-31.5, -0.08), (45.0, 0.01)):
        for rung, (bid, ask) in enumerate(table.markups_bp(held, state)):
            for side, wanted in ((-1, bid), (1, ask)):
                found = policies.markup_bp(
                    policy.rules, policy.lines_bp, policy.slopes, side, rung, held, state
                )
                assert found == pytest.approx(wanted, abs=1e-12)
        rate = policies.hedge_rate_m_per_day(policy.rules, policy.hedges, held, state)
        assert rate == pytest.approx(table.hedge_rate_m_per_day(held, state), abs=1e-6)


def test_tables_earn_in_the_loop_what_the_solve_promises() -> None:
    """Paired with the transient closed form, whose own score the tests of the world hold."""
    world, seed, paths = paper_world(), 20260101, 40
    transient = policies.transient_closed_form(SPOT_FX)
    base = simulate(world, transient, paths, seed)
    promised_base = worth(transient, SPOT_FX).theta_bp_m_per_day
    for policy in (runtime(SPOT_FX), exact_2d(SPOT_FX)):
        found = paired(simulate(world, policy, paths, seed), base)
        promised = worth(policy, SPOT_FX).theta_bp_m_per_day - promised_base
        assert abs(found.mean - promised) < 3.5 * found.error, found
        assert found.mean > 0.0


def test_capital_starts_hedging_where_stress_would_take_it() -> None:
    charge = CapitalCharge(capital_bp_m=3_000.0, stress_bp=500.0)
    for policy in (runtime(SPOT_FX), policies.transient_closed_form(SPOT_FX)):
        tight = charged(policy, SPOT_FX, charge)
        for held, hedged in ((5.9, False), (6.1, True), (-5.9, False), (-6.1, True)):
            rate = policies.hedge_rate_m_per_day(tight.rules, tight.hedges, held, 0.0)
            assert (rate * held < 0.0) is hedged
        # Capital costs something, and ample capital nothing.
        full = worth(policy, SPOT_FX).theta_bp_m_per_day
        assert worth(tight, SPOT_FX).theta_bp_m_per_day < full - 1.0
        assert charged(policy, SPOT_FX, CapitalCharge(1e6, 500.0)) == policy
    linear = policies.transient_closed_form(SPOT_FX)
    assert charged(linear, SPOT_FX, charge).rules.zone_bp == pytest.approx(
        zone(SPOT_FX, charge).start_bp, rel=1e-12
    )
    with pytest.raises(ValueError, match="marginal prices"):
        charged(exact_2d(SPOT_FX), SPOT_FX, charge)
