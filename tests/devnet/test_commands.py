# SPDX-License-Identifier: Apache-2.0
"""Commands that act on chain, as their users run them: liquidity, keystores, deployment."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.documents import document_of

from infold.cli import app, onchain
from infold.node import LocalVenue
from infold.shell.anvil import Anvil
from infold.shell.devnet_config import DevnetConfig
from infold.utc import moment

pytestmark = pytest.mark.devnet

START_MS = 1_800_000_000_000
EPOCH_MS = 20_000
PRICES = dict.fromkeys(range(1, 9), 100 * 10**8)
DEPLOYER = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"  # anvil's first
PLAN = Path(__file__).parents[2] / "scripts" / "local.toml"


class Shell:
    """Runs commands against one venue; whoever waits for a receipt gets a block."""

    def __init__(self, venue: LocalVenue, capsys: pytest.CaptureFixture[str], key: Path) -> None:
        self.venue = venue
        self.capsys = capsys
        self.key = key
        self.book = str(venue.devnet.directory / "addresses.json")

    def run(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, the object and stderr."""
        whole = [*arguments, "--rpc-url", self.venue.devnet.rpc.url, "--book", self.book, "--json"]
        code = app.run(whole)
        written = self.capsys.readouterr()
        found = document_of(written.out) if written.out else {}
        return code, found, written.err

    def signed(self, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """The same, by the owner's key."""
        return self.run(*arguments, "--key-file", str(self.key))

    def strike(self) -> None:
        """A batch after the epoch's end."""
        end_ms = self.venue.node.state.head.epoch_end_ms
        outcome = self.venue.step(max(end_ms, self.venue.clock_ms) + 20_000, PRICES)
        assert outcome.number is not None


@pytest.fixture
def shell(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    config = DevnetConfig(
        start_ms=START_MS, seed=5, accounts=1, prices_e8=PRICES, epoch_ms=EPOCH_MS
    )
    with LocalVenue(config) as venue:
        venue.step(START_MS + 1_000, PRICES)
        key = tmp_path / "key"
        key.write_text("0x" + venue.devnet.accounts[0].wallet.private_key.hex())
        waiting = SimpleNamespace(
            monotonic=time.monotonic, sleep=lambda _: venue.devnet.mine(venue.clock_ms)
        )
        monkeypatch.setattr(onchain, "time", waiting)
        yield Shell(venue, capsys, key)


def test_a_provider_comes_in_and_goes_out(shell: Shell) -> None:
    code, asked, _ = shell.signed("lp", "deposit", "1000", "--mint")
    assert code == 0 and asked["amount_e6"] == "1000000000"
    epoch = str(asked["epoch"])
    code, shown, err = shell.signed("lp", "claim", epoch)
    assert (code, shown) == (7, {}) and "pool: nothing to take back; " in err
    end_ms = shell.venue.node.state.head.epoch_end_ms
    assert f"after {moment(end_ms)}" in err
    code, shown, _ = shell.signed("lp", "show")
    assert (code, shown["epoch"], shown["epoch_end_ms"]) == (0, int(epoch), end_ms)
    request = {"deposit_e6": "1000000000", "redeem_e12": "0", "returned_e6": "0"}
    request |= {"epoch": int(epoch), "returned_e12": "0"}
    assert shown["requests"] == [request | {"state": "pending"}]
    shell.strike()
    shell.strike()
    code, shown, _ = shell.signed("lp", "show")
    assert shown["requests"] == [request | {"state": "claimable"}]
    code, claimed, _ = shell.signed("lp", "claim", epoch)
    shares = int(claimed["shares_e12"])
    assert claimed["shares_e12"] == shown["claimable_shares_e12"]
    assert code == 0 and shares > 0 and claimed["paid_e6"] == "0"
    assert claimed["epochs"] == [int(epoch)]

    # Most of the pool's shares are struck and not yet claimed: a share's worth must not change by
    # who has claimed.
    owner = "0x" + shell.venue.devnet.accounts[0].wallet.address.hex()
    code, held, _ = shell.run("lp", "show", owner)
    assert code == 0 and int(held["shares_e12"]) == shares and held["requests"] == []
    code, former, _ = shell.run("lp", "position", owner)
    assert (code, former) == (0, held | {"command": "lp position"})
    code, own, _ = shell.signed("lp", "show")
    assert code == 0 and own["shares_e12"] == held["shares_e12"] and own["owner"].lower() == owner
    assert 999_000_000 <= int(held["worth_e6"]) <= 1_000_000_000
    assert int(held["supply_e12"]) > 1_000 * shares

    code, _, err = shell.signed("lp", "redeem", "999999999")
    assert code == 7 and "not enough shares" in err
    code, asked, _ = shell.signed("lp", "redeem", "400")
    assert code == 0 and asked["shares_e12"] == str(400 * 10**12)
    shell.strike()
    shell.strike()
    code, shown, _ = shell.run("lp", "show", owner)
    (redemption,) = shown["requests"]
    assert (redemption["state"], redemption["redeem_e12"]) == ("claimable", asked["shares_e12"])
    code, _, err = shell.signed("lp", "claim", epoch)
    assert code == 7 and "nothing to take back" in err, "an epoch named is the last one collected"
    code, claimed, _ = shell.signed("lp", "claim")
    assert claimed["paid_e6"] == shown["claimable_e6"]
    assert claimed["epochs"] == [asked["epoch"]]
    assert code == 0 and 399_900_000 <= int(claimed["paid_e6"]) <= 400_100_000
    code, _, err = shell.signed("lp", "claim", str(asked["epoch"]))
    assert code == 7 and "nothing to take back" in err
    left = shares - 400 * 10**12
    assert int(shell.run("lp", "show", owner)[1]["shares_e12"]) == left
    assert shell.signed("lp", "redeem")[0] == shell.signed("lp", "redeem", "1", "--all")[0] == 2
    code, asked, _ = shell.signed("lp", "redeem", "--all")
    assert code == 0 and asked["shares_e12"] == str(left)
    code, _, err = shell.signed("lp", "redeem", "--all")
    assert code == 3 and "holds no pool shares" in err
    assert shell.run("lp", "show", "somebody")[0] == 2


def test_a_running_devnet_is_halted_resumed_and_given_a_market(
    shell: Shell, tmp_path: Path
) -> None:
    """Devnets are not sealed: their owner changes at once, and the node follows."""
    devnet, state = shell.venue.devnet, shell.venue.node.state
    for name, wallet in (("guardian", devnet.guardian), ("owner", devnet.funder)):
        (tmp_path / name).write_text(wallet.private_key.hex())
    code, halted, _ = shell.run("halt", "--key-file", str(tmp_path / "guardian"))
    assert code == 0
    shell.venue.step(halted["from_ms"] + 2_000, PRICES)
    assert state.limits.halts(halted["from_ms"] + 1)
    code, resumed, _ = shell.run("resume", "--key-file", str(tmp_path / "guardian"))
    assert code == 0
    shell.venue.step(resumed["until_ms"] + 2_000, PRICES)
    assert not state.limits.halts(resumed["until_ms"] + 1)

    text = PLAN.read_text("utf-8").split("[[market]]")[1].replace("id = 1", "id = 9")
    (tmp_path / "market.toml").write_text(text.replace('"BTC-USD"', '"TON-USD"'))
    add = ["market", "add", str(tmp_path / "market.toml"), "--key-file", str(tmp_path / "owner")]
    code, made, _ = shell.run(*add)
    assert code == 0 and made["state"] == "made"
    shell.venue.step(shell.venue.clock_ms + 5_000, PRICES | {9: 100 * 10**8})
    assert 9 in state.markets


def test_a_new_key_gets_gas_with_its_dollars(shell: Shell, tmp_path: Path) -> None:
    key = tmp_path / "new"
    key.write_text("0x" + "5a" * 32)
    by = ["--key-file", str(key)]
    code, opened, err = shell.run("account", "open", "500", "--mint", "--permit", *by)
    assert code == 0, err
    account = str(opened["account"])
    assert shell.run("order", "cancel", account, "--all", *by)[0] == 0, "and has gas left"
    shell.venue.devnet.rpc.call("anvil_setBalance", opened["owner"], "0x1")
    code, _, err = shell.run("withdraw", account, "1", *by)
    assert code == 3 and "too little ether to pay for gas" in err and "--mint" in err


def test_a_keystore_pays_like_its_key(shell: Shell, tmp_path: Path) -> None:
    store, word, wrong = tmp_path / "store.json", tmp_path / "word", tmp_path / "wrong"
    word.write_text("secret\n")
    wrong.write_text("guess\n")
    make = ["account", "keystore", str(store), "--key-file", str(shell.key)]
    assert app.run([*make, "--password-file", str(word)]) == 0
    assert app.run([*make, "--password-file", str(word)]) == 3, "a keystore was written over"
    shell.capsys.readouterr()
    account = str(shell.venue.devnet.accounts[0].account)
    pay = ["deposit", account, "5", "--mint", "--keystore", str(store)]
    code, paid, _ = shell.run(*pay, "--password-file", str(word))
    assert code == 0 and paid["command"] == "deposit"
    assert (paid["account"], paid["amount_e6"]) == (int(account), "5000000")
    code, paid, err = shell.run(*pay, "--password-file", str(wrong))
    assert (code, paid) == (3, {}) and "check the password" in err


def typed(command: list[str], lines: list[str]) -> tuple[int, str]:
    """Run a command at a terminal and type a line at each prompt; its exit code and the screen."""
    screen, side = pty.openpty()
    program = "import sys; from infold.cli.app import main; sys.exit(main())"
    with subprocess.Popen(
        [sys.executable, "-c", program, *command],
        stdin=side,
        stdout=side,
        stderr=side,
        start_new_session=True,
    ) as process:
        os.close(side)
        shown = b""
        while True:
            try:
                shown += os.read(screen, 4096)
            except OSError:  # the other side is closed
                break
            if shown.endswith(b": ") and lines:
                os.write(screen, lines.pop(0).encode() + b"\n")
        code = process.wait()
    os.close(screen)
    return code, shown.decode()


@pytest.mark.parametrize("second", ["secret", "secert"])
def test_a_new_password_is_asked_for_twice_and_never_shown(second: str, tmp_path: Path) -> None:
    store = tmp_path / "store.json"
    lines = ["secret", second] if second == "secret" else ["secret", "secert", "secret", "secret"]
    code, shown = typed(["account", "keystore", str(store)], lines)
    assert code == 0 and store.exists(), shown
    assert "secret" not in shown and "secert" not in shown
    from infold.sdk import Wallet

    Wallet.from_keystore(store, "secret")


def test_deploy_writes_a_book_that_other_commands_take(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key, book = tmp_path / "key", tmp_path / "book.json"
    key.write_text(DEPLOYER)
    with Anvil() as anvil:
        at = ["--rpc-url", anvil.url, "--json"]
        deploy = ["deploy", "--plan", str(PLAN), "--output", str(book), "--key-file", str(key)]
        assert app.run([*deploy, *at, "-q"]) == 0
        document = document_of(capsys.readouterr().out)
        assert document["ok"] and {"command", "version", "seed", "seconds"} <= set(document)
        assert json.loads(book.read_text())["contracts"] == document["contracts"]
        holder = document["deployer"]
        assert app.run(["lp", "position", holder, "--book", str(book), *at]) == 0
        assert document_of(capsys.readouterr().out)["supply_e12"] == "0"
        assert app.run(["deploy", "--plan", str(tmp_path / "none"), *at]) == 3
        assert "cannot read the plan" in capsys.readouterr().err
