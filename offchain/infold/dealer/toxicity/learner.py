# SPDX-License-Identifier: Apache-2.0
"""The online learner: Bayesian logistic regression with an effect for every client.

The log-odds that a trade turns out toxic are `weights . features + effect[client]`, with a Gaussian
belief over both. One label is one rank-one step: the likelihood depends on the log-odds a alone, so
its mode is found by Newton's method on that line and its curvature there updates the belief
(Laplace's approximation, MacKay 1992; with a full covariance over the last layer and features that
do not move it is the filter of Cartea, Duran-Martin and Sanchez-Betancourt 2024, arXiv:2312.05827).
Effects are the shrinkage: a client never seen has the population's N(0, effect variance).

The belief diffuses with every label, so that what was learned is forgotten as clients change. A
prediction averages over the belief (MacKay's sigmoid of a / sqrt(1 + pi v / 8)), which keeps it
calibrated while little is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats, compiled

_NEWTON_STEPS = 24
"""Enough for the last digit: the function is monotone and the start is its mean."""


class LearnerParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Prior and memory, in log-odds. Variances are squares of log-odds, drifts those a label.

    `ValueError` names the figure that makes no sense.
    """

    weights: tuple[float, ...]  # prior means, one a feature
    variances: tuple[float, ...]  # prior variances, one a feature
    effect_variance: float  # of clients about what their features say
    weight_drift: float  # how much a label ages every weight
    effect_drift: float  # how much a label ages its client's effect

    def __post_init__(self) -> None:
        if not self.weights or len(self.weights) != len(self.variances):
            raise ValueError("weights and variances must be one each a feature, and at least one")
        for place, weight in enumerate(self.weights):
            checks.number(f"weights[{place}]", weight, "log-odds")
        for place, variance in enumerate(self.variances):
            checks.positive(f"variances[{place}]", variance, "squares of log-odds")
        checks.not_negative("effect_variance", self.effect_variance, "squares of log-odds")
        for name in ("weight_drift", "effect_drift"):
            checks.not_negative(name, getattr(self, name), "squares of log-odds a label")


class Belief(NamedTuple):
    """The state: weights (d,), covariance (d, d), then per client effect and its variance (n,).

    `memory` is effect variance, weight drift, effect drift, and the prior variances after them.
    """

    weights: Floats
    covariance: Floats
    effects: Floats
    variances: Floats
    memory: Floats


def prior_belief(parameters: LearnerParameters, clients: int) -> Belief:
    """What is believed before any label, with room for so many clients, at least one."""
    clients = checks.count("clients", clients, 1)
    memory = [parameters.effect_variance, parameters.weight_drift, parameters.effect_drift]
    return Belief(
        weights=np.array(parameters.weights),
        covariance=np.diag(parameters.variances),
        effects=np.zeros(clients),
        variances=np.full(clients, parameters.effect_variance),
        memory=np.array([*memory, *parameters.variances]),
    )


@compiled
def sigmoid(log_odds: float) -> float:
    """1 / (1 + exp(-a)), without overflow."""
    if log_odds >= 0.0:
        return 1.0 / (1.0 + math.exp(-log_odds))
    grown = math.exp(log_odds)
    return grown / (1.0 + grown)


@compiled
def predict(belief: Belief, client: int, features: Floats) -> float:
    """The probability that this client's trade turns out toxic, averaged over the belief."""
    mean = belief.effects[client]
    variance = belief.variances[client]
    count = len(features)
    for row in range(count):
        mean += belief.weights[row] * features[row]
        for column in range(count):
            variance += features[row] * belief.covariance[row, column] * features[column]
    return sigmoid(mean / math.sqrt(1.0 + math.pi / 8.0 * variance))


@compiled
def learn(belief: Belief, client: int, features: Floats, toxic: bool) -> None:
    """Take one label, in place. O(d^2), no allocation but one vector."""
    count = len(features)
    spread = np.empty(count)
    _age(belief, client, count)
    mean = belief.effects[client]
    own = belief.variances[client]
    variance = own
    for row in range(count):
        spread[row] = 0.0
        mean += belief.weights[row] * features[row]
        for column in range(count):
            spread[row] += belief.covariance[row, column] * features[column]
        variance += features[row] * spread[row]
    target = 1.0 if toxic else 0.0
    pull = _mode_pull(mean, variance, target)
    share = sigmoid(mean + variance * pull)
    curvature = share * (1.0 - share)
    gain = curvature / (1.0 + curvature * variance)
    for row in range(count):
        belief.weights[row] += spread[row] * pull
        for column in range(count):
            belief.covariance[row, column] -= gain * spread[row] * spread[column]
    belief.effects[client] += own * pull
    belief.variances[client] = own - gain * own * own


@compiled
def _age(belief: Belief, client: int, count: int) -> None:
    """Diffuse, up to the prior's variances."""
    effect, weight_drift, effect_drift = belief.memory[0], belief.memory[1], belief.memory[2]
    belief.variances[client] = min(belief.variances[client] + effect_drift, effect)
    for row in range(count):
        room = belief.memory[3 + row] - belief.covariance[row, row]
        if room > 0.0:
            belief.covariance[row, row] += min(weight_drift, room)


@compiled
def _mode_pull(mean: float, variance: float, target: float) -> float:
    """The g with g = target - sigmoid(mean + variance g): the slope at the posterior's mode."""
    pull = target - sigmoid(mean)
    for _ in range(_NEWTON_STEPS):
        share = sigmoid(mean + variance * pull)
        step = (pull - target + share) / (1.0 + variance * share * (1.0 - share))
        pull -= step
        if abs(step) <= 1e-15:
            break
    return pull


class OnlineLearner:
    """The same for a venue: clients by any number, state that grows, bad input refused."""

    def __init__(self, parameters: LearnerParameters) -> None:
        self._parameters = parameters
        self._belief = prior_belief(parameters, 64)
        self._places: dict[int, int] = {}

    def probability(self, client: int, features: Sequence[float]) -> float:
        """How probably this client's next trade is toxic; nothing is noted."""
        row = self._features(features)
        place = self._places.get(client)
        if place is None:
            place = len(self._places)
            self._make_room(place)
        return predict(self._belief, place, row)

    def learn(self, client: int, features: Sequence[float], toxic: bool) -> None:
        """Take a label with the features its trade had."""
        row = self._features(features)
        place = self._places.setdefault(client, len(self._places))
        self._make_room(place)
        learn(self._belief, place, row, toxic)

    @property
    def weights(self) -> tuple[float, ...]:
        """Mean weights, one a feature."""
        return tuple(self._belief.weights.tolist())

    def _features(self, features: Sequence[float]) -> Floats:
        row = np.array(features, dtype=np.float64)
        if row.shape != self._belief.weights.shape or not np.isfinite(row).all():
            raise ValueError(f"features must be {len(self._belief.weights)} numbers: {features!r}")
        return row

    def _make_room(self, place: int) -> None:
        held = len(self._belief.effects)
        if place >= held:
            fresh = prior_belief(self._parameters, held)
            self._belief = self._belief._replace(
                effects=np.concatenate([self._belief.effects, fresh.effects]),
                variances=np.concatenate([self._belief.variances, fresh.variances]),
            )
