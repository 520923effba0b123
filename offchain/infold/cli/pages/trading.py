# SPDX-License-Identifier: Apache-2.0
"""What people read who trade: markets, and orders from preview to receipt."""

from __future__ import annotations

from collections.abc import Sequence

from infold.cli.layout import (
    clock,
    count,
    exact_percent,
    grouped,
    pairs,
    percent,
    scaled,
    table,
    yes,
)
from infold.cli.pages import Document


def of_markets(found: Sequence[Document]) -> list[str]:
    """Markets with what one needs to trade them."""
    headers = ["market", "status", "oracle price", "tick", "fee", "margin", "open interest", "pool"]
    rows = [
        [
            one["name"],
            one["status"],
            grouped(one["oraclePrice"]),
            one["tick"],
            exact_percent(one["fee"]),
            f"{exact_percent(one['initialMargin'])}/{exact_percent(one['maintenanceMargin'])}",
            grouped(one["openInterest"]),
            grouped(one["poolSize"]),
        ]
        for one in found
    ]
    return table(headers, rows, left=2)


def of_preview(found: Document) -> list[str]:
    """Whether it would be taken, and what would be signed."""
    error, message = found["error"], found["typedData"]["message"]
    why = [] if error is None else [("why", f"{error['code']}: {error['detail']}")]
    return pairs(
        [
            ("accepted", yes(found["accepted"])),
            *why,
            ("order", found["orderHash"]),
            ("market", found["market"]),
            ("side", "buy" if message["buy"] else "sell"),
            ("size", scaled(message["size"], 8)),
            ("limit", scaled(message["limitPrice"], 8)),
            ("fee at most", percent(message["maxFee"] / 1e6, 3)),
            ("expiry", clock(message["expiry"])),
        ]
    )


def of_placed(found: Document) -> list[str]:
    """The receipt: proof that the venue accepted."""
    receipt = found["receipt"]
    note = ", answered before" if found["duplicate"] else ""
    return pairs(
        [
            ("order", found["orderHash"]),
            ("status", f"{found['status']}{note}"),
            ("slot, seq", f"{found['slot']}, {found['seq']}"),
            ("accepted", f"{clock(receipt['acceptedTime'])}, number {count(receipt['sequence'])}"),
            ("after batch", clock(receipt["batchTime"]) if receipt["batchTime"] else "none yet"),
            ("signature", [receipt["signature"][:66], receipt["signature"][66:]]),
        ]
    )


def of_cancelled(found: Document) -> list[str]:
    """What the matcher stopped, and when it was asked to."""
    return pairs([("orders", found["cancelled"]), ("at", clock(found["ts"]))])


def of_orders(found: Sequence[Document]) -> list[str]:
    """Open orders; each hash, whole, below its line."""
    headers = ["slot", "seq", "market", "side", "size", "filled", "limit", "for", "expiry, UTC"]
    rows = [
        [
            str(one["slot"]),
            str(one["orderSeq"]),
            one["market"],
            one["side"],
            grouped(one["size"]),
            grouped(one["filled"]),
            grouped(one["price"]),
            one["timeInForce"],
            clock(one["expiry"])[:19],
        ]
        for one in found
    ]
    hashes = [[str(one["slot"]), one["orderHash"]] for one in found]
    return [*table(headers, rows, left=4), "", *table(["slot", "order"], hashes, left=2)]
