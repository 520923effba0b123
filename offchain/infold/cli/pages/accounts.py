# SPDX-License-Identifier: Apache-2.0
"""What people read of an account: its money, its positions, its refunds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from infold.cli.layout import clock, count, decimal_dollars, dollars, grouped, pairs, percent, table
from infold.cli.pages import Document, Line
from infold.units import (
    AMOUNT_DECIMALS,
    BACKSTOP_ACCOUNT,
    FIRST_TRADER,
    POOL_ACCOUNT,
    WINDOW_MS,
    format_decimal,
)

OF_VENUE: Final = {
    POOL_ACCOUNT: [
        "the pool's positions are its part of each market: `infold market list` shows them;",
        "its account's equity leaves them out",
    ],
    BACKSTOP_ACCOUNT: [
        "the backstop's positions are not shown, its account's equity leaves them out"
    ],
}
"""What stands in place of positions that lie with their markets, not with the account."""
OWED = ("least_e6", "left_e6_max")


def of_account(found: Document) -> list[str]:
    """Money first, positions below."""
    pending = decimal_dollars(found["pendingWithdrawal"])
    if found["withdrawalBarrier"]:
        pending += f", by --claim after {clock(found['withdrawalBarrier'] + WINDOW_MS)}"
    lines = pairs(
        [
            ("owner", found["owner"]),
            ("collateral", decimal_dollars(found["collateral"])),
            ("equity", decimal_dollars(found["equity"])),
            (
                "margin",
                f"{decimal_dollars(found['initialMargin'])} initial,"
                f" {decimal_dollars(found['maintenanceMargin'])} maintenance",
            ),
            ("withdrawing", pending),
            *(_fees(found) if found["account"] >= FIRST_TRADER else ()),
            ("open orders", count(found["openOrders"])),
            ("epoch", count(found["epoch"])),
        ]
    )
    return [*lines, "", *of_holdings(found)]


def _fees(found: Document) -> list[Line]:
    """What a trader pays and gets back."""
    owed, paid = (decimal_dollars(found[name]) for name in ("refundOwed", "refundPaid"))
    return [("fee tier", _fee_tier(found)), ("refund", f"{owed} owed, {paid} paid")]


def _fee_tier(found: Document) -> str:
    until = found["feeTierUntil"]
    return f"pays {percent(found['feeTier'])} of a market's fee" + (
        f" until {clock(until)}" if until else ""
    )


def of_holdings(found: Document) -> list[str]:
    """Open positions, and below them the exits that stand of closed ones."""
    none = OF_VENUE.get(found["account"], ["no open positions"])
    positions = of_positions(found["positions"]) if found["positions"] else none
    there = {one["index"]: one["market"] for one in found["positions"]}
    return [*positions, *(line for one in found["exits"] for line in _closed_exit(one, there))]


def _closed_exit(one: Document, there: Mapping[int, str]) -> list[str]:
    """An exit that its position left behind, and whom that holds up; nothing of any other."""
    if not one["closed"]:
        return []
    market = there.get(one["index"])
    held_up = "its place is free" if market is None else f"no exit from {market} before that"
    return [
        f"{one['market']}: exit of {grouped(one['size'])} still stands, its {one['side']} was"
        " closed since;",
        f"  `infold keeper --once` ends it, with any key; {held_up}",
    ]


def of_positions(found: Sequence[Document]) -> list[str]:
    """Open positions at oracle prices; what is unrealized is not yet collateral. Below, what holds
    one back.
    """
    rows = [
        [
            one["market"],
            "short" if one["size"].startswith("-") else "long",
            grouped(one["size"].removeprefix("-")),
            grouped(one["oraclePrice"]),
            decimal_dollars(one["quote"]),
            decimal_dollars(one["unrealizedPnl"]),
        ]
        for one in found
    ]
    lines = table(["market", "side", "size", "oracle price", "quote", "unrealized"], rows, left=2)
    for one in found:
        if one["behind"]:
            lines.append(f"{one['market']} was deleveraged: `infold keeper --once` folds it")
        if one["exit"]:
            lines.append(
                f"{one['market']}: exit of {grouped(one['exit']['size'])} asked for, first due"
                f" {clock(one['exit']['due'])}"
            )
    return lines


def of_refunds(found: Sequence[Document]) -> list[str]:
    """What accounts get back of their fees."""
    rows = [
        [
            str(one["account"]),
            percent(one["feeTier"]),
            *(decimal_dollars(one[name]) for name in ("refundEarned", "refundPaid", "refundOwed")),
        ]
        for one in found
    ]
    return table(["account", "pays", "earned", "paid", "owed"], rows, left=1)


def of_refund(found: Document) -> list[str]:
    """What one account gets back of its fees."""
    return pairs(
        [
            ("fee tier", _fee_tier(found)),
            ("earned", decimal_dollars(found["refundEarned"])),
            ("paid", decimal_dollars(found["refundPaid"])),
            ("owed", decimal_dollars(found["refundOwed"])),
        ]
    )


def _left(found: Document) -> list[str]:
    """What is still owed after a payment, and what pays it."""
    most_e6 = int(found["left_e6_max"])
    if not most_e6:
        return ["nothing more is owed to anybody"]
    if most_e6 >= int(found["least_e6"]):
        return ["earned meanwhile, and paid by the next run: " + dollars(found["left_e6"])]
    least, most = (format_decimal(int(found[name]), AMOUNT_DECIMALS) for name in OWED)
    return [
        f"nobody is owed {least} or more, the most is {most};",
        f"`infold refunds pay --least {most}` pays that, or wait until more is owed",
    ]


def of_paid(found: Document) -> list[str]:
    """Each refund that was paid, and by whom."""
    rows = [[str(one["account"]), dollars(int(one["amount_e6"]))] for one in found["paid"]]
    return [
        *pairs([("payer", found["payer"])]),
        "",
        *([*table(["account", "paid"], rows, left=1), ""] if rows else []),
        *_left(found),
    ]
