# SPDX-License-Identifier: Apache-2.0
"""What a belief about a client is worth acting on: the level it is quoted, and what is pending.

The level is the premium with the greatest expected income under the belief. Two rules bind it. A
client pays no premium unless the odds that it is informed exceed those of a client never seen by
`evidence` (in log-odds): being unknown costs nothing. And levels end at the declared bounds. Both
hold whatever the belief says.

The signal is the drift still to come after trades that were probably news, in a few buckets of
equal decay; a bucket counts by kappa / (kappa + omega), the share of a decaying drift that a dealer
who works inventory off at rate omega takes into its price (Barzykin 2026, equation 17, for a drift
of our own making). It only ever protects: `guarded` keeps it from raising |q|.
"""

from __future__ import annotations

import math

from infold.dealer.compiled import Floats, compiled
from infold.dealer.toxicity.filtering import Kinds

BASE = 0
"""The level of those who pay no premium."""


@compiled
def best_level(kinds: Kinds, probabilities: Floats, evidence: float) -> int:
    """The place of the premium a client of this posterior is quoted."""
    informed = 1.0 - probabilities[0]
    unknown = 1.0 - kinds.shares[0]
    if informed <= 0.0 or _log_odds(informed) - _log_odds(unknown) < evidence:
        return BASE
    own = 0.0
    for kind in range(len(probabilities)):
        own += probabilities[kind] * kinds.own_rates[kind]
    best, most = BASE, -math.inf
    for level in range(len(kinds.takes)):
        income = own * kinds.own_values[level]
        for kind in range(1, len(probabilities)):
            income += probabilities[kind] * kinds.news_rates[kind] * kinds.news_values[kind, level]
        if income > most:
            best, most = level, income
    return best


@compiled
def add_pending(
    kinds: Kinds, probabilities: Floats, chances: Floats, side: int, pending_bp: Floats
) -> float:
    """Add a fill's expected drift to the buckets; the chance that it was news."""
    chance = 0.0
    for kind in range(1, len(probabilities)):
        part = probabilities[kind] * chances[kind]
        chance += part
        pending_bp[kinds.buckets[kind]] += side * part * kinds.edges_bp[kind]
    return chance


@compiled
def guarded(price_bp: float, signal_bp: float, inventory_m: float) -> float:
    """The marginal price with the signal, as far as that speaks for less inventory, not for more.

    A price above zero buys. A signal may hasten what shrinks |q| and may call off what would grow
    it; it never starts a trade that grows it, nor slows one that shrinks it.
    """
    if signal_bp * inventory_m < 0.0:
        return price_bp + signal_bp
    return price_bp


@compiled
def _log_odds(probability: float) -> float:
    return math.log(probability) - math.log1p(-min(probability, 1.0 - 1e-15))
