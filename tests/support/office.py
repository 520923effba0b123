# SPDX-License-Identifier: Apache-2.0
"""A venue on a chain of its own for those who govern it, and the commands they run there."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from infold.cli import app
from infold.shell.anvil import Anvil
from infold.shell.chain import Rpc, Sender, Venue, mine
from infold.shell.compiling import find_contracts
from infold.shell.deploy import RpcDeployer, deploy
from infold.shell.plan import read_plan
from infold.signing import address_of, keccak
from infold.words import unpack_clock, unpack_rates
from tests.support.documents import document_of

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / "scripts" / "local.toml"
KEYS = {name: keccak(f"governing {name}".encode()) for name in ("deployer", "owner", "guardian")}
MARKET = re.split(r"\[\[market\]\]\n", LOCAL.read_text("utf-8"))[2].replace("id = 2", "id = 3")
"""A market's file: the second market of the shipped plan, as number 3."""
SOURCE = "0x" + "5c" * 20
"""Where a second source stands that says, of any market, 1 e8 and of this block."""
SOURCE_CODE = "0x60016000524260205260406000f3"


class Office:
    """A venue of the shipped plan with keys of ours, and its commands."""

    def __init__(self, anvil: Anvil, folder: Path, *, sealed: bool) -> None:
        self.rpc = Rpc(anvil.url, anvil.explain_silence)
        self.folder = folder
        addresses = {name: address_of(key) for name, key in KEYS.items()}
        for name, address in addresses.items():
            self.rpc.call("anvil_setBalance", "0x" + address.hex(), hex(10**20))
            (folder / name).write_text(KEYS[name].hex())
        self.rpc.call("anvil_setCode", SOURCE, SOURCE_CODE)
        plan = replace(
            read_plan(LOCAL),
            owner=addresses["owner"],
            guardian=addresses["guardian"],
            sealed=sealed,
        )
        sender = Sender(self.rpc, KEYS["deployer"], anvil.chain_id)
        book = deploy(RpcDeployer(self.rpc, sender), plan, find_contracts(ROOT))
        book.write(folder / "book.json")
        self.venue = Venue(self.rpc, book)
        self.options = ["--rpc-url", anvil.url, "--book", str(folder / "book.json")]
        self.travel(60)

    def travel(self, seconds: int) -> None:
        now_s = int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        mine(self.rpc, now_s + seconds)

    def market_file(self, **changes: Any) -> str:
        """One market's file: the plan's second market as number 3, with changes."""
        text = MARKET.replace('"ETH-USD"', '"SOL-USD"')
        for name, value in changes.items():
            text, found = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.M)
            assert found == 1, name
        path = self.folder / "market.toml"
        path.write_text(text)
        return str(path)

    def fee_e6(self, market: int) -> int:
        clock = unpack_clock(self.venue["Clearing"].call("market_words", market * 8))
        place = market * 8 + clock.version * 4
        return unpack_rates(self.venue["Clearing"].call("parameter_words", place)).fee_e6


class Console:
    """Runs commands by a key, and reads what they print."""

    def __init__(self, office: Office, capsys: pytest.CaptureFixture[str]) -> None:
        self.office = office
        self.capsys = capsys

    def run(self, who: str, *arguments: str) -> tuple[int, dict[str, Any], str]:
        """Exit code, the object and stderr."""
        key = str(self.office.folder / who)
        code = app.run([*arguments, *self.office.options, "--key-file", key, "--json"])
        written = self.capsys.readouterr()
        return code, document_of(written.out) if written.out else {}, written.err

    def page(self, who: str, *arguments: str) -> str:
        key = str(self.office.folder / who)
        assert app.run([*arguments, *self.office.options, "--key-file", key]) == 0
        return self.capsys.readouterr().out
