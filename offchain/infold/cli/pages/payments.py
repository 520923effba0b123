# SPDX-License-Identifier: Apache-2.0
"""What people read of money that leaves the vault, now or later."""

from __future__ import annotations

from infold.cli.layout import clock, dollars, pairs, plain
from infold.cli.pages import Document, Line


def of_payment(found: Document) -> list[str]:
    """What was paid, and each ticket for what waits."""
    lines = plain({name: value for name, value in found.items() if name != "tickets"})
    waiting: list[Line] = [
        (
            f"ticket {one['ticket']}",
            f"{dollars(one['amount_e6'])} waits in the vault's queue, until"
            f" {clock(one['due_s'] * 1000)} at the latest; `infold ticket {one['ticket']}` says how"
            " much is before it",
        )
        for one in found["tickets"]
    ]
    return [*lines, "", *pairs(waiting)] if waiting else lines


def of_ticket(found: Document) -> list[str]:
    """A payment that waits, is due, or was paid."""
    again = f"`infold ticket {found['ticket']} --pull`"
    states = {"waiting": "waits", "due": f"due: {again} has it paid", "paid": "paid"}
    rows = [
        ("owner", found["owner"]),
        ("amount", dollars(found["amount_e6"])),
        ("state", states[found["state"]]),
    ]
    if found["state"] == "waiting":
        rows += [
            ("its turn has come after", f"{dollars(found['waits_for_e6'])} more"),
            ("let go now", f"{dollars(found['let_go_e6'])} as soon as anybody pays in or out"),
            (
                "to let it go on",
                "the venue has ended: only payments out do, `infold wind-down claim` say"
                if found["wound_down"]
                else f"{again} now and once an hour, about {times(found['hours'])} more: a whole"
                f" hour lets go {dollars(found['hour_e6'])}, and nothing where nobody asks",
            ),
            ("at the latest", clock(found["due_s"] * 1000)),
        ]
    return pairs(rows)


def times(number: int) -> str:
    """So often, as a word beside its number."""
    return f"{number} time" if number == 1 else f"{number} times"
