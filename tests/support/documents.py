# SPDX-License-Identifier: Apache-2.0
"""The one object that a command prints with --json, judged as it is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

CAMEL = re.compile(r"[a-z][a-z0-9]*[A-Z]\w*")  # as the HTTP surface words keys: orderHash
SNAKE = re.compile(r"[a-z][a-z0-9]*_\w+")  # as commands do: order_hash, amount_e6


def document_of(printed: str) -> dict[str, Any]:
    """What was printed, with the header of every command's object and keys worded one way."""
    found: dict[str, Any] = json.loads(printed)
    assert list(found)[:3] == ["command", "version", "seed"], list(found)
    mixed = keys_like(found, CAMEL) and keys_like(found, SNAKE)
    assert not mixed, (keys_like(found, CAMEL), keys_like(found, SNAKE))
    return found


def keys_like(found: Any, wording: re.Pattern[str]) -> list[str]:
    """Keys of an object and of all it holds that are worded so."""
    return sorted({key for key in _keys(found) if wording.fullmatch(key)})


def _keys(found: Any) -> Iterator[str]:
    if isinstance(found, dict):
        yield from found
        for inner in found.values():
            yield from _keys(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from _keys(inner)
