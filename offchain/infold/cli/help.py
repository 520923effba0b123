# SPDX-License-Identifier: Apache-2.0
"""How help is laid out: no name of an option or of a variable is cut off at 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

ASKED = frozenset({"-h", "--help"})


def lay_out_help(arguments: Sequence[str]) -> None:
    """If arguments ask for help: leave its text the room that typer gives to ranges beside their
    type and to columns that are empty here.

    What draws the tables takes long to import, and nothing else needs it.
    """
    if ASKED.isdisjoint(arguments):
        return
    from typer import rich_utils

    rich_utils.RANGE_STRING = "\n[{}]"
    rich_utils.STYLE_OPTIONS_TABLE_PADDING = (0, 1, 0, 0)  # type: ignore[assignment]
