# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title MuteToken
@license AGPL-3.0-only
@notice A token for tests whose transfers return nothing, as some old ones do.
"""

balanceOf: public(HashMap[address, uint256])


@external
def mint(to: address, amount: uint256):
    """
    @notice Make tokens.
    """
    self.balanceOf[to] += amount


@external
def approve(spender: address, amount: uint256):
    """
    @notice Everybody may spend everything anyway.
    """
    pass


@external
def transfer(to: address, amount: uint256):
    """
    @notice Move tokens and say nothing.
    """
    self.balanceOf[msg.sender] -= amount
    self.balanceOf[to] += amount


@external
def transferFrom(owner: address, to: address, amount: uint256):
    """
    @notice Move anybody's tokens and say nothing.
    """
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount
