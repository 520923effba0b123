# SPDX-License-Identifier: Apache-2.0
"""Commands about the matcher's bond: claiming for an order that was left out, and answering."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.options import (
    JournalPath,
    journal_in,
)
from infold.cli.terminal import Exit, Json, complain, show_command
from infold.errors import Misconfigured, Unavailable
from infold.omissions import Receipted, SealedBatch, challenge_arguments, worse_fill

if TYPE_CHECKING:
    from infold.shell.chain import Venue

BLOCKS = 100_000
"""Looked back, unless told otherwise."""

Blocks = Annotated[int, typer.Option("--blocks", min=1, help="How many blocks to look back.")]


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.command("challenge")(challenge)
    app.command("defend")(defend)


@on_chain
def challenge(
    caller: Caller,
    receipts: Annotated[
        Path, typer.Argument(help="Receipts, as `infold order place --receipts` keeps them.")
    ],
    blocks: Blocks = BLOCKS,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be claimed; send nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Look through the batches on chain for one that left an order of yours out, and claim for it.

    Asks nothing of the venue: batches are read from the chain. Claim before you cancel or replace
    an order, for either answers the claim. A claim is paid to the account's owner when the bond's
    window is over: by the same command, run again.
    """
    from infold.sdk.receipts import ReceiptFile
    from infold.shell.chain import Reverted, block

    party = caller.party()
    there = party.venue
    bond, now_s = there["Bond"], block(there.rpc).timestamp_s
    batches = sealed_batches(there, blocks)
    claims: list[dict[str, Any]] = []
    for held in ReceiptFile(receipts):
        digest = held.receipt.order_hash
        claim = int(bond.call("claims", digest))
        said: dict[str, Any] = {"order_hash": "0x" + digest.hex()}
        if claim:
            if claim & 2**64 - 1 and now_s > claim >> 96 and not dry_run:
                party.send("Bond", "pay", digest)
                claims.append(said | {"state": "paid"})
            continue
        shown = first_omission(held, batches)
        if shown is None:
            continue
        batch, worse = shown
        said |= {"batch": batch.number}
        if dry_run:
            claims.append(said | {"state": "found"})
            continue
        try:
            party.send("Bond", "challenge", *challenge_arguments(held, batch, worse))
            claims.append(said | {"state": "claimed"})
        except Reverted as refusal:
            why = {"reason": refusal.reason, "next": refusal.mend}
            claims.append(said | {"state": "refused", **why})
    document = {"batches": len(batches), "claims": claims}
    show_command("challenge", document, as_json, "claims on the matcher's bond")
    if any(one["state"] == "refused" for one in claims):
        raise typer.Exit(Exit.REVERTED)


@on_chain
def defend(
    caller: Caller,
    journal: JournalPath,
    blocks: Blocks = BLOCKS,
    as_json: Json = False,
) -> None:
    """Answer every open claim on the bond that the journal has a trader's signature against.

    Says so if the chain does not look like the journal's, or its node is behind, and answers what
    it finds all the same: a claim that is not answered in time is paid.
    Exit 8 if claims stay open: pay them, or schedule `Bond.dismiss` in the timelock for those that
    margin or a full batch explains (docs/runbook.md).
    """
    from infold.node.defence import read_signatures
    from infold.shell.chain import block
    from infold.shell.origin import require_deployment, require_origin

    party = caller.party()
    there = party.venue
    bond, last = there["Bond"], block(there.rpc)
    held = read_signatures(journal_in(journal))
    require_deployment(there, held.origin)
    try:
        doubt = require_origin(there, held.origin)
    except (Misconfigured, Unavailable) as other:
        doubt = f"{other}; claims found here are answered all the same"
    if doubt:
        complain(doubt)
    answered, open_claims = [], []
    for log in there.logs(max(0, last.number - blocks), last.number, "Bond"):
        if log.name != "Claimed":
            continue
        digest = log.arguments["order_hash"]
        claim = int(bond.call("claims", digest))
        if not claim & 2**64 - 1 or last.timestamp_s > claim >> 96:
            continue
        said = "0x" + digest.hex()
        answer = held.answer(digest)
        if answer is None:
            open_claims.append(said)
            continue
        party.send("Bond", answer.function, *answer.arguments)
        answered.append({"order_hash": said, "by": answer.function})
    document = {"answered": answered, "open": open_claims}
    show_command("defend", document, as_json, "claims answered")
    if open_claims:
        raise typer.Exit(Exit.CHECK_FAILED)


def sealed_batches(there: Venue, blocks: int) -> list[SealedBatch]:
    """The batches that landed lately, oldest first, out of the calldata that carried them."""
    from infold.shell.chain import batch_of_settle, block, calldata_of

    last = block(there.rpc).number
    first = max(there.book.first_block, last - blocks)
    settled = [log for log in there.logs(first, last, "Clearing") if log.name == "BatchSettled"]
    found = [batch_of_settle(calldata_of(there.rpc, log.transaction)) for log in settled]
    return [batch for batch in found if batch is not None]


def first_omission(held: Receipted, batches: list[SealedBatch]) -> tuple[SealedBatch, int] | None:
    """The first batch that left an order out, and the fill that shows it."""
    for batch in batches:
        worse = worse_fill(held, batch)
        if worse is not None:
            return batch, worse
    return None
