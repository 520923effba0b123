# SPDX-License-Identifier: Apache-2.0
"""adapters/Aggregator: a Chainlink-style feed as a second source, before the mock that Chainlink
publishes and before a feed that says anything.
"""

from __future__ import annotations

import pytest
from tests.support.compiler import ROOT, compiled_at
from tests.support.evm import ZERO, Contract, World, a_key, refuses
from tests.support.solidity import mock

DEPLOYER = a_key("deployer")
ODD_FEED = ROOT / "tests" / "support" / "contracts" / "OddFeed.vy"
NOW_S = 1_700_000_000


def an_odd_feed(world: World) -> tuple[Contract, Contract]:
    """A feed that says 1 at 8 decimals, and its adapter."""
    feed = world.deploy(compiled_at(ODD_FEED), sender=DEPLOYER)
    feed.say(8, 1, 10**8, NOW_S, NOW_S, 1, sender=DEPLOYER)
    return feed, world.deploy("adapters/Aggregator", feed.address, sender=DEPLOYER)


@pytest.mark.parametrize(
    ("decimals", "answer", "price_e8"),
    [
        (8, 60_000 * 10**8, 60_000 * 10**8),
        (18, 60_000 * 10**18 + 10**10 - 1, 60_000 * 10**8),
        (6, 1_234_567, 123_456_700),
        (0, 3, 3 * 10**8),
        (18, 10**10 - 1, 0),
    ],
)
def test_latest_is_the_published_mocks_answer_in_e8(
    decimals: int, answer: int, price_e8: int
) -> None:
    world = World(NOW_S)
    feed = world.deploy(mock("MockV3Aggregator"), decimals, answer, sender=DEPLOYER)
    adapter = world.deploy("adapters/Aggregator", feed.address, sender=DEPLOYER)
    assert adapter.FEED() == feed.address.lower()
    assert adapter.latest() == (price_e8, NOW_S)
    world.travel(7)
    feed.updateAnswer(answer * 2, sender=DEPLOYER)
    assert adapter.latest()[1] == NOW_S + 7


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ((8, 1, 0, NOW_S, NOW_S, 1), "aggregator: answer is not positive"),
        ((8, 1, -1, NOW_S, NOW_S, 1), "aggregator: answer is not positive"),
        ((8, 1, -(2**255), NOW_S, NOW_S, 1), "aggregator: answer is not positive"),
        ((8, 1, 2**127, NOW_S, NOW_S, 1), "aggregator: answer out of range"),
        ((8, 1, 5, NOW_S, 0, 1), "aggregator: round is not complete"),
        ((8, 2, 5, NOW_S, NOW_S, 1), "aggregator: answer of an earlier round"),
        ((37, 1, 5, NOW_S, NOW_S, 1), "aggregator: too many decimals"),
    ],
)
def test_latest_rejects_what_is_no_whole_answer(said: tuple[int, ...], reason: str) -> None:
    world = World(NOW_S)
    feed, adapter = an_odd_feed(world)
    feed.say(*said, sender=DEPLOYER)
    with refuses(world, reason):
        adapter.latest()


def test_latest_follows_a_feed_that_changes_its_decimals() -> None:
    world = World(NOW_S)
    feed, adapter = an_odd_feed(world)
    feed.say(36, 1, 2**127 - 1, NOW_S, NOW_S, 2, sender=DEPLOYER)
    assert adapter.latest() == ((2**127 - 1) * 10**8 // 10**36, NOW_S)
    feed.say(0, 1, 2**127 - 1, NOW_S, NOW_S, 1, sender=DEPLOYER)
    assert adapter.latest() == ((2**127 - 1) * 10**8, NOW_S)


def test_init_needs_a_feed_that_answers() -> None:
    world = World(NOW_S)
    with pytest.raises(AssertionError, match="aggregator: feed is zero"):
        world.deploy("adapters/Aggregator", ZERO, sender=DEPLOYER)
    with pytest.raises(AssertionError, match="reverted"):
        world.deploy("adapters/Aggregator", DEPLOYER.address, sender=DEPLOYER)
