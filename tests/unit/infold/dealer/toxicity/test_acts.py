# SPDX-License-Identifier: Apache-2.0
"""What toxicity may do: inside its bounds, never by price to one client in a batch, never late."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from tests.support.kinds import FOUR_KINDS

from infold.dealer.params import SPOT_FX
from infold.dealer.toxicity.acts import (
    ActParameters,
    FeeTier,
    fee_e6,
    reservation_shift_bp,
    routed_outside,
    widening_bp,
)
from infold.dealer.toxicity.filtering import copied
from infold.dealer.toxicity.kinds import grid_of_kinds
from infold.dealer.toxicity.pricing import BASE, add_pending, best_level, guarded

ACTS = ActParameters(
    shift_bp_max=1.0,
    widening_bp_max=0.5,
    tiers=(FeeTier(0.0, 100), FeeTier(0.3, 250), FeeTier(0.6, 500)),
    route_probability=0.5,
)
PARAMETERS = msgspec.structs.replace(FOUR_KINDS, premiums_bp=(-0.02, 0.5, 1.5, 2.5))
KINDS = grid_of_kinds(PARAMETERS, SPOT_FX, (1.0, 10.0, 60.0, 300.0))


def of_kind(kind: int, probability: float) -> np.ndarray:
    row = KINDS.shares * (1.0 - probability)
    row[kind] += probability
    return row


def test_a_known_insider_pays_near_what_a_monopolist_would_ask() -> None:
    # Edge 3, cost .4 and a fast or a slow decay: half of edge and cost, less the ladder's own.
    assert best_level(KINDS, of_kind(4, 0.999), 1.0) == 2
    assert best_level(KINDS, of_kind(2, 0.999), 1.0) == 1


def test_being_unknown_costs_nothing() -> None:
    assert best_level(KINDS, KINDS.shares, 0.1) == BASE
    assert best_level(KINDS, of_kind(0, 1.0), 0.0) == BASE


def test_a_premium_needs_its_evidence() -> None:
    row = of_kind(4, 0.5)
    assert best_level(KINDS, row, 1.0) > BASE
    assert best_level(KINDS, row, 4.0) == BASE


def test_where_most_are_informed_the_bar_rises_with_them() -> None:
    crowd = copied(KINDS)
    crowd.shares[:] = of_kind(4, 0.5)
    assert best_level(crowd, of_kind(4, 0.5), 1.0) == BASE


def test_pending_drift_has_the_side_and_the_size_of_what_is_suspected() -> None:
    pending = np.zeros(2)
    chance = add_pending(KINDS, of_kind(4, 1.0), np.full(5, 0.5), -1, pending)
    assert chance == pytest.approx(0.5) and pending == pytest.approx([0.0, -1.5])


def test_a_signal_speaks_only_for_less_inventory() -> None:
    assert guarded(0.1, 0.7, -5.0) == pytest.approx(0.8)
    assert guarded(0.1, 0.7, 5.0) == 0.1
    assert guarded(-0.1, -0.7, 5.0) == pytest.approx(-0.8)
    assert guarded(0.1, 0.7, 0.0) == 0.1


def test_the_curve_moves_within_its_bounds_and_only_towards_less_inventory() -> None:
    assert reservation_shift_bp(ACTS, 0.4, -3.0) == 0.4
    assert reservation_shift_bp(ACTS, 7.0, -3.0) == 1.0
    assert reservation_shift_bp(ACTS, -7.0, 3.0) == -1.0
    assert reservation_shift_bp(ACTS, 0.4, 3.0) == 0.0


def test_the_curve_widens_by_expected_markout_and_never_narrows() -> None:
    assert [widening_bp(ACTS, markout) for markout in (-1.0, 0.2, 9.0)] == [0.0, 0.2, 0.5]


def test_a_fee_is_its_tiers_and_never_more_than_was_signed() -> None:
    fees = [fee_e6(ACTS, probability, 1_000) for probability in (0.0, 0.29, 0.3, 0.7, 1.0)]
    assert fees == [100, 100, 250, 500, 500]
    assert fee_e6(ACTS, 1.0, 300) == 300
    assert fee_e6(ACTS, 1.0, 0) == 0


def test_flow_is_routed_from_a_declared_probability_on() -> None:
    assert not routed_outside(ACTS, 0.49) and routed_outside(ACTS, 0.5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"shift_bp_max": -1.0}, r"shift_bp_max must be a number \(bp\)"),
        ({"widening_bp_max": math.nan}, r"widening_bp_max must be a number \(bp\)"),
        ({"route_probability": 0.0}, "route_probability"),
        ({"tiers": ()}, "tiers must begin"),
        ({"tiers": (FeeTier(0.1, 5),)}, "tiers must begin"),
        ({"tiers": (FeeTier(0.0, 5), FeeTier(0.5, 4))}, "rise in probability and fee_e6"),
        ({"tiers": (FeeTier(0.0, -5),)}, "not below zero"),
        ({"tiers": (FeeTier(0.0, 5), FeeTier(1.5, 6))}, "probabilities in 0..1"),
    ],
)
def test_impossible_bounds_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        msgspec.structs.replace(ACTS, **change)


def test_impossible_figures_are_refused_by_name() -> None:
    for call, said in (
        (lambda: reservation_shift_bp(ACTS, math.nan, 1.0), "signal_bp"),
        (lambda: reservation_shift_bp(ACTS, 1.0, math.inf), "inventory_m"),
        (lambda: widening_bp(ACTS, math.nan), "expected_markout_bp"),
        (lambda: fee_e6(ACTS, 1.1, 5), "probability"),
        (lambda: routed_outside(ACTS, math.nan), "probability"),
    ):
        with pytest.raises(ValueError, match=said):
            call()
