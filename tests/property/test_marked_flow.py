# SPDX-License-Identifier: Apache-2.0
"""Flow marked for the outside lowers the stock, whatever the figures, and never turns it."""

from __future__ import annotations

import math

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from infold.dealer.routing import TOXIC, VenueCost, Warehouse, route_stock

SEED = 20_261_129
amounts = st.floats(-100.0, 100.0)
venues = st.lists(
    st.tuples(st.floats(-5.0, 50.0), st.sampled_from((0.0, 0.1, 3.0)), st.floats(0.0, 60.0)),
    max_size=4,
)


@seed(SEED)
@settings(max_examples=400, deadline=None)
@given(
    amounts,
    amounts,
    venues,
    st.floats(0.0, 2.0),
    st.floats(0.0, 80.0) | st.just(math.inf),
    st.floats(0.0, 20.0) | st.just(math.inf),
    st.floats(-5.0, 5.0),
)
def test_marked_flow_never_raises_the_stock_and_unmarked_flow_changes_no_bit(
    stock_m: float,
    marked_m: float,
    offered: list[tuple[float, float, float]],
    slope: float,
    limit_m: float,
    over_bp: float,
    drift_bp: float,
) -> None:
    places = [VenueCost(f"v{number}", *one) for number, one in enumerate(offered)]
    keep = Warehouse(slope, 0.5, limit_m, over_bp)
    plain = route_stock(1, stock_m, keep, places, drift_bp=drift_bp)
    assert route_stock(1, stock_m, keep, places, drift_bp=drift_bp, marked_m=0.0) == plain
    found = route_stock(1, stock_m, keep, places, drift_bp=drift_bp, marked_m=marked_m)
    assert 0.0 <= found.sent_m <= abs(stock_m) * (1.0 + 1e-12)
    assert found.sent_m >= plain.sent_m and found.kept_m >= 0.0
    assert math.isclose(found.kept_m + found.sent_m, abs(stock_m), rel_tol=1e-9, abs_tol=1e-12)
    room_m = math.fsum(venue.capacity_m for venue in places)
    due_m = min(max(math.copysign(1.0, stock_m) * marked_m, 0.0), abs(stock_m), room_m)
    assert found.sent_m >= due_m * (1.0 - 1e-9) - 1e-12
    for name, part in found.shares:
        assert 0.0 < part <= places[int(name[1:])].capacity_m
    if found != plain:
        assert found.reason == TOXIC
        assert marked_m != 0.0 and math.copysign(stock_m, marked_m) == stock_m
