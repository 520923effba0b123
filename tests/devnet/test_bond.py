# SPDX-License-Identifier: Apache-2.0
"""A node that censors, on a real chain: it leaves an order out of its batch, is challenged by
command and pays; and one that did right answers.

One venue serves the file; the last test takes the chain past the bond's window.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.documents import document_of
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
from infold.shell.chain import batch_of_settle, calldata_of, mine
from infold.shell.deploy import CLAIM_S, REWARD_E6
from infold.shell.devnet_config import DevnetConfig
from infold.signing import batch_digest, cancel_digest, sign

pytestmark = pytest.mark.devnet

START_MS = 1_700_000_000_000
STAKE_E6 = 500 * 10**6


class Scene:
    """A venue whose matcher has staked, two buyers with receipts, and a seller."""

    def __init__(self, venue: LocalVenue, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.venue = venue
        self.capsys = capsys
        self.wait_ms = 0  # where `travel` went, later than the venue's clock
        self.receipts = folder / "receipts"
        self.keys = [folder / f"key {trader}" for trader in range(3)]
        for path, account in zip(self.keys, venue.devnet.accounts, strict=True):
            path.write_text(account.wallet.private_key.hex())
        self.matcher = folder / "matcher"
        self.matcher.write_text(venue.devnet.matcher.private_key.hex())
        self.proposer = folder / "proposer"
        self.proposer.write_text(venue.devnet.funder.private_key.hex())

    @staticmethod
    def by(key: Path) -> list[str]:
        return ["--key-file", str(key)]

    def _run(self, arguments: Sequence[str]) -> tuple[int, str, str]:
        book = str(self.venue.devnet.directory / "addresses.json")
        whole = [*arguments, "--rpc-url", self.venue.devnet.rpc.url, "--book", book, "--json"]
        code = app.run(whole)
        return code, *self.capsys.readouterr()

    def run(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        code, out, said = self._run(arguments)
        assert out, said
        return code, document_of(out)

    def refused(self, *arguments: str) -> tuple[int, str]:
        """Exit code of a command that prints nothing, and what it says instead."""
        code, out, said = self._run(arguments)
        assert not out, out
        return code, said.removeprefix("infold: ")

    def travel(self, stamp_s: int) -> None:
        """Mine a block at a time, which `aside` takes back."""
        self.wait_ms = stamp_s * 1_000
        mine(self.venue.devnet.rpc, stamp_s)

    def take_back(self, trader: int, slot: int) -> None:
        """Cancel an order at the node, by its owner."""
        account, wallet = self.venue.devnet.accounts[trader]
        cancel = Cancel(account=account, slot=slot, seq=1)
        pair = sign(cancel_digest(cancel, self.venue.node.domain), wallet.private_key)
        self.venue.node.cancel(cancel_bytes(cancel, *pair), self.venue.clock_ms + 10)

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
            onchain.Party(devnet.venue, as_wallet(matcher)).send(contract, function, *arguments)

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
    scene = Scene(venue, tmp_path, capsys)

    def wait(_: float) -> None:
        mine(venue.devnet.rpc, max(venue.clock_ms, scene.wait_ms) // 1_000)

    monkeypatch.setattr(onchain, "time", SimpleNamespace(monotonic=time.monotonic, sleep=wait))
    scene.stake()
    return scene


@pytest.fixture
def aside(venue: LocalVenue) -> Iterator[None]:
    """Take back what happens on chain from here to the test's end."""
    mark = venue.devnet.rpc.call("evm_snapshot")
    yield
    assert venue.devnet.rpc.call("evm_revert", mark)


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
    scene.take_back(0, slot=2)
    assert scene.challenge()[0] == 0
    code, answered = scene.defend()
    assert code == 0
    assert answered["answered"] == [{"order_hash": "0x" + first.hex(), "by": "answer_with_cancel"}]
    assert bond.call("reserved_e6") == 0


def test_an_operator_looks_stakes_and_takes_back(scene: Scene, aside: None) -> None:
    devnet = scene.venue.devnet
    payee = "0x" + "ab" * 20
    _, before = scene.run("bond", "show")
    assert before["withdrawal"] is None and before["reward_e6"] == str(REWARD_E6)
    code, staked = scene.run("bond", "deposit", "7.5", "--mint", *scene.by(scene.matcher))
    assert code == 0 and int(staked["bond_e6"]) == int(before["bond_e6"]) + 7_500_000
    _, standing = scene.run("status")
    assert standing["bond"].items() <= scene.run("bond", "show")[1].items()
    assert int(standing["bond"]["free_e6"]) == int(staked["bond_e6"])
    assert (standing["state"], standing["halt"], standing["traders"]) == ("running", None, 3)
    assert standing["day_bound"]["held"] and standing["day_bound"]["unpriced"] == [*range(2, 9)]
    assert standing["day_bound"]["priced"] == [1]

    announce = ["bond", "announce", payee, "120"]
    code, waiting = scene.run(*announce, *scene.by(scene.proposer))
    assert (code, waiting["state"]) == (0, "waiting")
    scene.travel(waiting["ready_s"])
    assert scene.run(*announce, "--execute", *scene.by(scene.matcher))[1]["state"] == "made"
    _, shown = scene.run("bond", "show")
    assert shown["withdrawal"]["amount_e6"] == "120000000"
    assert shown["withdrawal"]["to"].lower() == payee
    code, said = scene.refused("bond", "withdraw", *scene.by(scene.matcher))
    assert code == 7 and "bond: withdrawal not due" in said
    scene.travel(shown["withdrawal"]["due_s"] + 1)
    code, paid = scene.run("bond", "withdraw", *scene.by(scene.matcher))
    assert (code, paid["amount_e6"], paid["to"].lower()) == (0, "120000000", payee)
    assert devnet.venue["Dollar"].call("balanceOf", payee) == 120_000_000


def test_governance_reaches_the_bonds_terms(scene: Scene, aside: None) -> None:
    bond = scene.venue.devnet.venue["Bond"]
    code, said = scene.refused("govern", "bond_terms", "1", "864000", *scene.by(scene.proposer))
    assert code == 7 and "bond: reward out of range" in said
    terms = ["govern", "bond_terms", "2000000", "864000"]
    _, waiting = scene.run(*terms, *scene.by(scene.proposer))
    scene.travel(waiting["ready_s"])
    assert scene.run(*terms, "--execute", *scene.by(scene.matcher))[1]["state"] == "made"
    assert (bond.call("reward_e6"), bond.call("window_s")) == (2_000_000, 864_000)


def test_a_claim_is_dismissed_by_the_timelock_in_time_or_not_at_all(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    venue = scene.venue
    bond = venue.devnet.venue["Bond"]
    digest = scene.leave_out(monkeypatch, slot=4)
    scene.take_back(0, slot=4)
    request.getfixturevalue("aside")
    assert scene.challenge()[0] == 0 and bond.call("reserved_e6") == REWARD_E6
    dismiss = ["bond", "dismiss", "0x" + digest.hex()]
    assert scene.refused(*dismiss, "--execute", *scene.by(scene.proposer))[0] == 3
    code, said = scene.refused("bond", "dismiss", "0x12", *scene.by(scene.proposer))
    assert code == 3 and "is no hash" in said
    nobody = "0x" + "01" * 32
    code, said = scene.refused("bond", "dismiss", nobody, *scene.by(scene.proposer))
    assert code == 7 and "bond: no such claim" in said

    _, waiting = scene.run(*dismiss, *scene.by(scene.proposer))
    assert waiting["state"] == "waiting"
    scene.travel(waiting["ready_s"])
    assert scene.run(*dismiss, "--execute", *scene.by(scene.matcher))[1]["state"] == "made"
    assert bond.call("reserved_e6") == 0 and bond.call("claims", digest) & 2**64 - 1 == 0


def test_a_claim_that_will_be_paid_first_is_not_scheduled(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    digest = scene.leave_out(monkeypatch, slot=5)
    scene.take_back(0, slot=5)
    request.getfixturevalue("aside")
    assert scene.challenge()[0] == 0
    due_s = scene.venue.devnet.venue["Bond"].call("claims", digest) >> 96
    scene.travel(due_s - 7 * 86_400)
    code, said = scene.refused("bond", "dismiss", "0x" + digest.hex(), *scene.by(scene.proposer))
    assert code == 3 and "it will be paid" in said


def test_two_seals_are_shown_by_whoever_holds_them(
    scene: Scene, aside: None, tmp_path: Path
) -> None:
    """A matcher that lands one batch and hands out another of its number."""
    venue = scene.venue
    devnet, node = venue.devnet, venue.node
    number = node.state.head.number
    transaction = "0x" + node.batch_rows[-1].transaction.hex()
    data = bytearray(calldata_of(devnet.rpc, bytes.fromhex(transaction[2:])))
    data[4 + 5 * 32 : 4 + 6 * 32] = b"\x07" * 32  # another accepted_root
    changed = batch_of_settle(bytes(data))
    assert changed is not None and changed.number == number
    digest = batch_digest(number, changed.time_ms, changed.contents, node.domain)
    at = 4 + 32 + int.from_bytes(data[4 + 6 * 32 : 4 + 7 * 32], "big")
    for word in sign(digest, devnet.matcher.private_key):
        data[at : at + 32] = word.to_bytes(32, "big")
        at += 32
    other = tmp_path / "other"
    other.write_text("0x" + data.hex() + "\n")

    show = ["bond", "two-seals", transaction]
    by = scene.by(scene.keys[2])
    code, found = scene.run(*show, str(other), "--dry-run", *by)
    assert (code, found["state"], found["batch"]) == (0, "found", number)
    assert found["seals"][1]["contents"] == "0x" + changed.contents.hex()
    code, said = scene.refused(*show, transaction, *by)
    assert code == 7 and "bond: one and the same" in said
    earlier = "0x" + node.batch_rows[0].transaction.hex()
    code, said = scene.refused(*show, earlier, *by)
    assert code == 3 and "show two of one number" in said
    for told in ("0x12", str(tmp_path / "none"), str(scene.keys[0])):
        assert scene.refused(*show, told, *by)[0] == 3
    staked_e6 = devnet.venue["Bond"].call("bond_e6")
    code, proven = scene.run(*show, str(other), *by)
    assert (code, proven["state"], proven["amount_e6"]) == (0, "proven", str(REWARD_E6))
    assert devnet.venue["Bond"].call("bond_e6") == staked_e6 - REWARD_E6
    code, said = scene.refused(*show, str(other), *by)
    assert code == 7 and "bond: already paid" in said


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
    assert made["claims"][0]["order_hash"] == "0x" + digest.hex()
    assert bond.call("reserved_e6") == REWARD_E6

    # 3. The node has no signature against it, and the claim stands through the window.
    code, answered = scene.defend()
    assert code == 8 and answered["open"] == ["0x" + digest.hex()]
    code, nothing = scene.challenge()
    assert code == 0 and nothing["claims"] == []
    staked_e6, before_e6 = bond.call("bond_e6"), dollar.call("balanceOf", owner)
    scene.travel(scene.venue.clock_ms // 1_000 + CLAIM_S + 60)
    code, paid = scene.challenge()
    assert code == 0 and [claim["state"] for claim in paid["claims"]] == ["paid"]
    assert dollar.call("balanceOf", owner) == before_e6 + REWARD_E6
    assert bond.call("bond_e6") == staked_e6 - REWARD_E6
