# SPDX-License-Identifier: Apache-2.0
"""Pages as a person sees them."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from typing import Any

import typer

from infold.cli.layout import WIDTH
from infold.cli.pages import Document, Page
from infold.cli.terminal import Exit, finish

HASH = "0x" + "6eba3603" * 8
RECEIPT: Document = {
    "orderHash": HASH,
    "status": "open",
    "duplicate": False,
    "receipt": {
        "acceptedTime": 1_800_000_000_000,
        "sequence": 5,
        "batchTime": 0,
        "signature": "0x" + "5b" * 64,
    },
}
"""What a venue answers to an order that it took."""


def text_of(lines: list[str]) -> str:
    """Lines as one text, after looking at their widths."""
    assert max(map(len, lines)) <= WIDTH, [line for line in lines if len(line) > WIDTH]
    return "\n".join(lines)


def an_outcome(**changes: Any) -> Document:
    """An IOC order to sell as `infold order show` tells it, ended without a fill."""
    return {
        "orderHash": HASH,
        "account": 17,
        "market": "BTC-USD",
        "side": "sell",
        "size": "30",
        "price": "59000",
        "timeInForce": "IOC",
        "postOnly": False,
        "reduceOnly": False,
        "triggerKind": "none",
        "triggerPrice": "0",
        "expiry": 1_800_000_010_000,
        "slot": 88,
        "orderSeq": 2_181_410_494,
        "status": "expired",
        "open": False,
        "reason": "UNFILLED",
        "filled": "0",
        "averagePrice": None,
        "fee": "0",
        "ts": 1_800_000_000_000,
        "fills": [],
    } | changes


def finished(found: Document, page: Page) -> tuple[str, int]:
    """What a check's command prints, and its exit code."""
    code = Exit.OK
    with redirect_stdout(io.StringIO()) as printed:
        try:
            finish(found, False, "", page)
        except typer.Exit as left:
            code = Exit(left.exit_code)
    return text_of(printed.getvalue().splitlines()), code
