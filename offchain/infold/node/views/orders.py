# SPDX-License-Identifier: Apache-2.0
"""Orders, from the receipt to the last fill, as clients read them."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Mapping
from typing import Final

from infold.errors import Rejected
from infold.messages import TIME_IN_FORCE_WORDS, TRIGGER_KIND_WORDS, Fill, Order, Receipt
from infold.node.memory import Memory, OrderRow
from infold.node.requests import DuplicateReceipt, Json
from infold.node.views.wording import MarketNames, price_text
from infold.signing import signature_hex
from infold.units import (
    AMOUNT_DECIMALS,
    FRACTION_DECIMALS,
    PRICE_DECIMALS,
    SIZE_DECIMALS,
    format_decimal,
)
from infold.words import NEVER_MS

BPS_ONE: Final = 10_000
BPS_DECIMALS: Final = 4


class OrderViews:
    """The memory's orders and fills."""

    def __init__(self, memory: Memory, names: MarketNames) -> None:
        self._memory = memory
        self._state = memory.state
        self._names = names

    def receipt(self, receipt: Receipt) -> Json:
        """A receipt as clients read it."""
        return {
            "orderHash": "0x" + receipt.order_hash.hex(),
            "status": self._status(self._memory.by_hash[receipt.order_hash]),
            "receipt": {
                "sequence": receipt.sequence,
                "acceptedTime": receipt.accepted_ms,
                "batchTime": receipt.batch_ms,
                "signature": signature_hex(receipt.r, receipt.vs),
            },
            "duplicate": isinstance(receipt, DuplicateReceipt),
        }

    def orders(self, query: Mapping[str, str], after: int, limit: int) -> list[Json]:
        """Orders above a sequence, oldest first; `account`, `market`, `status` (also `open`),
        `since`, `until` narrow.
        """
        wanted = _wanted(query, self._names)
        status = query.get("status")
        rows: list[Json] = []
        for row in self._memory.order_rows[
            bisect.bisect_right(self._memory.order_rows, after, key=lambda row: row.sequence) :
        ]:
            order = row.signed.order
            if not wanted(order.account, order.market, row.accepted_ms):
                continue
            if status == "open":
                if row.signed.order_hash not in self._state.orders:
                    continue
            elif status not in (None, self._status(row)):
                continue
            rows.append(self._order_view(row))
            if len(rows) == limit:
                break
        return rows

    def order(self, digest: bytes) -> Json:
        """One order. Raises `Rejected` NOT_FOUND."""
        row = self._memory.by_hash.get(digest)
        if row is None:
            raise Rejected("NOT_FOUND", "hash", f"no order 0x{digest.hex()}")
        return self._order_view(row)

    def _order_view(self, row: OrderRow) -> Json:
        order: Order = row.signed.order
        mean_e8 = row.value_e16 // row.filled_e8 if row.filled_e8 else 0
        return {
            "seq": row.sequence,
            "orderHash": "0x" + row.signed.order_hash.hex(),
            "account": order.account,
            "market": self._names.of(order.market),
            "side": "buy" if order.buy else "sell",
            "size": format_decimal(order.size_e8, SIZE_DECIMALS),
            "price": format_decimal(order.limit_price_e8, PRICE_DECIMALS),
            "timeInForce": TIME_IN_FORCE_WORDS[order.time_in_force],
            "postOnly": order.post_only,
            "reduceOnly": order.reduce_only,
            "maxFee": format_decimal(order.max_fee_e6, FRACTION_DECIMALS),
            "triggerKind": TRIGGER_KIND_WORDS[order.trigger_kind],
            "triggerPrice": format_decimal(order.trigger_price_e8, PRICE_DECIMALS),
            "goodAfter": order.good_after_ms,
            "expiry": order.expiry_ms,
            "epoch": order.epoch,
            "slot": order.slot,
            "orderSeq": order.seq,
            "status": self._status(row),
            "open": row.signed.order_hash in self._state.orders,
            "reason": row.reason or None,
            "filled": format_decimal(row.filled_e8, SIZE_DECIMALS),
            "averagePrice": price_text(mean_e8),
            "fee": format_decimal(row.fee_e6, AMOUNT_DECIMALS),
            "ts": row.accepted_ms,
        }

    def _status(self, row: OrderRow) -> str:
        digest = row.signed.order_hash
        if digest in self._state.in_flight_e8:
            return "matched"
        if digest in self._state.orders:
            return "partiallyFilled" if row.filled_e8 else "open"
        return "filled" if row.filled_e8 else row.ended

    def fills(self, query: Mapping[str, str], after: int, limit: int) -> list[Json]:
        """Fills above a number, oldest first; `account`, `market`, `since`, `until` narrow."""
        wanted = _wanted(query, self._names)
        rows: list[Json] = []
        for place in range(after, len(self._memory.fill_rows)):
            fill = self._memory.fill_rows[place]
            if not wanted(fill.account, fill.market, fill.time_ms):
                continue
            rows.append(self._fill_view(place + 1, fill))
            if len(rows) == limit:
                break
        return rows

    def _fill_view(self, seq: int, fill: Fill) -> Json:
        batch = self._memory.batch_row(fill.batch)
        away_e8 = fill.price_e8 - fill.oracle_price_e8
        return {
            "seq": seq,
            "orderHash": "0x" + fill.order_hash.hex(),
            "account": fill.account,
            "market": self._names.of(fill.market),
            "side": "buy" if fill.buy else "sell",
            "size": format_decimal(fill.size_e8, SIZE_DECIMALS),
            "price": format_decimal(fill.price_e8, PRICE_DECIMALS),
            "oraclePrice": format_decimal(fill.oracle_price_e8, PRICE_DECIMALS),
            "spreadBps": _bps_text(away_e8 if fill.buy else -away_e8, fill.oracle_price_e8),
            "fee": format_decimal(fill.fee_e6, AMOUNT_DECIMALS),
            "batch": fill.batch,
            "settlement": "confirmed",
            "txHash": "0x" + batch.transaction.hex(),
            "ts": fill.time_ms,
        }


def _wanted(query: Mapping[str, str], names: MarketNames) -> Callable[[int, int, int], bool]:
    """Whether a query wants a row, by the row's account, market and time in ms; `since` and `until`
    are included.
    """
    account = int(query["account"]) if "account" in query else None
    market = query.get("market")
    since_ms, until_ms = int(query.get("since", 0)), int(query.get("until", NEVER_MS))

    def wanted(of_account: int, in_market: int, time_ms: int) -> bool:
        return (
            account in (None, of_account)
            and since_ms <= time_ms <= until_ms
            and market in (None, names.of(in_market))
        )

    return wanted


def _bps_text(away_e8: int, from_e8: int) -> str:
    """A distance between prices in basis points of one of them, rounded down."""
    return format_decimal(away_e8 * BPS_ONE * 10**BPS_DECIMALS // from_e8, BPS_DECIMALS)
