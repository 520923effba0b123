# SPDX-License-Identifier: Apache-2.0
"""A venue on a real node whose markets have second sources: refreshed, doubted, trusted again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode
from tests.support.local_orders import an_order

from infold.errors import Misconfigured, Rejected
from infold.messages import Receipt
from infold.node import LocalVenue, live_prices
from infold.shell.anvil import Anvil
from infold.shell.chain import Rpc, Sender, Venue
from infold.shell.compiling import find_contracts
from infold.shell.deploy import RpcDeployer, deploy
from infold.shell.devnet import Devnet
from infold.shell.devnet_config import DevnetConfig
from infold.shell.plan import read_plan
from infold.words import unpack_readings
from mocks import mocks

pytestmark = pytest.mark.devnet

ROOT = Path(__file__).resolve().parents[2]
START_MS = 1_700_000_000_000
BTC = 1


class Clock:
    """Batches of a venue, whose second sources say what its vectors say unless told otherwise."""

    def __init__(self, venue: LocalVenue) -> None:
        self.venue = venue
        self.prices = live_prices(venue.config)
        self.time_ms = START_MS

    def batch(self, after_ms: int = 1_000) -> None:
        self.time_ms += after_ms
        self.venue.step(self.time_ms, self.prices)

    def submit(self, trader: int, side: str, **changes: Any) -> Receipt | Rejected:
        order = an_order(self.venue, trader, side=side, **changes)
        return self.venue.node.submit([order], self.time_ms + 10)[0]

    def status(self) -> str:
        return str(self.venue.node.markets()[0]["status"])


@pytest.fixture(scope="module")
def clock() -> Iterator[Clock]:
    config = DevnetConfig(start_ms=START_MS, accounts=4, signers=2, second_sources=True)
    with LocalVenue(config) as venue:
        clock = Clock(venue)
        clock.batch()
        yield clock


def test_the_venue_trades_and_its_readings_are_renewed(clock: Clock) -> None:
    for trader, side, price in ((0, "buy", "60300"), (1, "sell", "59700")):
        assert isinstance(clock.submit(trader, side, price=price), Receipt)
    clock.batch()
    assert clock.venue.node.state.accounts[17].positions
    first = clock.venue.node.state.readings[BTC]
    for _ in range(5):
        clock.batch(10_000)
    clock.venue.node.observe()
    renewed = clock.venue.node.state.readings[BTC]
    assert renewed.until_s > first.until_s + 18
    assert clock.venue.node.reconcile().ok


def test_a_doubtful_market_only_shrinks_until_the_source_agrees_again(clock: Clock) -> None:
    devnet = clock.venue.devnet
    clock.batch(10_000)  # a reading that has come into force
    assert isinstance(clock.submit(0, "buy", price="60300", seq=3), Receipt)
    assert isinstance(clock.submit(1, "sell", price="59700", seq=3), Receipt)
    clock.batch()
    said = dict(clock.prices)
    clock.prices = said | {BTC: said[BTC] * 98 // 100}  # within the move bound, beyond 1 %
    clock.venue.renew_sources = lambda time_ms, prices: None  # type: ignore[method-assign]
    devnet.say(clock.time_ms, said)
    clock.batch()
    assert clock.status() == "shrinkOnly"
    refused = clock.submit(2, "buy", price="60300")
    assert isinstance(refused, Rejected) and refused.code == "MARKET_SHRINK_ONLY"
    assert isinstance(clock.submit(0, "sell", price="57000", seq=4), Receipt)
    del clock.venue.renew_sources  # type: ignore[method-assign]
    clock.prices = said
    for _ in range(3):
        clock.batch(10_000)
    assert clock.status() == "live"
    assert isinstance(clock.submit(2, "buy", price="60300", seq=2), Receipt)
    assert clock.venue.node.reconcile().ok


def test_a_sealed_devnet_takes_no_second_source_past_its_timelock() -> None:
    config = DevnetConfig(start_ms=START_MS, accounts=1, signers=2, sealed=True)
    with Devnet(config) as devnet, pytest.raises(Misconfigured, match="timelock"):
        devnet.add_sources({BTC: 1})


def test_a_plan_brings_its_second_sources_and_uptime_feed(tmp_path: Path) -> None:
    key = b"\x07" * 32
    with Anvil() as anvil:
        rpc = Rpc(anvil.url)
        sender = Sender(rpc, key, anvil.chain_id)
        rpc.call("anvil_setBalance", "0x" + sender.address.hex(), hex(10**21))
        deployer = RpcDeployer(rpc, sender)
        feed = mocks()["MockV3Aggregator"]
        code = bytes.fromhex(feed["bytecode"][2:])
        prices = deployer.create("a feed", code + encode(["uint8", "int256"], [18, 10**22]))
        uptime = deployer.create("a feed", code + encode(["uint8", "int256"], [0, 1]))
        plan = tmp_path / "plan.toml"
        plan.write_text(
            (ROOT / "scripts" / "local.toml").read_text("utf-8")
            + f"""
[[source]]
market = 1
kind = "aggregator"
feed = "0x{prices.hex()}"
bound_e4 = 150
age_s = 4_000

[[source]]
market = 2
kind = "mock"
price_e8 = 5
bound_e4 = 10
age_s = 30
strict = true

[uptime]
feed = "0x{uptime.hex()}"
grace_s = 3_600
""",
            "utf-8",
        )
        book = deploy(deployer, read_plan(plan), find_contracts())
        oracle = Venue(rpc, book)["Oracle"]
        first, second = (unpack_readings(oracle.call("readings", market)) for market in (1, 2))
        assert (first.price_e8, first.bound_e4, first.strict) == (10_000 * 10**8, 150, 0)
        assert (second.price_e8, second.bound_e4, second.strict) == (5, 10, 1)
        assert oracle.call("sequencer_up") is False, "the feed says it is down"
        rpc.close()
