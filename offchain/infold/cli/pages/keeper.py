# SPDX-License-Identifier: Apache-2.0
"""What people read of a keeper's look: what it saw, what it did for whom, what it could not do."""

from __future__ import annotations

from infold.cli.layout import clock, count, dollars, pairs, scaled, table, yes
from infold.cli.pages import Document, Line


def of_look(found: Document) -> list[str]:
    """How the venue stands, then a table for each kind of deed, then what is left undone."""
    lines = pairs(
        [
            ("block", f"{count(found['block'])}, {clock(found['block_ms'])}"),
            ("prices", _prices(found)),
            ("holders", count(found["holders"])),
            ("below margin", count(found["broken"])),
            ("ok", yes(found["ok"])),
        ]
    )
    deeds = (_liquidated, _folded, _let_out, _ended, _collected)
    for part in (deed(found) for deed in deeds):
        lines += ["", *part] if part else []
    left = [*_waiting(found), *_fees_left(found), *_refused(found)]
    return [*lines, "", *pairs(left)] if left else lines


def _prices(found: Document) -> str:
    if not found["vector_ms"]:
        return "none: no batch has landed yet"
    old = "" if found["fresh"] else ", too old to liquidate by"
    return f"of {clock(found['vector_ms'])}{old}"


def _liquidated(found: Document) -> list[str]:
    rows = [
        [
            str(one["account"]),
            one["market"],
            "other side" if one["deleveraged"] else "pool",
            scaled(one["size_e8"], 8),
            dollars(one["earned_e6"]),
            dollars(one["debt_e6"]),
        ]
        for one in found["liquidations"]
    ]
    heads = ["liquidated", "market", "taken by", "size", "keeper earned", "debt left"]
    return table(heads, rows, left=3) if rows else []


def _folded(found: Document) -> list[str]:
    rows = [[str(one["account"]), one["market"]] for one in found["folds"]]
    return table(["folded", "market"], rows, left=2) if rows else []


def _let_out(found: Document) -> list[str]:
    """A line for each side that took something over; the first has what was asked and done."""
    rows = []
    for one in found["exits"]:
        whole = [scaled(one[name], 8) for name in ("size_asked_e8", "size_done_e8")]
        head = [str(one["account"]), one["market"], one["side"], *whole]
        for part in one["taken"]:
            paid = f"{dollars(part['paid_e6'])} to the {part['by']}"
            rows.append([*head, scaled(part["price_e8"], 8), paid])
            head = [""] * len(head)
        if not one["taken"]:
            rows.append([*head, "-", "nobody: the pool is full"])
    heads = ["let out", "market", "side", "asked", "done", "price", "paid"]
    return table(heads, rows, left=3) if rows else []


def _ended(found: Document) -> list[str]:
    rows = [
        [
            str(one["account"]),
            one["market"],
            one["side"],
            scaled(one["size_asked_e8"], 8),
            one["reason"],
        ]
        for one in found["exits_ended"]
    ]
    return table(["request ended", "market", "side", "asked", "why"], rows, left=3) if rows else []


def _collected(found: Document) -> list[str]:
    rows = [
        [one["market"], *(dollars(one[f"{name}_e6"]) for name in ("fees", "insurance", "treasury"))]
        for one in found["fees_collected"]
    ]
    heads = ["fees collected", "amount", "to insurance", "to treasury"]
    return table(heads, rows, left=1) if rows else []


def _waiting(found: Document) -> list[Line]:
    return [
        (
            "exit overdue" if one["overdue"] else "exit waits",
            [
                f"account {one['account']}, {scaled(one['size_asked_e8'], 8)} of its"
                f" {one['market']} {one['side']}",
                f"asked {clock(one['asked_ms'])}",
                f"due {'since ' if one['overdue'] else ''}{clock(one['due_ms'])}",
                one["reason"],
            ],
        )
        for one in found["exits_waiting"]
    ]


def _fees_left(found: Document) -> list[Line]:
    return [("fees left", [one["market"], one["reason"]]) for one in found["fees_left"]]


def _refused(found: Document) -> list[Line]:
    return [
        *(
            (
                "refused",
                [f"account {one['account']}, {one['market']}: {one['reason']}", one["next"]],
            )
            for one in found["refused"]
        ),
        *(
            ("not judged", f"account {one['account']}: {one['reason']}")
            for one in found["unjudged"]
        ),
    ]
