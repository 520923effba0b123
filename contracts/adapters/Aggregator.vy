# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Aggregator
@license AGPL-3.0-only
@notice A Chainlink-style aggregator as a second source: one feed, its answer in e8.
@dev The feed's decimals are read each time: a proxy may change what stands behind it. An answer clamped at a feed's
     floor or ceiling passes here and disagrees with the vector, which is what makes the market shrink only.
@custom:halt Holds nothing: Governance names another source.
"""

from ..interfaces import IAggregator
from ..interfaces import ISource

implements: ISource

ANSWER_MAX: constant(int256) = 2**127   # times 10**8 it stays far below 2**256
DECIMALS_MAX: constant(uint256) = 36

FEED: public(immutable(IAggregator))


@deploy
def __init__(feed: address):
    """
    @notice Fix the feed; it must answer already.
    """
    assert feed != empty(address), "aggregator: feed is zero"
    FEED = IAggregator(feed)
    price_e8: uint256 = 0
    time_s: uint256 = 0
    price_e8, time_s = self._latest(FEED)


@external
@view
def latest() -> (uint256, uint256):
    """
    @notice The answer of the last round, e8 rounded down, and when it was given; reverts unless that round is whole.
    """
    price_e8: uint256 = 0
    time_s: uint256 = 0
    price_e8, time_s = self._latest(FEED)
    return price_e8, time_s


@internal
@view
def _latest(feed: IAggregator) -> (uint256, uint256):
    round: uint80 = 0
    answer: int256 = 0
    started_s: uint256 = 0
    updated_s: uint256 = 0
    answered: uint80 = 0
    round, answer, started_s, updated_s, answered = staticcall feed.latestRoundData()
    assert updated_s != 0, "aggregator: round is not complete"
    assert answered >= round, "aggregator: answer of an earlier round"
    assert answer > 0, "aggregator: answer is not positive"
    assert answer < ANSWER_MAX, "aggregator: answer out of range"
    decimals: uint256 = convert(staticcall feed.decimals(), uint256)
    assert decimals <= DECIMALS_MAX, "aggregator: too many decimals"
    return convert(answer, uint256) * 10**8 // 10**decimals, updated_s
