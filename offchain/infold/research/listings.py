# SPDX-License-Identifier: Apache-2.0
"""How a recorded market is listed: its multiple, its tick, its name on chain.

Prices on chain are e8 integers that lie between 1e-4 and 1e6, so a coin worth a thousandth of a
cent is listed by the thousand (kCOIN) or by the million (MCOIN), and one worth millions by the
thousandth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from infold.errors import Rejected
from infold.research.faults import DataFault
from infold.units import (
    FRACTION_ONE_E6,
    SIZE_E8_MAX,
    Rounding,
    from_float,
    mul_div_down,
    mul_div_up,
)

PRICE_MIN, PRICE_MAX = 1e-4, 1e6
# A tick is between a hundredth and a tenth of a basis point of the price, so that the bounds
# around the oracle (h_min is a few basis points) always hold many ticks.
TICK_SHARE = 1e-5
NAME_LENGTH_MAX = 24  # bytes of the listing word

_MULTIPLES = ((0, ""), (3, "k"), (6, "M"), (9, "G"), (12, "T"), (-3, "m"), (-6, "u"))


@dataclass(frozen=True, slots=True)
class Listing:
    """A market as the venue lists it: one unit is ``10 ** power`` base units of the record."""

    name: str
    power: int
    tick_e8: int

    def price_e8(self, price: float) -> int:
        """A recorded price in this listing's unit, nearest."""
        return from_float(price * 10.0**self.power, 8, Rounding.NEAREST)

    def size_e8(self, size: float) -> int:
        """A recorded size in lots, nearest, at least one."""
        return max(1, from_float(size / 10.0**self.power, 8, Rounding.NEAREST))

    def limit_e8(self, price: float, slippage_e6: int, *, buy: bool) -> int:
        """A limit ``slippage_e6`` beyond a price, on the tick grid, rounded toward the trader.

        In integers from the nearest e8 price on: a float a hair below 100.1 must not cost a tick.
        """
        price_e8, one = self.price_e8(price), FRACTION_ONE_E6
        if buy:
            ticks = mul_div_down(price_e8, one + slippage_e6, one * self.tick_e8)
        else:
            ticks = mul_div_up(price_e8, one - slippage_e6, one * self.tick_e8)
        return max(1, ticks) * self.tick_e8


def listing_for(market: str, low: float, high: float, largest: float, path: Path) -> Listing:
    """List a market whose recorded prices lie between ``low`` and ``high``, sizes up to
    ``largest``.

    The smallest multiple is taken that brings prices into range and every size below the venue's
    largest. `DataFault` if none does.
    """
    for power, letter in _MULTIPLES:
        fits = PRICE_MIN <= low * 10.0**power and high * 10.0**power <= PRICE_MAX
        if fits and largest / 10.0**power * 1e8 < SIZE_E8_MAX:
            tick = 10 ** max(0, math.floor(math.log10(low * 10.0**power * 1e8 * TICK_SHARE)))
            return Listing((letter + market)[:NAME_LENGTH_MAX], power, tick)
    raise DataFault(
        path,
        f"prices of {market} run from {low} to {high}: no multiple brings them into 1e-4..1e6",
        "leave the market out or check the file",
        column="price",
    )


def names_of(market: str) -> dict[str, int]:
    """Every name a recorded market may be listed by, and the power of its multiple."""
    return {(letter + market)[:NAME_LENGTH_MAX]: power for power, letter in _MULTIPLES}


def check_count(count: int, most: int = 255) -> None:
    """`Rejected` above 255 markets, all that a venue lists: ids are one byte of the price list."""
    if count > most:
        raise Rejected(
            "PARAMETER",
            "market",
            f"the files speak of {count} markets where a venue lists at most {most}",
        )
