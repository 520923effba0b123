# SPDX-License-Identifier: Apache-2.0
"""Why the next batch waits, as strangers may read it. What was raised quotes signers and names the
URLs of nodes, which have keys in them: that is for the operator's log, here are fixed words.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from infold.core.state import State
from infold.errors import Unavailable, Unpriced
from infold.words import NEVER_MS


class Unsigned(Unavailable):
    """The oracle's signers, or the chain that says who they are, gave no price vector."""


class Postponement(NamedTuple):
    """What kind of obstacle it is, for machines, and the same for people."""

    kind: str
    reason: str


WOUND_DOWN: Final = Postponement(
    "WOUND_DOWN", "the venue is wound down: no batch settles any more (runbook: leaving)"
)
UNSIGNED: Final = Postponement(
    "UNSIGNED", "too few of the oracle's signers sign prices that agree; the next time is tried"
)
UNSERVED: Final = Postponement(
    "UNSERVED",
    "the chain or the venue's own machine takes no batch now; the next time is tried, and the"
    " venue's operator finds the cause in its log",
)


def postponement_of(error: Unavailable, state: State) -> Postponement:
    """What everybody is told of an error that a batch waits for."""
    if state.head.time_ms == NEVER_MS:
        return WOUND_DOWN
    if isinstance(error, Unpriced):
        markets = ", ".join(str(market) for market in sorted(error.markets))
        return Postponement(
            "UNPRICED", f"too few of the oracle's signers price market {markets}; it is tried again"
        )
    return UNSIGNED if isinstance(error, Unsigned) else UNSERVED
