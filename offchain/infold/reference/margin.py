# SPDX-License-Identifier: Apache-2.0
"""Funding, marks and the margin of a set of positions (docs/protocol.md §5.2, §5.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from .arithmetic import DAY_MS, FRACTION_SCALE, QUOTE_SCALE, ceil_div, trunc_div
from .words import Clock, Position, Rates

_FUNDING_SCALE = 10**19 * DAY_MS


class Mark(NamedTuple):
    """What a batch, or a vector elsewhere, says of one market."""

    market: int
    oracle_price_e8: int
    funding_index: int
    rates: Rates
    event: int = 0
    """The market's last deleveraging, which whoever moves a position writes into it."""


class Standing(NamedTuple):
    """Equity and requirements of an account, in e6."""

    equity_e6: int
    haircut_equity_e6: int
    im_e6: int
    mm_e6: int


def funded_index(clock: Clock, rates: Rates, oracle_price_e8: int, time_ms: int) -> int:
    """The market's funding index moved from the clock's time to `time_ms` at price
    `oracle_price_e8`, kept within its 64 bits.
    """
    elapsed_ms = max(0, time_ms - clock.time_ms) if clock.time_ms else 0
    scaled = (clock.rate_e9 * oracle_price_e8 * elapsed_ms) << rates.shift
    moved = clock.funding_index + trunc_div(scaled, _FUNDING_SCALE)
    return min(max(moved, -(1 << 63)), (1 << 63) - 1)


def credit(base_e8: int, index_change: int, shift: int) -> int:
    """Quote (e6) that a holder of `base_e8` receives while the funding index moves by
    `index_change`, rounded down.
    """
    return -base_e8 * index_change >> shift


def quote_of_buy(price_e8: int, size_e8: int) -> int:
    """What a buyer pays, as the (negative) change of quote; rounded against the buyer."""
    return -ceil_div(price_e8 * size_e8, QUOTE_SCALE)


def quote_of_sale(price_e8: int, size_e8: int) -> int:
    """What a seller receives; rounded against the seller."""
    return price_e8 * size_e8 // QUOTE_SCALE


def fee_of(price_e8: int, size_e8: int, fee_e6: int) -> int:
    """The market's fee on a fill, rounded up."""
    return ceil_div(price_e8 * size_e8 * fee_e6, FRACTION_SCALE)


def initial_margin(size_e8: int, mark: Mark) -> int:
    """What a position of that size needs to be opened."""
    return ceil_div(size_e8 * mark.oracle_price_e8 * mark.rates.im_e6, FRACTION_SCALE)


def requirement(notional: int, rate_e6: int, tier: int) -> int:
    """Margin (e6, rounded up) of `notional`, in lots times price: a rate of it that is `rate_e6` up
    to the tier's bound and from there grows in proportion to the notional, up to all of it.
    """
    bound = 2 ** (68 + tier)
    if notional <= bound:
        return ceil_div(notional * rate_e6, FRACTION_SCALE)
    ratio = notional * 2**20 // bound
    grown = ceil_div(notional * rate_e6 * ratio, FRACTION_SCALE * 2**20)
    return min(grown, ceil_div(notional, QUOTE_SCALE))


def standing(collateral_e6: int, marked: Iterable[tuple[Position, Mark]]) -> Standing:
    """The standing of an account that holds `collateral_e6` and the given positions at their
    marks.
    """
    equity = collateral_e6
    haircuts = 0
    im = 0
    mm = 0
    for position, mark in marked:
        base = position.base_e8
        rates = mark.rates
        notional = base * mark.oracle_price_e8
        value = (
            notional // QUOTE_SCALE
            + position.quote_e6
            + credit(base, mark.funding_index - position.funding_index, rates.shift)
        )
        equity += value
        if value > 0:
            haircuts += ceil_div(value * rates.haircut_e6, 10**6)
        if notional < 0:
            notional = -notional
        im += requirement(notional, rates.im_e6, rates.tier)
        mm += requirement(notional, rates.mm_e6, rates.tier)
    return Standing(equity, equity - haircuts, im, mm)
