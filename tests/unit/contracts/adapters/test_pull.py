# SPDX-License-Identifier: Apache-2.0
"""adapters/Pull: a Pyth-style pull feed as a second source, before the mock that Pyth publishes."""

from __future__ import annotations

import pytest
from tests.support.evm import ZERO, Contract, World, a_key, refuses
from tests.support.solidity import mock

DEPLOYER = a_key("deployer")
NOW_S = 1_700_000_000
ID = b"BTC".rjust(32, b"\0")
CONF_E6 = 10_000


class Feed:
    """The published mock with one price in it, and its adapter."""

    def __init__(self) -> None:
        self.world = World(NOW_S)
        self.feed: Contract = self.world.deploy(mock("MockPyth"), 60, 0, sender=DEPLOYER)
        self._next_s = NOW_S - 1_000
        self.push(1, 0, -8)
        self.adapter = self.world.deploy(
            "adapters/Pull", self.feed.address, ID, CONF_E6, sender=DEPLOYER
        )

    def push(self, price: int, conf: int, expo: int, time_s: int | None = None) -> None:
        """Bring a price on chain; the mock keeps it if it is newer than the last."""
        self._next_s = self._next_s + 1 if time_s is None else time_s
        data = self.feed.createPriceFeedUpdateData(
            ID, price, conf, expo, price, conf, self._next_s, self._next_s - 1
        )
        self.feed.updatePriceFeeds([data], sender=DEPLOYER)


@pytest.mark.parametrize(
    ("price", "expo", "price_e8"),
    [
        (6_000_000_000_000, -8, 60_000 * 10**8),
        (6_000_000_000_000_005, -11, 60_000 * 10**8),
        (60_000, 0, 60_000 * 10**8),
        (6, 4, 60_000 * 10**8),
        (2**63 - 1, 12, (2**63 - 1) * 10**20),
        (2**63 - 1, -36, 0),
    ],
)
def test_latest_is_the_published_mocks_price_in_e8(price: int, expo: int, price_e8: int) -> None:
    feed = Feed()
    feed.push(price, 0, expo, NOW_S - 5)
    assert feed.adapter.latest() == (price_e8, NOW_S - 5)


@pytest.mark.parametrize(
    ("price", "conf", "expo", "reason"),
    [
        (0, 0, -8, "pull: price is not positive"),
        (-1, 0, -8, "pull: price is not positive"),
        (10**8, 10**6 + 1, -8, "pull: price is not certain enough"),
        (1, 2**64 - 1, -8, "pull: price is not certain enough"),
        (10**8, 0, -37, "pull: exponent out of range"),
        (10**8, 0, 13, "pull: exponent out of range"),
        (10**8, 0, 2**31 - 1, "pull: exponent out of range"),
    ],
)
def test_latest_rejects_a_price_nobody_should_believe(
    price: int, conf: int, expo: int, reason: str
) -> None:
    feed = Feed()
    feed.push(price, conf, expo)
    with refuses(feed.world, reason):
        feed.adapter.latest()


def test_latest_takes_a_price_as_uncertain_as_allowed() -> None:
    feed = Feed()
    feed.push(10**8, 10**6, -8)
    assert feed.adapter.latest()[0] == 10**8


def test_init_needs_a_price_and_some_confidence() -> None:
    feed = Feed()

    def deploy(address: str, price_id: bytes, conf_e6: int) -> None:
        feed.world.deploy("adapters/Pull", address, price_id, conf_e6, sender=DEPLOYER)

    for conf_e6 in (1, 100_000):
        deploy(feed.feed.address, ID, conf_e6)
    with pytest.raises(AssertionError, match="pull: feed is zero"):
        deploy(ZERO, ID, CONF_E6)
    for conf_e6 in (0, 100_001):
        with pytest.raises(AssertionError, match="pull: confidence out of range"):
            deploy(feed.feed.address, ID, conf_e6)
    with pytest.raises(AssertionError, match="reverted"):
        deploy(feed.feed.address, bytes(32), CONF_E6)
    assert feed.adapter.ID() == ID and feed.adapter.CONF_E6() == CONF_E6
    assert feed.adapter.FEED() == feed.feed.address.lower()
