# SPDX-License-Identifier: Apache-2.0
"""Whatever a dealer sees, its commitment keeps its limits."""

from __future__ import annotations

from hypothesis import given, seed, settings
from hypothesis import strategies as st

from infold.dealer.limits import Sight, commitment, guarded
from infold.dealer.params import PERPETUAL
from infold.research.simulation.crash.loop import commitment as compiled

SEED = 20_260_803
GUARD = guarded(PERPETUAL, 30.0, 10.0)
WIDEST_BP = 2.0 * GUARD.spread_times_max * GUARD.half_spread_bp


@st.composite
def sights(draw: st.DrawFn) -> Sight:
    peak = draw(st.floats(0.01, 3.0))
    return Sight(
        inventory_m=draw(st.floats(-60.0, 60.0)),
        client_m=draw(st.floats(-60.0, 60.0)),
        impact_bp=draw(st.floats(-50.0, 50.0)),
        equity_bp_m=draw(st.floats(-1e5, 1e6)),
        level=draw(st.floats(0.001, 1.0)) * peak,
        peak=peak,
        volatility_bp=draw(st.floats(1.0, 2e4)),
        outside=draw(st.floats(0.5, 100.0)),
        depth=draw(st.floats(0.0, 1.0)),
        age_s=draw(st.floats(0.0, 600.0)),
        interval_s=draw(st.floats(0.25, 300.0)),
    )


@seed(SEED)
@settings(max_examples=300, deadline=None)
@given(sights())
def test_every_reducing_order_is_priced_whole_and_none_grows_beyond_the_room(sight: Sight) -> None:
    told, held = commitment(GUARD, sight), sight.inventory_m
    assert told.bid_m >= 0.0 and told.ask_m >= 0.0
    assert (told.ask_m if held > 0.0 else told.bid_m) >= abs(held)
    if held >= 0.0:
        assert held + told.bid_m <= max(told.room_m, held) + 1e-9
    if held <= 0.0:
        assert held - told.ask_m >= min(-told.room_m, held) - 1e-9
    assert 0.0 <= told.zone_m <= told.room_m <= GUARD.position_cap_m


@seed(SEED)
@settings(max_examples=300, deadline=None)
@given(sights())
def test_no_quote_crosses_and_none_is_wider_than_ten_times_calm(sight: Sight) -> None:
    told = commitment(GUARD, sight)
    ask = max(told.shift_bp + told.half_spread_bp, GUARD.own_side_bp)
    bid = min(told.shift_bp - told.half_spread_bp, -GUARD.own_side_bp)
    assert 2.0 * GUARD.own_side_bp <= ask - bid <= WIDEST_BP * (1.0 + 1e-12)


@seed(SEED)
@settings(max_examples=300, deadline=None)
@given(sights())
def test_a_hedge_lowers_inventory_and_never_turns_it(sight: Sight) -> None:
    told, held = commitment(GUARD, sight), sight.inventory_m
    assert told.hedge_m * held <= 0.0 and abs(told.hedge_m) <= abs(held)


@seed(SEED)
@settings(max_examples=200, deadline=None)
@given(sights(), st.floats(1.0, 20.0))
def test_more_volatility_never_raises_a_limit_or_narrows_a_quote(
    sight: Sight, times: float
) -> None:
    calm = commitment(GUARD, sight)
    wild = commitment(GUARD, sight._replace(volatility_bp=sight.volatility_bp * times))
    assert wild.zone_m <= calm.zone_m and wild.half_spread_bp >= calm.half_spread_bp
    assert wild.slope_bp_per_m >= calm.slope_bp_per_m


@seed(SEED)
@settings(max_examples=100, deadline=None)
@given(sights())
def test_the_loops_compiled_dealer_is_the_dealer(sight: Sight) -> None:
    for mine, theirs in zip(compiled(GUARD, sight), commitment(GUARD, sight), strict=True):
        assert abs(mine - theirs) <= 1e-12 * max(1.0, abs(theirs))
