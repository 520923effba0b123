# SPDX-License-Identifier: Apache-2.0
"""Decimals as people type them, in the one spelling that venues take and keys sign."""

from __future__ import annotations

import typer

THOUSAND = "000"


def canonical(text: str | None) -> str | None:
    """A decimal without zeros in front, or at its end behind a point: 0.10 is 0.1, 60000.0 is
    60000. What is no decimal stays as it is, to be refused by name. Raises a usage error for
    60.000, which is 60 to some and 60000 to others: what is signed must be what was meant.
    """
    if text is None:
        return None
    whole, _, part = text.partition(".")
    if not (text.isascii() and (whole + part).isdigit()):
        return text
    whole = whole.lstrip("0") or "0"
    if part == THOUSAND and whole != "0":
        raise typer.BadParameter(
            f"{text} is {whole} to some and {whole}{part} to others; write which"
        )
    part = part.rstrip("0")
    return f"{whole}.{part}" if part else whole
