# SPDX-License-Identifier: Apache-2.0
"""`infold status`: how a venue stands, by its contracts alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from infold.cli.commands.bond import stake
from infold.cli.commands.winding import standing as wind_down
from infold.cli.findings.caps import day_bound
from infold.cli.options import API_URL, RPC_URL, ApiUrl, Book, RpcUrl, client, venue
from infold.cli.pages.venues import of_status
from infold.cli.terminal import Json, show_command
from infold.errors import Rejected, Unavailable
from infold.units import FIRST_TRADER

if TYPE_CHECKING:
    from infold.shell.chain import Venue

INSURANCE_ACCOUNT = 2
"""docs/protocol.md section 1."""


def register(app: typer.Typer) -> None:
    """Add this command to the root."""
    app.command()(status)


def status(
    rpc_url: RpcUrl = RPC_URL, api_url: ApiUrl = API_URL, book: Book = None, as_json: Json = False
) -> None:
    """How a venue stands, by its contracts: batches, a halt or its end, what the vault holds, the
    pool's capital and what a day may take of it, insurance, the matcher's bond. Where its node
    answers, also why the next batch waits.
    """
    there = venue(rpc_url, api_url, book)
    document = standing(there) | {"batches": batches_now(api_url, there)}
    show_command("status", document, as_json, "the venue", of_status)


def batches_now(api_url: str, there: Venue) -> dict[str, Any] | None:
    """How batches go by the venue's node; None if no node of this venue answers: contracts are
    told without one.
    """
    try:
        with client(api_url) as api:
            is_its_own = api.domain().verifying_contract == there.book.address("Clearing")
            return api.batches_now() if is_its_own else None
    except (Unavailable, Rejected):
        return None


def standing(there: Venue) -> dict[str, Any]:
    """A venue as its contracts stand at the last block."""
    from infold.shell.chain import block
    from infold.words import unpack_account, unpack_head, unpack_limits

    clearing, vault, last = there["Clearing"], there["Vault"], block(there.rpc)
    now_ms = last.timestamp_s * 1_000
    end = wind_down(there, now_ms)
    head = unpack_head(int(clearing.call("head")))
    limits = unpack_limits(int(clearing.call("limits")))
    running = "register_until_ms" not in end
    halted = running and now_ms <= limits.halted_until_ms
    insurance = unpack_account(int(clearing.call("accounts", INSURANCE_ACCOUNT)))
    return {
        "block": last.number,
        "block_ms": now_ms,
        "state": end["state"],
        "wind_down": None if running else {k: v for k, v in end.items() if k != "state"},
        "halt": {"from_ms": limits.halted_from_ms, "until_ms": limits.halted_until_ms}
        if halted
        else None,
        "batch": head.number,
        "batch_ms": head.time_ms if running and head.number else None,
        "traders": int(clearing.call("account_count")) - FIRST_TRADER,
        "vault": {
            "accounted_e6": str(vault.call("accounted_e6")),
            "waiting_e6": str(vault.call("waiting_e6")),
        },
        "capital_e6": str(limits.capital_e6),
        "day_bound": day_bound(there).document(),
        "insurance_e6": str(insurance.collateral_e6),
        "bond": stake(there),
    }
