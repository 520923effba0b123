# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Uptime
@license AGPL-3.0-only
@notice Whether the chain's sequencer runs, and has run for long enough that everybody could act again.
@dev A feed that says nothing sensible (no start, a start ahead of the block) counts as down; one that does not answer
     reverts whoever asks. Governance can name another or none.
"""

from ..interfaces import IAggregator

GRACE_S_MIN: constant(uint256) = 60
GRACE_S_MAX: constant(uint256) = 86_400     # a day without liquidations is a venue without a floor


event UptimeSet:
    feed: indexed(address)
    grace_s: uint256


uptime_word: public(uint256)    # feed 160 @32 | grace_s 32 @0; 0: no feed, always up


@internal
def _set(feed: address, grace_s: uint256):
    """
    @notice Name the feed and the grace; the zero address with no grace takes it away. Nothing signed depends on it.
    """
    if feed == empty(address):
        assert grace_s == 0, "oracle: grace out of range"
        self.uptime_word = 0
    else:
        assert grace_s >= GRACE_S_MIN and grace_s <= GRACE_S_MAX, "oracle: grace out of range"
        self.uptime_word = convert(feed, uint256) * 2**32 | grace_s
        up: bool = self._up()   # it must answer, whatever it says
    log UptimeSet(feed=feed, grace_s=grace_s)


@internal
@view
def _up() -> bool:
    """
    @notice Whether the sequencer has been up for longer than the grace.
    """
    word: uint256 = self.uptime_word
    if word == 0:
        return True
    round: uint80 = 0
    answer: int256 = 0
    started_s: uint256 = 0
    updated_s: uint256 = 0
    answered: uint80 = 0
    round, answer, started_s, updated_s, answered = staticcall IAggregator(
        convert(word >> 32, address)
    ).latestRoundData()
    if answer != 0 or started_s == 0 or started_s > block.timestamp:
        return False
    return block.timestamp - started_s > word & (2**32 - 1)
