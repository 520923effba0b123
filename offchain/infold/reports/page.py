# SPDX-License-Identifier: Apache-2.0
"""One self-contained page: a title, pictures with captions, tables. No scripts, no links out."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_STYLE = (
    "body{font:15px system-ui,sans-serif;max-width:980px;margin:2em auto;padding:0 1em;color:#222}"
    "h2{font-size:1em;margin-top:2em}p{max-width:46em}"
    "table{border-collapse:collapse}"
    "td,th{padding:.15em 1em .15em 0;text-align:right;font-variant-numeric:tabular-nums}"
    "td:first-child,th:first-child{text-align:left;white-space:nowrap}"
    "th{font-weight:600;border-bottom:1px solid #ccc}"
    "svg{width:100%;height:auto}text{font-family:system-ui,sans-serif}"
    ".drawn text{font-size:11px;fill:#555}"
)


def page(title: str, sections: Iterable[tuple[str, str]]) -> str:
    """The whole page as text; a section is a caption and its HTML."""
    body = "\n".join(f"<h2>{html.escape(name)}</h2>\n{inside}" for name, inside in sections)
    return (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>"
        f"<h1>{html.escape(title)}</h1>\n{body}</html>\n"
    )


def paragraph(text: str) -> str:
    """Plain words."""
    return f"<p>{html.escape(text)}</p>"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with its heads; the first column to the left, the others to the right."""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in headers)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>\n{body}</table>"


def figures(found: Mapping[str, Any]) -> str:
    """Every figure of an object by its dotted name."""
    return table(("figure", "value"), _flat(found))


def _flat(found: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in found.items():
        if isinstance(value, Mapping):
            rows += _flat(value, f"{prefix}{name}.")
        else:
            rows.append((prefix + name, f"{value:,}" if isinstance(value, int) else str(value)))
    return rows
