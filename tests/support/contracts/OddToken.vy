# pragma version 0.4.3
"""
@title OddToken
@license AGPL-3.0-only
@notice A token for tests that misbehaves on request: refuses with False, takes a fee, or calls somebody first.
"""

balanceOf: public(HashMap[address, uint256])
refusing: public(bool)
shy: public(bool)
fee: public(uint256)
target: public(address)
message: Bytes[4096]
patience: uint256


@external
def mint(to: address, amount: uint256):
    """
    @notice Make tokens.
    """
    self.balanceOf[to] += amount


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Everybody may spend everything anyway.
    """
    return not self.shy


@external
def shun(shy: bool):
    """
    @notice Choose whether approvals answer with False from now on.
    """
    self.shy = shy


@external
def rebase(holder: address, balance: uint256):
    """
    @notice Let a balance change by itself.
    """
    self.balanceOf[holder] = balance


@external
def misbehave(refusing: bool, fee: uint256, target: address, message: Bytes[4096]):
    """
    @notice Choose what is odd about transfers from now on: the call is made by one alone, the first.
    """
    self.refusing = refusing
    self.fee = fee
    self.target = target
    self.message = message
    self.patience = 0


@external
def bide(patience: uint256):
    """
    @notice Let so many transfers pass before the call.
    """
    self.patience = patience


@external
def call(target: address, message: Bytes[4096]):
    """
    @notice Let the token itself call somebody.
    """
    raw_call(target, message)


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Move tokens, oddly.
    """
    return self._move(msg.sender, to, amount)


@external
def transferFrom(owner: address, to: address, amount: uint256) -> bool:
    """
    @notice Move anybody's tokens, oddly.
    """
    return self._move(owner, to, amount)


@internal
def _move(owner: address, to: address, amount: uint256) -> bool:
    target: address = self.target
    if self.patience != 0:
        self.patience -= 1
    elif target != empty(address):
        self.target = empty(address)    # else a call that moves money would call itself until its gas ends
        raw_call(target, self.message)
    if self.refusing:
        return False
    self.balanceOf[owner] -= amount
    self.balanceOf[to] += amount - self.fee
    return True
