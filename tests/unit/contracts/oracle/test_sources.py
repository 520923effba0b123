# SPDX-License-Identifier: Apache-2.0
"""Oracle.set_source and refresh: second sources behind their barrier, and what they doubt (C9,
C14).
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import Contract, Receipt, Refused, a_key, refuses
from tests.support.venue import DEPLOYER, GUARD_MS, PRICE_E8, WINDOW_MS, Venue

from infold.words import (
    ReadingsWord,
    SourceWord,
    unpack_readings,
    unpack_source,
    unpack_threshold,
)

STRANGER = a_key("stranger")
GUARD_S, WINDOW_S = GUARD_MS // 1000, WINDOW_MS // 1000
WAIT_S = GUARD_S + WINDOW_S + 1
MARKET = 1
AGE_S = 60


@dataclass
class Sourced:
    """A venue whose first market has a second source: 1 % is its bound, 60 s its age."""

    venue: Venue
    source: Contract

    def set(
        self,
        source: Contract | None,
        *,
        market: int = MARKET,
        bound_e4: int = 100,
        age_s: int = AGE_S,
        strict: bool = False,
    ) -> Receipt:
        address = "0x" + "00" * 20 if source is None else source.address
        receipt: Receipt = self.venue.governance.set_price_source(
            market, address, bound_e4, age_s, strict, sender=DEPLOYER
        )
        return receipt

    def say(self, price_e8: int, ago_s: int = 0) -> None:
        now_s = self.venue.world.timestamp_s
        self.source.say(price_e8, now_s - ago_s, sender=STRANGER)

    def read(self, price_e8: int) -> None:
        """Wait, let the source say a price, refresh, and wait until it serves."""
        self.venue.world.travel(WAIT_S)
        self.say(price_e8)
        self.venue.oracle.refresh(MARKET, sender=STRANGER)
        self.venue.world.travel(GUARD_S + 1)

    def doubtful(self, price_e8: int, time_ms: int | None = None, market: int = MARKET) -> bool:
        """Whether a vector's price is doubted."""
        vector = self.venue.a_vector({market: price_e8}, time_ms=time_ms)
        bits: int = self.venue.oracle.verify(*self.venue.presented(vector))[2]
        assert bits in (0, 1 << market)
        return bits != 0

    @property
    def readings(self) -> ReadingsWord:
        return unpack_readings(self.venue.oracle.readings(MARKET))


@pytest.fixture
def sourced(venue: Venue) -> Sourced:
    sourced = Sourced(venue, venue.world.deploy("dev/Source", PRICE_E8, sender=DEPLOYER))
    sourced.set(sourced.source)
    venue.world.travel(GUARD_S + 1)
    return sourced


def test_naming_a_source_reads_it_at_once(venue: Venue) -> None:
    source = venue.world.deploy("dev/Source", PRICE_E8, sender=DEPLOYER)
    sourced = Sourced(venue, source)
    receipt = sourced.set(source, strict=True)
    now_s = venue.world.timestamp_s
    named = {"market": MARKET, "source": venue.oracle.source_of(MARKET)}
    assert receipt.only("SourceSet") == named
    read = {"market": MARKET, "readings": venue.oracle.readings(MARKET)}
    assert receipt.only("SourceRead") == read
    assert sourced.readings == ReadingsWord(
        PRICE_E8, now_s + AGE_S, 100, 1, 0, 0, 0, 0, now_s + GUARD_S
    )
    word = unpack_source(venue.oracle.source_of(MARKET))
    assert word == SourceWord(int(source.address, 16), AGE_S, 100, 1)
    assert unpack_threshold(venue.oracle.threshold()).sourced == 1 << MARKET


@pytest.mark.parametrize("side", [-1, 1])
def test_a_price_is_doubted_strictly_beyond_the_bound(sourced: Sourced, side: int) -> None:
    edge = PRICE_E8 + side * PRICE_E8 // 100
    assert not sourced.doubtful(PRICE_E8)
    assert not sourced.doubtful(edge)
    assert sourced.doubtful(edge + side)


def test_an_unlisted_price_is_not_doubted(sourced: Sourced) -> None:
    assert not sourced.doubtful(PRICE_E8, market=2)


def test_a_shut_chunk_is_not_judged(sourced: Sourced) -> None:
    venue = sourced.venue
    vector = venue.a_vector({MARKET: 2 * PRICE_E8, 40: 1}, opened=0b10)
    assert venue.oracle.verify(*venue.presented(vector))[2] == 0


def test_every_sourced_market_of_a_vector_is_judged_by_its_own_reading(sourced: Sourced) -> None:
    venue = sourced.venue
    for market in (2, 4, 33, 191):
        sourced.set(sourced.source, market=market)
    venue.world.travel(GUARD_S + 1)
    prices = {MARKET: PRICE_E8, 2: 1, 3: 1, 4: 1, 33: 2 * PRICE_E8, 191: PRICE_E8 - 1, 192: 7}
    bits = venue.oracle.verify(*venue.presented(venue.a_vector(prices)))[2]
    assert bits == 1 << 2 | 1 << 4 | 1 << 33


@pytest.mark.parametrize("market", [3, 4, 8])
def test_the_last_sourced_market_is_judged_wherever_it_stands_in_its_word(
    sourced: Sourced, market: int
) -> None:
    """First in a word of four it is the only bit of its group; last, a price of one is the word."""
    sourced.set(sourced.source, market=market)
    sourced.venue.world.travel(GUARD_S + 1)
    assert sourced.doubtful(1, market=market)
    assert not sourced.doubtful(PRICE_E8, market=market)


def test_a_reading_serves_strictly_after_its_activation(sourced: Sourced) -> None:
    venue = sourced.venue
    venue.world.travel(WAIT_S)
    sourced.say(2 * PRICE_E8)
    venue.oracle.refresh(MARKET, sender=STRANGER)
    activation_ms = venue.world.now_ms + GUARD_MS
    assert sourced.readings.activation_s * 1000 == activation_ms
    assert not sourced.doubtful(PRICE_E8, activation_ms)
    assert sourced.doubtful(PRICE_E8, activation_ms + 1)


def test_the_next_reading_waits_until_no_batch_can_be_judged_by_the_one_before(
    sourced: Sourced,
) -> None:
    venue = sourced.venue
    venue.world.travel(WAIT_S)
    sourced.say(PRICE_E8 + 1)
    venue.oracle.refresh(MARKET, sender=STRANGER)
    venue.world.travel(GUARD_S + WINDOW_S)
    sourced.say(PRICE_E8 + 2)
    with refuses(venue.world, "oracle: change pending"):
        venue.oracle.refresh(MARKET, sender=STRANGER)
    with refuses(venue.world, "oracle: change pending"):
        sourced.set(sourced.source)
    venue.world.travel(1)
    sourced.say(PRICE_E8 + 2)
    venue.oracle.refresh(MARKET, sender=STRANGER)
    assert (sourced.readings.before_price_e8, sourced.readings.price_e8) == (
        PRICE_E8 + 1,
        PRICE_E8 + 2,
    )


def test_refresh_takes_only_what_is_newer(sourced: Sourced) -> None:
    venue = sourced.venue
    venue.world.travel(WAIT_S)
    for ago_s in (WAIT_S + GUARD_S + 1, WAIT_S + GUARD_S + 2):  # the very reading, and an older one
        sourced.say(PRICE_E8 + 1, ago_s)
        with refuses(venue.world, "oracle: nothing newer"):
            venue.oracle.refresh(MARKET, sender=STRANGER)


@pytest.mark.parametrize(
    ("price_e8", "ago_s", "reason"),
    [
        (0, 0, "oracle: reading out of range"),
        (2**64, 0, "oracle: reading out of range"),
        (PRICE_E8, -1, "oracle: reading from the future"),
        (PRICE_E8, AGE_S, "oracle: reading is stale"),
    ],
)
def test_a_reading_is_of_some_range_and_age(
    sourced: Sourced, price_e8: int, ago_s: int, reason: str
) -> None:
    venue = sourced.venue
    venue.world.travel(WAIT_S)
    sourced.say(price_e8, ago_s)
    with refuses(venue.world, reason):
        venue.oracle.refresh(MARKET, sender=STRANGER)
    with refuses(venue.world, reason):
        sourced.set(sourced.source)


def test_a_reading_of_the_last_moment_is_taken(sourced: Sourced) -> None:
    sourced.venue.world.travel(WAIT_S + AGE_S)
    sourced.say(2**64 - 1, AGE_S - 1)
    sourced.venue.oracle.refresh(MARKET, sender=STRANGER)
    assert sourced.readings.price_e8 == 2**64 - 1


@pytest.mark.parametrize("strict", [False, True])
def test_past_its_end_a_strict_reading_doubts_all_and_another_none(
    sourced: Sourced, strict: bool
) -> None:
    sourced.venue.world.travel(WAIT_S)
    sourced.say(PRICE_E8)
    sourced.set(sourced.source, strict=strict)
    until_ms = sourced.readings.until_s * 1000
    assert not sourced.doubtful(PRICE_E8, until_ms)
    assert sourced.doubtful(2 * PRICE_E8, until_ms)
    assert sourced.doubtful(PRICE_E8, until_ms + 1) is strict
    assert sourced.doubtful(2 * PRICE_E8, until_ms + 1) is strict


def test_taking_a_source_away_ends_doubt_behind_the_barrier(sourced: Sourced) -> None:
    venue = sourced.venue
    venue.world.travel(WAIT_S)
    receipt = sourced.set(None)
    assert receipt.only("SourceSet") == {"market": MARKET, "source": 0}
    activation_ms = venue.world.now_ms + GUARD_MS
    assert sourced.doubtful(2 * PRICE_E8, activation_ms)
    assert not sourced.doubtful(2 * PRICE_E8, activation_ms + 1)
    with refuses(venue.world, "oracle: change pending"):
        venue.oracle.refresh(MARKET, sender=STRANGER)
    venue.world.travel(WAIT_S)
    forgotten = venue.oracle.refresh(MARKET, sender=STRANGER)
    assert forgotten.only("SourceRead") == {"market": MARKET, "readings": 0}
    assert venue.oracle.readings(MARKET) == 0
    assert unpack_threshold(venue.oracle.threshold()).sourced == 0
    with refuses(venue.world, "oracle: no source"):
        venue.oracle.refresh(MARKET, sender=STRANGER)
    with refuses(venue.world, "oracle: no source"):
        sourced.set(None)


def test_refresh_knows_only_markets_with_a_source(sourced: Sourced) -> None:
    for market in (2, 191, 192, 2**256 - 1):
        with refuses(sourced.venue.world, "oracle: no source"):
            sourced.venue.oracle.refresh(market, sender=STRANGER)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"market": 0}, "oracle: market out of range"),
        ({"market": 192}, "oracle: market out of range"),
        ({"bound_e4": 9}, "oracle: bound out of range"),
        ({"bound_e4": 2_001}, "oracle: bound out of range"),
        ({"age_s": 29}, "oracle: age out of range"),
        ({"age_s": 172_801}, "oracle: age out of range"),
    ],
)
def test_set_source_keeps_its_bounds(
    sourced: Sourced, changes: dict[str, int], reason: str
) -> None:
    with refuses(sourced.venue.world, reason):
        sourced.set(sourced.source, **({"market": 2} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"market": 1},
        {"market": 191},
        {"bound_e4": 10},
        {"bound_e4": 2_000},
        {"age_s": 30},
        {"age_s": 172_800},
    ],
)
def test_set_source_takes_what_its_bounds_allow(sourced: Sourced, changes: dict[str, int]) -> None:
    sourced.venue.world.travel(WAIT_S)
    sourced.say(PRICE_E8)
    given = {"market": 2, "bound_e4": 100, "age_s": 60} | changes
    sourced.set(sourced.source, **given)
    word = unpack_source(sourced.venue.oracle.source_of(given["market"]))
    assert (word.bound_e4, word.age_s) == (given["bound_e4"], given["age_s"])
    readings = unpack_readings(sourced.venue.oracle.readings(given["market"]))
    assert readings.until_s == sourced.venue.world.timestamp_s + given["age_s"]


def test_set_source_and_set_uptime_are_governances_alone(venue: Venue) -> None:
    with refuses(venue.world, "oracle: not governance"):
        venue.oracle.set_source(1, STRANGER.address, 100, 60, False, sender=DEPLOYER)
    with refuses(venue.world, "oracle: not governance"):
        venue.oracle.set_uptime(STRANGER.address, 3_600, sender=DEPLOYER)


def test_a_changed_threshold_keeps_the_sources_and_a_source_the_threshold(
    sourced: Sourced,
) -> None:
    venue = sourced.venue
    before = unpack_threshold(venue.oracle.threshold())
    venue.governance.set_oracle_threshold(3, sender=DEPLOYER)
    after = unpack_threshold(venue.oracle.threshold())
    assert (after.new, after.old, after.sourced) == (3, before.new, before.sourced)
    venue.world.travel(WAIT_S)
    sourced.set(sourced.source, market=9)
    assert unpack_threshold(venue.oracle.threshold()) == after._replace(
        sourced=before.sourced | 1 << 9
    )
    with refuses(venue.world, "signers: threshold out of range"):
        venue.governance.set_oracle_threshold(4, sender=DEPLOYER)
    with refuses(venue.world, "signers: threshold out of range"):
        key = a_key("oracle signer 0")
        venue.governance.set_oracle_signer(key.address, False, sender=DEPLOYER)


@pytest.mark.parametrize("look", [1, 2, 3], ids=["the sequencer", "a reading", "who signs"])
def test_a_source_that_looks_at_the_oracle_while_it_is_asked_is_locked_out(
    venue: Venue, look: int
) -> None:
    path = ROOT / "tests" / "support" / "contracts" / "NosySource.vy"
    nosy = venue.world.deploy(compiled_at(path), sender=DEPLOYER)
    sourced = Sourced(venue, nosy)
    sourced.set(nosy)
    venue.world.travel(WAIT_S)
    nosy.look(venue.oracle.address, look, sender=STRANGER)
    assert venue.oracle.sequencer_up() and nosy.latest()[0] == 10**8
    for act in (
        lambda: venue.oracle.refresh(MARKET, sender=STRANGER),
        lambda: sourced.set(nosy),
    ):
        with pytest.raises(Refused) as refused:
            act()
        assert refused.value.reason == "", "the lock refuses without words; something else spoke"
    nosy.look(venue.oracle.address, 0, sender=STRANGER)
    venue.oracle.refresh(MARKET, sender=STRANGER)
