# SPDX-License-Identifier: Apache-2.0
"""What holding a hedge costs: funding, the basis as a drift, and the basis as a second risk.

The client leg q is priced by our oracle, the hedge h by its venue; their difference is the basis b
= venue - oracle. A hedge is held about as long as inventory lasts, T. Over that time a hedge in
direction s = +-1 (buys positive) pays, a M,

    s f_h T              funding of the hedge; the client leg's is the same with and without it
  - s E[b_T - b_0]       the basis drifting against it: it reverts at rate kappa
  + gamma T sigma_b^2 s h    the basis moving at random, on top of what is held there already

and the risk of both legs is gamma/2 (sigma^2 n^2 + 2 c n h + sigma_b^2 h^2) a day with n = q + h
and c the covariance of oracle and basis moves: even without costs a hedge should not be whole, the
ratio that minimises it is below one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from infold.dealer import checks


@dataclass(frozen=True, slots=True)
class Carry:
    """One venue's hedge leg. Funding in bp a day of notional, longs pay.

    `basis_bp` is venue less oracle now, over its long mean; volatilities are per root day.
    """

    funding_bp_per_day: float = 0.0
    basis_bp: float = 0.0
    basis_reversion_per_day: float = 0.0
    basis_volatility_bp: float = 0.0
    correlation: float = 0.0  # of oracle and basis moves

    def __post_init__(self) -> None:
        checks.number("funding_bp_per_day", self.funding_bp_per_day, "bp a day")
        checks.number("basis_bp", self.basis_bp, "bp")
        checks.not_negative("basis_reversion_per_day", self.basis_reversion_per_day, "a day")
        checks.not_negative("basis_volatility_bp", self.basis_volatility_bp, "bp")
        if not -1.0 <= self.correlation <= 1.0:
            raise ValueError(f"correlation must lie between -1 and 1, not {self.correlation!r}")


NO_CARRY: Final = Carry()
"""A hedge that costs nothing to hold: delivered at once, in the very asset."""


def drift_bp(carry: Carry, side: int, holding_day: float) -> float:
    """What a M hedged in direction `side` is expected to pay while it is held; income is negative.

    `ValueError` if `side` is not 1 or -1.
    """
    if side not in (-1, 1):
        raise ValueError(f"side must be 1 for a buy or -1 for a sale, not {side!r}")
    checks.not_negative("holding_day", holding_day, "days")
    funding = carry.funding_bp_per_day * holding_day
    reverted = carry.basis_bp * math.expm1(-carry.basis_reversion_per_day * holding_day)
    return side * (funding - reverted)


def risk_bp_per_m(carry: Carry, risk_aversion: float, holding_day: float) -> float:
    """Slope of the marginal charge for the basis: a M more hedged raises it by this much."""
    checks.positive("risk_aversion", risk_aversion, "per bp M")
    checks.not_negative("holding_day", holding_day, "days")
    return risk_aversion * carry.basis_volatility_bp**2 * holding_day


def least_risk_hedge_m(carry: Carry, inventory_m: float, volatility_bp: float) -> float:
    """The h that minimises the variance of both legs: -q (sigma^2 + c) / (sigma^2 + 2 c + sb^2).

    Less than the whole of q where the basis moves by itself.
    """
    checks.number("inventory_m", inventory_m, "M")
    checks.positive("volatility_bp", volatility_bp, "bp")
    own = volatility_bp**2
    shared = carry.correlation * volatility_bp * carry.basis_volatility_bp
    whole = own + 2.0 * shared + carry.basis_volatility_bp**2
    return -inventory_m * (own + shared) / whole if whole > 0.0 else 0.0


def variance_bp2_m2_per_day(
    carry: Carry, inventory_m: float, hedge_m: float, volatility_bp: float
) -> float:
    """Variance a day of client leg and hedge together."""
    net = checks.number("inventory_m", inventory_m, "M") + checks.number("hedge_m", hedge_m, "M")
    checks.positive("volatility_bp", volatility_bp, "bp")
    shared = carry.correlation * volatility_bp * carry.basis_volatility_bp
    own = (volatility_bp * net) ** 2 + 2.0 * shared * net * hedge_m
    return own + (carry.basis_volatility_bp * hedge_m) ** 2
