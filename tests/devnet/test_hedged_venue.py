# SPDX-License-Identifier: Apache-2.0
"""A whole venue that hedges: a client buys, the pool is short, the desk buys on chain."""

from __future__ import annotations

import pytest
from tests.support.local_orders import an_order

from infold.dealer.hedging.facts import Routed
from infold.dealer.hedging.terms import Horizon, VenueTerms
from infold.dealer.params import PERPETUAL
from infold.dealer.zone import CapitalCharge
from infold.messages import Receipt
from infold.node import LocalVenue, live_desk, live_prices
from infold.node.hedge_desk import HedgeDesk, HedgePlan, recorded_facts, recorder
from infold.node.hedger import Hedger
from infold.shell.chain.contracts import load_abi
from infold.shell.compiling import compile_contracts, find_contracts
from infold.shell.deploy import RpcDeployer
from infold.shell.devnet_config import DevnetConfig
from infold.shell.venues.amm import AmmVenue

pytestmark = pytest.mark.devnet

START_MS = 1_700_000_000_000
MARKET, LOTS = 1, 10**8
STOCK_E8 = 100 * LOTS
TAU_DAY = 1.0 / 86_400.0


def a_pool(venue: LocalVenue) -> AmmVenue:
    """A thousand coins against sixty millions of the venue's dollars, and a key that may sell."""
    devnet = venue.devnet
    clock = iter(range(1, 1_000))

    def mine() -> None:
        devnet.mine(venue.clock_ms + next(clock))

    funder, owner = devnet.funder_sender, devnet.sender(devnet.wallet("hedger"))
    devnet.rpc.call("anvil_setBalance", "0x" + owner.address.hex(), hex(10**22))
    deployer = RpcDeployer(devnet.rpc, funder, mine)
    code = compile_contracts(find_contracts(), ["Dollar", "Amm"], lambda _line: None)
    quote = devnet.book.address("Dollar")
    base = deployer.create("a coin", code["Dollar"].init_code)
    words = (word.rjust(32, b"\0") for word in (base, quote, (300).to_bytes(2, "big")))
    pool = deployer.create("the pool", code["Amm"].init_code + b"".join(words))
    dollar, amm = load_abi("Dollar"), load_abi("Amm")
    given = {base: (1_000 * LOTS, STOCK_E8), quote: (60_000_000 * 10**6, 10**13)}
    for token, amounts in given.items():
        for who, amount in zip((funder, owner), amounts, strict=True):
            deployer.send("minting", token, dollar.calldata("mint", who.address, amount))
        deployer.send("allowing", token, dollar.calldata("approve", pool, 2**256 - 1))
    deployer.send("funding", pool, amm.calldata("fund", 1_000 * LOTS, 60_000_000 * 10**6))
    found = AmmVenue("pool", MARKET, devnet.rpc, owner, pool, stock_e8=STOCK_E8, mine=mine)
    found.allow()
    return found


def test_a_residual_beyond_the_capital_rule_is_hedged_outside_and_recorded() -> None:
    config = DevnetConfig(start_ms=START_MS, accounts=2)
    with LocalVenue(config) as venue:
        time_ms = START_MS

        def batch() -> None:
            nonlocal time_ms
            time_ms += 1_000
            venue.step(time_ms, live_prices(config))

        batch()  # strikes the pool's first epoch
        pool = a_pool(venue)
        journal = venue.node.journal
        hedger = Hedger(MARKET, [pool], recorder(journal, MARKET))
        plan = HedgePlan(
            parameters=PERPETUAL,
            terms={"pool": VenueTerms("pool", 1.0, 3.0, 1e-6, 10.0)},
            horizon=Horizon(TAU_DAY, 60 * TAU_DAY),
            charge=CapitalCharge(capital_bp_m=10.0, stress_bp=1_000.0),  # 0.01 M, a sixth of a coin
            slippage_bp=50.0,
        )
        venue.hedge_desks.append(HedgeDesk(hedger, plan))
        bought = an_order(venue, 0, price="61000")
        (receipt,) = venue.node.submit([bought], time_ms + 10)
        assert isinstance(receipt, Receipt)
        batch()
        client_e8 = venue.node.state.markets[MARKET].pool.base_e8
        assert client_e8 < 0
        for _ in range(3):
            batch()
        signals = venue.dealer.signals
        assert signals is not None and signals.faults == {}
        assert signals.signal(MARKET, PERPETUAL, 1.0, time_ms + 1_000).drift_bp < 0.0, "we bought"
        left_m = (client_e8 + hedger.book.hedged_e8) * 60_000 / 1e8 / 1e6
        assert hedger.book.hedged_e8 == pool.position(MARKET).size_e8 > 0
        assert left_m == pytest.approx(-0.01, rel=0.05)
        facts = recorded_facts(journal, MARKET)
        reasons = [fact.route.reason for fact in facts if isinstance(fact, Routed)]
        assert "CAPITAL" in reasons and reasons[-1] in ("INSIDE_ZONE", "CAPITAL")
        # The node's own recovery passes over these entries; the book comes back from them.
        book = hedger.book
        venue.restart_node(live_desk(1.0))
        assert venue.node.state.markets[MARKET].pool.base_e8 == client_e8
        again = recorded_facts(venue.node.journal, MARKET)
        assert Hedger(MARKET, [pool], lambda _fact: None, facts=again).book == book
