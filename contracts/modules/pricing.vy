# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Pricing
@license AGPL-3.0-only
@notice Margin by notional, funding credit, and the one question asked of every position: does this change shrink it?
        Pure.
"""

TIER_BITS: constant(uint256) = 68           # tier 0 ends at 2^68 of base e8 * price e8: 29,515 USD
STEEP_BITS: constant(uint256) = 20          # how finely the growing rate is graded


@internal
@pure
def _margin(size: uint256, rate: uint256, tier: uint256) -> uint256:
    """
    @notice Margin of a position, e6, rounded up: its rate of notional, growing with it beyond the tier's bound.
    @param size |base * price|, below 2^126.
    @param rate Share of notional, e6.
    """
    weight: uint256 = unsafe_mul(size, rate)
    if size >> TIER_BITS != 0:
        weight = self._steepened(weight, size, tier)
    return unsafe_div(unsafe_add(weight, 10**16 - 1), 10**16)


@internal
@pure
def _steepened(weight: uint256, size: uint256, tier: uint256) -> uint256:
    """
    @notice size * rate, times size over the tier's bound where it is beyond; never more than the whole notional.
    """
    if size >> unsafe_add(TIER_BITS, tier) == 0:
        return weight
    # below 2^126 * 2^20 * 2^78
    steep: uint256 = unsafe_mul(weight, size >> unsafe_add(TIER_BITS - STEEP_BITS, tier))
    return min(unsafe_add(steep, 2**STEEP_BITS - 1) >> STEEP_BITS, unsafe_mul(size, 10**6))


@internal
@pure
def _shrinks(base: int256, change: int256) -> bool:
    """
    @notice Whether base + change is no farther from zero than base, and not beyond it.
    """
    if base > 0:
        return change <= 0 and unsafe_add(base, change) >= 0
    return change >= 0 and unsafe_add(base, change) <= 0


@internal
@pure
def _credit(base: int256, step: int256, scale: uint256) -> int256:
    """
    @notice Funding due to a position for an index step, rounded toward minus infinity: payers up, receivers down.
    """
    return unsafe_sub(0, unsafe_mul(base, step)) >> scale
