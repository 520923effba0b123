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
from dataclasses import dataclass, field
from typing import Final

import msgspec
import numpy as np

from infold.dealer.impact.fitting import fit_decays, predicted_bp
from infold.dealer.impact.state import ImpactParameters, kept_bp_per_m
from infold.dealer.params import PERPETUAL, DealerParameters
from infold.dealer.quoting import closed_forms
from infold.dealer.volatility import LAGS_24_7, fit_har, returns_bp
from infold.research.calibration.orders import (
    ORDERS_MIN,
    Demand,
    TakerOrders,
    demand_of,
    ladder_of,
    orders_of,
)
from infold.research.calibration.outside import (
    depth_m,
    half_spread_bp,
    neighbours_half_spread_bp,
    slope_bp_per_m,
)
from infold.research.faults import TooLittle
from infold.research.microstructure.chance import Interval, bootstrap
from infold.research.microstructure.sessions import mids
from infold.research.recorded import Bars, Books, Floats, Integers, Quotes, Trades
from infold.research.volatility import realised

DAY_MS: Final = 86_400_000
MIDS_MS: Final = 5_000
TRADES_MS: Final = 10_000
STEPS_MIN: Final = 20
"""Fewer moves than these give no volatility."""
REFILL_S: Final = 10.0
"""A book is taken to be full again after the fastest decay of impact."""
IMPACT_STEP_MS: Final = 500
IMPACT_PAUSES: Final = 4.0
EXPLAINED_MIN: Final = 0.25
"""A demand curve that explains less of how far takers went is not used."""
NET_SHARE: Final = 0.999
"""The offer covers the net flow of this share of intervals."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its unit in the name, its 95 % interval where one is known, and its source."""

    name: str
    value: float
    interval: Interval | None
    rows: int
    source: str


@dataclass(frozen=True, slots=True)
class Sources:
    """One market's streams, as far as there are any."""

    market: str
    trades: Trades | None = None
    quotes: Quotes | None = None
    books: Books | None = None
    bars: Bars | None = None


@dataclass(frozen=True, slots=True)
class Calibration:
    """`parameters` are what the desk takes; `impact` the three decay scales behind its one."""

    market: str
    parameters: DealerParameters
    impact: ImpactParameters | None
    estimates: tuple[Estimate, ...]
    assumed: Mapping[str, str]


@dataclass(slots=True)
class _Notes:
    """What is found on the way; `figures` replace the standing parameters' by name."""

    figures: dict[str, object] = field(default_factory=dict)
    estimates: list[Estimate] = field(default_factory=list)
    assumed: dict[str, str] = field(default_factory=dict)

    def found(
        self, name: str, value: float, rows: int, source: str, interval: Interval | None = None
    ) -> None:
        self.estimates.append(Estimate(name, value, interval, rows, source))


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
    notes = _Notes()
    volatility = _volatility(sources, notes, seed)
    notes.figures["volatility_bp"] = volatility
    orders = None if sources.trades is None else orders_of(sources.trades)
    if orders is not None and (len(orders.side) < ORDERS_MIN or orders.days <= 0.0):
        notes.assumed["sizes_m"] = f"{len(orders.side)} taker orders are too few for a ladder"
        orders = None
    _demand(sources, orders, notes, interval_s, fee_bp)
    _hedging(sources, notes, fee_bp)
    draft = msgspec.structs.replace(standing, **notes.figures)
    impact = _impact(sources, orders, draft, notes)
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


# -- volatility ------------------------------------------------------------------------------------


def _volatility(sources: Sources, notes: _Notes, seed: int) -> float:
    if sources.bars is not None:
        told = _from_bars(sources.bars, notes)
        if told is not None:
            return told
    if sources.quotes is not None:
        moves = _moves(
            sources.quotes.time_ms, (sources.quotes.bid + sources.quotes.ask) / 2.0, MIDS_MS
        )
        source = f"mids every {MIDS_MS // 1000} s"
        step_ms = MIDS_MS
    elif sources.trades is not None:
        moves = _moves(sources.trades.time_ms, sources.trades.price, TRADES_MS)
        source = f"trades every {TRADES_MS // 1000} s"
        step_ms = TRADES_MS
    else:
        raise TooLittle(f"nothing tells volatility_bp (bp per root day) of {sources.market}")
    if len(moves) < STEPS_MIN:
        raise TooLittle(
            f"{len(moves)} moves of {source} are too few for volatility_bp (bp per root day) of"
            f" {sources.market}: give a longer record, or bars"
        )
    a_day = math.sqrt(DAY_MS / step_ms)
    squares = moves**2
    value = a_day * math.sqrt(float(squares.mean()))
    interval = bootstrap(
        squares[None, :], lambda sums: a_day * np.sqrt(sums[:, 0] / len(moves)), seed
    )
    if value == 0.0:
        raise TooLittle(f"the price of {sources.market} never moves: volatility_bp would be zero")
    notes.found("volatility_bp", value, len(moves), source, interval)
    return value


def _moves(time_ms: Integers, price: Floats, step_ms: int) -> Floats:
    """Returns in bp over steps in which something was recorded, and the step before too."""
    edges = np.arange(int(time_ms[0]), int(time_ms[-1]) + 1, step_ms)
    place = np.searchsorted(time_ms, edges, side="right") - 1
    if len(place) < 2:
        return np.empty(0)
    fresh = np.diff(place, prepend=-1) > 0
    moves: Floats = returns_bp(price[place])[fresh[1:] & fresh[:-1]]
    return moves


def _from_bars(bars: Bars, notes: _Notes) -> float | None:
    found = realised(bars)
    least = 3 * max(found.lags if found else LAGS_24_7)
    if found is None or len(found.variances_bp2) < least:
        return None
    model = fit_har(found.variances_bp2, found.lags)
    a_day = math.sqrt(86_400.0 / found.period_s)
    value = a_day * math.sqrt(model.forecast(found.variances_bp2))
    source = f"HAR's forecast of the next {found.period_s} s"
    notes.found("volatility_bp", value, model.rows, source)
    long_run = a_day * math.sqrt(float(found.variances_bp2.mean()))
    notes.found("volatility_long_run_bp", long_run, len(found.variances_bp2), "all bars")
    return value


# -- demand ----------------------------------------------------------------------------------------


def _demand(
    sources: Sources,
    orders: TakerOrders | None,
    notes: _Notes,
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


def _use_demand(demand: Demand, notes: _Notes) -> float | None:
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


def _hedging(sources: Sources, notes: _Notes, fee_bp: float) -> None:
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


# -- impact ----------------------------------------------------------------------------------------


def _impact(
    sources: Sources, orders: TakerOrders | None, draft: DealerParameters, notes: _Notes
) -> ImpactParameters | None:
    if orders is None or sources.quotes is None:
        notes.assumed["impact_bp_per_m"] = "needs trades and quotes of the same time"
        notes.assumed["resilience_per_day"] = notes.assumed["impact_bp_per_m"]
        return None
    step_ms = impact_step_ms(sources.quotes)
    signed_m, move_bp = impact_columns(orders, sources.quotes, step_ms)
    if np.count_nonzero(signed_m) < ORDERS_MIN:
        notes.assumed["impact_bp_per_m"] = (
            f"{np.count_nonzero(signed_m)} steps with flow and quotes are too few"
        )
        notes.assumed["resilience_per_day"] = notes.assumed["impact_bp_per_m"]
        return None
    gap_day = np.full(len(signed_m), step_ms / DAY_MS)
    found = fit_decays(gap_day, signed_m, move_bp)
    for decay_s, gain, error in zip(
        found.decays_s, found.gains_bp_per_m, found.errors_bp_per_m, strict=True
    ):
        interval = Interval(max(gain - 1.96 * error, 0.0), gain + 1.96 * error)
        name = f"impact_{decay_s:g}_s_bp_per_m"
        source = f"mids against signed flow, steps of {step_ms} ms"
        notes.found(name, gain, found.count, source, interval)
    notes.found("impact_explained", found.explained, found.count, "squares of the mid's moves")
    later = _impact_later(gap_day, signed_m, move_bp)
    notes.found("impact_explained_later", later, found.count // 2, "second half, fit of the first")
    fast, middle, slow = found.gains_bp_per_m
    depth = 1.0 if sources.books is None else max(depth_m(sources.books, 10.0), 1e-9)
    impact = ImpactParameters(
        gains_bp_per_m=(fast, middle, slow),
        volatility_bp=draft.volatility_bp,
        depth_m=depth,
    )
    total = fast + middle + slow
    notes.figures["impact_bp_per_m"] = total
    if total == 0.0:
        notes.assumed["resilience_per_day"] = "no impact was found, so nothing decays"
        return impact
    # One scale that gives back as much as the three do while inventory works off at omega.
    omega = closed_forms(draft).relaxation_per_day
    notes.figures["resilience_per_day"] = omega * (total / kept_bp_per_m(impact, omega) - 1.0)
    return impact


def impact_step_ms(quotes: Quotes) -> int:
    """Steps in which flow and move are matched: half a second, and four of the quotes' pauses.

    Event by event the mid's own flicker and the delay of quotes drown the answer to one order.
    """
    pause_ms = float(np.median(np.diff(quotes.time_ms)))
    return max(IMPACT_STEP_MS, math.ceil(IMPACT_PAUSES * pause_ms))


def impact_columns(orders: TakerOrders, quotes: Quotes, step_ms: int) -> tuple[Floats, Floats]:
    """Signed M and the mid's move in bp of each step, over the time both are recorded."""
    begin_ms = max(int(quotes.time_ms[0]), int(orders.time_ms[0]))
    end_ms = min(int(quotes.time_ms[-1]), int(orders.time_ms[-1]))
    edges = np.arange(begin_ms, end_ms + 1, step_ms)
    if len(edges) < 2:
        return np.empty(0), np.empty(0)
    place = np.searchsorted(orders.time_ms, edges)
    flow = np.concatenate([[0.0], np.cumsum(orders.side * orders.size_m)])
    return np.diff(flow[place]), returns_bp(mids(quotes, edges))


def _impact_later(gap_day: Floats, signed_m: Floats, move_bp: Floats) -> float:
    """The share of the second half's squares that the first half's gains account for."""
    half = len(signed_m) // 2
    found = fit_decays(gap_day[:half], signed_m[:half], move_bp[:half])
    told = predicted_bp(found.gains_bp_per_m, found.decays_s, gap_day, signed_m)[half:]
    squares = float((move_bp[half:] ** 2).sum())
    return 1.0 - float(((move_bp[half:] - told) ** 2).sum()) / squares if squares else 0.0


def load_parameters(document: bytes) -> dict[str, DealerParameters]:
    """Parameters by market, as `infold calibrate --out` writes them. `ValueError` for others."""
    try:
        return msgspec.json.decode(document, type=dict[str, DealerParameters])
    except msgspec.DecodeError as error:
        raise ValueError(f"no parameters by market: {error}") from None


def dump_parameters(found: Sequence[Calibration]) -> bytes:
    """Parameters by market, as a desk reads them."""
    by_market = {one.market: one.parameters for one in found}
    return msgspec.json.format(msgspec.json.encode(by_market), indent=2) + b"\n"
