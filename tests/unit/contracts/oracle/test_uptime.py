# SPDX-License-Identifier: Apache-2.0
"""Oracle.set_uptime and sequencer_up, before the feed mock that Chainlink publishes."""

from __future__ import annotations

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import ZERO, Contract, Receipt, a_key, refuses
from tests.support.solidity import mock
from tests.support.venue import DEPLOYER, Venue
from tests.support.wallets import ROUND_IF, asks_first, raw_contract, says

GRACE_S = 3_600
STRANGER = a_key("stranger")


class Sequencer:
    """A venue with an uptime feed that has said "up" for a day."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue
        self.feed: Contract = venue.world.deploy(mock("MockV3Aggregator"), 0, 0, sender=DEPLOYER)
        self.says(0, 86_400)
        self.set(self.feed.address)

    def says(self, answer: int, since_s: int) -> None:
        """0 up, 1 down, for so many seconds."""
        now_s = self.venue.world.timestamp_s
        self.feed.updateRoundData(2, answer, now_s, max(0, now_s - since_s), sender=STRANGER)

    def set(self, feed: str, grace_s: int = GRACE_S) -> Receipt:
        receipt: Receipt = self.venue.governance.set_uptime(feed, grace_s, sender=DEPLOYER)
        return receipt

    @property
    def up(self) -> bool:
        up: bool = self.venue.oracle.sequencer_up()
        return up


@pytest.fixture
def sequencer(venue: Venue) -> Sequencer:
    return Sequencer(venue)


def test_without_a_feed_the_sequencer_is_up(venue: Venue) -> None:
    assert venue.oracle.sequencer_up()
    assert venue.oracle.uptime_word() == 0


@pytest.mark.parametrize(
    ("answer", "since_s", "up"),
    [
        (0, GRACE_S, False),
        (0, GRACE_S + 1, True),
        (0, 0, False),
        (0, -1, False),  # since a moment still to come
        (1, 0, False),
        (1, 86_400, False),
        (2, 86_400, False),
        (-1, 86_400, False),
        (0, 2**64, False),  # never started
    ],
)
def test_it_is_up_once_it_was_for_longer_than_the_grace(
    sequencer: Sequencer, answer: int, since_s: int, up: bool
) -> None:
    assert sequencer.up
    sequencer.says(answer, since_s)
    assert sequencer.up is up


def test_the_grace_runs_with_the_clock(sequencer: Sequencer) -> None:
    sequencer.says(0, 0)
    sequencer.venue.world.travel(GRACE_S)
    assert not sequencer.up
    sequencer.venue.world.travel(1)
    assert sequencer.up


def test_a_feed_that_does_not_answer_leaves_nobody_sure(venue: Venue) -> None:
    path = ROOT / "tests" / "support" / "contracts" / "OddFeed.vy"
    feed = venue.world.deploy(compiled_at(path), sender=DEPLOYER)
    venue.governance.set_uptime(feed.address, GRACE_S, sender=DEPLOYER)
    feed.set_mute(True, sender=DEPLOYER)
    with refuses(venue.world, "feed: mute"):
        venue.oracle.sequencer_up()
    with refuses(venue.world, "feed: mute"):
        venue.governance.set_uptime(feed.address, GRACE_S, sender=DEPLOYER)


def test_the_oracle_tells_no_feed_its_word_while_the_feed_is_named(venue: Venue) -> None:
    question = venue.oracle.calldata("uptime_word")
    feed = raw_contract(venue.world, asks_first(venue.oracle.address, question, ROUND_IF), DEPLOYER)
    with refuses(venue.world, ""):
        venue.governance.set_uptime(feed.address, GRACE_S, sender=DEPLOYER)
    other = raw_contract(
        venue.world,
        asks_first(venue.vault.address, venue.vault.calldata("accounted_e6"), ROUND_IF),
        DEPLOYER,
    )
    venue.governance.set_uptime(other.address, GRACE_S, sender=DEPLOYER)
    assert not venue.oracle.sequencer_up()


@pytest.mark.parametrize(("feed", "grace_s"), [(True, 0), (True, 59), (True, 86_401), (False, 60)])
def test_set_uptime_keeps_its_bounds(sequencer: Sequencer, feed: bool, grace_s: int) -> None:
    with refuses(sequencer.venue.world, "oracle: grace out of range"):
        sequencer.set(sequencer.feed.address if feed else ZERO, grace_s)


@pytest.mark.parametrize("grace_s", [60, 61, 86_400])
def test_set_uptime_takes_what_its_bounds_allow(sequencer: Sequencer, grace_s: int) -> None:
    said = sequencer.set(sequencer.feed.address, grace_s).only("UptimeSet")
    assert said == {"feed": sequencer.feed.address.lower(), "grace_s": grace_s}
    assert sequencer.venue.oracle.uptime_word() & (2**32 - 1) == grace_s
    sequencer.says(0, grace_s)
    assert not sequencer.up
    sequencer.says(0, grace_s + 1)
    assert sequencer.up


def test_no_bit_of_a_feeds_address_is_part_of_its_grace(venue: Venue) -> None:
    """Two feeds whose addresses differ in their last bit."""
    since_1970 = says((1).to_bytes(96, "big").ljust(160, b"\0"))
    seen = set()
    while len(seen) < 2:
        feed = raw_contract(venue.world, since_1970, DEPLOYER)
        venue.governance.set_uptime(feed.address, GRACE_S, sender=DEPLOYER)
        assert venue.oracle.sequencer_up()
        seen.add(int(feed.address, 16) & 1)


def test_set_uptime_takes_a_feed_away(sequencer: Sequencer) -> None:
    word = int(sequencer.feed.address, 16) << 32 | GRACE_S
    assert sequencer.venue.oracle.uptime_word() == word
    sequencer.says(1, 0)
    assert sequencer.set(ZERO, 0).only("UptimeSet") == {"feed": ZERO, "grace_s": 0}
    assert sequencer.up and sequencer.venue.oracle.uptime_word() == 0
