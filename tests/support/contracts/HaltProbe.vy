# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title HaltProbe
@license AGPL-3.0-only
@notice Stands where Clearing stands, and remembers the halt it was told.
@custom:halt Only a test.
"""

from_ms: public(uint256)
until_ms: public(uint256)


@external
def set_halt(from_ms: uint256, until_ms: uint256):
    """
    @notice What Governance's guardian door calls.
    """
    self.from_ms = from_ms
    self.until_ms = until_ms
