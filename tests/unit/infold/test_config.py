# SPDX-License-Identifier: Apache-2.0
"""Settings: which source wins, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from infold.config import Config, data_directory, load, read_secret
from infold.errors import Misconfigured


def test_nothing_is_set_where_nothing_is_said() -> None:
    assert load({}) == Config() == load({"INFOLD_DATA": ""})


def test_the_environment_is_read_and_its_other_variables_are_left_alone() -> None:
    assert load({"INFOLD_DATA": "/data", "INFOLD_KEY_FILE": "key"}) == Config(data="/data")


def test_secrets_are_read_where_they_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("0xabc\n", encoding="utf-8")
    assert read_secret(f"file:{path}") == "0xabc"
    assert read_secret("env:KEY", {"KEY": " 0xdef "}) == "0xdef"


@pytest.mark.parametrize("reference", ["0xabc", "env:", "file:", "env:KEY", "file:/nowhere/key"])
def test_a_secret_that_is_not_there_is_named(reference: str) -> None:
    with pytest.raises(Misconfigured):
        read_secret(reference, {})


def test_a_named_data_directory_must_exist(tmp_path: Path) -> None:
    assert data_directory(Config()) is None
    assert data_directory(Config(data=str(tmp_path))) == tmp_path
    with pytest.raises(Misconfigured, match="INFOLD_DATA"):
        data_directory(Config(data=str(tmp_path / "none")))
