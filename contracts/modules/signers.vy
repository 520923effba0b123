# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Signers
@license AGPL-3.0-only
@notice A set of keys of which k must sign: each key's time of service, and k, change behind a barrier.
@dev C14 the old state serves T <= activation; a second change of the same thing waits F after that, so that no
         message in flight is judged by two sets
"""

from . import packing
from . import signatures
from . import units

struct Signature:
    r: uint256
    vs: uint256


event SignerSet:
    signer: indexed(address)
    live: bool
    activation: uint256


event ThresholdSet:
    threshold: uint256
    activation: uint256


service: public(HashMap[address, uint256])  # serves from < T <= until: from 48 @48 | until 48 @0, until 0 for no end
threshold: public(uint256)                  # the contract's own 192 @64 | new 8 @56 | old 8 @48 | activation 48 @0
live_count: public(uint256)                 # keys whose last change was to be added


@deploy
def __init__(signers: DynArray[address, 16], threshold: uint256):
    for signer: address in signers:
        assert signer != empty(address), "signers: address is zero"
        assert self.service[signer] == 0, "signers: already a signer"
        self.service[signer] = 1 << 48
    self.live_count = len(signers)
    assert threshold <= len(signers), "signers: threshold out of range"
    self.threshold = (threshold << 56) | (threshold << 48)


@internal
@view
def _check(digest: bytes32, given: DynArray[Signature, 16], first: uint256, time: uint256) -> uint256:
    """
    @notice Count the signatures from place `first` on; each is by a key in service, addresses strictly ascending.
    """
    previous: uint256 = 0
    count: uint256 = 0
    for n: uint256 in range(len(given), bound=16):
        if n < first:
            continue
        pair: Signature = given[n]
        signer: uint256 = signatures._recover(digest, pair.r, pair.vs)
        assert signer > previous, "signers: not ascending"
        word: uint256 = self.service[convert(signer, address)]
        assert word != 0 and time > word >> 48, "signers: not a signer"
        assert word & packing.M48 == 0 or time <= word & packing.M48, "signers: not a signer"
        previous = signer
        count += 1
    assert count >= self._threshold(time), "signers: too few"
    return count


@internal
@view
def _threshold(time: uint256) -> uint256:
    word: uint256 = self.threshold
    if time <= word & packing.M48:
        return (word >> 48) & packing.M8
    return (word >> 56) & packing.M8


@internal
def _set(signer: address, live: bool):
    """
    @notice Add or retire a key; what it was serves for G more, so messages in flight stay good.
    """
    assert signer != empty(address), "signers: address is zero"
    word: uint256 = self.service[signer]
    now: uint256 = units._now_ms()
    assert now > max(word >> 48, word & packing.M48) + units.WINDOW_MS, "signers: change pending"
    activation: uint256 = now + units.GUARD_MS
    serving: bool = word != 0 and word & packing.M48 == 0
    if live:
        assert not serving, "signers: already a signer"
        self.service[signer] = activation << 48
        self.live_count += 1
    else:
        assert serving, "signers: not a signer"
        assert self.live_count > (self.threshold >> 56) & packing.M8, "signers: threshold out of range"
        self.service[signer] = word | activation
        self.live_count -= 1
    log SignerSet(signer=signer, live=live, activation=activation)


@internal
def _set_threshold(threshold: uint256):
    word: uint256 = self.threshold
    assert units._now_ms() > (word & packing.M48) + units.WINDOW_MS, "signers: change pending"
    assert threshold <= self.live_count, "signers: threshold out of range"
    activation: uint256 = units._now_ms() + units.GUARD_MS
    self.threshold = (
        ((word >> 64) << 64) | (threshold << 56) | (((word >> 56) & packing.M8) << 48) | activation
    )
    log ThresholdSet(threshold=threshold, activation=activation)
