# SPDX-License-Identifier: Apache-2.0
"""What one client's logistic demand is worth to a dealer who would be indifferent at price p.

A share 1 / (1 + exp(shift + slope d)) of requests trades at markup d, and the dealer keeps d - p of
each M. Barzykin 2026 (arXiv:2601.13421) section 2 takes this from Bergault and Gueant: with
W = W(exp(-1 - shift - slope p)) the best markup is d* = p + (1 + W) / slope, the share that trades
there W / (1 + W), and the gain a request and M is W / slope. Units: bp; arrays of any shape.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from infold.dealer.compiled import Floats
from infold.dealer.lambert import lambert_of_exp, lamberts_of_exp


class Logistic(Protocol):
    """The two figures of logistic demand; a market's parameters carry them, and so does a tier."""

    @property
    def demand_shift(self) -> float: ...
    @property
    def demand_slope_per_bp(self) -> float: ...


def _lambert(demand: Logistic, price_bp: Floats) -> Floats:
    """W at each price, which never overflows. Infinite prices give zero."""
    return lamberts_of_exp(-1.0 - demand.demand_shift - demand.demand_slope_per_bp * price_bp)


def best_markup_bp(demand: Logistic, price_bp: Floats) -> Floats:
    """d*: infinite where the price is, which is no quote."""
    markup: Floats = price_bp + (1.0 + _lambert(demand, price_bp)) / demand.demand_slope_per_bp
    return markup


def gain_bp(demand: Logistic, price_bp: Floats) -> Floats:
    """H(p) over l0: the most a request of one M is worth."""
    gain: Floats = _lambert(demand, price_bp) / demand.demand_slope_per_bp
    return gain


def curvature_per_bp(demand: Logistic) -> float:
    """H''(0) over l0: how fast what trades falls as the dealer's price rises, quotes following."""
    w = lambert_of_exp(-1.0 - demand.demand_shift)
    return demand.demand_slope_per_bp * w / (1.0 + w) ** 3


def share(demand: Logistic, markup_bp: Floats) -> Floats:
    """Which part of the requests trades at a markup."""
    odds = demand.demand_shift + demand.demand_slope_per_bp * markup_bp
    # One branch for each sign: neither can overflow, and an infinite markup is a share of zero.
    shrunk = np.exp(-np.abs(odds))
    part: Floats = np.where(odds > 0.0, shrunk, 1.0) / (1.0 + shrunk)
    return part
