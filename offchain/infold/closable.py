# SPDX-License-Identifier: Apache-2.0
"""What is opened is closed: `with` for everything that has a `close`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Closable(ABC):
    """Closes at the end of a `with` block, whatever happened inside it."""

    @abstractmethod
    def close(self) -> None:
        """Give back what is held. Safe to call twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
