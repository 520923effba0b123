# SPDX-License-Identifier: Apache-2.0
"""Bounds that hold whatever is believed: premiums, guards, fees, probabilities."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from tests.support.kinds import FOUR_KINDS

from infold.dealer.params import SPOT_FX
from infold.dealer.toxicity.acts import (
    ActParameters,
    FeeTier,
    fee_e6,
    reservation_shift_bp,
    widening_bp,
)
from infold.dealer.toxicity.filtering import (
    elapse,
    empty_clients,
    note_fill,
    note_window,
    posterior,
)
from infold.dealer.toxicity.kinds import grid_of_kinds
from infold.dealer.toxicity.learner import LearnerParameters, OnlineLearner
from infold.dealer.toxicity.markouts import HORIZONS_S, PendingLabels
from infold.dealer.toxicity.pricing import BASE, best_level, guarded

SEED = 20_261_128
KINDS = grid_of_kinds(
    FOUR_KINDS,
    SPOT_FX,
    HORIZONS_S,
)
ACTS = ActParameters(
    shift_bp_max=1.0,
    widening_bp_max=0.5,
    tiers=(FeeTier(0.0, 100), FeeTier(0.5, 400)),
    route_probability=0.5,
)
figures = st.floats(-1e3, 1e3)
posteriors = st.lists(st.floats(0.0, 1.0), min_size=5, max_size=5).filter(lambda row: sum(row) > 0)
evidence = st.lists(
    st.tuples(st.floats(1e-7, 0.5), st.integers(0, 2), st.integers(0, 3), st.floats(-60.0, 60.0)),
    min_size=1,
    max_size=30,
)


@seed(SEED)
@settings(max_examples=300, deadline=None)
@given(posteriors, st.floats(0.0, 5.0))
def test_no_premium_without_evidence_and_none_beyond_the_levels(
    row: list[float], bar: float
) -> None:
    probabilities = np.array(row) / sum(row)
    level = best_level(KINDS, probabilities, bar)
    assert 0 <= level < len(KINDS.takes)
    if 1.0 - probabilities[0] <= 1.0 - KINDS.shares[0]:
        assert level == BASE or bar == 0.0


@seed(SEED)
@settings(max_examples=300, deadline=None)
@given(figures, figures, figures)
def test_a_guarded_signal_never_adds_a_trade_that_grows_inventory(
    price: float, signal: float, inventory: float
) -> None:
    change = guarded(price, signal, inventory) - price
    assert change * inventory <= 0.0
    shift = reservation_shift_bp(ACTS, signal, inventory)
    assert shift * inventory <= 0.0 and abs(shift) <= ACTS.shift_bp_max


@seed(SEED)
@settings(max_examples=200, deadline=None)
@given(st.floats(0.0, 1.0), st.integers(0, 65_535), figures)
def test_no_client_pays_above_its_signed_fee_nor_all_above_the_widening(
    probability: float, signed: int, markout: float
) -> None:
    assert 0 <= fee_e6(ACTS, probability, signed) <= min(signed, ACTS.tiers[-1].fee_e6)
    assert 0.0 <= widening_bp(ACTS, markout) <= ACTS.widening_bp_max


@seed(SEED)
@settings(max_examples=150, deadline=None)
@given(evidence)
def test_beliefs_are_probabilities_after_any_evidence(
    steps: list[tuple[float, int, int, float]],
) -> None:
    clients, row, now = empty_clients(1, 5), np.zeros(5), 0.0
    for gap_day, level, window, move in steps:
        now += gap_day
        elapse(KINDS, clients, 0, now)
        clients.levels[0] = level
        chances = np.zeros(5)
        note_fill(KINDS, clients, 0, now, level, chances)
        note_window(KINDS, clients, 0, window, move, chances)
        assert ((chances >= 0.0) & (chances <= 1.0 + 1e-12)).all()
    informed = posterior(KINDS, clients, 0, row)
    assert row.sum() == pytest.approx(1.0) and 0.0 <= informed <= 1.0


@seed(SEED)
@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.floats(-8.0, 8.0), st.booleans()), min_size=1, max_size=40
    )
)
def test_a_toxic_label_leaves_a_higher_probability_than_a_benign_one(
    labels: list[tuple[int, float, bool]],
) -> None:
    parameters = LearnerParameters(
        weights=(0.0, 0.0),
        variances=(1.0, 1.0),
        effect_variance=1.0,
        weight_drift=1e-3,
        effect_drift=1e-2,
    )
    warned, soothed = OnlineLearner(parameters), OnlineLearner(parameters)
    for client, feature, toxic in labels[:-1]:
        for learner in (warned, soothed):
            learner.learn(client, (1.0, feature), toxic)
    client, feature, _ = labels[-1]
    warned.learn(client, (1.0, feature), True)
    soothed.learn(client, (1.0, feature), False)
    high, low = (learner.probability(client, (1.0, feature)) for learner in (warned, soothed))
    assert 0.0 < low < high < 1.0


@seed(SEED)
@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(st.floats(0.0, 200.0), st.booleans()), min_size=1, max_size=40),
)
def test_every_trade_gets_each_label_once_and_none_before_its_horizon(
    steps: list[tuple[float, bool]],
) -> None:
    pending, now, seen, trades = PendingLabels(), 0.0, [], 0
    for gap_s, trade in steps:
        now += gap_s
        for label in pending.observe(now, now):
            assert label.traded.time_s + label.horizon_s <= now
            seen.append((label.traded.number, label.horizon_s))
        if trade:
            pending.push(trades, 0, 1, 0.0)
            trades += 1
    seen += [(row.traded.number, row.horizon_s) for row in pending.observe(now + 1e3, 0.0)]
    assert sorted(seen) == sorted((n, h) for n in range(trades) for h in HORIZONS_S)
