# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Pull
@license AGPL-3.0-only
@notice A Pyth-style pull feed as a second source: one price id, its price in e8.
@dev Somebody pays the feed to bring a price on chain; this reads the last one brought. How old it may be is Oracle's
     to judge, so the feed is asked without an age.
@custom:halt Holds nothing: Governance names another source.
"""

from ..interfaces import IPull
from ..interfaces import ISource

implements: ISource

EXPO_MIN: constant(int256) = -36
EXPO_MAX: constant(int256) = 12         # i64 times 10**20 stays far below 2**256
CONF_E6_MAX: constant(uint256) = 100_000    # a source unsure by a tenth says nothing about a price

FEED: public(immutable(IPull))
ID: public(immutable(bytes32))
CONF_E6: public(immutable(uint256))


@deploy
def __init__(feed: address, id: bytes32, conf_e6: uint256):
    """
    @notice Fix the feed and the price it is asked for; it must answer already.
    @param conf_e6 How wide the confidence interval's half may be, as a share of the price.
    """
    assert feed != empty(address), "pull: feed is zero"
    assert conf_e6 != 0 and conf_e6 <= CONF_E6_MAX, "pull: confidence out of range"
    FEED = IPull(feed)
    ID = id
    CONF_E6 = conf_e6
    price_e8: uint256 = 0
    time_s: uint256 = 0
    price_e8, time_s = self._latest(FEED, id, conf_e6)


@external
@view
def latest() -> (uint256, uint256):
    """
    @notice The last price brought on chain, e8 rounded down, and its publish time; reverts where the feed is unsure of it.
    """
    price_e8: uint256 = 0
    time_s: uint256 = 0
    price_e8, time_s = self._latest(FEED, ID, CONF_E6)
    return price_e8, time_s


@internal
@view
def _latest(feed: IPull, id: bytes32, conf_e6: uint256) -> (uint256, uint256):
    found: IPull.Price = staticcall feed.getPriceUnsafe(id)
    assert found.price > 0, "pull: price is not positive"
    price: uint256 = convert(found.price, uint256)
    assert convert(found.conf, uint256) * 10**6 <= price * conf_e6, "pull: price is not certain enough"
    expo: int256 = convert(found.expo, int256)
    assert expo >= EXPO_MIN and expo <= EXPO_MAX, "pull: exponent out of range"
    if expo < -8:
        return price // 10**convert(-8 - expo, uint256), found.publishTime
    return price * 10**convert(expo + 8, uint256), found.publishTime
