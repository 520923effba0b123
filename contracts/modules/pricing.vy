# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Pricing
@license AGPL-3.0-only
@notice Funding credit and the one question asked of every position: does this change shrink it? Pure.
"""


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
