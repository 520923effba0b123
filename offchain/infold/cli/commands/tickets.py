# SPDX-License-Identifier: Apache-2.0
"""Payments that wait in the vault's queue: look at one, pull it (docs/protocol.md section 8)."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.layout import dollars
from infold.cli.onchain import paid
from infold.cli.pages.payments import of_ticket
from infold.cli.terminal import Json, show_command
from infold.errors import Misconfigured
from infold.utc import moment

WAITS = "vault: ticket waits"


def register(app: typer.Typer) -> None:
    """Add this command to the root."""
    app.command()(ticket)


@on_chain
def ticket(
    caller: Caller,
    number: Annotated[int, typer.Argument(min=0, help="As a claim that had to wait printed it.")],
    pull: Annotated[
        bool, typer.Option("--pull", help="Have it paid to its owner; any key may ask.")
    ] = False,
    as_json: Json = False,
) -> None:
    """A payment beyond what the vault lets out in an hour: how much is before it, and when it is
    paid at the latest. `--pull` once its turn has come.
    """
    from infold.shell.chain import Reverted

    contracts = caller.venue()
    vault = contracts["Vault"]
    to, amount_e6, end_e6, due_s = vault.call("tickets", number)
    if not amount_e6:
        raise Misconfigured(
            f"there is no ticket {number}, or it was pulled already; see the number that the claim"
            " printed"
        )
    document: dict[str, Any] = {
        "ticket": number,
        "owner": to,
        "amount_e6": str(amount_e6),
        "waits_for_e6": str(max(0, int(end_e6) - int(vault.call("freed_e6")))),
        "due_s": int(due_s),
        "state": "waiting",
    }
    if pull:
        party = caller.party()
        try:
            logs = party.send("Vault", "pull", number)
        except Reverted as refusal:
            if refusal.reason != WAITS:
                raise
            raise Reverted(
                WAITS,
                refusal.doing,
                f"pull it once its turn has come, after {dollars(document['waits_for_e6'])} more,"
                f" at the latest {moment(int(due_s) * 1000)}",
            ) from None
        document["amount_e6"] = str(paid(logs).paid_e6)
        document |= {"waits_for_e6": "0", "state": "paid"}
    show_command("ticket", document, as_json, f"ticket {number}", of_ticket)
