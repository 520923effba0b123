# SPDX-License-Identifier: Apache-2.0
"""What the loop of the clients world reads, writes and remembers, as columns."""

from __future__ import annotations

from enum import IntEnum
from typing import Final, NamedTuple

from infold.dealer.toxicity.filtering import Clients, Kinds
from infold.dealer.toxicity.learner import Belief
from infold.dealer.toxicity.vpin import Vpin
from infold.research.simulation.compiled import Floats, Integers
from infold.research.simulation.ledger import COLUMNS

LABEL_HORIZON: Final = 2
"""The horizon, by its place, at which a trade turns out toxic or not: a minute."""


class ClientSum(IntEnum):
    """Columns after those of `Sum`. Volumes in M, money in bp * M; of uninformed clients."""

    ASKED = COLUMNS  # volume they asked for
    QUOTED = COLUMNS + 1  # the markup they were quoted, times volume
    BOUGHT = COLUMNS + 2  # volume they traded
    PAID = COLUMNS + 3  # markups they paid
    SURPLUS = COLUMNS + 4  # what they would have paid beyond that
    MARKED = COLUMNS + 5  # volume whose minute has passed
    LATER = COLUMNS + 6  # its cost against the mid a minute later
    NEWS_VOLUME = COLUMNS + 7  # traded on news, by the informed
    NEWS_PAID = COLUMNS + 8  # markups paid there
    OWN_VOLUME = COLUMNS + 9  # the informed's other volume
    CHARGED = COLUMNS + 10  # uninformed volume asked that was quoted a premium


CLIENT_COLUMNS: Final = COLUMNS + len(ClientSum)

BLIND: Final = 0
FILTER: Final = 1
TOLD: Final = 2
KNOWING: Final = 3


class ClientConduct(NamedTuple):
    """What the dealer does about clients, as numbers. `client_dealers.py` builds it."""

    sight: int  # BLIND, FILTER, TOLD (labels are true) or KNOWING (sees news itself, may position)
    evidence: float  # log-odds beyond an unknown client's before any premium
    shelter: float  # share of the signal that quotes take on
    refit_fills: int  # learn the kinds anew after so many fills; zero: never
    refit_weight: float  # clients the prior kinds count for


class Signal(NamedTuple):
    """Buckets of drift to come, by their decay."""

    kept: Floats  # share left after a cell
    gains: Floats  # how much of a bucket the price takes on
    decays_day: Floats


class Mind(NamedTuple):
    """What the dealer knows: the filter's kinds and clients, and the learner over them."""

    kinds: Kinds
    prior: Kinds
    clients: Clients
    belief: Belief
    vpin: Vpin


class Fills(NamedTuple):
    """Per fill, in order; `done[0]` of them."""

    done: Integers
    marks: Integers
    cells: Integers
    paid_bp: Floats
    believed: Floats  # P(informed), its having traded included
    chances: Floats  # (fills, kinds): how probably it was news, by kind
    features: Floats  # (fills, features)
    toxic: Floats  # P(toxic) when it was done
    came: Floats  # 1 if it turned out so, 0 if not, -1 until its minute has passed


class Timing(NamedTuple):
    """Cells: when labels fall due by horizon, how long a minute is, where scoring begins."""

    lags: Integers
    minute: int
    burn: int
