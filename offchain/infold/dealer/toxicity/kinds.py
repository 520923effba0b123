# SPDX-License-Identifier: Apache-2.0
"""The grid of kinds of clients a filter chooses among, built from figures a desk can state."""

from __future__ import annotations

import math
from typing import Final

import msgspec
import numpy as np

from infold.dealer import checks
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms
from infold.dealer.toxicity.filtering import Kinds

DAY_S: Final = 86_400.0


class KindsParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is believed of clients before any is known. Every edge occurs with every decay."""

    edges_bp: tuple[float, ...]
    decays_s: tuple[float, ...]
    share_informed: float  # of clients
    own_requests_per_day: float  # of an uninformed client, both sides
    informed_requests_per_day: float  # of an informed one, on its own account
    news_per_day: float  # of an informed one
    willing: tuple[float, float]  # an informed client pays up to a share of its edge, between these
    background_bp: float  # further deviation of the mid per root day: others' news
    premiums_bp: tuple[float, ...]  # the first is what those pay who pay none
    hedge_cost_bp: float  # of passing a news trade on outside
    hedge_s: float  # how long that takes
    changes_per_day: float = 0.0  # how often a client becomes another under its name

    def __post_init__(self) -> None:
        for name, unit in (("edges_bp", "bp"), ("decays_s", "seconds")):
            values = getattr(self, name)
            if not values:
                raise ValueError(f"{name} ({unit}) must be at least one positive number")
            for place, value in enumerate(values):
                checks.positive(f"{name}[{place}]", value, unit)
        if not 0.0 < self.share_informed < 1.0:
            raise ValueError(f"share_informed must lie between 0 and 1: {self.share_informed!r}")
        for name in ("own_requests_per_day", "informed_requests_per_day", "news_per_day"):
            checks.positive(name, getattr(self, name), "per day")
        low, high = self.willing
        if not 0.0 <= low < high <= 1.0:
            raise ValueError(f"willing must be two rising shares in 0..1, not {self.willing!r}")
        for name, unit in (
            ("background_bp", "bp per root day"),
            ("hedge_cost_bp", "bp"),
            ("hedge_s", "seconds"),
            ("changes_per_day", "per day"),
        ):
            checks.not_negative(name, getattr(self, name), unit)
        premiums = self.premiums_bp
        if (
            not premiums
            or not all(map(math.isfinite, premiums))
            or list(premiums) != sorted(premiums)
        ):
            raise ValueError(f"premiums_bp must be rising numbers of bp, not {premiums!r}")


def grid_of_kinds(
    parameters: KindsParameters, belief: DealerParameters, horizons_s: tuple[float, ...]
) -> Kinds:
    """The tables of `filtering` for a dealer who quotes the ladder of `belief`."""
    forms = closed_forms(belief)
    sizes = np.array(belief.sizes_m)
    weights = np.array(belief.requests_per_day) / sum(belief.requests_per_day)
    premiums = np.array(parameters.premiums_bp)
    edges = np.array([0.0, *(e for e in parameters.edges_bp for _ in parameters.decays_s)])
    decays = np.array([1.0, *(d for _ in parameters.edges_bp for d in parameters.decays_s)])
    count = len(edges) - 1
    # Half-spreads (levels, rungs), and what a trade there costs beside: half the risk of its size.
    risk = forms.risk_bp_per_m * sizes
    halves = forms.markup_bp + risk / forms.concavity + premiums[:, None]
    odds = np.exp(belief.demand_shift + belief.demand_slope_per_bp * halves)
    taken = weights / (1.0 + odds)
    low, high = parameters.willing
    reach = np.where(edges > 0.0, edges, 1.0)[:, None, None]
    met = np.clip((high - halves / reach) / (high - low), 0.0, 1.0) * weights
    met[0] = 0.0
    lost = parameters.hedge_cost_bp + edges * (1.0 - np.exp(-parameters.hedge_s / decays))
    lost = np.minimum(lost, np.maximum(edges, 1e-9))
    ends = np.array([0.0, *horizons_s])
    gone = edges[:, None] * (1.0 - np.exp(-ends / decays[:, None]))
    scatter = math.hypot(belief.volatility_bp, parameters.background_bp)
    informed = parameters.share_informed / count
    rates = np.full(count + 1, parameters.informed_requests_per_day)
    rates[0] = parameters.own_requests_per_day
    news = np.full(count + 1, parameters.news_per_day)
    news[0] = 0.0
    return Kinds(
        shares=np.array([1.0 - parameters.share_informed, *([informed] * count)]),
        own_rates=rates,
        news_rates=news,
        edges_bp=edges,
        moves_bp=np.diff(gone, axis=1),
        noises_bp=scatter * np.sqrt(np.diff(ends) / DAY_S),
        takes=taken.sum(axis=1),
        hits=met.sum(axis=2),
        own_values=(taken * sizes * (halves - risk)).sum(axis=1),
        news_values=(met * sizes * (halves - lost[:, None, None])).sum(axis=2),
        buckets=np.array([0, *(list(range(len(parameters.decays_s))) * len(parameters.edges_bp))]),
        changes_per_day=parameters.changes_per_day,
    )


def alike_in_rate(kinds: Kinds, news_share: float) -> Kinds:
    """The same kinds, all trading equally often without a premium: a part `news_share` of what an
    informed one trades is news. Silence and haste then tell nothing, and only moves do.

    `ValueError` unless the part is a share, and where a kind would never trade on news.
    """
    checks.share("news_share", news_share)
    hits = kinds.hits[1:, 0]
    if not (hits > 0.0).all():
        raise ValueError(
            "edges_bp (bp) must exceed the ladder's half-spread at its best: raise them"
        )
    own_rates, news_rates = np.zeros_like(kinds.own_rates), np.zeros_like(kinds.news_rates)
    own_rates[0] = kinds.own_rates[0]
    own_rates[1:] = (1.0 - news_share) * own_rates[0]
    news_rates[1:] = news_share * own_rates[0] * kinds.takes[0] / hits
    return kinds._replace(own_rates=own_rates, news_rates=news_rates)
