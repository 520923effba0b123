# SPDX-License-Identifier: Apache-2.0
"""The caps of the markets that stand on chain, and the prices they were last settled at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from infold.shell.chain import Venue
from infold.shell.deploy import MarketPlan
from infold.words import STATUS_UNLISTED, parameter_place, unpack_caps, unpack_clock, unpack_rates

MARKETS_MAX = 256


class ListedCaps(NamedTuple):
    """One market's, in lots; `price_e8` is 0 before any batch has priced it."""

    market: int
    price_e8: int
    residual_cap_e8: int
    position_cap_e8: int
    h_min_e6: int


def listed_caps(venue: Venue, planned: Mapping[int, MarketPlan]) -> list[ListedCaps]:
    """Every listed market's newest parameters, those of `planned` in the place of their own."""
    clearing, numbers = venue["Clearing"], range(1, MARKETS_MAX)
    words = clearing.calls("market_words", [(market * 8,) for market in numbers])
    clocks = {
        market: unpack_clock(int(word))
        for market, word in zip(numbers, words, strict=True)
        if int(word) or market in planned
    }
    newest = [parameter_place(market, clock.version) for market, clock in clocks.items()]
    rates = clearing.calls("parameter_words", [(place,) for place in newest])
    limits = clearing.calls("parameter_words", [(place + 1,) for place in newest])
    found = []
    for (market, clock), rate_word, caps_word in zip(clocks.items(), rates, limits, strict=True):
        rate, caps = unpack_rates(int(rate_word)), unpack_caps(int(caps_word))
        if market in planned:
            rate, caps = planned[market].rates, planned[market].caps
        if rate.status != STATUS_UNLISTED:
            lots = caps.residual_cap_e8, caps.position_cap_e8
            found.append(ListedCaps(market, clock.price_e8, *lots, rate.h_min_e6))
    return found
