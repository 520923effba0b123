# SPDX-License-Identifier: Apache-2.0
"""What people read of a change or a halt: where it stands then, and what is left to do."""

from __future__ import annotations

from infold.cli.layout import clock, pairs
from infold.cli.pages import Document
from infold.utc import moment

SERVES = "made; it counts for {} from 3 s after that"
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
MOVES = ("spend", "pass_on")
"""What leaves no setting behind by which a second one could be told from the first."""


def of_change(found: Document) -> list[str]:
    """Where a change stands, and what is left to do."""
    ready = moment(found["ready_s"] * 1000)
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
            *([] if found["sealed"] else [("venue", not_sealed(found))]),
            ("operation", found["operation"]),
        ]
    )


def not_sealed(found: Document) -> str:
    """How long a change takes where the deployer still stands in for the timelock."""
    if found["at_once"]:
        return "not sealed: acts at once, no delay"
    if found["contract"] == "Governance":
        return "not sealed: its deployer's key makes this at once, no delay"
    return f"not sealed, but {found['contract']} obeys the timelock alone: this waits all the same"


def made(found: Document) -> str:
    """From when a change that was made counts."""
    if found["made_earlier"]:
        who = "the deployer makes" if found["at_once"] else "a proposer schedules"
        return f"made earlier; {who} it once more with --again"
    if found["change"] in FOLLOWED_BY:
        return FOLLOWED_BY[found["change"]]
    if found["change"] in SERVES_WHAT:
        return SERVES.format(SERVES_WHAT[found["change"]])
    if found["change"] in MOVES and found["at_once"]:
        return "made; the same command makes it once more"
    return "made, and in force" if found["change"].startswith("set_") else "made"


def of_halt(found: Document) -> list[str]:
    """Between which batch times markets only shrink."""
    return pairs(
        [("markets shrink only", f"{clock(found['from_ms'])} to {clock(found['until_ms'])}")]
    )
