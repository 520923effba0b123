# SPDX-License-Identifier: Apache-2.0
"""`infold wind-down` on a chain that moved two weeks on: from the last batch to the last claim."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.documents import document_of
from tests.support.local_orders import an_order

from infold.cli import app, onchain
from infold.errors import Rejected, Unavailable
from infold.messages import Receipt
from infold.node import LocalVenue
from infold.shell.devnet_config import DevnetConfig, live_prices

pytestmark = pytest.mark.devnet

START_MS = 1_800_000_000_000
EPOCH_MS = 20_000
WEEK_MS = 7 * 86_400_000
POOR, RICH, STRANGER = range(3)
DOLLAR = 10**6


def test_a_venue_nobody_runs_is_wound_down_by_a_stranger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    amounts = (4_000 * DOLLAR, 1_000_000 * DOLLAR, 10_000 * DOLLAR)
    config = DevnetConfig(
        start_ms=START_MS, seed=5, accounts=3, collaterals_e6=amounts, epoch_ms=EPOCH_MS
    )
    with LocalVenue(config) as venue:
        devnet, prices = venue.devnet, live_prices(config)
        key = tmp_path / "key"
        key.write_text("0x" + devnet.accounts[STRANGER].wallet.private_key.hex())
        clock = [START_MS]

        def wait(_: float = 0) -> None:
            clock[0] += 1_000
            devnet.mine(clock[0])

        monkeypatch.setattr(onchain, "time", SimpleNamespace(monotonic=time.monotonic, sleep=wait))

        def step() -> None:
            clock[0] += EPOCH_MS + 4_000
            assert venue.step(clock[0], prices).number is not None

        def run(*words: str, code: int = 0, signs: bool = True) -> dict[str, Any]:
            whole = ["wind-down", *words, "--json", "--rpc-url", devnet.rpc.url]
            whole += ["--book", str(devnet.directory / "addresses.json")]
            assert app.run(whole + (["--key-file", str(key)] if signs else [])) == code
            written = capsys.readouterr()
            found: dict[str, Any] = document_of(written.out) if written.out else {}
            return found

        # 1. somebody borrows fifteen times what they have, and the price falls by a tenth
        step()
        orders = [
            an_order(venue, POOR, size="1"),
            an_order(venue, STRANGER, size="0.1"),
            an_order(venue, RICH, side="sell", price="59700", size="1.1"),
        ]
        answers = venue.node.submit(orders, clock[0] + 10)
        assert all(isinstance(answer, Receipt) for answer in answers), answers
        step()
        prices[1] = prices[1] * 90 // 100
        step()
        last = [  # a market's price is the one it was last settled at; after a jump it only shrinks
            an_order(venue, RICH, size="0.01", slot=1),
            an_order(venue, STRANGER, side="sell", price="50000", size="0.01", slot=1),
        ]
        answers = venue.node.submit(last, clock[0] + 10)
        assert all(isinstance(answer, Receipt) for answer in answers), answers
        step()
        assert run("status", signs=False)["state"] == "running"
        run("start", code=7)
        run("leave", code=3)

        far = an_order(venue, RICH, price="40000", slot=3, expiry=clock[0] + 30 * 86_400_000)
        (rested,) = venue.node.submit([far], clock[0] + 10)
        assert isinstance(rested, Receipt)

        # 2. nothing settles for a week, and a stranger ends it
        clock[0] += WEEK_MS + 10_000
        wait()
        assert run("status", signs=False)["state"] == "silent"
        run("start")
        assert run("status", signs=False)["state"] == "registering"

        # 3. debts are told
        poor, rich = (devnet.accounts[it].account for it in (POOR, RICH))
        told = run("register", "--quiet")["registered"]
        assert [it["account"] for it in told] == [poor]
        run("claim", str(rich), code=7)

        # 4. the node has followed it: it closes nothing, takes nothing, and says so
        venue.node.observe()
        seq = venue.node.journal.seq
        with pytest.raises(Unavailable, match="wound down"):
            venue.step(clock[0] + 2_000, prices)
        assert venue.node.journal.seq == seq, "and journals nothing for a batch that cannot come"
        assert venue.node.order(rested.order_hash)["reason"] == "WOUND_DOWN"
        (refused,) = venue.node.submit([an_order(venue, RICH, slot=2)], clock[0] + 10)
        assert isinstance(refused, Rejected) and refused.code == "WOUND_DOWN"
        told_ms = venue.node.meta()["windDown"]["registerUntil"]
        assert told_ms == run("status", signs=False)["register_until_ms"]
        assert {row["status"] for row in venue.node.markets()} == {"woundDown"}
        book = ["--rpc-url", devnet.rpc.url, "--book", str(devnet.directory / "addresses.json")]
        assert app.run(["status", *book]) == 0
        assert "no order is taken any more" in capsys.readouterr().out
        assert app.run(["status", *book, "--json"]) == 0
        shown = document_of(capsys.readouterr().out)
        assert shown["state"] == "registering"
        assert shown["wind_down"]["register_until_ms"] == told_ms

        # 5. a week later everyone is paid the same part
        clock[0] += WEEK_MS + 10_000
        wait()
        assert run("status", signs=False)["payable_e6"] == "0", "until the first claim fixes it"
        token, vault = devnet.venue["Dollar"], devnet.venue["Vault"]
        rich_s, _ = [run("claim", str(devnet.accounts[it].account)) for it in (RICH, STRANGER)]
        assert run("status", signs=False)["state"] == "paying"
        assert rich_s["command"] == "wind-down claim"
        assert 0 < int(rich_s["part_e6"]) <= int(rich_s["equity_e6"])
        waiting_e6 = sum(int(ticket["amount_e6"]) for ticket in rich_s["tickets"])
        assert int(rich_s["paid_e6"]) + waiting_e6 == int(rich_s["part_e6"])
        holder = "0x" + devnet.accounts[RICH].wallet.address.hex()
        assert int(token.call("balanceOf", holder)) >= int(rich_s["paid_e6"])
        for account in (0, 1):
            if int(devnet.venue["Recovery"].call("final_equity", account)) > 0:
                run("claim", str(account))
        recovery = devnet.venue["Recovery"]
        stays = max(0, int(recovery.call("payable_e6")) - int(recovery.call("claims_e6")))
        assert 0 <= int(recovery.call("unpaid_e6")) - stays <= 20
        assert int(vault.call("accounted_e6")) >= int(recovery.call("unpaid_e6"))
        venue.node.observe()
