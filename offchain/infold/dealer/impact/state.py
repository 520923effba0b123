# SPDX-License-Identifier: Apache-2.0
"""The impact state: what our own trades have moved and how much of it is still there.

Three parts that decay on scales of 10 s, 3 min and 1 h, linear in size, each pushed by

    x_i' = -x_i / tau_i + k_i(t) v,   k_i(t) = k0_i (sigma / sigma0) (depth0 / depth) (1 + c liq)

(Obizhaeva and Wang 2013 with several scales; the slope follows one over depth as in Cont, Kukanov
and Stoikov 2014). A k that falls faster than impact fades would pay for buying when the book is
thin and selling when it is full again: the cost of a schedule is a sum of squares if and only if
k_i(t) e^(2 t / tau_i) never falls (Fruth, Schoneborn and Urusov 2014, for one scale; parts add up).
So each part keeps its multiplier and lets it fall no faster than that. The lasting part, which
never fades, has a constant one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import msgspec

from infold.dealer import checks
from infold.dealer.params import DAY_S

DECAYS_S: Final = (10.0, 180.0, 3_600.0)
MULTIPLIER_MAX: Final = 1e6
"""No market is a million times thinner than the calibrated one: a figure beyond is a fault."""


class ImpactParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Impact of one market at calibrated volatility and depth. `ValueError` names what fails."""

    gains_bp_per_m: tuple[float, float, float]  # k0, for the scales below
    decays_s: tuple[float, float, float] = DECAYS_S
    permanent_bp_per_m: float = 0.0
    volatility_bp: float  # sigma0, per square root of a day
    depth_m: float  # depth0, inside the distance it was calibrated with
    crowding: float = 0.0  # c: what one unit of liquidation intensity adds to k

    def __post_init__(self) -> None:
        for index, (gain, decay_s) in enumerate(
            zip(self.gains_bp_per_m, self.decays_s, strict=True)
        ):
            checks.not_negative(f"gains_bp_per_m[{index}]", gain, "bp per M")
            checks.positive(f"decays_s[{index}]", decay_s, "s")
        checks.not_negative("permanent_bp_per_m", self.permanent_bp_per_m, "bp per M")
        checks.positive("volatility_bp", self.volatility_bp, "bp per root day")
        checks.positive("depth_m", self.depth_m, "M")
        checks.not_negative("crowding", self.crowding, "per unit of liquidation intensity")

    @property
    def rates_per_day(self) -> tuple[float, float, float]:
        """1 / tau."""
        fast, middle, slow = self.decays_s
        return DAY_S / fast, DAY_S / middle, DAY_S / slow

    @property
    def permanent_share(self) -> float:
        """How much of an immediate move lasts, in 0..1; zero for a market without impact."""
        immediate = math.fsum(self.gains_bp_per_m) + self.permanent_bp_per_m
        return self.permanent_bp_per_m / immediate if immediate > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the market is like now. `ValueError` names what makes no sense."""

    volatility_bp: float  # per square root of a day
    depth_m: float
    liquidations: float = 0.0  # intensity, in the unit of the calibration

    def __post_init__(self) -> None:
        checks.positive("volatility_bp", self.volatility_bp, "bp per root day")
        checks.positive("depth_m", self.depth_m, "M")
        checks.not_negative("liquidations", self.liquidations, "intensity")


@dataclass(frozen=True, slots=True)
class ImpactState:
    """Bp the price stands away from where it would be without our trades, and what impact costs now
    in multiples of the calibrated k0 (zero: no trade yet).
    """

    parts_bp: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lasting_bp: float = 0.0
    multipliers: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def bp(self) -> float:
        """All of it."""
        return math.fsum((*self.parts_bp, self.lasting_bp))


def multiplier(parameters: ImpactParameters, now: Conditions) -> float:
    """k(t) over k0: volatility over its calibrated value, calibrated depth over depth, crowding.
    `ValueError` beyond what is believable.
    """
    found = (
        (now.volatility_bp / parameters.volatility_bp)
        * (parameters.depth_m / now.depth_m)
        * (1.0 + parameters.crowding * now.liquidations)
    )
    if not found <= MULTIPLIER_MAX:
        raise ValueError(
            f"volatility_bp {now.volatility_bp!r} (bp per root day), depth_m {now.depth_m!r} (M)"
            f" and liquidations {now.liquidations!r} make impact {found:.3g} times the calibrated"
            f" one; at most {MULTIPLIER_MAX:.0g} times is believable"
        )
    return found


def rested(parameters: ImpactParameters, state: ImpactState, days: float) -> ImpactState:
    """The state after so many days without a trade of ours."""
    checks.not_negative("days", days, "days")
    fades = [math.exp(-rate * days) for rate in parameters.rates_per_day]
    fast, middle, slow = (part * fade for part, fade in zip(state.parts_bp, fades, strict=True))
    fast_k, middle_k, slow_k = (
        kept * fade**2 for kept, fade in zip(state.multipliers, fades, strict=True)
    )
    return ImpactState((fast, middle, slow), state.lasting_bp, (fast_k, middle_k, slow_k))


def pushed(
    parameters: ImpactParameters, state: ImpactState, size_m: float, now: Conditions
) -> ImpactState:
    """The state after buying `size_m` (selling, below zero) at once."""
    checks.number("size_m", size_m, "M")
    asked = multiplier(parameters, now)
    fast_k, middle_k, slow_k = (max(asked, kept) for kept in state.multipliers)
    fast, middle, slow = (
        part + gain * scale * size_m
        for part, gain, scale in zip(
            state.parts_bp, parameters.gains_bp_per_m, (fast_k, middle_k, slow_k), strict=True
        )
    )
    lasting = state.lasting_bp + parameters.permanent_bp_per_m * size_m
    return ImpactState((fast, middle, slow), lasting, (fast_k, middle_k, slow_k))


def block_cost_bp_m(before: ImpactState, after: ImpactState, size_m: float) -> float:
    """Bp * M that a block costs beyond the price without us: it walks the book from the one state
    to the other and pays their mean. `ValueError` for a size that is no number.
    """
    if not math.isfinite(size_m):
        raise ValueError(f"size_m must be a number of M, not {size_m!r}")
    return 0.5 * (before.bp + after.bp) * size_m


def response_bp(
    parameters: ImpactParameters, size_m: float, lag_day: float, now: Conditions
) -> float:
    """Where the price stands, for our buying `size_m` now, after a lag: immediate at zero."""
    return rested(parameters, pushed(parameters, ImpactState(), size_m, now), lag_day).bp


def signal_bp(parameters: ImpactParameters, state: ImpactState, relaxation_per_day: float) -> float:
    """What of the state the quotes and the hedge lean against: sum of B_i x_i.

    B_i = beta_i / (beta_i + omega) (Barzykin 2026, equation 17, a part at a time: while inventory
    works off at omega, a part fading at beta gives back that share). The lasting part gives nothing
    back. The reservation price moves by minus this.
    """
    checks.positive("relaxation_per_day", relaxation_per_day, "per day")
    return math.fsum(
        part * rate / (rate + relaxation_per_day)
        for part, rate in zip(state.parts_bp, parameters.rates_per_day, strict=True)
    )


def kept_bp_per_m(parameters: ImpactParameters, relaxation_per_day: float) -> float:
    """Sum of k_i (1 - B_i) and the lasting part: how much a M hedged helps what is still held
    (equation 19, a part at a time).
    """
    checks.positive("relaxation_per_day", relaxation_per_day, "per day")
    return parameters.permanent_bp_per_m + math.fsum(
        gain * relaxation_per_day / (rate + relaxation_per_day)
        for gain, rate in zip(parameters.gains_bp_per_m, parameters.rates_per_day, strict=True)
    )
