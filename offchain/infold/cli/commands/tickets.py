# SPDX-License-Identifier: Apache-2.0
"""Payments that wait in the vault's queue: look at one, pull it, let the queue go on
(docs/protocol.md section 8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.findings.outflow import turn_of
from infold.cli.layout import dollars
from infold.cli.onchain import paid
from infold.cli.pages.payments import of_ticket, times
from infold.cli.terminal import Json, show_command
from infold.errors import Misconfigured
from infold.units import INSURANCE_ACCOUNT
from infold.utc import moment

if TYPE_CHECKING:
    from infold.cli.onchain import Party

WAITS: Final = "vault: ticket waits"
ENDED: Final = "clearing: wound down"


def register(app: typer.Typer) -> None:
    """Add this command to the root."""
    app.command()(ticket)


@on_chain
def ticket(
    caller: Caller,
    number: Annotated[int, typer.Argument(min=0, help="As a claim that had to wait printed it.")],
    pull: Annotated[
        bool,
        typer.Option(
            "--pull",
            help="Have it paid to its owner, or else let the queue go on; any key may ask.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """A payment beyond what the vault lets out in an hour: how much is before it, and when it is
    paid at the latest.

    The queue does not go on by itself: every payment in or out lets it, for the hour before it at
    most. So does `--pull`, with a deposit of nothing where the ticket's turn has not come (it costs
    gas alone), and leaves with 7: run it once an hour until it has paid.
    """
    from infold.shell.chain import Reverted

    there = caller.venue()
    to, amount_e6, end_e6, due_s = there["Vault"].call("tickets", number)
    if not amount_e6:
        raise Misconfigured(
            f"there is no ticket {number}, or it was pulled already; see the number that the claim"
            " printed"
        )
    turn = turn_of(there, int(end_e6), int(due_s))
    document: dict[str, Any] = {
        "ticket": number,
        "owner": to,
        "amount_e6": str(amount_e6),
        "waits_for_e6": str(turn.waits_for_e6),
        "let_go_e6": str(turn.let_go_e6),
        "hour_e6": str(turn.hour_e6),
        "hours": turn.hours,
        "wound_down": turn.has_ended,
        "due_s": int(due_s),
        "state": "due" if turn.is_due else "waiting",
    }
    if pull:
        party = caller.party()
        try:
            logs = party.send("Vault", "pull", number)
        except Reverted as refusal:
            if refusal.reason != WAITS:
                raise
            mend = _let_go_on(party, int(end_e6), int(due_s))
            raise Reverted(WAITS, refusal.doing, mend) from None
        document["amount_e6"] = str(paid(logs).paid_e6)
        document |= {"waits_for_e6": "0", "let_go_e6": "0", "hours": 0, "state": "paid"}
    show_command("ticket", document, as_json, f"ticket {number}", of_ticket)


def _let_go_on(party: Party, end_e6: int, due_s: int) -> str:
    """Let the queue go on before a ticket whose turn has not come; what came of it, and what to do
    next. A refused pull takes its own progress back, a deposit of nothing stands.
    """
    from infold.shell.chain import Reverted

    latest = f"at the latest {moment(due_s * 1000)}"
    before = turn_of(party.venue, end_e6, due_s)
    try:
        party.send("Clearing", "deposit", INSURANCE_ACCOUNT, 0)
    except Reverted as refusal:
        if refusal.reason != ENDED:
            raise
        return (
            "the venue has ended, and only payments let the queue go on: pull it after some,"
            f" {latest}"
        )
    after = turn_of(party.venue, end_e6, due_s)
    return (
        f"the queue went on by {dollars(before.waits_for_e6 - after.waits_for_e6)}, and its turn"
        f" comes after {dollars(after.waits_for_e6)} more: run this again once"
        f" an hour, about {times(after.hours)}, {latest}"
    )
