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
from infold.cli.pages.outcomes import conditions, of_outcome


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
    """The receipt: proof that the venue accepted. Below it what became of the order, where that
    was waited for, and what shows it and cancels it.
    """
    receipt, outcome = found["receipt"], found["outcome"]
    note = ", answered before" if found["duplicate"] else ""
    cancel = f"infold order cancel {found['account']} --slot {found['slot']} --seq {found['seq']}"
    is_over = outcome is not None and not outcome["open"]
    lines = pairs(
        [
            ("order", found["orderHash"]),
            ("status", f"{found['status'] if outcome is None else 'accepted'}{note}"),
            ("slot, seq", f"{found['slot']}, {found['seq']}"),
            ("accepted", f"{clock(receipt['acceptedTime'])}, number {count(receipt['sequence'])}"),
            ("after batch", clock(receipt["batchTime"]) if receipt["batchTime"] else "none yet"),
            ("signature", [receipt["signature"][:66], receipt["signature"][66:]]),
            *([] if is_over else [("to cancel", cancel)]),
            ("to see it", f"infold order show {found['orderHash']}"),
        ]
    )
    return lines if outcome is None else [*lines, "", *of_outcome(outcome)]


def of_cancelled(found: Document) -> list[str]:
    """What the matcher stopped, and when it was asked to."""
    return pairs([("orders", found["cancelled"]), ("at", clock(found["ts"]))])


def of_orders(found: Sequence[Document]) -> list[str]:
    """Open orders; each hash, whole, below, and under which conditions alone it fills."""
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
    hashes = [[str(one["slot"]), one["orderHash"], conditions(one)] for one in found]
    below = ["slot", "order", "only"]
    if not any(map(conditions, found)):
        below, hashes = below[:2], [row[:2] for row in hashes]
    return [*table(headers, rows, left=4), "", *table(below, hashes, left=3)]
