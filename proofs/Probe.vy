# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Probe
@license AGPL-3.0-only
@notice Shows what modules keep to themselves, so that something can be proven of it; never deployed.
"""

from modules import packing
from modules import pricing
from modules import units


# -- packing -------------------------------------------------------------------

@external
@pure
def position(base: int256, quote: int256, mark: uint256) -> uint256:
    return packing._position(base, quote, mark)


@external
@pure
def unpack_position(word: uint256) -> (int256, int256, int256):
    base: int256 = 0
    quote: int256 = 0
    index: int256 = 0
    base, quote, index = packing._unpack_position(word)
    return base, quote, index


@external
@pure
def book(base: int256, quote: int256) -> uint256:
    return packing._book(base, quote)


@external
@pure
def unpack_book(word: uint256) -> (int256, int256):
    base: int256 = 0
    quote: int256 = 0
    base, quote = packing._unpack_book(word)
    return base, quote


@external
@pure
def entered(ledger: uint256, realised: int256, fees: uint256, pot: int256) -> uint256:
    return packing._entered(ledger, realised, fees, pot)


@external
@pure
def sums(high: int256, middle: int256, low: int256) -> int256:
    return packing._sums(high, middle, low)


@external
@pure
def unpack_sums(word: int256) -> (int256, int256, int256):
    high: int256 = 0
    middle: int256 = 0
    low: int256 = 0
    high, middle, low = packing._unpack_sums(word)
    return high, middle, low


# -- rounding ------------------------------------------------------------------

@external
@pure
def ceil_div(dividend: uint256, divisor: uint256) -> uint256:
    return units._ceil_div(dividend, divisor)


@external
@pure
def floor_lots(product: int256) -> int256:
    return units._floor_lots(product)


@external
@pure
def credit(base: int256, step: int256, scale: uint256) -> int256:
    return pricing._credit(base, step, scale)


@external
@pure
def shrinks(base: int256, change: int256) -> bool:
    return pricing._shrinks(base, change)
