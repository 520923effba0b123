# SPDX-License-Identifier: Apache-2.0
"""Pages as a person sees them."""

from __future__ import annotations

from infold.cli.layout import WIDTH

HASH = "0x" + "6eba3603" * 8


def text_of(lines: list[str]) -> str:
    """Lines as one text, after looking at their widths."""
    assert max(map(len, lines)) <= WIDTH, [line for line in lines if len(line) > WIDTH]
    return "\n".join(lines)
