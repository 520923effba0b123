# SPDX-License-Identifier: Apache-2.0
"""An insider among a venue's clients: its tier rises, others get their refunds, its flow goes out.

One venue, one story; numbered as it runs.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from tests.support.documents import document_of
from tests.support.local_orders import an_order

from infold.cli import app, onchain
from infold.dealer.hedging.facts import Routed
from infold.dealer.hedging.terms import Horizon, VenueTerms
from infold.dealer.params import PERPETUAL
from infold.gateway.server import Server
from infold.messages import Receipt
from infold.node import BatchOutcome, LocalVenue, live_desk
from infold.node.hedge_desk import HedgeDesk, HedgePlan, recorded_facts, recorder
from infold.node.hedger import Hedger
from infold.shell.devnet_config import DevnetConfig
from infold.shell.refunds import standing_of
from infold.shell.venues.simulated import SimulatedMarket, SimulatedVenue

pytestmark = pytest.mark.devnet

START_MS = 1_700_000_000_000
MARKET, PRICE_E8 = 1, 60_000 * 10**8
TAU_DAY = 1.0 / 86_400.0
TIERS_MS = 1_800_000
INSIDER, BENIGN = 0, 1
JUMP_E8 = 120 * 10**8  # 20 bp
TRADES = 18


class Story:
    """A venue that hedges, and a price that goes the insider's way after each of its trades."""

    def __init__(self, venue: LocalVenue) -> None:
        self.venue = venue
        self.time_ms = START_MS - START_MS % TIERS_MS
        self.price_e8 = PRICE_E8
        self.outside = SimulatedVenue("near", {MARKET: SimulatedMarket(half_spread_bp=1.0)})
        self.outside.advance(self.time_ms, {MARKET: PRICE_E8})
        self.hedger = Hedger(MARKET, [self.outside], recorder(venue.node.journal, MARKET))
        plan = HedgePlan(
            parameters=PERPETUAL,
            terms={"near": VenueTerms("near", 1.0, 3.0, 1e-6, 10.0)},
            horizon=Horizon(TAU_DAY, 60 * TAU_DAY),
            slippage_bp=50.0,
        )
        venue.hedge_desks.append(HedgeDesk(self.hedger, plan))
        self.seqs = {INSIDER: 0, BENIGN: 0}

    def batch(self, after_ms: int = 1_000) -> BatchOutcome:
        self.time_ms += after_ms
        prices = {market.market: 100 * 10**8 for market in self.venue.config.markets}
        prices[MARKET] = self.price_e8
        self.outside.advance(self.time_ms, {MARKET: self.price_e8})
        return self.venue.step(self.time_ms, prices)

    def trade(self, trader: int, buy: bool) -> None:
        self.seqs[trader] += 1
        order = an_order(
            self.venue,
            trader,
            side="buy" if buy else "sell",
            size="0.2",
            price="66000" if buy else "54000",
            timeInForce="IOC",
            seq=self.seqs[trader],
        )
        (receipt,) = self.venue.node.submit([order], self.time_ms + 10)
        assert isinstance(receipt, Receipt), receipt

    def reasons(self) -> list[str]:
        facts = recorded_facts(self.venue.node.journal, MARKET)
        return [fact.route.reason for fact in facts if isinstance(fact, Routed)]

    def account(self, trader: int) -> dict[str, str]:
        found: dict[str, str] = self.venue.node.account(self.venue.devnet.accounts[trader].account)
        return found


def test_an_insider_pays_the_markets_fee_others_are_paid_back_and_its_flow_is_hedged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DevnetConfig(start_ms=START_MS - START_MS % TIERS_MS, accounts=2)
    with LocalVenue(config, tiers_ms=TIERS_MS) as venue:
        story = Story(venue)
        story.batch()

        # 1. The insider is right each time, the other half of the time. No tier moves meanwhile.
        for number in range(TRADES):
            up = number % 2 == 0
            story.trade(INSIDER, up)
            story.batch()
            story.trade(BENIGN, number % 4 < 2)
            story.batch()
            story.price_e8 += JUMP_E8 if up else -JUMP_E8
            story.batch(5_000)
            story.batch(58_000)
            assert story.account(INSIDER)["feeTier"] == "0.75"
        assert venue.dealer.signals is not None and venue.dealer.signals.faults == {}

        # 2. At the next half-hour its tier is the market's fee; the other's is the lowest.
        story.batch(TIERS_MS - (story.time_ms - config.start_ms) % TIERS_MS)
        assert story.account(INSIDER)["feeTier"] == "1"
        assert story.account(BENIGN)["feeTier"] == "0.75"

        # 3. What it trades from now on is hedged though it is far inside the zone.
        earned = story.account(INSIDER)["refundEarned"]
        before = story.reasons()
        assert "TOXIC" in before and "INSIDE_ZONE" in before
        story.trade(INSIDER, True)
        held_e8 = story.hedger.book.hedged_e8
        stock_e8 = venue.node.state.markets[MARKET].pool.base_e8 + held_e8
        story.batch()
        assert len(story.reasons()) == len(before) + 1
        after_e8 = venue.node.state.markets[MARKET].pool.base_e8 + story.hedger.book.hedged_e8
        assert abs(after_e8) <= max(abs(stock_e8), 2 * 10**7)
        assert story.account(INSIDER)["refundEarned"] == earned

        # 4. A restart knows the same.
        owed = [story.account(trader) for trader in (INSIDER, BENIGN)]
        venue.restart_node(live_desk(1.0))
        for trader, was in zip((INSIDER, BENIGN), owed, strict=True):
            now = story.account(trader)
            for name in ("feeTier", "refundEarned", "refundPaid", "refundOwed"):
                assert now[name] == was[name]
        fills = venue.node.fills({"account": str(venue.devnet.accounts[BENIGN].account)}, 0, 500)
        fees = [round(float(fill["fee"]) * 1e6) for fill in fills]
        assert owed[1]["refundOwed"] == f"{sum(fee // 4 for fee in fees) / 1e6:.6f}".rstrip("0")

        # 5. The operator pays what is owed, from the one key that may, and never twice.
        pay_what_is_owed(story, tmp_path, capsys, monkeypatch)


def pay_what_is_owed(
    story: Story,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    venue, devnet = story.venue, story.venue.devnet
    devnet.fund_refunder()
    keys = {}
    for name, wallet in (("payer", devnet.refunder), ("other", devnet.accounts[0].wallet)):
        keys[name] = tmp_path / name
        keys[name].write_text("0x" + wallet.private_key.hex())
    waiting = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: devnet.mine(story.time_ms))
    monkeypatch.setattr(onchain, "time", waiting)
    gateway = type(venue.gateway)(venue.node)  # the node is another since its restart
    with Server(gateway) as server:

        def run(*arguments: str) -> tuple[int, dict[str, list[dict[str, str]]], str]:
            places = ["--api-url", server.url, "--json"]
            code = app.run([*arguments, *places])
            said = capsys.readouterr()
            return code, document_of(said.out) if said.out else {}, said.err

        def pay(
            name: str = "payer", *more: str
        ) -> tuple[int, dict[str, list[dict[str, str]]], str]:
            book = str(devnet.directory / "addresses.json")
            chain = ["--rpc-url", devnet.rpc.url, "--book", book, "--key-file", str(keys[name])]
            return run("refunds", "pay", *(more or ("--mint", "--least", "0.000001")), *chain)

        capsys.readouterr()
        _, listed, _ = run("refunds", "list")
        owed = {row["account"]: row["refundOwed"] for row in listed["refunds"]}
        assert len(owed) == 2 and all(float(amount) > 0.0 for amount in owed.values())
        code, _, said = pay("other")
        assert code == 3 and "counts deposits of" in said
        most = max(owed.values(), key=float)
        code, early, said = pay("payer", "--least", "1000")
        assert (code, early["paid"]) == (0, []), "nothing to pay needs no money: " + said
        assert early["left_e6_max"] == str(round(float(most) * 1e6))
        code, _, said = pay("payer", "--least", most)
        assert code == 3 and f"holds 0 of collateral and {most} is needed; add --mint" in said
        for one, amount in owed.items():
            _, shown, _ = run("refunds", "show", str(one))
            assert (shown["account"], shown["refundOwed"]) == (one, amount)
            assert set(shown) > {"feeTier", "feeTierUntil", "refundEarned", "refundPaid"}
        collateral = {one: float(venue.node.account(int(one))["collateral"]) for one in owed}
        code, paid, said = pay()
        assert code == 0, said
        assert {one["account"] for one in paid["paid"]} == set(owed)
        # The node has not looked at the chain yet: whoever pays again sees it there himself.
        code, again, said = pay()
        assert (code, again.get("paid")) == (0, []), said
        venue.node.observe()
        for one, amount in owed.items():
            shown = venue.node.account(int(one))
            assert (shown["refundPaid"], shown["refundOwed"]) == (amount, "0")
            assert float(shown["collateral"]) == pytest.approx(collateral[one] + float(amount))
        assert pay()[1]["paid"] == []
        standing = standing_of(devnet.venue, devnet.refunder.address, 0)
        assert len(standing.deposits) == 2
        assert venue.node.reconcile().report() == []
    gateway.close()
