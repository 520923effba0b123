# SPDX-License-Identifier: Apache-2.0
"""Recordings and account fills, served.

A recording with quotes is calibrated on its first half and served on its second: nothing of what is
served was seen. Its book prices the outside; without one the outside is estimated. Account fills
come without quotes and in many coins, most of them too few to calibrate: the standing parameters
serve, the last trade is the price, and the outside is estimated from the whole tape.

Only takers come to the venue: the makers of the record are whom the dealer stands in for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from infold.dealer.impact.parent import ParentLaw
from infold.dealer.params import PERPETUAL, DealerParameters
from infold.research.calibration.market import Calibration, calibrate
from infold.research.calibration.notes import Sources
from infold.research.calibration.orders import QUOTE_PER_M, takers
from infold.research.calibration.outside_costs import half_spread_bp, neighbours_half_spread_bp
from infold.research.faults import TooLittle
from infold.research.flow import recorded_flow
from infold.research.listings import Listing
from infold.research.microstructure.recordings import Recording
from infold.research.offline.outside_markets import BookMarket, EstimatedMarket, OutsideMarket
from infold.research.offline.serving import Rule, Served, serve
from infold.research.offline.shares import Shares, shares_of
from infold.research.recorded import Floats, Integers, Trades
from infold.units import DAY_MS

SLIPPAGE_BPS: Final = 10.0
"""How far limits lie beyond recorded prices, as in `infold replay`."""
LEVELS: Final = 20
SERVED_MS_MAX: Final = 3_600_000
"""A longer record is served for an hour: three thousand batches say as much as thirty thousand."""
CAPACITY_SHARE: Final = 0.01
"""Of a day's volume: most that an estimated outside takes at once."""


@dataclass(frozen=True, slots=True)
class Record:
    """What serving a record gave; `calibration` is None where the standing parameters served."""

    shares: Shares
    calibration: Calibration | None
    estimated: bool
    markets: int


def serve_recording(
    recording: Recording,
    rule: Rule,
    fee_bp: float,
    seed: int,
    slippages_bps: Sequence[float] = (SLIPPAGE_BPS,),
) -> tuple[Record, ...]:
    """Calibrate on the first half of a recording, serve the second, once for each slippage.

    Limits lie so many bp beyond recorded prices: with the outside's fee there, takers come only
    where they are no worse off than on the record. `TooLittle` where there is nobody to serve.
    """
    trades, quotes = recording.trades, recording.quotes
    if trades is None:
        raise TooLittle(f"{recording.name} has no trades: nobody to serve")
    first_ms, last_ms = quotes.span_ms
    middle_ms = (first_ms + last_ms) // 2
    seen = trades.rows(trades.time_ms < middle_ms)
    early = Sources(
        recording.market,
        seen if len(seen.side) else None,
        quotes.rows(quotes.time_ms < middle_ms),
    )
    found = calibrate(early, interval_s=rule.interval_ms / 1_000.0, fee_bp=fee_bp, seed=seed)
    end_ms = min(last_ms, middle_ms + SERVED_MS_MAX)
    later = trades.rows((trades.time_ms >= middle_ms) & (trades.time_ms < end_ms))
    if not len(later.side):
        raise TooLittle(
            f"{recording.name} has no trades in its second half: there is nobody to serve"
        )
    books = recording.book(LEVELS)
    outside: OutsideMarket
    if books is not None:
        outside = BookMarket(books, fee_bp)
    else:
        outside = estimated(later, half_spread_bp(quotes), fee_bp, found.parameters, rule)
    mid = (quotes.bid + quotes.ask) / 2.0
    return tuple(
        Record(
            shares_of(
                [_serve(later, quotes.time_ms, mid, outside, found.parameters, rule, slippage)],
                seed,
            ),
            found,
            outside.estimated,
            1,
        )
        for slippage in slippages_bps
    )


def serve_accounts(
    fills: Trades,
    rule: Rule,
    fee_bp: float,
    seed: int,
    slippages_bps: Sequence[float] = (SLIPPAGE_BPS,),
) -> tuple[Record, ...]:
    """Serve every coin of a file of account fills, each as a market of its own. `TooLittle` if its
    first hour has no taker.
    """
    fills = fills.rows(fills.time_ms < fills.span_ms[0] + SERVED_MS_MAX)
    known = [found for name in fills.markets if (found := takers(fills, name)) is not None]
    if not known:
        raise TooLittle(
            f"{fills.facts.path} has no taker in its first hour: there is nobody to serve"
        )
    spreads = [neighbours_half_spread_bp(one) for one in known]
    usual = float(np.median([spread for spread in spreads if spread is not None] or [1.0]))
    outsides = [
        estimated(one, usual if spread is None else spread, fee_bp, PERPETUAL, rule)
        for one, spread in zip(known, spreads, strict=True)
    ]
    records = []
    for slippage in slippages_bps:
        served = [
            _serve(one, one.time_ms, one.price, outside, PERPETUAL, rule, slippage)
            for one, outside in zip(known, outsides, strict=True)
        ]
        records.append(Record(shares_of(served, seed), None, True, len(served)))
    return tuple(records)


def estimated(
    trades: Trades, half_spread: float, fee_bp: float, parameters: DealerParameters, rule: Rule
) -> EstimatedMarket:
    """An outside nobody recorded: half a spread, the square-root law, volume as on the tape."""
    lasted_ms = max(trades.span_ms[1] - trades.span_ms[0], rule.interval_ms)
    volume = float((trades.price * trades.size).sum()) / QUOTE_PER_M * DAY_MS / lasted_ms
    slope = 2.0 * parameters.hedge_impact_bp_day_per_m * DAY_MS / rule.interval_ms
    return EstimatedMarket(
        half_spread_bp=half_spread,
        fee_bp=fee_bp,
        slope_bp_per_m=slope,
        capacity_m=CAPACITY_SHARE * volume,
        volatility_bp=parameters.volatility_bp,
        volume_m_per_day=volume,
        law=ParentLaw(),
    )


def _serve(
    trades: Trades,
    time_ms: Integers,
    price: Floats,
    outside: OutsideMarket,
    parameters: DealerParameters,
    rule: Rule,
    slippage_bps: float,
) -> Served:
    flow = recorded_flow([trades], traders=1, slippage_bps=slippage_bps)
    (listing,) = flow.listings
    oracle = _oracle(time_ms, price, listing)
    return serve(list(flow.intents), listing.tick_e8, oracle, outside, parameters, rule)


def _oracle(time_ms: Integers, price: Floats, listing: Listing) -> Callable[[int], int]:
    """The last recorded price at or before a time; the first one before that."""
    times: Sequence[int] = time_ms.tolist()
    prices_e8 = [listing.price_e8(one) for one in price.tolist()]

    def at(moment_ms: int) -> int:
        return prices_e8[max(bisect_right(times, moment_ms) - 1, 0)]

    return at
