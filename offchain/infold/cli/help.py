# SPDX-License-Identifier: Apache-2.0
"""How help is laid out: no name of an option or of a variable is cut off at 80 columns."""

from __future__ import annotations

from collections.abc import Sequence

ASKED = frozenset({"-h", "--help"})


def lay_out_help(arguments: Sequence[str]) -> None:
    """Where arguments ask for help, make room for its names: a range goes below its type, not
    beside it, and columns stand one space apart.

    What draws the tables takes long to import, and nothing else needs it.
    """
    if ASKED.isdisjoint(arguments):
        return
    from typer import rich_utils

    rich_utils.RANGE_STRING = "\n[{}]"
    rich_utils.STYLE_OPTIONS_TABLE_PADDING = (0, 1, 0, 0)  # type: ignore[assignment]
