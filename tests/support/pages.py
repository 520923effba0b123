# SPDX-License-Identifier: Apache-2.0
"""Pages as a person sees them."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import typer

from infold.cli.layout import WIDTH
from infold.cli.pages import Document, Page
from infold.cli.terminal import Exit, finish

HASH = "0x" + "6eba3603" * 8


def text_of(lines: list[str]) -> str:
    """Lines as one text, after looking at their widths."""
    assert max(map(len, lines)) <= WIDTH, [line for line in lines if len(line) > WIDTH]
    return "\n".join(lines)


def finished(found: Document, page: Page) -> tuple[str, int]:
    """What a check's command prints, and its exit code."""
    code = Exit.OK
    with redirect_stdout(io.StringIO()) as printed:
        try:
            finish(found, False, "", page)
        except typer.Exit as left:
            code = Exit(left.exit_code)
    return text_of(printed.getvalue().splitlines()), code
