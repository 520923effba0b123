# SPDX-License-Identifier: Apache-2.0
"""Whoever has written a key is told how to use it, and which key an account was opened for."""

from __future__ import annotations

from tests.support.pages import text_of

from infold.cli.pages.keys import of_keystore, of_opened

ADDRESS = "0x" + "5A" * 20


def test_a_written_key_says_how_commands_are_told_of_it() -> None:
    text = text_of(of_keystore({"path": "my key", "address": ADDRESS, "password_file": "word"}))
    assert "--keystore 'my key' --password-file word" in text
    assert "export INFOLD_KEYSTORE='my key'" in text
    assert "export INFOLD_KEYSTORE_PASSWORD_FILE=word" in text
    typed = text_of(of_keystore({"path": "k", "address": ADDRESS, "password_file": None}))
    assert "--keystore k" in typed and "assword" not in typed


def test_an_opened_account_says_which_key_it_is_of() -> None:
    opened = {"account": 27, "owner": ADDRESS, "amount_e6": "500000000"}
    pasted = text_of(of_opened(opened | {"key": "INFOLD_PRIVATE_KEY"}))
    assert "INFOLD_PRIVATE_KEY, since neither --key-file nor --keystore was given" in pasted
    named = text_of(of_opened(opened | {"key": "my.json"}))
    assert "my.json" in named and "since" not in named and "infold account show 27" in named
