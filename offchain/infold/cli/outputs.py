# SPDX-License-Identifier: Apache-2.0
"""Files a command writes where its user said: refused before the work, not after it."""

from __future__ import annotations

import os
from pathlib import Path

from infold.errors import Misconfigured


def must_be_writable(place: Path | None, option: str) -> None:
    """`Misconfigured` if no file can be written there; a place that was not named is fine."""
    if place is None:
        return
    if place.is_dir():
        raise _unwritable(place, option, "it is a directory")
    if not place.parent.is_dir():
        raise _unwritable(place, option, f"there is no directory {place.parent}")
    if not os.access(place if place.exists() else place.parent, os.W_OK):
        raise _unwritable(place, option, "permission denied")


def must_be_new_directory(place: Path | None, option: str) -> None:
    """`Misconfigured` unless a run can keep its files there: two journals must never mix."""
    if place is None:
        return
    if place.is_dir() and any(place.iterdir()):
        raise Misconfigured(f"{place} is not empty; name a new directory with {option}")
    ground = next(path for path in (place, *place.absolute().parents) if path.exists())
    if not ground.is_dir():
        raise Misconfigured(f"{ground} is a file; name a new directory with {option}")
    if not os.access(ground, os.W_OK):
        raise Misconfigured(f"{ground} denies permission; name a new directory with {option}")


def write_output(place: Path, content: str | bytes, option: str) -> None:
    """Write a file; `Misconfigured` if the disk refuses."""
    try:
        place.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise _unwritable(place, option, error.strerror or str(error)) from None


def _unwritable(place: Path, option: str, problem: str) -> Misconfigured:
    return Misconfigured(
        f"{place} cannot be written ({problem}); name a file in a directory of yours with {option}"
    )
