# SPDX-License-Identifier: Apache-2.0
"""`infold keeper` beside a venue whose prices fall: it finds who broke, is paid, stops there."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.documents import document_of
from tests.support.local_orders import an_order

from infold.cli import app, onchain
from infold.cli.terminal import Exit
from infold.messages import Receipt
from infold.node import LocalVenue
from infold.shell.chain import block
from infold.shell.devnet_config import DevnetConfig, live_prices
from infold.words import unpack_account, unpack_position

pytestmark = pytest.mark.devnet

START_MS = 1_800_000_000_000
EPOCH_MS = 20_000
POOR, RICH, KEEPER = range(3)
DOLLAR = 10**6


class Scene:
    """One who borrowed 15 times what it had against a rich one, and a keeper's account."""

    def __init__(self, venue: LocalVenue, capsys: pytest.CaptureFixture[str], key: Path) -> None:
        self.venue, self.capsys, self.key = venue, capsys, key
        self.prices = live_prices(venue.config)
        self.time_ms = START_MS

    def account(self, number: int) -> int:
        return self.venue.devnet.accounts[number].account

    def cash(self, account: int) -> int:
        clearing = self.venue.devnet.venue["Clearing"]
        return unpack_account(int(clearing.call("accounts", account))).collateral_e6

    def base(self, account: int) -> int:
        clearing = self.venue.devnet.venue["Clearing"]
        return unpack_position(int(clearing.call("positions", account << 4))).base_e8

    def step(self) -> None:
        """A batch that lands: every one here ends an epoch of the pool."""
        self.time_ms += EPOCH_MS + 4_000
        assert self.venue.step(self.time_ms, self.prices).number is not None

    def keep(self, *options: str) -> tuple[int, dict[str, Any], str]:
        return self.run(KEEPER, "keeper", "--once", *options)

    def run(self, who: int, *words: str) -> tuple[int, dict[str, Any], str]:
        devnet = self.venue.devnet
        self.key.write_text("0x" + devnet.accounts[who].wallet.private_key.hex())
        whole = [*words, "--key-file", str(self.key), "--json", "--rpc-url", devnet.rpc.url]
        code = app.run([*whole, "--book", str(devnet.directory / "addresses.json")])
        written = self.capsys.readouterr()
        return code, document_of(written.out) if written.out else {}, written.err


@pytest.fixture
def scene(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    amounts = (4_000 * DOLLAR, 1_000_000 * DOLLAR, 10 * DOLLAR)
    config = DevnetConfig(
        start_ms=START_MS, seed=5, accounts=3, collaterals_e6=amounts, epoch_ms=EPOCH_MS
    )
    with LocalVenue(config) as venue:
        waiting = SimpleNamespace(
            monotonic=time.monotonic, sleep=lambda _: venue.devnet.mine(venue.clock_ms)
        )
        monkeypatch.setattr(onchain, "time", waiting)
        scene = Scene(venue, capsys, tmp_path / "key")
        scene.step()
        answers = venue.node.submit(
            [
                an_order(venue, POOR, size="1"),
                an_order(venue, RICH, side="sell", price="59700", size="1"),
            ],
            scene.time_ms + 10,
        )
        assert all(isinstance(answer, Receipt) for answer in answers), answers
        scene.step()
        assert scene.base(scene.account(POOR)) == 10**8
        yield scene


def test_the_keeper_leaves_who_is_well_alone_and_liquidates_who_is_not(scene: Scene) -> None:
    poor, keeper = scene.account(POOR), scene.account(KEEPER)
    code, found, err = scene.keep("--account", str(keeper))
    assert code == 0 and found["ok"] and found["holders"] >= 2 and "looking" in err
    assert found["fresh"] and found["broken"] == 0 == len(found["liquidations"])

    scene.prices[1] = scene.prices[1] * 96 // 100
    scene.step()
    code, found, _ = scene.keep("--account", str(keeper), "--quiet")
    assert code == 0 and found["broken"] == 1
    (done,) = found["liquidations"]
    assert (done["account"], done["index"], done["debt_e6"]) == (poor, 0, "0")
    assert 0 < int(done["size_e8"]) < 10**8
    assert scene.base(poor) == 10**8 - int(done["size_e8"])
    assert scene.cash(keeper) == 10 * DOLLAR + int(done["earned_e6"]) > 10 * DOLLAR
    code, found, _ = scene.keep("--quiet")
    assert code == 0 and found["broken"] == 0, "it is a quarter above maintenance now"

    scene.step()
    assert scene.venue.node.reconcile().report() == []


def test_E07_a_debt_is_the_other_sides_first_and_an_old_vector_moves_nobody(scene: Scene) -> None:
    scene.prices[1] = scene.prices[1] * 90 // 100
    scene.step()
    stale_ms = scene.time_ms + 20_000
    scene.venue.devnet.mine(stale_ms)
    code, found, _ = scene.keep("--quiet")
    assert code == 0 and not found["fresh"] and found["liquidations"] == []

    scene.step()
    code, found, _ = scene.keep("--quiet")
    (done,) = found["liquidations"]
    rich = scene.account(RICH)
    assert code == 0 and done["deleveraged"] and int(done["debt_e6"]) > 100 * DOLLAR
    assert scene.cash(scene.account(POOR)) == 0 == scene.base(scene.account(POOR))
    assert found["folds"] == [{"account": rich, "index": 0}]
    assert scene.base(rich) == 0 and scene.keep("--quiet")[1]["folds"] == []
    scene.step()
    assert scene.venue.node.reconcile().report() == []


def test_who_asked_to_leave_is_let_out_at_the_appointed_time(scene: Scene) -> None:
    """With the oracle's signers named no batch is needed: the matcher may be silent."""
    devnet, rich = scene.venue.devnet, scene.account(RICH)
    code, _, err = scene.run(RICH, "exit", str(rich), "--market", "ETH-USD")
    assert code == Exit.SETUP and "it holds BTC-USD" in err
    scene.venue.clock_ms += 2_000
    code, asked, err = scene.run(RICH, "exit", str(rich), "-m", "BTC-USD", "--size", "0.25")
    assert code == 0, err
    due_ms = asked["due_ms"]
    assert (asked["index"], asked["size_e8"]) == (0, str(10**8 // 4))
    assert due_ms == block(devnet.rpc).timestamp_s * 1_000 + 60_000
    code, _, err = scene.run(RICH, "exit", str(rich), "-m", "BTC-USD")
    assert code == Exit.REVERTED and "exit pending; one request a position" in err
    code, found, _ = scene.keep("--quiet")
    assert code == 0 and found["exits"] == []

    devnet.write_prices(due_ms, scene.prices)
    devnet.mine(due_ms + 1_000)
    scene.venue.clock_ms = due_ms + 2_000
    code, found, _ = scene.keep("--quiet")
    assert code == 0 and found["exits"] == [], "nobody has that moment's prices"
    signers = [f"0x{it.address.hex()}={it.url}" for it in devnet.signers]
    named = [part for it in signers for part in ("--signer", it)]
    code, found, err = scene.keep("--quiet", *named)
    (out,) = found["exits"]
    assert code == 0, err
    assert out == {
        "account": rich,
        "index": 0,
        "time_ms": due_ms,
        "size_e8": str(10**8 // 4),
    }
    assert scene.base(rich) == -3 * 10**8 // 4
    assert scene.keep("--quiet", *named)[1]["exits"] == []


def test_a_key_that_is_used_elsewhere_too_goes_on_from_there(scene: Scene) -> None:
    """A keeper runs for days; its key may pay for something else meanwhile."""
    devnet = scene.venue.devnet
    wallet = devnet.accounts[KEEPER].wallet
    keeper, other = (onchain.Party(devnet.venue, wallet) for _ in range(2))
    before = int(devnet.venue["Dollar"].call("balanceOf", keeper.holder))
    for party in (keeper, other, keeper, other, other, keeper):
        party.send("Dollar", "mint", party.holder, 1)
    assert int(devnet.venue["Dollar"].call("balanceOf", keeper.holder)) == before + 6
