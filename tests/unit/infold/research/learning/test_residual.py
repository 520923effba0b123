# SPDX-License-Identifier: Apache-2.0
"""The guard band: no action, however wild, leaves it; and the policy this package carries."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infold.dealer.params import SPOT_FX
from infold.dealer.quoting import closed_forms
from infold.research.learning.environment import DealerEnvironment
from infold.research.learning.evaluation import compare
from infold.research.learning.network import Layer, Weights, load, network
from infold.research.learning.residual import PARTS, Band, Steering
from infold.research.simulation.policy import (
    Policy,
    hedge_rate_m_per_day,
    markup_bp,
    transient_closed_form,
)
from infold.research.simulation.quotes import paper_world

BAND = Band()
FORMS = closed_forms(SPOT_FX)
STEERING = Steering(SPOT_FX, BAND)
CLOSED = transient_closed_form(SPOT_FX)


def quote(policy: Policy, side: int, rung: int, held_m: float, impact_bp: float) -> float:
    return markup_bp(policy.rules, policy.lines_bp, policy.slopes, side, rung, held_m, impact_bp)


@settings(deadline=None)  # the loop's functions compile at their first call
@given(
    action=st.lists(st.floats(-1e6, 1e6), min_size=len(PARTS), max_size=len(PARTS)),
    held_m=st.floats(-60, 60),
    impact_bp=st.floats(-0.1, 0.1),
    rung=st.integers(0, len(SPOT_FX.sizes_m) - 1),
    side=st.sampled_from((-1, 1)),
)
def test_no_action_leaves_the_band(
    action: list[float], held_m: float, impact_bp: float, rung: int, side: int
) -> None:
    policy = STEERING.steered(action, held_m, impact_bp)
    closed = quote(CLOSED, side, rung, held_m, impact_bp)
    unit = FORMS.risk_bp_per_m / FORMS.concavity
    sized, skewed = unit * SPOT_FX.sizes_m[rung], 2.0 * unit * held_m
    price = FORMS.concavity * (closed - FORMS.markup_bp)
    room = (
        BAND.markup * FORMS.markup_bp
        + BAND.size * sized
        + BAND.skew * abs(skewed)
        + BAND.curve * 0.5 * FORMS.curvature * price**2
    )
    assert abs(quote(policy, side, rung, held_m, impact_bp) - closed) <= room + 1e-12
    ours = hedge_rate_m_per_day(policy.rules, policy.hedges, held_m, 0.0)
    assert ours * held_m <= 0.0, "hedging never adds to what is held"


def test_zero_is_the_closed_form() -> None:
    policy = STEERING.steered(np.zeros(len(PARTS)), 12.0, 0.03)
    for side in (-1, 1):
        for rung in range(len(SPOT_FX.sizes_m)):
            assert quote(policy, side, rung, 12.0, 0.03) == quote(CLOSED, side, rung, 12.0, 0.03)
    assert policy.rules == CLOSED.rules


@pytest.mark.parametrize("action", [[0.0], [0.0] * 6, [math.nan] * 5, [math.inf] * 5])
def test_an_action_is_five_numbers(action: list[float]) -> None:
    with pytest.raises(ValueError, match="an action is 5 numbers"):
        STEERING.steered(action)


@pytest.mark.parametrize("reach", [-0.1, 1.1, math.nan])
@pytest.mark.parametrize("part", PARTS)
def test_a_band_is_a_share(part: str, reach: float) -> None:
    with pytest.raises(ValueError, match=f"the band's {part} must be a share"):
        Band(**{part: reach})


def test_the_carried_policy_does_not_lose_to_the_closed_form() -> None:
    environment = DealerEnvironment(paper_world(horizon_day=0.2))
    found = compare(environment, load(), range(60))
    assert found.mean >= -found.error


def test_a_network_is_its_layers() -> None:
    weights = Weights(
        layers=[Layer([[1.0, 0.0], [0.0, 2.0]], [0.0, 0.0]), Layer([[3.0, 0.5]], [0.1])],
        steps=0,
        seed=0,
    )
    found = network(weights)([0.1, 0.2])
    assert found == pytest.approx([3 * math.tanh(0.1) + 0.5 * math.tanh(0.4) + 0.1])
    assert network(weights)([100.0, 100.0]) == pytest.approx([1.0])


@pytest.mark.parametrize(
    "layers",
    [
        [],
        [Layer([[1.0]], [0.0, 1.0])],
        [Layer([[1.0]], [0.0]), Layer([[1.0, 1.0]], [0.0])],
        [Layer([[math.nan]], [0.0])],
    ],
)
def test_weights_that_do_not_fit_are_refused(layers: list[Layer]) -> None:
    with pytest.raises(ValueError, match="layer"):
        network(Weights(layers=layers, steps=0, seed=0))
