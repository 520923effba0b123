# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Seals
@license AGPL-3.0-only
@notice Who signs batches: the matcher, and attesters who have re-run the match, once there are any.
@dev C14 every key has an old and a new state; the old one serves T <= activation
"""

from . import packing
from . import units
from ..interfaces import IClearing

matcher_words: public(uint256[2])           # old 160 @0 | activation 48 @160; new 160 @0
attester_words: public(HashMap[address, uint256])   # from 48 @48 | until 48 @0 (times of service; until 0: no end)
attester_threshold: public(uint256)         # new 8 @56 | old 8 @48 | activation 48 @0


@deploy
def __init__(matcher: address):
    self.matcher_words[1] = convert(matcher, uint256)


@internal
@view
def _matcher(time: uint256) -> uint256:
    word: uint256 = self.matcher_words[0]
    if time <= word >> 160:
        return word & (2**160 - 1)
    return self.matcher_words[1]


@internal
@view
def _threshold(time: uint256) -> uint256:
    word: uint256 = self.attester_threshold
    if time <= word & packing.M48:
        return (word >> 48) & packing.M8
    return word >> 56


@internal
@view
def _attests(signer: uint256, time: uint256) -> bool:
    word: uint256 = self.attester_words[convert(signer, address)]
    return word != 0 and time > word >> 48 and (word & packing.M48 == 0 or time <= word & packing.M48)


@internal
def _set_matcher(matcher: address):
    word: uint256 = self.matcher_words[0]
    assert units._now_ms() > (word >> 160) + units.WINDOW_MS, "clearing: change pending"
    activation: uint256 = units._now_ms() + units.GUARD_MS
    self.matcher_words[0] = (activation << 160) | self.matcher_words[1]
    self.matcher_words[1] = convert(matcher, uint256)
    log IClearing.MatcherSet(matcher=matcher, activation=activation)


@internal
def _set_attester(attester: address, live: bool):
    word: uint256 = self.attester_words[attester]
    now: uint256 = units._now_ms()
    assert now > max(word >> 48, word & packing.M48) + units.WINDOW_MS, "clearing: change pending"
    activation: uint256 = now + units.GUARD_MS
    if live:
        assert word == 0 or word & packing.M48 != 0, "clearing: already an attester"
        self.attester_words[attester] = activation << 48
    else:
        assert word != 0 and word & packing.M48 == 0, "clearing: not an attester"
        self.attester_words[attester] = word | activation
    log IClearing.AttesterSet(attester=attester, live=live, activation=activation)


@internal
def _set_threshold(threshold: uint256):
    word: uint256 = self.attester_threshold
    assert units._now_ms() > (word & packing.M48) + units.WINDOW_MS, "clearing: change pending"
    activation: uint256 = units._now_ms() + units.GUARD_MS
    self.attester_threshold = (packing._count(threshold, 8) << 56) | ((word >> 56) << 48) | activation
    log IClearing.AttesterThresholdSet(threshold=threshold, activation=activation)
