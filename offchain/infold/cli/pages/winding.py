# SPDX-License-Identifier: Apache-2.0
"""What people read of a venue's end: how far it is, and when its next step comes."""

from __future__ import annotations

from infold.cli.layout import clock, dollars, pairs, span
from infold.cli.pages import Document, Line


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
