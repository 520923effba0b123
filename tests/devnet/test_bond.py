# SPDX-License-Identifier: Apache-2.0
"""A node that censors, on a real chain: it leaves an order out of its batch, is challenged by
command and pays; and one that did right answers.

One venue serves the file; the last test takes the chain past the bond's window.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.local_orders import an_order

from infold.cli import app, onchain
from infold.core.engine import decide
from infold.core.events import AnyCommand, AnyEvent, CloseBatch
from infold.core.reading import decode_order
from infold.core.state import State
from infold.messages import Cancel, Receipt
from infold.node import LocalVenue, batches, live_prices
from infold.sdk.receipts import ReceiptFile, check_receipt
from infold.sdk.wire import cancel_bytes
from infold.shell.deploy import CLAIM_S, REWARD_E6
from infold.shell.devnet import DevnetConfig
from infold.signing import cancel_digest, sign

pytestmark = pytest.mark.devnet

START_MS = 1_700_000_000_000
STAKE_E6 = 500 * 10**6


class Scene:
    """A venue whose matcher has staked, two buyers with receipts, and a seller."""

    def __init__(self, venue: LocalVenue, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.venue = venue
        self.capsys = capsys
        self.receipts = folder / "receipts"
        self.keys = [folder / f"key {trader}" for trader in range(3)]
        for path, account in zip(self.keys, venue.devnet.accounts, strict=True):
            path.write_text(account.wallet.private_key.hex())
        self.matcher = folder / "matcher"
        self.matcher.write_text(venue.devnet.matcher.private_key.hex())

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        book = str(self.venue.devnet.directory / "addresses.json")
        whole = [*arguments, "--rpc-url", self.venue.devnet.rpc.url, "--book", book, "--json"]
        code = app.run(whole)
        written = self.capsys.readouterr()
        assert written.out, written.err
        return code, json.loads(written.out)

    def challenge(self, trader: int = 0, *more: str) -> tuple[int, dict[str, Any]]:
        key = ["--key-file", str(self.keys[trader])]
        return self.run("challenge", str(self.receipts), *key, *more)

    def defend(self) -> tuple[int, dict[str, Any]]:
        journal = str(self.venue.node.journal.path)
        return self.run("defend", journal, "--key-file", str(self.matcher))

    def stake(self) -> None:
        devnet = self.venue.devnet
        bond, matcher = devnet.venue["Bond"], devnet.matcher
        for contract, function, *arguments in (
            ("Dollar", "mint", "0x" + matcher.address.hex(), STAKE_E6),
            ("Dollar", "approve", "0x" + bond.address.hex(), STAKE_E6),
            ("Bond", "deposit", STAKE_E6),
        ):
            onchain.Desk(devnet.venue, as_wallet(matcher)).send(contract, function, *arguments)

    def keep(self, raw: bytes, receipt: Receipt) -> bytes:
        """What the SDK does with an order's receipt; the order's hash."""
        node = self.venue.node
        signed = decode_order(raw, node.context())
        matcher = self.venue.devnet.matcher.address
        check_receipt(receipt, signed.order_hash, matcher, node.domain, self.venue.clock_ms + 10)
        ReceiptFile(self.receipts).keep(signed.order, signed.signature, receipt)
        return signed.order_hash

    def submit(self, *orders: bytes) -> list[Receipt]:
        answers = self.venue.node.submit(orders, self.venue.clock_ms + 10)
        assert all(isinstance(answer, Receipt) for answer in answers), answers
        return [answer for answer in answers if isinstance(answer, Receipt)]

    def leave_out(self, monkeypatch: pytest.MonkeyPatch, slot: int) -> bytes:
        """Accept a better buyer, a worse one and a seller; close a batch without the better one."""
        venue = self.venue
        better = an_order(venue, 0, price="60300", slot=slot)
        worse = an_order(venue, 1, price="60200", slot=slot)
        sale = an_order(venue, 2, side="sell", price="59700", slot=slot)
        receipt, *_ = self.submit(better, worse, sale)
        digest = self.keep(better, receipt)
        with monkeypatch.context() as patch:
            patch.setattr(batches, "decide", Censor({digest}))
            outcome = venue.step(venue.clock_ms + 1_000, live_prices(venue.config))
        filled = {fill.account for fill in outcome.fills}
        assert filled == {account.account for account in venue.devnet.accounts[1:]}
        assert digest in venue.node.state.orders
        return digest


class Censor:
    """The engine, blind to some orders while it closes a batch."""

    def __init__(self, hidden: set[bytes]) -> None:
        self.hidden = hidden

    def __call__(self, state: State, command: AnyCommand) -> Sequence[AnyEvent]:
        if not isinstance(command, CloseBatch):
            return decide(state, command)
        kept = {digest: state.orders.pop(digest) for digest in self.hidden}
        try:
            return decide(state, command)
        finally:
            state.orders.update(kept)


def as_wallet(wallet: Any) -> Any:
    return SimpleNamespace(private_key=wallet.private_key)


@pytest.fixture(scope="module")
def venue() -> Iterator[LocalVenue]:
    config = DevnetConfig(start_ms=START_MS, seed=9, accounts=3)
    with LocalVenue(config) as venue:
        venue.step(START_MS + 1_000, live_prices(config))
        yield venue


@pytest.fixture
def scene(
    venue: LocalVenue,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Scene:
    waiting = SimpleNamespace(
        monotonic=time.monotonic, sleep=lambda _: venue.devnet.mine(venue.clock_ms)
    )
    monkeypatch.setattr(onchain, "time", waiting)
    scene = Scene(venue, tmp_path, capsys)
    scene.stake()
    return scene


def test_an_honest_batch_shows_no_omission(scene: Scene) -> None:
    venue = scene.venue
    better = an_order(venue, 0, price="60300", slot=1)
    worse = an_order(venue, 1, price="60200", slot=1)
    sale = an_order(venue, 2, side="sell", price="59700", slot=1)
    for raw, receipt in zip((better, worse), scene.submit(better, worse, sale)[:2], strict=True):
        scene.keep(raw, receipt)
    assert venue.step(venue.clock_ms + 1_000, live_prices(venue.config)).fills
    code, found = scene.challenge()
    assert code == 0 and found["claims"] == [] and found["batches"] >= 1


def test_a_claim_for_a_cancelled_order_is_answered_from_the_journal(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trader's word and the node's history, as an honest node would use them."""
    venue = scene.venue
    bond = venue.devnet.venue["Bond"]
    first = scene.leave_out(monkeypatch, slot=2)
    account, wallet = venue.devnet.accounts[0].account, venue.devnet.accounts[0].wallet
    cancel = Cancel(account=account, slot=2, seq=1)
    pair = sign(cancel_digest(cancel, venue.node.domain), wallet.private_key)
    venue.node.cancel(cancel_bytes(cancel, *pair), venue.clock_ms + 10)
    assert scene.challenge()[0] == 0
    code, answered = scene.defend()
    assert code == 0
    assert answered["answered"] == [{"orderHash": "0x" + first.hex(), "by": "answer_with_cancel"}]
    assert bond.call("reserved_e6") == 0


def test_a_node_that_censors_is_challenged_and_pays(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    devnet = scene.venue.devnet
    bond, dollar = devnet.venue["Bond"], devnet.venue["Dollar"]
    owner = "0x" + devnet.accounts[0].wallet.address.hex()

    # 1. The node signs for an order and matches the batch without it.
    digest = scene.leave_out(monkeypatch, slot=3)

    # 2. Its owner finds the batch on chain and claims; nobody else can.
    code, found = scene.challenge(0, "--dry-run")
    assert code == 0 and [claim["state"] for claim in found["claims"]] == ["found"]
    code, refused = scene.challenge(1)
    assert code == 7 and refused["claims"][0]["reason"].startswith("bond: not the owner")
    code, made = scene.challenge()
    assert code == 0 and [claim["state"] for claim in made["claims"]] == ["claimed"]
    assert made["claims"][0]["orderHash"] == "0x" + digest.hex()
    assert bond.call("reserved_e6") == REWARD_E6

    # 3. The node has no signature against it, and the claim stands through the window.
    code, answered = scene.defend()
    assert code == 8 and answered["open"] == ["0x" + digest.hex()]
    code, nothing = scene.challenge()
    assert code == 0 and nothing["claims"] == []
    staked_e6, before_e6 = bond.call("bond_e6"), dollar.call("balanceOf", owner)
    devnet.mine(scene.venue.clock_ms + (CLAIM_S + 60) * 1_000)
    code, paid = scene.challenge()
    assert code == 0 and [claim["state"] for claim in paid["claims"]] == ["paid"]
    assert dollar.call("balanceOf", owner) == before_e6 + REWARD_E6
    assert bond.call("bond_e6") == staked_e6 - REWARD_E6
