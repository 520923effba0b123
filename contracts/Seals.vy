# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Seals
@license AGPL-3.0-only
@notice Who seals batches: the matcher, and k attesters who have re-run the match once there are any (k = 0 at first).
@dev C14 every key has an old and a new state; the old one serves T <= activation
@custom:halt Nothing to stop: a seal nobody gives settles nothing.
"""

from .interfaces import ISeals
from .modules import packing
from .modules import signatures
from .modules import signers
from .modules import units

implements: ISeals
initializes: signers
exports: (signers.service, signers.threshold, signers.live_count)

GOVERNANCE: public(immutable(address))

matcher_words: public(uint256[2])   # old 160 @0 | activation 48 @160; new 160 @0


@deploy
def __init__(governance: address, matcher: address):
    """
    @notice Fix who may change keys, and the first matcher.
    """
    assert governance != empty(address) and matcher != empty(address), "seals: address is zero"
    GOVERNANCE = governance
    signers.__init__([], 0)
    self.matcher_words[0] = convert(matcher, uint256)    # never nobody, whose seal anyone could forge
    self.matcher_words[1] = convert(matcher, uint256)


@external
@view
def check(time: uint256, digest: bytes32, seals: DynArray[signers.Signature, 16]) -> bool:
    """
    @notice Revert unless the first seal is the matcher's and k attesters' follow by ascending address.
    @return always True
    """
    assert len(seals) != 0, "seals: not the matcher"
    signer: uint256 = signatures._recover(digest, seals[0].r, seals[0].vs)
    assert signer == self._matcher(time), "seals: not the matcher"
    signers._check(digest, seals, 1, time)
    return True


@external
def set_matcher(matcher: address):
    """
    @notice Change who signs batches.
    """
    self._only_governance()
    assert matcher != empty(address), "seals: address is zero"
    word: uint256 = self.matcher_words[0]
    assert units._now_ms() > (word >> 160) + units.WINDOW_MS, "seals: change pending"

    activation: uint256 = units._now_ms() + units.GUARD_MS
    self.matcher_words[0] = (activation << 160) | self.matcher_words[1]
    self.matcher_words[1] = convert(matcher, uint256)
    log ISeals.MatcherSet(matcher=matcher, activation=activation)


@external
def set_attester(attester: address, live: bool):
    """
    @notice Add or retire someone who re-runs and attests batches.
    """
    self._only_governance()
    signers._set(attester, live)


@external
def set_attester_threshold(threshold: uint256):
    """
    @notice How many attesters a batch needs.
    """
    self._only_governance()
    signers._set_threshold(threshold)


@internal
@view
def _only_governance():
    assert msg.sender == GOVERNANCE, "seals: not governance"


@internal
@view
def _matcher(time: uint256) -> uint256:
    word: uint256 = self.matcher_words[0]
    if time <= word >> 160:
        return word & (2**160 - 1)
    return self.matcher_words[1]
