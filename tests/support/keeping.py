# SPDX-License-Identifier: Apache-2.0
"""A venue for keepers: one who borrowed 15 times what it had against a rich one, and the commands
they run there.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infold.cli import app, onchain
from infold.messages import Receipt
from infold.node import LocalVenue
from infold.shell.devnet_config import DevnetConfig, live_prices
from infold.words import unpack_account, unpack_position
from tests.support.documents import document_of
from tests.support.local_orders import an_order

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
        self.seq = 1

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

    def trade(self, buyer: int, seller: int, **terms: Any) -> None:
        """A batch in which one buys from the other; the terms are fields of both orders."""
        self.seq += 1
        orders = [
            an_order(self.venue, buyer, seq=self.seq, **terms),
            an_order(self.venue, seller, seq=self.seq, side="sell", **terms),
        ]
        answers = self.venue.node.submit(orders, self.time_ms + 10)
        assert all(isinstance(answer, Receipt) for answer in answers), answers
        self.step()

    def keep(self, *options: str) -> tuple[int, dict[str, Any], str]:
        return self.run(KEEPER, "keeper", "--once", "--quiet", *options)

    def signers(self) -> list[str]:
        """The oracle's signers, as the keeper's options name them."""
        named = [f"0x{it.address.hex()}={it.url}" for it in self.venue.devnet.signers]
        return [part for it in named for part in ("--signer", it)]

    def run(self, who: int, *words: str) -> tuple[int, dict[str, Any], str]:
        devnet = self.venue.devnet
        self.key.write_text("0x" + devnet.accounts[who].wallet.private_key.hex())
        whole = [*words, "--key-file", str(self.key), "--json", "--rpc-url", devnet.rpc.url]
        code = app.run([*whole, "--book", str(devnet.directory / "addresses.json")])
        written = self.capsys.readouterr()
        return code, document_of(written.out) if written.out else {}, written.err


@contextmanager
def keeping(
    key: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    **terms: Any,
) -> Iterator[Scene]:
    """A scene whose chain mines while a command waits; the terms are fields of its devnet."""
    amounts = (4_000 * DOLLAR, 1_000_000 * DOLLAR, 10 * DOLLAR)
    config = DevnetConfig(
        start_ms=START_MS,
        seed=5,
        accounts=3,
        collaterals_e6=amounts,
        epoch_ms=EPOCH_MS,
        **terms,
    )
    with LocalVenue(config) as venue:
        waiting = SimpleNamespace(
            monotonic=time.monotonic, sleep=lambda _: venue.devnet.mine(venue.clock_ms)
        )
        monkeypatch.setattr(onchain, "time", waiting)
        scene = Scene(venue, capsys, key)
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
