# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Amm
@license AGPL-3.0-only
@notice A constant-product pool for devnets: somewhere outside to hedge at. Never part of a release.
@dev Units: money e6 in the quote token, base in lots (e8) of the base token, fee e6 of the quote moved.
     Reserves are counted here and not read from balances: a donation moves no price.
     An order id is executed once for each sender, so sending it again is safe: it says "order known".
     Whoever funds the pool gives the tokens away; there are no shares.
@custom:halt Nothing to stop: it holds play money.
"""

from ethereum.ercs import IERC20


event Funded:
    base_e8: uint256
    quote_e6: uint256


event Swapped:
    owner: indexed(address)
    order: indexed(bytes32)
    base_e8: int256         # signed: what the owner bought
    quote_e6: uint256       # paid or received, the fee included
    fee_e6: uint256


struct Execution:
    base_e8: int256
    quote_e6: uint256
    fee_e6: uint256


FRACTION_ONE_E6: constant(uint256) = 10**6
FEE_E6_MAX: constant(uint256) = 10**5       # a tenth: dearer is a typing error
RESERVE_MAX: constant(uint256) = 2**96      # so that no product of two leaves 192 bits

BASE: public(immutable(IERC20))
QUOTE: public(immutable(IERC20))
FEE_E6: public(immutable(uint256))

base_reserve_e8: public(uint256)
quote_reserve_e6: public(uint256)
execution_of: public(HashMap[address, HashMap[bytes32, Execution]])


@deploy
def __init__(base: address, quote: address, fee_e6: uint256):
    assert base != empty(address) and quote != empty(address) and base != quote, "amm: bad tokens"
    assert fee_e6 <= FEE_E6_MAX, "amm: fee too high"
    BASE = IERC20(base)
    QUOTE = IERC20(quote)
    FEE_E6 = fee_e6


# -- trading -------------------------------------------------------------------

@external
def fund(base_e8: uint256, quote_e6: uint256):
    """
    @notice Give tokens to the pool; anyone may.
    """
    assert base_e8 > 0 and quote_e6 > 0, "amm: nothing given"
    base: uint256 = self.base_reserve_e8 + base_e8
    quote: uint256 = self.quote_reserve_e6 + quote_e6
    assert base < RESERVE_MAX and quote < RESERVE_MAX, "amm: pool too large"

    self.base_reserve_e8 = base
    self.quote_reserve_e6 = quote
    log Funded(base_e8=base_e8, quote_e6=quote_e6)
    assert extcall BASE.transferFrom(msg.sender, self, base_e8, default_return_value=True), "amm: no base"
    assert extcall QUOTE.transferFrom(msg.sender, self, quote_e6, default_return_value=True), "amm: no quote"


@external
def swap(order: bytes32, base_e8: int256, limit_e6: uint256):
    """
    @notice Buy (positive) or sell base against the pool, whole or not at all.
    @param order The sender's own id; executed once.
    @param limit_e6 Most to pay when buying, least to receive when selling.
    """
    assert self.execution_of[msg.sender][order].base_e8 == 0, "amm: order known"
    size: uint256 = self._size(base_e8)
    buys: bool = base_e8 > 0
    quote: uint256 = 0
    fee: uint256 = 0
    quote, fee = self._price(size, buys)
    if buys:
        assert quote <= limit_e6, "amm: limit"
        self.base_reserve_e8 -= size
        self.quote_reserve_e6 += quote
        assert self.quote_reserve_e6 < RESERVE_MAX, "amm: pool too large"
    else:
        assert quote >= limit_e6, "amm: limit"
        self.base_reserve_e8 += size
        self.quote_reserve_e6 -= quote
        assert self.base_reserve_e8 < RESERVE_MAX, "amm: pool too large"

    self.execution_of[msg.sender][order] = Execution(base_e8=base_e8, quote_e6=quote, fee_e6=fee)
    log Swapped(owner=msg.sender, order=order, base_e8=base_e8, quote_e6=quote, fee_e6=fee)
    if buys:
        assert extcall QUOTE.transferFrom(msg.sender, self, quote, default_return_value=True), "amm: no quote"
        assert extcall BASE.transfer(msg.sender, size, default_return_value=True), "amm: no base"
    else:
        assert extcall BASE.transferFrom(msg.sender, self, size, default_return_value=True), "amm: no base"
        assert extcall QUOTE.transfer(msg.sender, quote, default_return_value=True), "amm: no quote"


# -- views ---------------------------------------------------------------------

@external
@view
def preview(base_e8: int256) -> (uint256, uint256):
    """
    @notice What a swap would pay or receive now, the fee included, and the fee.
    """
    return self._price(self._size(base_e8), base_e8 > 0)


# -- internal ------------------------------------------------------------------

@internal
@pure
def _size(base_e8: int256) -> uint256:
    assert base_e8 != 0, "amm: no size"
    assert abs(base_e8) < convert(RESERVE_MAX, int256), "amm: size too large"
    return convert(abs(base_e8), uint256)


@internal
@view
def _price(size: uint256, buys: bool) -> (uint256, uint256):
    """
    @dev Rounded against the owner: x y never falls.
    """
    base: uint256 = self.base_reserve_e8
    quote: uint256 = self.quote_reserve_e6
    assert base > 0, "amm: pool empty"
    if buys:
        assert size < base, "amm: pool too small"
        paid: uint256 = (quote * size + base - size - 1) // (base - size)
        charged: uint256 = (paid * FEE_E6 + FRACTION_ONE_E6 - 1) // FRACTION_ONE_E6
        return paid + charged, charged
    received: uint256 = quote * size // (base + size)
    fee: uint256 = (received * FEE_E6 + FRACTION_ONE_E6 - 1) // FRACTION_ONE_E6
    return received - fee, fee
