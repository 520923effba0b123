# SPDX-License-Identifier: Apache-2.0
"""Keys come out of keystores with the right password, and no message shows them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from eth_account import Account

from infold.cli.options import wallet
from infold.errors import Misconfigured
from infold.sdk.wallet import Wallet

KEY = bytes(range(1, 33))
PASSWORD = "correct horse"
CHAIN_ID = 1


@pytest.fixture
def keystore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file as eth-account and Ape write it; few iterations: strength is not the point."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / ".ape" / "accounts"
    folder.mkdir(parents=True)
    path = folder / "trader.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD, iterations=2)))
    return path


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    path = tmp_path / "password"
    path.write_text(PASSWORD + "\n")
    return path


def opened(name: str, password_file: Path | None) -> Wallet:
    return wallet(None, name, password_file, CHAIN_ID)


def test_a_keystore_opens_by_path_and_by_the_name_ape_gave_it(
    keystore: Path, password_file: Path
) -> None:
    assert opened(str(keystore), password_file).private_key == KEY
    assert opened("trader", password_file).private_key == KEY


def test_a_wrong_password_is_refused_without_showing_anything(
    keystore: Path, password_file: Path
) -> None:
    password_file.write_text("wrong staple")
    with pytest.raises(Misconfigured, match="check the password") as caught:
        opened("trader", password_file)
    assert "staple" not in str(caught.value) and KEY.hex() not in str(caught.value)


def test_an_unknown_name_lists_what_is_there(keystore: Path, password_file: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nobody.*\(trader\)"):
        opened("nobody", password_file)
    keystore.unlink()
    with pytest.raises(Misconfigured, match="none there"):
        opened("nobody", password_file)


def test_without_a_password_the_variable_is_named(
    keystore: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())  # nobody types
    with pytest.raises(Misconfigured, match="INFOLD_KEYSTORE_PASSWORD_FILE"):
        opened("trader", None)
    with pytest.raises(Misconfigured, match="cannot be read"):
        opened("trader", tmp_path / "none")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"crypto": {}}', '{"crypto": 5, "version": 3}']
)
def test_a_damaged_keystore_is_named(keystore: Path, password_file: Path, content: str) -> None:
    keystore.write_text(content)
    with pytest.raises(Misconfigured, match=r"trader\.json"):
        opened("trader", password_file)
