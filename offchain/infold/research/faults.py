# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a data file."""

from __future__ import annotations

from pathlib import Path

from infold.errors import Misconfigured


class TooLittle(ValueError):
    """A record is whole, and too short, too still or too one-sided for what is asked of it."""


class DataFault(Misconfigured):
    """A data file is missing, damaged or of a layout nobody here knows. Exit code 3."""

    def __init__(
        self,
        path: Path,
        problem: str,
        mend: str,
        *,
        row: int | None = None,
        column: str = "",
        time: str = "",
    ) -> None:
        self.path, self.row, self.column, self.time = path, row, column, time
        where = f"{path}"
        if row is not None:
            where += f", row {row}"
        if time:
            where += f" at {time}"
        if column:
            where += f", column {column!r}"
        super().__init__(f"{where}: {problem}; {mend}")
