# SPDX-License-Identifier: Apache-2.0
"""Batches as clients read them."""

from __future__ import annotations

import bisect

from infold.errors import Rejected
from infold.node.memory import BatchRow, Memory
from infold.node.requests import Json
from infold.node.views.wording import MarketNames, price_text
from infold.units import AMOUNT_DECIMALS, PRICE_DECIMALS, SIZE_DECIMALS, format_decimal


class BatchViews:
    """The memory's batches."""

    def __init__(self, memory: Memory, names: MarketNames) -> None:
        self._memory = memory
        self._names = names

    def batches(self, after: int, limit: int) -> list[Json]:
        """Batches above a number, oldest first."""
        first = bisect.bisect_right(self._memory.batch_numbers, after)
        return [_row_view(row) for row in self._memory.batch_rows[first : first + limit]]

    def batch(self, number: int) -> Json:
        """One batch with its prices and records. Raises `Rejected` NOT_FOUND."""
        numbers = self._memory.batch_numbers
        if not numbers or numbers[bisect.bisect_right(numbers, number) - 1] != number:
            raise Rejected("NOT_FOUND", "number", f"no batch {number}")
        row = self._memory.batch_row(number)
        closed = row.closed
        return _row_view(row) | {
            "root": "0x" + closed.root.hex(),
            "acceptedRoot": "0x" + closed.accepted_root.hex(),
            "prices": [
                {
                    "market": self._names.of(one.market),
                    "price": format_decimal(one.price_e8, PRICE_DECIMALS),
                    "oraclePrice": price_text(closed.prices_e8.get(one.market, 0)),
                }
                for one in closed.clearing
            ],
            "records": [
                {
                    "orderHash": "0x" + one.order_hash.hex(),
                    "fill": format_decimal(one.fill_e8, SIZE_DECIMALS),
                }
                for one in closed.records
            ],
        }


def _row_view(row: BatchRow) -> Json:
    return {
        "number": row.closed.number,
        "ts": row.closed.time_ms,
        "status": row.status,
        "orders": len(row.closed.records),
        "fills": row.fills,
        "skips": row.skips,
        "notional": format_decimal(row.notional_e6, AMOUNT_DECIMALS),
        "block": row.block or None,
        "txHash": "0x" + row.transaction.hex() if row.transaction else None,
        "reason": row.reason or None,
    }
