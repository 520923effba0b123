# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Source
@license AGPL-3.0-only
@notice A second source for devnets and tests: it says what anybody told it last. Never part of a release.
@dev Units: price e8, time s.
@custom:halt Nothing to stop: nobody should believe it.
"""

from ..interfaces import ISource

implements: ISource


price_e8: public(uint256)
time_s: public(uint256)


@deploy
def __init__(price_e8: uint256):
    """
    @notice Say a price from the start.
    """
    self.price_e8 = price_e8
    self.time_s = block.timestamp


@external
def say(price_e8: uint256, time_s: uint256):
    """
    @notice Say something else.
    """
    self.price_e8 = price_e8
    self.time_s = time_s


@external
@view
def latest() -> (uint256, uint256):
    """
    @notice What was said last.
    """
    return self.price_e8, self.time_s
