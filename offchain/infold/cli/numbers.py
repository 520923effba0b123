# SPDX-License-Identifier: Apache-2.0
"""Decimals as people type them, in the one spelling that venues take and keys sign."""

from __future__ import annotations


def canonical(text: str | None) -> str | None:
    """A decimal without zeros in front, or at its end behind a point: 0.10 is 0.1, 60000.0 is
    60000. What is no decimal stays as it is, to be refused by name.
    """
    if text is None:
        return None
    whole, _, part = text.partition(".")
    if not (text.isascii() and (whole + part).isdigit()):
        return text
    whole, part = whole.lstrip("0") or "0", part.rstrip("0")
    return f"{whole}.{part}" if part else whole
