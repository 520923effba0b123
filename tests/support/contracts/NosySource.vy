# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title NosySource
@license AGPL-3.0-only
@notice A second source that looks at the Oracle while it is asked; for tests alone.
@custom:halt Nothing to stop.
"""

interface Oracle:
    def sequencer_up() -> bool: view
    def readings(market: uint256) -> uint256: view
    def threshold() -> uint256: view


oracle: Oracle
nosy: uint256       # 1 asks for the sequencer, 2 for a reading, 3 for how many must sign, 0 for nothing


@external
def look(oracle: address, nosy: uint256):
    """
    @notice Whom to look at, and for what.
    """
    self.oracle = Oracle(oracle)
    self.nosy = nosy


@external
@view
def latest() -> (uint256, uint256):
    """
    @notice A price, after a look.
    """
    if self.nosy == 1:
        assert staticcall self.oracle.sequencer_up(), "source: sequencer is down"
    if self.nosy == 2:
        assert staticcall self.oracle.readings(1) != 0, "source: no reading"
    if self.nosy == 3:
        assert staticcall self.oracle.threshold() != 0, "source: no threshold"
    return 10**8, block.timestamp
