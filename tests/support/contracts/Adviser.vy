# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Adviser
@license AGPL-3.0-only
@notice Stands in for Recovery and answers what it was told to; for tests alone.
@custom:halt Nothing to stop.
"""

answers: HashMap[uint256, HashMap[uint256, uint256]]    # by key and time


@external
def tell(key: uint256, time_ms: uint256, answer: uint256):
    """
    @notice What to say of a position at a time.
    """
    self.answers[key][time_ms] = answer


@external
@view
def resumed(before: uint256, mark: uint256, events: uint256, key: uint256, time_ms: uint256) -> uint256:
    """
    @notice As of `IRecovery`: what it was told, or the mark.
    """
    answer: uint256 = self.answers[key][time_ms]
    return mark if answer == 0 else answer
