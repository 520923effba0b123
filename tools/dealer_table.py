#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print the dealer's figures into docs/dealer.md.

    infold bench dealer --json > figures.json
    python tools/dealer_table.py figures.json

Several files, one a group (`--group`), do as well. Replaces what stands between the two marks of
the page; wins and losses alike, in the order given.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "dealer.md"
BEGIN, END = "<!-- figures -->", "<!-- /figures -->"


def number(value: float | None, digits: int = 6) -> str:
    """So many significant digits; nothing of None."""
    if value is None:
        return ""
    return f"{value:,.{digits}g}" if abs(value) < 1e7 else f"{value:,.0f}"


def interval(figure: Mapping[str, Any]) -> str:
    """The 95 % interval; nothing of a figure no chance entered."""
    low, high = figure["low"], figure["high"]
    return "" if low == high else f"{number(low)} .. {number(high)}"


def lines_of(document: Mapping[str, Any]) -> Iterable[str]:
    """The table, and above it when and how it was made."""
    groups = ", ".join(
        f"{name} {found['seconds']:.0f} s" for name, found in document["groups"].items()
    )
    limited = [figure for figure in document["figures"] if figure["limit"] is not None]
    reported = [figure for figure in document["figures"] if figure["limit"] is None]
    kept = sum(figure["ok"] for figure in limited)
    yield (
        f"`infold bench dealer --json`, seed {document['seed']}, {document['workers']} workers:"
        f" {kept} of {len(limited)} figures with a limit keep it. Seconds by group: {groups}."
    )
    yield from (
        "",
        "| figure | value | 95 % interval | limit | ok | paths |",
        "|---|---|---|---|---|---|",
    )
    for figure in limited:
        # Golden numbers are known to eleven digits.
        digits = 11 if figure["id"].startswith("golden.") else 6
        yield (
            f"| `{figure['id']}` | {number(figure['value'], digits)} | {interval(figure)}"
            f" | {number(figure['limit'], digits)} | {'yes' if figure['ok'] else '**no**'}"
            f" | {figure['paths'] or ''} |"
        )
    yield from ("", f"<details><summary>{len(reported)} more, without a limit</summary>", "")
    yield from ("| figure | value | 95 % interval | paths |", "|---|---|---|---|")
    for figure in reported:
        yield (
            f"| `{figure['id']}` | {number(figure['value'])} | {interval(figure)}"
            f" | {figure['paths'] or ''} |"
        )
    yield from ("", "</details>")


def replaced(page: str, table: str) -> str:
    """The page with the table between its marks. `SystemExit` if it has none."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        sys.exit(f"{PAGE} lacks the marks {BEGIN} and {END}")
    return f"{head}{begin}\n{table}\n{end}{tail}"


def joined(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Runs of several groups as one. `SystemExit` if their seeds differ."""
    if len({document["seed"] for document in documents}) > 1:
        sys.exit("the files are runs of different seeds: run all groups with one")
    return {
        **documents[0],
        "figures": [figure for document in documents for figure in document["figures"]],
        "groups": {
            name: found for document in documents for name, found in document["groups"].items()
        },
    }


def main() -> None:
    """Read the documents and write the page."""
    if len(sys.argv) < 2:
        sys.exit("usage: python tools/dealer_table.py FIGURES.json...")
    found = [json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:]]
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(replaced(page, "\n".join(lines_of(joined(found)))), encoding="utf-8")


if __name__ == "__main__":
    main()
