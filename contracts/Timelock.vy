# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Timelock
@license AGPL-3.0-only
@notice Between saying and doing: every change waits here in public, longer than anybody needs to leave.
@dev Units: time s. snekmate's timelock under our lock; names, ids and events are its own, so that its tools work.
     C14 nothing acts before its delay, nothing 7 days after it was due, and nothing twice
     Proposers schedule, cancellers cancel, anyone executes what is due. Only a call of its own, which has waited as
     long as any other, changes who they are or the delay; nobody else ever administers it, its deployer included.
@custom:halt A canceller stops what waits. Nothing that waits can stop withdrawals, cancels or reductions.
"""

from snekmate.auth import access_control
from snekmate.governance import timelock_controller
from .interfaces import ITimelock

implements: ITimelock
initializes: access_control
initializes: timelock_controller[access_control := access_control]

exports: (
    access_control.DEFAULT_ADMIN_ROLE,
    access_control.hasRole,
    timelock_controller.PROPOSER_ROLE,
    timelock_controller.EXECUTOR_ROLE,
    timelock_controller.CANCELLER_ROLE,
    timelock_controller.get_timestamp,
    timelock_controller.get_minimum_delay,
    timelock_controller.is_operation,
    timelock_controller.is_operation_pending,
    timelock_controller.is_operation_ready,
    timelock_controller.is_operation_done,
    timelock_controller.hash_operation,
)


DELAY_S_MIN: constant(uint256) = 691_200        # 8 days: longer than any exit takes, with room for a queue of payments of seven
DELAY_S_MAX: constant(uint256) = 2_592_000      # 30 days: a fault must be mendable
LIFE_S: constant(uint256) = 604_800             # 7 days to execute, so that nothing lies in wait for years
CALLS_MAX: constant(uint256) = 8                # of one operation: a market with its keys, not a release


proposer_count: public(uint256)                 # never 0: without a voice no parameter would ever change again


@deploy
def __init__(owner: address, delay_s: uint256):
    """
    @notice The owner proposes and cancels, everyone executes, the timelock administers itself.
    """
    assert owner != empty(address), "timelock: owner is zero"
    self._check_delay(delay_s)
    access_control.__init__()
    timelock_controller.__init__(delay_s, [owner], [empty(address)], empty(address))
    self.proposer_count = 1


# -- operations ------------------------------------------------------------------

@external
def schedule(
    target: address, amount: uint256, payload: Bytes[1024], predecessor: bytes32, salt: bytes32, delay: uint256
):
    """
    @notice Announce a call; a proposer. It may be made when `delay` is over, and the one before it is done.
    @param amount Ether to send with it: none.
    @param predecessor The id of an operation that must be done first, or zero.
    @param salt Tells equal calls apart.
    """
    access_control._check_role(timelock_controller.PROPOSER_ROLE, msg.sender)
    self._check_call(target, amount)
    assert delay <= DELAY_S_MAX, "timelock: delay out of range"

    id: bytes32 = timelock_controller._hash_operation(target, amount, payload, predecessor, salt)
    timelock_controller._schedule(id, delay)
    log timelock_controller.CallScheduled(
        id=id, index=0, target=target, amount=amount, payload=payload, predecessor=predecessor, delay=delay
    )
    if salt != empty(bytes32):
        log timelock_controller.CallSalt(id=id, salt=salt)


@external
def execute(target: address, amount: uint256, payload: Bytes[1024], predecessor: bytes32, salt: bytes32):
    """
    @notice Make a call that is due; anyone. What it reverts with is passed on.
    """
    id: bytes32 = timelock_controller._hash_operation(target, amount, payload, predecessor, salt)
    self._check_due(id, predecessor)
    self._check_call(target, amount)

    timelock_controller._execute(target, amount, payload)
    log timelock_controller.CallExecuted(id=id, index=0, target=target, amount=amount, payload=payload)
    timelock_controller._after_call(id)


@external
def schedule_batch(
    targets: DynArray[address, CALLS_MAX],
    amounts: DynArray[uint256, CALLS_MAX],
    payloads: DynArray[Bytes[1024], CALLS_MAX],
    predecessor: bytes32,
    salt: bytes32,
    delay: uint256,
):
    """
    @notice Announce calls that act together or not at all; a proposer.
    """
    access_control._check_role(timelock_controller.PROPOSER_ROLE, msg.sender)
    assert len(targets) != 0, "timelock: nothing to do"
    assert len(targets) == len(amounts) and len(targets) == len(payloads), "timelock: lengths differ"
    assert delay <= DELAY_S_MAX, "timelock: delay out of range"

    id: bytes32 = self._hash_batch(targets, amounts, payloads, predecessor, salt)
    timelock_controller._schedule(id, delay)
    for at: uint256 in range(len(targets), bound=CALLS_MAX):
        self._check_call(targets[at], amounts[at])
        log timelock_controller.CallScheduled(
            id=id,
            index=at,
            target=targets[at],
            amount=amounts[at],
            payload=payloads[at],
            predecessor=predecessor,
            delay=delay,
        )
    if salt != empty(bytes32):
        log timelock_controller.CallSalt(id=id, salt=salt)


@external
def execute_batch(
    targets: DynArray[address, CALLS_MAX],
    amounts: DynArray[uint256, CALLS_MAX],
    payloads: DynArray[Bytes[1024], CALLS_MAX],
    predecessor: bytes32,
    salt: bytes32,
):
    """
    @notice Make calls that are due, in their order; anyone.
    """
    assert len(targets) == len(amounts) and len(targets) == len(payloads), "timelock: lengths differ"
    id: bytes32 = self._hash_batch(targets, amounts, payloads, predecessor, salt)
    self._check_due(id, predecessor)

    for at: uint256 in range(len(targets), bound=CALLS_MAX):
        self._check_call(targets[at], amounts[at])
        timelock_controller._execute(targets[at], amounts[at], payloads[at])
        log timelock_controller.CallExecuted(
            id=id, index=at, target=targets[at], amount=amounts[at], payload=payloads[at]
        )
    timelock_controller._after_call(id)


@external
def cancel(id: bytes32):
    """
    @notice Take back what waits or has passed its time; a canceller.
    """
    access_control._check_role(timelock_controller.CANCELLER_ROLE, msg.sender)
    assert timelock_controller._is_operation_pending(id), "timelock: nothing to cancel"

    timelock_controller.get_timestamp[id] = 0
    log timelock_controller.Cancelled(id=id)


# -- itself ------------------------------------------------------------------------

@external
@reentrant
def update_delay(new_delay: uint256):
    """
    @notice Change the delay of what is scheduled from now on; a call of its own only.
    """
    self._only_itself()
    self._check_delay(new_delay)
    log timelock_controller.MinimumDelayChange(
        old_duration=timelock_controller.get_minimum_delay, new_duration=new_delay
    )
    timelock_controller.get_minimum_delay = new_delay


@external
@reentrant
def grantRole(role: bytes32, account: address):
    """
    @notice Add a proposer or a canceller; a call of its own only.
    """
    self._only_itself()
    self._check_role(role)
    assert account != empty(address), "timelock: account is zero"
    if role == timelock_controller.PROPOSER_ROLE and not access_control.hasRole[role][account]:
        self.proposer_count += 1
    access_control._grant_role(role, account)


@external
@reentrant
def revokeRole(role: bytes32, account: address):
    """
    @notice Dismiss a proposer or a canceller; a call of its own only.
    """
    self._only_itself()
    self._leave(role, account)


@external
def renounceRole(role: bytes32, account: address):
    """
    @notice Step down as a proposer or a canceller.
    """
    assert account == msg.sender, "timelock: not the account"
    self._leave(role, account)


# -- views ---------------------------------------------------------------------------

@external
@pure
def hash_operation_batch(
    targets: DynArray[address, CALLS_MAX],
    amounts: DynArray[uint256, CALLS_MAX],
    payloads: DynArray[Bytes[1024], CALLS_MAX],
    predecessor: bytes32,
    salt: bytes32,
) -> bytes32:
    """
    @notice The id of calls that act together.
    """
    return self._hash_batch(targets, amounts, payloads, predecessor, salt)


# -- internals -------------------------------------------------------------------------

@internal
@pure
def _hash_batch(
    targets: DynArray[address, CALLS_MAX],
    amounts: DynArray[uint256, CALLS_MAX],
    payloads: DynArray[Bytes[1024], CALLS_MAX],
    predecessor: bytes32,
    salt: bytes32,
) -> bytes32:
    return keccak256(abi_encode(targets, amounts, payloads, predecessor, salt))


@internal
@view
def _check_call(target: address, amount: uint256):
    """
    @notice A call to an address without code would succeed and do nothing.
    """
    assert amount == 0, "timelock: holds no ether"
    assert target.is_contract, "timelock: target has no code"


@internal
@view
def _check_due(id: bytes32, predecessor: bytes32):
    timelock_controller._before_call(id, predecessor)
    assert block.timestamp <= timelock_controller.get_timestamp[id] + LIFE_S, "timelock: too late"


@internal
@view
def _only_itself():
    assert msg.sender == self, "timelock: not itself"


@internal
@pure
def _check_delay(delay_s: uint256):
    assert delay_s >= DELAY_S_MIN and delay_s <= DELAY_S_MAX, "timelock: delay out of range"


@internal
@pure
def _check_role(role: bytes32):
    """
    @notice Who administers and who executes is fixed: itself, and everyone.
    """
    assert (
        role == timelock_controller.PROPOSER_ROLE or role == timelock_controller.CANCELLER_ROLE
    ), "timelock: role is fixed"


@internal
def _leave(role: bytes32, account: address):
    self._check_role(role)
    if role == timelock_controller.PROPOSER_ROLE and access_control.hasRole[role][account]:
        assert self.proposer_count > 1, "timelock: last proposer"
        self.proposer_count -= 1
    access_control._revoke_role(role, account)
