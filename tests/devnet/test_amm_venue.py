# SPDX-License-Identifier: Apache-2.0
"""Hedging at a constant-product pool on a real node: fills, refusals, copies, a whole hedge."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from infold.dealer.hedging.facts import HedgeFact
from infold.errors import Misconfigured, Unavailable
from infold.node.hedger import Hedger
from infold.outside import OutsideOrder, Standing
from infold.shell.anvil import Anvil
from infold.shell.chain import Rpc, Sender, mine
from infold.shell.chain.contracts import Contract, load_abi
from infold.shell.compiling import compile_contracts, find_contracts
from infold.shell.deploy import RpcDeployer
from infold.shell.venues.amm import AmmVenue
from infold.signing import keccak

pytestmark = pytest.mark.devnet

START_S = 1_700_000_000
LOTS = 10**8
BASE_E8, QUOTE_E6, FEE_E6 = 1_000 * LOTS, 60_000_000 * 10**6, 300
STOCK_E8 = 500 * LOTS


@dataclass
class Ground:
    """A node, a funded pool, and a key with a stock of the base token."""

    rpc: Rpc
    sender: Sender
    pool: bytes
    empty_pool: bytes
    clock_s: int = START_S + 1_000

    def mine(self) -> None:
        self.clock_s += 1
        mine(self.rpc, self.clock_s)

    def venue(self, *, mines: bool = True, pool: bytes | None = None) -> AmmVenue:
        return AmmVenue(
            "pool",
            1,
            self.rpc,
            self.sender,
            pool or self.pool,
            stock_e8=STOCK_E8,
            mine=self.mine if mines else None,
        )


@pytest.fixture(scope="module")
def ground() -> Iterator[Ground]:
    with Anvil(timestamp_s=START_S) as anvil:
        rpc = Rpc(anvil.url, anvil.require_alive)
        funder, trader = (Sender(rpc, keccak(who), 31337) for who in (b"funder", b"trader"))
        for sender in (funder, trader):
            rpc.call("anvil_setBalance", "0x" + sender.address.hex(), hex(10**22))
        deployer = RpcDeployer(rpc, funder)
        code = compile_contracts(find_contracts(), ["Dollar", "Amm"], lambda _line: None)
        base, quote = (deployer.create("token", code["Dollar"].init_code) for _ in range(2))

        def a_pool(fee_e6: int) -> bytes:
            words = (word.rjust(32, b"\0") for word in (base, quote, fee_e6.to_bytes(32, "big")))
            return deployer.create("the pool", code["Amm"].init_code + b"".join(words))

        pool, empty = a_pool(FEE_E6), a_pool(0)
        dollar, amm = load_abi("Dollar"), load_abi("Amm")
        for token, given, owned in ((base, BASE_E8, STOCK_E8), (quote, QUOTE_E6, 10**15)):
            for owner, amount in ((funder, given), (trader, owned)):
                deployer.send("minting", token, dollar.calldata("mint", owner.address, amount))
            deployer.send("approving", token, dollar.calldata("approve", pool, 2**256 - 1))
        deployer.send("funding", pool, amm.calldata("fund", BASE_E8, QUOTE_E6))
        found = Ground(rpc, trader, pool, empty)
        found.venue().allow()
        yield found
        rpc.close()


def an_order(name: str, size_e8: int, limit_price_e8: int = 0) -> OutsideOrder:
    return OutsideOrder(
        client_id=name, venue="pool", market=1, size_e8=size_e8, limit_price_e8=limit_price_e8
    )


def test_a_swap_is_reported_as_the_chain_executed_it(ground: Ground) -> None:
    venue = ground.venue()
    before = venue.position(1).size_e8
    report = venue.place(an_order("swap-1", -2 * LOTS))
    assert (report.standing, report.filled_e8) == (Standing.FILLED, -2 * LOTS)
    assert venue.order(1, "swap-1") == venue.cancel(1, "swap-1") == report
    assert venue.position(1).size_e8 - before == -2 * LOTS
    assert report.paid_e6 / 1e6 / 2 == pytest.approx(60_000, rel=5e-3)


def test_a_copy_executes_nothing_and_reports_the_order_that_is_there(ground: Ground) -> None:
    venue = ground.venue()
    first = venue.place(an_order("copied", LOTS))
    held = venue.position(1).size_e8
    assert venue.place(an_order("copied", LOTS)) == first
    assert venue.position(1).size_e8 == held


def test_a_limit_that_is_not_met_is_refused_in_the_contracts_words(ground: Ground) -> None:
    venue = ground.venue()
    quoted = venue.quote(1)
    cheap = venue.place(an_order("cheap", LOTS, quoted.bid_price_e8))
    assert (cheap.standing, cheap.reason) == (Standing.REFUSED, "amm: limit")
    assert venue.order(1, "cheap") is None
    fair = venue.place(an_order("fair", LOTS, quoted.ask_price_e8 * 101 // 100))
    assert fair.standing is Standing.FILLED
    resting = OutsideOrder(
        client_id="rests", venue="pool", market=1, size_e8=1, limit_price_e8=1, resting=True
    )
    assert venue.place(resting).standing is Standing.REFUSED


def test_the_quote_is_the_curve_with_the_fee_on_either_side(ground: Ground) -> None:
    venue = ground.venue()
    quoted = venue.quote(1)
    tiny = LOTS // 1_000
    pool = Contract(ground.rpc, load_abi("Amm"), ground.pool)
    paid, _ = pool.call("preview", tiny)
    received, _ = pool.call("preview", -tiny)
    assert paid * 10**10 / tiny == pytest.approx(quoted.ask_price_e8, rel=1e-5)
    assert received * 10**10 / tiny == pytest.approx(quoted.bid_price_e8, rel=1e-5)
    moved, _ = pool.call("preview", quoted.ask_size_e8)
    average = moved * 10**10 / quoted.ask_size_e8 / quoted.ask_price_e8
    assert average == pytest.approx(1.005, abs=5e-4)  # half of the percent the last lot pays


def test_a_balance_is_the_quote_token_and_the_position_at_the_pools_price(ground: Ground) -> None:
    venue = ground.venue()
    before = venue.balance(1).equity_e6 - worth_e6(ground)
    report = venue.place(an_order("dear", LOTS))
    after = venue.balance(1).equity_e6 - worth_e6(ground)
    assert before - after == report.paid_e6  # cash alone, once positions are taken out


def worth_e6(ground: Ground) -> int:
    """The position at the pool's price, from the chain."""
    pool = Contract(ground.rpc, load_abi("Amm"), ground.pool)
    held = ground.venue().position(1).size_e8
    return int(pool.call("quote_reserve_e6")) * held // int(pool.call("base_reserve_e8"))


def test_an_order_nobody_mined_is_in_doubt_and_found_later(ground: Ground) -> None:
    waiting = ground.venue(mines=False)
    with pytest.raises(Unavailable, match="not mined yet"):
        waiting.place(an_order("late", LOTS))
    assert waiting.order(1, "late") is None
    ground.mine()
    found = waiting.order(1, "late")
    assert found is not None and found.filled_e8 == LOTS


def test_what_is_not_there_is_named(ground: Ground) -> None:
    with pytest.raises(Unavailable, match="not funded"):
        ground.venue(pool=ground.empty_pool).quote(1)
    with pytest.raises(Misconfigured, match="trades market 1, not 2"):
        ground.venue().quote(2)
    with pytest.raises(Misconfigured, match="no Amm contract"):
        ground.venue(pool=b"\x01" * 20)


def test_a_client_leg_is_hedged_on_chain_and_the_book_agrees_with_the_tokens(
    ground: Ground,
) -> None:
    facts: list[HedgeFact] = []
    venue = ground.venue()
    held = venue.position(1).size_e8
    hedger = Hedger(1, [venue], facts.append, prefix="devnet")
    now_ms = ground.clock_s * 1_000
    client_e8 = 7 * LOTS
    for _ in range(6):
        now_ms += 1_000
        ground.clock_s = now_ms // 1_000
        hedger.hedge(client_e8, {"pool": -client_e8}, now_ms)
    assert hedger.book.hedged_e8 == -client_e8
    assert venue.position(1).size_e8 - held == -client_e8
    again = Hedger(1, [venue], facts.append, prefix="devnet", facts=facts)
    assert again.hedge(client_e8, {"pool": -client_e8}, now_ms + 1_000) == []
