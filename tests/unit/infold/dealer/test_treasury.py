# SPDX-License-Identifier: Apache-2.0
"""Capital in several places: what a leg survives, what may be hedged where, what to send."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from infold.dealer.treasury import (
    Leg,
    Prudence,
    Transfer,
    dangers,
    distance_bp,
    hedge_capacity_m,
    reach_bp,
    required_m,
    transfers,
)

PRUDENCE = Prudence(volatility_bp=300.0, stress_bp=2_000.0)
CHAIN = Leg("chain", 10.0, 20.0, 0.05, 0.03, transfer_s=900.0)
VENUE = Leg("venue", 1.0, -20.0, 0.05, 0.02, transfer_s=3_600.0)


@pytest.mark.parametrize("position", [20.0, -20.0])
def test_distance_is_the_move_that_reaches_maintenance(position: float) -> None:
    leg = replace(VENUE, position_m=position)
    move = distance_bp(leg)
    after = abs(position) * (1.0 - math.copysign(1.0, position) * move / 1e4)
    equity = leg.equity_m - abs(position) * move / 1e4
    assert equity == pytest.approx(leg.maintenance_margin * after)
    assert required_m(leg, position, move) == pytest.approx(leg.equity_m)


def test_distance_of_no_position_and_of_a_dead_leg() -> None:
    assert distance_bp(replace(VENUE, position_m=0.0)) == math.inf
    assert distance_bp(replace(VENUE, equity_m=0.3)) == 0.0


def test_a_flat_book_with_one_mortal_leg_is_detected() -> None:
    """Long on chain, short outside, nothing at stake in sum: a rise kills the short first."""
    thin = replace(VENUE, equity_m=0.8)
    (danger,) = dangers([CHAIN, thin], PRUDENCE)
    assert (danger.leg, danger.flat) == ("venue", True)
    assert danger.distance_bp < danger.reach_bp == pytest.approx(4 * 300 * math.sqrt(1 / 24))
    saved = replace(thin, equity_m=thin.equity_m + danger.top_up_m)
    assert distance_bp(saved) == pytest.approx(danger.reach_bp)
    assert dangers([CHAIN, saved], PRUDENCE) == []
    (open_book,) = dangers([replace(CHAIN, position_m=5.0), thin], PRUDENCE)
    assert not open_book.flat


def test_money_under_way_lowers_what_is_sent_and_not_the_danger() -> None:
    thin = replace(VENUE, equity_m=0.8)
    (danger,) = dangers([CHAIN, thin], PRUDENCE)
    (eased,) = dangers([CHAIN, replace(thin, incoming_m=danger.top_up_m)], PRUDENCE)
    assert eased.top_up_m == 0.0 and eased.distance_bp == danger.distance_bp


def test_slow_money_widens_the_reach_up_to_the_stress() -> None:
    assert reach_bp(replace(VENUE, transfer_s=0.0), PRUDENCE) == 0.0
    assert reach_bp(replace(VENUE, transfer_s=1e9), PRUDENCE) == PRUDENCE.stress_bp


def test_transfers_save_the_nearest_death_from_who_can_spare_it() -> None:
    legs = [CHAIN, replace(VENUE, equity_m=0.8), replace(VENUE, name="rich", equity_m=9.0)]
    (sent,) = transfers(legs, PRUDENCE)
    assert sent.source == "chain" and sent.target == "venue"
    (danger,) = dangers(legs, PRUDENCE)
    assert sent.amount_m == pytest.approx(danger.top_up_m)
    halted = [replace(CHAIN, halted=True), *legs[1:]]
    assert transfers(halted, PRUDENCE)[0].source == "rich"
    assert transfers([replace(CHAIN, halted=True), legs[1]], PRUDENCE) == []


def test_two_half_empty_purses_serve_one_leg_and_no_purse_twice() -> None:
    dying = replace(VENUE, equity_m=0.6, position_m=-20.0)
    small = Leg("small", 0.2, 0.0, 0.05, 0.03, transfer_s=0.0)
    other = Leg("other", 0.15, 0.0, 0.05, 0.03, transfer_s=0.0)
    (danger,) = dangers([dying, small, other], PRUDENCE)
    first, second = transfers([dying, small, other], PRUDENCE)
    assert first == Transfer("small", "venue", 0.2)
    assert (second.source, second.target) == ("other", "venue")
    assert second.amount_m == pytest.approx(danger.top_up_m - 0.2) and second.amount_m < 0.15


def test_capacity_is_initial_margin_then_survival_then_the_share_of_capital() -> None:
    fast = Leg("fast", 1.0, 0.0, 0.10, 0.05, transfer_s=0.0)
    rich = Leg("chain", 99.0, 0.0, 0.05, 0.03, transfer_s=0.0)
    assert hedge_capacity_m(fast, 1, [fast, rich], PRUDENCE) == pytest.approx(10.0)
    slow = replace(fast, transfer_s=86_400.0)
    bought = hedge_capacity_m(slow, 1, [slow, rich], PRUDENCE)
    assert bought == pytest.approx(1.0 / required_m(slow, 1.0, 1_200.0))
    assert hedge_capacity_m(slow, -1, [slow, rich], PRUDENCE) < bought
    large = replace(fast, equity_m=60.0)
    poor = replace(rich, equity_m=40.0)
    assert hedge_capacity_m(large, 1, [large, poor], PRUDENCE) == pytest.approx(25.0 / 0.10)


def test_without_help_the_whole_stress_must_be_survived() -> None:
    fast = Leg("fast", 1.0, 0.0, 0.10, 0.05, transfer_s=0.0)
    locked = Leg("chain", 99.0, 0.0, 0.05, 0.03, transfer_s=0.0, halted=True)
    alone = hedge_capacity_m(fast, 1, [fast, locked], PRUDENCE)
    assert alone == pytest.approx(1.0 / required_m(fast, 1.0, PRUDENCE.stress_bp))


def test_reducing_is_always_allowed_and_halted_venues_allow_nothing_else() -> None:
    halted = replace(VENUE, halted=True)
    assert hedge_capacity_m(halted, 1, [CHAIN, halted], PRUDENCE) == 20.0
    assert hedge_capacity_m(halted, -1, [CHAIN, halted], PRUDENCE) == 0.0
    broke = replace(VENUE, equity_m=-1.0)
    assert hedge_capacity_m(broke, 1, [CHAIN, broke], PRUDENCE) == 20.0
    assert hedge_capacity_m(broke, -1, [CHAIN, broke], PRUDENCE) == 0.0


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"equity_m": math.nan}, "equity_m"),
        ({"position_m": math.inf}, "position_m"),
        ({"initial_margin": 0.0}, "initial_margin"),
        ({"maintenance_margin": 2.0}, "maintenance_margin"),
        ({"maintenance_margin": 0.06}, "must not exceed initial_margin"),
        ({"transfer_s": -1.0}, "transfer_s"),
        ({"incoming_m": math.nan}, "incoming_m"),
    ],
)
def test_a_leg_names_what_makes_no_sense(change: dict[str, float], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        replace(CHAIN, **change)


def test_prudence_and_rules_name_what_makes_no_sense() -> None:
    for name in ("volatility_bp", "stress_bp", "deviations"):
        with pytest.raises(ValueError, match=name):
            replace(PRUDENCE, **{name: 0.0})
    with pytest.raises(ValueError, match="venue_share_max"):
        replace(PRUDENCE, venue_share_max=1.1)
    with pytest.raises(ValueError, match="side"):
        hedge_capacity_m(VENUE, 0, [VENUE], PRUDENCE)
