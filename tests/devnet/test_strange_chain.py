# SPDX-License-Identifier: Apache-2.0
"""Commands given a chain that is not their journal's or their book's say so, and what to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from infold.cli import app
from infold.errors import InvariantBroken, Unavailable
from infold.node import BatchOutcome, LocalVenue, live_prices
from infold.shell.anvil import Anvil
from infold.shell.chain import block
from infold.shell.devnet import Devnet
from infold.shell.devnet_config import DevnetConfig

pytestmark = pytest.mark.devnet

START_MS = 1_800_000_000_000
LATER_MS = START_MS + 3_600_000


@pytest.fixture(scope="module")
def venue() -> Iterator[LocalVenue]:
    with LocalVenue(DevnetConfig(start_ms=START_MS, seed=5, accounts=1)) as found:
        for second in range(1, 4):
            found.step(START_MS + second * 1_000, live_prices(found.config))
        yield found


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Exit code and stderr of a command."""
    code = app.run(list(arguments))
    return code, capsys.readouterr().err


def commands_of(venue: LocalVenue) -> tuple[list[str], list[str]]:
    """What compares a venue's journal with a chain, and what answers claims from it."""
    journal = str(venue.devnet.directory)
    defend = ["defend", journal, "--key-file", str(venue.devnet.keys / "matcher")]
    defend += ["--book", str(venue.devnet.directory / "addresses.json")]
    return ["reconcile", journal], defend


def test_a_journal_is_compared_with_its_own_chain_alone(
    venue: LocalVenue, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another devnet of the same seed has the same id and addresses, shorter or not. It answers no
    claim of ours, but claims are looked for all the same.
    """
    reconcile, defend = commands_of(venue)
    own = venue.devnet.rpc.url
    assert said(capsys, *reconcile, "--rpc-url", own) == (0, ""), "the book lies beside it"
    assert said(capsys, *defend, "--rpc-url", own) == (0, "")
    with Devnet(DevnetConfig(start_ms=LATER_MS, seed=5, accounts=1)) as other:
        there = ["--rpc-url", other.rpc.url]
        for _ in range(2):
            for command, expected in ((reconcile, 3), (defend, 0)):
                code, heard = said(capsys, *command, *there)
                assert code == expected and "not the one of this journal" in heard
                assert "and here it is stamped" in heard
            assert "answered all the same" in heard
            while block(other.rpc).number < venue.node.state.block:
                other.mine(LATER_MS + 1_000)
    code, heard = said(capsys, *reconcile, *there)
    assert code == 6 and "ends with the devnet" in heard and "infold journal verify" in heard


def test_devnets_of_one_seed_and_second_are_told_apart_by_their_batches(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A strike makes a batch of each, at prices of its own."""
    with ExitStack() as ends:
        twins = [
            ends.enter_context(
                LocalVenue(DevnetConfig(start_ms=start_ms, seed=5, accounts=1, epoch_ms=20_000))
            )
            for start_ms in (START_MS, START_MS + 400)
        ]
        for step, twin in enumerate(twins, 1):
            prices_e8 = live_prices(twin.config)
            prices_e8[1] += step * 10**8
            assert twin.step(START_MS + 24_000, prices_e8).number == 1
        reconcile, _ = commands_of(twins[0])
        own, other = (twin.devnet.rpc.url for twin in twins)
        assert said(capsys, *reconcile, "--rpc-url", own) == (0, "")
        assert app.run([*reconcile, "--rpc-url", other]) == 8
        assert "saw batch 1 land in block" in capsys.readouterr().out


def test_a_chain_that_lost_its_last_batch_is_compared(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The case for which a node that halts names the command."""
    config = DevnetConfig(start_ms=START_MS, seed=5, accounts=1, epoch_ms=20_000)
    with LocalVenue(config) as venue:
        rpc, prices_e8 = venue.devnet.rpc, live_prices(config)
        assert venue.step(START_MS + 24_000, prices_e8).number == 1
        mark = rpc.call("evm_snapshot")
        assert venue.step(START_MS + 48_000, prices_e8).number == 2
        assert rpc.call("evm_revert", mark)
        while block(rpc).number <= venue.node.state.block:
            venue.devnet.mine(block(rpc).timestamp_s * 1_000 + 2_000)
        reconcile, defend = commands_of(venue)
        assert app.run([*reconcile, "--rpc-url", rpc.url, "--json"]) == 8
        lost, *words = json.loads(capsys.readouterr().out)["differences"]
        assert "saw batch 2 land in block" in lost
        assert any(line.startswith("head: engine") for line in words)
        code, heard = said(capsys, *defend, "--rpc-url", rpc.url)
        assert code == 0 and "saw batch 2 land in block" in heard


def test_a_tip_that_was_replaced_is_told_and_the_journal_is_of_use_still(
    venue: LocalVenue, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last block seen gives way to another, first to none at all: then the node is behind."""
    devnet = venue.devnet
    reconcile, defend = commands_of(venue)
    here = ["--rpc-url", devnet.rpc.url]
    mark = devnet.rpc.call("evm_snapshot")
    devnet.mine(venue.clock_ms + 1_000)
    venue.node.observe()
    assert devnet.rpc.call("evm_revert", mark)
    for command, expected in ((reconcile, 6), (defend, 0)):
        code, heard = said(capsys, *command, *here)
        assert code == expected and "is behind: the journal has seen block" in heard
    devnet.mine(venue.clock_ms + 2_000)
    for command in (reconcile, defend):
        code, heard = said(capsys, *command, *here)
        assert code == 0 and f"has replaced block {venue.node.state.block}" in heard


def test_a_book_of_another_chain_is_told(
    venue: LocalVenue, capsys: pytest.CaptureFixture[str]
) -> None:
    book = ["--book", str(venue.devnet.directory / "addresses.json")]
    clearing = "0x" + venue.devnet.book.address("Clearing").hex()
    guardian = str(venue.devnet.keys / "guardian")
    with Anvil() as empty:
        there = ["--rpc-url", empty.url]
        for command in (
            ["reconcile", str(venue.devnet.directory)],
            ["status", *book],
            ["halt", *book, "--key-file", guardian],
            ["verify", *book, "--plan", "scripts/local.toml", "-q"],
        ):
            code, heard = said(capsys, *command, *there)
            assert code == 3 and f"has no Clearing at {clearing}" in heard and "--book" in heard
        code, heard = said(capsys, "audit", *there, "--clearing", clearing)
        assert code == 3 and f"has no contract at {clearing}" in heard
        code, heard = said(capsys, "audit", *there)
        assert code == 6 and "no venue on the chain" in heard


def test_a_block_that_cannot_be_had_is_missed_and_no_more(
    venue: LocalVenue, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a node that runs, and of one that has halted: its halt is raised, not the hiccup."""
    stopped, answers = threading.Event(), [True, False, True]
    real, silence = venue.devnet.mine, "node did not answer evm_mine"

    def mine(time_ms: int) -> None:
        if not answers.pop():
            raise Unavailable(silence)
        real(time_ms)
        if not answers:
            stopped.set()

    monkeypatch.setattr(venue, "batch_interval_ms", 10)
    monkeypatch.setattr(venue.devnet, "mine", mine)
    monkeypatch.setattr(venue, "step", lambda time_ms, *_: BatchOutcome(time_ms))
    venue.run_live(stopped)
    assert caplog.text.count("BLOCK_MISSED") == 1 and silence in caplog.text

    def broken(*_: object) -> BatchOutcome:
        raise InvariantBroken("a rule was broken")

    stopped.clear()
    answers += [True, False, True]
    monkeypatch.setattr(venue, "step", broken)
    with pytest.raises(InvariantBroken, match=r"^a rule was broken$"):
        venue.run_live(stopped)
    assert caplog.text.count("BLOCK_MISSED") == 2


def test_a_chain_that_is_gone_ends_a_devnet_and_hides_no_halt(
    venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> BatchOutcome:
        raise Unavailable("anvil ended by itself")

    def broken(*_: object) -> BatchOutcome:
        raise InvariantBroken("a rule was broken")

    monkeypatch.setattr(venue, "batch_interval_ms", 10)
    monkeypatch.setattr(venue.devnet, "mine", gone)
    monkeypatch.setattr(venue.devnet.anvil, "require_alive", gone)
    monkeypatch.setattr(venue, "step", lambda time_ms, *_: BatchOutcome(time_ms))
    with pytest.raises(Unavailable, match=r"^anvil ended by itself$"):
        venue.run_live(threading.Event())
    monkeypatch.setattr(venue, "step", broken)
    with pytest.raises(InvariantBroken, match=r"a rule was broken\. Since then: anvil ended"):
        venue.run_live(threading.Event())


def test_a_node_that_halts_leaves_its_chain_to_everybody_else(
    venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped, halts, mined = threading.Event(), list[InvariantBroken](), list[int]()
    real = venue.devnet.mine

    def mine(time_ms: int) -> None:
        real(time_ms)
        mined.append(block(venue.devnet.rpc).number)
        if len(mined) == 2:
            stopped.set()

    monkeypatch.setattr(venue.devnet, "mine", mine)
    venue.node.halt("a rule was broken")
    with pytest.raises(InvariantBroken, match="a rule was broken"):
        venue.run_live(stopped, halts.append)
    assert len(halts) == 1 and mined[1] == mined[0] + 1 > venue.node.state.block + 1
