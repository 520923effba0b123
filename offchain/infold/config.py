# SPDX-License-Identifier: Apache-2.0
"""What the package reads from its environment: one frozen record, read once and passed down, and
secrets by reference.

Options of commands, which files and variables may set too, are `cli/options.py`'s. Keys and
passwords never stand in a setting: it names where one is kept (`env:NAME` or `file:PATH`) and
`read_secret` fetches it when it is needed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from infold.errors import Misconfigured, system_words

DATA: Final = "INFOLD_DATA"


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting. There is one: what else can be chosen is an option of a command."""

    data: str | None = None
    """Directory of recorded market data (`INFOLD_DATA`); None where there is none."""


def load(environment: Mapping[str, str] | None = None) -> Config:
    """Read settings; `environment` is the process's own unless given."""
    given = os.environ if environment is None else environment
    return Config(data=given.get(DATA) or None)


def read_secret(reference: str, environment: Mapping[str, str] | None = None) -> str:
    """The text behind `env:NAME` or `file:PATH`, without blanks around it. `Misconfigured` if
    nothing is there or the reference has another form.
    """
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
            raise Misconfigured(
                f"the secret file {place} cannot be read ({system_words(error)}); name one that can"
            ) from None
    raise Misconfigured("a secret is named as env:NAME or file:PATH, never written down itself")


def data_directory(config: Config) -> Path | None:
    """The recorded data's directory, None if none was named; `Misconfigured` if the one named is no
    directory.
    """
    if config.data is None:
        return None
    path = Path(config.data)
    if not path.is_dir():
        raise Misconfigured(f"{DATA} names {path}, which is no directory; correct or unset it")
    return path
