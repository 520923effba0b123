# SPDX-License-Identifier: Apache-2.0
"""What a forecast of volatility proposes for a market's margins and caps, inside declared bounds.

Maintenance margin covers the move until a liquidation is done: tail * sigma * sqrt(time), and a
jump. Initial margin is a multiple of it. The position cap is what the capital set aside for this
market survives over a day at the same tail, and never more than the depth outside allows. Margins
rise at once and fall slowly, because the calm before a move is when a forecast is lowest.

A proposal changes nothing: whoever governs decides, and the contracts hold their own bounds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from infold.dealer.params import BP_PER_ONE, DAY_S
from infold.dealer.volatility.returns import one_above_zero

E6_PER_BP: Final = 100
E6_ONE: Final = 10**6


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginBounds:
    """Least and largest values a proposal may take: fractions of notional in 1e-6, caps in M.

    `fall_e6_max` is how far initial margin may fall in one proposal.
    """

    initial_e6: tuple[int, int] = (20_000, 500_000)
    maintenance_e6: tuple[int, int] = (10_000, 300_000)
    position_cap_m: tuple[float, float] = (0.01, 1_000.0)
    fall_e6_max: int = 5_000

    def __post_init__(self) -> None:
        for name, unit in (
            ("initial_e6", "1e-6 of notional"),
            ("maintenance_e6", "1e-6 of notional"),
            ("position_cap_m", "M"),
        ):
            pair = getattr(self, name)
            if len(pair) != 2:
                raise ValueError(f"{name} ({unit}) must be two figures, not {pair!r}")
            low, high = pair
            if not 0 < low <= high < math.inf:
                raise ValueError(f"{name} ({unit}) must run from above zero upward: {low}..{high}")
        if self.initial_e6[1] > E6_ONE:
            raise ValueError("initial_e6 (1e-6 of notional) must not exceed the whole notional")
        for place in (0, 1):
            if self.maintenance_e6[place] > self.initial_e6[place]:
                raise ValueError("maintenance_e6 (1e-6 of notional) must not exceed initial_e6")
        if self.fall_e6_max < 1:
            raise ValueError("fall_e6_max (1e-6 of notional) must be at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class MarginRule:
    """How a forecast becomes figures.

    `tail` in standard deviations; `liquidation_s` until a liquidation is done; `jump_bp` is added
    whatever the forecast; `initial_over_maintenance` a ratio; `capital_m` what the market may lose
    in a day, M; `depth_m` how much the outside takes in an hour, M.
    """

    tail: float = 6.0
    liquidation_s: float = 900.0
    jump_bp: float = 100.0
    initial_over_maintenance: float = 5.0 / 3.0
    capital_m: float = 1.0
    depth_m: float = 100.0

    def __post_init__(self) -> None:
        for name, unit in (
            ("tail", "standard deviations"),
            ("liquidation_s", "seconds"),
            ("jump_bp", "bp"),
            ("capital_m", "M"),
            ("depth_m", "M"),
        ):
            one_above_zero(name, getattr(self, name), unit)
        if not 1.0 <= self.initial_over_maintenance < math.inf:
            raise ValueError("initial_over_maintenance (a ratio) must be at least 1")

    def stress_bp(self, volatility_bp: float) -> float:
        """The move over a day that the capital must survive, at a volatility per root day."""
        return self.tail * volatility_bp + self.jump_bp


@dataclass(frozen=True, slots=True)
class MarginProposal:
    """Fractions in 1e-6 of notional, rounded up; the cap in M; `bound_by` names what cut it."""

    initial_e6: int
    maintenance_e6: int
    position_cap_m: float
    bound_by: tuple[str, ...]


def propose_margins(
    volatility_bp: float,
    bounds: MarginBounds,
    rule: MarginRule,
    standing: MarginProposal | None = None,
) -> MarginProposal:
    """Margins and cap for a forecast (bp per root day); `standing` is what holds now.

    Never lower for a higher forecast, never outside the bounds.
    """
    one_above_zero("volatility_bp", volatility_bp, "bp per square root of a day")
    cut: list[str] = []
    move_bp = rule.tail * volatility_bp * math.sqrt(rule.liquidation_s / DAY_S) + rule.jump_bp
    maintenance = _cut("maintenance_e6", _e6(move_bp), bounds.maintenance_e6, cut)
    initial = _cut(
        "initial_e6", _e6(move_bp * rule.initial_over_maintenance), bounds.initial_e6, cut
    )
    if standing is not None and initial < standing.initial_e6 - bounds.fall_e6_max:
        initial = min(standing.initial_e6 - bounds.fall_e6_max, bounds.initial_e6[1])
        maintenance = max(maintenance, math.ceil(initial / rule.initial_over_maintenance))
        maintenance = min(maintenance, bounds.maintenance_e6[1])
        cut.append("fall_e6_max")
    wanted_m = min(rule.capital_m * BP_PER_ONE / rule.stress_bp(volatility_bp), rule.depth_m)
    low_m, high_m = bounds.position_cap_m
    cap_m = min(max(wanted_m, low_m), high_m)
    if cap_m != wanted_m:
        cut.append("position_cap_m")
    return MarginProposal(initial, maintenance, cap_m, tuple(cut))


def _e6(share_bp: float) -> int:
    return math.ceil(min(share_bp, BP_PER_ONE) * E6_PER_BP)


def _cut(name: str, value: int, bounds: tuple[int, int], cut: list[str]) -> int:
    low, high = bounds
    if low <= value <= high:
        return value
    cut.append(name)
    return min(max(value, low), high)
