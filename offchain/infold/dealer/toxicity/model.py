# SPDX-License-Identifier: Apache-2.0
"""The whole of it for a venue: mids and fills go in, beliefs come out.

It runs the very functions the simulation runs (`research.simulation.clients_loop`), and a test
holds the two to the same beliefs on the same path. Time comes with each mid; nothing is read that
had not happened by then.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import msgspec
import numpy as np

from infold.dealer import checks
from infold.dealer.compiled import Floats
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms
from infold.dealer.toxicity.features import FEATURES, TRADES, UNKNOWN_IMBALANCE, write_features
from infold.dealer.toxicity.filtering import (
    Clients,
    copied,
    elapse,
    empty_clients,
    note_fill,
    note_window,
    posterior,
    refit,
)
from infold.dealer.toxicity.kinds import (
    DAY_S,
    KindsParameters,
    alike_in_rate,
    grid_of_kinds,
)
from infold.dealer.toxicity.learner import LearnerParameters, learn, predict, prior_belief
from infold.dealer.toxicity.markouts import HORIZONS_S, Label, PendingLabels
from infold.dealer.toxicity.pricing import add_pending, best_level
from infold.dealer.toxicity.shrinkage import Population, Tally, fitted, shrunk
from infold.dealer.toxicity.vpin import add_trade, empty_vpin, value

ROOM: Final = 64
"""Clients there is room for at first; it doubles."""
SPREAD_BP: Final = 1.0
"""How far clients' mean moves are thought to lie apart until enough have traded to tell."""


class ModelParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a desk decides beforehand. `refit_fills` zero keeps the kinds as given.

    A move beyond `deviations_max` of its window's noise counts as one of those: prices jump oftener
    than the normal law has it. With `news_share` every kind trades equally often and that part of
    an informed client's fills is news: then only where prices go tells who is informed
    (`kinds.alike_in_rate`).
    """

    kinds: KindsParameters
    horizons_s: tuple[float, ...] = HORIZONS_S
    label_horizon_s: float = 60.0  # when a trade turns out toxic or not
    learner: LearnerParameters = TRADES
    evidence: float = 1.0  # log-odds beyond an unknown client's before any premium
    gain: float = 0.6  # of kappa / (kappa + omega)
    refit_fills: int = 500
    refit_weight: float = 10.0  # clients the given kinds count for
    bucket_m: float = 50.0  # of VPIN
    buckets: int = 50
    news_share: float | None = None
    deviations_max: float = math.inf

    def __post_init__(self) -> None:
        if self.label_horizon_s not in self.horizons_s:
            raise ValueError(
                f"label_horizon_s must be one of {self.horizons_s!r} s: {self.label_horizon_s!r}"
            )
        if len(self.learner.weights) != FEATURES:
            raise ValueError(f"learner must have {FEATURES} weights, not {self.learner.weights!r}")
        for name, unit in (
            ("evidence", "log-odds"),
            ("gain", "no unit"),
            ("refit_weight", "clients"),
        ):
            checks.not_negative(name, getattr(self, name), unit)
        checks.count("refit_fills", self.refit_fills, 0)
        if self.news_share is not None:
            checks.share("news_share", self.news_share)
        if not self.deviations_max > 0.0:
            raise ValueError(
                f"deviations_max must be above zero (no unit), not {self.deviations_max!r}"
            )


class Opinion(NamedTuple):
    """Of a client before it trades: P(informed), and the premium it is quoted where it is."""

    informed: float
    premium_bp: float


class Verdict(NamedTuple):
    """Of a trade just done: P(its client is informed), P(it is news), P(it turns out toxic)."""

    informed: float
    news: float
    toxic: float


class _Open(NamedTuple):
    """A trade whose horizons have not all passed."""

    place: int
    chances: Floats
    features: Floats


class ToxicityModel:
    """Explicit state over frozen parameters. Clients are any numbers, sizes in M, mids in bp."""

    def __init__(self, parameters: ModelParameters, belief: DealerParameters) -> None:
        self._parameters = parameters
        self._prior = grid_of_kinds(parameters.kinds, belief, parameters.horizons_s)
        if parameters.news_share is not None:
            self._prior = alike_in_rate(self._prior, parameters.news_share)
        self._kinds = copied(self._prior)
        self._clients = empty_clients(ROOM, len(self._kinds.shares))
        self._places: dict[int, int] = {}
        self._pending = PendingLabels(parameters.horizons_s)
        self._belief = prior_belief(parameters.learner, 1)
        self._vpin = empty_vpin(parameters.bucket_m, parameters.buckets)
        self._open: dict[int, _Open] = {}
        self._moved_bp: dict[int, float] = {}
        self._row = np.zeros(len(self._kinds.shares))
        self._time_s = -math.inf
        self._fills = 0
        kappa = DAY_S / np.array(parameters.kinds.decays_s)
        omega = closed_forms(belief).relaxation_per_day
        self._kappa = kappa
        self._gains = parameters.gain * kappa / (kappa + omega)
        self._drift_bp = np.zeros(len(kappa))
        self._tallies: dict[float, dict[int, Tally]] = {h: {} for h in parameters.horizons_s}
        self._populations = {
            horizon_s: Population(
                0.0, SPREAD_BP, belief.volatility_bp * math.sqrt(horizon_s / DAY_S)
            )
            for horizon_s in parameters.horizons_s
        }

    def observe(self, time_s: float, mid_bp: float) -> list[Label]:
        """Take the mid of this moment, learn from what has fallen due, and say what that was."""
        labels = self._pending.observe(time_s, mid_bp)
        if math.isfinite(self._time_s):
            self._drift_bp *= np.exp(-self._kappa * (time_s - self._time_s) / DAY_S)
        self._time_s = time_s
        for label in labels:
            self._learn(label)
        return labels

    def forget_pending(self) -> None:
        """Learn nothing from trades whose horizons have not passed: no price stood there."""
        self._pending = PendingLabels(self._parameters.horizons_s)
        self._open.clear()
        self._moved_bp.clear()

    def opinion(self, client: int) -> Opinion:
        """What to quote a client now. Of a client never seen: the population's."""
        place = self._places.get(client, len(self._places))
        self._make_room(place)
        elapse(self._kinds, self._clients, place, self._time_s / DAY_S)
        informed = posterior(self._kinds, self._clients, place, self._row)
        level = best_level(self._kinds, self._row, self._parameters.evidence)
        self._clients.levels[place] = level
        return Opinion(informed, self._parameters.kinds.premiums_bp[level])

    def trade(self, client: int, side: int, size_m: float, markup_bp: float) -> Verdict:
        """Note a fill of this moment; `ValueError` if it is no trade or no mid was seen yet."""
        checks.positive("size_m", size_m, "M")
        number = self._fills
        self._pending.push(number, client, side, markup_bp)
        self._fills += 1
        place = self._places.setdefault(client, len(self._places))
        self._make_room(place)
        chances, features = np.zeros(len(self._row)), np.zeros(FEATURES)
        level = int(self._clients.levels[place])
        note_fill(self._kinds, self._clients, place, self._time_s / DAY_S, level, chances)
        informed = posterior(self._kinds, self._clients, place, self._row)
        news = add_pending(self._kinds, self._row, chances, side, self._drift_bp)
        imbalance = value(self._vpin, UNKNOWN_IMBALANCE)
        write_features(informed, markup_bp, imbalance, size_m, features)
        toxic = predict(self._belief, 0, features)
        add_trade(self._vpin, side, size_m)
        self._open[number] = _Open(place, chances, features)
        self._moved_bp[number] = 0.0
        every = self._parameters.refit_fills
        if every > 0 and self._fills % every == 0:
            weight = self._parameters.refit_weight
            refit(self._kinds, self._clients, len(self._places), self._prior, weight)
            if self._parameters.news_share is not None:
                self._kinds.own_rates[:] = self._prior.own_rates
                self._kinds.news_rates[:] = self._prior.news_rates
            self._fit_populations()
        return Verdict(informed, news, toxic)

    def expected_move_bp(self, client: int, horizon_s: float) -> tuple[float, float]:
        """How far the mid goes a client's way on average, shrunk, and how sure that is (deviation).

        `ValueError` if the horizon is none of the model's.
        """
        if horizon_s not in self._tallies:
            raise ValueError(
                f"horizon_s must be one of {self._parameters.horizons_s!r} s, not {horizon_s!r}"
            )
        return shrunk(self._populations[horizon_s], self._tallies[horizon_s].get(client, Tally()))

    @property
    def signal_bp(self) -> float:
        """How much of the drift still expected a price should take on now; above zero: up."""
        return float(self._gains @ self._drift_bp)

    @property
    def imbalance(self) -> float:
        """VPIN, or one half while no bucket is full."""
        return value(self._vpin, UNKNOWN_IMBALANCE)

    @property
    def share_informed(self) -> float:
        """Of clients never seen, as learned so far."""
        return float(1.0 - self._kinds.shares[0])

    def _learn(self, label: Label) -> None:
        number, client = label.traded.number, label.traded.client
        tallies = self._tallies[label.horizon_s]
        tallies[client] = tallies.get(client, Tally()).after(label.move_bp)
        trade = self._open[number]
        window = self._parameters.horizons_s.index(label.horizon_s)
        move_bp = label.move_bp - self._moved_bp[number]
        self._moved_bp[number] = label.move_bp
        most_bp = self._parameters.deviations_max * self._prior.noises_bp[window]
        move_bp = min(max(move_bp, -most_bp), most_bp)
        note_window(self._kinds, self._clients, trade.place, window, move_bp, trade.chances)
        if label.horizon_s == self._parameters.label_horizon_s:
            learn(self._belief, 0, trade.features, label.markout_bp > 0.0)
        if label.horizon_s == self._parameters.horizons_s[-1]:
            del self._open[number], self._moved_bp[number]

    def _fit_populations(self) -> None:
        for horizon_s, tallies in self._tallies.items():
            if len(tallies) > 1:
                noise_bp = self._populations[horizon_s].noise_bp
                self._populations[horizon_s] = fitted(list(tallies.values()), noise_bp)

    def _make_room(self, place: int) -> None:
        held = len(self._clients.fills)
        if place >= held:
            more = empty_clients(held, len(self._row))
            self._clients = Clients._make(
                [np.concatenate(pair) for pair in zip(self._clients, more, strict=True)]
            )
