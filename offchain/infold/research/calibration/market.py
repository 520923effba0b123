# SPDX-License-Identifier: Apache-2.0
"""One market's calibration: what was estimated and from what, what was assumed and why.

Volatility comes from bars (HAR's forecast of the next period) where given, else from mids at five
seconds, else from trades at ten: below that the bid-ask bounce is what moves. Hedging costs come
from quotes and books, impact and its decay from how mids answered signed taker flow, the ladder
from taker orders, the slope of demand from how far takers went. What a file cannot tell keeps the
standing parameters' figure and is listed under `assumed`, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

import msgspec
import numpy as np

from infold.dealer.impact.state import ImpactParameters
from infold.dealer.params import PERPETUAL, DealerParameters
from infold.research.calibration.correlation import Correlation
from infold.research.calibration.notes import Estimate, Notes, Sources
from infold.research.calibration.orders import (
    ORDERS_MIN,
    Demand,
    TakerOrders,
    demand_of,
    ladder_of,
    orders_of,
)
from infold.research.calibration.outside_costs import (
    depth_m,
    half_spread_bp,
    neighbours_half_spread_bp,
    slope_bp_per_m,
)
from infold.research.calibration.response import impact_of
from infold.research.calibration.volatility import volatility_of
from infold.research.faults import TooLittle

PartT = TypeVar("PartT")

REFILL_S: Final = 10.0
"""A book is taken to be full again after the fastest decay of impact."""
CORRELATION: Final = "correlation"
"""What a dealer file holds beside its markets under this name."""
EXPLAINED_MIN: Final = 0.25
"""A demand curve that explains less of how far takers went is not used."""
NET_SHARE: Final = 0.999
"""The offer covers the net flow of this share of intervals."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`parameters` are what the desk takes; `impact` the three decay scales behind its one."""

    market: str
    parameters: DealerParameters
    impact: ImpactParameters | None
    estimates: tuple[Estimate, ...]
    assumed: Mapping[str, str]


def calibrate(
    sources: Sources,
    *,
    standing: DealerParameters = PERPETUAL,
    interval_s: float = 1.0,
    fee_bp: float = 0.0,
    seed: int = 1,
) -> Calibration:
    """Parameters for one market. `fee_bp` is what a taker pays outside beside the spread: we do
    when we hedge, and clients do who might come to us instead.

    `TooLittle` if nothing tells the volatility.
    """
    notes = Notes()
    volatility = volatility_of(sources, notes, seed)
    notes.figures["volatility_bp"] = volatility
    orders = None if sources.trades is None else orders_of(sources.trades)
    if orders is not None and (len(orders.side) < ORDERS_MIN or orders.days <= 0.0):
        notes.assumed["sizes_m"] = f"{len(orders.side)} taker orders are too few for a ladder"
        orders = None
    _demand(sources, orders, notes, interval_s, fee_bp)
    _hedging(sources, notes, fee_bp)
    draft = msgspec.structs.replace(standing, **notes.figures)
    impact = impact_of(sources, orders, draft, notes)
    for name in DealerParameters.__struct_fields__:
        if name not in notes.figures and name not in notes.assumed:
            notes.assumed[name] = "no file given tells it; the standing figure stays"
    return Calibration(
        market=sources.market,
        parameters=msgspec.structs.replace(standing, **notes.figures),
        impact=impact,
        estimates=tuple(notes.estimates),
        assumed=notes.assumed,
    )


# -- demand ----------------------------------------------------------------------------------------


def _demand(
    sources: Sources,
    orders: TakerOrders | None,
    notes: Notes,
    interval_s: float,
    fee_bp: float,
) -> None:
    if orders is None or sources.trades is None:
        return
    shift = None
    if sources.quotes is None:
        notes.assumed["demand_slope_per_bp"] = "needs quotes: a trade's distance from the mid"
    else:
        try:
            demand = demand_of(sources.trades, sources.quotes, fee_bp)
        except TooLittle as error:
            notes.assumed["demand_slope_per_bp"] = str(error)
        else:
            shift = _use_demand(demand, notes)
    share_at_mid = 1.0 / (1.0 + math.exp(PERPETUAL.demand_shift if shift is None else shift))
    ladder = ladder_of(orders)
    notes.figures["sizes_m"] = ladder.sizes_m
    # Recorded orders are those that traded, at little more than the mid; asked for was more.
    notes.figures["requests_per_day"] = tuple(rate / share_at_mid for rate in ladder.rates_per_day)
    notes.found("taker_orders_per_day", len(orders.side) / orders.days, len(orders.side), "trades")
    volume = float(orders.size_m.sum()) / orders.days
    notes.found("taker_volume_m_per_day", volume, len(orders.side), "trades")
    window = (orders.time_ms - orders.time_ms[0]) // max(int(1_000 * interval_s), 1)
    net = np.abs(np.bincount(window, weights=orders.side * orders.size_m))
    offer = max(float(np.quantile(net, NET_SHARE)), max(ladder.sizes_m))
    notes.figures["offer_m_max"] = offer
    source = f"net flow of {NET_SHARE:.1%} of intervals of {interval_s:g} s"
    notes.found("offer_m_max", offer, len(net), source)


def _use_demand(demand: Demand, notes: Notes) -> float | None:
    """The shift, if the curve is good enough to be used."""
    source = "how far from the mid takers' volume traded"
    notes.found("demand_explained", demand.explained, demand.trades, source)
    notes.found("taker_reach_bp", demand.reach_bp, demand.trades, source)
    if demand.explained < EXPLAINED_MIN:
        notes.assumed["demand_slope_per_bp"] = (
            f"a logistic explains {demand.explained:.2f} of how far takers went, less than"
            f" {EXPLAINED_MIN}"
        )
        return None
    notes.figures["demand_shift"] = demand.shift
    notes.figures["demand_slope_per_bp"] = demand.slope_per_bp
    notes.found("demand_slope_per_bp", demand.slope_per_bp, demand.trades, source)
    return demand.shift


# -- hedging ---------------------------------------------------------------------------------------


def _hedging(sources: Sources, notes: Notes, fee_bp: float) -> None:
    spread, source = None, ""
    if sources.quotes is not None:
        spread, source = half_spread_bp(sources.quotes), "quotes, weighted by time"
        rows = len(sources.quotes.bid)
    elif sources.trades is not None:
        spread = neighbours_half_spread_bp(sources.trades)
        source, rows = "neighbouring buys and sells", len(sources.trades.side)
    if spread is not None:
        notes.figures["hedge_spread_bp"] = spread + fee_bp
        notes.found("half_spread_bp", spread, rows, source)
    if sources.books is None:
        notes.assumed["hedge_impact_bp_day_per_m"] = "needs --books: levels behind the best"
        return
    slope = slope_bp_per_m(sources.books)
    rows = len(sources.books.time_ms)
    notes.figures["hedge_impact_bp_day_per_m"] = slope / 2.0 * REFILL_S / 86_400.0
    levels = f"{sources.books.bid_price.shape[1]} levels a side"
    notes.found("book_slope_bp_per_m", slope, rows, levels)
    for within_bp in (5.0, 10.0, 25.0):
        name = f"depth_within_{within_bp:g}_bp_m"
        notes.found(name, depth_m(sources.books, within_bp), rows, f"{levels}, mean of both sides")


def load_parameters(document: bytes) -> dict[str, DealerParameters]:
    """Parameters by market, as `infold calibrate --out` writes them. `ValueError` for others."""
    return {
        market: _decoded(part, DealerParameters)
        for market, part in _parts(document).items()
        if market != CORRELATION
    }


def load_correlation(document: bytes) -> Correlation | None:
    """How the markets of the same file correlate, if it says. `ValueError` if it says nonsense."""
    part = _parts(document).get(CORRELATION)
    return None if part is None else _decoded(part, Correlation)


def dump_parameters(found: Sequence[Calibration], correlation: Correlation | None = None) -> bytes:
    """Parameters by market, as a desk reads them, and how the markets correlate if it is known."""
    by_market: dict[str, object] = {one.market: one.parameters for one in found}
    if correlation is not None:
        by_market[CORRELATION] = correlation
    return msgspec.json.format(msgspec.json.encode(by_market), indent=2) + b"\n"


def _parts(document: bytes) -> dict[str, msgspec.Raw]:
    try:
        return msgspec.json.decode(document, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError as error:
        raise ValueError(f"no parameters by market: {error}") from None


def _decoded(part: msgspec.Raw, kind: type[PartT]) -> PartT:
    try:
        return msgspec.json.decode(part, type=kind)
    except msgspec.DecodeError as error:
        raise ValueError(f"no parameters by market: {error}") from None
