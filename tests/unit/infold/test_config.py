# SPDX-License-Identifier: Apache-2.0
"""Settings: which source wins, and what a wrong one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from infold.config import Config, data_directory, load, read_secret
from infold.errors import Misconfigured


def test_defaults_stand_where_nothing_is_said() -> None:
    assert load(environment={}) == Config()


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "infold.toml"
    path.write_text('home = "there"\nbatch_interval_ms = 500\n', encoding="utf-8")
    config = load(path, {"INFOLD_BATCH_INTERVAL_MS": "250", "INFOLD_DATA": "/data"})
    assert (config.home, config.batch_interval_ms, config.data) == ("there", 250, "/data")


def test_variables_that_name_no_setting_are_left_alone() -> None:
    assert load(environment={"INFOLD_MATCHER_SECRET": "0x1", "INFOLD_HOME": ""}) == Config()


@pytest.mark.parametrize("text", ["1.5", "-1", "1e3", "\u0661", " 1", "9" * 16])
def test_a_number_in_the_environment_is_whole_or_refused(text: str) -> None:
    with pytest.raises(Misconfigured, match="INFOLD_PORT must be a whole number"):
        load(environment={"INFOLD_PORT": text})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"home = ", "no TOML"),
        (b"\xff", "no TOML"),
        (b"unheard_of = 1", "unheard_of"),
        (b'port = "80"', "port"),
        (b"port = 65536", "choose between 0 and 65535"),
        (b"batch_interval_ms = 249", "choose between 250"),
        (b"oracle_signers = 2\noracle_threshold = 3", "oracle_threshold is 3"),
        (b'matcher_key = "0xabc"', "env:NAME or file:PATH"),
    ],
)
def test_a_wrong_file_is_named_with_its_mend(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "infold.toml"
    path.write_bytes(content)
    with pytest.raises(Misconfigured, match=message):
        load(path, {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="cannot be read"):
        load(tmp_path / "none.toml", {})


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
