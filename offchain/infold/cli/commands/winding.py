# SPDX-License-Identifier: Apache-2.0
"""`infold wind-down`: the end of a venue that nobody runs, step by step (docs/protocol.md §7.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.moments import REGISTRATION_MS, silent_after_ms
from infold.cli.onchain import named, paid
from infold.cli.options import (
    API_URL,
    RPC_URL,
    Account,
    ApiUrl,
    Book,
    RpcUrl,
    venue,
)
from infold.cli.pages.payments import of_payment
from infold.cli.pages.winding import of_winding
from infold.cli.terminal import Json, Quiet, progress, show_command
from infold.errors import Misconfigured
from infold.units import (
    AMOUNT_DECIMALS,
    BACKSTOP_ACCOUNT,
    FIRST_TRADER,
    POOL_ACCOUNT,
    format_decimal,
)

if TYPE_CHECKING:
    from infold.shell.chain import Venue

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
    show_command("wind-down status", standing(there, now_ms), as_json, "wind-down", of_winding)


@commands.command()
@on_chain
def start(
    caller: Caller,
    as_json: Json = False,
) -> None:
    """Stop the venue for good, a week after its last batch. Any key that pays gas may."""
    party = caller.party()
    until_ms = int(named(party.send("Recovery", "wind_down"), "WoundDown")["until_ms"])
    show_command("wind-down start", {"register_until_ms": until_ms}, as_json, "venue stopped")


@commands.command("register")
@on_chain
def register_debts(
    caller: Caller,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Look at every account and tell what it owes: an untold debt is paid by who claims last."""
    party = caller.party()
    there = party.venue
    found: list[dict[str, Any]] = []
    with progress(quiet) as steps:
        for account in everybody(there):
            if int(there["Recovery"].call("final_equity", account)) >= 0:
                continue
            told = named(party.send("Recovery", "register", account), "DebtRegistered")
            debt_e6 = int(told["debt_e6"])
            steps.say(f"account {account} owes {format_decimal(debt_e6, AMOUNT_DECIMALS)}")
            found.append({"account": account, "debt_e6": str(debt_e6)})
    show_command("wind-down register", {"registered": found}, as_json, "debts told")


@commands.command()
@on_chain
def claim(
    caller: Caller,
    account: Account,
    as_json: Json = False,
) -> None:
    """Pay an account's owner its part, a week after the stop; of account 0, set it aside for shares
    (`leave`). Any key that pays gas may. What the vault does not let out at once is a ticket.
    """
    logs = caller.party().send("Recovery", "claim", account)
    claimed = named(logs, "ClaimPaid")
    document = {
        "account": account,
        "equity_e6": str(claimed["equity_e6"]),
        "part_e6": str(claimed["paid_e6"]),
        **paid(logs).document(),
    }
    show_command("wind-down claim", document, as_json, "part claimed", of_payment)


@commands.command()
@on_chain
def leave(
    caller: Caller,
    as_json: Json = False,
) -> None:
    """Give all of the key's pool shares back for their part of what the pool was left with."""
    party = caller.party()
    shares = int(party.venue["Pool"].call("balanceOf", party.holder))
    if not shares:
        raise Misconfigured(
            f"{party.holder} holds no pool shares; sign with the key that does, or collect what a"
            " struck epoch made first, by `infold lp claim`"
        )
    logs = party.send("Pool", "leave", shares, party.holder, party.holder)
    document = {
        "shares_e12": str(shares),
        "part_e6": str(named(logs, "Withdraw")["assets"]),
        **paid(logs).document(),
    }
    show_command("wind-down leave", document, as_json, "shares given back", of_payment)


def everybody(there: Venue) -> list[int]:
    """Accounts that may owe: the pool, the backstop and every trader."""
    count = int(there["Clearing"].call("account_count"))
    return [POOL_ACCOUNT, BACKSTOP_ACCOUNT, *range(FIRST_TRADER, count)]


def standing(there: Venue, now_ms: int) -> dict[str, Any]:
    """Where the wind-down of a venue is, at a time: `running`, `silent` (it may be stopped),
    `registering` or `paying`. But for the debts told, amounts are 0 until the first claim fixes
    them.
    """
    from infold.words import unpack_head

    recovery, head = there["Recovery"], unpack_head(int(there["Clearing"].call("head")))
    wound_ms = int(recovery.call("wound_ms"))
    if not wound_ms:
        from_ms = silent_after_ms(head)
        state = "silent" if now_ms > from_ms else "running"
        return {"state": state, "now_ms": now_ms, "start_after_ms": from_ms}
    until_ms = wound_ms + REGISTRATION_MS
    amounts = {
        name: str(recovery.call(name))
        for name in ("deficit_e6", "payable_e6", "claims_e6", "unpaid_e6")
    }
    state = "registering" if now_ms <= until_ms else "paying"
    return {"state": state, "now_ms": now_ms, "register_until_ms": until_ms, **amounts}
