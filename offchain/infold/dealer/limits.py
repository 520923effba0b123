# SPDX-License-Identifier: Apache-2.0
"""What a dealer commits to when the market breaks: limits by capital, spread and size by risk.

The closed forms weigh variance against income; a crash is about capital. Two limits bound what may
be held, whatever the closed form would like:

    room = capital_share * equity / (stress * highest price)    a position survives its stress
    zone = min(room, risk_share * equity / (deviations * volatility * sqrt(reaction)))

The price is the day's highest, so that no fall makes room for more. Inside the zone the dealer
quotes its line, slope and skew scaled by volatility, half-spread by the price's own movement over
the quote's age (what a stale quote loses to whoever sees the price), never beyond
`spread_times_max` of calm. Between zone and room it still buys, but little at a time. At the room
it refuses to grow. Whatever reduces it is offered whole, always.

Outside it trades where the marginal price of inventory exceeds the cost there (Barzykin 2026,
equations 15 and 19, with costs and volatility as seen), and at any cost what exceeds the zone.

Pure numbers in and out, so that loops may compile `committed`. Units: size M of base at the
starting price, `level` price over starting price, equity bp * M at that price, spreads bp of the
current price, volatility bp per root day.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

from infold.dealer import checks
from infold.dealer.capital import (
    CapitalRule,
    excess_m,
    half_spread_bp,
    move_bp,
    offered_m,
    reach_bp,
    room_m,
)
from infold.dealer.lines import thin_line
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import DAY_S, closed_forms

OWN_SIDE_BP: Final = 0.3
"""How far from the price a guarded dealer's pool trades at least on its own side (C7)."""


class Guard(NamedTuple):
    """How a dealer behaves: its calm line, its hedging, its limits. Build it with the functions
    below, change it with `guarded_by`.
    """

    half_spread_bp: float
    slope_bp_per_m: float
    skew_bp_per_m: float
    signal: float  # of the impact state, in the line
    price_slope_bp_per_m: float  # marginal price of a M held, calm
    price_signal: float
    hedge_spread_bp: float
    hedge_impact_bp_day_per_m: float
    volatility_bp: float  # calm
    sighted: float  # 1: sees volatility, depth and outside spread; 0: believes them calm
    offer_m: float
    offer_least_m: float
    own_side_bp: float  # C7: the pool trades at least so far on its own side
    spread_times_max: float
    staleness: float  # half-spread over the price's standard move while the quote is out
    position_cap_m: float
    stress: float  # share of the price a position must survive the loss of
    capital_share: float
    risk_share: float
    deviations: float
    reaction_s: float
    growth: float  # share of what is left of the zone offered a batch, in calm
    excess_s: float  # time in which an excess over the zone is traded outside
    venue_share: float  # of the room, hedged at one venue at most
    venue_cap_m: float


class Sight(NamedTuple):
    """What a dealer sees when it commits."""

    inventory_m: float  # client leg and hedges together
    client_m: float
    impact_bp: float
    equity_bp_m: float
    level: float
    peak: float  # the highest level of the day: no fall makes room for more
    volatility_bp: float
    outside: float  # half-spread there, of calm
    depth: float  # there, of calm
    age_s: float  # of the price, at the batch's close
    interval_s: float


class Commitment(NamedTuple):
    """A curve around the price seen, and what to do outside.

    It buys up to `bid_m` from `shift - half_spread` down and sells up to `ask_m` from `shift +
    half_spread` up, a M for every `slope`. `hedge_m` is what to buy outside before the next batch;
    `venue_m` bounds the leg at one venue.
    """

    half_spread_bp: float
    slope_bp_per_m: float
    shift_bp: float
    bid_m: float
    ask_m: float
    hedge_m: float
    venue_m: float
    zone_m: float
    room_m: float


def closed_form(parameters: DealerParameters, position_cap_m: float, venue_cap_m: float) -> Guard:
    """The transient closed form (equations 7, 15, 18, 19) with caps and no other limit, in calm for
    ever: what the guard is measured against. `ValueError` on caps that are not above zero.
    """
    checks.positive("position_cap_m", position_cap_m, "M")
    checks.positive("venue_cap_m", venue_cap_m, "M")
    checks.positive("hedge_impact_bp_day_per_m", parameters.hedge_impact_bp_day_per_m, "bp day a M")
    forms = closed_forms(parameters)
    line = thin_line(parameters)
    kept = parameters.impact_bp_per_m * (1.0 - forms.impact_share)
    return Guard(
        half_spread_bp=line.half_spread_bp,
        slope_bp_per_m=line.slope_bp_per_m,
        skew_bp_per_m=line.skew_bp_per_m,
        signal=forms.impact_share * line.signal,
        price_slope_bp_per_m=2.0 * forms.risk_bp_per_m - kept,
        price_signal=forms.impact_share,
        hedge_spread_bp=parameters.hedge_spread_bp,
        hedge_impact_bp_day_per_m=parameters.hedge_impact_bp_day_per_m,
        volatility_bp=parameters.volatility_bp,
        sighted=0.0,
        offer_m=parameters.offer_m_max,
        offer_least_m=min(parameters.sizes_m),
        own_side_bp=0.0,
        spread_times_max=math.inf,
        staleness=0.0,
        position_cap_m=position_cap_m,
        stress=0.0,
        capital_share=1.0,
        risk_share=math.inf,
        deviations=1.0,
        reaction_s=1.0,
        growth=1.0,
        excess_s=math.inf,
        venue_share=math.inf,
        venue_cap_m=venue_cap_m,
    )


def guarded(parameters: DealerParameters, position_cap_m: float, venue_cap_m: float) -> Guard:
    """The same dealer with its eyes open and its limits on.

    The numbers are `CapitalRule`'s and were chosen by simulated crashes (decision 0075): a
    position may lose its whole price and leave a quarter of the capital, a move of four deviations
    within half an hour takes .75 % of it, a venue holds a fifth of the room at most. `ValueError`
    on caps as in `closed_form`, and on demand so steep that its half-spread is below `OWN_SIDE_BP`.
    """
    form = closed_form(parameters, position_cap_m, venue_cap_m)
    if form.half_spread_bp < OWN_SIDE_BP:
        raise ValueError(
            f"demand_slope_per_bp (per bp) of {parameters.demand_slope_per_bp!r} and demand_shift"
            f" of {parameters.demand_shift!r} ask a half-spread of {form.half_spread_bp!r} bp,"
            f" below the pool's own side of {OWN_SIDE_BP!r} bp: take a lower demand_slope_per_bp"
        )
    rule = CapitalRule()
    numbers = {name: getattr(rule, name) for name in rule.__struct_fields__}
    return guarded_by(form, sighted=1.0, own_side_bp=OWN_SIDE_BP, venue_share=0.2, **numbers)


def guarded_by(guard: Guard, **numbers: float) -> Guard:
    """The same with other numbers, checked: `ValueError` names the one that makes no sense."""
    found = guard._replace(**numbers)
    for name, unit in _ANY.items():
        checks.number(name, getattr(found, name), unit)
    for name, unit in _NOT_BELOW_ZERO.items():
        checks.not_negative(name, getattr(found, name), unit)
    for name, unit in _ABOVE_ZERO.items():
        checks.positive(name, getattr(found, name), unit)
    if found.venue_share != math.inf:
        checks.not_negative("venue_share", found.venue_share, "of the room")
    if found.risk_share != math.inf:
        checks.positive("risk_share", found.risk_share, "of equity")
    if found.excess_s != math.inf:
        checks.positive("excess_s", found.excess_s, "seconds")
    if not 0.0 < checks.number("growth", found.growth, "of what is left of the zone") <= 1.0:
        raise ValueError(f"growth must be a share above 0 and at most 1, not {found.growth!r}")
    if not found.spread_times_max >= 1.0:
        raise ValueError(
            "spread_times_max must be at least 1 (of the calm half-spread), not"
            f" {found.spread_times_max!r}"
        )
    if found.own_side_bp > found.half_spread_bp:
        if "half_spread_bp" in numbers and "own_side_bp" not in numbers:
            raise ValueError(
                f"half_spread_bp must be at least own_side_bp, {found.own_side_bp!r} bp, not"
                f" {found.half_spread_bp!r}"
            )
        raise ValueError(
            f"own_side_bp must not exceed half_spread_bp, {found.half_spread_bp!r} bp: it is the"
            f" least of it, not {found.own_side_bp!r}"
        )
    return found


_ANY: Final = {
    "signal": "no unit",
    "skew_bp_per_m": "bp per M",
    "price_slope_bp_per_m": "bp per M",
    "price_signal": "no unit",
}
_NOT_BELOW_ZERO: Final = {
    "sighted": "no unit",
    "own_side_bp": "bp",
    "staleness": "no unit",
    "stress": "of the price",
    "hedge_spread_bp": "bp",
}
_ABOVE_ZERO: Final = {
    "half_spread_bp": "bp",
    "slope_bp_per_m": "bp per M",
    "hedge_impact_bp_day_per_m": "bp day per M",
    "volatility_bp": "bp per root day",
    "offer_m": "M",
    "offer_least_m": "M",
    "position_cap_m": "M",
    "capital_share": "of equity",
    "deviations": "no unit",
    "reaction_s": "seconds",
    "venue_cap_m": "M",
}


def commitment(guard: Guard, sight: Sight) -> Commitment:
    """What the dealer does with what it sees: a function of its arguments and of nothing else.

    `ValueError` names what is no figure, of either. Loops compile `committed`, the same unchecked.
    """
    guarded_by(guard)
    for name, unit in (
        ("inventory_m", "M"),
        ("client_m", "M"),
        ("impact_bp", "bp"),
        ("equity_bp_m", "bp M"),
    ):
        checks.number(name, getattr(sight, name), unit)
    for name, unit in (
        ("outside", "of calm"),
        ("depth", "of calm"),
        ("age_s", "seconds"),
        ("interval_s", "seconds"),
    ):
        checks.not_negative(name, getattr(sight, name), unit)
    for name, unit in (
        ("level", "of the starting price"),
        ("peak", "of the starting price"),
        ("volatility_bp", "bp per root day"),
    ):
        checks.positive(name, getattr(sight, name), unit)
    return committed(guard, sight)


def committed(guard: Guard, sight: Sight) -> Commitment:
    """`commitment` for those who vouch for both: pure arithmetic, which a loop may compile."""
    held = sight.inventory_m
    calm = guard.volatility_bp
    volatility, outside, depth = calm, 1.0, 1.0
    if guard.sighted > 0.0:
        volatility = sight.volatility_bp
        outside = max(sight.outside, 1.0)
        depth = min(max(sight.depth, 1e-3), 1.0)
    scale = max(volatility / calm, 1.0)

    # What may be held.
    equity = max(sight.equity_bp_m, 0.0)
    room = guard.position_cap_m
    if guard.stress > 0.0:
        room = min(room, room_m(guard.capital_share * equity, guard.stress, sight.peak))
    zone = room
    if guard.risk_share < math.inf:
        move = move_bp(guard.deviations, volatility, guard.reaction_s, sight.peak)
        zone = min(zone, guard.risk_share * equity / move)
    venue = min(guard.venue_cap_m, guard.venue_share * room)

    # At which prices.
    calm_half, times = guard.half_spread_bp, guard.spread_times_max
    age = sight.age_s + sight.interval_s
    half = half_spread_bp(calm_half, guard.staleness, volatility, age, times)
    shift = -guard.skew_bp_per_m * scale * held - guard.signal * sight.impact_bp
    if times < math.inf:
        reach = reach_bp(calm_half, half, guard.own_side_bp, times)
        shift = min(max(shift, -reach), reach)

    # How much: growing little by little, reducing whole.
    least = guard.offer_least_m
    offer = max(guard.offer_m / scale, least)
    bid, ask = offered_m(held, room, zone, offer, least, guard.growth / scale)
    legs = guard.position_cap_m
    if guard.stress > 0.0:
        legs = min(legs, 2.0 * room)  # the client leg, should every hedge be gone at once
    bid = min(bid, max(legs - sight.client_m, 0.0))
    ask = min(ask, max(legs + sight.client_m, 0.0))
    bid = max(bid, -held)
    ask = max(ask, held)

    # Outside.
    price = -guard.price_slope_bp_per_m * scale * held - guard.price_signal * sight.impact_bp
    excess = abs(price) - guard.hedge_spread_bp * outside
    trade = 0.0
    if excess > 0.0:
        rate = 0.5 * excess * depth / guard.hedge_impact_bp_day_per_m
        trade = rate * sight.interval_s / DAY_S
    trade = max(trade, excess_m(held, zone, sight.interval_s, guard.excess_s))
    trade = min(trade, abs(held))
    if held > 0.0:
        trade = -trade
    return Commitment(
        half_spread_bp=half,
        slope_bp_per_m=guard.slope_bp_per_m * scale,
        shift_bp=shift,
        bid_m=bid,
        ask_m=ask,
        hedge_m=trade,
        venue_m=venue,
        zone_m=zone,
        room_m=room,
    )
