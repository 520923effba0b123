# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Collateral
@license AGPL-3.0-only
@notice Who owns what collateral: account words and pending withdrawals, and who pays for the bankrupt (C10).
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
    @notice The account word, if the caller owns it: a trader's, or the backstop's.
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


@internal
def _gain(account: uint256, amount: int256):
    """
    @notice Move an account's collateral, outside its own fills.
    """
    word: uint256 = self.accounts[account]
    word = self._with(word, (convert(convert(word << 160, bytes32), int256) >> 192) + amount)
    self.accounts[account] = word
    log IClearing.CollateralMoved(account=account, amount_e6=amount, word=word)


@internal
def _move(account: uint256, amount: uint256, sign: int256):
    if amount != 0:
        self._gain(account, sign * convert(convert(amount, bytes32), int256))


@internal
def _set_withdrawal(account: uint256, word: uint256, withdrawal: uint256):
    self.accounts[account] = word
    self.withdrawals[account] = withdrawal
    log IClearing.WithdrawalSet(account=account, word=word, withdrawal=withdrawal)


@internal
def _cover(account: uint256, keeper: uint256, bounty: uint256):
    """
    @notice Bankruptcy: what an account without positions owes is paid by insurance, then by the pool (C10). The
            backstop's positions stand outside its word: the caller looks at them.
    @param bounty What insurance adds to the keeper's part, as far as it can: once, for the debt is then gone.
    """
    word: uint256 = self.accounts[account]
    cash: int256 = convert(convert(word << 160, bytes32), int256) >> 192
    if (word >> 16) & packing.M16 != 0 or cash >= 0:
        return
    pending: uint256 = self.withdrawals[account] >> 48
    if pending != 0:
        # what was to leave answers first
        cash = cash + convert(convert(pending, bytes32), int256)
        self._set_withdrawal(account, self._with(word, cash), 0)
        if cash >= 0:
            return
    debt: uint256 = convert(-cash, uint256)
    insured: uint256 = convert(
        max(0, convert(convert(self.accounts[INSURANCE] << 160, bytes32), int256) >> 192), uint256
    )
    paid: uint256 = min(debt, insured)
    rest: uint256 = debt - paid
    self._move(account, debt, 1)
    self._move(0, rest, -1)
    extra: uint256 = 0
    if keeper != 0:
        extra = min(bounty, insured - paid)
        self._move(keeper, extra, 1)
    self._move(INSURANCE, paid + extra, -1)
    log IClearing.Covered(account=account, insurance_e6=paid, pool_e6=rest)
