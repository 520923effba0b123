# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Teller
@license AGPL-3.0-only
@notice Deposits in one transaction: the caller's permit (ERC-2612), then the caller's own deposit. Nobody trusts it.
@dev Units: money e6, time s.
     C4 it holds nothing between calls, and what it takes from its caller goes into the vault in the same call
     A permit is public once it is sent, and anyone may use it up first. That only makes the allowance stand earlier,
     so its failure is ignored and the allowance decides. The permit names the teller and the teller takes from its
     caller alone: nobody's permit pays for anybody else's deposit.
@custom:halt Nothing to stop: approve `Vault` and call `Clearing` instead.
"""

from ethereum.ercs import IERC20
from .interfaces import IClearing
from .interfaces import IVault


TOKEN: public(immutable(IERC20))
VAULT: public(immutable(IVault))


@deploy
def __init__(token: address, vault: address):
    """
    @notice Fix the token and the vault for good; which Clearing is paid is the vault's to say.
    """
    assert token != empty(address), "teller: token is zero"
    assert vault != empty(address), "teller: vault is zero"
    TOKEN = IERC20(token)
    VAULT = IVault(vault)


@external
def deposit_with_permit(account: uint256, amount_e6: uint256, deadline_s: uint256, v: uint8, r: bytes32, s: bytes32):
    """
    @notice Pay the caller's tokens into an account, `Clearing.deposit`.
    @param deadline_s Of the permit, and v, r, s its signature: owner is the caller, spender the teller.
    """
    self._permit(amount_e6, deadline_s, v, r, s)
    self._take(amount_e6)
    clearing: IClearing = IClearing(staticcall VAULT.clearing())
    extcall clearing.deposit(account, amount_e6)


@external
def open_account_with_permit(amount_e6: uint256, deadline_s: uint256, v: uint8, r: bytes32, s: bytes32) -> uint256:
    """
    @notice Open an account for the caller and pay its first deposit, `Clearing.open_account`.
    @return its id
    """
    self._permit(amount_e6, deadline_s, v, r, s)
    self._take(amount_e6)
    clearing: IClearing = IClearing(staticcall VAULT.clearing())
    account: uint256 = extcall clearing.open_account(msg.sender, amount_e6)
    return account


@internal
def _permit(amount_e6: uint256, deadline_s: uint256, v: uint8, r: bytes32, s: bytes32):
    used: bool = raw_call(
        TOKEN.address,
        abi_encode(
            msg.sender,
            self,
            amount_e6,
            deadline_s,
            v,
            r,
            s,
            method_id=method_id("permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
        ),
        max_outsize=0,
        gas=msg.gas,
        revert_on_failure=False,
    )


@internal
def _take(amount_e6: uint256):
    assert extcall TOKEN.transferFrom(msg.sender, self, amount_e6, default_return_value=True), "teller: token refused"
    assert extcall TOKEN.approve(VAULT.address, amount_e6, default_return_value=True), "teller: token refused"
