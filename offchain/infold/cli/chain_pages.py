# SPDX-License-Identifier: Apache-2.0
"""What people read of commands that act on chain: where a thing stands then, and what is left to
do.
"""

from __future__ import annotations

from infold.cli.layout import clock, dollars, pairs, plain, span, table
from infold.cli.pages import Document, Line

SERVES = "made; it serves {} from 3 s after that"
SERVES_WHAT = {
    "set_market": "price vectors",
    "set_oracle_signer": "price vectors",
    "set_oracle_threshold": "price vectors",
    "set_price_source": "price vectors",
    "set_matcher": "batches",
    "set_attester": "batches",
    "set_attester_threshold": "batches",
}
"""Of what has an old value and a new one; whatever else is set counts at once (C14)."""
FOLLOWED_BY = {
    "propose_parts": (
        "announced; `infold govern replace_parts` makes it true from 14 days after that"
    ),
    "announce_withdrawal": (
        "announced; `infold bond withdraw` pays it a claim's window and a day after that"
    ),
    "withdraw_backstop": (
        "asked for; `infold withdraw 1 --claim` pays it to Governance from 18 s after that"
    ),
}
"""Of what only begins something."""


# -- running a venue ---------------------------------------------------------------


def of_deployed(found: Document) -> list[str]:
    """What stands where, and the book that says so."""
    rest = {name: value for name, value in found.items() if name not in ("contracts", "ok")}
    return [*table(["contract", "address"], found["contracts"].items(), left=2), "", *plain(rest)]


def of_look(found: Document) -> list[str]:
    """What a keeper saw and did."""
    if found["vector_ms"]:
        return plain(found)
    rest = {name: value for name, value in found.items() if name != "vector_ms"}
    return plain({"vector": "none: no batch has landed yet"} | rest)


# -- governing ---------------------------------------------------------------------


def of_change(found: Document) -> list[str]:
    """Where a change stands, and what is left to do."""
    ready = found["ready_s"] and clock(found["ready_s"] * 1000)
    states = {
        "made": made(found),
        "cancelled": "cancelled",
        "waiting": f"waits; anyone may --execute it from {ready}",
        "due": "due; anyone may --execute it",
    }
    return pairs(
        [
            ("change", found["change"]),
            ("state", states[found["state"]]),
            ("operation", found["operation"]),
        ]
    )


def made(found: Document) -> str:
    """From when a change that was made counts."""
    if found["made_earlier"]:
        return "made earlier; a proposer schedules it once more with --again"
    if found["change"] in FOLLOWED_BY:
        return FOLLOWED_BY[found["change"]]
    if found["change"] in SERVES_WHAT:
        return SERVES.format(SERVES_WHAT[found["change"]])
    return "made, and in force" if found["change"].startswith("set_") else "made"


def of_halt(found: Document) -> list[str]:
    """Between which batch times markets only shrink."""
    return pairs(
        [("markets shrink only", f"{clock(found['from_ms'])} to {clock(found['until_ms'])}")]
    )


# -- the end -----------------------------------------------------------------------


def of_winding(found: Document) -> list[str]:
    """How far the end is, when the next step comes, and what there is to pay."""
    now_ms = found["now_ms"]

    def at(time_ms: int) -> str:
        left_ms = time_ms - now_ms
        return clock(time_ms) + (f", in {span(left_ms)}" if left_ms > 0 else "")

    if found["state"] in ("running", "silent"):
        states = {
            "running": "running",
            "silent": "silent for a week: `infold wind-down start` stops it for good",
        }
        return pairs(
            [
                ("state", states[found["state"]]),
                ("may be stopped after", at(found["start_after_ms"])),
            ]
        )
    states = {
        "registering": "stopped; `infold wind-down register` tells debts",
        "paying": "paying: `infold wind-down claim ACCOUNT`",
    }
    fixed = int(found["claims_e6"]) > 0
    amounts: list[Line] = [
        (name, dollars(found[key]) if fixed else "fixed by the first claim")
        for name, key in (
            ("to be paid in all", "payable_e6"),
            ("for claims of", "claims_e6"),
            ("not yet paid", "unpaid_e6"),
        )
    ]
    return pairs(
        [
            ("state", states[found["state"]]),
            ("debts are told until", at(found["register_until_ms"])),
            ("debts told", dollars(found["deficit_e6"])),
            *amounts,
        ]
    )


# -- payments ----------------------------------------------------------------------


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
    """A payment that waits, or waited."""
    states = {"waiting": "waits", "paid": "paid"}
    rows = [
        ("owner", found["owner"]),
        ("amount", dollars(found["amount_e6"])),
        ("state", states[found["state"]]),
    ]
    if found["state"] == "waiting":
        rows += [
            ("its turn has come after", f"{dollars(found['waits_for_e6'])} more"),
            ("at the latest", clock(found["due_s"] * 1000)),
        ]
    return pairs(rows)
