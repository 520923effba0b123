# SPDX-License-Identifier: Apache-2.0
"""Capital in several places: what is allowed survives, what is sent helps and is spared."""

from __future__ import annotations

import math
from dataclasses import replace

from hypothesis import example, given
from hypothesis import strategies as st

from infold.dealer.treasury import (
    Leg,
    Prudence,
    dangers,
    distance_bp,
    hedge_capacity_m,
    reach_bp,
    required_m,
    transfers,
)

PRUDENCE = Prudence(volatility_bp=300.0, stress_bp=2_000.0)
MARGINS = st.sampled_from([(0.05, 0.03), (0.10, 0.05), (0.02, 0.01)])


@st.composite
def legs_of(draw: st.DrawFn) -> list[Leg]:
    found = []
    for number in range(draw(st.integers(1, 4))):
        initial, maintenance = draw(MARGINS)
        found.append(
            Leg(
                f"leg {number}",
                draw(st.floats(-1.0, 50.0)),
                draw(st.one_of(st.just(0.0), st.floats(-100.0, 100.0))),
                initial,
                maintenance,
                transfer_s=draw(st.sampled_from([0.0, 60.0, 3_600.0, 86_400.0])),
                halted=draw(st.booleans()),
            )
        )
    return found


@given(legs_of(), st.sampled_from([-1, 1]))
@example(
    [
        Leg("leg 0", 1e-17, -1.0, 0.05, 0.03, 60.0),
        Leg("leg 1", 1.0, 0.0, 0.05, 0.03, 60.0),
    ],
    1,
)
def test_what_may_be_hedged_survives_until_help_arrives(legs: list[Leg], side: int) -> None:
    leg = legs[0]
    room = hedge_capacity_m(leg, side, legs, PRUDENCE)
    reducing = max(-side * leg.position_m, 0.0)
    assert room >= reducing
    if room > reducing:
        after = replace(leg, position_m=leg.position_m + side * room)
        assert not leg.halted
        assert leg.equity_m >= leg.initial_margin * abs(after.position_m) * (1.0 - 1e-9)
        assert distance_bp(after) >= reach_bp(after, PRUDENCE) - 1e-6
        capital = math.fsum(other.equity_m for other in legs)
        fraction = max(leg.initial_margin, required_m(leg, float(side), reach_bp(leg, PRUDENCE)))
        at_risk = abs(after.position_m) * fraction
        assert at_risk <= PRUDENCE.venue_share_max * capital * (1.0 + 1e-9)


@given(legs_of())
@example(
    [
        Leg("leg 0", 0.0, 1.0, 0.05, 0.03, 60.0),
        Leg("leg 1", 0.03125, 2.6213375796701137e-292, 0.05, 0.03, 60.0),
    ]
)
@example(
    [
        Leg("leg 0", 0.0, 1.0, 0.05, 0.03, 60.0),
        Leg("leg 1", 1.0, 6.0, 0.1, 0.05, 86_400.0),
    ]
)
def test_transfers_leave_no_source_short_and_bring_no_target_more_than_it_misses(
    legs: list[Leg],
) -> None:
    by_name = {leg.name: leg for leg in legs}
    missing = {danger.leg: danger.top_up_m for danger in dangers(legs, PRUDENCE)}
    sent = transfers(legs, PRUDENCE)
    for name, leg in by_name.items():
        gone = math.fsum(one.amount_m for one in sent if one.source == name)
        come = math.fsum(one.amount_m for one in sent if one.target == name)
        assert come <= missing.get(name, 0.0) + 1e-9
        if gone:
            assert not leg.halted and name not in missing
            left = replace(leg, equity_m=leg.equity_m - gone)
            assert distance_bp(left) >= reach_bp(left, PRUDENCE) - 1e-6
    total = math.fsum(leg.equity_m for leg in legs)
    moved = [
        replace(
            leg,
            equity_m=leg.equity_m
            + math.fsum(one.amount_m for one in sent if one.target == leg.name)
            - math.fsum(one.amount_m for one in sent if one.source == leg.name),
        )
        for leg in legs
    ]
    assert abs(math.fsum(leg.equity_m for leg in moved) - total) <= 1e-9 * (1.0 + abs(total))
    assert {one.leg for one in dangers(moved, PRUDENCE)} <= missing.keys()
