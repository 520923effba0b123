# SPDX-License-Identifier: Apache-2.0
"""The clients of one market in a running venue: who is probably informed, as far as fills and
prices have shown.

It drives `model.ToxicityModel` as an auction needs it. All pay one price and nobody asks for a
quote, so how often a client trades says nothing (`news_share`); fills are gathered into parcels
that are evidence of their own; and a probability is read without touching the state, so that
asking oftener changes no bit of what is answered later.

What is believed of a client fades towards what is believed of a stranger, since clients change.
Units as in `model`: sizes in M, times in seconds, moves in bp of usual volatility.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import msgspec

from infold.dealer import checks
from infold.dealer.params import DealerParameters
from infold.dealer.toxicity.acts import ActParameters, FeeTier
from infold.dealer.toxicity.kinds import DAY_S, KindsParameters
from infold.dealer.toxicity.model import ModelParameters, ToxicityModel
from infold.dealer.toxicity.parcels import Parcels

LIVE_KINDS: Final = KindsParameters(
    edges_bp=(4.0, 8.0, 16.0),
    decays_s=(3.0, 30.0),
    share_informed=0.05,
    own_requests_per_day=1_000.0,
    informed_requests_per_day=1_000.0,
    news_per_day=1_000.0,
    willing=(0.0, 1.0),
    background_bp=0.0,
    premiums_bp=(0.0,),
    hedge_cost_bp=1.0,
    hedge_s=5.0,
    changes_per_day=0.25,
)
"""Informed is who foresees more than the 5 bp that default listings ask at least. Rates only set
the scale: with `news_share` they tell nothing."""

LIVE_ACTS: Final = ActParameters(
    shift_bp_max=2.0,
    widening_bp_max=5.0,
    tiers=(FeeTier(0.0, 150), FeeTier(0.5, 175), FeeTier(0.8, 200)),
    route_probability=0.8,
)
"""The fees are of a market that asks the last of them, as default listings do."""


DEVIATIONS_MAX: Final = 1.25
"""Where right and wrong count alike: a client that always trades just before a jump, and is right
half of the time, is called informed by one in forty; by nineteen in twenty at 2."""


class ClientParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is believed beforehand, and from which size on a fill is evidence."""

    model: ModelParameters = ModelParameters(
        kinds=LIVE_KINDS,
        horizons_s=(10.0, 60.0),
        news_share=0.5,
        refit_fills=0,
        deviations_max=DEVIATIONS_MAX,
    )
    least_m: float = 1e-3

    def __post_init__(self) -> None:
        checks.positive("least_m", self.least_m, "M")


class _Belief(NamedTuple):
    """P(informed) of a client when a label of it last fell due."""

    informed: float
    time_s: float


class LiveClients:
    """Explicit state over frozen parameters; begins with the price of a moment."""

    def __init__(
        self, parameters: ClientParameters, belief: DealerParameters, time_s: float, mid_bp: float
    ) -> None:
        model = parameters.model
        self._model = ToxicityModel(model, belief)
        self._parcels = Parcels(parameters.least_m, model.horizons_s[-1])
        self._changes_per_day = model.kinds.changes_per_day
        self._beliefs: dict[int, _Belief] = {}
        self._model.observe(time_s, mid_bp)

    def observe(self, time_s: float, mid_bp: float) -> None:
        """Take the mid of this moment and learn from what has fallen due."""
        labels = self._model.observe(time_s, mid_bp)
        for client in sorted({label.traded.client for label in labels}):
            self._beliefs[client] = _Belief(self._model.opinion(client).informed, time_s)

    def filled(
        self, client: int, side: int, size_m: float, markup_bp: float, time_s: float
    ) -> None:
        """Note a fill at the latest mid; `ValueError` if it is none."""
        whole_m = self._parcels.add(client, side, size_m, time_s)
        if whole_m > 0.0:
            self._model.trade(client, side, whole_m, markup_bp)

    def forget_pending(self) -> None:
        """Mark out nothing of what is pending: no price stood at its horizons."""
        self._model.forget_pending()

    def informed(self, client: int, time_s: float) -> float:
        """P(informed) of a client at a time not before the last mid; a stranger's if unknown."""
        unknown = self._model.share_informed
        known = self._beliefs.get(client)
        if known is None:
            return unknown
        passed_day = max(0.0, time_s - known.time_s) / DAY_S
        kept = math.exp(-self._changes_per_day * passed_day)
        return unknown + kept * (known.informed - unknown)

    @property
    def known(self) -> tuple[int, ...]:
        """Clients of whom a label has fallen due, in order."""
        return tuple(sorted(self._beliefs))

    @property
    def signal_bp(self) -> float:
        """How much of the drift still expected a price should take on now; above zero: up."""
        return self._model.signal_bp
