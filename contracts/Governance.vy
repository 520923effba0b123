# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Governance
@license AGPL-3.0-only
@notice An owner behind a delay. It sets parameters inside hard bounds and names keys; it moves nobody's money.
@dev Units: time s; parameters by `modules/parameters.vy`.
     C14 bounds are checked when a change is proposed and again when it is executed; after `seal` nothing happens
         before its delay, and nothing at all 7 days after that
     Before `seal` the owner executes at once, so that a deployment can be made whole; there is no way back.
@custom:halt `cancel` stops a proposal. The owner cannot stop withdrawals, cancels or reductions.
"""

from snekmate.auth import ownable
from snekmate.auth import ownable_2step
from .interfaces import IClearing
from .interfaces import IGovernance
from .interfaces import IOracle
from .interfaces import ISeals
from .modules import packing
from .modules import parameters

initializes: ownable
initializes: ownable_2step[ownable := ownable]


DELAY_S_MIN: constant(uint256) = 3_600          # longer than any exit without positions takes
DELAY_S_MAX: constant(uint256) = 2_592_000      # 30 days: a fault must be mendable
LIFE_S: constant(uint256) = 604_800             # 7 days to execute, so that nothing lies in wait for years
MARKET_MAX: constant(uint256) = 255             # what a vector of 8 chunks can price
THRESHOLD_MAX: constant(uint256) = 15           # seals of a batch less the matcher's
SIGNERS_MAX: constant(uint256) = 16             # signatures of a vector
NAME_MASK: constant(uint256) = 2**192 - 1

CLEARING: immutable(IClearing)
ORACLE: immutable(IOracle)
SEALS: immutable(ISeals)


delay_s: public(uint256)                        # 0 until sealed
ready_s: public(HashMap[bytes32, uint256])      # by proposal: when it may be executed; 0 = not proposed


@deploy
def __init__(clearing: address, oracle: address, seals: address):
    """
    @notice The deployer is the owner until it hands over in two steps.
    """
    assert clearing != empty(address), "governance: clearing is zero"
    assert oracle != empty(address), "governance: oracle is zero"
    assert seals != empty(address), "governance: seals is zero"
    ownable.__init__()
    ownable_2step.__init__()
    CLEARING = IClearing(clearing)
    ORACLE = IOracle(oracle)
    SEALS = ISeals(seals)


# -- the owner -----------------------------------------------------------------

@external
def seal(delay_s: uint256):
    """
    @notice End the time of setting up: from now on every change waits this long in public.
    """
    self._only_owner()
    assert self.delay_s == 0, "governance: already sealed"
    assert delay_s >= DELAY_S_MIN and delay_s <= DELAY_S_MAX, "governance: delay out of range"

    self.delay_s = delay_s
    log IGovernance.Sealed(delay_s=delay_s)


@external
def cancel(id: bytes32):
    """
    @notice Withdraw a proposal.
    """
    self._only_owner()
    assert self.ready_s[id] != 0, "governance: not proposed"

    self.ready_s[id] = 0
    log IGovernance.Cancelled(id=id)


@external
def transfer_ownership(owner: address):
    """
    @notice Offer the ownership; it moves when the other side accepts. The zero address takes the offer back.
    """
    self._only_owner()
    ownable_2step.pending_owner = owner
    log ownable_2step.OwnershipTransferStarted(previous_owner=ownable.owner, new_owner=owner)


@external
def accept_ownership():
    """
    @notice Take the ownership that was offered.
    """
    assert msg.sender == ownable_2step.pending_owner, "governance: not the pending owner"
    ownable_2step._transfer_ownership(msg.sender)


# -- proposals -----------------------------------------------------------------

@external
def propose_market(market: uint256, parameters_: IGovernance.Parameters) -> bytes32:
    """
    @notice Propose to list a market or to change one.
    @return the proposal's id
    """
    self._check_market(market, parameters_)
    return self._propose(self._market_call(market, parameters_))


@external
def execute_market(market: uint256, parameters_: IGovernance.Parameters):
    """
    @notice List or change a market. The new parameters serve vectors later than G from now.
    """
    self._check_market(market, parameters_)
    rates: uint256 = 0
    caps: uint256 = 0
    listing: uint256 = 0
    rates, caps, listing = parameters._pack(parameters_)
    self._pass(self._market_call(market, parameters_))
    extcall CLEARING.set_market(market, rates, caps, listing)


@external
def propose_matcher(matcher: address) -> bytes32:
    """
    @notice Propose who signs batches.
    """
    self._check_address(matcher)
    return self._propose(self._matcher_call(matcher))


@external
def execute_matcher(matcher: address):
    """
    @notice Change who signs batches.
    """
    self._check_address(matcher)
    self._pass(self._matcher_call(matcher))
    extcall SEALS.set_matcher(matcher)


@external
def propose_attester(attester: address, live: bool) -> bytes32:
    """
    @notice Propose to add or to retire an attester.
    """
    self._check_address(attester)
    return self._propose(self._attester_call(attester, live))


@external
def execute_attester(attester: address, live: bool):
    """
    @notice Add or retire an attester.
    """
    self._check_address(attester)
    self._pass(self._attester_call(attester, live))
    extcall SEALS.set_attester(attester, live)


@external
def propose_attester_threshold(threshold: uint256) -> bytes32:
    """
    @notice Propose how many attesters a batch needs; none is allowed.
    """
    assert threshold <= THRESHOLD_MAX, "governance: threshold out of range"
    return self._propose(self._attester_threshold_call(threshold))


@external
def execute_attester_threshold(threshold: uint256):
    """
    @notice Set how many attesters a batch needs; `Seals` refuses more than there are.
    """
    assert threshold <= THRESHOLD_MAX, "governance: threshold out of range"
    self._pass(self._attester_threshold_call(threshold))
    extcall SEALS.set_attester_threshold(threshold)


@external
def propose_oracle_signer(signer: address, live: bool) -> bytes32:
    """
    @notice Propose to add or to retire an oracle signer.
    """
    self._check_address(signer)
    return self._propose(self._oracle_signer_call(signer, live))


@external
def execute_oracle_signer(signer: address, live: bool):
    """
    @notice Add or retire an oracle signer.
    """
    self._check_address(signer)
    self._pass(self._oracle_signer_call(signer, live))
    extcall ORACLE.set_signer(signer, live)


@external
def propose_oracle_threshold(threshold: uint256) -> bytes32:
    """
    @notice Propose how many signers a price vector needs.
    """
    assert threshold >= 1 and threshold <= SIGNERS_MAX, "governance: threshold out of range"
    return self._propose(self._oracle_threshold_call(threshold))


@external
def execute_oracle_threshold(threshold: uint256):
    """
    @notice Set how many signers a price vector needs; `Oracle` refuses more than there are.
    """
    assert threshold >= 1 and threshold <= SIGNERS_MAX, "governance: threshold out of range"
    self._pass(self._oracle_threshold_call(threshold))
    extcall ORACLE.set_threshold(threshold)


# -- views ---------------------------------------------------------------------

@external
@view
def owner() -> address:
    """
    @notice Who proposes and cancels.
    """
    return ownable.owner


@external
@view
def pending_owner() -> address:
    """
    @notice Who may accept the ownership.
    """
    return ownable_2step.pending_owner


@external
@view
def clearing() -> address:
    """
    @notice Whose markets are governed.
    """
    return CLEARING.address


@external
@view
def oracle() -> address:
    """
    @notice Whose signers are governed.
    """
    return ORACLE.address


@external
@view
def seals() -> address:
    """
    @notice Whose matcher and attesters are governed.
    """
    return SEALS.address


@external
@pure
def words(parameters_: IGovernance.Parameters) -> (uint256, uint256, uint256):
    """
    @notice What `execute_market` would store, or the bound it would refuse.
    @return rates, caps, listing
    """
    parameters._check(parameters_)
    rates: uint256 = 0
    caps: uint256 = 0
    listing: uint256 = 0
    rates, caps, listing = parameters._pack(parameters_)
    return rates, caps, listing


# -- internals: the queue ------------------------------------------------------

@internal
@view
def _only_owner():
    assert msg.sender == ownable.owner, "governance: not the owner"


@internal
def _propose(call: Bytes[1024]) -> bytes32:
    self._only_owner()
    delay_s: uint256 = self.delay_s
    assert delay_s != 0, "governance: not sealed"
    id: bytes32 = keccak256(call)
    assert block.timestamp > self.ready_s[id] + LIFE_S, "governance: already proposed"

    ready_s: uint256 = block.timestamp + delay_s
    self.ready_s[id] = ready_s
    log IGovernance.Proposed(id=id, ready_s=ready_s, call=call)
    return id


@internal
def _pass(call: Bytes[1024]):
    """
    @notice Let a change through: the owner's before sealing, anyone's when it was proposed and is due.
    """
    id: bytes32 = keccak256(call)
    if self.delay_s == 0:
        self._only_owner()
    else:
        ready_s: uint256 = self.ready_s[id]
        assert ready_s != 0, "governance: not proposed"
        assert block.timestamp >= ready_s, "governance: too early"
        assert block.timestamp <= ready_s + LIFE_S, "governance: too late"
        self.ready_s[id] = 0
    log IGovernance.Executed(id=id)


# -- internals: bounds ---------------------------------------------------------

@internal
@view
def _check_market(market: uint256, p: IGovernance.Parameters):
    """
    @notice Bounds, and what a listed market keeps for good: its funding scale and its name.
    """
    assert market >= 1 and market <= MARKET_MAX, "governance: market out of range"
    parameters._check(p)
    name_word: uint256 = parameters._name_word(p.name)
    clock: uint256 = staticcall CLEARING.market_words(market * 8)
    place: uint256 = market * 8 + ((clock >> 8) & 1) * 4
    rates: uint256 = staticcall CLEARING.parameter_words(place)
    if rates == 0:
        return
    # positions carry the funding index at the scale it was made, and their owners know the market by its name
    assert (rates >> 76) & packing.M8 == p.shift, "governance: shift is fixed"
    listing: uint256 = staticcall CLEARING.parameter_words(place + 2)
    assert listing & NAME_MASK == name_word, "governance: name is fixed"


@internal
@pure
def _check_address(key: address):
    assert key != empty(address), "governance: address is zero"


# -- internals: the calls that proposals stand for ------------------------------

@internal
@pure
def _market_call(market: uint256, p: IGovernance.Parameters) -> Bytes[1024]:
    return abi_encode(
        market,
        p,
        method_id=method_id(
            "execute_market(uint256,(string,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256,uint256))"
        ),
    )


@internal
@pure
def _matcher_call(matcher: address) -> Bytes[1024]:
    return abi_encode(matcher, method_id=method_id("execute_matcher(address)"))


@internal
@pure
def _attester_call(attester: address, live: bool) -> Bytes[1024]:
    return abi_encode(attester, live, method_id=method_id("execute_attester(address,bool)"))


@internal
@pure
def _attester_threshold_call(threshold: uint256) -> Bytes[1024]:
    return abi_encode(threshold, method_id=method_id("execute_attester_threshold(uint256)"))


@internal
@pure
def _oracle_signer_call(signer: address, live: bool) -> Bytes[1024]:
    return abi_encode(signer, live, method_id=method_id("execute_oracle_signer(address,bool)"))


@internal
@pure
def _oracle_threshold_call(threshold: uint256) -> Bytes[1024]:
    return abi_encode(threshold, method_id=method_id("execute_oracle_threshold(uint256)"))
