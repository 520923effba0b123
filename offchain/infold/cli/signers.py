# SPDX-License-Identifier: Apache-2.0
"""Oracle signers as a keeper is told of them: ADDRESS=URL, judged before any of them is asked."""

from __future__ import annotations

import re
from collections.abc import Sequence

import typer

from infold.cli.options import address_of_text

HINT = "--signer or INFOLD_SIGNERS"


def signers_of_texts(texts: Sequence[str]) -> dict[bytes, str]:
    """URL by address of what was named, several in one text parted by blanks or commas. A mistyped
    one is a bad parameter: it would be found out only when somebody's exit is due.
    """
    named: dict[bytes, str] = {}
    for text in (part for whole in texts for part in re.split(r"[\s,]+", whole) if part):
        address_text, parted, url = text.partition("=")
        if not parted:
            raise typer.BadParameter(f"{text!r} is not ADDRESS=URL", param_hint=HINT)
        address = address_of_text(address_text)
        if named.setdefault(address, _url(url)) != _url(url):
            raise typer.BadParameter(
                f"{address_text} is named with two URLs; leave one out", param_hint=HINT
            )
    return named


def _url(text: str) -> str:
    """Where a signer is asked: paths are put behind it."""
    from httpx import URL, InvalidURL

    try:
        url = URL(text)
    except InvalidURL as error:
        raise typer.BadParameter(f"{text!r} is no URL ({error})", param_hint=HINT) from None
    if url.scheme not in ("http", "https") or not url.host:
        raise typer.BadParameter(f"{text!r} is no URL: http://HOST:PORT", param_hint=HINT)
    return text.rstrip("/")
