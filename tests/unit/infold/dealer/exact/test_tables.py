# SPDX-License-Identifier: Apache-2.0
"""Tables a dealer quotes from: near the optimum, small, and equal to the loop's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from infold.dealer.exact.hjb import Solution, solve
from infold.dealer.exact.lattice import TRANSIENT, Lattice
from infold.dealer.exact.tables import (
    BYTES_MAX,
    PriceTable,
    markup_table,
    permanent_table,
    price_table,
    remaining_impact,
)
from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms


@pytest.fixture(scope="module")
def table() -> PriceTable:
    return price_table(SPOT_FX)


@pytest.fixture(scope="module")
def best() -> Solution:
    return solve(SPOT_FX, TRANSIENT)


def test_the_runtime_table_quotes_what_the_optimum_quotes(
    table: PriceTable, best: Solution
) -> None:
    middle, rest = TRANSIENT.centre
    for held in (-20, -3, 0, 9):
        for across in (-2, 0, 3):
            state = float(TRANSIENT.impact_bp[rest + across])
            quoted = np.array(table.markups_bp(float(held), state)).T
            optimum = best.conduct.markups_bp[:, :, middle + held, rest + across]
            assert np.max(np.abs(quoted[:, :4] - optimum[:, :4])) < 2e-3
    assert table.hedge_rate_m_per_day(50.0) / 86_400.0 == pytest.approx(-0.2016, abs=4e-3)
    assert table.hedge_rate_m_per_day(9.0) == 0.0
    assert table.bytes < 30_000


def test_between_points_prices_are_interpolated_and_beyond_them_the_edge_holds(
    table: PriceTable,
) -> None:
    below, between, above = (table.markups_bp(q) for q in (4.0, 4.25, 5.0))
    for rung in range(6):
        for side in (0, 1):
            low, high = sorted((below[rung][side], above[rung][side]))
            assert low < between[rung][side] < high
    assert table.markups_bp(500.0) == table.markups_bp(120.0)
    assert table.markups_bp(119.5)[5][0] == math.inf, "it does not buy 50 M more at the edge"
    assert table.markups_bp(119.5)[5][1] < 0.0, "and pays to be rid of them"
    assert table.hedge_rate_m_per_day(500.0) == table.hedge_rate_m_per_day(120.0)


def test_the_impact_state_is_a_signal_for_both_sides(table: PriceTable) -> None:
    bid, ask = table.markups_bp(0.0, 0.05)[0]
    calm_bid, calm_ask = table.markups_bp(0.0)[0]
    assert bid > calm_bid and ask < calm_ask, "a price that was pushed up comes back down"
    assert table.hedge_rate_m_per_day(-20.0, 0.3) < table.hedge_rate_m_per_day(-20.0)
    blind = permanent_table(SPOT_FX)
    assert blind.markups_bp(3.0, 0.05) == blind.markups_bp(3.0)
    assert blind.signal == 0.0


def test_remaining_impact_is_what_has_not_faded() -> None:
    kept = 1.0 - closed_forms(SPOT_FX).impact_share
    assert remaining_impact(SPOT_FX).impact_bp_per_m == pytest.approx(0.005 * kept)


def test_the_optimum_itself_fits_a_megabyte(best: Solution) -> None:
    table = markup_table(SPOT_FX)
    assert table.bytes <= BYTES_MAX
    assert np.array_equal(table.markups_bp, best.conduct.markups_bp)
    with pytest.raises(ValueError, match="impact_points and inventory_step_m make a table"):
        markup_table(SPOT_FX, Lattice(80.0, impact_bp_max=0.12, impact_points=63))


def test_tables_refuse_what_they_cannot_place() -> None:
    small = Lattice(60.0, impact_bp_max=0.1, impact_points=3)
    with pytest.raises(ValueError, match="impact_points must be 1"):
        price_table(SPOT_FX, small)
    with pytest.raises(ValueError, match=r"inventory_m must be a number \(M\)"):
        price_table(SPOT_FX, Lattice(60.0)).markups_bp(math.nan)
