# SPDX-License-Identifier: Apache-2.0
"""How inventory behaves under the linear skew: closed forms a simulation must match.

Under equation 7 of Barzykin 2026 the drift of inventory is linear near zero, so inventory is an
Ornstein-Uhlenbeck process with the relaxation and variance below. How long an M stays follows from
Little's law (`holding.py`). Without skew the walk never comes home and both are infinite. Units:
`params.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import roots_hermitenorm

from infold.dealer.compiled import Floats
from infold.dealer.demand import share
from infold.dealer.holding import littles_day
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms
from infold.errors import InvariantBroken

NODES: Final = 64
"""Points of the Gauss rule that averages over a normal inventory."""
ROUNDS_MAX: Final = 200
PRECISION: Final = 1e-12
"""Relative change of the spread at which it has settled."""


@dataclass(frozen=True, slots=True)
class Stationary:
    """Inventory in the long run, nothing hedged."""

    relaxation_per_day: float  # omega_eff
    rms_m: float
    turnover_m_per_day: float  # what clients trade, both sides

    @property
    def mean_abs_m(self) -> float:
        """E|q| of a normal inventory."""
        return math.sqrt(2.0 / math.pi) * self.rms_m

    @property
    def half_life_day(self) -> float:
        """How long skew takes to halve an inventory."""
        return math.log(2.0) / self.relaxation_per_day

    @property
    def holding_day(self) -> float:
        """How long an M stays on average, first in, first out."""
        return littles_day(self.mean_abs_m, self.turnover_m_per_day)


def stationary(parameters: DealerParameters) -> Stationary:
    """omega_eff = -4 sum D l'(d_D) A0 / c and s^2 = sum D^2 l(d_D) / omega_eff, at q = 0."""
    return _around(parameters, np.zeros(1), np.ones(1))


def spread_out(parameters: DealerParameters) -> Stationary:
    """The same with drift and variance averaged over the inventory they lead to.

    Demand saturates where the skew is large, so inventory relaxes more slowly than at rest and
    spreads wider: 6 % and 9 % on `params.SPOT_FX`, of the 11 % and 13 % that the ladder's own
    Markov chain shows. Statistical linearisation (Booton 1954): omega = -E[q drift] / E[q^2] and
    s^2 = E[variance] / (2 omega) with q normal, to a fixed point. `InvariantBroken` if
    `ROUNDS_MAX` rounds do not reach it.
    """
    nodes, weights = roots_hermitenorm(NODES)
    weights = weights / weights.sum()
    found = stationary(parameters)
    for _ in range(ROUNDS_MAX):
        better = _around(parameters, found.rms_m * nodes, weights)
        settled = abs(better.rms_m - found.rms_m) <= PRECISION * better.rms_m
        found = better
        if settled:
            return found
    raise InvariantBroken(f"the inventory's spread did not settle in {ROUNDS_MAX} rounds")


def _around(parameters: DealerParameters, held_m: Floats, weights: Floats) -> Stationary:
    """Drift, variance and turnover of equation 7's quotes averaged over inventories."""
    forms = closed_forms(parameters)
    sizes = np.array(parameters.sizes_m)[:, None]
    rates = np.array(parameters.requests_per_day)[:, None]
    asked = forms.quoted
    trades = share(parameters, forms.markup_bp + asked.slope_bp_per_m * (sizes - 2.0 * held_m))
    fills = rates * trades
    # By symmetry bids are asks at the opposite inventory; (1 - f) f slope is -l' over l0.
    steeper = asked.skew_bp_per_m * parameters.demand_slope_per_bp * fills * (1.0 - trades)
    relaxation = 2.0 * float((sizes * steeper).sum(axis=0) @ weights)
    variance = 2.0 * float((sizes**2 * fills).sum(axis=0) @ weights)
    return Stationary(
        relaxation_per_day=relaxation,
        rms_m=math.sqrt(variance / (2.0 * relaxation)),
        turnover_m_per_day=2.0 * float((sizes * fills).sum(axis=0) @ weights),
    )
