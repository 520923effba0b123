# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Vault
@license AGPL-3.0-only
@notice Custody of the collateral token. Pays out on the word of Clearing or Pool; judges nothing, calls only its token.
@dev Units: money e6.
     C4 `accounted_e6` moves by exactly what was taken in or paid out; the balance is never below it, and a
        donation changes nothing.
@custom:halt Nothing stops it: whoever may move money is Clearing or Pool, and their rules stand there.
"""

from ethereum.ercs import IERC20
from .interfaces import IVault

implements: IVault


TOKEN: immutable(IERC20)
CLEARING: immutable(address)
POOL: immutable(address)


accounted_e6: public(uint256)


@deploy
def __init__(token: address, clearing: address, pool: address):
    """
    @notice Fix the token and the two callers for good.
    """
    assert token != empty(address), "vault: token is zero"
    assert clearing != empty(address), "vault: clearing is zero"
    assert pool != empty(address), "vault: pool is zero"
    TOKEN = IERC20(token)
    CLEARING = clearing
    POOL = pool


# -- money ---------------------------------------------------------------------

@external
def receive(sender: address, amount_e6: uint256):
    """
    @notice Take tokens in; Clearing or Pool have credited them already.
    @param sender Who pays; has approved this contract.
    @param amount_e6 What must arrive, exactly.
    """
    self._only_trusted()
    before: uint256 = staticcall TOKEN.balanceOf(self)

    accounted: uint256 = self.accounted_e6 + amount_e6
    self.accounted_e6 = accounted
    log IVault.Received(sender=sender, amount_e6=amount_e6, accounted_e6=accounted)

    assert extcall TOKEN.transferFrom(sender, self, amount_e6, default_return_value=True), "vault: token refused"
    after: uint256 = staticcall TOKEN.balanceOf(self)
    assert after == before + amount_e6, "vault: wrong amount received"


@external
def release(to: address, amount_e6: uint256):
    """
    @notice Pay tokens out; Clearing or Pool have debited them already.
    @param amount_e6 What must leave, exactly.
    """
    self._only_trusted()
    accounted: uint256 = self.accounted_e6
    assert amount_e6 <= accounted, "vault: more than accounted"
    before: uint256 = staticcall TOKEN.balanceOf(self)

    accounted -= amount_e6
    self.accounted_e6 = accounted
    log IVault.Released(to=to, amount_e6=amount_e6, accounted_e6=accounted)

    assert extcall TOKEN.transfer(to, amount_e6, default_return_value=True), "vault: token refused"
    after: uint256 = staticcall TOKEN.balanceOf(self)
    assert after + amount_e6 == before, "vault: wrong amount released"


# -- views ---------------------------------------------------------------------

@external
@view
def token() -> address:
    """
    @notice The one token held here.
    """
    return TOKEN.address


@external
@view
def clearing() -> address:
    """
    @notice One of the two callers.
    """
    return CLEARING


@external
@view
def pool() -> address:
    """
    @notice The other caller.
    """
    return POOL


# -- internals -----------------------------------------------------------------

@internal
@view
def _only_trusted():
    assert msg.sender == CLEARING or msg.sender == POOL, "vault: not clearing or pool"
