# SPDX-License-Identifier: Apache-2.0
"""What of a batch's residual is kept and what is sent outside, and why.

Keeping is one more place to put an amount. A residual z in direction s (the dealer bought, +1, or
sold, -1) of which w is kept leaves inventory q + s w, and the marginal cost of the last M kept is
what selling it again would be worth (Barzykin 2026, equation 19),

    s (g (q + s w) + B0 x) + toxicity,      g = 2 A0 - k (1 - B0)

a straight line in w, beside the straight lines of the venues. `hedging.split` equalises them: the
internalization ratio is what comes out. Three rules stand around it:

- A residual that does not raise |q| is never routed out, whatever the figures say.
- The warehouse has room up to the capital rule; the pure-internalization zone is the smaller of
  the cost rule and the capital rule.
- What neither warehouse nor venues have room for is ours already (the curve was committed): it is
  kept, and said to be in excess. So is what would cost more than `over_bp` beyond keeping to send
  at once: a hard capital rule pays any price in one interval, a charge for each M over it spreads
  the way back over several.

Flow of clients that are probably informed is marked (`toxicity.acts`): of a stock so much goes
outside at equal marginal cost between venues, also where keeping it would cost less. It is part of
the stock, never more than it, and whoever brought it has paid the curve's price like everyone.

Expected in-flow (`hedging.inflow`) shifts the inventory that is judged: momentum sends more
outside, flow that will come back is warehoused. Units: `params.py`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec

from infold.dealer import checks
from infold.dealer.hedging.split import Place, split
from infold.dealer.params import DealerParameters
from infold.dealer.quoting import closed_forms, relief_bp_per_m
from infold.dealer.zone import CapitalCharge, width_m

NOTHING: Final = "NOTHING"
REDUCES: Final = "REDUCES"
INSIDE_ZONE: Final = "INSIDE_ZONE"
EQUAL_COSTS: Final = "EQUAL_COSTS"
CHEAPER_OUTSIDE: Final = "CHEAPER_OUTSIDE"
CAPITAL: Final = "CAPITAL"
NO_VENUE: Final = "NO_VENUE"
TOXIC: Final = "TOXIC"
REASONS: Final = {
    NOTHING: "the batch left no residual",
    REDUCES: "it lowers inventory, or leaves no more than there was: kept whole",
    INSIDE_ZONE: "keeping all of it costs less at the margin than the cheapest venue",
    EQUAL_COSTS: "split where keeping and sending cost the same at the margin",
    CHEAPER_OUTSIDE: "its first M already costs more to keep than to send",
    CAPITAL: "the capital rule leaves no room to keep more",
    NO_VENUE: "more should go outside than the venues have room for",
    TOXIC: "flow of probably informed clients, sent though keeping it costs less at the margin",
}
"""Every code a decision may carry. A code never changes its meaning."""


class VenueCost(NamedTuple):
    """What one more M costs at a venue, in the direction asked about.

    `base_bp` holds half-spread, fee, what our earlier trades left in the price, and carry;
    `slope_bp_per_m` impact and the quadratic cost over the interval; `capacity_m` depth and margin.
    """

    venue: str
    base_bp: float
    slope_bp_per_m: float
    capacity_m: float


@dataclass(frozen=True, slots=True)
class Warehouse:
    """What keeping costs in one market, worked out once a parameter change."""

    slope_bp_per_m: float  # g
    impact_share: float  # B0
    limit_m: float  # by the capital rule; infinite without one
    over_bp: float = math.inf  # what a M beyond it costs on top; infinite: it must go

    def __post_init__(self) -> None:
        checks.not_negative("slope_bp_per_m", self.slope_bp_per_m, "bp a M")
        checks.number("impact_share", self.impact_share, "")
        if not self.limit_m >= 0.0:
            raise ValueError(f"limit_m must not be below zero M, not {self.limit_m!r}")
        if not self.over_bp >= 0.0:
            raise ValueError(f"over_bp must not be below zero bp, not {self.over_bp!r}")

    def zone_m(self, cheapest_bp: float) -> float:
        """The pure-internalization zone at rest: the lesser of cost rule and capital rule."""
        return width_m(cheapest_bp, self.slope_bp_per_m, self.limit_m)


def warehouse(
    parameters: DealerParameters,
    charge: CapitalCharge | None = None,
    volatility_bp: float | None = None,
    over_bp: float = math.inf,
) -> Warehouse:
    """The warehouse of the transient closed form and the capital rule, as `zone.zone` has them.

    `volatility_bp` (per root day) replaces the parameter; `over_bp` is the charge for a M beyond
    the capital rule. Where inventory is never worth hedging by
    cost its slope is zero, and only the capital rule ends the zone.
    """
    if volatility_bp is not None:
        parameters = msgspec.structs.replace(parameters, volatility_bp=volatility_bp)
    slope = max(relief_bp_per_m(parameters), 0.0)
    limit = math.inf if charge is None else charge.inventory_m
    return Warehouse(slope, closed_forms(parameters).impact_share, limit, over_bp)


class Route(msgspec.Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """One decision with its reason and the figures it rests on, as journalled.

    Signed from the dealer: it received `residual_m` at `inventory_m`. Amounts kept and sent have no
    sign. `kept_bp` is the marginal cost of the last M kept, `sent_bp` of the next one outside,
    `price_bp` where they met. `shares` are (venue, M). `marked_m` is how much was marked for the
    outside.
    """

    market: int
    residual_m: float
    inventory_m: float
    impact_bp: float
    toxicity_bp: float
    inflow_m: float
    kept_m: float
    sent_m: float
    excess_m: float
    shares: tuple[tuple[str, float], ...]
    reason: str
    kept_bp: float
    sent_bp: float
    price_bp: float
    zone_m: float
    marked_m: float = 0.0

    @property
    def internalized(self) -> float:
        """The share of the residual that is kept; one where there is none."""
        return self.kept_m / abs(self.residual_m) if self.residual_m else 1.0


def route(
    market: int,
    residual_m: float,
    inventory_m: float,
    keep: Warehouse,
    venues: Sequence[VenueCost],
    *,
    impact_bp: float = 0.0,
    toxicity_bp: float = 0.0,
    inflow_m: float = 0.0,
) -> Route:
    """Split a residual between warehouse and venues.

    `residual_m` is what the dealer received, `inventory_m` what it had before, hedges included in
    both cases; `toxicity_bp` the expected move against it after this flow; `inflow_m` what is
    expected to come by itself, signed as inventory. `venues` are for the direction that undoes the
    residual. `ValueError` if a figure makes no sense.
    """
    figures = residual_m + inventory_m + impact_bp + toxicity_bp + inflow_m
    if not -math.inf < figures < math.inf:
        _refuse(residual_m, inventory_m, impact_bp, toxicity_bp, inflow_m)
    size = abs(residual_m)
    side = -1.0 if residual_m < 0.0 else 1.0
    slope, limit = keep.slope_bp_per_m, keep.limit_m
    base = side * (slope * (inventory_m + inflow_m) + keep.impact_share * impact_bp) + toxicity_bp
    cheapest = min([venue.base_bp for venue in venues if venue.capacity_m > 0.0], default=math.inf)
    after = abs(inventory_m + residual_m)
    kept, sent, excess = size, 0.0, 0.0
    shares: tuple[tuple[str, float], ...] = ()
    price = base + slope * size
    if size == 0.0:
        reason = NOTHING
    elif after <= abs(inventory_m):
        reason = REDUCES
    elif price <= cheapest and after <= limit:
        reason = INSIDE_ZONE
    else:
        room = min(max(limit - side * inventory_m, 0.0), size)
        places = [Place(base, slope, room)]
        over = 0
        if room < size and keep.over_bp < math.inf:
            over = 1
            places.append(Place(base + slope * room + keep.over_bp, slope, size - room))
        places += [Place(venue[1], venue[2], venue[3]) for venue in venues]
        found = split(size, places)
        price = found.marginal_bp
        parts = found.parts_m[1 + over :]
        excess = found.left_m + (found.parts_m[1] if over else 0.0)
        kept = found.parts_m[0] + excess
        sent = math.fsum(parts)
        shares = tuple(
            [(venue.venue, part) for venue, part in zip(venues, parts, strict=True) if part > 0.0]
        )
        if found.left_m > 0.0 or sent >= math.fsum([venue.capacity_m for venue in venues]):
            reason = NO_VENUE
        elif kept >= room and room < size:
            reason = CAPITAL
        else:
            reason = CHEAPER_OUTSIDE if kept == 0.0 else EQUAL_COSTS
    return Route(
        market=market,
        residual_m=residual_m,
        inventory_m=inventory_m,
        impact_bp=impact_bp,
        toxicity_bp=toxicity_bp,
        inflow_m=inflow_m,
        kept_m=kept,
        sent_m=sent,
        excess_m=excess,
        shares=shares,
        reason=reason,
        kept_bp=base + slope * kept,
        sent_bp=_next_bp(dict(shares), venues),
        price_bp=price,
        zone_m=keep.zone_m(cheapest),
    )


def route_stock(
    market: int,
    inventory_m: float,
    keep: Warehouse,
    venues: Sequence[VenueCost],
    *,
    impact_bp: float = 0.0,
    drift_bp: float = 0.0,
    inflow_m: float = 0.0,
    marked_m: float = 0.0,
) -> Route:
    """The same judgement over all that is held: what of it to hedge in the coming interval.

    With one venue and short intervals this is the hedge rate of equation 15, (|p| - psi)+ / 2 eta.
    `venues` are for the direction that lowers |inventory_m|; `drift_bp` is the predicted move of
    the price, which is against all of a stock alike. `marked_m`, signed as inventory, is what of it
    goes outside in any case, as far as it is there and venues have room.
    """
    against_bp = drift_bp if inventory_m < 0.0 else -drift_bp
    found = route(
        market,
        inventory_m,
        0.0,
        keep,
        venues,
        impact_bp=impact_bp,
        toxicity_bp=against_bp,
        inflow_m=inflow_m,
    )
    checks.number("marked_m", marked_m, "M")
    side = -1.0 if inventory_m < 0.0 else 1.0
    due_m = min(max(side * marked_m, 0.0), abs(inventory_m))
    return found if due_m <= found.sent_m else _sent_anyway(found, due_m, keep, venues)


def _sent_anyway(found: Route, due_m: float, keep: Warehouse, venues: Sequence[VenueCost]) -> Route:
    """The same decision with so much of the stock sent, where it would have sent less: the rest is
    kept, and venues have the same cost at the margin. Unchanged where none has room.
    """
    parts = split(due_m, [Place(venue[1], venue[2], venue[3]) for venue in venues])
    sent_m = min(math.fsum(parts.parts_m), abs(found.residual_m))
    if sent_m <= found.sent_m:
        return found
    shares = tuple(
        [(venue.venue, part) for venue, part in zip(venues, parts.parts_m, strict=True) if part > 0]
    )
    kept_m = abs(found.residual_m) - sent_m
    return msgspec.structs.replace(
        found,
        kept_m=kept_m,
        sent_m=sent_m,
        excess_m=min(found.excess_m, kept_m),
        shares=shares,
        reason=TOXIC,
        kept_bp=found.kept_bp - keep.slope_bp_per_m * (found.kept_m - kept_m),
        sent_bp=_next_bp(dict(shares), venues),
        price_bp=parts.marginal_bp,
        marked_m=due_m,
    )


def internalized(routes: Iterable[Route]) -> float:
    """The internalization ratio of some residuals by volume; one where there was no volume.

    Residuals only: what crossed inside the batches was never the dealer's. Count it apart.
    """
    kept, received = 0.0, 0.0
    for one in routes:
        kept += one.kept_m
        received += abs(one.residual_m)
    return kept / received if received else 1.0


def _refuse(
    residual_m: float, inventory_m: float, impact_bp: float, toxicity_bp: float, inflow_m: float
) -> None:
    """Name what is no number."""
    checks.number("residual_m", residual_m, "M")
    checks.number("inventory_m", inventory_m, "M")
    checks.number("impact_bp", impact_bp, "bp")
    checks.number("toxicity_bp", toxicity_bp, "bp")
    checks.number("inflow_m", inflow_m, "M")


def _next_bp(shares: dict[str, float], venues: Sequence[VenueCost]) -> float:
    """The marginal cost of one M more outside; infinite where every venue is full."""
    open_bp = [
        base + slope * shares.get(venue, 0.0)
        for venue, base, slope, capacity in venues
        if shares.get(venue, 0.0) < capacity
    ]
    return min(open_bp, default=math.inf)
