# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title OddFeed
@license AGPL-3.0-only
@notice A Chainlink-style feed that says whatever it is told, whole rounds or not; for tests alone.
@custom:halt Nothing to stop.
"""

count: uint8
round: uint80
answer: int256
started_s: uint256
updated_s: uint256
answered: uint80
mute: bool


@external
def say(count: uint8, round: uint80, answer: int256, started_s: uint256, updated_s: uint256, answered: uint80):
    """
    @notice What to answer from now on.
    """
    self.count = count
    self.round = round
    self.answer = answer
    self.started_s = started_s
    self.updated_s = updated_s
    self.answered = answered


@external
def set_mute(mute: bool):
    """
    @notice Whether to answer at all.
    """
    self.mute = mute


@external
@view
def decimals() -> uint8:
    """
    @notice What was told.
    """
    return self.count


@external
@view
def latestRoundData() -> (uint80, int256, uint256, uint256, uint80):
    """
    @notice What was told.
    """
    assert not self.mute, "feed: mute"
    return self.round, self.answer, self.started_s, self.updated_s, self.answered
