# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Vault
@license AGPL-3.0-only
@notice Custody of the collateral token, and the root that says which Clearing and Recovery are trusted with it. Pays
        out on the word of Clearing or Pool; judges nothing, calls only its token.
@dev Units: money e6, time s.
     C4  `accounted_e6` moves by exactly what was taken in or paid out; the balance is never below it, and a
         donation changes nothing
     C12 what leaves beyond the limit of a window waits for room, 7 days at most (`modules/outflow.vy`); Clearing and
         Recovery are replaced by the timelock alone, and only by what has stood here in public for two weeks: whoever
         does not trust the new ones has left by then. Pool and token are fixed.
@custom:halt Nothing stops it: whoever may move money is Clearing or Pool, and their rules stand there. Nothing stops a
             ticket either.
"""

from ethereum.ercs import IERC20
from .interfaces import IVault
from .modules import outflow

implements: IVault
initializes: outflow

exports: (
    outflow.outflow_limits,
    outflow.flow,
    outflow.queued_e6,
    outflow.freed_e6,
    outflow.quotas,
    outflow.tickets,
    outflow.ticket_count,
    outflow.waiting_e6,
)


REPLACE_S: constant(uint256) = 1_209_600    # 14 days: an exit, an epoch of the pool and 7 days of queue, twice

TOKEN: immutable(IERC20)
POOL: immutable(address)
TIMELOCK: immutable(address)


clearing: public(address)                   # one of the two callers
recovery: public(address)                   # whom Clearing lets shrink positions; nothing is paid on its word
accounted_e6: public(uint256)

proposed_clearing: public(address)
proposed_recovery: public(address)
replaced_from_s: public(uint256)            # when the proposal may be made true; 0 = there is none


@deploy
def __init__(token: address, clearing: address, recovery: address, pool: address, timelock: address):
    """
    @notice Fix the token, the pool and who proposes for good, and name the first Clearing and Recovery.
    """
    assert token != empty(address), "vault: token is zero"
    assert clearing != empty(address), "vault: clearing is zero"
    assert recovery != empty(address), "vault: recovery is zero"
    assert pool != empty(address), "vault: pool is zero"
    assert timelock != empty(address), "vault: timelock is zero"
    TOKEN = IERC20(token)
    POOL = pool
    TIMELOCK = timelock
    outflow.__init__()
    self._set_parts(clearing, recovery)


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
    accounted: uint256 = self.accounted_e6
    assert before >= accounted, "vault: tokens are missing"

    accounted += amount_e6
    self.accounted_e6 = accounted
    outflow._enter(amount_e6, accounted)
    log IVault.Received(sender=sender, amount_e6=amount_e6, accounted_e6=accounted)

    assert extcall TOKEN.transferFrom(sender, self, amount_e6, default_return_value=True), "vault: token refused"
    after: uint256 = staticcall TOKEN.balanceOf(self)
    assert after == before + amount_e6, "vault: wrong amount received"


@external
def release(to: address, amount_e6: uint256):
    """
    @notice Pay tokens out, now or by a ticket; Clearing or Pool have debited them already.
    @param amount_e6 What must leave, exactly.
    """
    self._only_trusted()
    accounted: uint256 = self.accounted_e6
    assert amount_e6 + outflow.waiting_e6 <= accounted, "vault: more than accounted"
    paid: uint256 = outflow._leave(to, amount_e6, accounted)
    if paid != 0:
        self._pay(to, paid)


@external
def pull(ticket: uint256):
    """
    @notice Pay a ticket whose turn has come, or that is seven days old, to whom it was made for; anyone may ask.
    """
    to: address = empty(address)
    amount_e6: uint256 = 0
    to, amount_e6 = outflow._pull(ticket, self.accounted_e6)
    self._pay(to, amount_e6)


@external
def set_outflow(share_e6: uint256, floor_e6: uint256, quota_e6: uint256):
    """
    @notice Change how much may leave at once, within bounds; the timelock. Tickets keep their place and their last day.
    @param share_e6 Of what is accounted for, an hour.
    @param floor_e6 Free an hour even where the share is less.
    @param quota_e6 What each recipient gets an hour besides.
    """
    self._only_timelock()
    outflow._set(share_e6, floor_e6, quota_e6)


# -- the root ------------------------------------------------------------------

@external
def propose_parts(clearing: address, recovery: address):
    """
    @notice Announce the next Clearing and Recovery, or one of them beside the present other; the timelock. Whatever was
            announced before is forgotten, and the full delay begins anew.
    """
    self._only_timelock()
    assert clearing.is_contract and recovery.is_contract, "vault: part has no code"

    from_s: uint256 = block.timestamp + REPLACE_S
    self._set_proposal(clearing, recovery, from_s)


@external
def replace_parts(clearing: address, recovery: address):
    """
    @notice Make a proposal true whose delay is over; the timelock, which must have waited once more to say so.
    @param clearing As proposed: a call that waits in the timelock makes no later proposal true.
    @param recovery As proposed.
    """
    self._only_timelock()
    self._check_proposed()
    assert clearing == self.proposed_clearing and recovery == self.proposed_recovery, "vault: not what was proposed"
    assert block.timestamp >= self.replaced_from_s, "vault: too early"

    self._set_proposal(empty(address), empty(address), 0)
    self._set_parts(clearing, recovery)


@external
def withdraw_parts():
    """
    @notice Take the proposal back; the timelock. What waits in the timelock is stopped there at once.
    """
    self._only_timelock()
    self._check_proposed()
    self._set_proposal(empty(address), empty(address), 0)


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
def pool() -> address:
    """
    @notice The other caller.
    """
    return POOL


@external
@view
def timelock() -> address:
    """
    @notice Who proposes.
    """
    return TIMELOCK


# -- internals -----------------------------------------------------------------

@internal
def _pay(to: address, amount_e6: uint256):
    """
    @notice Send what is paid. Where the token itself has lost some, everyone bears the same share of it: nobody gains by
            being first.
    """
    accounted: uint256 = self.accounted_e6
    before: uint256 = staticcall TOKEN.balanceOf(self)
    sent: uint256 = amount_e6
    if before < accounted:
        sent = amount_e6 * before // accounted

    accounted -= amount_e6
    self.accounted_e6 = accounted
    log IVault.Released(to=to, amount_e6=amount_e6, accounted_e6=accounted)

    assert extcall TOKEN.transfer(to, sent, default_return_value=True), "vault: token refused"
    after: uint256 = staticcall TOKEN.balanceOf(self)
    assert after + sent == before, "vault: wrong amount released"


@internal
@view
def _only_trusted():
    assert msg.sender == self.clearing or msg.sender == POOL, "vault: not clearing or pool"


@internal
@view
def _only_timelock():
    assert msg.sender == TIMELOCK, "vault: not the timelock"


@internal
@view
def _check_proposed():
    assert self.replaced_from_s != 0, "vault: nothing proposed"


@internal
def _set_proposal(clearing: address, recovery: address, from_s: uint256):
    self.proposed_clearing = clearing
    self.proposed_recovery = recovery
    self.replaced_from_s = from_s
    log IVault.PartsProposed(clearing=clearing, recovery=recovery, from_s=from_s)


@internal
def _set_parts(clearing: address, recovery: address):
    self.clearing = clearing
    self.recovery = recovery
    log IVault.PartsSet(clearing=clearing, recovery=recovery)
