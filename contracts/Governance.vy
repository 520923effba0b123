# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Governance
@license AGPL-3.0-only
@notice What may be changed at all, and how far: typed setters for the timelock, and a guardian who stops new risk.
@dev Units: time s, in halts ms; parameters by `modules/parameters.vy`.
     C12 a halt only lets markets shrink: withdrawals, cancels, reductions, claims and exits never ask for it
     C14 bounds are checked in the transaction that sets; after `seal` only the timelock sets, and it has waited
     Before `seal` the deployer sets at once, so that a deployment can be made whole; there is no way back.
     `words` and a simulated call from the timelock tell beforehand what would be refused.
@custom:halt `halt` makes every market shrink only, 72 hours at most, and not again for 14 days after it ends.
"""

from ethereum.ercs import IERC20
from .interfaces import IClearing
from .interfaces import IGovernance
from .interfaces import IOracle
from .interfaces import ISeals
from .modules import packing
from .modules import parameters
from .modules import units


HALT_S_MIN: constant(uint256) = 60              # a halt begins G after it is called: less would hardly be one
HALT_S_MAX: constant(uint256) = 259_200         # 72 hours: long enough to mend a bug, too short to hold a venue hostage
HALT_REST_S: constant(uint256) = 1_209_600      # 14 days from a halt's end: longer than the timelock needs for a new guardian
MARKET_MAX: constant(uint256) = 255             # what a vector of 8 chunks can price
THRESHOLD_MAX: constant(uint256) = 15           # seals of a batch less the matcher's
SIGNERS_MAX: constant(uint256) = 16             # signatures of a vector
NAME_MASK: constant(uint256) = 2**192 - 1
BACKSTOP: constant(uint256) = 1                 # Clearing's account of that name; this contract owns it

TIMELOCK: immutable(address)
DEPLOYER: immutable(address)
CLEARING: immutable(IClearing)
ORACLE: immutable(IOracle)
SEALS: immutable(ISeals)


is_sealed: public(bool)
guardian: public(address)                       # zero: nobody
halted_from_s: public(uint256)                  # of the last halt, before its guard; 0 = there was none
halted_until_s: public(uint256)                 # when it ends or ended


@deploy
def __init__(timelock: address, clearing: address, oracle: address, seals: address, guardian: address):
    """
    @notice Fix the parts for good; the deployer stands in for the timelock until it seals.
    """
    assert timelock != empty(address), "governance: timelock is zero"
    assert clearing != empty(address), "governance: clearing is zero"
    assert oracle != empty(address), "governance: oracle is zero"
    assert seals != empty(address), "governance: seals is zero"
    assert guardian != empty(address), "governance: guardian is zero"
    TIMELOCK = timelock
    DEPLOYER = msg.sender
    CLEARING = IClearing(clearing)
    ORACLE = IOracle(oracle)
    SEALS = ISeals(seals)
    self._set_guardian(guardian)


# -- the deployer --------------------------------------------------------------

@external
def seal():
    """
    @notice End the time of setting up: from now on every change waits in the timelock.
    """
    assert msg.sender == DEPLOYER, "governance: not the deployer"
    assert not self.is_sealed, "governance: already sealed"

    self.is_sealed = True
    log IGovernance.Sealed()


# -- the guardian --------------------------------------------------------------

@external
def halt(duration_s: uint256):
    """
    @notice Let every market only shrink, from G from now on; the guardian.
    @param duration_s 60 .. 259,200, from now.
    """
    assert msg.sender == self.guardian, "governance: not the guardian"
    assert duration_s >= HALT_S_MIN and duration_s <= HALT_S_MAX, "governance: halt out of range"
    if self.halted_until_s != 0:
        assert block.timestamp > self.halted_until_s + HALT_REST_S, "governance: halted lately"

    until_s: uint256 = block.timestamp + duration_s
    self.halted_from_s = block.timestamp
    self.halted_until_s = until_s
    self._halt(until_s)


@external
def resume():
    """
    @notice End a halt early, G from now; the guardian or the timelock.
    """
    if msg.sender != self.guardian:
        self._only_timelock()
    until_s: uint256 = block.timestamp + units.GUARD_S
    assert until_s <= self.halted_until_s, "governance: not halted"

    self.halted_until_s = until_s
    self._halt(until_s)


# -- the timelock ---------------------------------------------------------------

@external
def set_guardian(guardian: address):
    """
    @notice Name who may halt; zero for nobody. A halt under way goes on.
    """
    self._only_timelock()
    self._set_guardian(guardian)


@external
def set_market(market: uint256, parameters_: IGovernance.Parameters):
    """
    @notice List a market or change one. The new parameters serve vectors later than G from now.
    """
    self._only_timelock()
    self._check_market(market, parameters_)
    rates: uint256 = 0
    caps: uint256 = 0
    listing: uint256 = 0
    rates, caps, listing = parameters._pack(parameters_)
    extcall CLEARING.set_market(market, rates, caps, listing)


@external
def spend(account: uint256, amount_e6: uint256):
    """
    @notice Move money out of the treasury into an account's collateral; `Clearing` keeps the pool's out of reach.
    """
    self._only_timelock()
    extcall CLEARING.spend(account, amount_e6)


@external
def withdraw_backstop(amount_e6: uint256):
    """
    @notice Begin to take collateral of the backstop, account 1, back. Anyone has it paid here by `Clearing.claim_withdrawal`,
            as far as its positions leave it free at a fresh price, and `pass_on` sends it on.
    """
    self._only_timelock()
    extcall CLEARING.request_withdrawal(BACKSTOP, amount_e6)


@external
def pass_on(token: address, to: address, amount_e6: uint256):
    """
    @notice Send on tokens that were paid to this contract: what the backstop, account 1, gave back, or got when a venue
            was wound down.
    """
    self._only_timelock()
    assert extcall IERC20(token).transfer(to, amount_e6, default_return_value=True), "governance: token refused"


@external
def set_matcher(matcher: address):
    """
    @notice Change who signs batches.
    """
    self._only_timelock()
    extcall SEALS.set_matcher(matcher)


@external
def set_attester(attester: address, live: bool):
    """
    @notice Add or retire an attester.
    """
    self._only_timelock()
    extcall SEALS.set_attester(attester, live)


@external
def set_attester_threshold(threshold: uint256):
    """
    @notice Set how many attesters a batch needs, or none; `Seals` refuses more than there are.
    """
    self._only_timelock()
    assert threshold <= THRESHOLD_MAX, "governance: threshold out of range"
    extcall SEALS.set_attester_threshold(threshold)


@external
def set_oracle_signer(signer: address, live: bool):
    """
    @notice Add or retire an oracle signer.
    """
    self._only_timelock()
    extcall ORACLE.set_signer(signer, live)


@external
def set_oracle_threshold(threshold: uint256):
    """
    @notice Set how many signers a price vector needs; `Oracle` refuses more than there are.
    """
    self._only_timelock()
    assert threshold >= 1 and threshold <= SIGNERS_MAX, "governance: threshold out of range"
    extcall ORACLE.set_threshold(threshold)


@external
def set_price_source(market: uint256, source: address, bound_e4: uint256, age_s: uint256, strict: bool):
    """
    @notice Name a market's second source, or the zero address for none; `Oracle` keeps the bounds.
    """
    self._only_timelock()
    extcall ORACLE.set_source(market, source, bound_e4, age_s, strict)


@external
def set_uptime(feed: address, grace_s: uint256):
    """
    @notice Name the feed that tells whether the sequencer runs, or the zero address for none; `Oracle` keeps the bounds.
    """
    self._only_timelock()
    extcall ORACLE.set_uptime(feed, grace_s)


# -- views ---------------------------------------------------------------------

@external
@view
def timelock() -> address:
    """
    @notice Who sets, once sealed.
    """
    return TIMELOCK


@external
@view
def deployer() -> address:
    """
    @notice Who sets until it seals.
    """
    return DEPLOYER


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
    @notice What `set_market` would store, or the bound it would refuse.
    @return rates, caps, listing
    """
    parameters._check(parameters_)
    rates: uint256 = 0
    caps: uint256 = 0
    listing: uint256 = 0
    rates, caps, listing = parameters._pack(parameters_)
    return rates, caps, listing


# -- internals: who ------------------------------------------------------------

@internal
@view
def _only_timelock():
    if self.is_sealed or msg.sender != DEPLOYER:
        assert msg.sender == TIMELOCK, "governance: not the timelock"


@internal
def _set_guardian(guardian: address):
    self.guardian = guardian
    log IGovernance.GuardianSet(guardian=guardian)


@internal
def _halt(until_s: uint256):
    """
    @notice Tell Clearing; the barrier keeps a batch in flight whole.
    """
    from_ms: uint256 = (self.halted_from_s + units.GUARD_S) * 1000
    log IGovernance.HaltSet(from_ms=from_ms, until_ms=until_s * 1000, by=msg.sender)
    extcall CLEARING.set_halt(from_ms, until_s * 1000)


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
