# SPDX-License-Identifier: Apache-2.0
"""`infold wind-down`: the end of a venue that nobody runs, step by step (docs/protocol.md §7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.onchain import named
from infold.cli.options import (
    API_URL,
    RPC_URL,
    Account,
    ApiUrl,
    Book,
    RpcUrl,
    venue,
)
from infold.cli.terminal import Json, Quiet, progress, show_command
from infold.units import (
    AMOUNT_DECIMALS,
    BACKSTOP_ACCOUNT,
    DAY_MS,
    FIRST_TRADER,
    POOL_ACCOUNT,
    format_decimal,
)

if TYPE_CHECKING:
    from infold.shell.chain import Venue

SILENCE_MS = REGISTRATION_MS = 7 * DAY_MS
NAME = "infold wind-down"

commands = typer.Typer(no_args_is_help=True, help="End a venue that nobody runs any more.")


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(commands, name="wind-down")


@commands.command()
def status(
    rpc_url: RpcUrl = RPC_URL, api_url: ApiUrl = API_URL, book: Book = None, as_json: Json = False
) -> None:
    """Say how far the wind-down is: running, registering debts, or paying."""
    from infold.shell.chain import block

    there = venue(rpc_url, api_url, book)
    now_ms = block(there.rpc).timestamp_s * 1000
    show_command(NAME, standing(there, now_ms), as_json, NAME)


@commands.command()
@on_chain
def start(
    caller: Caller,
    as_json: Json = False,
) -> None:
    """Stop the venue for good, a week after its last batch. Any key that pays gas may."""
    desk = caller.desk()
    until_ms = int(named(desk.send("Recovery", "wind_down"), "WoundDown")["until_ms"])
    show_command(NAME, {"registerUntilMs": until_ms}, as_json, NAME)


@commands.command("register")
@on_chain
def register_debts(
    caller: Caller,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Look at every account and tell what it owes: an untold debt is paid by who claims last."""
    desk = caller.desk()
    there = desk.venue
    found: list[dict[str, Any]] = []
    with progress(quiet) as steps:
        for account in everybody(there):
            if int(there["Recovery"].call("final_equity", account)) >= 0:
                continue
            told = named(desk.send("Recovery", "register", account), "DebtRegistered")
            debt = format_decimal(int(told["debt_e6"]), AMOUNT_DECIMALS)
            steps.say(f"account {account} owes {debt}")
            found.append({"account": account, "debt": debt})
    show_command(NAME, {"registered": found}, as_json, NAME)


@commands.command()
@on_chain
def claim(
    caller: Caller,
    account: Account,
    as_json: Json = False,
) -> None:
    """Pay an account's owner its part, a week after the stop; of account 0, set it aside for shares
    (`leave`). Any key that pays gas may.
    """
    desk = caller.desk()
    paid = named(desk.send("Recovery", "claim", account), "ClaimPaid")
    amounts = {
        name: format_decimal(int(paid[f"{name}_e6"]), AMOUNT_DECIMALS)
        for name in ("equity", "paid")
    }
    show_command(NAME, {"account": account, **amounts}, as_json, NAME)


@commands.command()
@on_chain
def leave(
    caller: Caller,
    as_json: Json = False,
) -> None:
    """Give all of the key's pool shares back for their part of what the pool was left with."""
    desk = caller.desk()
    there = desk.venue
    shares = int(there["Pool"].call("balanceOf", desk.holder))
    told = named(desk.send("Pool", "leave", shares, desk.holder, desk.holder), "Withdraw")
    paid = format_decimal(int(told["assets"]), AMOUNT_DECIMALS)
    show_command(NAME, {"shares": str(shares), "paid": paid}, as_json, NAME)


def everybody(there: Venue) -> list[int]:
    """Accounts that may owe: the pool, the backstop and every trader."""
    count = int(there["Clearing"].call("account_count"))
    return [POOL_ACCOUNT, BACKSTOP_ACCOUNT, *range(FIRST_TRADER, count)]


def standing(there: Venue, now_ms: int) -> dict[str, Any]:
    """Where the wind-down of a venue is, at a time."""
    from infold.words import unpack_head

    recovery, head = there["Recovery"], unpack_head(int(there["Clearing"].call("head")))
    wound_ms = int(recovery.call("wound_ms"))
    if not wound_ms:
        from_ms = (head.time_ms or head.epoch_end_ms) + SILENCE_MS
        return {"state": "silent" if now_ms > from_ms else "running", "startAfterMs": from_ms}
    until_ms = wound_ms + REGISTRATION_MS
    amounts = {
        shown: format_decimal(int(recovery.call(name)), AMOUNT_DECIMALS)
        for shown, name in (
            ("deficit", "deficit_e6"),
            ("payable", "payable_e6"),
            ("claims", "claims_e6"),
            ("unpaid", "unpaid_e6"),
        )
    }
    state = "registering" if now_ms <= until_ms else "paying"
    return {"state": state, "registerUntilMs": until_ms, **amounts}
