# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title PackingProbe
@license AGPL-3.0-only
@notice Shows the `packing` module to tests; nothing else uses it.
"""

from modules import packing


@external
@pure
def field(x: int256, bits: uint256) -> uint256:
    """
    @notice See the module.
    """
    return packing._field(x, bits)


@external
@pure
def count(x: uint256, bits: uint256) -> uint256:
    """
    @notice See the module.
    """
    return packing._count(x, bits)


@external
@pure
def signed(word: uint256, low: uint256, bits: uint256) -> int256:
    """
    @notice See the module.
    """
    return packing._signed(word, low, bits)


@external
@pure
def collateral_of(word: uint256) -> int256:
    """
    @notice See the module.
    """
    return packing._collateral_of(word)


@external
@pure
def position(base: int256, quote: int256, mark: uint256) -> uint256:
    """
    @notice See the module.
    """
    return packing._position(base, quote, mark)


@external
@pure
def unpack_position(word: uint256) -> (int256, int256, int256):
    """
    @notice See the module.
    """
    base: int256 = 0
    quote: int256 = 0
    index: int256 = 0
    base, quote, index = packing._unpack_position(word)
    return base, quote, index


@external
@pure
def book(base: int256, quote: int256) -> uint256:
    """
    @notice See the module.
    """
    return packing._book(base, quote)


@external
@pure
def unpack_book(word: uint256) -> (int256, int256):
    """
    @notice See the module.
    """
    base: int256 = 0
    quote: int256 = 0
    base, quote = packing._unpack_book(word)
    return base, quote


@external
@pure
def entered(ledger: uint256, realised: int256, fees: uint256, pot: int256) -> uint256:
    """
    @notice See the module.
    """
    return packing._entered(ledger, realised, fees, pot)


@external
@pure
def last_of(long: bool, events: uint256) -> uint256:
    """
    @notice See the module.
    """
    return packing._last_of(long, events)


@external
@pure
def behind(held: uint256, events: uint256) -> bool:
    """
    @notice See the module.
    """
    return packing._behind(held, events)


@external
@pure
def deleveraging(closed: uint256, long: bool, total: uint256, price: uint256, mark: uint256) -> uint256:
    """
    @notice See the module.
    """
    return packing._deleveraging(closed, long, total, price, mark)


@external
@pure
def terms(price: uint256, bounty: uint256, charge: uint256) -> uint256:
    """
    @notice See the module.
    """
    return packing._terms(price, bounty, charge)


@external
@pure
def exit_of(long: bool, market: uint256, done_ms: uint256, asked_ms: uint256, size: uint256) -> uint256:
    """
    @notice See the module.
    """
    return packing._exit(long, market, done_ms, asked_ms, size)


@external
@pure
def withdrawal(amount: uint256, barrier_ms: uint256) -> uint256:
    """
    @notice See the module.
    """
    return packing._withdrawal(amount, barrier_ms)


@external
@pure
def sums(entries: DynArray[int256[3], 8]) -> (int256, int256, int256):
    """
    @notice Add entries in one word and take the three sums apart again.
    """
    word: int256 = 0
    for entry: int256[3] in entries:
        word = unsafe_add(word, packing._sums(entry[0], entry[1], entry[2]))
    high: int256 = 0
    middle: int256 = 0
    low: int256 = 0
    high, middle, low = packing._unpack_sums(word)
    return high, middle, low
