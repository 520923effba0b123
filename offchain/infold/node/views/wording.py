# SPDX-License-Identifier: Apache-2.0
"""How every view words a price and a market."""

from __future__ import annotations

from infold.core.state import State
from infold.units import PRICE_DECIMALS, format_decimal


class MarketNames:
    """What markets are listed as; a listing's name never changes."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: dict[int, str] = {}

    def of(self, market: int) -> str:
        """One market's name."""
        name = self._known.get(market)
        if name is None:
            held = self._state.markets[market]
            name = self._known[market] = held.parameters[held.clock.version].listing.name
        return name


def price_text(price_e8: int) -> str | None:
    """A price as a decimal, null where there is none."""
    return format_decimal(price_e8, PRICE_DECIMALS) if price_e8 else None
