# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Carrier
@license AGPL-3.0-only
@notice Makes two calls in one transaction, for tests of what a transaction remembers.
"""


@external
def carry(target: address, first: Bytes[8192], second: Bytes[8192]):
    """
    @notice Call twice; a revert of either is passed on.
    """
    raw_call(target, first)
    raw_call(target, second)
