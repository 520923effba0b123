# SPDX-License-Identifier: Apache-2.0
"""What every command's object begins with."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import metadata
from typing import Any


def version() -> str:
    """The installed version, or that of a checkout."""
    try:
        return metadata.version("infold")
    except metadata.PackageNotFoundError:
        return "0.1.0"


def header(command: str, seed: int | None = None) -> dict[str, Any]:
    """Command, version and seed; null where nothing is drawn."""
    return {"command": command, "version": version(), "seed": seed}


def completed(
    command: str, seed: int | None, began: float, figures: Mapping[str, Any]
) -> dict[str, Any]:
    """A bench's figures as a command's object; `began` by the monotonic clock, in seconds."""
    seconds = round(time.monotonic() - began, 3)
    return {**header(command, seed), "seconds": seconds, **figures}
