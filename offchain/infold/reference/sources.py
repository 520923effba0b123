# SPDX-License-Identifier: Apache-2.0
"""Second sources: what `Oracle` stores of them, and which prices they contradict
(docs/protocol.md §9).

What a source answers is not of this world: whoever calls brings it along as (price e8, time s).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .arithmetic import GUARD_MS, WINDOW_MS
from .faults import require
from .state import State
from .words import unsigned

Answer = tuple[int, int]

MARKETS_SOURCED = 192
BOUND_E4_MIN, BOUND_E4_MAX = 10, 2_000
AGE_S_MIN, AGE_S_MAX = 30, 172_800


class Reading(NamedTuple):
    """price u64 @48 | until_s u32 @16 | bound_e4 u15 @1 | strict u1 @0."""

    price_e8: int
    until_s: int
    bound_e4: int
    strict: bool

    @classmethod
    def of(cls, bits: int) -> Reading:
        return cls(bits >> 48, bits >> 16 & 0xFFFFFFFF, bits >> 1 & 0x7FFF, bool(bits & 1))

    @property
    def bits(self) -> int:
        return (
            unsigned(self.price_e8, 64, "second price") << 48
            | unsigned(self.until_s, 32, "end of a reading") << 16
            | unsigned(self.bound_e4, 15, "bound of a reading") << 1
            | int(self.strict)
        )

    def doubts(self, price_e8: int, time_ms: int) -> bool:
        """Whether the reading contradicts a vector's price at T."""
        if time_ms > self.until_s * 1000:
            return self.strict
        return abs(price_e8 - self.price_e8) * 10**4 > self.price_e8 * self.bound_e4


class Readings(NamedTuple):
    """reading 112 @144 | the one before 112 @32 | activation_s u32 @0."""

    after: Reading
    before: Reading
    activation_s: int

    @classmethod
    def of(cls, word: int) -> Readings:
        before = Reading.of(word >> 32 & (1 << 112) - 1)
        return cls(Reading.of(word >> 144), before, word & 0xFFFFFFFF)

    @property
    def word(self) -> int:
        activation = unsigned(self.activation_s, 32, "activation of a reading")
        return self.after.bits << 144 | self.before.bits << 32 | activation

    def at(self, time_ms: int) -> Reading:
        return self.after if time_ms > self.activation_s * 1000 else self.before


class Source(NamedTuple):
    """source 160 @96 | age_s u32 @16 | bound_e4 u15 @1 | strict u1 @0."""

    address: int
    age_s: int
    bound_e4: int
    strict: bool

    @classmethod
    def of(cls, word: int) -> Source:
        return cls(word >> 96, word >> 16 & 0xFFFFFFFF, word >> 1 & 0x7FFF, bool(word & 1))

    @property
    def word(self) -> int:
        return (
            self.address << 96
            | unsigned(self.age_s, 32, "age of a reading") << 16
            | unsigned(self.bound_e4, 15, "bound of a source") << 1
            | int(self.strict)
        )

    def read(self, answer: Answer, now_s: int) -> Reading:
        """An answer as a reading; raises Fault where `Oracle` would not take it."""
        price_e8, time_s = answer
        require(0 < price_e8 < 2**64, "oracle: reading out of range")
        require(time_s <= now_s, "oracle: reading from the future")
        require(time_s + self.age_s > now_s, "oracle: reading is stale")
        return Reading(price_e8, time_s + self.age_s, self.bound_e4, self.strict)


NO_READING = Reading(0, 0, 0, False)


def doubtful(state: State, prices_e8: Mapping[int, int], time_ms: int) -> frozenset[int]:
    """The markets whose price a second source contradicts at T."""
    return frozenset(
        market
        for market, word in state.readings.items()
        if (price_e8 := prices_e8.get(market, 0))
        and Readings.of(word).at(time_ms).doubts(price_e8, time_ms)
    )


def set_source(state: State, market: int, source: Source, answer: Answer, now_s: int) -> None:
    """Name a market's source and take its first answer in, or take the source away (address 0)."""
    require(0 < market < MARKETS_SOURCED, "oracle: market out of range")
    _wait(state, market, now_s)
    word, reading = 0, NO_READING
    if source.address:
        within = BOUND_E4_MIN <= source.bound_e4 <= BOUND_E4_MAX
        require(within, "oracle: bound out of range")
        require(AGE_S_MIN <= source.age_s <= AGE_S_MAX, "oracle: age out of range")
        word, reading = source.word, source.read(answer, now_s)
    else:
        require(bool(state.sources.get(market)), "oracle: no source")
    state.put(state.sources, market, word)
    state.log("SourceSet", market, word)
    _put(state, market, reading, now_s)


def refresh(state: State, market: int, answer: Answer, now_s: int) -> None:
    """Take a newer answer in; forget the last one where the source was taken away."""
    stored = state.readings.get(market, 0)
    require(bool(stored), "oracle: no source")
    _wait(state, market, now_s)
    word = state.sources.get(market, 0)
    if not word:
        state.put(state.readings, market, 0)
        state.log("SourceRead", market, 0)
        return
    reading = Source.of(word).read(answer, now_s)
    require(reading.until_s > Readings.of(stored).after.until_s, "oracle: nothing newer")
    _put(state, market, reading, now_s)


def _wait(state: State, market: int, now_s: int) -> None:
    activation_s = Readings.of(state.readings.get(market, 0)).activation_s
    require(now_s > activation_s + WINDOW_MS // 1000, "oracle: change pending")


def _put(state: State, market: int, reading: Reading, now_s: int) -> None:
    """The reading serves from G on; the one in force until then."""
    before = Readings.of(state.readings.get(market, 0)).after
    word = Readings(reading, before, now_s + GUARD_MS // 1000).word
    state.put(state.readings, market, word)
    state.log("SourceRead", market, word)
