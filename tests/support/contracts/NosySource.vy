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


oracle: Oracle
nosy: bool


@external
def look(oracle: address, nosy: bool):
    """
    @notice Whom to look at, and whether to.
    """
    self.oracle = Oracle(oracle)
    self.nosy = nosy


@external
@view
def latest() -> (uint256, uint256):
    """
    @notice A price, after a look.
    """
    if self.nosy:
        assert staticcall self.oracle.sequencer_up(), "source: sequencer is down"
    return 10**8, block.timestamp
