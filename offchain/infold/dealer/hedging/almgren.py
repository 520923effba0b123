# SPDX-License-Identifier: Apache-2.0
"""Two classics: the hyperbolic schedule of Almgren and Chriss (2000), and the pre-trade estimate of
Almgren, Thum, Hauptmann and Li (2005).

The schedule minimises expected cost plus `aversion` times variance, with a temporary cost eta per
unit of speed and a permanent one g per unit traded. What is left after child j of N is

    x_j = X sinh(kappa (T - t_j)) / sinh(kappa T),   2 (cosh(kappa tau) - 1) / tau^2
        = aversion sigma^2 / (eta - g tau / 2)

Any consistent units serve: the paper counts shares, dollars and days. In ours `aversion` is
gamma / 2 per bp * M.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from infold.dealer import checks

PERMANENT: Final = 0.314
"""gamma of 2005, standard error 0.041."""
TEMPORARY: Final = 0.142
"""eta of 2005, standard error 0.0062."""
SPEED_EXPONENT: Final = 0.6
"""beta of 2005, standard error 0.038: three fifths, and not a square root."""
TURNOVER_EXPONENT: Final = 0.25
"""delta of 2005, 0.267 with standard error 0.22, rounded as in the paper."""

CHILDREN_MAX: Final = 1_000_000
"""More than a child a second for eleven days is a mistake in units."""


@dataclass(frozen=True, slots=True)
class Hyperbola:
    """What is left at t_0 ... t_N, `kappa` a unit of time, expected cost and its variance."""

    left: tuple[float, ...]
    kappa: float
    cost: float
    variance: float


def hyperbolic(
    size: float,
    horizon: float,
    children: int,
    volatility: float,
    temporary: float,
    permanent: float,
    aversion: float,
    spread: float = 0.0,
) -> Hyperbola:
    """The schedule for `children` equal steps; straight where `aversion` is zero.

    `spread` is the fixed cost a unit. `ValueError` where temporary - permanent tau / 2 is not above
    zero: the steps are then too long for this permanent impact.
    """
    checks.number("size", size, "")
    checks.positive("horizon", horizon, "")
    checks.count("children", children, 1)
    if children > CHILDREN_MAX:
        raise ValueError(f"children must be at most {CHILDREN_MAX}, not {children}")
    checks.not_negative("volatility", volatility, "")
    checks.positive("temporary", temporary, "")
    checks.not_negative("permanent", permanent, "")
    checks.not_negative("aversion", aversion, "")
    checks.not_negative("spread", spread, "")
    step = horizon / children
    net = temporary - 0.5 * permanent * step
    if net <= 0.0:
        raise ValueError(
            f"temporary must exceed permanent times half a step, {0.5 * permanent * step!r};"
            " take shorter steps"
        )
    kappa = math.acosh(1.0 + 0.5 * aversion * (volatility * step) ** 2 / net) / step
    left = tuple(_left(size, horizon, kappa, horizon - step * j) for j in range(children + 1))
    traded = [before - after for before, after in pairwise(left)]
    cost = 0.5 * permanent * size * size + spread * abs(size)
    cost += net / step * math.fsum(child * child for child in traded)
    variance = volatility**2 * step * math.fsum(one * one for one in left[1:])
    return Hyperbola(left, kappa, cost, variance)


def _left(size: float, horizon: float, kappa: float, to_go: float) -> float:
    """X sinh(kappa to_go) / sinh(kappa T), also where kappa is zero or kappa T overflows sinh."""
    if kappa * horizon < 1e-9:
        return size * to_go / horizon
    grown = -math.expm1(-2.0 * kappa * to_go) / -math.expm1(-2.0 * kappa * horizon)
    return size * math.exp(-kappa * (horizon - to_go)) * grown


@dataclass(frozen=True, slots=True)
class PreTrade:
    """Expected impact of a parent, in bp, positive against its owner."""

    permanent_bp: float
    realised_bp: float  # half of it and the temporary part: what the parent pays on average


def pre_trade(
    volume_share: float, volatility_bp: float, duration_day: float, shares_per_volume: float
) -> PreTrade:
    """Almgren and others 2005: I = gamma sigma s Theta'^(1/4), J = I/2 + eta sigma (s/T)^(3/5).

    `volume_share` is the parent over a day's volume (unsigned), `volatility_bp` a day's, and
    `shares_per_volume` shares outstanding over a day's volume. A perpetual has no shares: give open
    interest, or one.
    """
    checks.not_negative("volume_share", volume_share, "")
    checks.not_negative("volatility_bp", volatility_bp, "bp")
    checks.positive("duration_day", duration_day, "days")
    checks.positive("shares_per_volume", shares_per_volume, "")
    permanent = PERMANENT * volatility_bp * volume_share * shares_per_volume**TURNOVER_EXPONENT
    speed = (volume_share / duration_day) ** SPEED_EXPONENT
    return PreTrade(permanent, 0.5 * permanent + TEMPORARY * volatility_bp * speed)
