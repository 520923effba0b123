# SPDX-License-Identifier: Apache-2.0
"""What a trader's commands print: the header of every command, then what the venue answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.documents import document_of
from tests.support.pages import RECEIPT

from infold.cli import app as application
from infold.cli.commands import accounts, markets, orders
from infold.cli.header import version
from infold.cli.terminal import Exit
from infold.errors import Rejected, Unavailable


class Venue:
    """Answers as the venue's client does, with nothing in it."""

    def markets(self) -> list[dict[str, Any]]:
        return []

    def orders(self, account: int) -> list[dict[str, Any]]:
        return []

    def account(self, account: int) -> dict[str, Any]:
        return {"account": account, "positions": [], "exits": []}


@contextmanager
def quiet_venue(api_url: str) -> Iterator[Venue]:
    yield Venue()


@pytest.mark.parametrize(
    ("arguments", "rest"),
    [
        (["market", "list"], {"markets": []}),
        (["order", "list", "3"], {"orders": []}),
        (["position", "3"], {"account": 3, "positions": [], "exits": []}),
        (["account", "show", "3"], {"account": 3, "positions": [], "exits": []}),
    ],
)
def test_a_trader_s_objects_begin_as_every_command_s_do(
    arguments: list[str],
    rest: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for module in (accounts, markets, orders):
        monkeypatch.setattr(module, "client", quiet_venue)
    assert application.run([*arguments, "--json"]) == Exit.OK
    found = document_of(capsys.readouterr().out)
    name = " ".join(word for word in arguments if not word.isdigit())
    assert found == {"command": name, "version": version(), "seed": None} | rest


def test_people_are_not_shown_the_header(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infold.cli.options.password", lambda file, new=False: "long enough")
    assert application.run(["account", "keystore", str(tmp_path / "key.json")]) == Exit.OK
    printed = capsys.readouterr().out
    assert "address" in printed and version() not in printed
    assert application.run(["account", "keystore", str(tmp_path / "b.json"), "--json"]) == Exit.OK
    assert document_of(capsys.readouterr().out)["command"] == "account keystore"


class Waiting:
    """A venue whose order ends at the third look; time passes by sleeping alone."""

    def __init__(self, looks: int) -> None:
        self.looks, self.now_s = looks, 0.0

    def outcome(self, order_hash: str) -> dict[str, Any]:
        self.looks -= 1
        return {"orderHash": order_hash, "open": self.looks > 0}

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, delay_s: float) -> None:
        self.now_s += delay_s


def test_an_order_is_waited_for_until_it_ends_and_no_longer_than_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for looks, is_open in ((3, False), (10_000, True)):
        venue: Any = Waiting(looks)
        monkeypatch.setattr(orders, "time", venue)
        found = orders._waited(venue, "0x", 15)
        assert found is not None and found["open"] is is_open
        assert venue.now_s == (2 * orders.LOOK_S if looks == 3 else 15)


class Accepting(Venue):
    """Accepts every order, and cannot be asked what became of it."""

    failure: BaseException

    def prepare(self, key: object, **terms: Any) -> Any:
        order = SimpleNamespace(slot=3, seq=9)
        return SimpleNamespace(order=order, order_hash=b"\x11" * 32, body=b"{}")

    def place(self, order: object) -> list[dict[str, Any]]:
        return [RECEIPT]

    def outcome(self, order_hash: str) -> dict[str, Any]:
        raise self.failure


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (Unavailable("no venue answers; start it"), "not known (no venue answers); do not place"),
        (Rejected("NOT_FOUND", "no such order"), "do not place it again"),
        (KeyboardInterrupt(), "not known (interrupted)"),
    ],
)
def test_an_order_that_was_accepted_is_told_whatever_the_look_at_its_end_does(
    failure: BaseException,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Else it would look unsent, and be signed and sent once more in another slot."""
    venue = Accepting()
    venue.failure = failure
    monkeypatch.setattr(orders, "client", lambda *_: nullcontext(venue))
    words = ["order", "place", "17", "-m", "BTC-USD", "--side", "buy", "--size", "1"]
    words += ["--price", "60000", "--approved"]
    assert application.run([*words, "--json"]) == Exit.OK
    written = capsys.readouterr()
    found = document_of(written.out)
    assert (found["orderHash"], found["slot"], found["seq"]) == (RECEIPT["orderHash"], 3, 9)
    assert found["outcome"] is None
    assert why in written.err and f"infold order show {RECEIPT['orderHash']}" in written.err
    assert application.run(words) == Exit.OK
    assert "infold order cancel 17 --slot 3 --seq 9" in capsys.readouterr().out


def test_an_order_is_asked_for_by_a_hash(capsys: pytest.CaptureFixture[str]) -> None:
    assert application.run(["order", "show", "0x12"]) == Exit.USAGE
    assert "64 hex digits" in capsys.readouterr().err
