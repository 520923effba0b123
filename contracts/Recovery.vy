# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Recovery
@license AGPL-3.0-only
@notice Judges who is below maintenance margin and asks `Clearing` to shrink them. Owns nothing, remembers nothing.
@dev Units: money e6, size e8, price e8, time ms. Words and rules: docs/protocol.md sections 3, 5.4 and 7.
     C10 an account below maintenance can be shrunk by anybody, at the oracle's price
     C9  nobody is shrunk at a price that a second source contradicts, nor before the sequencer has been up for its grace
     An account at or above maintenance cannot be touched; `Clearing.apply` checks the rest by itself.
@custom:halt Nothing stops it: a venue that cannot liquidate is insolvent.
"""

from .interfaces import IClearing
from .interfaces import IOracle
from .interfaces import IRecovery
from .modules import collateral
from .modules import packing
from .modules import pricing
from .modules import signers
from .modules import units

implements: IRecovery


PLACES: constant(uint256) = 16
FUNDING_SCALE: constant(int256) = 10**19 * 86_400_000   # e8 price, e9 rate a day, to e6 a lot a millisecond

CLEARING: immutable(IClearing)
ORACLE: immutable(IOracle)


@deploy
def __init__(clearing: address, oracle: address):
    """
    @notice Fix the parts for good.
    """
    assert clearing != empty(address), "recovery: clearing is zero"
    assert oracle != empty(address), "recovery: oracle is zero"
    CLEARING = IClearing(clearing)
    ORACLE = IOracle(oracle)


# -- liquidation ---------------------------------------------------------------

@external
def liquidate(
    head: uint256,
    openings: DynArray[uint256, 64],
    signatures_: DynArray[signers.Signature, 16],
    account: uint256,
    index: uint256,
    size_e8: uint256,
):
    """
    @notice Shrink one position of an account below maintenance, at a fresh vector's price. Anyone may.
    @param index The position's place, 0..15.
    @param size_e8 Lots to close, at most what it holds.
    """
    assert account >= collateral.FIRST_TRADER and account < 2**32, "recovery: not a trader"
    assert index < PLACES, "recovery: index out of range"
    held: uint256 = staticcall CLEARING.positions(account * PLACES + index)
    assert held != 0, "recovery: no position"
    base: int256 = packing._signed(held, 176, 64)
    assert size_e8 != 0 and size_e8 <= convert(abs(base), uint256), "recovery: size out of range"
    assert staticcall ORACLE.sequencer_up(), "recovery: sequencer is down"
    equity: int256 = 0
    margin: uint256 = 0
    doubtful: bool = False
    equity, margin, doubtful = self._health(head, openings, signatures_, account)
    assert not doubtful, "recovery: price is doubtful"
    assert equity < convert(margin, int256), "recovery: account is healthy"

    change: int256 = convert(size_e8, int256)
    if base > 0:
        change = -change
    extcall CLEARING.apply(head, openings, signatures_, account, index, change)


# -- views ---------------------------------------------------------------------

@external
@view
def health(
    head: uint256, openings: DynArray[uint256, 64], signatures_: DynArray[signers.Signature, 16], account: uint256
) -> (int256, uint256):
    """
    @notice Equity without haircut and maintenance margin at a vector; below it, `liquidate` works.
    @return equity, maintenance margin (e6)
    """
    equity: int256 = 0
    margin: uint256 = 0
    doubtful: bool = False
    equity, margin, doubtful = self._health(head, openings, signatures_, account)
    return equity, margin


@external
@view
def clearing() -> address:
    """
    @notice Whose accounts are judged.
    """
    return CLEARING.address


@external
@view
def oracle() -> address:
    """
    @notice Whose prices they are judged at.
    """
    return ORACLE.address


# -- internals -----------------------------------------------------------------

@internal
@view
def _health(
    head: uint256, openings: DynArray[uint256, 64], signatures_: DynArray[signers.Signature, 16], account: uint256
) -> (int256, uint256, bool):
    """
    @notice Collateral, pending withdrawal and every position marked at the vector, funding to its T.
    @return equity, maintenance margin, whether a second source contradicts a price they were made of
    """
    root: bytes32 = empty(bytes32)
    words: uint256[64] = empty(uint256[64])
    doubtful: uint256 = 0
    doubted: bool = False
    root, words, doubtful = staticcall ORACLE.verify(head, openings, signatures_)
    time_ms: uint256 = (head >> 16) & packing.M48

    account_word: uint256 = staticcall CLEARING.accounts(account)
    withdrawal: uint256 = staticcall CLEARING.withdrawals(account)
    equity: int256 = packing._collateral_of(account_word) + convert(withdrawal >> 48, int256)
    margin: uint256 = 0
    mask: uint256 = (account_word >> 16) & packing.M16
    for index: uint256 in range(PLACES):
        if (mask >> index) & 1 == 0:
            continue
        held: uint256 = staticcall CLEARING.positions(account * PLACES + index)
        market: uint256 = held >> 240
        price: uint256 = (words[market >> 2] >> (64 * (3 - (market & 3)))) & packing.M64
        assert price != 0, "recovery: no price"
        doubted = doubted or (doubtful >> market) & 1 != 0
        value: int256 = 0
        required: uint256 = 0
        value, required = self._weigh(held, market, price, time_ms)
        equity += value
        margin += required
    return equity, margin, doubted


@internal
@view
def _weigh(held: uint256, market: uint256, price: uint256, time_ms: uint256) -> (int256, uint256):
    """
    @notice What one position is worth at a price, and its maintenance margin.
    """
    base: int256 = 0
    quote: int256 = 0
    index: int256 = 0
    base, quote, index = packing._unpack_position(held)
    clock: uint256 = staticcall CLEARING.market_words(market * 8)
    version: uint256 = (clock >> 8) & 1
    if time_ms <= ((clock >> 16) & packing.M32) * 1000:
        version = 1 - version
    rates: uint256 = staticcall CLEARING.parameter_words(market * 8 + version * 4)

    # funding: the stored index, and what has run up since, towards zero
    scale: uint256 = (rates >> 76) & packing.M8
    last_ms: uint256 = (clock >> 48) & packing.M48
    now_index: int256 = packing._signed(clock, 192, 64)
    if last_ms != 0 and time_ms > last_ms:
        rate_e9: int256 = packing._signed(clock, 160, 32)
        step: int256 = rate_e9 * convert(price * (time_ms - last_ms), int256)
        now_index += step * convert(2**scale, int256) // FUNDING_SCALE
        now_index = max(-(2**63), min(2**63 - 1, now_index))    # where Clearing's stands still
    value: int256 = quote + pricing._credit(base, now_index - index, scale)

    exposure: int256 = base * convert(price, int256)
    value += units._floor_lots(exposure)
    return value, pricing._margin(convert(abs(exposure), uint256), (rates >> 216) & packing.M20, (rates >> 72) & 15)
