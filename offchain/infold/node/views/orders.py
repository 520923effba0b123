# SPDX-License-Identifier: Apache-2.0
"""Orders, from the receipt to the last fill, as clients read them."""

from __future__ import annotations

import bisect
from collections.abc import Mapping

from infold.errors import Rejected
from infold.messages import TIME_IN_FORCE_WORDS, TRIGGER_KIND_WORDS, Fill, Order, Receipt
from infold.node.memory import Memory, OrderRow
from infold.node.requests import DuplicateReceipt, Json
from infold.node.views.wording import MarketNames, price_text, signed_text
from infold.signing import signature_hex
from infold.units import format_decimal


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
        account = int(query["account"]) if "account" in query else None
        since, until = int(query.get("since", 0)), int(query.get("until", 1 << 48))
        wanted = query.get("status")
        rows: list[Json] = []
        for row in self._memory.order_rows[
            bisect.bisect_right(self._memory.order_rows, after, key=lambda row: row.sequence) :
        ]:
            order = row.signed.order
            if account not in (None, order.account) or not since <= row.accepted_ms <= until:
                continue
            if query.get("market") not in (None, self._names.of(order.market)):
                continue
            if wanted == "open":
                if row.signed.order_hash not in self._state.orders:
                    continue
            elif wanted is not None and wanted != self._status(row):
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
            "size": format_decimal(order.size_e8, 8),
            "price": format_decimal(order.limit_price_e8, 8),
            "timeInForce": TIME_IN_FORCE_WORDS[order.time_in_force],
            "postOnly": order.post_only,
            "reduceOnly": order.reduce_only,
            "maxFee": format_decimal(order.max_fee_e6, 6),
            "triggerKind": TRIGGER_KIND_WORDS[order.trigger_kind],
            "triggerPrice": format_decimal(order.trigger_price_e8, 8),
            "goodAfter": order.good_after_ms,
            "expiry": order.expiry_ms,
            "epoch": order.epoch,
            "slot": order.slot,
            "orderSeq": order.seq,
            "status": self._status(row),
            "open": row.signed.order_hash in self._state.orders,
            "reason": row.reason or None,
            "filled": format_decimal(row.filled_e8, 8),
            "averagePrice": price_text(mean_e8),
            "fee": format_decimal(row.fee_e6, 6),
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
        account = int(query["account"]) if "account" in query else None
        since, until = int(query.get("since", 0)), int(query.get("until", 1 << 48))
        rows: list[Json] = []
        for place in range(after, len(self._memory.fill_rows)):
            fill = self._memory.fill_rows[place]
            if account not in (None, fill.account) or not since <= fill.time_ms <= until:
                continue
            if query.get("market") not in (None, self._names.of(fill.market)):
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
            "size": format_decimal(fill.size_e8, 8),
            "price": format_decimal(fill.price_e8, 8),
            "oraclePrice": format_decimal(fill.oracle_price_e8, 8),
            "spreadBps": signed_text(
                (away_e8 if fill.buy else -away_e8) * 10**8 // fill.oracle_price_e8, 4
            ),
            "fee": format_decimal(fill.fee_e6, 6),
            "batch": fill.batch,
            "settlement": "confirmed",
            "txHash": "0x" + batch.transaction.hex(),
            "ts": fill.time_ms,
        }
