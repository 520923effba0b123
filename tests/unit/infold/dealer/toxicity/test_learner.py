# SPDX-License-Identifier: Apache-2.0
"""The online learner: near the best ranking after 2,000 trades, over a switch within 500."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest
from scipy.optimize import minimize

from infold.dealer.toxicity.calibration import calibration_error, ranking_power
from infold.dealer.toxicity.learner import LearnerParameters, OnlineLearner

PARAMETERS = LearnerParameters(
    weights=(0.0, 0.0),
    variances=(4.0, 1.0),
    effect_variance=4.0,
    weight_drift=1e-4,
    effect_drift=0.05,
)
CLIENTS = 25


class Market:
    """Clients with known log-odds of toxicity and one feature that says something of each trade."""

    def __init__(self, seed: int) -> None:
        self.draws = np.random.Generator(np.random.Philox(seed))
        self.effects = self._fresh()

    def _fresh(self) -> np.ndarray:
        return np.where(np.arange(CLIENTS) % 4 == 0, 1.5, -1.5) + self.draws.normal(0, 0.5, CLIENTS)

    def switch(self) -> None:
        self.effects = -self.effects

    def trade(self) -> tuple[int, tuple[float, float], float, bool]:
        """Client, features, true probability, outcome."""
        client, signal = int(self.draws.integers(CLIENTS)), float(self.draws.normal())
        truth = 1.0 / (1.0 + math.exp(-self.effects[client] - 0.7 * signal))
        return client, (1.0, signal), truth, bool(self.draws.random() < truth)

    def teach(self, learner: OnlineLearner, trades: int) -> None:
        for _ in range(trades):
            client, features, _, toxic = self.trade()
            learner.learn(client, features, toxic)

    def examine(self, learner: OnlineLearner, trades: int = 2_500) -> tuple[float, float, float]:
        """Ranking power of the learner and of the truth, and the learner's calibration error."""
        rows = [self.trade() for _ in range(trades)]
        said = np.array([learner.probability(client, row) for client, row, _, _ in rows])
        came = np.array([float(toxic) for *_, toxic in rows])
        truth = np.array([chance for *_, chance, _ in rows])
        return ranking_power(said, came), ranking_power(truth, came), calibration_error(said, came)


@pytest.mark.parametrize("seed", [1, 2])
def test_toxicity_auc_ratio(seed: int) -> None:
    """At least .95 of Bayes-optimal after 2,000 trades."""
    market, learner = Market(seed), OnlineLearner(PARAMETERS)
    untaught, best, _ = market.examine(learner)
    assert untaught < 0.6
    market.teach(learner, 2_000)
    ours, best, _ = market.examine(learner)
    assert best > 0.75 and ours >= 0.95 * best, (ours, best)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_learner_recovers_from_a_switch_of_regime_within_500_trades(seed: int) -> None:
    market, learner = Market(seed), OnlineLearner(PARAMETERS)
    market.teach(learner, 2_000)
    market.switch()
    fooled, best, _ = market.examine(learner)
    assert fooled < 0.75 * best
    market.teach(learner, 500)
    ours, best, _ = market.examine(learner)
    assert ours >= 0.95 * best, (ours, best)


def test_what_it_says_of_the_next_trade_is_calibrated() -> None:
    """Said before each outcome is known, from the first trade on; error below 2 %."""
    market, learner = Market(5), OnlineLearner(PARAMETERS)
    said, came = [], []
    for _ in range(12_000):
        client, features, _, toxic = market.trade()
        said.append(learner.probability(client, features))
        came.append(float(toxic))
        learner.learn(client, features, toxic)
    assert calibration_error(np.array(said), np.array(came)) < 0.02


def test_without_memory_loss_the_weights_are_the_penalised_fit() -> None:
    """The filter's end is the batch posterior's mode, found by an optimiser that sees all."""
    parameters = LearnerParameters(
        weights=(0.2, -0.1, 0.0),
        variances=(1.0, 2.0, 0.5),
        effect_variance=0.0,
        weight_drift=0.0,
        effect_drift=0.0,
    )
    draws = np.random.Generator(np.random.Philox(31))
    rows = np.column_stack([np.ones(800), draws.normal(size=(800, 2))])
    came = draws.random(800) < 1.0 / (1.0 + np.exp(-rows @ np.array([-0.5, 0.8, -0.3])))
    learner = OnlineLearner(parameters)
    for row, toxic in zip(rows.tolist(), came.tolist(), strict=True):
        learner.learn(0, row, toxic)
    signs = np.where(came, 1.0, -1.0)

    def loss(weights: np.ndarray) -> float:
        centred = weights - np.array(parameters.weights)
        prior = (centred**2 / np.array(parameters.variances)).sum() / 2
        return float(np.logaddexp(0.0, -signs * (rows @ weights)).sum() + prior)

    best = minimize(loss, np.zeros(3), method="BFGS").x
    assert np.array(learner.weights) == pytest.approx(best, abs=0.02)


def test_a_client_never_seen_is_priced_by_its_features_alone() -> None:
    market, learner = Market(6), OnlineLearner(PARAMETERS)
    market.teach(learner, 1_000)
    assert learner.probability(10_001, (1.0, 0.3)) == learner.probability(777, (1.0, 0.3))
    assert learner.probability(10_001, (1.0, 3.0)) > learner.probability(10_001, (1.0, -3.0))


def test_asking_teaches_nothing() -> None:
    market, learner = Market(7), OnlineLearner(PARAMETERS)
    market.teach(learner, 100)
    first = learner.probability(3, (1.0, 0.1))
    market.examine(learner, 200)
    assert learner.probability(3, (1.0, 0.1)) == first


def test_more_clients_than_expected_find_room() -> None:
    learner = OnlineLearner(PARAMETERS)
    for client in range(500):
        learner.learn(client, (1.0, 0.0), client % 2 == 0)
    assert learner.probability(498, (1.0, 0.0)) > learner.probability(499, (1.0, 0.0))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"weights": ()}, "one each a feature"),
        ({"variances": (1.0,)}, "one each a feature"),
        ({"weights": (math.nan, 0.0)}, r"weights\[0\] must be a number \(log-odds\)"),
        ({"variances": (0.0, 1.0)}, "variances"),
        ({"effect_variance": -1.0}, "effect_variance"),
        ({"weight_drift": math.inf}, "weight_drift"),
        ({"effect_drift": math.nan}, "effect_drift"),
    ],
)
def test_impossible_parameters_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        msgspec.structs.replace(PARAMETERS, **change)


def test_impossible_features_are_refused() -> None:
    learner = OnlineLearner(PARAMETERS)
    for features in ((1.0,), (1.0, math.nan)):
        with pytest.raises(ValueError, match="features must be 2 numbers"):
            learner.learn(0, features, True)
        with pytest.raises(ValueError, match="features must be 2 numbers"):
            learner.probability(0, features)
