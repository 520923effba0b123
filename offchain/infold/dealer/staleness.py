# SPDX-License-Identifier: Apache-2.0
"""What a quote loses by being old, and the least half-spread that pays for it.

A curve is committed around an oracle price and printed later. Whoever knows the price by then
trades until the curve's marginal price meets it: with slope 1 bp a M, half-spread h and mispricing
m, for (|m| - h)+^2 / 2. Three ways of how m comes about, told as loss a print in bp^2, with s the
price's standard deviation between prints:

    POISSON   the curve stays where it was traded to, prints at random times:
              (s^2 / 2) / (1 + sqrt(2) h / s)   Milionis, Moallemi and Roughgarden (2305.14604)
    BLOCKS    the same, prints at fixed intervals:
              (s^2 / 2) / (1 + 1.7164 h / s)    Nezlobin and Tassy (2505.05113)
    ORACLE    the curve is put around the oracle's price again for every print, as ours is:
              (s^2 + h^2) Q(h / s) - h s f(h / s), Q and f the normal tail and density

The first two are an automated market maker's. They are never below the third, since mispricing
inside the spread is carried on there and forgotten here. The second is told in the width 2 h where
others print it (docs/decisions/0060). Jumps of normal size come on top. Units: bp, bp per root day,
bp per M; intervals in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import Final

from scipy.optimize import brentq

from infold.dealer import checks
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import DAY_S

OVERSHOOT: Final = 0.5825971579390107
"""By how much a normal random walk passes a far barrier, in its steps: -zeta(1/2) / sqrt(2 pi)."""
STEPS: Final = 400
"""Points at which the break-even is looked for before it is pinned down."""
SHARE_MIN: Final = 1e-4
"""A half-spread that fewer of the requests would pay is no quote: nothing is looked for beyond."""
JUMPS_MAX: Final = 40
"""Most jumps between two prints that are summed; more are beyond any sensible figure."""


class Refresh(Enum):
    """How mispricing comes about: see the module."""

    POISSON = "poisson"
    BLOCKS = "blocks"
    ORACLE = "oracle"


@dataclass(frozen=True, slots=True)
class Staleness:
    """How old a quote is when it prints, and what the price does meanwhile."""

    interval_s: float
    lag_s: float  # of the oracle, and of committing before the close
    volatility_bp: float  # per root day
    jumps_per_day: float = 0.0
    jump_bp: float = 0.0  # standard deviation of one

    def __post_init__(self) -> None:
        checks.positive("interval_s", self.interval_s, "s")
        checks.not_negative("lag_s", self.lag_s, "s")
        checks.positive("volatility_bp", self.volatility_bp, "bp per root day")
        checks.not_negative("jumps_per_day", self.jumps_per_day, "per day")
        checks.not_negative("jump_bp", self.jump_bp, "bp")
        if self.jumps > JUMPS_MAX / 4:
            raise ValueError(
                f"jumps_per_day {self.jumps_per_day!r} makes {self.jumps:.3g} jumps a print; at"
                f" most {JUMPS_MAX // 4} are summed: call them volatility"
            )

    @property
    def exposed_day(self) -> float:
        """For how long the price moves away from a quote."""
        return (self.interval_s + self.lag_s) / DAY_S

    @property
    def spread_bp(self) -> float:
        """Standard deviation of the price's diffusion in that time."""
        return self.volatility_bp * math.sqrt(self.exposed_day)

    @property
    def jumps(self) -> float:
        """Expected jumps in that time."""
        return self.jumps_per_day * self.exposed_day

    @property
    def prints_per_day(self) -> float:
        """Batches a day."""
        return DAY_S / self.interval_s


def loss_bp2(staleness: Staleness, half_spread_bp: float, refresh: Refresh) -> float:
    """Expected loss a print of a curve with slope 1 bp a M: divide by the slope for bp * M."""
    checks.not_negative("half_spread_bp", half_spread_bp, "bp")
    spread, jumps = staleness.spread_bp, staleness.jumps
    if refresh is Refresh.ORACLE:
        weight, total = math.exp(-jumps), 0.0
        for count in range(JUMPS_MAX):
            deviation = math.hypot(spread, math.sqrt(count) * staleness.jump_bp)
            total += weight * _second_moment(deviation, half_spread_bp)
            weight *= jumps / (count + 1)
            if weight == 0.0:
                break
        return total
    ratio = half_spread_bp / spread
    passed = math.sqrt(0.5) if refresh is Refresh.POISSON else OVERSHOOT
    kept = 0.5 / (1.0 + ratio / passed)
    lost, stayed = _carried_jump(staleness.jump_bp, half_spread_bp)
    return kept * (spread**2 + jumps * stayed) + jumps * lost


def stale_loss_bp_m_per_day(
    staleness: Staleness,
    half_spread_bp: float,
    slope_bp_per_m: float,
    offer_m_max: float = math.inf,
    refresh: Refresh = Refresh.ORACLE,
) -> float:
    """What the informed take in a day if one is there at every print.

    Of an offer that ends at `offer_m_max` they cannot take the part beyond: the loss of a curve
    whose half-spread begins there.
    """
    checks.positive("slope_bp_per_m", slope_bp_per_m, "bp per M")
    lost = loss_bp2(staleness, half_spread_bp, refresh)
    if offer_m_max != math.inf:
        checks.positive("offer_m_max", offer_m_max, "M")
        beyond_bp = half_spread_bp + slope_bp_per_m * offer_m_max
        lost -= loss_bp2(staleness, beyond_bp, refresh)
    return staleness.prints_per_day * lost / slope_bp_per_m


def half_spread_min_bp(
    parameters: DealerParameters,
    staleness: Staleness,
    slope_bp_per_m: float,
    informed_share: float = 1.0,
    refresh: Refresh = Refresh.ORACLE,
) -> float:
    """The least half-spread at which clients pay for what the informed take; infinite if none does.

    Clients are those of the parameters, at one markup for all sizes; somebody informed is there at
    this share of the prints. Zero where there is nobody. `ValueError` unless the share lies in
    0..1.
    """
    if not 0.0 <= informed_share <= 1.0:
        raise ValueError(f"informed_share must lie in 0..1, not {informed_share!r}")
    if informed_share == 0.0:
        return 0.0

    def kept(half_spread_bp: float) -> float:
        lost = stale_loss_bp_m_per_day(
            staleness, half_spread_bp, slope_bp_per_m, parameters.offer_m_max, refresh
        )
        return income_bp_m_per_day(parameters, half_spread_bp) - informed_share * lost

    reach = math.log(1.0 / SHARE_MIN - 1.0) - parameters.demand_shift
    widest = max(reach, 0.0) / parameters.demand_slope_per_bp
    below = 0.0
    for step in range(1, STEPS + 1):
        # Squared: most of what matters is near zero.
        above = widest * (step / STEPS) ** 2
        if kept(above) >= 0.0:
            return float(brentq(kept, below, above, xtol=1e-12))
        below = above
    return math.inf


def income_bp_m_per_day(parameters: DealerParameters, half_spread_bp: float) -> float:
    """What clients pay in a day, both sides, at one markup for all sizes."""
    checks.not_negative("half_spread_bp", half_spread_bp, "bp")
    odds = parameters.demand_shift + parameters.demand_slope_per_bp * half_spread_bp
    traded = 0.0 if odds > 700.0 else 1.0 / (1.0 + math.exp(odds))
    ladder = zip(parameters.sizes_m, parameters.requests_per_day, strict=True)
    return 2.0 * half_spread_bp * traded * sum(size * rate for size, rate in ladder)


def sniped_bp_per_day(
    staleness: Staleness, half_spread_bp: float, latency_s: float, batched: bool
) -> float:
    """What jumps take from each M quoted, if snipers are `latency_s` faster than we withdraw.

    On a continuous book every jump beyond the half-spread, E(|J| - h)+ of it; in batches only those
    that fall into the last `latency_s` of an interval (Budish, Cramton and Shim 2015).
    """
    checks.not_negative("half_spread_bp", half_spread_bp, "bp")
    checks.not_negative("latency_s", latency_s, "s")
    share = min(1.0, latency_s / staleness.interval_s) if batched else 1.0
    jump = staleness.jump_bp
    if jump == 0.0:
        return 0.0
    far = half_spread_bp / jump
    taken = 2.0 * jump * (_density(far) - far * _tail(far))
    return staleness.jumps_per_day * share * taken


# -- moments of a normal ---------------------------------------------------------------------------


def _density(at: float) -> float:
    return math.exp(-0.5 * at * at) / math.sqrt(2.0 * math.pi)


def _tail(at: float) -> float:
    return 0.5 * math.erfc(at / math.sqrt(2.0))


def _second_moment(deviation: float, beyond: float) -> float:
    """E(|m| - beyond)+^2 / 2."""
    far = beyond / deviation
    moment = deviation**2 * ((1.0 + far * far) * _tail(far) - far * _density(far))
    # The difference cancels in the far tail, where the moment is nothing.
    return max(moment, 0.0)


def _third_moment(deviation: float, beyond: float) -> float:
    """E(m - beyond)+^3."""
    far = beyond / deviation
    moment = (far * far + 2.0) * _density(far) - far * (far * far + 3.0) * _tail(far)
    return max(deviation**3 * moment, 0.0)


def _carried_jump(jump_bp: float, half_spread_bp: float) -> tuple[float, float]:
    """What a jump from z takes at once, and the variance it leaves inside the spread.

    z is taken uniform in -h..h, which falls 5 % short where the spread is several s wide. With
    e = (|z + J| - h)+ taken the first is E e^2 / 2; of the jump's variance 2 h e + e^2 leaves with
    it, and the rest leaves as any diffusion does.
    """
    if jump_bp == 0.0:
        return 0.0, 0.0
    if half_spread_bp < 1e-6 * jump_bp:
        return 0.5 * jump_bp**2, 0.0
    width = 2.0 * half_spread_bp
    lost = (_third_moment(jump_bp, 0.0) - _third_moment(jump_bp, width)) / (3.0 * width)
    pushed = _second_moment(jump_bp, 0.0) - _second_moment(jump_bp, width)
    return lost, jump_bp**2 - pushed - 2.0 * lost
