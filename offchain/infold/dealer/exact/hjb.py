# SPDX-License-Identifier: Apache-2.0
"""The best a dealer can do on a lattice: policy iteration (Howard 1960).

Each round evaluates a conduct exactly and then does at every point what is best against that value;
the value never falls, and four or five rounds reach the last digits. It is the stationary equation
of `exact/__init__.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from infold.dealer import checks
from infold.dealer.demand import best_markup_bp
from infold.dealer.exact.evaluation import SIDES, Conduct, Floats, Worth, evaluate
from infold.dealer.exact.lattice import Lattice
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms
from infold.errors import InvariantBroken

ROUNDS_MAX: Final = 50
"""Policy iteration converges quadratically; so many rounds mean that something is broken."""
PRECISION: Final = 1e-10
"""Relative change of theta at which it has converged."""


@dataclass(frozen=True, slots=True)
class Solution:
    """The best conduct, what it is worth, and how many rounds it took to find."""

    conduct: Conduct
    worth: Worth
    rounds: int

    @property
    def theta_bp_m_per_day(self) -> float:
        """Score less risk a day."""
        return self.worth.theta_bp_m_per_day

    @property
    def zone_m(self) -> float:
        """Largest |q| at rest up to which nothing is hedged; the lattice's edge if nothing is."""
        lattice = self.conduct.lattice
        return _inside(lattice, self.conduct.rates_m_per_day[:, lattice.centre[1]] != 0.0)


def solve(parameters: DealerParameters, lattice: Lattice, hedging: bool = True) -> Solution:
    """The best quotes and hedging rates; `hedging` false forbids trades outside.

    `ValueError` if the lattice does not carry the ladder or hedging would be infinitely fast.
    `InvariantBroken` if the rounds do not settle.
    """
    if hedging:
        checks.positive(
            "hedge_impact_bp_day_per_m", parameters.hedge_impact_bp_day_per_m, "bp day per M"
        )
    # Any conduct starts it; the quadratic value's is near.
    risk = closed_forms(parameters).risk_bp_per_m
    ansatz = -risk * lattice.inventory_m**2
    conduct = improved(
        parameters, lattice, np.repeat(ansatz[:, None], lattice.impact_points, axis=1), hedging
    )
    worth = evaluate(parameters, conduct)
    for number in range(2, ROUNDS_MAX):
        conduct = improved(parameters, lattice, worth.value_bp_m, hedging)
        better = evaluate(parameters, conduct)
        change = abs(better.theta_bp_m_per_day - worth.theta_bp_m_per_day)
        worth = better
        if change <= PRECISION * abs(worth.theta_bp_m_per_day):
            return Solution(conduct, worth, number)
    raise InvariantBroken(f"policy iteration did not settle in {ROUNDS_MAX} rounds")


def improved(
    parameters: DealerParameters, lattice: Lattice, value_bp_m: Floats, hedging: bool = True
) -> Conduct:
    """What is best at each point if things are worth `value_bp_m` (q, x) afterwards."""
    prices = indifference_bp(parameters, lattice, value_bp_m)
    if hedging:
        up, down = marginal_bp(parameters, lattice, value_bp_m)
        rates = _best_rates(parameters, up, down)
    else:
        rates = np.zeros(value_bp_m.shape)
    return Conduct(lattice, best_markup_bp(parameters, prices), rates)


def indifference_bp(parameters: DealerParameters, lattice: Lattice, value_bp_m: Floats) -> Floats:
    """What a M of each rung costs the dealer in value: (V(q) - V(q after)) / D.

    (side, rung, q, x), bid first; infinite where the fill would leave the lattice.
    """
    _check_values(lattice, value_bp_m)
    rows, columns = value_bp_m.shape
    prices = np.full((2, len(parameters.sizes_m), rows, columns), np.inf)
    numbers = np.arange(rows)
    ladder = zip(parameters.sizes_m, lattice.strides(parameters), strict=True)
    for rung, (size_m, stride) in enumerate(ladder):
        for row, side in enumerate(SIDES):
            landing = numbers - side * stride
            inside = (landing >= 0) & (landing < rows)
            lost = value_bp_m[inside] - value_bp_m[landing[inside]]
            prices[row, rung, inside] = lost / size_m
    return prices


def marginal_bp(
    parameters: DealerParameters, lattice: Lattice, value_bp_m: Floats
) -> tuple[Floats, Floats]:
    """Value of buying outside a M more, before its cost: on the way up, on the way down (q, x).

    V_q + k V_x + k q with differences on the side that a purchase (a sale) moves to. Where that is
    off the lattice, minus infinity and infinity: never worth it.
    """
    _check_values(lattice, value_bp_m)
    up = np.full(value_bp_m.shape, -np.inf)
    down = np.full(value_bp_m.shape, np.inf)
    slopes = np.diff(value_bp_m, axis=0) / lattice.inventory_step_m
    k = parameters.impact_bp_per_m
    pushed = k * lattice.inventory_m[:, None]
    up[:-1] = slopes + pushed[:-1]
    down[1:] = slopes + pushed[1:]
    if lattice.impact_points > 1:
        tilts = k * np.diff(value_bp_m, axis=1) / lattice.impact_step_bp
        up[:, :-1] += tilts
        down[:, 1:] += tilts
    return up, down


def centred_bp(parameters: DealerParameters, worth: Worth) -> Floats:
    """The same with centred differences (q, x): second order, for use between the points."""
    lattice = worth.lattice
    k = parameters.impact_bp_per_m
    price = np.gradient(worth.value_bp_m, lattice.inventory_step_m, axis=0)
    price += k * lattice.inventory_m[:, None]
    if lattice.impact_points > 1:
        price += k * np.gradient(worth.value_bp_m, lattice.impact_step_bp, axis=1)
    found: Floats = price
    return found


def centred_zone_m(parameters: DealerParameters, worth: Worth) -> float:
    """Largest |q| at rest whose centred marginal price stays within the hedging spread."""
    at_rest = centred_bp(parameters, worth)[:, worth.lattice.centre[1]]
    return _inside(worth.lattice, np.abs(at_rest) > parameters.hedge_spread_bp)


def _check_values(lattice: Lattice, value_bp_m: Floats) -> None:
    shape = (lattice.inventory_points, lattice.impact_points)
    if value_bp_m.shape != shape or not np.isfinite(value_bp_m).all():
        raise ValueError(
            f"value_bp_m must be {shape[0]} by {shape[1]} finite numbers (bp M), a point each"
        )


def _inside(lattice: Lattice, hedged: NDArray[np.bool_]) -> float:
    beyond = np.abs(lattice.inventory_m[hedged])
    if not len(beyond):
        return lattice.inventory_m_max
    return float(np.min(beyond)) - lattice.inventory_step_m


def _best_rates(parameters: DealerParameters, up_bp: Floats, down_bp: Floats) -> Floats:
    """Equation 15, (|p| - psi)+ / (2 eta) towards whichever side is worth more."""
    buying = np.maximum(up_bp - parameters.hedge_spread_bp, 0.0)
    selling = np.maximum(-down_bp - parameters.hedge_spread_bp, 0.0)
    steepness = 0.5 / parameters.hedge_impact_bp_day_per_m
    return np.where(buying >= selling, buying, -selling) * steepness
