# SPDX-License-Identifier: Apache-2.0
"""The venue's settings: one frozen record, read once from TOML and environment and passed down.

Defaults, then the file, then `INFOLD_*` variables; a later source wins. This is the only file that
reads the environment. Keys and passwords never stand in a setting: a setting names where one is
kept (`env:NAME` or `file:PATH`) and `read_secret` fetches it when it is needed.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from infold.errors import Misconfigured
from infold.units import GUARD_MS, WINDOW_MS

PREFIX: Final = "INFOLD_"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting, each with a default that suits a devnet. Times in ms, money in e6."""

    data: str | None = None
    """Directory of recorded market data (`INFOLD_DATA`); None where there is none."""
    home: str = ".infold"
    """Directory of journals and deployments."""
    anvil: str = "anvil"
    """The devnet node's program, by name or path."""
    chain_id: int = 31_337
    host: str = "127.0.0.1"
    """Where servers bind. Loopback: there is no login on the devnet's doors."""
    port: int = 0
    """The HTTP port; 0 takes a free one."""
    batch_interval_ms: int = 1_000
    """Between 250 and F: a vector older than F cannot be settled."""
    oracle_signers: int = 3
    oracle_threshold: int = 2
    """How many of the signers a vector needs."""
    oracle_timeout_ms: int = 2_000
    group_orders_max: int = 500
    """Orders of one journal commit: enough to make the disk's sync cheap, few enough to answer
    soon.
    """
    group_wait_ms: int = 20
    """How long the first order of a group may wait for company."""
    matcher_key: str = "env:INFOLD_MATCHER_SECRET"
    """Where the matcher's private key is kept; a devnet makes its own."""


def load(path: Path | None = None, environment: Mapping[str, str] | None = None) -> Config:
    """Read settings; `environment` is the process's own unless given.

    Raises `Misconfigured` naming the file or variable, and the mend.
    """
    settings: dict[str, Any] = {}
    if path is not None:
        settings.update(_from_file(path))
    settings.update(_from_environment(os.environ if environment is None else environment))
    try:
        config = msgspec.convert(settings, Config, strict=True)
    except msgspec.ValidationError as error:
        raise Misconfigured(f"a setting is wrong: {error}; see `infold doctor`") from None
    _check(config)
    return config


def read_secret(reference: str, environment: Mapping[str, str] | None = None) -> str:
    """The text behind `env:NAME` or `file:PATH`, without blanks around it."""
    kind, _, place = reference.partition(":")
    if kind == "env" and place:
        value = (os.environ if environment is None else environment).get(place)
        if value:
            return value.strip()
        raise Misconfigured(f"the variable {place} is not set; export the secret it should hold")
    if kind == "file" and place:
        try:
            return Path(place).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(f"the secret file {place} cannot be read: {error}") from None
    raise Misconfigured("a secret is named as env:NAME or file:PATH, never written down itself")


def data_directory(config: Config) -> Path | None:
    """The recorded data's directory, None if none was named; a named one must exist."""
    if config.data is None:
        return None
    path = Path(config.data)
    if not path.is_dir():
        raise Misconfigured(f"INFOLD_DATA names {path}, which is no directory; correct or unset it")
    return path


def _from_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Misconfigured(f"the settings file {path} cannot be read: {error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Misconfigured(f"the settings file {path} is no TOML: {error}") from None


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Settings among the variables. Variables that name no setting (secrets, say) are left
    alone.
    """
    settings: dict[str, Any] = {}
    for field in msgspec.structs.fields(Config):
        variable = PREFIX + field.name.upper()
        text = environment.get(variable)
        if not text:
            continue
        if field.type is not int:
            settings[field.name] = text
        elif text.isascii() and text.isdigit() and len(text) < 16:
            settings[field.name] = int(text)
        else:
            raise Misconfigured(f"{variable} must be a whole number, not {text[:40]!r}")
    return settings


def _check(config: Config) -> None:
    """Bounds no type states."""
    bounds = (
        ("batch_interval_ms", config.batch_interval_ms, 250, WINDOW_MS - GUARD_MS),
        ("chain_id", config.chain_id, 1, 2**53),
        ("port", config.port, 0, 65_535),
        ("oracle_signers", config.oracle_signers, 1, 16),
        ("oracle_threshold", config.oracle_threshold, 1, config.oracle_signers),
        ("oracle_timeout_ms", config.oracle_timeout_ms, 1, WINDOW_MS),
        ("group_orders_max", config.group_orders_max, 1, 100_000),
        ("group_wait_ms", config.group_wait_ms, 0, 1_000),
    )
    for name, value, least, most in bounds:
        if not least <= value <= most:
            raise Misconfigured(f"{name} is {value}; choose between {least} and {most}")
    if not config.matcher_key.startswith(("env:", "file:")):
        raise Misconfigured("matcher_key names where the key is kept: env:NAME or file:PATH")
