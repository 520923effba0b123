# SPDX-License-Identifier: Apache-2.0
"""The desk of a replay turns next to nothing of a tape away."""

from __future__ import annotations

import pytest

from infold.cli.runs.dealing import REPLAY_REACH_BP, WANTED_E8_MAX, replay_dealer
from infold.core.curve import Curve
from infold.dealer.desk import Desk
from infold.dealer.lines import batch_line

LIMIT_BP = 10.0
"""How far beyond its price a recorded trade's limit lies where `--slippage-bps` is left out."""
SPREAD_BP_MAX = 4.0
"""What it may ask for its last lot: the rest of the limit is for the price's moves."""


@pytest.mark.parametrize("interval_s", [1.0, 2.0])
@pytest.mark.parametrize("gross_e6", [10**9, 10**12, 150 * 10**12, 10**16])
@pytest.mark.parametrize("price_e8", [10**6, 250 * 10**8, 6_180_030_000_000])
def test_all_that_was_traded_is_offered_well_inside_recorded_limits(
    price_e8: int, gross_e6: int, interval_s: float
) -> None:
    desk = Desk(Curve, interval_s, {1: replay_dealer(price_e8, gross_e6, interval_s)})
    curve = desk.commit(1, 0, price_e8, 1)
    traded_e8 = min(gross_e6 * 10**10 // price_e8, int(WANTED_E8_MAX) - 1)
    near = [
        sale_e8
        for at_e8, sale_e8 in zip(curve.prices_e8, curve.sales_e8, strict=True)
        if abs(at_e8 - price_e8) <= price_e8 * SPREAD_BP_MAX / 10_000 + 1
    ]
    assert SPREAD_BP_MAX < LIMIT_BP / 2
    assert min(near) <= -traded_e8 and max(near) >= traded_e8, curve


@pytest.mark.parametrize("interval_s", [0.1, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("gross_e6", [10**9, 150 * 10**12])
def test_the_last_lot_costs_one_basis_point_more_than_the_first(
    gross_e6: int, interval_s: float
) -> None:
    dealer = replay_dealer(250 * 10**8, gross_e6, interval_s)
    line = batch_line(dealer, interval_s)
    last_bp = line.markup_bp(line.slope_bp_per_m * dealer.offer_m_max)
    assert last_bp - line.half_spread_bp == pytest.approx(REPLAY_REACH_BP, rel=1e-9)
