# SPDX-License-Identifier: Apache-2.0
"""The options of a caller: every command on chain takes them, beside its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from infold.cli import options
from infold.cli.caller import Caller, on_chain

seen: list[tuple[Caller, int, bool]] = []
app = typer.Typer()


@app.command()
@on_chain
def claim(
    caller: Caller,
    account: Annotated[int, typer.Argument()],
    twice: Annotated[bool, typer.Option("--twice")] = False,
) -> None:
    """Claim something."""
    seen.append((caller, account, twice))


def run(*arguments: str) -> Caller:
    seen.clear()
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    ((caller, account, twice),) = seen
    assert (account, twice) == (7, True)
    return caller


def test_its_options_reach_the_caller_and_its_own_the_command() -> None:
    caller = run("7", "--twice", "--rpc-url", "http://there", "--key-file", "k", "--book", "b.json")
    assert (caller.rpc_url, caller.key_file, caller.book) == (
        "http://there",
        Path("k"),
        Path("b.json"),
    )


def test_what_is_left_out_is_as_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_URL", "RPC_URL", "BOOK", "KEY_FILE", "KEYSTORE"):
        monkeypatch.delenv(f"INFOLD_{name}", raising=False)
    monkeypatch.delenv("INFOLD_KEYSTORE_PASSWORD_FILE", raising=False)
    assert run("7", "--twice") == Caller()
    assert Caller().rpc_url == options.RPC_URL


def test_help_names_all_of_them() -> None:
    text = CliRunner().invoke(app, ["--help"]).output
    for name in ("--twice", "--api-url", "--rpc-url", "--book", "--key-file", "--keystore"):
        assert name in text


def test_nothing_is_opened_before_it_is_asked_for() -> None:
    assert run("7", "--twice", "--book", "nowhere.json", "--key-file", "nowhere").book


def test_the_key_that_serves_is_named_as_it_is_looked_for() -> None:
    assert Caller().key_named() == "INFOLD_PRIVATE_KEY"
    assert Caller(keystore="my.json").key_named() == "my.json"
    assert Caller(keystore="my.json", key_file=Path("k")).key_named() == "k"
