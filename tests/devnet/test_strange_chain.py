# SPDX-License-Identifier: Apache-2.0
"""Commands given a chain that is not their journal's or their book's say so, and what to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from infold.cli import app
from infold.errors import InvariantBroken
from infold.node import LocalVenue, live_prices
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


def test_a_journal_is_compared_with_its_own_chain_alone(
    venue: LocalVenue, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another devnet of the same seed has the same id and addresses, shorter or not."""
    journal = str(venue.devnet.directory)
    defend = ["defend", journal, "--key-file", str(venue.devnet.keys / "matcher")]
    defend += ["--book", str(venue.devnet.directory / "addresses.json")]
    own = venue.devnet.rpc.url
    assert said(capsys, "reconcile", journal, "--rpc-url", own)[0] == 0, "the book lies beside it"
    assert said(capsys, *defend, "--rpc-url", own)[0] == 0
    with Devnet(DevnetConfig(start_ms=LATER_MS, seed=5, accounts=1)) as other:
        there = ["--rpc-url", other.rpc.url]
        for why in ("the chain ends at", "and here it is stamped"):
            for command in (["reconcile", journal], defend):
                code, heard = said(capsys, *command, *there)
                assert code == 3 and "not the one of this journal" in heard and why in heard
            while block(other.rpc).number < venue.node.state.block:
                other.mine(LATER_MS + 1_000)
    code, heard = said(capsys, "reconcile", journal, *there)
    assert code == 6 and "ends with the devnet" in heard and "infold journal verify" in heard


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
