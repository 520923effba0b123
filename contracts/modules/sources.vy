# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title Sources
@license AGPL-3.0-only
@notice A second source a market: what it last said, behind a barrier, and whether a vector's price contradicts it.
@dev C9  a price that a fresh second source contradicts opens a market to shrink only
     C14 a reading, like every parameter, serves T > activation, the one before serves T <= activation, and the next
         waits F after that: who refreshes cannot change the outcome of a batch that is signed
     source   source 160 @96 | age_s 32 @16 | bound_e4 15 @1 | strict 1 @0
     reading  112 bits: price e8 64 @48 | until_s 32 @16 | bound_e4 15 @1 | strict 1 @0
     readings new reading @144 | old reading @32 | activation_s 32 @0
     A reading of 0 doubts nothing. Past `until_s` a strict reading doubts every price, another none.
     Which markets have a source stands in `signers.threshold`, which `verify` reads anyway.
"""

from . import packing
from . import signers
from . import units
from ..interfaces import ISource

uses: signers

MARKETS: constant(uint256) = 192        # bits free beside the threshold; markets above have no second source
BOUND_E4_MIN: constant(uint256) = 10    # 0.1 %: two honest sources differ by that
BOUND_E4_MAX: constant(uint256) = 2_000 # 20 %: a wider one would never speak
AGE_S_MIN: constant(uint256) = 30       # a reading can be renewed every 18 s at the earliest
AGE_S_MAX: constant(uint256) = 172_800  # two heartbeats of the slowest feeds
M15: constant(uint256) = 2**15 - 1


event SourceSet:
    market: indexed(uint256)
    source: uint256


event SourceRead:
    market: indexed(uint256)
    readings: uint256


source_of: public(uint256[192])
readings: public(uint256[192])


@internal
def _set(market: uint256, source: address, bound_e4: uint256, age_s: uint256, strict: bool):
    """
    @notice Name a market's source and read it at once, so that one which does not answer is never named; or take it away.
    @param strict Whether a market whose reading is too old may only shrink; otherwise it is as if it had none.
    """
    assert market != 0 and market < MARKETS, "oracle: market out of range"
    self._wait(market)
    word: uint256 = 0
    reading: uint256 = 0
    if source == empty(address):
        assert self.source_of[market] != 0, "oracle: no source"
    else:
        assert bound_e4 >= BOUND_E4_MIN and bound_e4 <= BOUND_E4_MAX, "oracle: bound out of range"
        assert age_s >= AGE_S_MIN and age_s <= AGE_S_MAX, "oracle: age out of range"
        word = convert(source, uint256) * 2**96 | age_s * 2**16 | bound_e4 * 2
        if strict:
            word |= 1
        reading = self._read(word)
        signers.threshold |= 1 << (64 + market)
    self.source_of[market] = word
    log SourceSet(market=market, source=word)
    self._put(market, reading)


@internal
def _refresh(market: uint256):
    """
    @notice Take a source's newer reading in; of a market whose source was taken away, forget the last one.
    """
    assert market < MARKETS, "oracle: no source"
    assert (signers.threshold >> (64 + market)) & 1 != 0, "oracle: no source"
    self._wait(market)
    word: uint256 = self.source_of[market]
    if word == 0:
        self.readings[market] = 0
        signers.threshold ^= 1 << (64 + market)
        log SourceRead(market=market, readings=0)
        return
    reading: uint256 = self._read(word)
    # of one source and one age, the one that ends later is the newer
    assert (reading >> 16) & packing.M32 > (self.readings[market] >> 160) & packing.M32, "oracle: nothing newer"
    self._put(market, reading)


@internal
@view
def _doubts(market: uint256, price: uint256, time: uint256) -> bool:
    """
    @notice Whether the reading that serves T contradicts a vector's price.
    """
    word: uint256 = self.readings[market]
    reading: uint256 = word >> 144
    if time <= unsafe_mul(word & packing.M32, 1000):
        reading = (word << 112) >> 144
    if time > unsafe_mul((reading >> 16) & packing.M32, 1000):
        return reading & 1 != 0
    second: uint256 = reading >> 48
    return (
        unsafe_mul(unsafe_sub(max(price, second), min(price, second)), 10**4)
        > unsafe_mul(second, (reading >> 1) & M15)
    )


@internal
@view
def _read(source: uint256) -> uint256:
    """
    @notice Ask a source; its answer as a reading.
    """
    price_e8: uint256 = 0
    time_s: uint256 = 0
    price_e8, time_s = staticcall ISource(convert(source >> 96, address)).latest()
    assert price_e8 != 0 and price_e8 < 2**64, "oracle: reading out of range"
    assert time_s <= block.timestamp, "oracle: reading from the future"
    until_s: uint256 = time_s + ((source >> 16) & packing.M32)
    assert until_s > block.timestamp, "oracle: reading is stale"
    return price_e8 * 2**48 | until_s * 2**16 | source & packing.M16


@internal
@view
def _wait(market: uint256):
    """
    @notice No second change before every batch that the last one could surprise is void.
    """
    activation_s: uint256 = self.readings[market] & packing.M32
    assert block.timestamp > activation_s + units.WINDOW_S, "oracle: change pending"


@internal
def _put(market: uint256, reading: uint256):
    """
    @notice Put a reading in force G from now; the one in force serves until then.
    """
    word: uint256 = (
        reading * 2**144 | (self.readings[market] >> 144) * 2**32 | block.timestamp + units.GUARD_S
    )
    self.readings[market] = word
    log SourceRead(market=market, readings=word)
