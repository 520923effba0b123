# SPDX-License-Identifier: Apache-2.0
"""What capital allows a dealer: four rules in plain numbers, one for the crash loop and the desk.

what may be held   room = capital set aside / (stress * highest price): a position survives its
                   stress. zone = min(room, risk set aside / a move of some deviations)
how much is        growing little by little up to the zone, next to nothing from there to the room
offered            and nothing beyond; what reduces, whole
at which prices    the half-spread by the price's own movement over the quote's age, and no quote
                   further from the price than some multiples of calm
what goes outside  the excess over the zone, at any cost, within `excess_s`

The price is the day's highest, so that no fall makes room for more. Units: size M of quote at a
level of one, levels over that, capital bp * M, volatility bp per root day, spreads bp.
"""

from __future__ import annotations

import math

import msgspec

from infold.dealer import checks
from infold.dealer.compiled import shared
from infold.dealer.params import BP_PER_ONE, DAY_S


class CapitalRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The guard's numbers. Chosen by simulated crashes on seeds that score nothing (decision 0075).

    `ValueError` names the one that makes no sense.
    """

    stress: float = 1.0  # share of the price a position must survive the loss of
    capital_share: float = 0.75
    risk_share: float = 0.0075
    deviations: float = 4.0
    reaction_s: float = 1_800.0
    growth: float = 0.5  # share of what is left of the zone offered a batch, in calm
    offer_least_m: float = 0.002
    staleness: float = 0.3  # half-spread over the price's standard move while the quote is out
    spread_times_max: float = 10.0
    excess_s: float = 60.0  # time in which an excess over the zone is traded outside

    def __post_init__(self) -> None:
        for name, unit in (
            ("stress", "of the price"),
            ("risk_share", "of equity"),
            ("deviations", "no unit"),
            ("reaction_s", "seconds"),
            ("offer_least_m", "M"),
            ("excess_s", "seconds"),
        ):
            checks.positive(name, getattr(self, name), unit)
        checks.share("capital_share", self.capital_share)
        checks.not_negative("staleness", self.staleness, "no unit")
        if not 0.0 < checks.number("growth", self.growth, "of what is left of the zone") <= 1.0:
            raise ValueError(f"growth must be a share above 0 and at most 1, not {self.growth!r}")
        checks.number("spread_times_max", self.spread_times_max, "of the calm half-spread")
        if not self.spread_times_max >= 1.0:
            raise ValueError(
                "spread_times_max must be at least 1 (of the calm half-spread), not"
                f" {self.spread_times_max!r}"
            )


@shared
def room_m(set_aside_bp_m: float, stress: float, peak: float) -> float:
    """The position whose stress takes what is set aside; `stress`, above zero, is of the price."""
    return set_aside_bp_m / (stress * BP_PER_ONE * peak)


@shared
def move_bp(deviations: float, volatility_bp: float, reaction_s: float, peak: float) -> float:
    """How far the price may go, against us, before anything can be done."""
    return deviations * volatility_bp * math.sqrt(reaction_s / DAY_S) * peak


@shared
def offered_m(
    held_m: float, room_m: float, zone_m: float, offer_m: float, least_m: float, growth: float
) -> tuple[float, float]:
    """How much is bought and sold at most (bid, ask), before what reduces is offered whole.

    `offer_m` is the most of any batch and `growth` the share of what is left of the zone.
    """
    bid = max(min(offer_m, growth * (zone_m - held_m)), least_m)
    ask = max(min(offer_m, growth * (zone_m + held_m)), least_m)
    bid = min(bid, max(room_m - held_m, 0.0))
    ask = min(ask, max(room_m + held_m, 0.0))
    return bid, ask


@shared
def half_spread_bp(
    calm_bp: float, staleness: float, volatility_bp: float, age_s: float, times_max: float
) -> float:
    """`staleness` of the price's standard move while the quote is out, from calm to `times_max` of
    it.
    """
    standard_bp = volatility_bp * math.sqrt(age_s / DAY_S)
    return min(max(calm_bp, staleness * standard_bp), times_max * calm_bp)


@shared
def reach_bp(calm_bp: float, half_bp: float, own_side_bp: float, times_max: float) -> float:
    """How far the middle of the two quotes may lie from the price, so that they stay within
    `times_max` of the calm spread, where one of them is kept `own_side_bp` on its own side.
    """
    return max(2.0 * times_max * calm_bp - half_bp - own_side_bp, 0.0)


@shared
def excess_m(held_m: float, zone_m: float, interval_s: float, excess_s: float) -> float:
    """What of an excess over the zone is traded outside in an interval, without a sign."""
    if abs(held_m) <= zone_m:
        return 0.0
    return (abs(held_m) - zone_m) * min(interval_s / excess_s, 1.0)
