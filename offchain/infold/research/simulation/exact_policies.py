# SPDX-License-Identifier: Apache-2.0
"""Exact solutions as policies of the loop, and policies scored without the loop.

`runtime` is what a dealer would run: a table of prices by inventory, the impact state linear.
"""

from __future__ import annotations

import numpy as np

from infold.dealer.exact.evaluation import Conduct, Worth, evaluate
from infold.dealer.exact.lattice import PERMANENT, TRANSIENT, Lattice
from infold.dealer.exact.tables import PriceTable, markup_table, permanent_table, price_table
from infold.dealer.params import DealerParameters
from infold.dealer.zone import CapitalCharge, zone
from infold.research.simulation.compiled import Floats, compiled
from infold.research.simulation.policy import (
    Grid,
    Policy,
    QuoteRules,
    Tables,
    hedge_rate_m_per_day,
    interpolated,
    markup_bp,
    table_policy,
)


def runtime(belief: DealerParameters, lattice: Lattice = PERMANENT) -> Policy:
    """The one-dimensional optimum at k (1 - B0), plus B0 x."""
    return from_prices(price_table(belief, lattice))


def permanent_1d(belief: DealerParameters, lattice: Lattice = PERMANENT) -> Policy:
    """The one-dimensional optimum at the whole k: as if our impact stayed."""
    return from_prices(permanent_table(belief, lattice))


def exact_2d(belief: DealerParameters, lattice: Lattice = TRANSIENT) -> Policy:
    """The two-dimensional optimum itself, interpolated between its points."""
    table = markup_table(belief, lattice)
    return table_policy(
        _inventory(lattice), _impact(lattice), table.markups_bp, table.rates_m_per_day
    )


def from_prices(table: PriceTable) -> Policy:
    """A table of indifference prices as the loop reads it."""
    belief = table.parameters
    return table_policy(
        _inventory(table.lattice),
        _impact(table.lattice),
        table.prices_bp[..., None],
        table.marginal_bp[:, None],
        signal=table.signal,
        exact=(belief.demand_shift, belief.demand_slope_per_bp),
        price_signal=-table.signal,
        zone_bp=belief.hedge_spread_bp,
        steepness_m_per_bp_day=0.5 / belief.hedge_impact_bp_day_per_m,
    )


def charged(policy: Policy, belief: DealerParameters, charge: CapitalCharge) -> Policy:
    """The same policy, hedging also from where its inventory, stressed, would take the capital.

    It then starts at the lesser of the two zones (`dealer.zone`), at the policy's own marginal
    price there. `ValueError` if the policy does not hedge by marginal prices.
    """
    rules = policy.rules
    if rules.steepness_m_per_bp_day == 0.0:
        raise ValueError("the policy must hedge by marginal prices (bp), not by rates")
    edge_m = zone(belief, charge).capital_m
    at_edge = interpolated(rules, policy.hedges, edge_m, 0.0) + rules.price_slope_bp_per_m * edge_m
    return policy.ruled(zone_bp=min(rules.zone_bp, abs(at_edge)))


def worth(policy: Policy, truth: DealerParameters, lattice: Lattice = TRANSIENT) -> Worth:
    """What the policy earns where the market is as `truth` says, by one linear solve."""
    return evaluate(truth, on_lattice(policy, lattice))


def on_lattice(policy: Policy, lattice: Lattice) -> Conduct:
    """What the policy does at each point of the lattice."""
    rungs = policy.lines_bp.shape[1]
    grid = (lattice.inventory_points, lattice.impact_points)
    markups_bp = np.empty((2, rungs, *grid))
    rates_m_per_day = np.empty(grid)
    _fill(
        policy.rules,
        policy.lines_bp,
        policy.slopes,
        policy.hedges,
        lattice.inventory_m,
        lattice.impact_bp,
        markups_bp,
        rates_m_per_day,
    )
    return Conduct(lattice, markups_bp, rates_m_per_day)


@compiled
def _fill(
    rules: QuoteRules,
    lines_bp: Tables,
    slopes: Tables,
    hedges: Tables,
    inventory_m: Floats,
    impact_bp: Floats,
    markups_bp: Tables,
    rates_m_per_day: Floats,
) -> None:
    for row in range(len(inventory_m)):
        for column in range(len(impact_bp)):
            held, state = inventory_m[row], impact_bp[column]
            rates_m_per_day[row, column] = hedge_rate_m_per_day(rules, hedges, held, state)
            for side in (-1, 1):
                for rung in range(markups_bp.shape[1]):
                    markups_bp[(side + 1) >> 1, rung, row, column] = markup_bp(
                        rules, lines_bp, slopes, side, rung, held, state
                    )


def _inventory(lattice: Lattice) -> Grid:
    return Grid(-lattice.inventory_m_max, lattice.inventory_step_m, lattice.inventory_points)


def _impact(lattice: Lattice) -> Grid:
    return Grid(float(lattice.impact_bp[0]), lattice.impact_step_bp, lattice.impact_points)
