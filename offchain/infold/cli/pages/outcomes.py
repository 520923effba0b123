# SPDX-License-Identifier: Apache-2.0
"""What people read of what became of an order: its state in words, and what it filled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from infold.cli.layout import clock, count, decimal_dollars, grouped, pairs, table
from infold.cli.pages import Document, Line

ENDINGS: Final = {
    # Its time was over.
    "UNFILLED": "its batch had nothing for it within its limit",
    "BATCH_LATE": "no batch came before its expiry",
    "EXPIRY": "its expiry passed",
    # It was cancelled.
    "OWNER": "a signed cancel",
    "CHAIN": "cancelled on chain",
    "SIGNER": "the key that signed it has lost its rights",
    "WOUND_DOWN": "the venue has ended",
    # The chain, or the matcher before it, passed it over.
    "MARGIN": "the account has too little margin for it",
    "ACCOUNT": "the account has no owner",
    "RANGE": "a field is out of range",
    "GOOD_AFTER": "its goodAfter had not come",
    "TRIGGER": "the oracle price was not through its trigger",
    "LIMIT": "the batch's price was beyond its limit",
    "POST_ONLY": "it would have paid more than the oracle price",
    "FEE": "the market's fee is above what it allows",
    "EPOCH": "all orders of the account were cancelled on chain",
    "SLOT": "a newer order holds its slot",
    "CANCELLED": "cancelled on chain",
    "SIZE": "more than its size would have been filled",
    "FOK": "it could not be filled whole",
    "IOC": "it was filled in an earlier batch",
    "POSITION": "the account's places for positions are taken",
    "REDUCE_ONLY": "it would have opened or turned a position",
    "EXIT": "a forced exit of the position is about to be carried out",
    "MARKET_LIMIT": "the market takes only what shrinks a position",
    "OVERFLOW": "the position would be too large for the contracts",
    "NO_PRICE": "a market that the account holds had no price",
    "DELEVERAGED": "the position has a deleveraging to be folded first",
}
"""Every reason that the venue gives for an order, in words; a batch that lapsed says its own."""


def of_outcome(found: Document) -> list[str]:
    """One order: its state and why, what it filled, and in which batches."""
    filled = f"{grouped(found['filled'])} of {grouped(found['size'])}"
    got: list[Line] = [
        ("average price", grouped(found["averagePrice"])),
        ("fee", decimal_dollars(found["fee"])),
    ]
    lines = pairs(
        [
            ("order", found["orderHash"]),
            ("account", str(found["account"])),
            ("market", f"{found['market']}, {found['side']}, {found['timeInForce']}"),
            ("limit", grouped(found["price"])),
            *([("only", conditions(found))] if conditions(found) else []),
            ("state", state(found)),
            *batches_wait(found.get("batches")),
            ("filled", filled),
            *(got if found["fills"] else []),
            ("slot, seq", f"{found['slot']}, {found['orderSeq']}"),
            ("accepted", clock(found["ts"])),
            ("expiry", clock(found["expiry"])),
        ]
    )
    return [*lines, *(["", *of_fills(found["fills"])] if found["fills"] else [])]


def batches_wait(found: Document | None) -> list[Line]:
    """Why no batch is made at present, if a venue says so, and since when."""
    if not found or not found["postponed"]:
        return []
    last = f"the last was at {clock(found['matched'])}" if found["matched"] else "none made so far"
    since = f"{count(found['postponed'])} postponed in a row, {last}"
    return [("batches wait", [since, found["reason"]])]


def state(found: Document) -> str:
    """An order's state in words, and why it is not another."""
    why = found["reason"]
    said = ENDINGS.get(why, why)
    if (found["timeInForce"], why) == ("FOK", "UNFILLED"):
        said = "its batch could not fill the whole of it within its limit"
    if found["status"] == "matched":
        return "matched: its batch is on its way to the chain"
    if found["open"]:
        kind = "filled in part" if found["filled"] != "0" else "open"
        waits = f"passed over last time: {said}" if said else "waits for a batch that it fits"
        return f"{kind}: {waits}"
    if found["status"] != "filled":
        return f"{found['status']}: {said}" if said else str(found["status"])
    if found["filled"] == found["size"]:
        return "filled"
    if not said and found["timeInForce"] == "IOC":
        said = "its batch had no more, and IOC does not wait"
    return f"filled in part; the rest has ended: {said}" if said else "filled in part"


def conditions(found: Document) -> str:
    """What it fills under alone, beside its limit; empty where that is nothing."""
    kind = str(found["triggerKind"])
    way = kind.removeprefix("atOr").lower()
    said = [
        "post-only" if found["postOnly"] else "",
        "reduce-only" if found["reduceOnly"] else "",
        "" if kind == "none" else f"oracle at {grouped(found['triggerPrice'])} or {way}",
    ]
    return ", ".join(filter(None, said))


def of_fills(found: Sequence[Document]) -> list[str]:
    """Fills; each order's hash and each transaction's, whole, below."""
    headers = ["batch", "market", "side", "size", "price", "fee", "time, UTC"]
    rows = [
        [
            str(one["batch"]),
            one["market"],
            one["side"],
            grouped(one["size"]),
            grouped(one["price"]),
            decimal_dollars(one["fee"]),
            clock(one["ts"])[:19],
        ]
        for one in found
    ]
    hashes = [
        [str(one["batch"]), name, one[key]]
        for one in found
        for name, key in (("order", "orderHash"), ("transaction", "txHash"))
    ]
    return [*table(headers, rows, left=3), "", *table(["batch", "of", "hash"], hashes, left=3)]
