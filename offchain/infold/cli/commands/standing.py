# SPDX-License-Identifier: Apache-2.0
"""`infold status`: how a venue stands, by its contracts alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from infold.cli.caps import day_bound
from infold.cli.commands.bond import stake
from infold.cli.commands.winding import standing as wind_down
from infold.cli.layout import clock, count, dollars, pairs, percent
from infold.cli.options import API_URL, RPC_URL, ApiUrl, Book, RpcUrl, venue
from infold.cli.terminal import Json, show_command
from infold.units import FIRST_TRADER

if TYPE_CHECKING:
    from infold.shell.chain import Venue

INSURANCE_ACCOUNT = 2
"""docs/protocol.md section 1."""

STATES = {
    "running": "settles batches",
    "silent": "no batch for a week: anyone may end it, `infold wind-down start`",
    "registering": "wound down: no order is taken any more, debts are told (`infold wind-down`)",
    "paying": "wound down: no order is taken any more, everyone claims (`infold wind-down`)",
}


def register(app: typer.Typer) -> None:
    """Add this command to the root."""
    app.command()(status)


def status(
    rpc_url: RpcUrl = RPC_URL, api_url: ApiUrl = API_URL, book: Book = None, as_json: Json = False
) -> None:
    """How a venue stands, by its contracts: batches, a halt or its end, what the vault holds, the
    pool's capital and what a day may take of it, insurance, the matcher's bond.
    """
    document = standing(venue(rpc_url, api_url, book))
    show_command("status", document, as_json, "the venue", _page)


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


def _page(found: Mapping[str, Any]) -> list[str]:
    bond, bound, halt = found["bond"], found["day_bound"], found["halt"]
    taken = bond["withdrawal"]
    batch = "none yet" if not found["batch"] else count(found["batch"])
    if found["batch_ms"]:
        batch += f", of {clock(found['batch_ms'])}"
    end = found["wind_down"]
    state = [STATES[found["state"]]]
    if end is not None:
        state.append(f"debts are told until {clock(end['register_until_ms'])}")
    if halt is not None:
        state.append(f"only shrinks from {clock(halt['from_ms'])} to {clock(halt['until_ms'])}")
    share = "no capital" if bound["share"] is None else f"at most {percent(bound['share'], 3)}"
    suits = [f"{share}, limit {percent(bound['limit_share'])}"]
    suits.append(f"the caps suit {dollars(bound['capital_e6_min'])} and more")
    if bound["unpriced"]:
        suits.append(f"markets without a price, not counted: {len(bound['unpriced'])}")
    return pairs(
        [
            ("state", state),
            ("block", f"{count(found['block'])}, {clock(found['block_ms'])}"),
            ("last batch", batch),
            (
                "vault",
                f"{dollars(found['vault']['accounted_e6'])}, of it"
                f" {dollars(found['vault']['waiting_e6'])} in its queue",
            ),
            ("pool's capital", dollars(found["capital_e6"])),
            ("a day takes", suits),
            ("insurance", dollars(found["insurance_e6"])),
            (
                "matcher's bond",
                f"{dollars(bond['bond_e6'])}, of it {dollars(bond['reserved_e6'])} reserved;"
                f" {dollars(bond['reward_e6'])} an order left out"
                + (f"; {dollars(taken['amount_e6'])} on its way out" if taken else ""),
            ),
        ]
    )
