# SPDX-License-Identifier: Apache-2.0
"""How long inventory is held when nothing is hedged, and how much of it there is.

With the ladder's skew inventory is close to an Ornstein-Uhlenbeck process: fills are one-sided by
omega_eff q a day and arrive with variance sum D^2 l over both sides, so

    omega_eff = -4 sum_n D_n l_n'(d_n) A0 / c,      s^2 = sum_n D_n^2 l_n(d_n) / omega_eff

and Little's law gives the internalization horizon of Butz and Oomen (2019) in closed form: every M
of client volume enters inventory or takes one out, half of it each, so the mean time an M is held
is E|q| over half the client volume, first in, first out.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from infold.dealer import checks
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms


@dataclass(frozen=True, slots=True)
class Holding:
    """Stationary inventory under the ladder's skew alone."""

    relaxation_per_day: float
    deviation_m: float
    mean_m: float  # E|q|
    volume_m_per_day: float  # of both sides
    horizon_day: float  # how long an M is held on average

    @property
    def half_life_day(self) -> float:
        """How long skew takes to halve an inventory."""
        return math.log(2.0) / self.relaxation_per_day


def holding(parameters: DealerParameters, volatility_bp: float | None = None) -> Holding:
    """From the ladder's own quotes at q = 0, each size at its markup d_n."""
    forms = closed_forms(parameters, volatility_bp)
    unit = forms.risk_bp_per_m / forms.concavity
    slope, variance, volume = 0.0, 0.0, 0.0
    for size, requests in zip(parameters.sizes_m, parameters.requests_per_day, strict=True):
        markup = forms.markup_bp + unit * size
        share = 1.0 / (
            1.0 + math.exp(parameters.demand_shift + parameters.demand_slope_per_bp * markup)
        )
        rate = requests * share
        slope += size * parameters.demand_slope_per_bp * rate * (1.0 - share)
        variance += size * size * rate
        volume += 2.0 * size * rate
    relaxation = 4.0 * slope * unit
    deviation = math.sqrt(variance / relaxation)
    mean = math.sqrt(2.0 / math.pi) * deviation
    return Holding(relaxation, deviation, mean, volume, littles_day(mean, volume))


def littles_day(mean_m: float, volume_m_per_day: float) -> float:
    """Little's law: the mean time an M is held, from E|q| and client volume of both sides."""
    checks.not_negative("mean_m", mean_m, "M")
    checks.positive("volume_m_per_day", volume_m_per_day, "M a day")
    return mean_m / (0.5 * volume_m_per_day)


@dataclass(frozen=True, slots=True)
class Held:
    """What a record of fills shows: mean time an M was held, over the M that came and went."""

    mean_day: float  # NaN if nothing was ever closed
    closed_m: float
    open_m: float  # still there at the end, signed


def held(times_day: Sequence[float], fills_m: Sequence[float]) -> Held:
    """First in, first out over signed fills in order of time.

    `ValueError` if times fall, or a figure is no number.
    """
    lots: deque[tuple[float, float]] = deque()  # when, how much; all of one sign
    waited, closed, before = 0.0, 0.0, -math.inf
    for time, fill in zip(times_day, fills_m, strict=True):
        if not time >= before:
            raise ValueError(f"times_day must not fall: {time!r} after {before!r}")
        before, left = time, checks.number("fills_m", fill, "M")
        while left and lots and lots[0][1] * left < 0.0:
            since, amount = lots[0]
            gone = min(abs(amount), abs(left))
            waited += gone * (time - since)
            closed += gone
            left -= math.copysign(gone, left)
            if gone == abs(amount):
                lots.popleft()
            else:
                lots[0] = (since, amount - math.copysign(gone, amount))
        if left:
            lots.append((time, left))
    mean = waited / closed if closed else math.nan
    return Held(mean, closed, math.fsum(amount for _, amount in lots))
