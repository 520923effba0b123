# SPDX-License-Identifier: Apache-2.0
"""Capital and where it lies: what may be hedged at most where, and which leg can die alone.

A hedged book is flat in delta and not in cash. Our client leg is margined on chain, the hedge at
its venue; a move that one leg loses the other gains, but the gain is in another place and a
transfer takes time, or is halted. A leg whose equity does not outlast the moves of that time can be
liquidated while the book as a whole has lost nothing. Money in M of quote; moves in bp, so that a
position of p M loses p * move / 1e4 M.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from infold.dealer import checks
from infold.dealer.params import BP_PER_ONE, DAY_S

ROUNDING: Final = 1e-6
"""Of a position: less room than this beyond closing it is none."""


@dataclass(frozen=True, slots=True)
class Leg:
    """One place with money and a position: the chain, or a venue.

    `position_m` is signed notional, `equity_m` cash with the position's profit in it; margins are
    shares of notional. `transfer_s` is how long money takes to arrive there, `halted` whether money
    may not leave. `incoming_m` is on its way and counts for nothing until it is there.
    """

    name: str
    equity_m: float
    position_m: float
    initial_margin: float
    maintenance_margin: float
    transfer_s: float
    halted: bool = False
    incoming_m: float = 0.0

    def __post_init__(self) -> None:
        checks.number("equity_m", self.equity_m, "M")
        checks.number("position_m", self.position_m, "M")
        for name, value in (
            ("initial_margin", self.initial_margin),
            ("maintenance_margin", self.maintenance_margin),
        ):
            if not 0.0 < value <= 1.0:
                raise ValueError(
                    f"{name} must be a share of notional above 0 and at most 1, not {value!r}"
                )
        if self.maintenance_margin > self.initial_margin:
            raise ValueError(
                f"maintenance_margin must not exceed initial_margin {self.initial_margin!r}, not"
                f" {self.maintenance_margin!r}"
            )
        checks.not_negative("transfer_s", self.transfer_s, "s")
        checks.not_negative("incoming_m", self.incoming_m, "M")


@dataclass(frozen=True, slots=True)
class Prudence:
    """How careful: the stress move, how many deviations a transfer must outlast, and how much of
    all capital may lie at one venue, since it may keep it.
    """

    volatility_bp: float  # per root day
    stress_bp: float
    deviations: float = 4.0
    venue_share_max: float = 0.25

    def __post_init__(self) -> None:
        checks.positive("volatility_bp", self.volatility_bp, "bp")
        checks.positive("stress_bp", self.stress_bp, "bp")
        checks.positive("deviations", self.deviations, "standard deviations")
        checks.share("venue_share_max", self.venue_share_max)


@dataclass(frozen=True, slots=True)
class Danger:
    """A leg that a move can liquidate before help arrives.

    `distance_bp` is the adverse move it survives (zero if none), `reach_bp` the one that must be
    expected until a transfer is there, `top_up_m` what sending now would make it survive.
    `flat` says that the book as a whole would not lose by it: one leg dies alone.
    """

    leg: str
    distance_bp: float
    reach_bp: float
    top_up_m: float
    flat: bool


@dataclass(frozen=True, slots=True)
class Transfer:
    """Money to send, in M of quote."""

    source: str
    target: str
    amount_m: float


def distance_bp(leg: Leg) -> float:
    """The adverse move that takes a leg's equity to its maintenance margin; infinite without one.

    After an adverse move of m the notional of a short has grown and that of a long has shrunk:
    equity - |p| m = maintenance |p| (1 -+ m). Zero where it is there already.
    """
    size = abs(leg.position_m)
    if size == 0.0:
        return math.inf
    spare = leg.equity_m - leg.maintenance_margin * size
    if spare <= 0.0:
        return 0.0
    grows = leg.maintenance_margin if leg.position_m < 0.0 else -leg.maintenance_margin
    slope = 1.0 + grows
    return BP_PER_ONE * spare / (size * slope) if slope > 0.0 else math.inf


def reach_bp(leg: Leg, prudence: Prudence) -> float:
    """The adverse move to expect while a transfer to the leg is under way; the stress at most.

    Diffusive time plus nothing for jumps: the stress move stands for those and is the cap.
    """
    moved = prudence.deviations * prudence.volatility_bp * math.sqrt(leg.transfer_s / DAY_S)
    return min(moved, prudence.stress_bp)


def required_m(leg: Leg, position_m: float, move_bp: float) -> float:
    """Equity with which a position survives an adverse move at maintenance margin."""
    checks.number("position_m", position_m, "M")
    checks.not_negative("move_bp", move_bp, "bp")
    size = abs(position_m)
    grows = leg.maintenance_margin if position_m < 0.0 else -leg.maintenance_margin
    fraction = leg.maintenance_margin + move_bp / BP_PER_ONE * (1.0 + grows)
    return size * max(fraction, leg.maintenance_margin)


def dangers(legs: Sequence[Leg], prudence: Prudence) -> list[Danger]:
    """Every leg that may be liquidated before a transfer reaches it, the nearest first.

    A flat book counts as flat when its net position is at most a hundredth of its gross one.
    """
    gross = math.fsum(abs(leg.position_m) for leg in legs)
    net = math.fsum(leg.position_m for leg in legs)
    flat = gross > 0.0 and abs(net) <= 0.01 * gross
    found = []
    for leg in legs:
        reach = reach_bp(leg, prudence)
        distance = distance_bp(leg)
        if distance < reach:
            missing = required_m(leg, leg.position_m, reach) - leg.equity_m - leg.incoming_m
            found.append(Danger(leg.name, distance, reach, max(missing, 0.0), flat))
    return sorted(found, key=lambda danger: (danger.distance_bp, danger.leg))


def hedge_capacity_m(leg: Leg, side: int, legs: Sequence[Leg], prudence: Prudence) -> float:
    """How much more may be bought (side 1) or sold (-1) at a venue, in M of notional.

    The least of: initial margin on what it has, survival of the moves until help arrives (of the
    whole stress where withdrawals elsewhere are halted and no help can come), and the share of all
    capital the venue may lose. Reducing the position there is always allowed, whole; with money
    halted at the venue nothing else is. `ValueError` for another side.
    """
    if side not in (-1, 1):
        raise ValueError(f"side must be 1 for a buy or -1 for a sale, not {side!r}")
    reducing = max(-side * leg.position_m, 0.0)
    if leg.halted:
        return reducing
    capital = math.fsum(other.equity_m for other in legs)
    rescuers = [other for other in legs if other.name != leg.name and not other.halted]
    move = reach_bp(leg, prudence) if rescuers else prudence.stress_bp
    usable = min(leg.equity_m, prudence.venue_share_max * max(capital, 0.0))
    if usable <= 0.0:
        return reducing
    # A short grows with an adverse move: judge the side the position would be on.
    fraction = max(leg.initial_margin, required_m(leg, float(side), move))
    room = usable / fraction - side * leg.position_m
    # Beside a large position, room this small is rounding and nothing that survives.
    return room if room - reducing > ROUNDING * abs(leg.position_m) else reducing


def transfers(legs: Sequence[Leg], prudence: Prudence) -> list[Transfer]:
    """What to send where so that endangered legs outlast a transfer, the nearest death first.

    Money comes from the legs that can spare most above what they need themselves, never from a
    halted one. What is missing everywhere is not sent: reduce the position instead.
    """
    spare = {leg.name: leg.equity_m - _own_need_m(leg, prudence) for leg in legs if not leg.halted}
    found = []
    for danger in dangers(legs, prudence):
        missing = danger.top_up_m
        sources = sorted(spare, key=lambda name: (-spare[name], name))
        for source in sources:
            amount = min(missing, spare[source])
            if source != danger.leg and amount > 0.0:
                found.append(Transfer(source, danger.leg, amount))
                spare[source] -= amount
                missing -= amount
    return found


def _own_need_m(leg: Leg, prudence: Prudence) -> float:
    size = abs(leg.position_m)
    need = max(leg.initial_margin * size, required_m(leg, leg.position_m, reach_bp(leg, prudence)))
    # A hair more, of equity too: rounding must not endanger whoever gave to the last.
    return need + 1e-9 * (need + max(leg.equity_m, 0.0)) if size else need
