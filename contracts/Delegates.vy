# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Delegates
@license AGPL-3.0-only
@notice Who else speaks for an account. Keys that sign orders: in up to 8 markets, up to a notional an order, until an
        expiry; never withdrawals. And orders approved one by one, for wallets that are contracts and cannot sign.
        `Clearing` asks here only for orders that say so.
@dev C5  no fill beyond what was signed, by a key that may sign it, or approved by the owner
     A grant is never edited, only revoked (behind the barrier) and granted anew, so a batch in flight is not surprised.
     An order is decided on once: what was approved or taken back is never approved again, by nobody's old proof.
     A wallet's code runs in `prove` alone: one static call, before any batch; no batch ever waits for it or believes it.
@custom:halt Owners revoke; nothing else stops.
"""

from .interfaces import IClearing
from .interfaces import IDelegates
from .modules import packing
from .modules import units

implements: IDelegates


APPROVED: constant(uint256) = 2**192        # in an order's first word: its owner approved it here, nobody signed it
DELEGATED: constant(uint256) = 2**191       # and: a key granted here signed it
FOREVER: constant(uint256) = 2**48 - 1      # an order's own expiry ends it
NEVER: constant(uint256) = 1                # taken back before it was approved: no batch has T <= 1 ms
PROOF_GAS: constant(uint256) = 100_000      # for some twenty signatures of a multisig, and no more
PROOF_BYTES: constant(uint256) = 2048       # of thirty signatures
VOUCHED: constant(bytes32) = 0x1626ba7e00000000000000000000000000000000000000000000000000000000    # EIP-1271

CLEARING: public(immutable(IClearing))

delegates: public(HashMap[uint256, HashMap[address, uint256]])  # 8 markets u16 @128 | notional u64 @64 | expiry u48 @0
approvals: public(HashMap[uint256, HashMap[bytes32, uint256]])  # the last T at which the order of this hash serves, 0: undecided


@deploy
def __init__(clearing: address):
    """
    @notice Fix whose accounts these keys act for.
    """
    assert clearing != empty(address), "delegates: address is zero"
    CLEARING = IClearing(clearing)


# -- keys ----------------------------------------------------------------------

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


# -- approved orders -----------------------------------------------------------

@external
def approve(account: uint256, digest: bytes32):
    """
    @notice Let an order of the account serve without a signature, at once.
    @param digest The order's EIP-712 hash under Clearing's domain.
    """
    self._only_owner(account)
    self._approve(account, digest)


@external
def prove(account: uint256, digest: bytes32, signature: Bytes[PROOF_BYTES]):
    """
    @notice Let an order serve whose owner, a contract, says that the signature is its own (EIP-1271). Anyone may carry it.
    @param signature What the wallet takes for one.
    """
    wallet: address = convert(staticcall CLEARING.accounts(account) >> 96, address)
    done: bool = False
    answer: Bytes[33] = b""     # one byte more than is right, so that a longer answer shows
    done, answer = raw_call(
        wallet,
        abi_encode(digest, signature, method_id=method_id("isValidSignature(bytes32,bytes)")),
        max_outsize=33,
        gas=PROOF_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    assert done and len(answer) == 32, "delegates: wallet did not vouch"
    assert convert(slice(answer, 0, 32), bytes32) == VOUCHED, "delegates: wallet did not vouch"
    self._approve(account, digest)


@external
def disapprove(account: uint256, digest: bytes32):
    """
    @notice Take an approval back, in batches later than the barrier; or forbid it before anyone proves it.
    """
    self._only_owner(account)
    held: uint256 = self.approvals[account][digest]
    assert held == 0 or held == FOREVER, "delegates: already decided"
    until: uint256 = NEVER
    if held != 0:
        until = units._now_ms() + units.GUARD_MS

    self._set_approval(account, digest, until)


# -- views ---------------------------------------------------------------------

@external
@view
def covers(account: uint256, key: address, order: uint256, limit: uint256, time: uint256, digest: bytes32) -> bool:
    """
    @notice Whether an order that its owner did not sign serves at this time: by its key's grant, or by approval.
    @param key Who signed it; zero for nobody, who is never granted anything.
    @param order The first word of the order's record, docs/protocol.md section 4.
    """
    if order & APPROVED != 0:
        return order & DELEGATED == 0 and time <= self.approvals[account][digest]
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


# -- internals -----------------------------------------------------------------

@internal
@view
def _only_owner(account: uint256):
    assert staticcall CLEARING.accounts(account) >> 96 == convert(msg.sender, uint256), "delegates: not the owner"


@internal
def _set(account: uint256, key: address, held: uint256):
    self.delegates[account][key] = held
    log IDelegates.DelegateSet(account=account, key=key, delegate=held)


@internal
def _approve(account: uint256, digest: bytes32):
    assert self.approvals[account][digest] == 0, "delegates: already decided"
    self._set_approval(account, digest, FOREVER)


@internal
def _set_approval(account: uint256, digest: bytes32, approval: uint256):
    self.approvals[account][digest] = approval
    log IDelegates.ApprovalSet(account=account, digest=digest, approval=approval)
