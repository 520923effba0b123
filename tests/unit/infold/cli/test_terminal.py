# SPDX-License-Identifier: Apache-2.0
"""Where styles go, and where they do not."""

from __future__ import annotations

import sys

import pytest

from infold.cli.pages.trading import of_orders
from infold.cli.terminal import complain, progress, show, show_all


class Terminal:
    """A stdout that says it is a terminal."""

    def __init__(self) -> None:
        self.text = ""

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None: ...


@pytest.mark.parametrize(("no_color", "styled"), [("", True), ("1", False)])
def test_only_a_terminal_without_no_color_sees_styles(
    no_color: str, styled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    show({"a": 1}, False, "title")
    assert ("\x1b[1mtitle\x1b[0m\n" in terminal.text) is styled
    assert terminal.text.endswith("a  1\n")


def test_elsewhere_it_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    show({"a": 1}, False, "title")
    show_all("order list", "orders", [], False, "orders", of_orders)
    assert capsys.readouterr().out == "title\na  1\norders\nnone\n"


def test_what_others_said_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    said = "a signer says \x1b[2J\x9b31mall is well\u202e\rinfold: ok\nand more"
    complain(said)
    with progress(quiet=False) as steps:
        steps.say(said)
    show({"reason": said}, False)
    heard = capsys.readouterr()
    for line in (*heard.err.splitlines(), *heard.out.splitlines()):
        assert line.isprintable()
    assert r"\x1b[2J\x9b31mall is well\u202e\rinfold: ok" in heard.err
