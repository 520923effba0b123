# SPDX-License-Identifier: Apache-2.0
"""Signals for a desk's tests that say what they are told to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from infold.dealer.desk import Signal, Tiers


class Told:
    """The same signal always, or one a market; an exception is raised."""

    def __init__(self, found: Signal | Mapping[int, Signal] | Exception) -> None:
        self.found = found
        self.faults: dict[tuple[int, str], int] = {}

    def priced(self, _time_ms: int, _prices_e8: Any, /) -> None: ...
    def traded(self, _time_ms: int, _fills: Any, /) -> None: ...
    def hedged(self, _market: int, _time_ms: int, _impact_bp: float, /) -> None: ...

    def tiers(self, _time_ms: int, /) -> Tiers:
        raise AssertionError("a desk fixes no tiers")

    def marked_e8(self, _market: int, _time_ms: int, /) -> int:
        raise AssertionError("a desk routes nothing")

    def signal(self, market: int, *_asked: Any) -> Signal:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found[market] if isinstance(self.found, Mapping) else self.found

    def refuse(self, market: int, name: str, /) -> None:
        self.faults[market, name] = self.faults.get((market, name), 0) + 1
