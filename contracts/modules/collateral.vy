# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Collateral
@license AGPL-3.0-only
@notice Who owns what collateral: account words and pending withdrawals.
@dev Accounts 0 (pool), 1 (backstop), 2 (insurance) and 3 (treasury) exist from the start; the last two hold collateral
     only and belong to nobody. Ids 4..16 are left out, see `Clearing.positions`.
"""

from . import packing
from . import reasons
from ..interfaces import IClearing

uses: reasons

FIRST_TRADER: constant(uint256) = 17
INSURANCE: constant(uint256) = 2            # holds collateral only: pays what bankrupt accounts owe
TREASURY: constant(uint256) = 3             # holds collateral only: the timelock's

account_count: public(uint256)              # the next id
accounts: public(uint256[2**32])            # owner 160 @96 | collateral i64 @32 | mask u16 @16 | epoch u16 @0
withdrawals: public(uint256[2**32])         # amount u64 @48 | barrier u48 @0; has left collateral already


@deploy
def __init__(pool: address, backstop_owner: address):
    self.accounts[0] = convert(pool, uint256) << 96
    self.accounts[1] = convert(backstop_owner, uint256) << 96
    self.account_count = FIRST_TRADER


@internal
@view
def _owned(account: uint256) -> uint256:
    """
    @notice The account word, if the caller owns it and it is a trader's.
    """
    word: uint256 = self.accounts[account]
    if word >> 96 != convert(msg.sender, uint256):
        reasons._refuse(reasons.NOT_THE_OWNER)
    return word


@internal
@view
def _with(word: uint256, amount: int256) -> uint256:
    """
    @notice The account word with another collateral.
    """
    if amount >> 63 != amount >> 255:
        reasons._refuse(reasons.AMOUNT_TOO_LARGE)
    return ((word >> 96) << 96) | ((word << 224) >> 224) | ((convert(convert(amount, bytes32), uint256) << 192) >> 160)
