# SPDX-License-Identifier: Apache-2.0
"""One order's journey, whole, on a real local chain: read it from top to bottom as a tutorial.

Everything is real: anvil, the contracts, three oracle signers as processes, the journal, the node
and its HTTP door. Only time is ours: nothing here waits.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from infold.cli import app
from infold.cli.findings.audits import audit_of
from infold.core.state import chain_words
from infold.errors import Rejected
from infold.node import LocalVenue, replay_state
from infold.sdk import Client, Wallet
from infold.sdk.client import raise_if_refused
from infold.shell.devnet_config import DevnetConfig
from infold.units import GUARD_MS, WINDOW_MS
from infold.words import unpack_limits
from tests.support.documents import document_of

pytestmark = pytest.mark.devnet

START_MS = 1_800_000_000_000
BTC, ETH = 60_000 * 10**8, 2_500 * 10**8
PRICES = {
    1: BTC,
    2: ETH,
    3: 150 * 10**8,
    4: 550 * 10**8,
    5: 55 * 10**6,
    6: 12 * 10**6,
    7: 25 * 10**8,
    8: 11 * 10**8,
}
SECOND = 1_000


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalVenue]:
    config = DevnetConfig(
        start_ms=START_MS,
        seed=11,
        accounts=3,
        directory=tmp_path_factory.mktemp("venue") / "files",
        epoch_ms=20_000,
    )
    with LocalVenue(config, api_port=0) as local:
        yield local


def test_one_orders_journey(
    venue: LocalVenue, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ground, node = venue.devnet, venue.node
    buyer, seller, stranger = ground.accounts
    keys = [Wallet(account.wallet.private_key) for account in ground.accounts]
    assert venue.server is not None
    client = Client(venue.server.url)

    # 1. The venue is open: contracts stand, three accounts hold a million each, a provider asked
    #    to put money into the pool. The first batch strikes the pool's first shares.
    struck = venue.step(START_MS + SECOND, PRICES)
    assert struck.number == 1 and not struck.fills
    assert (
        unpack_limits(int(ground.venue["Clearing"].call("limits"))).capital_e6
        == venue.config.liquidity_e6
    )

    # 2. A buyer looks at the market and signs an order: at most 60,060 for half a bitcoin.
    market = client.market("BTC-USD")
    assert market["oraclePrice"] == "60000"
    now_ms = venue.clock_ms
    order = client.prepare(
        keys[0],
        account=buyer.account,
        market="BTC-USD",
        side="buy",
        size="0.5",
        price="60060",
        now_ms=now_ms,
    )

    # 3. The venue answers with a receipt: the order is on its disk, numbered and signed for.
    (receipt,) = client.place(order)
    assert receipt["orderHash"] == "0x" + order.order_hash.hex()
    assert receipt["receipt"]["sequence"] == 1 and receipt["status"] == "open"

    # 4. Sending it again changes nothing: an order's hash is its id.
    (again,) = client.place(order)
    assert again["duplicate"] and again["receipt"] == receipt["receipt"]

    # 5. An order under somebody else's key is refused, by name, and nothing happens.
    forged = client.prepare(
        keys[2],
        account=buyer.account,
        market="BTC-USD",
        side="sell",
        size="0.5",
        price="59000",
        now_ms=now_ms,
        slot=200,
    )
    with pytest.raises(Rejected) as refusal:
        raise_if_refused(client.place(forged)[0])
    assert refusal.value.code == "NOT_THE_SIGNER"

    # 6. A seller wants to sell a little more than the buyer wants to buy.
    offer = client.prepare(
        keys[1],
        account=seller.account,
        market="BTC-USD",
        side="sell",
        size="0.6",
        price="59940",
        now_ms=now_ms,
    )
    raise_if_refused(client.place(offer)[0])

    # 7. The batch closes: one price for both, and the pool takes the tenth that is left, on its own
    #    side of the oracle.
    outcome = venue.step(START_MS + 2 * SECOND, PRICES)
    assert outcome.number == 2 and not outcome.skips
    fills = {fill.account: fill for fill in outcome.fills}
    assert fills[buyer.account].size_e8 == 50_000_000
    assert fills[seller.account].size_e8 == 60_000_000
    assert fills[buyer.account].price_e8 == fills[seller.account].price_e8 < BTC
    assert node.state.markets[1].pool.base_e8 == 10_000_000

    # 8. Both see their fills and positions; the buyer, who helped the book, paid less than the
    #    oracle price.
    (mine,) = client.fills(buyer.account)
    assert mine["settlement"] == "confirmed" and mine["spreadBps"].startswith("-")
    (held,) = client.account(buyer.account)["positions"]
    assert (held["market"], held["size"]) == ("BTC-USD", "0.5")

    # 9. A resting order is cancelled with the matcher, and again on chain, which binds it.
    resting = client.prepare(
        keys[0],
        account=buyer.account,
        market="ETH-USD",
        side="buy",
        size="1",
        price="2400",
        time_in_force="GTC",
        slot=9,
        seq=1,
        now_ms=venue.clock_ms,
    )
    raise_if_refused(client.place(resting)[0])
    assert client.cancel(keys[0], buyer.account, 9, 1)["cancelled"] == [
        "0x" + resting.order_hash.hex()
    ]
    cancel_ms = venue.clock_ms
    ground.call(buyer.wallet, "Clearing", "cancel", buyer.account, 9, 1, time_ms=cancel_ms)
    venue.gateway.run(node.observe)

    # 10. Bitcoin rises half a percent. The buyer closes with a reduce-only order, alone: the pool
    #     takes the other side, at its own price.
    risen = PRICES | {1: BTC + BTC // 200}
    venue.step(START_MS + 3 * SECOND, risen)
    closing = client.prepare(
        keys[0],
        account=buyer.account,
        market="BTC-USD",
        side="sell",
        size="0.5",
        price="60200",
        reduce_only=True,
        now_ms=venue.clock_ms,
    )
    raise_if_refused(client.place(closing)[0])
    venue.step(START_MS + 4 * SECOND, risen)
    account = client.account(buyer.account)
    assert account["positions"] == []
    gained_e6 = node.state.accounts[buyer.account].word.collateral_e6 - venue.config.collateral_e6
    assert gained_e6 > 0

    # 11. Everything may leave, without anybody's permission: a request, the window, a claim.
    everything_e6 = node.state.accounts[buyer.account].word.collateral_e6
    asked_ms = START_MS + 5 * SECOND
    ground.call(
        buyer.wallet,
        "Clearing",
        "request_withdrawal",
        buyer.account,
        everything_e6,
        time_ms=asked_ms,
    )
    due_ms = asked_ms + GUARD_MS + WINDOW_MS + SECOND
    dollar = ground.venue["Dollar"]
    ground.call(
        stranger.wallet, "Clearing", "claim_withdrawal", buyer.account, 0, [], [], time_ms=due_ms
    )
    assert int(dollar.call("balanceOf", buyer.wallet.address)) == everything_e6

    # 12. The pool is struck again and the seller still holds its position: a short of six tenths.
    venue.step(START_MS + 60 * SECOND, risen)
    (short,) = client.account(seller.account)["positions"]
    assert short["size"] == "-0.6"

    # 13. Engine and chain agree to the last bit, and the twin, which knows only the chain, finds
    #     every invariant held.
    reconciliation = venue.gateway.run(node.reconcile)
    assert reconciliation.ok, reconciliation.report()
    verdict = audit_of(ground.rpc.url)
    assert verdict["ok"], verdict["mismatches"]
    assert all(found["held"] for found in verdict["invariants"].values())
    assert app.run(["audit", "--rpc", ground.rpc.url, "--json"]) == 0
    assert document_of(capsys.readouterr().out)["state_hash"] == verdict["state_hash"]

    # 14. The journal, folded again from nothing, is the same venue.
    words = chain_words(node.state)
    client.close()
    node.close()
    journal = ground.directory / "journal"
    folded, seq, *_ = replay_state(journal)
    assert chain_words(folded) == words and seq == node.journal.seq
    assert app.run(["journal", "verify", str(journal), "--json"]) == 0
    assert document_of(capsys.readouterr().out)["ok"]
    assert app.run(["journal", "replay", str(journal), "--json"]) == 0
    promised = document_of(capsys.readouterr().out)["curves"]
    assert promised["kept"] == promised["committed"] > 0
    assert (
        app.run(
            [
                "reconcile",
                str(journal),
                "--rpc",
                ground.rpc.url,
                "--book",
                str(ground.directory / "addresses.json"),
                "--json",
            ]
        )
        == 0
    )
    assert document_of(capsys.readouterr().out)["differences"] == []
