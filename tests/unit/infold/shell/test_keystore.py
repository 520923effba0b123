# SPDX-License-Identifier: Apache-2.0
"""Keys come out of keystores with the right password, and no message shows them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account

from infold.errors import Misconfigured
from infold.shell.keystore import find_keystore, private_key

KEY = bytes(range(1, 33))
PASSWORD = "correct horse"


@pytest.fixture
def keystore(tmp_path: Path) -> Path:
    """A file as eth-account and Ape write it; few iterations: strength is not the point."""
    folder = tmp_path / "ape" / "accounts"
    folder.mkdir(parents=True)
    path = folder / "trader.json"
    path.write_text(json.dumps(Account.encrypt(KEY, PASSWORD, iterations=2)))
    return path


def test_a_keystore_opens_by_path_with_a_password_file(keystore: Path, tmp_path: Path) -> None:
    password_file = tmp_path / "password"
    password_file.write_text(PASSWORD + "\n")
    assert private_key(str(keystore), password_file=password_file) == KEY


def test_an_ape_account_opens_by_name_with_a_prompt(keystore: Path, tmp_path: Path) -> None:
    asked: list[str] = []

    def prompt(question: str) -> str:
        asked.append(question)
        return PASSWORD

    assert private_key("trader", prompt=prompt, ape_folder=tmp_path / "ape") == KEY
    assert asked == ["Password of trader.json: "]


def test_a_wrong_password_is_refused_without_showing_anything(keystore: Path) -> None:
    with pytest.raises(Misconfigured, match="does not open with this password") as caught:
        private_key(str(keystore), prompt=lambda _question: "wrong staple")
    assert "staple" not in str(caught.value) and KEY.hex() not in str(caught.value)


def test_an_unknown_name_lists_what_is_there(keystore: Path, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="trader"):
        find_keystore("nobody", tmp_path / "ape")
    with pytest.raises(Misconfigured, match="none there"):
        find_keystore("nobody", tmp_path)


def test_without_a_password_the_variable_is_named(keystore: Path, tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="INFOLD_KEYSTORE_PASSWORD_FILE"):
        private_key(str(keystore))
    with pytest.raises(Misconfigured, match="cannot be read"):
        private_key(str(keystore), password_file=tmp_path / "none")


@pytest.mark.parametrize(
    "content", ["", "[]", "{}", '{"crypto": {}}', '{"crypto": 5, "version": 3}']
)
def test_a_damaged_keystore_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keystore.json"
    path.write_text(content)
    with pytest.raises(Misconfigured, match=r"keystore\.json"):
        private_key(str(path), prompt=lambda _question: PASSWORD)
