# SPDX-License-Identifier: Apache-2.0
"""Two venues on one chain, and what commands say of a name or a moment that is not given."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from tests.support.documents import document_of
from tests.support.office import Console, Office

from infold.cli import app, options
from infold.shell.anvil import Anvil
from infold.shell.chain import block
from infold.signing import checksum_address
from infold.units import DAY_MS
from infold.words import unpack_delegate

pytestmark = pytest.mark.devnet


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Office]]:
    with Anvil(automine=True) as anvil:
        made = [
            Office(anvil, tmp_path_factory.mktemp("office"), sealed=sealed)
            for sealed in (True, False)
        ]
        yield made
        for office in made:
            office.rpc.close()


def test_an_audit_takes_the_venue_that_the_book_names(
    offices: list[Office], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    rpc = offices[0].options[:2]
    clearings = ["0x" + office.venue["Clearing"].address.hex() for office in offices]
    assert app.run(["audit", *rpc]) == 3
    said = capsys.readouterr().err
    assert "--book FILE" in said and all(clearing in said for clearing in clearings)
    for office, clearing in zip(offices, clearings, strict=True):
        assert app.run(["audit", *office.options, "--json"]) == 0
        assert document_of(capsys.readouterr().out)["clearing"] == clearing
    monkeypatch.setenv("INFOLD_BOOK", str(offices[0].folder / "book.json"))
    for named, clearing in (([], clearings[0]), (["--clearing", clearings[1]], clearings[1])):
        assert app.run(["audit", *rpc, *named, "--json"]) == 0
        assert document_of(capsys.readouterr().out)["clearing"] == clearing


def test_an_exit_from_a_market_that_nobody_lists_is_told_as_such(
    offices: list[Office], capsys: pytest.CaptureFixture[str]
) -> None:
    console = Console(offices[0], capsys)
    account = str(console.run("owner", "account", "open", "1000", "--mint")[1]["account"])
    code, _, said = console.run("owner", "exit", account, "-m", "FOO-USD")
    assert code == 3 and "no market is called FOO-USD; name one of BTC-USD, ETH-USD" in said
    code, _, said = console.run("owner", "exit", account, "-m", "BTC-USD")
    assert code == 3 and "holds nothing in BTC-USD; it holds nothing" in said


@pytest.mark.parametrize(("given", "days"), [((), 30), (("--days", "2"), 2)])
def test_a_grant_lasts_so_many_days_from_now(
    given: tuple[str, ...],
    days: int,
    offices: list[Office],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    console, venue = Console(offices[0], capsys), offices[0].venue
    api = SimpleNamespace(market=lambda _: {"id": 1})
    monkeypatch.setattr(options, "client", lambda _: nullcontext(api))
    account = console.run("owner", "account", "open", "1000", "--mint")[1]["account"]
    key = checksum_address(bytes([days]) * 20)
    before_ms = block(offices[0].rpc).timestamp_s * 1_000
    words = ("account", "grant", str(account), key, "--markets", "BTC-USD", "--notional", "5")
    code, found, said = console.run("owner", *words, *given)
    assert code == 0, said
    assert found["expiry_ms"] == before_ms + days * DAY_MS
    word = unpack_delegate(int(venue["Delegates"].call("delegates", account, key)))
    assert word.expiry_ms == found["expiry_ms"]
