# SPDX-License-Identifier: Apache-2.0
"""The dealers of the clients world, from blind to all-knowing.

| dealer | knows of a client | may position on news |
|---|---|---|
| `blind` (B0) | nothing | - |
| `learning` | what its fills and their markouts taught it, from a desk's first guess | no |
| `filtering` (Bayes) | the same evidence under the world's true shares, rates and edges | no |
| `told` (B1) | its true kind, edge and decay, and of each fill whether it was news | no |
| `knowing` (B2) | all that, and the news itself before anyone trades on it | yes |

All quote the transient closed form beneath a premium, and hedge by its rule with the signal in the
price. Figures below are tuned by simulation on seed 77, which no figure is scored on.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from infold.dealer.params import SPOT_FX, DealerParameters
from infold.dealer.quoting import closed_forms
from infold.dealer.toxicity.filtering import Kinds
from infold.dealer.toxicity.kinds import KindsParameters, grid_of_kinds
from infold.dealer.toxicity.markouts import HORIZONS_S
from infold.research.simulation.clients_columns import (
    BLIND,
    FILTER,
    KNOWING,
    TOLD,
    ClientConduct,
    Signal,
)
from infold.research.simulation.compiled import Floats
from infold.research.simulation.informed import (
    DAY_S,
    UNITS_INFORMED,
    UNITS_UNINFORMED,
    Hidden,
    InformedFlow,
)
from infold.research.simulation.policy import Policy, transient_closed_form

REBATE_BP: Final = 0.02
"""What everyone without a premium is spared. Less informed flow means less inventory, and so fewer
quotes skewed in clients' favour: without it the uninformed would pay .015 bp more than under B0."""
PREMIUMS_BP: Final = (
    *(-REBATE_BP, 0.05, 0.1, 0.2, 0.3, 0.45, 0.6, 0.8, 1.0),
    *(1.25, 1.5, 1.75, 2.0, 2.3, 2.6, 3.0, 3.5),
)
EVIDENCE: Final = 1.0
"""Odds must be e times an unknown client's before it pays a premium."""
GAIN: Final = 0.6
"""Of kappa / (kappa + omega): the closed form's rate of hedging is too fast for its cost."""
REFIT_FILLS: Final = 500
GUESS_WEIGHT: Final = 10.0
SIGNAL_DECAYS_S: Final = (12.0, 25.0, 50.0, 100.0, 160.0, 240.0)
"""Buckets of those who know every client's decay."""
TOLD_SHARE: Final = 0.4
TOLD_SHELTER: Final = 1.5
HEDGE_COST_BP: Final = 0.4
HEDGE_S: Final = 20.0
GRID: Final = 4

GUESS: Final = KindsParameters(
    edges_bp=(0.75, 1.5, 3.0, 5.0),
    decays_s=(15.0, 60.0, 150.0, 400.0),
    share_informed=0.05,
    own_requests_per_day=40.0,
    informed_requests_per_day=40.0,
    news_per_day=10.0,
    willing=(0.0, 1.0),
    background_bp=0.0,
    premiums_bp=PREMIUMS_BP,
    hedge_cost_bp=HEDGE_COST_BP,
    hedge_s=HEDGE_S,
)
"""Where the learning dealer begins: a wide grid, half the true share, half the true rate of news,
and everyone asking alike."""


class ClientDealer(NamedTuple):
    """A ladder and what is done about clients. `premium_bp` is a blind dealer's, for all alike."""

    ladder: Policy
    conduct: ClientConduct
    signal: Signal
    kinds: Kinds
    premiums_bp: Floats
    premium_bp: float = 0.0


def blind(belief: DealerParameters = SPOT_FX, premium_bp: float = 0.0) -> ClientDealer:
    """B0: the ladder as it stands, or with one premium for everyone."""
    return ClientDealer(
        ladder=transient_closed_form(belief),
        conduct=_conduct(BLIND),
        signal=signal_of(SIGNAL_DECAYS_S, belief, 0.0),
        kinds=_nobody(),
        premiums_bp=np.zeros(1),
        premium_bp=premium_bp,
    )


def told(
    belief: DealerParameters = SPOT_FX, shelter: float = TOLD_SHELTER, gain: float = GAIN
) -> ClientDealer:
    """B1: true labels, never positions. `shelter` is the share of the signal its quotes take on."""
    return ClientDealer(
        ladder=transient_closed_form(belief),
        conduct=_conduct(TOLD)._replace(shelter=shelter),
        signal=signal_of(SIGNAL_DECAYS_S, belief, gain),
        kinds=_nobody(),
        premiums_bp=np.zeros(1),
    )


def knowing(belief: DealerParameters = SPOT_FX) -> ClientDealer:
    """B2: as B1, but it sees news when it happens and trades on it."""
    return told(belief)._replace(conduct=_conduct(KNOWING)._replace(shelter=TOLD_SHELTER))


def filtering(
    parameters: KindsParameters,
    belief: DealerParameters = SPOT_FX,
    horizons_s: Sequence[float] = HORIZONS_S,
    evidence: float = EVIDENCE,
    gain: float = GAIN,
) -> ClientDealer:
    """A filter over kinds as given. With `true_kinds` it is the Bayes filter."""
    return ClientDealer(
        ladder=transient_closed_form(belief),
        conduct=_conduct(FILTER)._replace(evidence=evidence),
        signal=signal_of(parameters.decays_s, belief, gain),
        kinds=grid_of_kinds(parameters, belief, tuple(horizons_s)),
        premiums_bp=np.array(parameters.premiums_bp),
    )


def learning(
    parameters: KindsParameters = GUESS,
    belief: DealerParameters = SPOT_FX,
    horizons_s: Sequence[float] = HORIZONS_S,
) -> ClientDealer:
    """The same filter from a guess, whose shares and rates are learned on the way."""
    dealer = filtering(parameters, belief, horizons_s)
    conduct = dealer.conduct._replace(refit_fills=REFIT_FILLS, refit_weight=GUESS_WEIGHT)
    return dealer._replace(conduct=conduct)


def true_kinds(flow: InformedFlow) -> KindsParameters:
    """The flow as it is, its edges and decays in `GRID` equally likely parts each."""
    own = 2.0 * sum(flow.truth.requests_per_day) / (flow.clients - flow.informed)
    news = flow.news_per_day / flow.informed
    low, high = flow.edge_bp
    square = (low * low + low * high + high * high) / 3.0
    return KindsParameters(
        edges_bp=_middles(flow.edge_bp),
        decays_s=_middles(flow.decay_s),
        share_informed=flow.informed / flow.clients,
        own_requests_per_day=own,
        informed_requests_per_day=own * UNITS_INFORMED / UNITS_UNINFORMED,
        news_per_day=news,
        willing=flow.willing,
        # Others' news, in windows about as long as its decay: half of its variance a day.
        background_bp=math.sqrt(0.5 * flow.news_per_day * square),
        premiums_bp=PREMIUMS_BP,
        hedge_cost_bp=HEDGE_COST_BP,
        hedge_s=HEDGE_S,
    )


def signal_of(
    decays_s: Sequence[float], belief: DealerParameters, gain: float, cell_day: float = 1e-5
) -> Signal:
    """Buckets of these decays, each taken on at `gain` kappa / (kappa + omega)."""
    decays_day = np.array(decays_s) / DAY_S
    kappa = 1.0 / decays_day
    omega = closed_forms(belief).relaxation_per_day
    return Signal(
        kept=np.exp(-cell_day * kappa), gains=gain * kappa / (kappa + omega), decays_day=decays_day
    )


def told_premiums_bp(dealer: ClientDealer, hidden: Hidden) -> Floats:
    """The premium each mark's client is quoted by a dealer who has no filter.

    Who is told charges the informed a share of edge plus what its fill will cost, and no less than
    the least edge it would trade at for sure.
    """
    if dealer.conduct.sight not in (TOLD, KNOWING):
        return np.full(len(hidden.edge_bp), dealer.premium_bp)
    edge = hidden.edge_bp
    lost = HEDGE_COST_BP + edge * -np.expm1(-HEDGE_S / DAY_S / hidden.decay_day)
    half = closed_forms(SPOT_FX).top_spread_bp / 2.0
    wanted = np.maximum(TOLD_SHARE * (edge + lost), 0.25 * edge) - half
    return np.where(edge > 0.0, np.maximum(wanted, 0.0), dealer.premium_bp)


def _conduct(sight: int) -> ClientConduct:
    return ClientConduct(sight=sight, evidence=0.0, shelter=0.0, refit_fills=0, refit_weight=0.0)


def _nobody() -> Kinds:
    """Kinds of a dealer who has no filter: the loop wants some."""
    return Kinds(
        shares=np.ones(1),
        own_rates=np.zeros(1),
        news_rates=np.zeros(1),
        edges_bp=np.zeros(1),
        moves_bp=np.zeros((1, len(HORIZONS_S))),
        noises_bp=np.ones(len(HORIZONS_S)),
        takes=np.ones(1),
        hits=np.zeros((1, 1)),
        own_values=np.zeros(1),
        news_values=np.zeros((1, 1)),
        buckets=np.zeros(1, dtype=np.int64),
        changes_per_day=0.0,
    )


def _middles(bounds: tuple[float, float]) -> tuple[float, ...]:
    low, high = bounds
    return tuple(low + (high - low) * (place + 0.5) / GRID for place in range(GRID))
