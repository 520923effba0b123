# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Delegates
@license AGPL-3.0-only
@notice Keys that sign orders for an account: in up to 8 markets, up to a notional an order, until an expiry; never
        withdrawals. `Clearing` asks here only for orders that say a delegate signed them.
@dev C5  no fill beyond what was signed, by a key that may sign it
     A grant is never edited, only revoked (behind the barrier) and granted anew, so a batch in flight is not surprised.
     Contract wallets' approvals will stand here too: this is the place that knows who speaks for an account.
@custom:halt Owners revoke; nothing else stops.
"""

from .interfaces import IClearing
from .interfaces import IDelegates
from .modules import packing
from .modules import units

implements: IDelegates

CLEARING: public(immutable(IClearing))

delegates: public(HashMap[uint256, HashMap[address, uint256]])  # 8 markets u16 @128 | notional u64 @64 | expiry u48 @0


@deploy
def __init__(clearing: address):
    """
    @notice Fix whose accounts these keys act for.
    """
    assert clearing != empty(address), "delegates: address is zero"
    CLEARING = IClearing(clearing)


@external
def grant(account: uint256, key: address, markets: uint256, notional_e6: uint256, expiry: uint256):
    """
    @notice Let a key sign orders, at once.
    @param markets Eight u16 market ids, zero for none.
    @param notional_e6 The most one order may be worth: size at its limit price.
    @param expiry The last T at which it signs, ms.
    """
    self._only_owner(account)
    assert key != empty(address), "delegates: key is zero"
    assert markets >> 128 == 0 and notional_e6 < 2**64 and expiry < 2**48, "delegates: out of range"
    now: uint256 = units._now_ms()
    assert expiry > now, "delegates: expiry has passed"
    assert now > (self.delegates[account][key] & packing.M48) + units.WINDOW_MS, "delegates: still live"

    self._set(account, key, (markets << 128) | (notional_e6 << 64) | expiry)


@external
def revoke(account: uint256, key: address):
    """
    @notice Take a key back, in batches later than the barrier.
    """
    self._only_owner(account)
    held: uint256 = self.delegates[account][key]
    barrier: uint256 = units._now_ms() + units.GUARD_MS
    assert held & packing.M48 > barrier, "delegates: not live"

    self._set(account, key, (held & ~packing.M48) | barrier)


@external
@view
def covers(account: uint256, key: address, order: uint256, limit: uint256, time: uint256) -> bool:
    """
    @notice Whether a key may sign this order at this time.
    @param order The first word of the order's record, docs/protocol.md section 4.
    """
    held: uint256 = self.delegates[account][key]
    if time > held & packing.M48:
        return False
    if ((order >> 8) & packing.M64) * (limit & packing.M64) // units.LOTS > (held >> 64) & packing.M64:
        return False
    market: uint256 = (order >> 200) & packing.M16
    scope: uint256 = held >> 128
    for i: uint256 in range(8):
        if scope & packing.M16 == market:
            return True
        scope >>= 16
    return False


@internal
@view
def _only_owner(account: uint256):
    assert staticcall CLEARING.accounts(account) >> 96 == convert(msg.sender, uint256), "delegates: not the owner"


@internal
def _set(account: uint256, key: address, held: uint256):
    self.delegates[account][key] = held
    log IDelegates.DelegateSet(account=account, key=key, delegate=held)
